"""Text laid out for a terminal: columns and paragraphs, as wide as stdout is; unchanged where it is no terminal."""

from __future__ import annotations

import os

from llmspell.output import line


def width() -> int | None:
    """Return the columns of the terminal that stdout is, or None where nothing needs cutting."""
    try:
        columns = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(1).columns or None
    except OSError:
        return None


def _is_terminal() -> bool:
    try:
        return os.isatty(1)
    except OSError:
        return False


def paragraph(text: str, indent: int = 0, *, hang: int | None = None) -> None:
    """Write a text, broken between words where stdout is a terminal that is too narrow for it.

    Args:
        text: One paragraph; runs of spaces in its first row are kept.
        indent: Spaces before the first row.
        hang: Spaces before the others; as many as `indent` where it is None.
    """
    limit = width()
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
    """Write rows as aligned columns, each line cut to the terminal where stdout is one."""
    if not rows:
        return
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    limit = width() if _is_terminal() else None  # what goes on to another program is never cut
    for row in rows:
        cells = [cell.ljust(widths[index]) for index, cell in enumerate(row[:-1])]
        text = "  ".join([*cells, row[-1]]).rstrip()
        line(text if limit is None or len(text) <= limit else text[: max(limit - 3, 1)] + "...")
