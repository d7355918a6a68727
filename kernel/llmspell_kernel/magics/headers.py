"""The first line of a cell that is no Lua: `%%name text`. Text in, parts out; it knows no magic."""

from __future__ import annotations

TYPE_CHECKING = False


class Header:
    """A cell whose first line that is not empty begins with two percent signs.

    Attributes:
        name: Behind them; "" where none is written yet.
        text: The rest of the line.
        start: Where the percent signs begin, in code points.
        end: Where the line ends, its line end left out.
        line: Its number, from 1.
        body: What follows the line.
    """

    __slots__ = ("body", "end", "line", "name", "start", "text")

    def __init__(self, code: str, start: int) -> None:
        end = code.find("\n", start)
        self.start = start
        self.end = len(code) if end < 0 else end
        self.line = code.count("\n", 0, start) + 1
        written = code[start + 2 : self.end]
        self.name = _word(written)
        self.text = written[len(self.name) :].strip()
        self.body = code[self.end + 1 :]

    def blank(self, code: str) -> str:
        """Return the code with the line made empty, every other character where it was."""
        return " " * self.start + " " * (self.end - self.start) + code[self.end :]

    def below(self, first: str = "") -> str:
        """Return the body with every line where it was, `first` standing for the header."""
        return "\n" * (self.line - 1) + first + "\n" + self.body


def header_of(code: str) -> Header | None:
    """Return the header of a cell, or None."""
    start = len(code) - len(code.lstrip())
    return Header(code, start) if code.startswith("%%", start) else None


def _word(text: str) -> str:
    """Return the letters, digits and underscores that a text begins with."""
    for index, letter in enumerate(text):
        if not (letter.isalnum() or letter == "_"):
            return text[:index]
    return text
