"""JSON Schema (2020-12) to a compiled check of a tool's parameters: closures, no library, no import.

Source: https://json-schema.org/draft/2020-12/json-schema-validation. The subset is the one that parameters need; a
keyword that would change the verdict and is not known here is a `ConfigurationError` when the schema is compiled,
never silently ignored.

The check is strict and kind. It refuses unknown, missing and wrong-typed values and names the field, what came, what
is wanted and the nearest right name. It accepts, at every door alike, what Lua cannot say better: a whole-number
float where an integer is wanted, ``{}`` where only an array is wanted, and null for a parameter that may be absent.
"""

from __future__ import annotations

from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.schema_values import (
    Mismatch,
    describe,
    did_you_mean,
    enum_checks,
    list_of,
    mapping_of,
    number_checks,
    shown,
    sized,
    string_checks,
    type_check,
    unique,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from llmspell_tools.schema_values import Check
    from llmspell_tools.types import JsonObject

_ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format", "$schema",
     "$comment", "$id", "contentEncoding", "contentMediaType", "$defs")
)  # fmt: skip


def compile_parameters(  # noqa: C901 - one loop on the hot path; a call per parameter would double its cost
    schema: JsonObject, aliases: Mapping[str, str] | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compile the check of a tool's parameters.

    Args:
        schema: An object schema.
        aliases: Other names of properties, to their real ones; an equal duplicate is accepted, a conflict refused.

    Returns:
        A function from the caller's parameters to the keyword arguments of the tool's function.
        It raises `InvalidParameters` and never changes what it was given.

    Raises:
        ConfigurationError: The schema uses a keyword that is not known here.
    """
    properties = {name: compile_value(sub) for name, sub in mapping_of(schema, "properties").items()}
    nullable = frozenset(name for name, check in properties.items() if _accepts(check, None))
    required = tuple(list_of(schema, "required"))
    extra = schema.get("additionalProperties", True) is not False
    rest = _compile_rest(schema, ("type", "properties", "required", "additionalProperties"))
    names = aliases or {}

    def check(parameters: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        name = ""
        try:
            for given, value in parameters.items():
                name = given
                checker = properties.get(name)
                if checker is None:
                    if name in names:
                        name = _unaliased(given, value, parameters, names)
                        checker = properties[name]
                    elif extra:
                        result[name] = value
                        continue
                    else:
                        raise _unknown(name, properties)
                if value is None and (name not in nullable or (name is not given and name in parameters)):
                    continue
                result[name] = checker(value)
            name = ""
            for needed in required:
                if needed not in result:
                    raise _missing(needed, properties)
            return result if rest is None else rest(result)
        except Mismatch as mismatch:
            if name:
                mismatch.path.insert(0, name)
            raise _invalid(mismatch) from None
        except AttributeError:
            if hasattr(parameters, "items"):
                raise
            raise InvalidParameters(f"parameters must be an object, not {describe(parameters)}") from None

    return check


def _unaliased(given: str, value: object, parameters: Mapping[str, Any], names: Mapping[str, str]) -> str:
    name = names[given]
    for other in (name, *(alias for alias, target in names.items() if target == name)):
        if other != given and None not in (value, parameters.get(other)) and parameters[other] != value:
            raise InvalidParameters(
                f"'{given}' is another name of '{name}', and '{given}' and '{other}' differ; give one of them",
                field=name,
            )
    return name


def _unknown(name: object, properties: Mapping[str, Check]) -> InvalidParameters:
    if not isinstance(name, str):
        return InvalidParameters(f"parameter names are strings, not {describe(name)}")
    known = ", ".join(properties) or "none"
    hint = did_you_mean(name, properties) or f"; the parameters are: {known}"
    return InvalidParameters(f"unknown parameter '{shown(name)}'{hint}", field=name[:100])


def _missing(name: str, properties: Mapping[str, Check]) -> InvalidParameters:
    wanted = getattr(properties.get(name), "wanted", None)
    suffix = f" ({wanted})" if wanted else ""
    return InvalidParameters(f"Missing required parameter '{name}'{suffix}", field=name)


def _invalid(mismatch: Mismatch) -> InvalidParameters:
    where = mismatch.where()
    if mismatch.keyword == "required" and not where:
        return InvalidParameters(mismatch.message, field=mismatch.message.split("'")[1])
    prefix = f"parameter '{where}': " if where else ""
    return InvalidParameters(prefix + mismatch.message, field=where or None)


def compile_value(schema: object) -> Check:
    """Compile the check of one value; see `compile_parameters` for the errors."""
    if schema is True or schema == {}:
        return _anything
    if schema is False:
        return _nothing
    if not isinstance(schema, dict):
        raise ConfigurationError(f"a schema is an object or a boolean, not {describe(schema)}")
    checks: list[Check] = []
    types = schema.get("type")
    wanted = [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []
    if wanted:
        checks.append(type_check(wanted))
    for build in (enum_checks, number_checks, string_checks, _array_checks, _object_checks):
        checks.extend(build(schema))
    rest = _compile_rest(schema, _DIRECT)
    if rest is not None:
        checks.append(rest)
    return _all_of(checks)


def _all_of(checks: Sequence[Check]) -> Check:
    if not checks:
        return _anything
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return _labelled(lambda value: second(first(value)), first)

    def check(value: Any) -> Any:
        for each in checks:
            value = each(value)
        return value

    return _labelled(check, checks[0])


def _labelled(check: Check, like: Check) -> Check:
    check.wanted = getattr(like, "wanted", None)  # type: ignore[attr-defined]
    return check


def _accepts(check: Check, value: object) -> bool:
    try:
        check(value)
    except Mismatch:
        return False
    return True


def _anything(value: Any) -> Any:
    return value


def _nothing(value: Any) -> Any:
    raise Mismatch(f"nothing is allowed here, got {describe(value)}", "false schema")


_DIRECT = (
    "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "properties", "required",
    "additionalProperties", "minProperties", "maxProperties",
)  # fmt: skip


def _array_checks(schema: JsonObject) -> list[Check]:
    checks = sized(schema, list, "minItems", "maxItems", "items")
    prefix = [compile_value(sub) for sub in list_of(schema, "prefixItems")]
    every = compile_value(schema["items"]) if "items" in schema else _anything
    if prefix or every is not _anything:

        def check(value: Any) -> Any:
            if type(value) is not list:
                return value
            result: list[Any] = []
            for index, member in enumerate(value):
                try:
                    result.append((prefix[index] if index < len(prefix) else every)(member))
                except Mismatch as mismatch:
                    mismatch.path.insert(0, index)
                    raise
            return result

        checks.append(check)
    if schema.get("uniqueItems") is True:
        checks.append(unique)
    return checks


def _object_checks(schema: JsonObject) -> list[Check]:
    checks = sized(schema, dict, "minProperties", "maxProperties", "members")
    if not {"properties", "required", "additionalProperties"} & schema.keys():
        return checks
    properties = {name: compile_value(sub) for name, sub in mapping_of(schema, "properties").items()}
    required = tuple(list_of(schema, "required"))
    others = compile_value(schema.get("additionalProperties", True))

    def check(value: Any) -> Any:
        if type(value) is not dict:
            return value
        result: dict[str, Any] = {}
        for name, member in value.items():
            checker = properties.get(name, others)
            if not isinstance(name, str):
                raise Mismatch(f"names are strings, not {describe(name)}", "propertyNames")
            if checker is _nothing:
                hint = did_you_mean(name, properties) or f"; the names are: {', '.join(properties)}"
                raise Mismatch(f"unknown name '{shown(name)}'{hint}", "additionalProperties")
            try:
                result[name] = checker(member)
            except Mismatch as mismatch:
                mismatch.path.insert(0, name)
                raise
        for name in required:
            if name not in result:
                raise Mismatch(f"Missing required parameter '{name}'", "required")
        return result

    return [*checks, check]


def _compile_rest(schema: JsonObject, done: Sequence[str]) -> Check | None:
    """Compile allOf, anyOf, oneOf, not and if; refuse what is unknown."""
    checks: list[Check] = []
    for keyword in schema:
        if keyword in done or keyword in _ANNOTATIONS or keyword in ("then", "else"):
            continue
        build = _COMBINERS.get(keyword)
        if build is None:
            raise ConfigurationError(f"the schema keyword '{keyword}' is not supported in tool parameters")
        checks.append(build(schema))
    return _all_of(checks) if checks else None


def _build_all(schema: JsonObject) -> Check:
    members = list_of(schema, "allOf")
    return _required_by_value(members) or _all_of([compile_value(sub) for sub in members])


def _required_by_value(members: Sequence[Any]) -> Check | None:
    """Compile the commonest `allOf` to one look-up: "if operation is X, then these are required".

    It is what `requires` of a tool becomes, and as separate conditions it would cost more than many a tool.
    """
    discriminators: set[str] = set()
    by_value: dict[object, list[str]] = {}
    when_absent: list[str] = []
    for member in members:
        match member:
            case {"if": {"properties": dict(condition), **more}, "then": {"required": list(needed), **other}} if (
                len(member) == 2 and len(condition) == 1 and not other and more in ({}, {"required": [*condition]})
            ):
                ((name, test),) = condition.items()
                if not (isinstance(test, dict) and list(test) == ["const"] and isinstance(test["const"], str)):
                    return None
                discriminators.add(name)
                by_value.setdefault(test["const"], []).extend(needed)
                if not more:
                    when_absent.extend(needed)
            case _:
                return None
    if len(discriminators) != 1:
        return None
    (discriminator,) = discriminators

    def check(value: Any) -> Any:
        if type(value) is dict:
            needed = by_value.get(value[discriminator], ()) if discriminator in value else when_absent
            for name in needed:
                if name not in value:
                    chosen = f" (needed by {discriminator} '{value[discriminator]}')" if discriminator in value else ""
                    raise Mismatch(f"Missing required parameter '{name}'{chosen}", "required")
        return value

    return check


def _build_any(schema: JsonObject) -> Check:
    choices = [compile_value(sub) for sub in list_of(schema, "anyOf")]

    def check(value: Any) -> Any:
        reasons: list[str] = []
        for each in choices:
            try:
                return each(value)
            except Mismatch as mismatch:
                where = mismatch.where()
                reasons.append(f"{where}: {mismatch.message}" if where else mismatch.message)
        raise Mismatch("none of the allowed forms fits: " + "; or ".join(dict.fromkeys(reasons)), "anyOf")

    return check


def _build_one(schema: JsonObject) -> Check:
    choices = [compile_value(sub) for sub in list_of(schema, "oneOf")]

    def check(value: Any) -> Any:
        fitting = sum(_accepts(each, value) for each in choices)
        if fitting != 1:
            raise Mismatch(f"exactly one of {len(choices)} forms must fit, {fitting} do", "oneOf")
        return value

    return check


def _build_not(schema: JsonObject) -> Check:
    refused = compile_value(schema["not"])

    def check(value: Any) -> Any:
        if _accepts(refused, value):
            raise Mismatch(f"{describe(value)} is not allowed here", "not")
        return value

    return check


def _build_if(schema: JsonObject) -> Check:
    condition = compile_value(schema["if"])
    then = compile_value(schema.get("then", True))
    otherwise = compile_value(schema.get("else", True))

    def check(value: Any) -> Any:
        (then if _accepts(condition, value) else otherwise)(value)
        return value

    return check


_COMBINERS: dict[str, Callable[[JsonObject], Check]] = {
    "allOf": _build_all, "anyOf": _build_any, "oneOf": _build_one, "not": _build_not, "if": _build_if,
}  # fmt: skip
