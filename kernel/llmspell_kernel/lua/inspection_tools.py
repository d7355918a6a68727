"""Pages of help about tools and their parameters, made of their definitions."""

from __future__ import annotations

from llmspell_kernel.lua.completion_expressions import schema_properties
from llmspell_kernel.lua.completion_tools import type_of
from llmspell_kernel.lua.inspection_pages import Page
from llmspell_kernel.lua.lexing import is_name
from llmspell_tools import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject, JsonValue

_MAX_EXAMPLES = 3


def tool_page(tool: Tool, *, is_detailed: bool) -> Page:
    """Return the page of a tool: description, level, parameters, an example; in detail, all examples and the result."""
    page = Page(f'Tool.execute("{tool.name}", params)', tool.description)
    page.facts += [("Category", tool.category), ("Level", _level(tool)), ("Version", tool.version)]
    if tool.aliases:
        page.facts.append(("Also called", ", ".join(tool.aliases)))
    schema = tool.parameters
    rows = [_row(name, part, _needed(schema, name)) for name, part in schema_properties(schema).items()]
    if rows:
        page.table("Parameters", ["name", "type", "required", "default", "description"], rows)
    for example in tool.examples[: _MAX_EXAMPLES if is_detailed else 1]:
        call = f'Tool.execute("{tool.name}", {lua_text(example.get("params") or {})})'
        page.codes.append((f"Example: {example.get('description') or tool.name}", call))
    if is_detailed and tool.returns:
        results = [_result_row(name, part) for name, part in schema_properties(tool.returns).items()]
        page.table("Result", ["field", "type", "description"], results)
    return page


def parameter_page(tool: Tool | None, schema: JsonObject, name: str) -> Page | None:
    """Return the page of one parameter, or None where there is no such."""
    part = schema_properties(schema).get(name)
    if part is None:
        return None
    page = Page(f"{name}: {type_of(part, True)}", str(part.get("description", "")))
    needed = _needed(schema, name)
    page.facts.append(("Required", needed or "no"))
    if "default" in part:
        page.facts.append(("Default", jsontext.dumps(part["default"])))
    if tool is not None:
        page.facts.append(("Parameter of", tool.name))
    return page


def lua_text(value: JsonValue, depth: int = 0) -> str:
    """Return a JSON value as a Lua expression."""
    if value is None:
        return "nil"
    if isinstance(value, dict):
        pairs = (
            f"{key if is_name(key) else f'[{_quoted(key)}]'} = {lua_text(member)}" for key, member in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(lua_text(member, depth + 1) for member in value) + "}"
    return _quoted(value) if isinstance(value, str) else jsontext.dumps(value)


def _quoted(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    shown = (escapes.get(letter) or (letter if letter >= " " else f"\\x{ord(letter):02x}") for letter in text)
    return '"' + "".join(shown) + '"'


def _level(tool: Tool) -> str:
    """Return the level, and the operations that have another one."""
    others = [f"{operation} is {level}" for operation, level in tool.levels.items() if level != tool.level]
    return tool.level + (f" ({', '.join(others)})" if others else "")


def _row(name: str, schema: JsonObject, needed: str) -> list[JsonValue]:
    default = jsontext.dumps(schema["default"]) if "default" in schema else ""
    return [name, type_of(schema, True), needed, default, str(schema.get("description", ""))]


def _result_row(name: str, schema: JsonObject) -> list[JsonValue]:
    return [name, type_of(schema, True), str(schema.get("description", ""))]


def _needed(schema: JsonObject, name: str) -> str:
    """Return "yes", the operations that need the parameter, or "" where none does."""
    required = schema.get("required")
    if isinstance(required, list) and name in required:
        return "yes"
    operations: list[str] = []
    branches = schema.get("allOf")
    for branch in branches if isinstance(branches, list) else ():
        if isinstance(branch, dict) and _asks_for(branch.get("then"), name):
            operations += _constants(branch.get("if"))
    return f"for {', '.join(dict.fromkeys(operations))}" if operations else ""


def _asks_for(then: JsonValue, name: str) -> bool:
    required = then.get("required") if isinstance(then, dict) else None
    return isinstance(required, list) and name in required


def _constants(condition: JsonValue) -> list[str]:
    properties = condition.get("properties") if isinstance(condition, dict) else None
    found: list[str] = []
    for part in properties.values() if isinstance(properties, dict) else ():
        if isinstance(part, dict):
            choices = part.get("enum", [part.get("const")])
            found += [str(choice) for choice in choices] if isinstance(choices, list) else []
    return found
