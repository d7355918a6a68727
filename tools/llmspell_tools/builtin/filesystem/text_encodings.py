"""Which encoding a text file has, and the names of those that file-converter knows.

Told in this order: a byte order mark; many NUL bytes at every second place (UTF-16 without a mark); valid UTF-8;
windows-1252, or iso-8859-1 where a byte means nothing in the former. The whole file is looked at, in pieces.
"""

from __future__ import annotations

import codecs

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.nearest import nearest
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names as the tool reports them, to Python's codecs.
ENCODINGS = {
    "utf-8": "utf-8", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "windows-1252": "cp1252",
    "iso-8859-1": "latin-1", "ascii": "ascii",
}  # fmt: skip
#: Other names that people write, without hyphens.
_ALIASES = {
    "utf8": "utf-8", "utf16le": "utf-16le", "utf16be": "utf-16be", "windows1252": "windows-1252",
    "cp1252": "windows-1252", "iso88591": "iso-8859-1", "latin1": "iso-8859-1", "usascii": "ascii", "ascii": "ascii",
}  # fmt: skip
#: Byte order marks of the encodings that have one.
MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16le": codecs.BOM_UTF16_LE, "utf-16be": codecs.BOM_UTF16_BE}
_UNDEFINED_1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


def encoding_named(name: str, field: str) -> str:
    """Return the name that the tool uses for an encoding.

    Raises:
        InvalidParameters: It knows none of that name.
    """
    plain = name.lower().replace("-", "").replace("_", "")
    found = _ALIASES.get(plain)
    if found is None:
        near = nearest(name.lower(), ENCODINGS)
        hint = f"did you mean '{near}'?" if near else f"it is one of: {', '.join(ENCODINGS)}"
        raise InvalidParameters(f"parameter '{field}': there is no encoding '{shown(name)}'; {hint}", field=field)
    return found


def mark_of(start: bytes) -> str | None:
    """Return the encoding whose byte order mark a file starts with."""
    return next((name for name, mark in MARKS.items() if start.startswith(mark)), None)


def guess(pieces: Iterable[bytes]) -> str:
    """Return the encoding of a text given in pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_1252, is_first = True, True, True
    for piece in pieces:
        if is_first:
            is_first = False
            found = mark_of(piece) or _without_mark(piece)
            if found is not None:
                return found
        if is_utf8:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                is_utf8 = False
        is_1252 = is_1252 and not any(byte in piece for byte in _UNDEFINED_1252)
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
            return "utf-8"
        except UnicodeDecodeError:
            pass
    return "windows-1252" if is_1252 else "iso-8859-1"


def _without_mark(start: bytes) -> str | None:
    """Return utf-16le or utf-16be for text that is mostly Latin letters in it."""
    look = start[:4096]
    half = len(look) // 2
    if half == 0 or (len(start) % 2 and len(start) < 4096):
        return None
    low, high = look[1::2].count(0), look[0::2].count(0)
    if low * 10 >= half * 4 and high * 10 < half:
        return "utf-16le"
    return "utf-16be" if high * 10 >= half * 4 and low * 10 < half else None
