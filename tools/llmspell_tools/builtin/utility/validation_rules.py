"""The rules of data-validator: their definitions checked and compiled to functions, then applied to a value.

A rule is ``{type, ...its options}``. A compiled rule is a function `(value, path, report)` that adds what is wrong to
the report. A null is looked at by `required`, `type` and `enum` alone: whether it may be there is their question. So is
a property that is not there. Pure: the same module runs in the tool's own process and, where a caller wrote a regular
expression, in an isolated child (`validation_worker`).
"""

from __future__ import annotations

from llmspell_tools.builtin.utility import validation_formats as formats
from llmspell_tools.builtin.utility.validation_report import Enough, Report
from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.schema_values import describe, did_you_mean, json_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from llmspell_tools.types import JsonObject, JsonValue

    #: value, its path in the report, where to report
    Check: TypeAlias = "Callable[[Any, str, Report], None]"
    #: The rule's options and its path in the parameters, for messages.
    Builder: TypeAlias = "Callable[[dict[str, Any], str], Check]"

_MAX_NESTING = 32
_TYPES = ("null", "boolean", "number", "integer", "string", "array", "object")


class Rules:
    """Compiled rules of one value; `is_required` says that `required` is among them."""

    __slots__ = ("checks", "is_required")

    def __init__(self, checks: list[Check], *, is_required: bool) -> None:
        self.checks = checks
        self.is_required = is_required

    def apply(self, value: Any, path: str, report: Report) -> None:
        """Report what is wrong with a value."""
        report.step()
        for check in self.checks:
            check(value, path, report)


def validate(
    value: JsonValue, rules: JsonValue, most: int, check: Callable[[], None] | None = None, *, max_pattern: int = 10_000
) -> JsonObject:
    """Return ``{valid, errors, errors_truncated?}``.

    Args:
        value: What is checked; its path is `input`.
        rules: ``{rules: [...]}`` or the list itself.
        most: Errors to report.
        check: See `Report`.
        max_pattern: Characters that a regular expression may have.

    Raises:
        InvalidParameters: A rule is wrong; `field` says which.
    """
    try:
        compiled = compile_rules(rules, "rules", max_pattern=max_pattern)
        report = Report(most + 1, check)
        try:
            compiled.apply(value, "input", report)
        except Enough:
            pass
    except RecursionError:
        raise InvalidParameters("the input or the rules are nested too deeply") from None
    result: JsonObject = {"valid": not report.errors, "errors": report.errors[:most]}
    if len(report.errors) > most:
        result["errors_truncated"] = True
    return result


def has_pattern(rules: JsonValue) -> bool:
    """Tell whether a regular expression is among the rules, at any depth."""
    waiting: list[Any] = [rules]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if found.get("type") == "pattern":
                return True
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
    return False


def rule_list(rules: JsonValue, where: str) -> list[Any]:
    """Return the list in ``{rules: [...]}``; the bare list is taken as well, and an empty Lua table."""
    if isinstance(rules, dict):
        odd = next((key for key in rules if key != "rules"), None)
        if odd is not None or "rules" not in rules:
            got = "it has no member 'rules'" if odd is None else f"it has a member '{odd}'"
            raise InvalidParameters(f"'{where}' must be {{rules = [...]}}; {got}", field=where)
        rules, where = rules["rules"], f"{where}.rules"
    if rules == {}:
        return []
    if not isinstance(rules, list):
        raise InvalidParameters(f"'{where}' must be an array of rules, not {describe(rules)}", field=where)
    return rules


def compile_rules(rules: JsonValue, where: str, depth: int = 0, *, max_pattern: int = 10_000) -> Rules:
    """Return the functions of a list of rules; see `validate`."""
    if depth > _MAX_NESTING:
        raise InvalidParameters(f"rules are nested deeper than {_MAX_NESTING} levels", field="rules")
    path = f"{where}.rules" if isinstance(rules, dict) else where
    listed = rule_list(rules, where)
    checks = [_compile(rule, f"{path}[{at}]", depth, max_pattern) for at, rule in enumerate(listed)]
    return Rules(checks, is_required=any(rule["type"] == "required" for rule in listed))


