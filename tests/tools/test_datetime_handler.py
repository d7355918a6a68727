"""datetime-handler: the 22 formats, zones, arithmetic, strftime and bad dates."""

from __future__ import annotations

import datetime as dt
import email.utils
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.errors import InvalidParameters, ToolUnavailable
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.strict())


def ask(operation="parse", **parameters):
    return REGISTRY.invoke("datetime-handler", {"operation": operation, **parameters}).output["result"]


def utc(text, **more):
    return ask(input=text, **more)["parsed"]["utc"]


@pytest.mark.parametrize(
    ("text", "expected", "input_format"),
    [
        ("2024-01-15T10:30:00.5Z", "2024-01-15T10:30:00.500Z", "%Y-%m-%dT%H:%M:%S%.fZ"),
        ("2024-01-15T10:30:00.123456789Z", "2024-01-15T10:30:00.123456Z", "%Y-%m-%dT%H:%M:%S%.fZ"),
        ("2024-01-15T10:30:00+02:00", "2024-01-15T08:30:00Z", "%Y-%m-%dT%H:%M:%S%z"),
        ("2024-01-15t10:30:00-0530", "2024-01-15T16:00:00Z", "%Y-%m-%dT%H:%M:%S%z"),
        ("2024-01-15 10:30:00", "2024-01-15T10:30:00Z", "%Y-%m-%d %H:%M:%S"),
        ("2024-01-15T10:30", "2024-01-15T10:30:00Z", "%Y-%m-%d %H:%M:%S"),
        (" 2024-01-15 ", "2024-01-15T00:00:00Z", "%Y-%m-%d"),
        ("Mon, 15 Jan 2024 10:30:00 GMT", "2024-01-15T10:30:00Z", "%a, %d %b %Y %H:%M:%S GMT"),
        ("Mon, 15 Jan 2024 10:30:00 -0500", "2024-01-15T15:30:00Z", "%a, %d %b %Y %H:%M:%S %z"),
        ("15 Jan 2024 10:30 EST", "2024-01-15T15:30:00Z", "%a, %d %b %Y %H:%M:%S %z"),
        ("2012/01/01", "2012-01-01T00:00:00Z", "%Y/%m/%d"),
        ("2012/1/1 7:05:09", "2012-01-01T07:05:09Z", "%Y/%m/%d %H:%M:%S"),
        ("01/02/2024", "2024-02-01T00:00:00Z", "%d/%m/%Y"),
        ("01/15/2024", "2024-01-15T00:00:00Z", "%m/%d/%Y"),
        ("15/01/2024 10:30:00", "2024-01-15T10:30:00Z", "%d/%m/%Y %H:%M:%S"),
        ("01/15/2024 10:30:00", "2024-01-15T10:30:00Z", "%m/%d/%Y %H:%M:%S"),
        ("15-01-2024", "2024-01-15T00:00:00Z", "%d-%m-%Y"),
        ("15-01-2024 10:30:00", "2024-01-15T10:30:00Z", "%d-%m-%Y %H:%M:%S"),
        ("15.01.2024", "2024-01-15T00:00:00Z", "%d.%m.%Y"),
        ("15.01.2024 10:30:00", "2024-01-15T10:30:00Z", "%d.%m.%Y %H:%M:%S"),
        ("January 15, 2024", "2024-01-15T00:00:00Z", "%B %d, %Y"),
        ("jan 5, 2024 10:30:00", "2024-01-05T10:30:00Z", "%B %d, %Y %H:%M:%S"),
        ("1705315800", "2024-01-15T10:50:00Z", "timestamp"),
        (1705315800, "2024-01-15T10:50:00Z", "timestamp"),
        ("-1", "1969-12-31T23:59:59Z", "timestamp"),
        ("2024-02-29", "2024-02-29T00:00:00Z", "%Y-%m-%d"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "%Y-%m-%dT%H:%M:%S%.fZ"),
        ("0001-01-01", "0001-01-01T00:00:00Z", "%Y-%m-%d"),
    ],
)
def test_a_date_is_read(text, expected, input_format):
    got = ask(input=text)

    assert got["parsed"]["utc"] == expected
    assert got["input_format"] == input_format


