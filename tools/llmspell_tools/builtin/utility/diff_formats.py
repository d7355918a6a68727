r"""An edit script as text: unified and context as POSIX `diff` writes them, inline and simple for people.

unified and context have three lines of context, and the marker `\ No newline at end of file`, so that `patch` applies
them; inline is the whole text with `- `, `+ ` or two spaces before each line, simple only the lines that differ.
Each gives pieces of one line or more, to be joined by newlines; a stretch of lines is one piece, which is fast.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from llmspell_tools.builtin.utility.line_diff import Edit

    #: Without newlines at their ends; with some inside.
    Pieces: TypeAlias = Iterator[str]

CONTEXT_LINES = 3
_NO_NEWLINE = "\\ No newline at end of file"


class Sides:
    """Both texts as lines without their newlines.

    Args:
        old: A text.
        new: Another.
    """

    __slots__ = ("new", "old", "open_new", "open_old")

    def __init__(self, old: str, new: str) -> None:
        self.old, self.open_old = _lines(old)
        self.new, self.open_new = _lines(new)

    def keys(self) -> tuple[list[str], list[str]]:
        """Return the lines to compare: a last line without a newline is not the same as one with it."""
        return _marked(self.old, self.open_old), _marked(self.new, self.open_new)


def unified(sides: Sides, edits: Sequence[Edit], old_name: str, new_name: str) -> Pieces:
    """Yield a unified diff; nothing where nothing differs."""
    if edits:
        yield f"--- {old_name}"
        yield f"+++ {new_name}"
    for group, (i1, i2, j1, j2) in _hunks(edits, sides):
        yield f"@@ -{_unified_range(i1, i2)} +{_unified_range(j1, j2)} @@"
        at = i1
        for o1, o2, n1, n2 in group:
            yield from _side(" ", sides.old, at, o1, sides.open_old)
            yield from _side("-", sides.old, o1, o2, sides.open_old)
            yield from _side("+", sides.new, n1, n2, sides.open_new)
            at = o2
        yield from _side(" ", sides.old, at, i2, sides.open_old)


def context(sides: Sides, edits: Sequence[Edit], old_name: str, new_name: str) -> Pieces:
    """Yield a context diff; nothing where nothing differs."""
    if edits:
        yield f"*** {old_name}"
        yield f"--- {new_name}"
    for group, (i1, i2, j1, j2) in _hunks(edits, sides):
        yield "***************"
        yield f"*** {_context_range(i1, i2)} ****"
        if any(o1 < o2 for o1, o2, _, _ in group):
            yield from _context_side("- ", sides.old, i1, i2, [(o1, o2, n1 < n2) for o1, o2, n1, n2 in group],
                                     sides.open_old)  # fmt: skip
        yield f"--- {_context_range(j1, j2)} ----"
        if any(n1 < n2 for _, _, n1, n2 in group):
            yield from _context_side("+ ", sides.new, j1, j2, [(n1, n2, o1 < o2) for o1, o2, n1, n2 in group],
                                     sides.open_new)  # fmt: skip


def inline(sides: Sides, edits: Sequence[Edit], _: str, __: str) -> Pieces:
    """Yield every line of both texts, each once, with a mark of two characters."""
    at = 0
    for o1, o2, n1, n2 in edits:
        yield from _side("  ", sides.old, at, o1, False)
        yield from _side("- ", sides.old, o1, o2, False)
        yield from _side("+ ", sides.new, n1, n2, False)
        at = o2
    yield from _side("  ", sides.old, at, len(sides.old), False)


def simple(sides: Sides, edits: Sequence[Edit], _: str, __: str) -> Pieces:
    """Yield only the lines that differ."""
    for o1, o2, n1, n2 in edits:
        yield from _side("- ", sides.old, o1, o2, False)
        yield from _side("+ ", sides.new, n1, n2, False)


FORMATS: dict[str, Callable[[Sides, Sequence[Edit], str, str], Pieces]] = {
    "unified": unified,
    "context": context,
    "inline": inline,
    "simple": simple,
}


def _lines(text: str) -> tuple[list[str], bool]:
    """Return the lines, and whether the last one has no newline."""
    lines = text.split("\n")
    is_open = lines[-1] != ""
    if not is_open:
        del lines[-1]
    return lines, is_open


def _marked(lines: list[str], is_open: bool) -> list[str]:
    return [*lines[:-1], lines[-1] + "\n"] if is_open else lines


def _hunks(edits: Sequence[Edit], sides: Sides) -> Iterator[tuple[list[Edit], Edit]]:
    """Yield edits that share context, with the old and new lines of the hunk that they make."""
    group: list[Edit] = []
    for edit in edits:
        if group and edit[0] - group[-1][1] > 2 * CONTEXT_LINES:
            yield group, _extent(group, sides)
            group = []
        group.append(edit)
    if group:
        yield group, _extent(group, sides)


def _extent(group: list[Edit], sides: Sides) -> Edit:
    before = min(CONTEXT_LINES, group[0][0], group[0][2])
    after = min(CONTEXT_LINES, len(sides.old) - group[-1][1], len(sides.new) - group[-1][3])
    return group[0][0] - before, group[-1][1] + after, group[0][2] - before, group[-1][3] + after


def _side(mark: str, lines: list[str], start: int, end: int, is_open: bool) -> tuple[str, ...]:
    if start == end:
        return ()
    piece = mark + f"\n{mark}".join(lines[start:end])
    return (piece, _NO_NEWLINE) if is_open and end == len(lines) else (piece,)


def _context_side(
    mark: str, lines: list[str], start: int, end: int, changes: list[tuple[int, int, bool]], is_open: bool
) -> Pieces:
    """Yield one half of a context hunk; the flag of a change says that the other half has a part in it."""
    at = start
    for first, last, both in changes:
        yield from _side("  ", lines, at, first, is_open)
        yield from _side("! " if both else mark, lines, first, last, is_open)
        at = last
    yield from _side("  ", lines, at, end, is_open)


def _unified_range(start: int, end: int) -> str:
    count = end - start
    if count == 1:
        return str(start + 1)
    return f"{start + 1 if count else start},{count}"


def _context_range(start: int, end: int) -> str:
    if end - start <= 1:
        return str(end)
    return f"{start + 1},{end}"
