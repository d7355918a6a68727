"""What earlier cells leave behind that Lua itself forgets: the names of their top-level locals.

`local x = 1` ends with its cell, so the next cell reads a nil global. This module finds, when such an error has
happened, the newest earlier cell that had a local of that name. It reads text only, and only then.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>[^\s\w])",
    re.DOTALL,
)
_OPENS = frozenset({"do", "if", "function", "repeat"})
_CLOSES = frozenset({"end", "until"})
_GLOBAL = re.compile(r"\(global '([A-Za-z_]\w*)'\)")


def top_level_locals(code: str) -> set[str]:
    """Return the names that a chunk declares with `local` outside of any block."""
    names: set[str] = set()
    depth = 0
    tokens = [match.group("name") or match.group("mark") for match in _TOKEN.finditer(code)]
    words = [token for token in tokens if token]
    for index, word in enumerate(words):
        if word == "local" and depth == 0:
            names.update(_declared(words, index + 1))
        if word in _OPENS:
            depth += 1
        elif word in _CLOSES:
            depth -= 1
    return names


def _declared(words: list[str], index: int) -> list[str]:
    """Return the names after `local`: ``function f``, or ``a, b <const>, c = ...``."""
    if index < len(words) and words[index] == "function":
        return words[index + 1 : index + 2]
    names: list[str] = []
    while index < len(words) and words[index].isidentifier():
        names.append(words[index])
        index += 1
        if index + 2 < len(words) and words[index] == "<":
            index += 3
        if index >= len(words) or words[index] != ",":
            break
        index += 1
    return names


def hint(message: str, sources: Mapping[str, str], current: str) -> str | None:
    """Return what to add to an error about a nil global, or None.

    Args:
        message: Lua's error text.
        sources: Text of the chunks run so far, oldest first, by chunk name.
        current: Chunk name of the cell that failed.
    """
    found = _GLOBAL.search(message)
    if found is None or "nil value" not in message:
        return None
    return hint_for(found.group(1), sources, current)


def hint_for(name: str, sources: Mapping[str, str], current: str) -> str | None:
    """Return the same for a name."""
    for chunk_name in reversed(list(sources)):
        if chunk_name != current and chunk_name.startswith("=") and name in top_level_locals(sources[chunk_name]):
            return (
                f"'{name}' was a local in {chunk_name[1:]}, where it ended with the cell; "
                f"write '{name} = ...' without 'local' there to keep it"
            )
    return None
