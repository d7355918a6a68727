"""What a client may ask about the text of a cell: how it goes on, what stands there, whether it is finished.

`Language` is the seam: the Lua engine is one, and whatever gives cells another meaning (magics) stands before it and
answers None for what is not its own. Values only; it knows no Lua and no message.
"""

from __future__ import annotations

from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Match:
    """One way to go on.

    Attributes:
        text: What replaces the text from the completion's start to its end.
        kind: function, method, module, field, variable, keyword, tool, param, value, path, label or magic.
        signature: Parameters, a type, or "".
    """

    __slots__ = ("kind", "signature", "text")

    def __init__(self, text: str, kind: str, signature: str = "") -> None:
        self.text = text
        self.kind = kind
        self.signature = signature

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text}>"


class Completion:
    """The ways to go on at a place; `start` and `end` count code points from the cell's beginning."""

    __slots__ = ("end", "matches", "start")

    def __init__(self, matches: Sequence[Match], start: int, end: int) -> None:
        self.matches = matches
        self.start = start
        self.end = end


class Language(Protocol):
    """Something that understands cells; used on the main thread, runs nothing of a cell."""

    def complete(self, code: str, cursor: int) -> Completion | None:
        """Return the ways to go on at a place (in code points), or None where the text is not this language's."""
        ...

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str] | None:
        """Return a MIME bundle about what stands at a place, {} where there is nothing, None as in `complete`.

        Args:
            code: The cell.
            cursor: Place in code points.
            detail: 1 asks for the source as well.
        """
        ...

    def is_complete(self, code: str) -> tuple[str, str] | None:
        """Return Jupyter's status of a cell and the indent of its next line, None as in `complete`."""
        ...


class Languages:
    """Several languages as one: the first that does not answer None has the word.

    Args:
        languages: In the order in which they are asked; the last one takes any cell.
    """

    __slots__ = ("_languages",)

    def __init__(self, *languages: Language) -> None:
        self._languages = languages

    def complete(self, code: str, cursor: int) -> Completion | None:
        """Return the first answer; see `Language.complete`."""
        answers = (language.complete(code, cursor) for language in self._languages)
        return next((answer for answer in answers if answer is not None), None)

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str] | None:
        """Return the first answer; see `Language.inspect`."""
        answers = (language.inspect(code, cursor, detail) for language in self._languages)
        return next((answer for answer in answers if answer is not None), None)

    def is_complete(self, code: str) -> tuple[str, str] | None:
        """Return the first answer; see `Language.is_complete`."""
        answers = (language.is_complete(code) for language in self._languages)
        return next((answer for answer in answers if answer is not None), None)
