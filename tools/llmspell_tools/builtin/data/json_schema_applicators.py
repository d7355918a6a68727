"""The keywords of JSON Schema that apply subschemas, one function each, in one table.

Each gets the validator of `json_schema.py`, which it asks to check subschemas, returns errors, and notes in `seen` what
it looked at. A keyword says nothing about values of other types. Judging one value is `json_schema_assertions.py`.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.json_schema_assertions import compiled, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_tools.builtin.data.json_schema import Seen, Validator

    Problems = list[dict[str, str]]


def pointer(path: str, step: str | int) -> str:
    """Return a JSON pointer one step longer."""
    return f"{path}/{str(step).replace('~', '~0').replace('/', '~1')}"


def problem(path: str, message: str, keyword: str) -> dict[str, str]:
    """Return one error."""
    return {"path": path, "message": message, "keyword": keyword}


def _all_of(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    return [error for sub in schema["allOf"] for error in validator.check(sub, value, path, seen)]


def _any_of(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    # all are asked even after one fits: each may have looked at something
    fits = [validator.is_valid(sub, value, seen) for sub in schema["anyOf"]]
    return [] if any(fits) else [problem(path, f"{shown(value)} fits no schema of anyOf", "anyOf")]


def _one_of(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    fits = sum(validator.is_valid(sub, value, seen) for sub in schema["oneOf"])
    return [] if fits == 1 else [problem(path, f"{shown(value)} fits {fits} schemas of oneOf, not one", "oneOf")]


def _not(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    if not validator.is_valid(schema["not"], value, type(seen)()):
        return []
    return [problem(path, f"{shown(value)} fits what it must not", "not")]


def _if(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    branch = "then" if validator.is_valid(schema["if"], value, seen) else "else"
    return validator.check(schema[branch], value, path, seen) if branch in schema else []


def _prefix_items(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    return _each_of(validator, schema["prefixItems"], value, path, seen)


def _each_of(validator: Validator, subs: list[Any], value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for number, (sub, item) in enumerate(zip(subs, value, strict=False) if isinstance(value, list) else ()):
        found += validator.check(sub, item, pointer(path, number), type(seen)())
        seen.items.add(number)
    return found


def _items(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    wanted = schema["items"]
    if isinstance(wanted, list):  # Draft 7
        found = _each_of(validator, wanted, value, path, seen)
        return found + _rest(validator, schema.get("additionalItems", True), len(wanted), value, path, seen)
    start = 0 if validator.is_draft_7 else len(schema.get("prefixItems", ()))
    return _rest(validator, wanted, start, value, path, seen)


def _rest(validator: Validator, sub: Any, start: int, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for number in range(start, len(value) if isinstance(value, list) else 0):
        found += validator.check(sub, value[number], pointer(path, number), type(seen)())
        seen.items.add(number)
    return found


def _contains(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    if not isinstance(value, list):
        return []
    fits = [n for n, item in enumerate(value) if validator.is_valid(schema["contains"], item, type(seen)())]
    if not validator.is_draft_7:
        seen.items.update(fits)
    fewest = 1 if validator.is_draft_7 else schema.get("minContains", 1)
    most = len(value) if validator.is_draft_7 else schema.get("maxContains", len(value))
    if len(fits) < fewest:
        return [problem(path, f"{len(fits)} items fit, fewer than {fewest}", "contains")]
    return [problem(path, f"{len(fits)} items fit, more than {most}", "maxContains")] if len(fits) > most else []


def _properties(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for name, sub in schema["properties"].items() if isinstance(value, dict) else ():
        if name in value:
            found += validator.check(sub, value[name], pointer(path, name), type(seen)())
            seen.properties.add(name)
    return found


def _pattern_properties(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for pattern, sub in schema["patternProperties"].items() if isinstance(value, dict) else ():
        for name in value:
            if compiled(pattern).search(name):
                found += validator.check(sub, value[name], pointer(path, name), type(seen)())
                seen.properties.add(name)
    return found


def _additional_properties(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    if not isinstance(value, dict):
        return []
    patterns = [compiled(pattern) for pattern in schema.get("patternProperties", ())]
    named = schema.get("properties", {})
    rest = [name for name in value if name not in named and not any(one.search(name) for one in patterns)]
    return _other_properties(validator, schema, "additionalProperties", rest, value, path, seen)


def _other_properties(
    validator: Validator, schema: Any, keyword: str, names: list[str], value: Any, path: str, seen: Seen
) -> Problems:
    found: Problems = []
    for name in names:
        if schema[keyword] is False:
            found.append(problem(pointer(path, name), f"property {shown(name)} is not allowed", keyword))
        else:
            found += validator.check(schema[keyword], value[name], pointer(path, name), type(seen)())
        seen.properties.add(name)
    return found


def _property_names(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for name in value if isinstance(value, dict) else ():
        for error in validator.check(schema["propertyNames"], name, path, type(seen)()):
            found.append(problem(path, f"property name {shown(name)}: {error['message']}", "propertyNames"))
    return found


def _dependent_schemas(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    return _dependents(validator, schema["dependentSchemas"], value, path, seen)


def _dependencies(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    return _dependents(validator, schema["dependencies"], value, path, seen)


def _dependents(validator: Validator, rules: Any, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for name, sub in rules.items() if isinstance(value, dict) else ():
        if name in value and not isinstance(sub, list):
            found += validator.check(sub, value, path, seen)
    return found


def _unevaluated_items(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    found: Problems = []
    for number in range(len(value) if isinstance(value, list) else 0):
        if number not in seen.items:
            found += validator.check(schema["unevaluatedItems"], value[number], pointer(path, number), type(seen)())
            seen.items.add(number)
    return found


def _unevaluated_properties(validator: Validator, schema: Any, value: Any, path: str, seen: Seen) -> Problems:
    rest = [name for name in value if name not in seen.properties] if isinstance(value, dict) else []
    return _other_properties(validator, schema, "unevaluatedProperties", rest, value, path, seen)


#: In the order in which they look at a value: `unevaluated*` last, after all that may have looked before.
APPLICATORS: dict[str, Callable[[Validator, Any, Any, str, Seen], Problems]] = {
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "dependentSchemas": _dependent_schemas,
    "dependencies": _dependencies,
    "unevaluatedItems": _unevaluated_items,
    "unevaluatedProperties": _unevaluated_properties,
}
