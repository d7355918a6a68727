"""Tera's filters, tests and functions that Jinja has not, or has with other arguments (https://keats.github.io/tera/docs).

Plain functions on plain values, given to the sandboxed environment of `template_jinja`. Runs in the isolated child.
"""

from __future__ import annotations

import random
import re
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from jinja2 import Undefined

from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError
from llmspell_tools.jsontext import dumps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_MAX_RANGE = 100_000
_MAX_PATTERN = 10_000
#: What encodeURIComponent leaves alone; `urlencode` keeps the slash, too.
_UNRESERVED = "-_.!~*'()"


def text_of(value: Any) -> str:
    """Return a value as Tera prints it: JSON's words, floats without exponent, nothing for null."""
    if isinstance(value, str):
        return value  # also text that is marked as safe
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(text_of, value))}]"
    return "[object]" if isinstance(value, dict) else str(value)


def _float(value: float) -> str:
    if value.is_integer():
        return format(value, ".0f")
    from decimal import Decimal

    return format(Decimal(repr(value)), "f")


def truncate(value: Any, length: int = 255, end: str = "…") -> str:
    """Cut after so many characters; Tera counts `end` beside them."""
    text = text_of(value)
    return text if len(text) <= length else text[:length] + end


def replace(value: Any, *arguments: str, **named: str) -> str:
    """Replace a text by another: `from` and `to`, a word that Python cannot name an argument."""
    given = {**dict(zip(("from", "to"), arguments, strict=False)), **named}
    if set(given) != {"from", "to"}:
        raise InvalidParameters("filter 'replace' needs from and to", field="input")
    return text_of(value).replace(given["from"], given["to"])


