"""The globals of scripts: one module each, with an `install(bridge)`; their Lua halves are in `prelude/`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua.bridge import Bridge

_PATTERNS = (
    "arguments",
    "pattern_class",
    "pattern_parse",
    "pattern_cost",
    "pattern_matcher",
    "pattern_replace",
    "patterns",
    "pretty",
)


def install_globals(bridge: Bridge, exit_run: Callable[[int], None]) -> None:
    """Fill the environment of scripts."""
    from llmspell_kernel.lua import modules
    from llmspell_kernel.lua.globals import io, json, lazy, os, tool

    output = bridge.output
    bridge.load("print.lua", append=output.parts.append, flush=output.flush, error=output.error_text, exit=exit_run)
    for stem in _PATTERNS:
        bridge.prelude.load(stem + ".lua")
    bridge.extend("string", bridge.prelude.native["patterns"])
    bridge.extend("string", bridge.prelude.load("strings.lua"))
    for library in (io, os, modules, json, lazy):
        library.install(bridge)
    tool.install(bridge)
