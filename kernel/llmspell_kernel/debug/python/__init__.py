"""Python beneath the scripts: tools are stopped, looked at and stepped through by debugpy, in the same session.

`debuggee.py` makes one program of both languages, `half.py` is Python's part of it, `tracer.py` is debugpy in this
process. Nothing here imports debugpy before a breakpoint in a Python file, an exception filter of Python or a step into
a tool asks for it.
"""
