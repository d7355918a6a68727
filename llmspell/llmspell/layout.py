"""Text laid out for a terminal: columns and paragraphs, as wide as stdout is; unchanged where it is no terminal."""

from __future__ import annotations

from llmspell.output import line
from llmspell.terminal import is_terminal
from llmspell.terminal import width as terminal_width
from llmspell_tools.cells import cut, harmless, pad, width

#: Columns of the terminal that a sentence is read in.
_READABLE = 24


def paragraph(text: str, indent: int = 0, *, hang: int | None = None) -> None:
    """Write a text, broken between words where stdout is a terminal that is too narrow for it.

    Args:
        text: One paragraph; runs of spaces in its first row are kept.
        indent: Spaces before the first row.
        hang: Spaces before the others; as many as `indent` where it is None.
    """
    limit = terminal_width()
    row = " " * indent + text
    margin = " " * (indent if hang is None else hang)
    while limit is not None and len(row) > limit:
        start = len(row) - len(row.lstrip(" "))
        cut = row.rfind(" ", max(start, len(margin)) + 1, limit + 1)
        if cut < 0:
            cut = row.find(" ", limit)  # a word wider than the terminal stays whole: it may be a path to copy
        if cut < 0:
            break
        line(row[:cut].rstrip())
        row = margin + row[cut:].lstrip()
    line(row)


def columns(rows: list[tuple[str, ...]]) -> None:
    """Write rows as aligned columns, each line cut to the terminal where stdout is one.

    Where that would leave next to nothing of the last column, its cells stand below the others and none is cut.
    """
    if not rows:
        return
    limit = terminal_width() if is_terminal() else None  # what goes on to another program is never cut
    if limit is not None:
        rows = [tuple(map(harmless, row)) for row in rows]
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    room = None if limit is None else limit - sum(widths) - 2 * len(widths)
    if room is not None and room < min(_READABLE, max(width(row[-1]) for row in rows)):
        _stack(rows)
        return
    for row in rows:
        cells = [pad(cell, widths[index]) for index, cell in enumerate(row[:-1])]
        text = "  ".join([*cells, row[-1]]).rstrip()
        line(text if limit is None else cut(text, max(limit, 4), "..."))


def _stack(rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        paragraph("  ".join(cell for cell in row[:-1] if cell), hang=2)
        if row[-1]:
            paragraph(row[-1], 2)
