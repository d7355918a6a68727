"""What tools add to completion: their names, the parameters of the one being called, the values of a parameter.

All of it comes from the tools' definitions (the manifest's JSON Schemas); no tool is imported and none is called.
"""

from __future__ import annotations

from llmspell_kernel.language import Match
from llmspell_kernel.lua.completion_expressions import RUNS_TOOL, Evaluator, schema_member, schema_properties
from llmspell_kernel.lua.completion_values import ToolValue
from llmspell_kernel.lua.lexing import is_name
from llmspell_kernel.lua.lexing_scope import BRACKETS
from llmspell_tools import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmspell_kernel.lua.lexing_scope import Frame
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

#: Functions whose first argument is a tool's name.
TAKES_NAME = RUNS_TOOL | {"Tool.get", "Tool.exists", "Tool.get_info", "Tool.get_schema"}
_TEXT: JsonObject = {"type": "string"}
#: What `Tool.register` takes, as a schema.
_DEFINITION: JsonObject = {
    "type": "object",
    "properties": {
        "name": _TEXT, "description": _TEXT, "parameters": {"type": "object"}, "execute": {"type": "function"},
        "category": _TEXT, "version": _TEXT, "aliases": {"type": "array"},
        "level": {"type": "string", "enum": ["safe", "restricted", "privileged"]},
    },
    "required": ["name", "execute"],
}  # fmt: skip


class TableCall:
    """A table that is written as a tool's parameters, or as a part of them.

    Attributes:
        schema: What belongs into the table.
        tool: The tool; None for a function of ours that takes a table.
    """

    __slots__ = ("schema", "tool")

    def __init__(self, schema: JsonObject, tool: Tool | None) -> None:
        self.schema = schema
        self.tool = tool


def tool_names(registry: ToolRegistry, prefix: str) -> list[Match]:
    """Return the tools whose name, or else an alias, begins with `prefix` in any spelling."""
    wanted = _plain(prefix)
    matches = []
    for tool in registry.list():
        names = [name for name in (tool.name, *tool.aliases) if _plain(name).startswith(wanted)]
        if names:
            matches.append(Match(names[0], "tool", signature_of(tool)))
    return matches


def tool_members(registry: ToolRegistry, prefix: str) -> list[Match]:
    """Return the tools as fields of `Tool`, spelled as Lua names."""
    found = ((tool.name.replace("-", "_"), tool) for tool in registry.list())
    return [
        Match(name, "tool", signature_of(tool)) for name, tool in found if name.startswith(prefix) and is_name(name)
    ]


def signature_of(tool: Tool) -> str:
    """Return the parameters of a tool, those that may be left out with a question mark."""
    schema = tool.parameters
    required = _names(schema.get("required"))
    names = [name if name in required else name + "?" for name in schema_properties(schema)]
    return "{" + ", ".join(names) + "}"


def table_call(evaluator: Evaluator, depth: int) -> TableCall | None:
    """Return what is known of the table constructor that is the frame number `depth`."""
    frames, tokens = evaluator.scope.frames, evaluator.tokens
    frame = frames[depth]
    if frame.kind != "{" or depth == 0:
        return None
    before = tokens[frame.at - 1].text if frame.at else ""
    parent = frames[depth - 1]
    if parent.kind == "{":
        outer = table_call(evaluator, depth - 1)
        if outer is None:
            return None
        schema = outer.schema
        part = schema_member(schema, tokens[frame.at - 2].text) if before == "=" else items_of(schema)
        return None if part is None else TableCall(_object_of(part), outer.tool)
    if parent.kind == "(" and before in {"(", ","}:
        return _called(evaluator, parent.at, frame.at)
    return _called(evaluator, frame.at, frame.at)


def _called(evaluator: Evaluator, opening: int, table: int) -> TableCall | None:
    """Return what a call expects as its table; `opening` is the index of its bracket."""
    function = evaluator.behind(opening)
    if isinstance(function, ToolValue):
        is_method = opening >= 2 and evaluator.tokens[opening - 2].text == ":"
        return TableCall(function.tool.parameters, function.tool) if is_method else None
    name = evaluator.name_of(function)
    if name in RUNS_TOOL and table > opening:
        tool = evaluator.tool(evaluator.argument_text(opening) or "")
        return None if tool is None else TableCall(tool.parameters, tool)
    if name == "Tool.register":
        return TableCall(_DEFINITION, None)
    if name == "Tool.discover":
        categories: list[str] = sorted({tool.category for tool in evaluator.registry.list()})
        choice: JsonObject = {"type": "string", "enum": [*categories]}
        return TableCall({"type": "object", "properties": {"category": choice, "tag": _TEXT}}, None)
    return None


