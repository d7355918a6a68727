"""The part of file-search that runs in an isolated child: regular expressions that callers wrote.

Each file is searched line by line; positions come back in bytes, since the parent holds the bytes.
"""

from __future__ import annotations

import re

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonValue


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Search files that lie one after the other in ``data``.

    Args:
        args: ``{pattern, case_sensitive, most, sizes}``: at most ``most`` hits in each, sizes in bytes.
        data: Their contents.

    Returns:
        For each file its hits, ``[start, end]`` in bytes.
    """
    expression = compiled(args["pattern"], ignore_case=not args["case_sensitive"])
    found: list[JsonValue] = []
    at = 0
    for size in args["sizes"]:
        spans = spans_in(expression, data[at : at + size], args["most"])
        found.append([[start, end] for start, end in spans])
        at += size
    return found, b""


def compiled(pattern: str, *, ignore_case: bool, literal: bool = False) -> re.Pattern[str]:
    """Return the compiled expression.

    Raises:
        InvalidParameters: It is none.
    """
    try:
        return re.compile(re.escape(pattern) if literal else pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidParameters(
            f"parameter 'pattern' is no regular expression: {error or 'it is nested too deeply'}", field="pattern"
        ) from None


def spans_in(expression: re.Pattern[str], content: bytes, most: int) -> list[tuple[int, int]]:
    """Return the hits in one file as byte positions; empty ones only in lines that have no other."""
    spans: list[tuple[int, int]] = []
    start = 0
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    if not lines[-1]:
        lines.pop()  # after the last line's end there is no line
    for line in lines:
        for begin, end in _in_line(expression, line.removesuffix("\r")):
            spans.append((start + _width(line[:begin]), start + _width(line[:end])))
            if len(spans) >= most:
                return spans
        start += _width(line) + 1
    return spans


def _in_line(expression: re.Pattern[str], line: str) -> list[tuple[int, int]]:
    first = expression.search(line)
    if first is None:
        return []
    found = [match.span() for match in expression.finditer(line) if match.end() > match.start()]
    return found or [first.span()]


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