def test_parse_gives_all_parts():
    """`parsed{utc,timestamp,year,month,day,hour,minute,second,weekday}`, in UTC."""
    got = REGISTRY.invoke("date_time_handler", {"input": "2024-01-15T23:30:05-05:00"}).output

    assert got == {
        "operation": "parse",
        "success": True,
        "message": "Date parsed successfully",
        "result": {
            "input": "2024-01-15T23:30:05-05:00",
            "parsed": {
                "utc": "2024-01-16T04:30:05Z", "timestamp": 1705379405, "year": 2024, "month": 1, "day": 16,
                "hour": 4, "minute": 30, "second": 5, "weekday": "Tuesday",
            },
            "format_used": "%Y-%m-%dT%H:%M:%S%.fZ",
            "input_format": "%Y-%m-%dT%H:%M:%S%z",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "known formats"),
        ("soon", "known formats"),
        ("0000-01-01", "year 0 is outside 1 to 9999"),
        ("10000-01-01", "year 10000 is outside 1 to 9999"),
        ("99999999999999999999-01-01", "of more than nine digits"),
        ("2023-02-29", "day 29 is outside 1 to 28"),
        ("2024-13-01", "month 13"),
        ("13/13/2024", "month 13"),
        ("2024-01-01T24:00:00", "hour 24"),
        ("2024-01-01 00:60:00", "minute 60"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2016-12-31T23:59:61Z", "second 61"),
        ("Tue, 15 Jan 2024 10:30:00 GMT", "is a Monday, not a Tuesday"),
        ("9" * 30, "outside the years 1 to 9999"),
        ("9" * 5000, "outside the years 1 to 9999"),
        ("9999-12-31T23:59:59-01:00", "outside the years 1 to 9999"),
        ("0001-01-01T00:00:00+01:00", "outside the years 1 to 9999"),
        ("2024-01-01T00:00:00+25:00", "known formats"),
        ("\uff12\uff10\uff12\uff14-01-01", "known formats"),
        ("2024-01-01\x00", "known formats"),
        ("2024-01-01" * 10_000, "known formats"),
    ],
)
def test_what_is_no_date_is_refused_with_its_reason(text, said):
    with pytest.raises(InvalidParameters, match=said) as caught:
        ask(input=text)

    assert caught.value.details["field"] == "input"
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-03-10T06:59:59Z", "America/New_York", "2024-03-10 01:59:59 EST"),
        ("2024-03-10T07:00:00Z", "America/New_York", "2024-03-10 03:00:00 EDT"),
        ("2024-11-03T05:30:00Z", "America/New_York", "2024-11-03 01:30:00 EDT"),
        ("2024-11-03T06:30:00Z", "America/New_York", "2024-11-03 01:30:00 EST"),
        ("2024-01-15T10:30:00Z", "Asia/Kolkata", "2024-01-15 16:00:00 IST"),
        ("2024-01-15T10:30:00Z", "UTC", "2024-01-15 10:30:00 UTC"),
        ("2024-01-15T10:30:00Z", "+05:45", "2024-01-15 16:15:00 +05:45"),
    ],
)
def test_a_moment_is_shown_elsewhere_with_the_right_offset(text, zone, expected):
    got = ask("convert_timezone", input=text, target_timezone=zone)

    assert got["converted"] == expected
    assert got["original"].endswith("UTC")
    assert got["target_timezone"] == zone


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("europe/berlin", "did you mean 'Europe/Berlin'"),
        ("Berlin", "did you mean 'Europe/Berlin'"),
        ("utc", "did you mean 'UTC'"),
        ("PST", "did you mean 'America/Los_Angeles'"),
        ("XST", "or an offset as '"),
        ("UTC+1", "or an offset as '"),
        ("Mars/Olympus", "unknown time zone"),
        ("America", "unknown time zone"),
        ("../../etc/passwd", "unknown time zone"),
        ("/etc/localtime", "unknown time zone"),
        ("a\x00b", "unknown time zone"),
        ("", "unknown time zone"),
        ("+25:00", "less than a day"),
        ("+1:0", "is no offset"),
    ],
)
def test_an_unknown_zone_is_refused(zone, said):
    with pytest.raises(InvalidParameters, match=said) as caught:
        ask("convert_timezone", input="2024-01-15", target_timezone=zone)

    assert caught.value.details["field"] == "target_timezone"


