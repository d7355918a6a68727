"""The checks of one JSON value on its own: its type, and the keywords that look at no other schema.

Each is a closure that takes a value and returns it, normalised, or raises `Mismatch`. `llmspell_tools.schema` puts
them together; this module knows neither parameters nor tools. Source: JSON Schema 2020-12, validation, section 6.
"""

from __future__ import annotations

from llmspell_tools.errors import ConfigurationError, InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from llmspell_tools.types import JsonObject

    #: Takes a value, returns it (normalised), raises `Mismatch`.
    Check = Callable[[Any], Any]


#: Thirty years: a longer timeout is as good as none, and more than system calls take.
_LONGEST_S = 1e9


class Mismatch(Exception):
    """A value that its schema does not allow; the path grows from the inside out while it travels."""

    def __init__(self, message: str, keyword: str) -> None:
        super().__init__(message)
        self.message = message
        self.keyword = keyword
        self.path: list[str | int] = []

    def where(self) -> str:
        """Return the path as callers write it, `rules.rules[0].type`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or an empty string; see `llmspell_tools.nearest`."""
    from llmspell_tools import nearest  # only failures pay for it

    return nearest.did_you_mean(name, candidates)


def describe(value: object) -> str:
    """Say what a value is in JSON's words, short enough for a message: `integer 5`, `string "abc…"`."""
    kind = json_type(value)
    if isinstance(value, bytes):
        return f"a string of {len(value)} bytes that is not UTF-8"
    if isinstance(value, str):
        return f'string "{shown(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        digits = repr(value) if not isinstance(value, int) or value.bit_length() < 200 else "too long to show"
        return f"{kind} {digits}"
    if isinstance(value, (list, tuple, dict)):
        return f"{'an array' if kind == 'array' else 'an object'} of {len(value)}"
    return kind


def shown(text: str, most: int = 40) -> str:
    """Return a caller's text as a message may show it: not too long, and nothing in it that moves a terminal."""
    if len(text) > most:
        text = text[: most - 3] + "…"
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def json_type(value: object) -> str:
    """Return the JSON Schema type of a value; `integer` for a whole number that is an int."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "array"
    if isinstance(value, dict):
        return "object"
    return type(value).__name__


def same(left: object, right: object) -> bool:
    """JSON equality: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return left == right


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    raise Mismatch(f"expected string, got {describe(value)}", "type")


