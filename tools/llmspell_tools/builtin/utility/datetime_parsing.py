"""Text to a moment in time: the 22 input formats of datetime-handler, tried in order.

The table is the Rust original's, in its order, so that ``01/02/2024`` is the first of February and ``01/15/2024`` still
is the 15th of January. Own code instead of `strptime`: month names do not depend on the locale, a failure says which
part is wrong, and `re` and `locale` are not imported. RFC 3339 and RFC 2822 dates are among the formats.

Kindness: ``T`` and a space are the same between date and time; seconds may have a fraction (kept to the microsecond)
or be left out; the weekday of an RFC 2822 date may be left out, but a wrong one is refused. A leap second is refused.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, tzinfo

    #: Takes text, position and the fields found so far; returns the position after its part, or -1.
    Reader = Callable[[str, int, "Fields"], int]

FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%:z",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d %b %Y %H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%B %d, %Y %H:%M:%S",
    "%B %d, %Y",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y",
)
#: Reported for a whole number, which is taken as seconds since 1970.
TIMESTAMP_FORMAT = "timestamp"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: More characters than any date in any format has.
_LONGEST = 200
#: RFC 2822, section 4.3: zone names with a defined offset, in hours.
_ZONE_NAMES = {
    "GMT": 0, "UTC": 0, "UT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip


class Fields:
    """The parts of a date that a format found; `offset_s` is None where the text names no zone."""

    __slots__ = ("day", "hour", "microsecond", "minute", "month", "offset_s", "second", "weekday", "year")

    def __init__(self) -> None:
        self.year = self.month = self.day = 1
        self.hour = self.minute = self.second = self.microsecond = 0
        self.offset_s: int | None = None
        self.weekday: int | None = None


def parse_moment(text: str, field: str, zone: tzinfo) -> tuple[datetime, str]:
    """Return the moment that a text names, with its zone, and the format that fitted.

    Args:
        text: A date in one of `FORMATS`, or a whole number of seconds since 1970.
        field: The parameter that the text came in, for messages.
        zone: Where a text without offset is at home. Of an hour that a clock change repeats, the first is meant.

    Raises:
        InvalidParameters: No format fits, a part is out of range, or the hour does not exist in `zone`.
    """
    text = text.strip()
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isdigit() and digits.isascii():
        return _from_timestamp(text, field), TIMESTAMP_FORMAT
    reason = ""
    for pattern, readers in _candidates(text) if len(text) <= _LONGEST else ():
        fields = _match(text, readers)
        if fields is None:
            continue
        why = _out_of_range(fields)
        if why:
            reason = reason or why
            continue
        return _moment(fields, text, field, zone), pattern
    if reason:
        raise InvalidParameters(f"parameter '{field}': '{shown(text, 60)}' is no date: {reason}", field=field)
    raise InvalidParameters(
        f"parameter '{field}': '{shown(text, 60)}' is in none of the known formats; operation 'formats' lists them",
        field=field,
    )


def _from_timestamp(text: str, field: str) -> datetime:
    from datetime import UTC, datetime  # 3 ms, only this tool needs it

    try:
        return datetime.fromtimestamp(int(text) if len(text) <= 20 else 10**20, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidParameters(
            f"parameter '{field}': timestamp {text[:24]} is outside the years 1 to 9999", field=field
        ) from None


def _match(text: str, readers: tuple[Reader, ...]) -> Fields | None:
    fields = Fields()
    position = 0
    for reader in readers:
        position = reader(text, position, fields)
        if position < 0:
            return None
    return fields if position == len(text) else None


def _out_of_range(fields: Fields) -> str:
    if not 1 <= fields.year <= 9999:
        return f"year {fields.year if fields.year < 10**9 else 'of more than nine digits'} is outside 1 to 9999"
    if not 1 <= fields.month <= 12:
        return f"month {fields.month} is outside 1 to 12"
    last = days_in_month(fields.year, fields.month)
    if not 1 <= fields.day <= last:
        return f"day {fields.day} is outside 1 to {last} ({MONTHS[fields.month - 1]} {fields.year})"
    if fields.hour > 23:
        return f"hour {fields.hour} is outside 0 to 23"
    if fields.minute > 59:
        return f"minute {fields.minute} is outside 0 to 59"
    if fields.second == 60:
        return "second 60 is a leap second, which is not supported; use second 59, or second 0 of the next minute"
    if fields.second > 59:
        return f"second {fields.second} is outside 0 to 59"
    return ""


def _moment(fields: Fields, text: str, field: str, zone: tzinfo) -> datetime:
    from datetime import UTC, datetime, timedelta, timezone

    home = zone if fields.offset_s is None else timezone(timedelta(seconds=fields.offset_s))
    moment = datetime(
        fields.year, fields.month, fields.day, fields.hour, fields.minute, fields.second, fields.microsecond, home
    )
    if fields.weekday is not None and fields.weekday != moment.weekday():
        raise InvalidParameters(
            f"parameter '{field}': '{shown(text)}' is a {WEEKDAYS[moment.weekday()]}, not a {WEEKDAYS[fields.weekday]}",
            field=field,
        )
    try:
        there = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidParameters(
            f"parameter '{field}': '{shown(text)}' is outside the years 1 to 9999 in UTC", field=field
        ) from None
    if fields.offset_s is None and there.astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise InvalidParameters(
            f"parameter '{field}': {moment:%Y-%m-%d %H:%M:%S} does not exist in {zone}: the clocks skip it", field=field
        )
    return moment


def is_leap_year(year: int) -> bool:
    """Tell whether February of this year has 29 days (Gregorian rule)."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Return 28 to 31; months count from 1."""
    return 29 if month == 2 and is_leap_year(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def offset_seconds(text: str) -> int | None:
    """Return the seconds of ``+HH``, ``+HHMM`` or ``+HH:MM`` (or ``-``), less than a day; None of other text."""
    digits = text[1:3] + text[4:] if text[3:4] == ":" else text[1:]
    if text[:1] not in ("+", "-") or len(digits) not in (2, 4) or not (digits.isascii() and digits.isdigit()):
        return None
    if len(text) == 4 or int(digits[:2]) > 23 or int(digits[2:] or "0") > 59:
        return None
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or "0") * 60
    return -seconds if text[0] == "-" else seconds