def test_a_machine_without_zones_says_which_package_has_them(monkeypatch):
    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    with pytest.raises(ToolUnavailable, match="pip install tzdata"):
        ask("now", timezone="No/Where")


def test_a_date_without_offset_is_at_home_in_the_timezone_given():
    assert utc("2024-07-01 12:00:00", timezone="Europe/Berlin") == "2024-07-01T10:00:00Z"


def test_an_hour_that_comes_twice_is_the_first():
    assert utc("2024-10-27 02:30:00", timezone="Europe/Berlin") == "2024-10-27T00:30:00Z"


def test_an_hour_that_the_clocks_skip_is_refused():
    with pytest.raises(InvalidParameters, match="does not exist in Europe/Berlin"):
        utc("2024-03-31 02:30:00", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("operation", "amount", "unit", "expected"),
    [
        ("add", 5, "days", "2024-03-04T10:30:00Z"),
        ("add", 1, "d", "2024-02-29T10:30:00Z"),
        ("add", -90, "min", "2024-02-28T09:00:00Z"),
        ("subtract", 2, "hr", "2024-02-28T08:30:00Z"),
        ("subtract", 1, "Weeks", "2024-02-21T10:30:00Z"),
        ("add", 30, "secs", "2024-02-28T10:30:30Z"),
    ],
)
def test_time_is_added_and_taken_away(operation, amount, unit, expected):
    got = ask(operation, input="2024-02-28T10:30:00Z", amount=amount, unit=unit)

    assert got == {
        "input": "2024-02-28T10:30:00Z", "amount": amount, "unit": unit, "original": "2024-02-28T10:30:00Z",
        "result": expected,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"amount": 10**9, "unit": "weeks"}, "amount"),
        ({"amount": 10**30, "unit": "s"}, "amount"),
        ({"amount": 1, "unit": "fortnight"}, "unit"),
        ({"amount": 1.5, "unit": "days"}, "amount"),
        ({"unit": "days"}, "amount"),
        ({"amount": 1}, "unit"),
    ],
)
def test_bad_arithmetic_names_the_field(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        ask("add", input="2024-01-01", **parameters)

    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-15T10:30:00Z", "2024-01-20T15:45:00Z", (450900, 5, 125, 7515, "5 days, 5 hours, 15 minutes")),
        ("2024-01-02", "2024-01-01 23:00:00", (-3600, 0, -1, -60, "1 hour ago")),
        ("2024-01-01", "2024-01-01", (0, 0, 0, 0, "0 seconds")),
        ("2024-01-01T00:00:00Z", "2024-01-01T01:01:01Z", (3661, 0, 1, 61, "1 hour, 1 minute, 1 second")),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00Z", (0, 0, 0, 0, "0 seconds")),
    ],
)
def test_two_dates_are_compared(start, end, expected):
    got = ask("difference", start=start, end=end)["difference"]

    assert (got["total_seconds"], got["days"], got["hours"], got["minutes"], got["human_readable"]) == expected


def test_info_describes_a_date():
    got = ask("info", input="2024-12-30 10:00:00")["info"]

    assert got == {
        "year": 2024, "month": 12, "day": 30, "hour": 10, "minute": 0, "second": 0, "weekday": "Monday",
        "day_of_year": 365, "week_of_year": 1, "is_leap_year": True, "days_in_month": 31,
        "start_of_day": "2024-12-30T00:00:00Z", "end_of_day": "2024-12-30T23:59:59.999999999Z",
    }  # fmt: skip


