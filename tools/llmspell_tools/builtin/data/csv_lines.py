"""Where lines and rows of a CSV text end, and the words for what its reader finds wrong."""

from __future__ import annotations

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

#: Lines that a block is shortened by, at most, to end where a row ends.
_MOST_STEPS_BACK = 1_000
_PIECE_BYTES = 1 << 20


def end_of_rows(rest: bytes, more: bytes) -> int | None:
    """Return where in `more` the last row ends that is whole, with `rest` before it; None if no end is at hand.

    Nothing more is the end of the text. In a well-formed text a place is outside of quotes if the number of quotes
    before it is even.
    """
    end = more.rfind(b"\n") + 1
    is_odd = (rest.count(b'"') + more.count(b'"', 0, end)) & 1
    if not more:
        return None if is_odd or not rest else 0
    for _ in range(_MOST_STEPS_BACK):
        if not end:
            break
        if not is_odd:
            return end
        before = more.rfind(b"\n", 0, end - 1) + 1
        is_odd ^= more.count(b'"', before, end) & 1
        end = before
    return None


def lines_of(block: str) -> Iterable[str]:
    """Return the lines with their ends; the quick `splitlines` where nothing else that it splits at occurs."""
    if block.isascii() and not any(char in block for char in "\v\f\x1c\x1d\x1e"):
        return block.splitlines(keepends=True)
    return io.StringIO(block, newline="")


def in_words(error: str, max_line: int) -> str:
    """Say in our words what `_csv` found."""
    if "unexpected end of data" in error:
        return "a quote is never closed"
    if "field larger" in error:
        return f"a field of more than {max_line} characters; is a quote left open?"
    if "expected after" in error:
        return "text after a closing quote"
    return error


def breaks(text: str) -> int:
    """Count the line ends of a text."""
    returns = text.count("\r")
    return text.count("\n") + (returns - text.count("\r\n") if returns else 0)


def breaks_in(block: bytes) -> int:
    """Count the line ends of a text's bytes."""
    returns = block.count(b"\r")
    return block.count(b"\n") + (returns - block.count(b"\r\n") if returns else 0)


class LineCounter:
    """Counts the lines of a stream up to a place, when somebody asks: nobody does while nothing is wrong.

    Args:
        raw: Seekable; is left where it was.
        lines: How many lines are before the place where it stands.
    """

    __slots__ = ("_at", "_lines", "_raw")

    def __init__(self, raw: Any, lines: int) -> None:
        self._raw = raw
        self._at: int = raw.tell()
        self._lines = lines

    def before(self, place: int) -> int:
        """Return how many lines are before a place, where a line begins; no place before an earlier one."""
        here = self._raw.tell()
        self._raw.seek(self._at)
        while self._at < place:
            piece = self._raw.read(min(_PIECE_BYTES, place - self._at))
            if self._at + len(piece) < place:
                piece += self._raw.readline()
            if not piece:
                break
            self._lines += breaks_in(piece)
            self._at += len(piece)
        self._raw.seek(here)
        return self._lines


def first_bad_line(stream: TextIO, encoding: str) -> int:
    """Return which line of a file is not text, 0 if that is not known; the file is read again from its start."""
    if not isinstance(stream, io.TextIOWrapper) or "16" in encoding:
        return 0
    stream.buffer.seek(0)
    for number, line in enumerate(stream.buffer, 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            return number
    return 0


def line_breaks(row: list[str]) -> int:
    """Count the line ends within the fields of a row."""
    return sum(map(breaks, row))
