"""The globals `display`, `comm` and `widgets`: loaded, both halves, when a script first calls one of their functions.

So is `_ENV["%"]`, which cells with magics call: it is there once one has run.

The Lua half is `prelude/lazy.lua`; what the chunks need of Python is made here, by the module of that name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge


def install(bridge: Bridge) -> None:
    """Give scripts the three tables."""

    def library(name: str) -> tuple[Any, ...]:
        host = {member: bridge.guard(function) for member, function in _callables(bridge, name).items()}
        return bridge.prelude.lazy(name + ".lua", host)

    bridge.put_magics = bridge.load("lazy.lua", library=library)


def _callables(bridge: Bridge, name: str) -> dict[str, Callable[..., Any]]:
    """Return what `prelude/<name>.lua` calls; the modules are imported here, when a script needs them."""
    if name in {"display", "rich"}:
        from llmspell_kernel.lua.globals.display import Displays

        displays = Displays(bridge)
        return {"result": displays.result} if name == "rich" else displays.callables()
    if name == "comm":
        from llmspell_kernel.lua.globals.comm import callables

        return callables(bridge)
    if name == "magic":
        from llmspell_kernel.lua.globals.magic import callables as magic_callables

        return magic_callables(bridge)
    return {"did_you_mean": _did_you_mean} if name == "widgets" else {}


def _did_you_mean(name: str, candidates: str) -> str:
    """Return the end of a message that names the candidate (they are joined by spaces) nearest to a wrong name."""
    from llmspell_kernel.lua.convert import human_text, to_lua_text
    from llmspell_tools.nearest import did_you_mean

    known = candidates.split(" ")
    return "" if name in known else to_lua_text(did_you_mean(human_text(name), known))