def _compile(rule: Any, where: str, depth: int, max_pattern: int) -> Check:
    if not isinstance(rule, dict) or not isinstance(rule.get("type"), str):
        raise InvalidParameters(f"'{where}' must be an object with a 'type', not {describe(rule)}", field=where)
    name = rule["type"]
    known = _RULES.get(name)
    if known is None:
        raise InvalidParameters(
            f"'{where}.type': no rule has the type '{name}'{did_you_mean(name, _RULES)} "
            f"(there are: {', '.join(_RULES)})",
            field=f"{where}.type",
        )
    build, allowed, needed = known
    options = {key: value for key, value in rule.items() if key != "type" and value is not None}
    for key, value in options.items():
        if key not in allowed:
            raise InvalidParameters(
                f"'{where}': rule '{name}' has no option '{key}'{did_you_mean(key, allowed)}", field=f"{where}.{key}"
            )
        if json_type(value) not in allowed[key] and not (value == {} and "array" in allowed[key]):
            raise InvalidParameters(
                f"'{where}.{key}' must be {' or '.join(allowed[key])}, not {describe(value)}", field=f"{where}.{key}"
            )
    for key in needed:
        if key not in options:
            raise InvalidParameters(f"'{where}': rule '{name}' needs '{key}'", field=f"{where}.{key}")
    options["depth"], options["max_pattern"] = depth + 1, max_pattern
    return build(options, where)


def _required(_: dict[str, Any], __: str) -> Check:
    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            report.add(path, None, "required", "Field is required")

    return check


def _type(options: dict[str, Any], where: str) -> Check:
    expected = options["expected"]
    if expected not in _TYPES:
        raise InvalidParameters(
            f"'{where}.expected' must be one of {', '.join(_TYPES)}, not '{expected}'", field=f"{where}.expected"
        )

    def check(value: Any, path: str, report: Report) -> None:
        found = json_type(value)
        if found == "integer" and expected != "integer":
            found = "number"
        elif found == "number" and expected == "integer" and value.is_integer():
            found = "integer"
        if found != expected:
            report.add(path, value, "type", f"Expected type {expected}, got {found}")

    return check


def _length(options: dict[str, Any], where: str) -> Check:
    low, high = _bounds(options, where, "min", "max")

    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            return
        if not isinstance(value, (str, list, dict)):
            report.add(path, value, "length", f"Expected something with a length, got {json_type(value)}")
            return
        size = len(value)
        if low is not None and size < low:
            report.add(path, value, "length", f"Length {size} is less than the minimum {low}")
        elif high is not None and size > high:
            report.add(path, value, "length", f"Length {size} is more than the maximum {high}")

    return check


def _range(options: dict[str, Any], where: str) -> Check:
    low, high = _bounds(options, where, "min", "max")

    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            report.add(path, value, "range", f"Expected a number, got {json_type(value)}")
        elif low is not None and value < low:
            report.add(path, value, "range", f"Value is less than the minimum {low}")
        elif high is not None and value > high:
            report.add(path, value, "range", f"Value is more than the maximum {high}")

    return check


def _pattern(options: dict[str, Any], where: str) -> Check:
    import re

    regex = options["regex"]
    most = options["max_pattern"]
    if len(regex) > most:
        key = "[tools.data_validator] max_pattern_chars"
        raise LimitExceeded(
            f"'{where}.regex' has {len(regex)} characters, more than {most} ({key})",
            details={"key": key, "limit": most, "field": f"{where}.regex"},
        )
    try:
        search = re.compile(regex).search
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidParameters(f"'{where}.regex' is no regular expression: {error}", field=f"{where}.regex") from None
    return _text_check("pattern", lambda text: search(text) is not None, f"Value does not match the pattern {regex}")


def _enum(options: dict[str, Any], _: str) -> Check:
    values = list(options["values"])
    keys = {_key(value) for value in values}

    def check(value: Any, path: str, report: Report) -> None:
        if _key(value) not in keys:
            report.add(path, value, "enum", "Value is not one of the allowed values")

    return check


def _email(_: dict[str, Any], __: str) -> Check:
    return _text_check("email", formats.is_email, "Invalid email format")


def _url(_: dict[str, Any], __: str) -> Check:
    return _text_check("url", formats.is_url, "Invalid URL format")


def _date(options: dict[str, Any], where: str) -> Check:
    format = options.get("format")
    try:
        fits = formats.date_check(format)
    except InvalidParameters as error:
        raise InvalidParameters(f"'{where}.format': {error.message}", field=f"{where}.format") from None
    return _text_check("date", fits, f"Invalid date; expected format: {format or 'ISO 8601'}")


def _custom(options: dict[str, Any], where: str) -> Check:
    name = options["name"]
    fits = formats.CUSTOM.get(name)
    if fits is None:
        raise InvalidParameters(
            f"'{where}.name': no custom rule '{name}'{did_you_mean(name, formats.CUSTOM)} "
            f"(there are: {', '.join(formats.CUSTOM)})",
            field=f"{where}.name",
        )
    return _text_check("custom", fits, f"Invalid {name.replace('_', ' ')}")


