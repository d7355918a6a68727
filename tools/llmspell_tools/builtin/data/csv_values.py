"""What the text of a CSV field means: a number, a boolean, a date or just text.

A number is what JSON calls one, and ``+5``, ``.5`` and ``5.`` besides. ``007`` is text (a post code, not seven), so are
``1_000``, ``nan``, ``1e999`` and whole numbers of more than 18 digits, which would lose digits on the way. Spaces
around a number do not matter.

`numbers_in` looks at a whole column's batch at once and costs a few C calls; `number_of` looks at one text.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from llmspell_tools.types import JsonScalar

_NUMBER_CHARS = "0123456789.+-eE"
#: What `float` takes and this module does not: `1_000`, `nan`, `inf` and `infinity` in any case.
_NO_NUMBER_CHARS = ("_", "n", "N")
_MAX_WHOLE_DIGITS = 18
_TOO_LARGE = 10.0**_MAX_WHOLE_DIGITS
_INFINITY = float("inf")
#: How texts begin that are not just text: numbers, dates, booleans, spaces.
_STARTS_SPECIAL = frozenset("0123456789+-.tTfFyYnN \t\v\f\r\n\x1c\x1d\x1e\x1f")
_DATE_CHARS = len("2000-01-01")
_BOOLEANS = frozenset(("true", "false", "yes", "no", "y", "n"))


class Numbers:
    """A batch of numbers.

    Args:
        values: In order; whole numbers may be `int`.
        joined: The texts, as ``,text,text,``.
    """

    __slots__ = ("_joined", "high", "low", "values")

    def __init__(self, values: Sequence[float], joined: str) -> None:
        self.values = values
        self.low = min(values)
        self.high = max(values)
        self._joined = joined

    @property
    def are_whole(self) -> bool:
        """Every text is a whole number."""
        return not ("." in self._joined or "e" in self._joined or "E" in self._joined)

    @property
    def are_broken(self) -> bool:
        """Every text has a decimal point."""
        return self._joined.count(".") == len(self.values)

    @property
    def are_json(self) -> bool:
        """Every text is a number in JSON's own spelling."""
        joined = self._joined
        return not ("+" in joined or ",." in joined or "-." in joined or ".," in joined or ".e" in joined.lower())


def numbers_in(values: Sequence[str], *, whole: bool = False) -> Numbers | None:
    """Return a batch's numbers, or None if one of the texts is no plain number.

    Args:
        values: Texts.
        whole: Try first whether all are whole numbers, which costs half as much if they are and a little if not.
    """
    numbers: list[float]
    try:
        numbers = [*map(int, values)] if whole else [*map(float, values)]
    except ValueError:
        return numbers_in(values) if whole else None
    joined = f",{','.join(values)},"
    if not numbers or not _is_plain(joined, values):
        return None
    found = Numbers(numbers, joined)
    if found.low > -_TOO_LARGE and found.high < _TOO_LARGE:
        return found
    # Infinite, or whole numbers that would lose digits: let `number_of` decide about each.
    return None


def _is_plain(joined: str, values: Sequence[str]) -> bool:
    """Tell whether each of ``,value,value,``, which `float` takes, is a number here: no spaces, no ``007``."""
    if not joined.isascii() or any(char in joined for char in _NO_NUMBER_CHARS) or len(joined.split(None, 1)) > 1:
        return False
    signs = ("", "-", "+") if "-" in joined or "+" in joined else ("",)
    return all(_has_no_leading_zero(joined, f"{sign}0", values) for sign in signs)


def _has_no_leading_zero(joined: str, zero: str, values: Sequence[str]) -> bool:
    """Tell whether every number that begins with a zero is 0 itself, or goes on with a point or an exponent."""
    left = joined.count("," + zero)
    for after in ".eE":
        if not left:
            return True
        left -= joined.count(f",{zero}{after}")
    return not left or left == values.count(zero)


def number_of(text: str) -> int | float | None:
    """Return the number that a text is, or None."""
    text = text.strip()
    if not text or text.strip(_NUMBER_CHARS):
        return None
    digits = text[1:] if text[0] in "+-" else text
    if digits[:1] == "0" and digits[1:2].isdigit():
        return None
    if digits.isdigit():
        return int(text) if len(digits) <= _MAX_WHOLE_DIGITS else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if -_INFINITY < number < _INFINITY else None


def typed(text: str) -> JsonScalar:
    """Return a field's value for JSON: null if blank, a number, true, false, or the text as it is."""
    if not text or text.isspace():
        return None
    if text == "true":
        return True
    if text == "false":
        return False
    number = number_of(text)
    return text if number is None else number


def may_be_number(text: str) -> bool:
    """Tell whether a text, which is not blank, could be a number by its first character."""
    return text[0] in "0123456789+-." or text[0].isspace()


def kinds_of(texts: Collection[str]) -> set[str]:
    """Return which kinds there are among texts that are not blank: integer, float, boolean, date, datetime, string."""
    kinds: set[str] = set()
    others = [text for text in texts if text[0] in _STARTS_SPECIAL or not text[0].isascii()]
    if len(others) < len(texts):
        kinds.add("string")
    heads: dict[str, str] = {}
    for text in others:
        if len(text) > _DATE_CHARS and text[0].isdigit():
            kinds.add(_long_kind(text, heads))
        else:
            kinds.add(kind_of(text))
    return kinds


def _long_kind(text: str, seen: dict[str, str]) -> str:
    """Return the kind of a long text that starts with a digit: of a date and a time, each looked at once."""
    head, tail = text[:_DATE_CHARS], text[_DATE_CHARS:]
    if text[4] not in "-/" or tail[0] not in "Tt " or tail[-1].isspace():
        return kind_of(text)
    for part, whole in ((head, head), (tail, f"2000-01-01{tail}")):
        if part not in seen:
            seen[part] = kind_of(whole)
    return "datetime" if seen[head] == "date" and seen[tail] == "datetime" else kind_of(text)


def kind_of(text: str) -> str:
    """Return integer, float, boolean, date, datetime or string; the text is not blank."""
    text = text.strip()
    first = text[0]
    if first in "0123456789+-.":
        number = number_of(text)
        if number is not None:
            return "integer" if isinstance(number, int) else "float"
        return _date_kind(text)
    return "boolean" if len(text) <= 5 and text.lower() in _BOOLEANS else "string"


def _date_kind(text: str) -> str:
    if len(text) < 10 or text[4] not in "-/" or text[7] != text[4]:
        return "string"
    from datetime import datetime  # 3 ms: only columns with dates pay for it

    if len(text) > 10 and text[10] not in "Tt ":
        return "string"
    try:
        datetime.fromisoformat(text.replace("/", "-", 2))
    except ValueError:
        return "string"
    return "date" if len(text) == 10 else "datetime"
