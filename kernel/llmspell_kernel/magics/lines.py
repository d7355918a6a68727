"""The lines of a Lua cell that are magics: `%name text`, or `x = %name text`.

No statement of Lua begins with a percent sign, and no expression does. So `%` with a letter behind it is a magic where
a statement may begin and stands first in its line, or where an expression must begin: behind `=` and `return`. Inside
of strings, comments and brackets it is none; an expression goes on in the next line with `% name`, with a blank. A
line that ends in a backslash goes on in the next. Pure text; it knows no magic's name.
"""

from __future__ import annotations

import re

from llmspell_kernel.lua.lexing import scan
from llmspell_kernel.lua.lexing_scope import BRACKETS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.lexing import Token

#: Where a magic might be; a quick look before the careful one.
_PERHAPS = re.compile(r"^[ \t]*%%?[^\W\d]|(?:=|\breturn\b)\s*%[^\W\d]", re.MULTILINE)
_NAME = re.compile(r"%?[^\W\d]\w*")
_BLOCK_OPENS = frozenset({"function", "if", "do", "repeat"})
_BLOCK_CLOSES = frozenset({"end", "until"})
_BRACKET_CLOSES = frozenset({")", "]", "}"})
#: Behind these an expression must follow; behind any other token a statement may begin.
_WANTS_VALUE = frozenset({"=", "return"})
_OPERATORS = frozenset(
    {
        "+", "-", "*", "/", "%", "^", "#", "&", "~", "|", "<<", ">>", "//", "==", "~=", "<=", ">=", "<", ">", "..", ",",
        ".", ":", "and", "or", "not", "in", "local", "function", "goto", "if", "while", "until", "elseif", "for",
    }
)  # fmt: skip


class MagicLine:
    """One magic among Lua.

    Attributes:
        name: Without its percent sign; with one in front where it was written with two.
        text: What follows the name.
        start: Where the percent sign stands, in code points.
        end: Where the line ends, its line end left out.
        line: Number of its line, from 1.
        is_value: Whether something is done with what it gives: `x = %name`.
        is_last: Whether nothing follows it.
    """

    __slots__ = ("end", "is_last", "is_value", "line", "name", "start", "text")

    def __init__(self, code: str, start: int, *, is_value: bool) -> None:
        self.start = start
        self.end = _end_of_line(code, start)
        found = _NAME.match(code, start + 1)
        self.name = found.group() if found else ""
        self.text = code[start + 1 + len(self.name) : self.end].replace("\\\n", " ").strip()
        self.line = code.count("\n", 0, start) + 1
        self.is_value = is_value
        self.is_last = False


def may_have_magics(code: str) -> bool:
    """Tell, quickly, whether `find_magics` may find any."""
    return _PERHAPS.search(code) is not None


def find_magics(code: str) -> list[MagicLine]:
    """Return the magics of a Lua cell in their order."""
    found: list[MagicLine] = []
    blocks: list[str] = []
    position: int | None = 0
    while position is not None:
        position = _next(code, position, blocks, found)
    return found


def _next(code: str, position: int, blocks: list[str], found: list[MagicLine]) -> int | None:
    """Look for one more magic; return where to go on behind it, None where there is no more."""
    before: Token | None = None
    for token in scan(code, position):
        if token.kind == "comment":
            continue
        if token.text == "%" and (magic := _magic_at(code, token.start, before, blocks)) is not None:
            found.append(magic)
            return magic.end
        _follow(token, blocks)
        before = token
    if found and before is None:
        found[-1].is_last = not blocks
    return None


def _magic_at(code: str, start: int, before: Token | None, blocks: list[str]) -> MagicLine | None:
    if blocks and blocks[-1] in BRACKETS:
        return None
    if _NAME.match(code, start + 1) is None:
        return None
    if before is not None and before.text in _WANTS_VALUE:
        return MagicLine(code, start, is_value=True)
    line_start = code.rfind("\n", 0, start) + 1
    if code[line_start:start].strip() or (before is not None and before.text in _OPERATORS):
        return None
    return MagicLine(code, start, is_value=False)


def _follow(token: Token, blocks: list[str]) -> None:
    """Keep track of the blocks and brackets that are open."""
    text = token.text
    if (token.kind == "keyword" and text in _BLOCK_OPENS) or (token.kind == "mark" and text in BRACKETS):
        blocks.append(text)
    elif blocks and (
        (token.kind == "mark" and text in _BRACKET_CLOSES)
        or (token.kind == "keyword" and text in _BLOCK_CLOSES and blocks[-1] not in BRACKETS)
    ):
        blocks.pop()


def _end_of_line(code: str, start: int) -> int:
    end = code.find("\n", start)
    while end > 0 and code[end - 1] == "\\":
        end = code.find("\n", end + 1)
    return len(code) if end < 0 else end
