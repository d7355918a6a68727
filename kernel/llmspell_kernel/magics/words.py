"""The words behind `%tool`, written as in a shell: blanks part them, quotes keep blanks, a backslash takes one sign.

What follows `:=` may be any JSON value as it stands, blanks and quotes included: `tags:=["a", "b c"]`. Pure text.
"""

from __future__ import annotations

import json
import re

from llmspell_tools.errors import InvalidParameters

_KEY = re.compile(r"[\w.-]+:=(?=[\[{\"])")
_PART = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^\s'\"\\]+", re.DOTALL)
_ESCAPED = re.compile(r"\\([\"\\$`])")
_BLANKS = re.compile(r"\s*")


def split(text: str) -> list[str]:
    """Return the words of a line.

    Raises:
        InvalidParameters: A quote is not closed, or the JSON behind `:=` does not parse.
    """
    words: list[str] = []
    position = _skip(text, 0)
    while position < len(text):
        word, position = _json_word(text, position) or _word(text, position)
        words.append(word)
        position = _skip(text, position)
    return words


def _skip(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _json_word(text: str, position: int) -> tuple[str, int] | None:
    key = _KEY.match(text, position)
    if key is None:
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, key.end())
    except ValueError as error:
        name = key.group().removesuffix(":=")
        raise InvalidParameters(f"the JSON value of '{name}' cannot be read: {error}", field=name) from None
    if end < len(text) and not text[end].isspace():
        raise InvalidParameters(f"'{text[end:][:20]}' follows the JSON value of '{key.group()}' without a blank")
    return text[position:end], end


def _word(text: str, position: int) -> tuple[str, int]:
    parts: list[str] = []
    while position < len(text) and not text[position].isspace():
        found = _PART.match(text, position)
        if found is None:
            raise InvalidParameters(f"a quote is not closed: {text[position:][:40]}")
        part = found.group()
        if part[0] == "'":
            part = part[1:-1]
        elif part[0] == '"':
            part = _ESCAPED.sub(r"\1", part[1:-1])
        elif part[0] == "\\":
            part = part[1:]
        parts.append(part)
        position = found.end()
    return "".join(parts), position