# --- the parts of a format ----------------------------------------------------------------------------------------


def _number(text: str, position: int, most: int) -> int:
    """Return the end of a run of at most `most` ASCII digits."""
    end = position
    while end < len(text) and end - position < most and "0" <= text[end] <= "9":
        end += 1
    return end


def _year(text: str, position: int, fields: Fields) -> int:
    end = _number(text, position, 20)
    if end - position < 4:
        return -1
    fields.year = int(text[position:end])
    return end


def _two_digits(name: str) -> Reader:
    def read(text: str, position: int, fields: Fields) -> int:
        end = _number(text, position, 2)
        if end == position:
            return -1
        setattr(fields, name, int(text[position:end]))
        return end

    return read


_hour, _minute, _second = _two_digits("hour"), _two_digits("minute"), _two_digits("second")


def _time(text: str, position: int, fields: Fields) -> int:
    position = _hour(text, position, fields)
    if position < 0 or text[position : position + 1] != ":":
        return -1
    position = _minute(text, position + 1, fields)
    if position < 0 or text[position : position + 1] != ":":
        return position
    position = _second(text, position + 1, fields)
    if position < 0 or text[position : position + 1] not in (".", ","):
        return position
    end = _number(text, position + 1, 30)
    if end == position + 1:
        return -1
    fields.microsecond = int(text[position + 1 : end][:6].ljust(6, "0"))
    return end


