"""The one place that prints: data to stdout, everything else to stderr.

Text, tables, JSON and JSON lines are written from the same value. Knows no command and no click. On the lean path.
"""

from __future__ import annotations

import sys

from llmspell.options import TABULAR
from llmspell_tools.jsontext import dumps, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from llmspell.options import Options
    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.media import Table

#: Of a script's line, this much is shown in an error.
_SOURCE_CHARS = 200


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
    """Write one line for the person, not for the pipe, to stderr; lost where stderr cannot be written."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller: `2>&-`
        return
    try:
        write(text + "\n", sys.stderr)
    except OSError:
        pass  # the exit status says it still


def json(value: object, format: str) -> None:
    """Write a value in any format but text.

    Args:
        value: A JSON value.
        format: ``jsonl`` is JSON on one line, ``json`` and ``pretty`` indented; ``table`` and ``markdown`` are the
            tables that the value has among its media, or the one it makes.
    """
    if format in TABULAR:
        from llmspell_tools.tables import of_value  # only where tables are wanted

        tables(of_value(value), format)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # as dumps
        return
    text = dumps(value) if format == "jsonl" else dumps(value, indent=2)
    if not text.isascii():
        # A lone surrogate (a byte that is no UTF-8) would be written as that byte; spelled out it stays JSON.
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    line(text)


def tables(found: Iterable[Table], format: str) -> None:
    """Write tables for a person: as wide as the terminal is, uncut where there is none; or as GitHub Markdown."""
    from llmspell import terminal  # only where tables are wanted
    from llmspell_tools import tables as shaped

    columns = terminal.width() if terminal.is_terminal() else None
    for number, table in enumerate(found):
        if number:
            line()
        for part in (
            shaped.markdown(table) if format == "markdown" else shaped.text(table, columns, terminal.encoding())
        ):
            write(part + "\n")


def compact(value: object, *, sort_keys: bool = False) -> str:
    """Return a value as JSON on one line."""
    return dumps(value, sort_keys=sort_keys)


def indented(value: object, *, sort_keys: bool = False) -> str:
    """Return a value as JSON on indented lines."""
    return dumps(value, indent=2, sort_keys=sort_keys)


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
        note(f"  {number} | {_printable(source.strip())}")
    if isinstance(traceback_lines, list) and not any(str(entry) in exc.message for entry in traceback_lines[:1]):
        _note_calls([str(entry) for entry in traceback_lines])


def _printable(source: str) -> str:
    """Return a line of a script fit for a terminal: one that is no text after all, or has no end, does no harm."""
    shown = source if len(source) <= _SOURCE_CHARS else source[: _SOURCE_CHARS - 3] + "..."
    return "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in shown)


def _note_calls(entries: list[str]) -> None:
    """Write a traceback; a function that called itself again and again stands there once."""
    at = 0
    while at < len(entries):
        entry, first = entries[at], at
        while at < len(entries) and entries[at] == entry:
            at += 1
        note(f"  {entry}" if at - first == 1 else f"  {entry}  ({at - first} times)")
