"""One function per message type: a request in, the reply's content out. `kernel` puts them into the table.

They know the engine and the registry; no socket, no signature and no busy or idle.
"""
