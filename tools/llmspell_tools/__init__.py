"""Tools: what a tool is, the registry, the invocation chain and the built-in tools.

Knows nothing of Lua, Jupyter or the command line; those rooms stand above and call `ToolRegistry.invoke`.
Import names from the modules themselves (`llmspell_tools.registry`, ...): this package exports nothing, so that
importing one module never pays for another.
"""
