"""The one place that prints: data to stdout, everything else to stderr.

Text, JSON and JSON lines are written from the same value. Knows no command and no click. On the lean path.
"""

from __future__ import annotations

import sys

from llmspell_tools.jsontext import dumps, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from llmspell.options import Options
    from llmspell_tools.errors import LlmspellError


def write(text: str, stream: TextIO | None = None) -> None:
    """Write text as it is to stdout (or `stream`), whatever the terminal's encoding can show."""
    target = sys.stdout if stream is None else stream
    if target is None:  # pyright: ignore[reportUnnecessaryComparison] # a closed descriptor: `llmspell ... >&-`
        raise OSError(9, "standard output is closed")
    try:
        target.write(text)
    except UnicodeEncodeError:
        # A lone surrogate, or a terminal that is not UTF-8: `\\udc80` is also JSON's own spelling of it.
        encoding = target.encoding or "ascii"
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))


def line(text: str = "") -> None:
    """Write one line of data to stdout; a text that ends in a newline gets no second one."""
    write(text if text.endswith("\n") else text + "\n")


def note(text: str) -> None:
    """Write one line for the person, not for the pipe, to stderr."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller: `2>&-`
        write(text + "\n", sys.stderr)


def json(value: object, format: str) -> None:
    """Write a value as JSON: one line for ``jsonl``, indented for ``json`` and ``pretty``."""
    line(dumps(value) if format == "jsonl" else dumps(value, indent=2))


def compact(value: object) -> str:
    """Return a value as JSON on one line."""
    return dumps(value)


def indented(value: object) -> str:
    """Return a value as JSON on indented lines."""
    return dumps(value, indent=2)


def bare(value: object) -> str:
    """Return a value as a shell wants it: strings without quotes, whole numbers without ``.0``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (dict, list)):
        return dumps(value)
    return "" if value is None else scalar(value)


def error(exc: LlmspellError, options: Options) -> None:
    """Write an error for a person: one line, and under ``--trace debug`` where it came from."""
    if options.shows_tracebacks:
        import traceback  # only where asked for

        note("".join(traceback.format_exception(exc)).rstrip())
    note(f"Error: {exc.message}")
    number, source, traceback_lines = (exc.details.get(name) for name in ("line", "source", "traceback"))
    if isinstance(source, str) and source.strip():
        note(f"  {number} | {source.strip()}")
    if isinstance(traceback_lines, list) and not any(str(entry) in exc.message for entry in traceback_lines[:1]):
        for entry in traceback_lines:
            note(f"  {entry}")


def width() -> int | None:
    """Return the columns of the terminal that stdout is, or None where nothing needs cutting."""
    import os  # already loaded by the interpreter; the name is wanted here only

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


class ProgressBar:
    """How far a long tool is, on one line of a terminal's stderr; nothing where stderr is no terminal."""

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None:
        """Show the state; `done` and `total` are in the tool's own unit."""
        if total:
            share = min(max(done / total, 0.0), 1.0)
            filled = int(share * 20)
            text = f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%} {message}"
        else:
            text = f"{done:g} {message}"
        limit = (width() or 80) - 1
        text = text[:limit]
        write("\r" + text + " " * max(self._shown - len(text), 0), sys.stderr)
        sys.stderr.flush()
        self._shown = len(text)

    def clear(self) -> None:
        """Take the line away, so that what is printed next starts on a clean one."""
        if self._shown:
            write("\r" + " " * self._shown + "\r", sys.stderr)
            sys.stderr.flush()
            self._shown = 0

    @staticmethod
    def for_terminal() -> ProgressBar | None:
        """Return a bar where stderr is a terminal."""
        try:
            return ProgressBar() if sys.stderr.isatty() else None
        except (AttributeError, ValueError):
            return None
