"""A moment in time to text: strftime with one meaning everywhere.

Own code instead of the C library's: names are English whatever the locale, years have four digits, an unknown
directive is an error instead of garbage, and the directives that the Rust original's users know (``%.f``, ``%:z``,
``%3f``) work. ``%f`` is Python's, microseconds in six digits. A ``-`` after the percent sign drops leading zeros.
"""

from __future__ import annotations

from llmspell_tools.builtin.utility.datetime_parsing import MONTHS, WEEKDAYS
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

#: The default of most operations: ISO 8601 in UTC.
UTC_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"
#: The same with an offset, for a moment that is not shown in UTC.
OFFSET_FORMAT = "%Y-%m-%dT%H:%M:%S%.f%:z"
_MAX_FORMAT_CHARS = 10_000


def format_moment(moment: datetime, pattern: str) -> str:
    """Write a moment.

    Args:
        moment: With a zone.
        pattern: strftime directives and other text.

    Raises:
        InvalidParameters: An unknown directive, a percent sign at the end, or a pattern of more than 10,000 characters.
    """
    if len(pattern) > _MAX_FORMAT_CHARS:
        raise InvalidParameters(
            f"parameter 'format' has {len(pattern)} characters; the most is {_MAX_FORMAT_CHARS}", field="format"
        )
    pieces = pattern.split("%")
    written = [pieces[0]]
    index = 1
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if not piece:  # "%%", or a lone "%" at the end
            if index >= len(pieces):
                raise InvalidParameters(
                    "parameter 'format' ends in a lone %; write %% for a percent sign", field="format"
                )
            written.append("%" + pieces[index])
            index += 1
            continue
        written.append(_directive(moment, piece))
    return "".join(written)


def _directive(moment: datetime, piece: str) -> str:
    bare = piece[0] == "-"
    for length in (3, 2, 1):
        name = piece[1 : 1 + length] if bare else piece[:length]
        write = _DIRECTIVES.get(name) if len(name) == length else None
        if write is not None:
            text = write(moment)
            return (text.lstrip("0 ") or "0" if bare else text) + piece[length + bare :]
    raise InvalidParameters(
        f"parameter 'format': unknown directive '%{piece[:1]}'; known are: %{' %'.join(sorted(_DIRECTIVES))} and %%",
        field="format",
    )


def _offset(moment: datetime, colon: str) -> str:
    offset = moment.utcoffset()
    seconds = 0 if offset is None else round(offset.total_seconds())
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}{colon}{minutes % 60:02}"


def _fraction(moment: datetime) -> str:
    micro = moment.microsecond
    if micro == 0:
        return ""
    return f".{micro // 1000:03}" if micro % 1000 == 0 else f".{micro:06}"


def _week(moment: datetime, first_weekday: int) -> str:
    """Weeks of the year, 00 to 53, week 1 starting at the first `first_weekday` (0 is Monday)."""
    since = (moment.weekday() - first_weekday) % 7
    return f"{(moment.timetuple().tm_yday + 6 - since) // 7:02}"


def _zone_name(moment: datetime) -> str:
    name = moment.tzname() or "UTC"
    return name.removeprefix("UTC") or "UTC"  # a fixed offset calls itself UTC+02:00


def _combined(pattern: str) -> Callable[[datetime], str]:
    return lambda moment: format_moment(moment, pattern)


_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "C": lambda moment: f"{moment.year // 100:02}",
    "y": lambda moment: f"{moment.year % 100:02}",
    "m": lambda moment: f"{moment.month:02}",
    "b": lambda moment: MONTHS[moment.month - 1][:3],
    "h": lambda moment: MONTHS[moment.month - 1][:3],
    "B": lambda moment: MONTHS[moment.month - 1],
    "d": lambda moment: f"{moment.day:02}",
    "e": lambda moment: f"{moment.day:2}",
    "a": lambda moment: WEEKDAYS[moment.weekday()][:3],
    "A": lambda moment: WEEKDAYS[moment.weekday()],
    "u": lambda moment: str(moment.isoweekday()),
    "w": lambda moment: str(moment.isoweekday() % 7),
    "U": lambda moment: _week(moment, 6),
    "W": lambda moment: _week(moment, 0),
    "G": lambda moment: f"{moment.isocalendar().year:04}",
    "g": lambda moment: f"{moment.isocalendar().year % 100:02}",
    "V": lambda moment: f"{moment.isocalendar().week:02}",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "H": lambda moment: f"{moment.hour:02}",
    "k": lambda moment: f"{moment.hour:2}",
    "I": lambda moment: f"{moment.hour % 12 or 12:02}",
    "l": lambda moment: f"{moment.hour % 12 or 12:2}",
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",
    "P": lambda moment: "am" if moment.hour < 12 else "pm",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "f": lambda moment: f"{moment.microsecond:06}",
    ".f": _fraction,
    ".3f": lambda moment: f".{moment.microsecond // 1000:03}",
    ".6f": lambda moment: f".{moment.microsecond:06}",
    ".9f": lambda moment: f".{moment.microsecond:06}000",
    "3f": lambda moment: f"{moment.microsecond // 1000:03}",
    "6f": lambda moment: f"{moment.microsecond:06}",
    "9f": lambda moment: f"{moment.microsecond:06}000",
    "z": lambda moment: _offset(moment, ""),
    ":z": lambda moment: _offset(moment, ":"),
    "Z": _zone_name,
    "s": lambda moment: str(int(moment.timestamp() // 1)),
    "D": _combined("%m/%d/%y"),
    "x": _combined("%m/%d/%y"),
    "F": _combined("%Y-%m-%d"),
    "v": _combined("%e-%b-%Y"),
    "R": _combined("%H:%M"),
    "T": _combined("%H:%M:%S"),
    "X": _combined("%H:%M:%S"),
    "r": _combined("%I:%M:%S %p"),
    "c": _combined("%a %b %e %H:%M:%S %Y"),
    "+": _combined(OFFSET_FORMAT),
    "n": lambda moment: "\n",  # noqa: ARG005
    "t": lambda moment: "\t",  # noqa: ARG005
}
