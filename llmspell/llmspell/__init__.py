"""One set of tools behind a shell, a Lua Jupyter kernel, a debugger and this Python API; see `llmspell.api`.

The names are looked up when first used, so that `import llmspell` and the command line's lean path load nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.api import ainvoke, invoke, registry, tool, tools
    from llmspell_tools.version import __version__

__all__ = ["__version__", "ainvoke", "invoke", "registry", "tool", "tools"]


if not TYPE_CHECKING:  # a checker that saw it would take any name for one of ours

    def __getattr__(name):
        if name == "__version__":
            from llmspell_tools.version import __version__ as version  # see the module's docstring

            return version
        if name in __all__:
            from llmspell import api

            return getattr(api, name)
        if name in {"load_ipython_extension", "unload_ipython_extension"}:  # `%load_ext llmspell`
            from llmspell.ipython import extension

            return getattr(extension, name)
        raise AttributeError(f"module 'llmspell' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
