"""JSON Schemas of what tools give, written short: `record` for an object, `envelope_schema` for the envelope around it.

    returns=envelope_schema({
        "hash": record({"algorithm": "string", "hash": "string", "format": "string"}),
        "verify": record({"verified": "boolean", "algorithm": "string", "expected?": "string", "actual?": "string"}),
    })

Only tools' own modules use this, when they are imported; a built-in tool's schema comes ready from the manifest.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from llmspell_tools.types import JsonObject, JsonValue

    #: A JSON type's name or "any"; several types; a list of one for "array of"; a schema.
    Short: TypeAlias = "str | tuple[str, ...] | list[Short] | JsonObject"


def short(value: Short) -> JsonObject:
    """Return the schema that a short form stands for."""
    if isinstance(value, str):
        return {} if value == "any" else {"type": value}
    if isinstance(value, tuple):
        return {"type": list(value)}
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


_ERROR = record({"code": "string", "message": "string", "details": "object"})


def envelope_schema(results: Mapping[str, Short | None], extra: Mapping[str, Short] | None = None) -> JsonObject:
    """Return the schema of an envelope.

    Args:
        results: By operation as the envelope names it, the schema of `result` in a success; None where there is none.
        extra: Further members of the envelope itself.
    """
    operations: list[JsonValue] = [*results]
    schema = record(
        {
            "operation": {"type": "string", "enum": operations},
            "success": "boolean",
            "message?": "string",
            "result?": "any",
            "error?": _ERROR,
            "metadata?": "object",
            **(extra or {}),
        }
    )
    schema["allOf"] = [
        {
            "if": {"properties": {"operation": {"const": operation}, "success": {"const": True}}},
            "then": {"properties": {"result": short(result)}, "required": ["result"]},
        }
        for operation, result in results.items()
        if result is not None
    ]
    return schema
