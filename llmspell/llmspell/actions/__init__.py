"""What each command does, without the command line: called with plain values by `launch` and by `cli` alike.

Every action takes the global `Options` first and returns an exit status. No module here imports click.
"""
