"""datetime-handler: parse, convert, add, subtract, compare and describe dates.

Results are in UTC unless a zone is asked for. Where the Rust original wrote local time with a ``Z`` after it (`now`
with a zone and no format), this tool writes the true offset. Parsing, formatting and zones have modules of their own.
"""

from __future__ import annotations

from llmspell_tools.builtin.utility.datetime_formatting import OFFSET_FORMAT, UTC_FORMAT, format_moment
from llmspell_tools.builtin.utility.datetime_parsing import (
    FORMATS,
    WEEKDAYS,
    days_in_month,
    is_leap_year,
    parse_moment,
)
from llmspell_tools.builtin.utility.datetime_zones import find_zone
from llmspell_tools.definition import tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.returns import choice, envelope_schema, mapping, record
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Literal

    from llmspell_tools.returns import Short
    from llmspell_tools.types import JsonObject

_CONVERT_FORMAT = "%Y-%m-%d %H:%M:%S %Z"
_UNITS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3600),
    **dict.fromkeys(("day", "days", "d"), 86_400),
    **dict.fromkeys(("week", "weeks", "w"), 604_800),
}

_DATE = ("string", "integer")
_PARTS: dict[str, Short] = {
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second"), "integer"),
    "weekday": choice(*WEEKDAYS),
}
_SHIFTED = record({"input": _DATE, "amount": "integer", "unit": "string", "original": "string", "result": "string"})
_RETURNS = envelope_schema(
    {
        "parse": record(
            {
                "input": _DATE,
                "parsed": record({"utc": "string", "timestamp": "integer", **_PARTS}),
                "format_used": "string",
                "input_format": "string",
            }
        ),
        "now": record({"timezone": "string", "datetime": "string", "format": "string"}),
        "convert_timezone": record(
            {"input": _DATE, "target_timezone": "string", "original": "string", "converted": "string"}
        ),
        "add": _SHIFTED,
        "subtract": _SHIFTED,
        "difference": record(
            {
                "start": _DATE,
                "end": _DATE,
                "difference": record(
                    {
                        "total_seconds": "integer",
                        "days": "integer",
                        "hours": "integer",
                        "minutes": "integer",
                        "human_readable": "string",
                    }
                ),
            }
        ),
        "info": record(
            {
                "input": _DATE,
                "info": record(
                    {
                        **_PARTS,
                        "day_of_year": "integer",
                        "week_of_year": "integer",
                        "is_leap_year": "boolean",
                        "days_in_month": "integer",
                        "start_of_day": "string",
                        "end_of_day": "string",
                    }
                ),
            }
        ),
        "formats": record({"available_formats": ["string"], "example_formats": mapping("string")}),
    },
    failures={},
)


