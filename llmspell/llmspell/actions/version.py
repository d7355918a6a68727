"""``version``: what is installed, and with ``--verbose`` of what it is made."""

from __future__ import annotations

import os
import sys

from llmspell import output
from llmspell_tools.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell_tools.types import JsonObject

#: What ``--verbose`` names; the distributions that a component stands on.
_COMPONENTS = {"cli": ("click",), "kernel": ("pyzmq",), "bridge": ("lupa",)}


def version(
    options: Options,
    *,
    verbose: bool = False,
    component: str | None = None,
    short: bool = False,
    client: bool = False,
    format: str | None = None,
) -> int:
    """Print the version; all components have the same."""
    style = options.format(format)
    if short:
        output.line(__version__) if style == "text" else output.json(__version__, style)
        return 0
    facts: JsonObject = {"version": __version__}
    if component is not None:
        facts["component"] = component
    if verbose and not client:
        facts.update(_details(component or "all"))
    if style != "text":
        output.json(facts, style)
        return 0
    output.line(f"llmspell {__version__}")
    for name, value in facts.items():
        if name not in {"version", "component"}:
            output.line(f"  {name}: {output.bare(value)}")
    return 0


def _details(component: str) -> JsonObject:
    from llmspell.installed import versions

    facts: JsonObject = {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "platform": _platform(),
        "executable": sys.executable,
    }
    present = versions()
    for name, distributions in _COMPONENTS.items():
        for distribution in distributions if component in {name, "all"} else ():
            facts[distribution] = present.get(distribution, "not installed")
    if component in {"bridge", "all"}:
        facts.update(lua_facts())
    return facts


def _platform() -> str:
    """Return `Linux x86_64`; `platform` says the same and costs two bare interpreters."""
    if not hasattr(os, "uname"):
        return sys.platform
    system = os.uname()
    return f"{system.sysname} {system.machine}"


def lua_facts() -> JsonObject:
    """Return Lua's version and how this engine interrupts a script that does not stop by itself."""
    from llmspell_kernel.lua import LuaEngine  # imports lupa
    from llmspell_kernel.lua.runtime import LUA_VERSION
    from llmspell_tools.registry import ToolRegistry

    engine = LuaEngine(ToolRegistry(), write=lambda _stream, _text: None)
    try:
        return {"lua": LUA_VERSION, "interrupt": engine.interrupt_mode}
    finally:
        engine.close()