def _boolean(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise Mismatch(f"expected boolean, got {describe(value)}", "type")


def _integer(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise Mismatch(f"expected integer, got {describe(value)}", "type")


def _number(value: Any) -> Any:
    kind = type(value)
    if kind is int or (kind is float and value - value == 0.0):  # neither infinite nor NaN
        return value
    raise Mismatch(f"expected number, got {describe(value)}", "type")


def _array(value: Any) -> Any:
    if type(value) is list:
        return value
    if type(value) is tuple:
        return list(value)
    if value == {} and type(value) is dict:
        return []
    raise Mismatch(f"expected array, got {describe(value)}", "type")


def _list_only(value: Any) -> Any:
    if type(value) is list:
        return value
    raise Mismatch(f"expected array, got {describe(value)}", "type")


def _object(value: Any) -> Any:
    if type(value) is dict:
        return value
    raise Mismatch(f"expected object, got {describe(value)}", "type")


def _null(value: Any) -> Any:
    if value is None:
        return value
    raise Mismatch(f"expected null, got {describe(value)}", "type")


_TYPES: dict[str, Check] = {
    "string": _string, "boolean": _boolean, "integer": _integer, "number": _number, "array": _array,
    "object": _object, "null": _null,
}  # fmt: skip


for _name, _check in _TYPES.items():
    _check.wanted = _name  # type: ignore[attr-defined]


def type_check(wanted: Sequence[object]) -> Check:
    """Return the check of the keyword `type`: one name, or several of which any will do."""
    for name in wanted:
        if name not in _TYPES:
            raise ConfigurationError(f"'{name}' is no JSON Schema type; the types are: {', '.join(_TYPES)}")
    if len(wanted) == 1:
        return _TYPES[str(wanted[0])]
    exact = [_TYPES[str(name)] for name in wanted if not (name == "array" and "object" in wanted)]
    if "array" in wanted and "object" in wanted:
        exact.append(_list_only)

    def check(value: Any) -> Any:
        for each in exact:
            try:
                return each(value)
            except Mismatch:
                continue
        raise Mismatch(f"expected {' or '.join(map(str, wanted))}, got {describe(value)}", "type")

    check.wanted = " or ".join(map(str, wanted))  # type: ignore[attr-defined]
    return check


def enum_checks(schema: JsonObject) -> list[Check]:
    """Return the check of `enum` or `const`, if the schema has one."""
    if "enum" in schema:
        values = list_of(schema, "enum")
    elif "const" in schema:
        values = [schema["const"]]
    else:
        return []
    texts = frozenset(value for value in values if isinstance(value, str))

    def check(value: Any) -> Any:
        if (type(value) is str and value in texts) or any(same(value, each) for each in values):
            return value
        hint = did_you_mean(value, texts) if isinstance(value, str) else ""
        shown = ", ".join(str(each) for each in values)
        raise Mismatch(f"{describe(value)} is none of: {shown}{hint}", "enum")

    check.wanted = "one of: " + ", ".join(str(each) for each in values)  # type: ignore[attr-defined]
    return [check]


def _bound(schema: JsonObject, keyword: str, fits: Callable[[Any, Any], bool], words: str) -> list[Check]:
    if keyword not in schema:
        return []
    limit = schema[keyword]

    def check(value: Any) -> Any:
        if type(value) in (int, float) and not fits(value, limit):
            raise Mismatch(f"must be {words} {limit}, got {describe(value)}", keyword)
        return value

    return [check]


def number_checks(schema: JsonObject) -> list[Check]:
    """Return the checks of the bounds and of `multipleOf`."""
    return [
        *_bound(schema, "minimum", lambda value, limit: value >= limit, "at least"),
        *_bound(schema, "maximum", lambda value, limit: value <= limit, "at most"),
        *_bound(schema, "exclusiveMinimum", lambda value, limit: value > limit, "more than"),
        *_bound(schema, "exclusiveMaximum", lambda value, limit: value < limit, "less than"),
        *_bound(schema, "multipleOf", lambda value, limit: value % limit == 0, "a multiple of"),
    ]


def sized(schema: JsonObject, kind: type[Any], minimum: str, maximum: str, words: str) -> list[Check]:
    """Return the checks of least and most length of a `kind`; `words` says what is counted."""
    least, most = schema.get(minimum), schema.get(maximum)
    checks: list[Check] = []
    if isinstance(least, int):

        def at_least(value: Any) -> Any:
            if type(value) is kind and len(value) < least:
                raise Mismatch(f"needs at least {least} {words}, got {len(value)}", minimum)
            return value

        checks.append(at_least)
    if isinstance(most, int):

        def at_most(value: Any) -> Any:
            if type(value) is kind and len(value) > most:
                raise Mismatch(f"may have at most {most} {words}, got {len(value)}", maximum)
            return value

        checks.append(at_most)
    return checks


def string_checks(schema: JsonObject) -> list[Check]:
    """Return the checks of length and `pattern`."""
    checks = sized(schema, str, "minLength", "maxLength", "characters")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        import re

        try:
            matches = re.compile(pattern).search
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigurationError(f"'{pattern}' is no pattern: {error}") from error

        def check(value: Any) -> Any:
            if type(value) is str and not matches(value):
                raise Mismatch(f"{describe(value)} does not match {pattern}", "pattern")
            return value

        checks.append(check)
    return checks


def unique(value: Any) -> Any:
    """Check `uniqueItems`."""
    if type(value) is list:
        for index, member in enumerate(value):
            if any(same(member, earlier) for earlier in value[:index]):
                raise Mismatch(f"items must be unique, item {index} is not", "uniqueItems")
    return value


def checked_timeout(timeout_s: float) -> float:
    """Return a timeout in seconds that clocks can work with; of a call, not of a schema, but a value all the same.

    Raises:
        InvalidParameters: It is negative, NaN or no number.
    """
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not timeout_s >= 0:
        raise InvalidParameters(f"a timeout is 0 seconds or more, not {describe(timeout_s)}", field="timeout_s")
    return float(min(timeout_s, _LONGEST_S))


def mapping_of(schema: JsonObject, keyword: str) -> JsonObject:
    """Return a keyword that must be an object; {} where it is absent."""
    value = schema.get(keyword, {})
    if not isinstance(value, dict):
        raise ConfigurationError(f"the schema keyword '{keyword}' wants an object, not {describe(value)}")
    return value


def list_of(schema: JsonObject, keyword: str) -> list[Any]:
    """Return a keyword that must be an array; [] where it is absent."""
    value = schema.get(keyword, [])
    if not isinstance(value, list):
        raise ConfigurationError(f"the schema keyword '{keyword}' wants an array, not {describe(value)}")
    return value