def parameters(evaluator: Evaluator, frame: Frame, call: TableCall, prefix: str, *, is_assigned: bool) -> list[Match]:
    """Return the keys that the table may still get: those that are required first.

    Args:
        evaluator: The code.
        frame: The table constructor.
        call: What belongs into it.
        prefix: How the key begins.
        is_assigned: Whether `=` follows already.
    """
    given = dict(_given(evaluator, frame))
    required = _required(call.schema, given)
    ending = "" if is_assigned else " = "
    first: list[Match] = []
    later: list[Match] = []
    for name, schema in schema_properties(call.schema).items():
        if name not in given and name.startswith(prefix):
            text = name if is_name(name) else f'["{name}"]'
            match = Match(text + ending, "param", type_of(schema, name in required))
            (first if name in required else later).append(match)
    return first + later


def values(schema: JsonObject, prefix: str, *, is_quoted: bool) -> list[Match]:
    """Return the values that a schema names: its enum, true and false, its default.

    Args:
        schema: Of a parameter.
        prefix: How the value begins.
        is_quoted: Whether the place is inside of quotes; then only strings fit.
    """
    found: dict[str, Match] = {}
    for value in _named_values(schema):
        if isinstance(value, str):
            text = value if is_quoted else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        elif is_quoted or isinstance(value, (dict, list)) or value is None:
            continue
        else:
            text = jsontext.dumps(value)
        if text.startswith(prefix):
            found.setdefault(text, Match(text, "value", type_of(schema, True)))
    return list(found.values())


def type_of(schema: JsonObject, is_required: bool) -> str:
    """Return a parameter's type as a short text: `string`, `"a" | "b"`, with a question mark if it may be left out."""
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        shown = " | ".join(jsontext.dumps(value) for value in enum[:8]) + (" | …" if len(enum) > 8 else "")
    else:
        kind = schema.get("type", "any")
        shown = " | ".join(str(each) for each in kind) if isinstance(kind, list) else str(kind)
    return shown if is_required else shown + "?"


def _named_values(schema: JsonObject) -> Iterator[object]:
    enum = schema.get("enum")
    if isinstance(enum, list):
        yield from enum
    if "const" in schema:
        yield schema["const"]
    kind = schema.get("type")
    if kind == "boolean" or (isinstance(kind, list) and "boolean" in kind):
        yield from (True, False)
    for word in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict):
                yield from _named_values(branch)
    if schema.get("default") is not None:
        yield schema["default"]


def _given(evaluator: Evaluator, frame: Frame) -> Iterator[tuple[str, str | None]]:
    """Yield the keys that the table has so far, and their values where they are constant strings."""
    tokens, depth = evaluator.tokens, 0
    for index in range(frame.at + 1, len(tokens) - 1):
        text = tokens[index].text
        if tokens[index].kind == "mark":
            depth += (text in BRACKETS) - (text in {")", "]", "}"})
        elif depth == 0 and tokens[index].kind == "name" and tokens[index + 1].text == "=":
            value = tokens[index + 2] if index + 2 < len(tokens) else None
            yield text, value.content if value is not None and value.kind == "string" else None


def _required(schema: JsonObject, given: dict[str, str | None]) -> set[str]:
    """Return the required keys, those of the operation that is chosen included."""
    required = _names(schema.get("required"))
    branches = schema.get("allOf")
    for branch in branches if isinstance(branches, list) else ():
        if (
            isinstance(branch, dict)
            and isinstance(branch.get("then"), dict)
            and _holds(schema, branch.get("if"), given)
        ):
            then = branch["then"]
            assert isinstance(then, dict)
            required |= _names(then.get("required"))
    return required


def _holds(schema: JsonObject, condition: object, given: dict[str, str | None]) -> bool:
    """Tell whether a condition on constants is true of what the table has, defaults counted in."""
    properties = condition.get("properties") if isinstance(condition, dict) else None
    if not isinstance(properties, dict):
        return False
    for name, wanted in properties.items():
        known = schema_member(schema, name) or {}
        value = given[name] if name in given else known.get("default")
        if not isinstance(wanted, dict) or value is None:
            return False
        choices = wanted.get("enum", [wanted.get("const")])
        if not isinstance(choices, list) or value not in choices:
            return False
    return True


def items_of(schema: JsonObject) -> JsonObject | None:
    """Return the schema of a list's elements."""
    items = schema.get("items")
    return items if isinstance(items, dict) else None


def _object_of(schema: JsonObject) -> JsonObject:
    """Return the first alternative of a schema that has properties or items, else the schema."""
    for word in ("anyOf", "oneOf"):
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict) and ("properties" in branch or "items" in branch):
                return branch
    return schema


def _names(value: object) -> set[str]:
    return {name for name in value if isinstance(name, str)} if isinstance(value, list) else set()


def _plain(name: str) -> str:
    return name.replace("_", "-").lower()


def by_prefix(words: Iterable[str], prefix: str, kind: str) -> list[Match]:
    """Return the words that begin with `prefix`."""
    return [Match(word, kind) for word in words if word.startswith(prefix)]
