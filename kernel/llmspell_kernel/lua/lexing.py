"""Lua text to tokens, whatever state the text is in: for completion, inspection and indentation.

It never fails: what is no Lua becomes a token of kind "other", and a string or comment without an end reaches to where
Lua would stop looking for it. It knows words, not grammar (`lexing_scope.py`), and no Lua runtime. Positions count
characters. Source: Lua 5.4 reference manual, 3.1.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

KEYWORDS = frozenset(
    {
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    }
)  # fmt: skip

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<comment>--)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>0[xX](?:[pP][+-]?|[\w.])*|\.?\d(?:[eE][+-]|[\w.])*)"
    r"|(?P<long>\[=*\[)"
    r"|(?P<quote>[\"'])"
    r"|(?P<mark>\.\.\.|\.\.|==|~=|<=|>=|<<|>>|//|::|[-+*/%^#&~|<>=(){}\[\];:,.])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LONG = re.compile(r"\[(=*)\[")
#: What a quoted string is made of; `\z` skips line ends, a backslash before one keeps it.
_QUOTED = {
    quote: re.compile(r"(?:\\z\s*|\\\r\n|\\.|[^\\\n" + quote + r"])*", re.DOTALL)
    for quote in ("'", '"')
}  # fmt: skip
_LINE = re.compile(r"[^\n]*")


class Token:
    """One token.

    Attributes:
        kind: name, keyword, number, string, comment, mark or other.
        text: As it stands in the code.
        start: Position of its first character.
        end: Position behind its last one.
        is_open: It is a string or comment whose end is missing.
    """

    __slots__ = ("end", "is_open", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int, is_open: bool = False) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end
        self.is_open = is_open

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text!r}>"

    @property
    def content_start(self) -> int:
        """Where the content of a string begins."""
        if self.text[:1] == "[":
            return self.start + self.text.index("[", 1) + 1
        return self.start + 1

    @property
    def content(self) -> str:
        """The characters of a string between its quotes, escapes as they are written."""
        opening = self.content_start - self.start
        return self.text[opening:] if self.is_open else self.text[opening:-opening]


def tokens_of(code: str) -> list[Token]:
    """Return the tokens of a text, comments included."""
    return list(scan(code))


def scan(code: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens from a place on, which must be outside of any string and comment."""
    position, size = start, len(code)
    match_at = _TOKEN.match
    while position < size:
        found = match_at(code, position)
        assert found is not None  # the last alternative takes anything
        kind, end = found.lastgroup, found.end()
        if kind == "space":
            position = end
            continue
        is_open = False
        if kind == "name":
            text = found.group()
            kind = "keyword" if text in KEYWORDS else "name"
        elif kind == "quote":
            kind, (end, is_open) = "string", _quoted_end(code, position)
        elif kind == "long":
            kind, (end, is_open) = "string", _long_end(code, position)
        elif kind == "comment":
            end, is_open = _comment_end(code, end)
        yield Token(str(kind), code[position:end], position, end, is_open)
        position = end


def is_name(text: str) -> bool:
    """Tell whether text can stand as a name in Lua."""
    return text.isascii() and text.isidentifier() and text not in KEYWORDS


def _quoted_end(code: str, start: int) -> tuple[int, bool]:
    quote = code[start]
    found = _QUOTED[quote].match(code, start + 1)
    end = found.end() if found else start + 1
    if code[end : end + 1] == quote:
        return end + 1, False
    return min(end + (code[end : end + 1] == "\\"), len(code)), True


def _long_end(code: str, start: int) -> tuple[int, bool]:
    found = _LONG.match(code, start)
    assert found is not None
    closing = "]" + found.group(1) + "]"
    end = code.find(closing, found.end())
    return (len(code), True) if end < 0 else (end + len(closing), False)


def _comment_end(code: str, behind_dashes: int) -> tuple[int, bool]:
    if _LONG.match(code, behind_dashes):
        return _long_end(code, behind_dashes)
    found = _LINE.match(code, behind_dashes)
    end = found.end() if found else len(code)
    return end, end == len(code)
