"""A Python signature and its docstring to a description and a JSON Schema (2020-12).

Runs when the manifest is generated and when a plug-in's schema is first asked for, never on the start path of a
built-in tool: it needs `inspect` and `typing`. Annotations may be strings whose names were imported only for type
checkers; names of `typing` and the JSON types of `llmspell_tools.types` are then found without the import.

| annotation | schema |
|---|---|
| `str`, `int`, `float`, `bool`, `None` | the JSON type |
| `Literal[...]` | `enum` |
| `list[T]`, `Sequence[T]` | `array` with `items` |
| `dict[str, T]`, `Mapping[str, T]` | `object` with `additionalProperties` |
| `A | B` | `anyOf`, or one `type` list |
| `Annotated[T, {...}]` | T's schema and the keywords |
| `object`, `Any`, `JsonValue` | anything |
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from typing import TYPE_CHECKING, Any, Literal, Union

from llmspell_tools import types as json_types
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.jsontext import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

_SCALARS: dict[object, str] = {
    str: "string", int: "integer", float: "number", bool: "boolean", None: "null", type(None): "null",
}  # fmt: skip
_ANYTHING = (object, Any, inspect.Parameter.empty, json_types.JsonValue, json_types.JsonInput)


def read_signature(
    function: Callable[..., Any],
    *,
    requires: Mapping[str, Sequence[str]] | None = None,
    open_parameters: bool = False,
) -> tuple[str, JsonObject]:
    """Return the description and the parameters' schema of a tool's function.

    Args:
        function: Its first parameter may be `context`, or any one that is positional only, which is left out; the
            rest are the tool's parameters.
        requires: By value of `operation`, the parameters that it needs; becomes `allOf` of if and then.
        open_parameters: Parameters that the signature does not name are allowed.

    Raises:
        ConfigurationError: An annotation that has no JSON form, or a parameter that callers cannot name.
    """
    description, explained = read_docstring(inspect.getdoc(function) or "")
    properties: JsonObject = {}
    required: list[JsonValue] = []
    has_own_context = False
    for at, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        if at == 0 and parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            has_own_context = True
            continue
        if name == "context" and not has_own_context:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                raise ConfigurationError(f"{function.__name__}: 'context' must be the first parameter, before `*`")
            continue
        if parameter.kind not in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            raise ConfigurationError(f"{function.__name__}: parameter '{name}' cannot be given by name")
        schema = _schema_of(_evaluate(parameter.annotation, function), f"{function.__name__}.{name}")
        if name in explained:
            schema["description"] = explained[name]
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        else:
            schema = _with_default(schema, parameter.default)
        properties[name] = schema
    result: JsonObject = {"type": "object", "properties": properties}
    if required:
        result["required"] = required
    if not open_parameters:
        result["additionalProperties"] = False
    if requires:
        result["allOf"] = _conditions(requires, properties)
    return description, result


def _conditions(requires: Mapping[str, Sequence[str]], properties: JsonObject) -> list[JsonValue]:
    operation = properties.get("operation")
    default = operation.get("default") if isinstance(operation, dict) else None
    conditions: list[JsonValue] = []
    for value, names in requires.items():
        if not names:
            continue
        test: JsonObject = {"properties": {"operation": {"const": value}}}
        if value != default:
            test["required"] = ["operation"]
        conditions.append({"if": test, "then": {"required": list(names)}})
    return conditions


def _with_default(schema: JsonObject, default: Any) -> JsonObject:
    if default is ...:  # may be absent, and null is a value
        return schema
    if default is not None:
        try:
            return {**schema, "default": loads(dumps(default))}
        except InvalidParameters as error:
            raise ConfigurationError(f"the default {default!r} has no JSON form: {error.message}") from error
    # `x: str | None = None` means "may be absent"; null is then taken as absent and need not be offered.
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        left = [kind for kind in kinds if kind != "null"]
        return {**schema, "type": left[0] if len(left) == 1 else left}
    choices = schema.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        others = {key: value for key, value in schema.items() if key != "anyOf"}
        if len(rest) == 1 and isinstance(rest[0], dict):
            return {**rest[0], **others}
        return {**others, "anyOf": rest}
    return schema


def _evaluate(annotation: object, function: Callable[..., Any]) -> object:
    if not isinstance(annotation, str):
        return annotation
    names = {**vars(collections.abc), **vars(typing), **vars(json_types), **getattr(function, "__globals__", {})}
    try:
        return eval(annotation, names)  # noqa: S307 - the annotation is source code of the tool itself
    except Exception as error:
        raise ConfigurationError(f"{function.__name__}: annotation '{annotation}': {error}") from error


def _schema_of(annotation: object, where: str) -> JsonObject:
    if any(annotation is each for each in _ANYTHING):
        return {}
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        schema = _schema_of(arguments[0], where)
        for extra in arguments[1:]:
            if isinstance(extra, dict):
                schema = {**schema, **extra}
        return schema
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)} if _all_text(arguments) else {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _union([_schema_of(each, where) for each in arguments])
    return _container(annotation if origin is None else origin, arguments, where)


def _container(kind: Any, arguments: tuple[Any, ...], where: str) -> JsonObject:
    if kind in (list, tuple, collections.abc.Sequence):
        items = _schema_of(arguments[0], where) if arguments else {}
        return {"type": "array", "items": items} if items else {"type": "array"}
    if kind in (dict, collections.abc.Mapping):
        values = _schema_of(arguments[1], where) if len(arguments) > 1 else {}
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    raise ConfigurationError(f"{where}: {kind!r} has no JSON Schema form")


def _all_text(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _union(choices: list[JsonObject]) -> JsonObject:
    if {} in choices:
        return {}
    if all(list(choice) == ["type"] for choice in choices):
        return {"type": [kind for choice in choices for kind in _kinds(choice)]}
    return {"anyOf": list(choices)}


def _kinds(choice: JsonObject) -> list[JsonValue]:
    kind = choice["type"]
    return kind if isinstance(kind, list) else [kind]


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return the first paragraph and, by name, the texts of a Google-style `Args` section."""
    lines = text.splitlines()
    first = lines.index("") if "" in lines else len(lines)
    description = " ".join(line.strip() for line in lines[:first])
    explained: dict[str, str] = {}
    inside, name = False, ""
    for line in lines:
        if line.strip() in ("Args:", "Arguments:"):
            inside = True
        elif inside and line and not line.startswith(" "):
            inside = False
        elif inside and line.startswith("    ") and not line.startswith("     ") and ":" in line:
            name, _, rest = line.strip().partition(":")
            name = name.split(" ")[0]
            explained[name] = rest.strip()
        elif inside and name and line.strip():
            explained[name] += " " + line.strip()
    return description, explained
