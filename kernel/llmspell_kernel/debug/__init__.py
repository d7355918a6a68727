"""The debugger as clients see it: the Debug Adapter Protocol, over TCP, stdio or Jupyter. Imported when it is used.

- `framing`, `protocol`: bytes and messages, without I/O;
- `session`: one client's conversation; `requests/`: one function for each request;
- `debuggee`: what a session needs of the program it debugs; `lua_debuggee`: a Lua engine as one;
- `launcher`: programs that run on the adapter's main thread;
- `server`, `stdio`, `terminal`: transports.

Stops, steps and inspection themselves are in `llmspell_kernel.lua.debugger`.
"""
