"""Values as the text of one cell: harmless to a terminal, and as wide as a terminal shows it.

What a tool gives may come from anywhere; characters that move the cursor, change colours or turn the direction of
writing are shown by their escapes, so that a file's name cannot rewrite the screen. Knows no table.

Widths after Unicode Standard Annex 11 (East Asian Width): wide and full-width characters take two columns, combining
ones none.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from llmspell_tools.types import JsonValue

#: They join letters and emoji and do nothing else.
_JOINERS = "\u200c\u200d"
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: Categories of `unicodedata`: controls, formats, surrogates, line and paragraph separators.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Whole numbers below this are floats' own.
_EXACT = 2**53


def text_of(value: JsonValue) -> str:
    """Return a value as a person reads it: null as nothing, floats to ten digits, lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else format(value, ".10g")
    try:
        if isinstance(value, list) and all(isinstance(entry, (str, int, float)) for entry in value):
            return ", ".join([text_of(entry) for entry in value])
        return dumps(value)
    except InvalidParameters:  # no JSON has it: a number of thousands of digits, NaN
        return "?"


def harmless(text: str, encoding: str = "utf-8") -> str:
    """Return a text on one line that does nothing to a terminal and that `encoding` can write."""
    if not text.isprintable():
        import unicodedata  # most texts need none

        category = unicodedata.category
        text = "".join(
            letter
            if letter.isprintable() or letter in _JOINERS or category(letter) not in _HARMFUL
            else _escape(letter)
            for letter in text
        )
    if text.isascii() or encoding == "utf-8":
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _escape(letter: str) -> str:
    short = _ESCAPES.get(letter)
    return short or letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def width(text: str) -> int:
    """Return how many columns of a terminal a harmless text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum([_columns(letter, unicodedata) for letter in text])


def _columns(letter: str, unicodedata: ModuleType) -> int:
    if letter < "\u0300":
        return 1
    if unicodedata.east_asian_width(letter) in "WF":
        return 2
    return 0 if unicodedata.category(letter) in {"Mn", "Me", "Cf"} or "\u1160" <= letter <= "\u11ff" else 1


def cut(text: str, columns: int, ellipsis: str) -> str:
    """Return a harmless text in at most so many columns; what was cut off ends in the ellipsis."""
    if len(text) <= columns and (text.isascii() or width(text) <= columns):
        return text
    room = columns - len(ellipsis)
    if room <= 0:
        return ellipsis[:columns]
    if text[:columns].isascii():
        return text[:room] + ellipsis
    import unicodedata

    for at, letter in enumerate(text):
        room -= _columns(letter, unicodedata)
        if room < 0:
            return text[:at] + ellipsis
    return text


def pad(text: str, columns: int, *, to_right: bool = False) -> str:
    """Return a harmless text filled up with spaces to so many columns."""
    if text.isascii():
        return text.rjust(columns) if to_right else text.ljust(columns)
    spaces = " " * (columns - width(text))
    return spaces + text if to_right else text + spaces
