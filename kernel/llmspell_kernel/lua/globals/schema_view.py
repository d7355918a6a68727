"""How scripts see a tool's definition: the original's list of parameters, made from the JSON Schema, and the schema."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject

_TYPES = {"integer": "number"}


def summary(tool: Tool) -> JsonObject:
    """Return what `Tool.list` shows of a tool."""
    return {
        "name": tool.name,
        "description": tool.description,
        "version": tool.version,
        "category": tool.category,
    }


def info(tool: Tool) -> JsonObject:
    """Return what `Tool.get_info` shows of a tool."""
    return {
        **summary(tool),
        "security_level": tool.level,
        "levels": dict(tool.levels),
        "aliases": list(tool.aliases),
        "annotations": dict(tool.annotations),
        "schema": schema_table(tool),
    }


def schema_table(tool: Tool) -> JsonObject:
    """Return ``{name, description, parameters = [{name, type, description, required, default?}], json_schema}``."""
    schema = tool.parameters
    properties: Any = schema.get("properties") or {}
    required: Any = schema.get("required") or ()
    parameters: list[Any] = []
    for name, definition in properties.items():
        parameter = {
            "name": name,
            "type": _type_of(definition),
            "description": definition.get("description", ""),
            "required": name in required,
        }
        if definition.get("default") is not None:
            parameter["default"] = definition["default"]
        if "enum" in definition:
            parameter["enum"] = definition["enum"]
        parameters.append(parameter)
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "json_schema": schema,
    }


def _type_of(definition: Any) -> str:
    kind = definition.get("type", "object")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return _TYPES.get(kind, str(kind))
