"""What the globals of scripts are, for editors: LuaLS annotations, by hand, one file a subject in `types/`.

A global that is new, or a new function of one, is described there; a test compares the files with what an engine has.
Knows no tool: `llmspell lua-types` adds those.
Source: LuaLS, "Annotations" (https://luals.github.io/wiki/annotations/).
"""

from __future__ import annotations

import os

_META = "---@meta\n"


def read() -> str:
    """Return the annotations of all globals as one text, without a ``---@meta`` line."""
    folder = f"{os.path.dirname(__file__)}/types"
    texts: list[str] = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".lua"):
            with open(f"{folder}/{name}", encoding="utf-8") as file:
                texts.append(file.read().removeprefix(_META))
    return "\n".join(texts)
