"""The globals `ARGS` and `arg`: what stands after `--` on the command line, as values, so no line shifts.

`--name value`, `--name=value` and `--flag` (the text "true") are keys of `ARGS`; other words are numbered from 1,
under integer and string keys, and the script's file name is 0. `arg` is stock Lua's: every word in order.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import to_lua_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.runtime import LuaTable


def set_arguments(bridge: Bridge, script: str, words: Sequence[str]) -> None:
    """Set both globals for the run that begins."""
    named, classic = tables(bridge, script, words)
    bridge.put("ARGS", named)
    bridge.put("arg", classic)


def tables(bridge: Bridge, script: str, words: Sequence[str]) -> tuple[LuaTable, LuaTable]:
    """Return the values of both globals."""
    values: dict[str | int, str] = {"0": to_lua_text(script), 0: to_lua_text(script)}
    for key, value in parse(words).items():
        values[to_lua_text(key)] = to_lua_text(value)
        if key.isdecimal():
            values[int(key)] = to_lua_text(value)
    classic = {0: to_lua_text(script)} | {index: to_lua_text(word) for index, word in enumerate(words, 1)}
    table_from = bridge.prelude.runtime.table_from
    return table_from(values), table_from(classic)


def parse(words: Sequence[str]) -> dict[str, str]:
    """Return the arguments by name or number (as text, from "1")."""
    values: dict[str, str] = {}
    position = 0
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("--") or word == "--":
            position += 1
            values[str(position)] = word
            continue
        name, equals, value = word[2:].partition("=")
        if equals:
            values[name] = value
        elif index < len(words) and not words[index].startswith("--"):
            values[name] = words[index]
            index += 1
        else:
            values[name] = "true"
    return values