def _name_from(names: tuple[str, ...], text: str, position: int) -> tuple[int, int]:
    """Return which name (full or its first three letters) stands here, and where it ends; -1, -1 if none."""
    end = position
    while end < len(text) and text[end].isalpha():
        end += 1
    word = text[position:end].lower()
    for index, name in enumerate(names):
        if word in (name[:3].lower(), name.lower()):
            return index, end
    return -1, -1


def _month_name(text: str, position: int, fields: Fields) -> int:
    index, end = _name_from(MONTHS, text, position)
    fields.month = index + 1
    return end


def _weekday_name(text: str, position: int, fields: Fields) -> int:
    index, end = _name_from(WEEKDAYS, text, position)
    if end < 0 or text[end : end + 1] != ",":
        return position  # RFC 2822: day-of-week is optional
    fields.weekday = index
    end += 1
    while text[end : end + 1] == " ":
        end += 1
    return end


def _zone(text: str, position: int, fields: Fields) -> int:
    sign = text[position : position + 1]
    if sign not in ("+", "-"):
        word = text[position:].upper()
        if word not in _ZONE_NAMES:
            return -1
        fields.offset_s = _ZONE_NAMES[word] * 3600
        return len(text)
    fields.offset_s = offset_seconds(text[position:])
    return -1 if fields.offset_s is None else len(text)


def _literal(char: str) -> Reader:
    accepted = ("T", "t", " ") if char in "T " else (char,)

    def read(text: str, position: int, fields: Fields) -> int:  # noqa: ARG001
        return position + 1 if text[position : position + 1] in accepted else -1

    return read


def _spaces(text: str, position: int, fields: Fields) -> int:  # noqa: ARG001
    end = position
    while text[end : end + 1] == " ":
        end += 1
    return end if end > position else -1


def _universal(word: str) -> Reader:
    def read(text: str, position: int, fields: Fields) -> int:
        if text[position:].upper() != word:
            return -1
        fields.offset_s = 0
        return len(text)

    return read


_PARTS: tuple[tuple[str, Reader], ...] = (
    ("%H:%M:%S%.f", _time),
    ("%H:%M:%S", _time),
    ("%a, ", _weekday_name),
    ("%Y", _year),
    ("%m", _two_digits("month")),
    ("%d", _two_digits("day")),
    ("%b", _month_name),
    ("%B", _month_name),
    ("%:z", _zone),
    ("%z", _zone),
    ("GMT", _universal("GMT")),
    ("Z", _universal("Z")),
)
#: How a text starts (see `_start_of`), to the formats that can fit it.
_by_start: dict[str, list[tuple[str, tuple[Reader, ...]]]] = {}


def _candidates(text: str) -> list[tuple[str, tuple[Reader, ...]]]:
    """Return the formats that can fit a text that starts like this one, in their order."""
    if not _by_start:
        found: dict[str, list[tuple[str, tuple[Reader, ...]]]] = {}
        for pattern in FORMATS:
            start = {"%Y": "Y" + pattern[2], "%a": "name", "%b": "name", "%B": "name"}.get(
                pattern[:2], "d" + pattern[2]
            )
            for each in (start, "d ") if pattern.startswith("%a") else (start,):  # a weekday may be left out
                found.setdefault(each, []).append((pattern, _compile(pattern)))
        _by_start.update(found)
    return _by_start.get(_start_of(text), [])


def _start_of(text: str) -> str:
    """Return `Y` or `d` (four digits or fewer) and what follows them, or `name` where there are no digits."""
    digits = _number(text, 0, len(text))
    return "name" if digits == 0 else ("Y" if digits >= 4 else "d") + text[digits : digits + 1]


def _compile(pattern: str) -> tuple[Reader, ...]:
    readers: list[Reader] = []
    position = 0
    while position < len(pattern):
        for part, reader in _PARTS:
            if pattern.startswith(part, position):
                readers.append(reader)
                position += len(part)
                break
        else:
            char = pattern[position]
            follows_date = pattern.startswith("%H", position + 1)
            readers.append(_spaces if char == " " and not follows_date else _literal(char))
            position += 1
    return tuple(readers)