def slugify(value: Any) -> str:
    """Return lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text_of(value).replace("ß", "ss")).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def json_encode(value: Any, pretty: bool = False) -> str:
    """Return JSON text."""
    return dumps(value, 2 if pretty else None)


def date(value: Any, format: str = "%Y-%m-%d", timezone: str | None = None) -> str:
    """Format a moment: seconds since 1970, or a text that datetime-handler reads."""
    from llmspell_tools.builtin.utility.datetime_formatting import format_moment

    return format_moment(_moment(value, timezone), format)


def _moment(value: Any, timezone: str | None) -> datetime:
    from datetime import UTC

    from llmspell_tools.builtin.utility.datetime_parsing import parse_moment
    from llmspell_tools.builtin.utility.datetime_zones import find_zone

    text = str(int(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else text_of(value)
    moment = parse_moment(text, "context", UTC)[0]
    return moment if timezone is None else moment.astimezone(find_zone(timezone, "input"))


def addslashes(value: Any) -> str:
    """Put a backslash before quotes and backslashes."""
    return re.sub(r"""(["'\\])""", r"\\\1", text_of(value))


def urlencode(value: Any) -> str:
    """Percent-encode, slashes kept."""
    return quote(text_of(value), safe="/" + _UNRESERVED)


def urlencode_strict(value: Any) -> str:
    """Percent-encode everything but letters and digits."""
    return re.sub(r"[-_.~]", lambda found: f"%{ord(found[0]):02X}", quote(text_of(value), safe=""))


def pluralize(value: Any, singular: str = "", plural: str = "s") -> str:
    """Return the ending for a number."""
    return singular if value == 1 else plural


def nth(value: Any, n: int) -> Any:
    """Return an item of an array, nothing where there is none."""
    return value[n] if 0 <= n < len(value) else ""


def slice_(value: Any, start: int = 0, end: int | None = None) -> Any:
    """Return a part of an array."""
    return value[start:end]


def concat(value: Any, **named: Any) -> list[Any]:
    """Return an array with another, or one more item, behind it."""
    more = named.get("with")
    return [*value, *more] if isinstance(more, list) else [*value, more]


def get(value: Any, key: str, default: Any = None) -> Any:
    """Return a member of an object."""
    if key not in value and default is None:
        raise InvalidParameters(f"filter 'get': there is no '{key}'", field="context")
    return value.get(key, default)


def member(value: Any, path: str | None) -> Any:
    """Return what a dotted path leads to; None where it leads nowhere."""
    for step in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def sort(value: Any, attribute: str | None = None) -> list[Any]:
    """Sort an array, by an attribute of its items if named."""
    return sorted(value, key=lambda item: member(item, attribute))


def unique(value: Any, attribute: str | None = None, case_sensitive: bool = False) -> list[Any]:
    """Drop items that came before."""
    seen: set[str] = set()
    found: list[Any] = []
    for item in value:
        key = dumps(member(item, attribute))
        key = key if case_sensitive else key.lower()
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found


def group_by(value: Any, attribute: str) -> dict[str, list[Any]]:
    """Return arrays of items by an attribute; items without it are left out."""
    groups: dict[str, list[Any]] = {}
    for item in value:
        key = member(item, attribute)
        if key is not None:
            groups.setdefault(text_of(key), []).append(item)
    return groups


def filter_(items: Any, /, attribute: str, **named: Any) -> list[Any]:
    """Keep items whose attribute equals `value`, or is there."""
    if "value" in named:
        return [item for item in items if member(item, attribute) == named["value"]]
    return [item for item in items if member(item, attribute) is not None]


def default(found: Any, /, value: Any = "") -> Any:
    """Return another value where a name is not there."""
    return value if isinstance(found, Undefined) else found


def join(items: Any, /, sep: str = "") -> str:
    """Return the items' texts with a text between them."""
    return sep.join(map(text_of, items))


def map_(value: Any, attribute: str) -> list[Any]:
    """Return an attribute of each item that has it."""
    return [found for item in value if (found := member(item, attribute)) is not None]


def round_(value: float, method: str = "common", precision: int = 0) -> float | int:
    """Round: common, ceil or floor."""
    import math

    scale = 10**precision
    how: dict[str, Callable[[float], int]] = {
        "common": lambda number: math.floor(number + 0.5) if number >= 0 else math.ceil(number - 0.5),
        "ceil": math.ceil,
        "floor": math.floor,
    }
    if method not in how or not 0 <= precision <= 15:
        raise InvalidParameters("filter 'round': method is common, ceil or floor, precision 0 to 15", field="input")
    rounded = how[method](value * scale) / scale
    return int(rounded) if not precision else rounded


def split(value: Any, pat: str) -> list[str]:
    """Cut a text at a separator."""
    return text_of(value).split(pat)


def trim_start_matches(value: Any, pat: str) -> str:
    """Drop a text from the start, as often as it is there."""
    text = text_of(value)
    while pat and text.startswith(pat):
        text = text.removeprefix(pat)
    return text


def trim_end_matches(value: Any, pat: str) -> str:
    """Drop a text from the end, as often as it is there."""
    text = text_of(value)
    while pat and text.endswith(pat):
        text = text.removesuffix(pat)
    return text


def range_(*bounds: int, **named: int) -> range:
    """Return whole numbers; Tera names its arguments start, end and step_by."""
    given = {
        **dict(zip(("start", "end", "step_by"), bounds if len(bounds) != 1 else (0, *bounds), strict=False)),
        **named,
    }
    found = range(given.get("start", 0), given["end"], given.get("step_by", 1))
    if len(found) > _MAX_RANGE:
        raise OverflowError(f"a range of {len(found)} numbers is longer than {_MAX_RANGE}")
    return found


def now(timestamp: bool = False, utc: bool = False) -> str | int:  # noqa: ARG001 - the child knows no other zone
    """Return the moment, in UTC."""
    from datetime import UTC, datetime

    moment = datetime.now(UTC)
    return int(moment.timestamp()) if timestamp else moment.isoformat()


def throw(message: str) -> None:
    """End the template with an error."""
    raise ToolExecutionError(f"the template says: {message}")


def get_random(end: int, start: int = 0) -> int:
    """Return a whole number from start to before end."""
    return random.randrange(start, end)  # noqa: S311 - for texts, not for secrets


def trim_start(value: Any) -> str:
    """Drop white space from the start."""
    return text_of(value).lstrip()


def trim_end(value: Any) -> str:
    """Drop white space from the end."""
    return text_of(value).rstrip()


def capitalize(value: Any) -> str:
    """Make the first letter large and the others small."""
    text = text_of(value)
    return text[:1].upper() + text[1:].lower()


def escape_xml(value: Any) -> str:
    """Escape for XML."""
    return escape(text_of(value), {'"': "&quot;", "'": "&apos;"})


def linebreaksbr(value: Any) -> str:
    """Put `<br>` for line breaks."""
    return text_of(value).replace("\r\n", "\n").replace("\n", "<br>")


def spaceless(value: Any) -> str:
    """Drop white space between tags."""
    return re.sub(r">\s+<", "><", text_of(value))


def starting_with(value: Any, start: str) -> bool:
    """Test the start of a text."""
    return text_of(value).startswith(start)


def ending_with(value: Any, end: str) -> bool:
    """Test the end of a text."""
    return text_of(value).endswith(end)


def containing(value: Any, part: Any) -> bool:
    """Test for a part of a text, an item of an array, a member of an object."""
    return part in value


def matching(value: Any, pattern: str) -> bool:
    """Test by a regular expression; the child's deadline ends one that backtracks for ever."""
    if len(pattern) > _MAX_PATTERN:
        raise LimitExceeded(f"test 'matching': a pattern of {len(pattern)} characters; the limit is {_MAX_PATTERN}")
    try:
        return re.search(pattern, text_of(value)) is not None
    except (re.error, OverflowError) as error:
        raise InvalidParameters(f"test 'matching': no regular expression: {error}", field="input") from None


def is_object(value: Any) -> bool:
    """Test for an object."""
    return isinstance(value, dict)


FILTERS: dict[str, Callable[..., Any]] = {
    "addslashes": addslashes, "as_str": text_of, "capitalize": capitalize, "concat": concat, "date": date,
    "default": default, "join": join,
    "escape_xml": escape_xml, "filter": filter_, "get": get, "group_by": group_by, "json_encode": json_encode,
    "linebreaksbr": linebreaksbr, "map": map_, "nth": nth, "pluralize": pluralize, "replace": replace,
    "round": round_, "slice": slice_, "slugify": slugify, "sort": sort, "spaceless": spaceless, "split": split,
    "trim_end": trim_end, "trim_end_matches": trim_end_matches, "trim_start": trim_start,
    "trim_start_matches": trim_start_matches, "truncate": truncate, "unique": unique, "urlencode": urlencode,
    "urlencode_strict": urlencode_strict,
}  # fmt: skip
#: For templates that say they are Jinja's: only what Jinja has not.
JINJA_FILTERS = ("addslashes", "date", "json_encode", "pluralize", "slugify", "split")
TESTS: dict[str, Callable[..., bool]] = {
    "starting_with": starting_with,
    "ending_with": ending_with,
    "containing": containing,
    "matching": matching,
    "object": is_object,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"range": range_, "now": now, "throw": throw, "get_random": get_random}
