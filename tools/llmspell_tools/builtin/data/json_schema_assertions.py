"""The keywords of JSON Schema that judge one value by itself: one function each, in one table.

Each takes the keyword's value, the value and says what is wrong, or "". A keyword says nothing about values of other
types. Knows no subschema: those are `json_schema_applicators.py`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from typing import Any


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

#: What the value of a keyword must be; a schema is an object or a boolean.
WANTED: dict[str, tuple[str, ...]] = {
    "$ref": ("string",), "$dynamicRef": ("string",), "$anchor": ("string",), "$dynamicAnchor": ("string",),
    "type": ("string", "array"), "enum": ("array",), "required": ("array",),
    "minimum": ("number",), "maximum": ("number",), "exclusiveMinimum": ("number",), "exclusiveMaximum": ("number",),
    "multipleOf": ("number",), "minLength": ("integer",), "maxLength": ("integer",), "pattern": ("string",),
    "minItems": ("integer",), "maxItems": ("integer",), "uniqueItems": ("boolean",), "minContains": ("integer",),
    "maxContains": ("integer",), "minProperties": ("integer",), "maxProperties": ("integer",),
    "dependentRequired": ("object",), "properties": ("object",), "patternProperties": ("object",),
    "dependentSchemas": ("object",), "dependencies": ("object",), "$defs": ("object",), "definitions": ("object",),
    "allOf": ("array",), "anyOf": ("array",), "oneOf": ("array",), "prefixItems": ("array",),
    "items": ("object", "boolean", "array"), "additionalItems": ("object", "boolean"),
    "additionalProperties": ("object", "boolean"), "contains": ("object", "boolean"), "not": ("object", "boolean"),
    "if": ("object", "boolean"), "then": ("object", "boolean"), "else": ("object", "boolean"),
    "propertyNames": ("object", "boolean"), "unevaluatedItems": ("object", "boolean"),
    "unevaluatedProperties": ("object", "boolean"),
}  # fmt: skip


def is_equal(left: Any, right: Any) -> bool:
    """Compare as JSON does: 1 is 1.0, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_equal(left[name], right[name]) for name in left)
    return bool(left == right)


def shown(value: Any) -> str:
    """Write a value as JSON, shortened."""
    from llmspell_tools.jsontext import dumps

    text = dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _type(wanted: Any, value: Any) -> str:
    names = wanted if isinstance(wanted, list) else [wanted]
    return "" if any(TYPES[name](value) for name in names) else f"{shown(value)} is not {' or '.join(names)}"


def _enum(allowed: Any, value: Any) -> str:
    return "" if any(is_equal(value, one) for one in allowed) else f"{shown(value)} is none of {shown(allowed)}"


def _const(only: Any, value: Any) -> str:
    return "" if is_equal(value, only) else f"{shown(value)} is not {shown(only)}"


def _minimum(limit: Any, value: Any) -> str:
    return f"{shown(value)} is less than {shown(limit)}" if _is_number(value) and value < limit else ""


def _maximum(limit: Any, value: Any) -> str:
    return f"{shown(value)} is greater than {shown(limit)}" if _is_number(value) and value > limit else ""


def _exclusive_minimum(limit: Any, value: Any) -> str:
    return f"{shown(value)} is not greater than {shown(limit)}" if _is_number(value) and value <= limit else ""


def _exclusive_maximum(limit: Any, value: Any) -> str:
    return f"{shown(value)} is not less than {shown(limit)}" if _is_number(value) and value >= limit else ""


def _multiple_of(step: Any, value: Any) -> str:
    if not _is_number(value):
        return ""
    from fractions import Fraction  # exact: 0.0075 is a multiple of 0.0001, which floats deny

    divisor = Fraction(str(step))
    fits = divisor > 0 and Fraction(str(value)) % divisor == 0
    return "" if fits else f"{shown(value)} is not a multiple of {shown(step)}"


def _min_length(limit: Any, value: Any) -> str:
    short = isinstance(value, str) and len(value) < limit
    return f"{shown(value)} is shorter than {limit} characters" if short else ""


def _max_length(limit: Any, value: Any) -> str:
    long = isinstance(value, str) and len(value) > limit
    return f"{shown(value)} is longer than {limit} characters" if long else ""


def _pattern(pattern: Any, value: Any) -> str:
    if not isinstance(value, str) or compiled(pattern).search(value):
        return ""
    return f"{shown(value)} does not match {shown(pattern)}"


def _min_items(limit: Any, value: Any) -> str:
    return f"{len(value)} items are fewer than {limit}" if isinstance(value, list) and len(value) < limit else ""


def _max_items(limit: Any, value: Any) -> str:
    return f"{len(value)} items are more than {limit}" if isinstance(value, list) and len(value) > limit else ""


def _unique_items(wanted: Any, value: Any) -> str:
    if not wanted or not isinstance(value, list):
        return ""
    known: dict[str, list[Any]] = {}
    for item in value:
        same = known.setdefault(_hash_key(item), [])
        if any(is_equal(item, other) for other in same):
            return f"{shown(item)} is there more than once"
        same.append(item)
    return ""


def _hash_key(value: Any) -> str:
    """Equal values have equal keys; most different ones have different keys."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(value))
    if isinstance(value, list):
        return f"[{len(value)}" + (_hash_key(value[0]) if value else "")
    if _is_number(value):
        return f"n{hash(value)}"
    return f"{type(value).__name__}{value}"


def _required(names: Any, value: Any) -> str:
    missing = [name for name in names if name not in value] if isinstance(value, dict) else []
    return f"required: {', '.join(map(shown, missing))}" if missing else ""


def _min_properties(limit: Any, value: Any) -> str:
    few = isinstance(value, dict) and len(value) < limit
    return f"{len(value)} properties are fewer than {limit}" if few else ""


def _max_properties(limit: Any, value: Any) -> str:
    many = isinstance(value, dict) and len(value) > limit
    return f"{len(value)} properties are more than {limit}" if many else ""


def _dependent_required(rules: Any, value: Any) -> str:
    for name, names in rules.items() if isinstance(value, dict) else ():
        missing = [other for other in names if other not in value] if name in value and isinstance(names, list) else []
        if missing:
            return f"property {shown(name)} requires {', '.join(map(shown, missing))}"
    return ""


ASSERTIONS: dict[str, Callable[[Any, Any], str]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "minLength": _min_length,
    "maxLength": _max_length,
    "pattern": _pattern,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique_items,
    "required": _required,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
    "dependentRequired": _dependent_required,
    "dependencies": _dependent_required,
}

_patterns: dict[str, re.Pattern[str]] = {}


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of ECMA 262 as Python's: ASCII classes, and `$` only at the very end.

    Raises:
        InvalidParameters: It is no pattern, or one that Python's `re` has no form for.
    """
    known = _patterns.get(pattern)
    if known is None:
        import re

        from llmspell_tools.errors import InvalidParameters

        try:
            known = re.compile(_without_loose_end(pattern), re.ASCII)
        except (re.error, OverflowError) as error:
            raise InvalidParameters(f"schema: pattern {shown(pattern)}: {error}", field="schema") from None
        _patterns[pattern] = known
    return known


def _without_loose_end(pattern: str) -> str:
    parts: list[str] = []
    in_class = False
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            parts.append(pattern[position : position + 2])
            position += 2
            continue
        if char == "[":
            in_class = True
        elif char == "]":
            in_class = False
        parts.append(r"\Z" if char == "$" and not in_class else char)
        position += 1
    return "".join(parts)
