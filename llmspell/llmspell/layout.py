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


def paragraph(text: str, indent: int = 0) -> None:
    """Write a text, broken between words where stdout is a terminal that is too narrow for it."""
    limit = width()
    margin = " " * indent
    if limit is None or len(margin) + len(text) <= limit:
        line(margin + text)
        return
    row = ""
    for word in text.split():
        if row and len(margin) + len(row) + 1 + len(word) > limit:
            line(margin + row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    line(margin + row)


def columns(rows: list[tuple[str, ...]]) -> None:
    """Write rows as aligned columns, each line cut to the terminal where stdout is one."""
    if not rows:
        return
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    limit = width()
    for row in rows:
        cells = [cell.ljust(widths[index]) for index, cell in enumerate(row[:-1])]
        text = "  ".join([*cells, row[-1]]).rstrip()
        line(text if limit is None or len(text) <= limit else text[: max(limit - 3, 1)] + "...")