@tool(
    name="datetime-handler",
    category="utility",
    level="safe",
    aliases=("date-time-handler",),
    parameter_aliases={"action": "operation", "date": "input", "datetime": "input", "tz": "timezone"},
    requires={
        "parse": ("input",),
        "convert_timezone": ("input", "target_timezone"),
        "add": ("input", "amount", "unit"),
        "subtract": ("input", "amount", "unit"),
        "difference": ("start", "end"),
        "info": ("input",),
    },
    annotations={"read_only": True, "destructive": False, "idempotent": False, "open_world": False},
    examples=(
        {
            "description": "Read a date",
            "params": {"operation": "parse", "input": "2012/01/01"},
            "result": {"result": {"parsed": {"utc": "2012-01-01T00:00:00Z", "year": 2012, "weekday": "Sunday"}}},
        },
        {
            "description": "Show a moment elsewhere",
            "params": {
                "operation": "convert_timezone",
                "input": "2024-07-15T10:30:00Z",
                "target_timezone": "America/New_York",
            },
            "result": {"result": {"converted": "2024-07-15 06:30:00 EDT"}},
        },
        {
            "description": "Add days",
            "params": {"operation": "add", "input": "2024-02-28", "amount": 2, "unit": "days"},
            "result": {"result": {"result": "2024-03-01T00:00:00Z"}},
        },
        {
            "description": "Compare two dates",
            "params": {"operation": "difference", "start": "2024-01-01", "end": "2024-01-03 01:00:00"},
            "result": {"result": {"difference": {"days": 2, "hours": 49, "human_readable": "2 days, 1 hour"}}},
        },
    ),
    returns=_RETURNS,
)
def datetime_handler(
    *,
    operation: Literal[
        "parse", "now", "convert_timezone", "add", "subtract", "difference", "info", "formats"
    ] = "parse",
    input: str | int | None = None,
    timezone: str | None = None,
    target_timezone: str | None = None,
    amount: int | None = None,
    unit: str | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    format: str | None = None,
) -> JsonObject:
    """Parse, convert, add, subtract, compare and describe dates and times.

    Args:
        operation: What to do.
        input: A date in one of the formats that operation formats lists, or a whole number of seconds since 1970.
        timezone: For now, the zone of the answer; elsewhere the zone of dates that name none (UTC if left out).
        target_timezone: For convert_timezone, the zone of the answer, as Europe/Berlin or +02:00.
        amount: For add and subtract, how many units.
        unit: For add and subtract, seconds, minutes, hours, days or weeks, or an abbreviation such as min or h.
        start: For difference, the first date.
        end: For difference, the second date.
        format: How dates are written in the answer, as strftime directives.
    """
    call = _Call(operation, timezone, format)
    if operation == "now":
        return call.now()
    if operation == "formats":
        return _formats()
    if operation == "difference":
        return call.difference(_given("start", start), _given("end", end))
    text = _given("input", input)
    if operation == "convert_timezone":
        return call.convert(text, str(_given("target_timezone", target_timezone)))
    if operation in ("add", "subtract"):
        return call.shift(text, int(_given("amount", amount)), str(_given("unit", unit)))
    return call.info(text) if operation == "info" else call.parse(text)


def _given(name: str, value: str | int | None) -> str | int:
    if value is None:
        raise InvalidParameters(f"Missing required parameter '{name}'", field=name)
    return value


