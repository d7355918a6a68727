"""What the globals of scripts are, for editors: LuaLS annotations, by hand, one file a subject in `types/`.

A global that is new, or a new function of one, is described there; a test compares the files with what an engine has.
What a mistyped call may have meant is looked up in them as well. Knows no tool: `llmspell lua-types` adds those.
Source: LuaLS, "Annotations" (https://luals.github.io/wiki/annotations/).
"""

from __future__ import annotations

import os
import re

from llmspell_tools.nearest import did_you_mean

_META = "---@meta\n"
#: Functions whose types `llmspell lua-types` writes, from the tools.
_OF_TOOLS = {"Tool": ["execute", "get", "invoke"]}


def read() -> str:
    """Return the annotations of all globals as one text, without a ``---@meta`` line."""
    folder = f"{os.path.dirname(__file__)}/types"
    texts: list[str] = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".lua"):
            with open(f"{folder}/{name}", encoding="utf-8") as file:
                texts.append(file.read().removeprefix(_META))
    return "\n".join(texts)


def meant(message: str, source: str) -> str:
    """Return ``; did you mean 'display.table'?`` for a call of a function that a global does not have, or nothing.

    Args:
        message: Lua's error text.
        source: The line that it is about; the global's name stands only there.
    """
    called = re.search(r"attempt to call a nil value \((?:field|method) '(\w+)'\)$", message)
    owner = re.search(rf"(?<![\w.:])([A-Za-z_]\w*)\s*[.:]\s*{called.group(1)}\b", source) if called else None
    if called is None or owner is None:
        return ""
    name = owner.group(1)
    block = re.search(rf"((?:^---.*\n)+){name} = \{{\}}$", read(), re.MULTILINE)
    if block is None:
        return ""
    functions = re.findall(r"^---@field (\w+) fun\(", block.group(1), re.MULTILINE) + _OF_TOOLS.get(name, [])
    return did_you_mean(called.group(1), functions).replace("mean '", f"mean '{name}.")
