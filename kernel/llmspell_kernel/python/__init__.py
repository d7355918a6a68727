"""Python cells (`%%python`) by IPython, in the kernel's own process; loaded when the first one runs.

`cells` is what the kernel knows (it imports no IPython) → `shell` (IPython's own InteractiveShell, with our streams,
displays and questions) → `lua_names` (Lua's globals in Python) → `plain` (Python's values as JSON).
"""