class _Call:
    """One call's operation, home zone and output format."""

    __slots__ = ("format", "operation", "timezone")

    def __init__(self, operation: str, timezone: str | None, format: str | None) -> None:
        self.operation = operation
        self.timezone = timezone
        self.format = format

    def parse(self, text: str | int) -> JsonObject:
        moment, input_format = self._read(text, "input")
        pattern = self.format or UTC_FORMAT
        parsed: JsonObject = {"utc": format_moment(moment, pattern), "timestamp": _timestamp(moment), **_parts(moment)}
        return envelope(
            "parse",
            {"input": text, "parsed": parsed, "format_used": pattern, "input_format": input_format},
            "Date parsed successfully",
        )

    def now(self) -> JsonObject:
        from datetime import UTC, datetime  # 3 ms, only date tools need it

        name = self.timezone or "local"
        moment = datetime.now(UTC)
        moment = moment.astimezone() if name == "local" else moment.astimezone(find_zone(name, "timezone"))
        pattern = self.format or (OFFSET_FORMAT if moment.utcoffset() else UTC_FORMAT)
        return envelope(
            "now",
            {"timezone": name, "datetime": format_moment(moment, pattern), "format": pattern},
            "Current time retrieved",
        )

    def convert(self, text: str | int, target: str) -> JsonObject:
        moment, _ = self._read(text, "input")
        zone = find_zone(target, "target_timezone")
        try:
            converted = moment.astimezone(zone)
        except OverflowError:
            raise InvalidParameters(
                f"parameter 'input': '{shown(str(text))}' is outside the years 1 to 9999 in {target}", field="input"
            ) from None
        pattern = self.format or _CONVERT_FORMAT
        return envelope(
            "convert_timezone",
            {
                "input": text,
                "target_timezone": target,
                "original": format_moment(moment, pattern),
                "converted": format_moment(converted, pattern),
            },
            "Timezone converted successfully",
        )

    def shift(self, text: str | int, amount: int, unit: str) -> JsonObject:
        from datetime import timedelta

        moment, _ = self._read(text, "input")
        seconds = _UNITS.get(unit.lower())
        if seconds is None:
            raise InvalidParameters(
                f"parameter 'unit': '{shown(unit)}' is none of: seconds, minutes, hours, days, weeks "
                "(abbreviations: s, sec, m, min, h, hr, d, w)",
                field="unit",
            )
        signed = amount if self.operation == "add" else -amount
        try:
            shifted = moment + timedelta(seconds=signed * seconds)
        except OverflowError:
            raise InvalidParameters(
                f"parameter 'amount': the date so many {unit} away is outside the years 1 to 9999", field="amount"
            ) from None
        pattern = self.format or UTC_FORMAT
        return envelope(
            self.operation,
            {
                "input": text,
                "amount": amount,
                "unit": unit,
                "original": format_moment(moment, pattern),
                "result": format_moment(shifted, pattern),
            },
            f"{self.operation} operation completed",
        )

    def difference(self, start: str | int, end: str | int) -> JsonObject:
        from datetime import timedelta

        between = self._read(end, "end")[0] - self._read(start, "start")[0]
        sign = -1 if between < timedelta(0) else 1
        seconds = abs(between) // timedelta(seconds=1)
        return envelope(
            "difference",
            {
                "start": start,
                "end": end,
                "difference": {
                    "total_seconds": sign * seconds,
                    "days": sign * (seconds // 86_400),
                    "hours": sign * (seconds // 3600),
                    "minutes": sign * (seconds // 60),
                    "human_readable": _in_words(seconds) + (" ago" if sign * seconds < 0 else ""),
                },
            },
            "Date difference calculated",
        )

    def info(self, text: str | int) -> JsonObject:
        moment, _ = self._read(text, "input")
        day = format_moment(moment, "%Y-%m-%d")
        info: JsonObject = {
            **_parts(moment),
            "day_of_year": moment.timetuple().tm_yday,
            "week_of_year": moment.isocalendar().week,
            "is_leap_year": is_leap_year(moment.year),
            "days_in_month": days_in_month(moment.year, moment.month),
            "start_of_day": f"{day}T00:00:00Z",
            "end_of_day": f"{day}T23:59:59.999999999Z",
        }
        return envelope("info", {"input": text, "info": info}, "Date information retrieved")

    def _read(self, value: str | int, field: str) -> tuple[datetime, str]:
        from datetime import UTC

        home = UTC if self.timezone is None else find_zone(self.timezone, "timezone")
        moment, pattern = parse_moment(str(value) if isinstance(value, int) else value, field, home)
        return moment.astimezone(UTC), pattern


def _timestamp(moment: datetime) -> int:
    return int(moment.timestamp() // 1)


def _parts(moment: datetime) -> JsonObject:
    return {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "weekday": WEEKDAYS[moment.weekday()],
    }


def _in_words(seconds: int) -> str:
    parts: list[str] = []
    for name, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count or (name == "second" and not parts):
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def _formats() -> JsonObject:
    examples: JsonObject = {
        "ISO8601": UTC_FORMAT,
        "RFC3339": "%Y-%m-%d %H:%M:%S%:z",
        "RFC2822": "%a, %d %b %Y %H:%M:%S %z",
        "Unix timestamp": "%s",
        "Human readable": "%B %d, %Y at %I:%M %p",
        "Date only": "%Y-%m-%d",
        "Time only": "%H:%M:%S",
    }
    return envelope(
        "formats", {"available_formats": list(FORMATS), "example_formats": examples}, "Available date formats"
    )
