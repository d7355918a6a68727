"""Whether a cell is finished, and how far its next line is indented.

Lua's own compiler decides: text that it takes is complete; text at whose end it wants more is incomplete; the rest is
wrong, and no further line would help. The indent comes from the tokens: one step below the line that opened what is
innermost at the end, in the steps that the code itself uses. Nothing is run. Source: Jupyter messaging 5.5, "Code
completeness".
"""

from __future__ import annotations

from llmspell_kernel.lua.lexing import Token, tokens_of
from llmspell_tools.errors import LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.lua.loader import Loader

_STEP = "  "
_EXPRESSION = "return "
#: Lines from the end in which an unfinished last expression is looked for.
_MAX_LINES = 30
_OPENS = frozenset({"function", "then", "do", "repeat", "else", "(", "{", "["})
_CLOSES = frozenset({"end", "until", "elseif", "else", ")", "}", "]"})


def judge(loader: Loader, code: str) -> tuple[str, str]:
    """Return Jupyter's status of a cell (complete, incomplete, invalid) and the indent of its next line."""
    try:
        source = loader.prepare(code)
    except LimitExceeded:
        return "invalid", ""
    message = loader.problem(source, "=cell")
    if message is None:
        return "complete", ""
    tokens = tokens_of(code)
    wants_more = message.endswith("<eof>") or _wants_more_expression(loader, source)
    if wants_more and not _is_broken_string(message, tokens):
        return "incomplete", next_indent(code, tokens)
    return "invalid", ""


def guess(code: str) -> tuple[str, str]:
    """Return the status (incomplete, unknown) and the indent by the tokens alone, where no compiler answers."""
    tokens = tokens_of(code)
    last = tokens[-1] if tokens else None
    is_open = last is not None and last.is_open and (last.kind != "string" or last.text.startswith("["))
    return ("incomplete", next_indent(code, tokens)) if is_open or _open_tokens(tokens) else ("unknown", "")


def _wants_more_expression(loader: Loader, source: str) -> bool:
    """Tell whether the cell, or its last lines, are the beginning of an expression, which a cell may end with."""
    end = len(source)
    for _ in range(_MAX_LINES):
        start = source.rfind("\n", 0, end) + 1
        message = loader.problem(_EXPRESSION + source[start:], "=cell")
        if message is not None and message.endswith("<eof>") and loader.problem(source[:start], "=cell") is None:
            return True
        if start == 0:
            return False
        end = start - 1
    return False


def _is_broken_string(message: str, tokens: Sequence[Token]) -> bool:
    """Tell whether a quoted string has no end: it cannot go on in the next line, unless a backslash says so."""
    if "unfinished string" not in message:
        return False
    last = tokens[-1] if tokens else None
    if last is None or last.kind != "string" or not last.is_open:
        return True
    text = last.text.rstrip(" \t\r\n") if last.text.rstrip().endswith("\\z") else last.text.removesuffix("\n")
    return not (text.endswith("\\z") or _ends_in_backslash(text))


def _ends_in_backslash(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def next_indent(code: str, tokens: Sequence[Token]) -> str:
    """Return the blanks that the next line begins with; none inside of an unfinished string or comment."""
    last = tokens[-1] if tokens else None
    if last is not None and last.is_open and (last.kind == "string" or last.text.startswith(("--[[", "--[="))):
        return ""
    last_line = _line_of(code, len(code.rstrip()))
    opened = _open_tokens(tokens)
    if not opened or opened[-1].start >= last_line:
        return _indent_of(code, last_line) + _step(code)
    return _indent_of(code, _line_of(code, opened[-1].start)) + _step(code)


def _open_tokens(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens that opened what is still open, outermost first."""
    stack: list[Token] = []
    for token in tokens:
        if token.kind not in {"keyword", "mark"}:
            continue
        if token.text in _CLOSES and stack:
            stack.pop()
        if token.text in _OPENS:
            stack.append(token)
    return stack


def _step(code: str) -> str:
    """Return one step of indentation as the code has it: a tab, or the fewest blanks that a line begins with."""
    widths = []
    for line in code.splitlines():
        blanks = line[: len(line) - len(line.lstrip())]
        if blanks.startswith("\t"):
            return "\t"
        if blanks and line.strip():
            widths.append(len(blanks))
    return " " * min(widths) if widths and min(widths) in range(2, 9) else _STEP


def _line_of(code: str, position: int) -> int:
    """Return where the line of a position begins."""
    return code.rfind("\n", 0, position) + 1


def _indent_of(code: str, start: int) -> str:
    end = start
    while code[end : end + 1] in {" ", "\t"}:
        end += 1
    return code[start:end]
