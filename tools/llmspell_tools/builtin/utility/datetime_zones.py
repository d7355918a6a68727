"""Time zone names to zones: IANA names through `zoneinfo`, fixed offsets, and UTC."""

from __future__ import annotations

from llmspell_tools.builtin.utility.datetime_parsing import offset_seconds
from llmspell_tools.errors import InvalidParameters, ToolUnavailable
from llmspell_tools.schema_values import shown

#: Abbreviations that are no names of zones, for messages: which zone most people mean. A name that only looks alike is
#: another zone.
_ABBREVIATIONS = {
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "mdt": "America/Denver", "cst": "America/Chicago",
    "cdt": "America/Chicago", "edt": "America/New_York", "bst": "Europe/London", "ist": "Asia/Kolkata",
    "cest": "Europe/Berlin", "eest": "Europe/Athens", "msk": "Europe/Moscow", "jst": "Asia/Tokyo",
    "aest": "Australia/Sydney", "aedt": "Australia/Sydney",
}  # fmt: skip
_LONGEST_ABBREVIATION = 4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo


def find_zone(name: str, field: str) -> tzinfo:
    """Return the zone of a name.

    Args:
        name: ``Europe/Berlin``, ``UTC``, ``Z``, or an offset such as ``+02:00``.
        field: The parameter that the name came in, for messages.

    Raises:
        InvalidParameters: There is no such zone; the message has the nearest name.
        ToolUnavailable: The machine has no time zone database.
    """
    from datetime import UTC  # 3 ms, only date tools need it

    if name in ("UTC", "Z"):
        return UTC
    if name[:1] in ("+", "-"):
        return _fixed(name, field)
    import zoneinfo  # 10 ms, and only named zones need it

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        raise _unknown(name, field) from None


def _fixed(name: str, field: str) -> tzinfo:
    from datetime import timedelta, timezone

    seconds = offset_seconds(name)
    if seconds is None:
        raise InvalidParameters(
            f"parameter '{field}': '{shown(name)}' is no offset; write it as +02:00, less than a day", field=field
        )
    return timezone(timedelta(seconds=seconds))


def _unknown(name: str, field: str) -> Exception:
    import zoneinfo

    from llmspell_tools.nearest import nearest  # only failures pay for it

    known = zoneinfo.available_timezones()
    if not known:
        return ToolUnavailable("this machine has no time zone database; install one: pip install tzdata")
    by_lower = {each.lower(): each for each in known}
    folded = name[:100].strip().lower().replace(" ", "_")
    near = by_lower.get(folded) or _ABBREVIATIONS.get(folded)
    if near is None and len(folded) > _LONGEST_ABBREVIATION and folded[:4] not in ("gmt+", "gmt-", "utc+", "utc-"):
        near = by_lower.get(nearest(folded, by_lower) or "") or _by_city(folded, by_lower)
    hint = f"did you mean '{near}'?" if near else "use an IANA name such as 'Europe/Berlin', or an offset as '+02:00'"
    return InvalidParameters(f"parameter '{field}': unknown time zone '{shown(name, 60)}'; {hint}", field=field)


def _by_city(name: str, by_lower: dict[str, str]) -> str | None:
    return next((by_lower[each] for each in sorted(by_lower) if name and each.endswith("/" + name)), None)