def test_formats_lists_the_22_input_formats():
    got = ask("formats")

    assert len(got["available_formats"]) == 22
    assert got["available_formats"].index("%d/%m/%Y") < got["available_formats"].index("%m/%d/%Y")
    assert set(got["example_formats"]) >= {"ISO8601", "RFC3339", "RFC2822", "Date only"}


def test_every_example_format_can_be_written_and_most_be_read():
    for pattern in ask("formats")["available_formats"]:
        written = utc("2024-01-15T10:30:00Z", format=pattern)

        assert utc(written).startswith("2024-01-15T")


def test_now_is_now():
    before = dt.datetime.now(dt.UTC)
    got = ask("now", timezone="Asia/Tokyo")
    after = dt.datetime.now(dt.UTC)

    assert before <= dt.datetime.fromisoformat(got["datetime"]) <= after
    assert got["datetime"].endswith("+09:00")
    assert got["timezone"] == "Asia/Tokyo"
    assert ask("now")["timezone"] == "local"
    assert ask("now", timezone="UTC")["datetime"].endswith("Z")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%A %d %B %Y", "Friday 05 January 2024"),
        ("%-d.%-m.%y %-H", "5.1.24 9"),
        ("%I:%M %p %P", "09:07 AM am"),
        ("%a %b %e|%j|%U|%W|%V|%G|%u|%w", "Fri Jan  5|005|00|01|01|2024|5|5"),
        ("%H%M%S%.3f %f %3f %.f", "090703.250 250000 250 .250"),
        ("%z %:z %Z %s", "+0000 +00:00 UTC 1704445623"),
        ("%D %F %T %R %c", "01/05/24 2024-01-05 09:07:03 09:07 Fri Jan  5 09:07:03 2024"),
        ("100%% %%Y", "100% %Y"),
        ("", "2024-01-05T09:07:03.250Z"),
    ],
)
def test_strftime_writes(pattern, expected):
    assert utc("2024-01-05T09:07:03.25Z", format=pattern) == expected


@pytest.mark.parametrize("pattern", ["%Q", "%", "a%", "%-", "%.", "%ö", "x" * 10_001])
def test_a_bad_format_is_refused(pattern):
    with pytest.raises(InvalidParameters) as caught:
        ask(input="2024-01-05", format=pattern)

    assert caught.value.details["field"] == "format"


def test_a_missing_input_is_named():
    with pytest.raises(InvalidParameters, match="input"):
        ask("info")


MOMENTS = st.datetimes(dt.datetime.fromisoformat("0002-01-01"), dt.datetime.fromisoformat("9998-12-31"))


@settings(max_examples=200, deadline=None)
@given(MOMENTS)
def test_what_isoformat_writes_is_read(moment):
    got = dt.datetime.fromisoformat(utc(moment.isoformat() + "Z"))

    assert got == moment.replace(tzinfo=dt.UTC)


@settings(max_examples=100, deadline=None)
@given(MOMENTS.filter(lambda moment: moment.year >= 1900))
def test_what_email_writes_is_read(moment):
    """RFC 2822 dates, against the standard library."""
    whole = moment.replace(microsecond=0, tzinfo=dt.UTC)

    assert dt.datetime.fromisoformat(utc(email.utils.format_datetime(whole))) == whole


@settings(max_examples=200, deadline=None)
@given(MOMENTS, st.sampled_from([f"%{letter}" for letter in "YmdHMSjUWVGuwIyf"]))
def test_strftime_agrees_with_python(moment, directive):
    got = utc(moment.isoformat() + "Z", format=directive)

    assert got == (f"{moment.year:04}" if directive == "%Y" else f"{moment.isocalendar().year:04}"
                   if directive == "%G" else moment.strftime(directive))  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(MOMENTS, st.integers(-(10**9), 10**9), st.sampled_from(["seconds", "minutes", "hours", "days"]))
def test_subtract_undoes_add(moment, amount, unit):
    start = moment.isoformat() + "Z"
    try:
        there = ask("add", input=start, amount=amount, unit=unit)["result"]
    except InvalidParameters:
        return

    assert ask("subtract", input=there, amount=amount, unit=unit)["result"] == utc(start)