def _array(options: dict[str, Any], where: str) -> Check:
    low, high = _bounds(options, where, "min_items", "max_items")
    is_unique = options.get("unique", False)
    rules = options.get("item_rules", [])
    items = compile_rules(rules, f"{where}.item_rules", options["depth"], max_pattern=options["max_pattern"])

    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            return
        if not isinstance(value, list):
            report.add(path, value, "array", f"Expected an array, got {json_type(value)}")
            return
        size = len(value)
        if low is not None and size < low:
            report.add(path, value, "array", f"Array has {size} items, less than the minimum {low}")
        if high is not None and size > high:
            report.add(path, value, "array", f"Array has {size} items, more than the maximum {high}")
        if is_unique:
            _report_repeated(value, path, report)
        if items.checks:
            for at, item in enumerate(value):
                items.apply(item, f"{path}[{at}]", report)

    return check


def _object(options: dict[str, Any], where: str) -> Check:
    required = _names(options.get("required", []), f"{where}.required")
    is_open = options.get("additional_properties", True)
    properties = {
        name: compile_rules(rules, f"{where}.properties.{name}", options["depth"], max_pattern=options["max_pattern"])
        for name, rules in options.get("properties", {}).items()
    }

    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            return
        if not isinstance(value, dict):
            report.add(path, value, "object", f"Expected an object, got {json_type(value)}")
            return
        for name in required:
            if name not in value:
                report.add(f"{path}.{name}", None, "required", f"Required property '{name}' is missing")
        for name, rules in properties.items():
            if name in value:
                rules.apply(value[name], f"{path}.{name}", report)
            elif rules.is_required and name not in required:
                report.add(f"{path}.{name}", None, "required", "Field is required")
        if not is_open:
            for name in value:
                if name not in properties and name not in required:
                    report.add(f"{path}.{name}", value[name], "object", f"Additional property '{name}' is not allowed")

    return check


#: By type: the builder, its options with their JSON types, the options that must be there.
_NUMBER = ("integer", "number")
_RULES: dict[str, tuple[Builder, dict[str, tuple[str, ...]], tuple[str, ...]]] = {
    "required": (_required, {}, ()),
    "type": (_type, {"expected": ("string",)}, ("expected",)),
    "length": (_length, {"min": _NUMBER, "max": _NUMBER}, ()),
    "range": (_range, {"min": _NUMBER, "max": _NUMBER}, ()),
    "pattern": (_pattern, {"regex": ("string",)}, ("regex",)),
    "enum": (_enum, {"values": ("array",)}, ("values",)),
    "email": (_email, {}, ()),
    "url": (_url, {}, ()),
    "date": (_date, {"format": ("string",)}, ()),
    "custom": (_custom, {"name": ("string",)}, ("name",)),
    "array": (
        _array,
        {"min_items": _NUMBER, "max_items": _NUMBER, "unique": ("boolean",), "item_rules": ("object", "array")},
        (),
    ),
    "object": (
        _object,
        {"properties": ("object",), "required": ("array",), "additional_properties": ("boolean",)},
        (),
    ),
}


def _text_check(rule: str, fits: Callable[[str], bool], message: str) -> Check:
    def check(value: Any, path: str, report: Report) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            report.add(path, value, rule, f"Expected a string, got {json_type(value)}")
        elif not fits(value):
            report.add(path, value, rule, message)

    return check


def _bounds(options: dict[str, Any], where: str, low_name: str, high_name: str) -> tuple[Any, Any]:
    low, high = options.get(low_name), options.get(high_name)
    if low is not None and high is not None and low > high:
        raise InvalidParameters(f"'{where}': {low_name} {low} is more than {high_name} {high}", field=where)
    return low, high


def _names(names: Any, where: str) -> list[str]:
    for name in names:
        if not isinstance(name, str):
            raise InvalidParameters(f"'{where}' must be property names, not {describe(name)}", field=where)
    return list(names)


def _report_repeated(items: list[Any], path: str, report: Report) -> None:
    seen: dict[Any, int] = {}
    for at, item in enumerate(items):
        report.step()
        first = seen.setdefault(_key(item), at)
        if first != at:
            report.add(f"{path}[{at}]", item, "array", f"Items must be unique; this one equals item {first}")


def _key(value: Any) -> Any:
    """Return something hashable that is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", tuple(map(_key, value)))
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(member)) for name, member in value.items()))
    return value
