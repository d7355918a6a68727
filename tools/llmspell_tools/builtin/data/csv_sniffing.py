"""Which delimiter and which encoding a CSV text has, by the look of its beginning."""

from __future__ import annotations

import io
from _csv import Error, reader
from itertools import islice

from llmspell_tools.errors import InvalidParameters

#: What `options.encoding` may be, with the name that results report.
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16le": "UTF-16LE", "utf-16be": "UTF-16BE",
    "windows-1252": "windows-1252", "iso-8859-1": "ISO-8859-1", "ascii": "US-ASCII",
}  # fmt: skip
DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARS = 1 << 16


def guess_delimiter(sample: str) -> str:
    """Return the one of `DELIMITERS` that splits the first five rows into the most, equally many, fields.

    If none does so evenly, the one that splits the first row most; a comma if none splits it.
    """
    lines = list(islice(io.StringIO(sample, newline=""), 10))
    if len(sample) >= SAMPLE_CHARS and len(lines) > 1:
        lines = lines[:-1] if not lines[-1].endswith(("\n", "\r")) else lines
    best, most, first = ",", 1, 0
    for delimiter in DELIMITERS:
        counts = _field_counts(lines, delimiter)
        if counts and min(counts) == max(counts) and counts[0] > most:
            best, most = delimiter, counts[0]
    if most > 1:
        return best
    for delimiter in DELIMITERS:
        counts = _field_counts(lines[:1], delimiter)
        if counts and counts[0] > max(first, 1):
            best, first = delimiter, counts[0]
    return best


def _field_counts(lines: list[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in islice(reader(lines, delimiter=delimiter), 6) if row][:5]
    except Error:
        return []


def guess_encoding(sample: bytes) -> str:
    """Return utf-16 by its byte order mark, utf-8 if the bytes are that, else windows-1252."""
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    import codecs  # is loaded already; named here because only files have an encoding

    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def checked_delimiter(delimiter: str) -> str:
    """Return a delimiter that a caller named.

    Raises:
        InvalidParameters: It cannot be one.
    """
    if delimiter in '"\r\n\0':
        raise InvalidParameters(f"{delimiter!r} cannot be a delimiter", field="options.delimiter")
    return delimiter
