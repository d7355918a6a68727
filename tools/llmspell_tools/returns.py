"""JSON Schemas of what tools give, written short: `record` for an object, `envelope_schema` for the envelope around it.

    returns=envelope_schema(
        {
            "hash": record({"hash": "string", "format": choice("hex", "base64")}),
            "verify": record({"verified": "boolean", "expected?": "string", "actual?": "string"}),
            "delete": None,
        },
        failures={},
    )

Only tools' own modules use this, when they are imported; a built-in tool's schema comes ready from the manifest.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from llmspell_tools.types import JsonObject, JsonValue

    #: A JSON type's name or "any"; several of them, or of these forms; a list of one for "array of"; a schema.
    Short: TypeAlias = "str | tuple[Short, ...] | list[Short] | JsonObject"


def short(value: Short) -> JsonObject:
    """Return the schema that a short form stands for."""
    if isinstance(value, str):
        return {} if value == "any" else {"type": value}
    if isinstance(value, tuple):
        types: list[JsonValue] = [each for each in value if isinstance(each, str)]
        if len(types) == len(value):
            return {"type": types}
        return {"anyOf": [short(each) for each in value]}
    if isinstance(value, list):
        return {"type": "array", "items": short(value[0])} if value else {"type": "array"}
    return value


def record(fields: Mapping[str, Short]) -> JsonObject:
    """Return the schema of an object with these members; a name that ends in `?` may be absent."""
    properties: JsonObject = {name.rstrip("?"): short(value) for name, value in fields.items()}
    required: list[JsonValue] = [name for name in fields if not name.endswith("?")]
    schema: JsonObject = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def mapping(values: Short) -> JsonObject:
    """Return the schema of an object whose names are data and whose members are all like this."""
    return {"type": "object", "additionalProperties": short(values)}


def choice(*values: JsonValue) -> JsonObject:
    """Return the schema of a value that is one of these."""
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}


_ERROR = record({"code": "string", "message": "string", "details": "object"})


def envelope_schema(
    results: Mapping[str, Short | None],
    extra: Mapping[str, Short] | None = None,
    *,
    failures: Mapping[str, Short | None] | None = None,
) -> JsonObject:
    """Return the schema of an envelope.

    Args:
        results: By operation as the envelope names it, the schema of `result` in a success; None where there is none.
            A name that ends in `?` is an operation that leaves it out at times (because the result went to a file).
        extra: Further members of the envelope itself, or what is to be said more exactly of its own.
        failures: The operations whose failure is an envelope, with the schema of `result` in it; none in a tool that
            raises. Left out, any operation may fail, with or without a result.
    """
    can_fail = failures is None or len(failures) > 0
    fields: dict[str, Short] = {
        "operation": choice(*(name.rstrip("?") for name in results)),
        "success": "boolean" if can_fail else choice(True),
        "message?": "string",
        "result?": "any",
        "metadata?": "object",
        **({"error?": _ERROR} if can_fail else {}),
        **(extra or {}),
    }
    groups = _grouped(results)
    if can_fail:
        conditions = [_when(names, True, result) for names, result in groups]
        conditions.extend(_failed(failures))
    elif len(groups) == 1:
        conditions = [_then(*groups[0])]
    else:
        conditions = [_when(names, None, result) for names, result in groups]
    return {**record(fields), "allOf": [*conditions]}


def _failed(failures: Mapping[str, Short | None] | None) -> list[JsonObject]:
    failed: JsonObject = {"required": ["error"]}
    if failures is None:
        return [{"if": {"properties": {"success": choice(False)}}, "then": failed}]
    failed["properties"] = {"operation": choice(*failures)}
    conditions = [_when(names, False, result) for names, result in _grouped(failures)]
    return [{"if": {"properties": {"success": choice(False)}}, "then": failed}, *conditions]


def _grouped(results: Mapping[str, Short | None]) -> list[tuple[list[str], Short | None]]:
    """Put operations together whose results are alike."""
    groups: list[tuple[list[str], Short | None]] = []
    for name, result in results.items():
        for names, other in groups:
            if result == other and name.endswith("?") == names[0].endswith("?"):
                names.append(name)
                break
        else:
            groups.append(([name], result))
    return groups


def _when(names: list[str], success: bool | None, result: Short | None) -> JsonObject:
    condition: JsonObject = {"operation": choice(*(name.rstrip("?") for name in names))}
    if success is not None:
        condition["success"] = choice(success)
    return {"if": {"properties": condition}, "then": _then(names, result)}


def _then(names: list[str], result: Short | None) -> JsonObject:
    if result is None:
        return {"properties": {"result": False}}
    then: JsonObject = {"properties": {"result": short(result)}}
    if not names[0].endswith("?"):
        then["required"] = ["result"]
    return then
