"""Notebooks as batch jobs: parameters as Lua, one run by papermill, what it prints and how it ends.

`lua_literals` is pure; `translator` and `engine` are papermill's view of this room, usable from its own command line
and library; `execution` is what `llmspell notebook run` does. papermill, nbclient and jupyter_client are imported only
here, and only when a notebook runs.
"""
