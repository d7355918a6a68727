"""From the tokens of an expression to what it stands for, without running it.

`a.b["c"]` is followed through locals of the code and the living globals; `Tool.get("x")`, `io.open(...)`,
`("s"):upper()` and a tool's result are known by their shape. What cannot be told is None. Depth and steps are bounded.
"""

from __future__ import annotations

from llmspell_kernel.lua.completion_values import (
    STRING_VALUE,
    FunctionValue,
    ManualValue,
    Path,
    SchemaValue,
    TableValue,
    ToolValue,
)
from llmspell_kernel.lua.inspection_manual import entries
from llmspell_kernel.lua.lexing_scope import BRACKETS, closing_index, expression_end
from llmspell_tools.errors import ToolNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.lua.completion_values import Explorer, Value
    from llmspell_kernel.lua.lexing import Token
    from llmspell_kernel.lua.lexing_scope import Scope
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

_MAX_DEPTH = 12
_MAX_FIELDS = 500
_MAX_KEYS = 50
#: Functions that take a tool's name and its parameters.
RUNS_TOOL = frozenset({"Tool.execute", "Tool.invoke"})
TEXT = Path(STRING_VALUE)


class Evaluator:
    """Evaluates expressions of one piece of code.

    Args:
        scope: What the code says.
        explorer: What the runtime says.
        registry: The tools.
    """

    __slots__ = ("explorer", "registry", "scope", "tokens")

    def __init__(self, scope: Scope, explorer: Explorer, registry: ToolRegistry) -> None:
        self.scope = scope
        self.tokens: Sequence[Token] = scope.tokens
        self.explorer = explorer
        self.registry = registry

    def tool(self, name: str) -> Tool | None:
        """Return the tool of a name in any spelling."""
        try:
            return self.registry.get(name)
        except ToolNotFound:
            return None

    def behind(self, end: int) -> Value | None:
        """Return the value of the expression whose last token is before `end`, such as `a.b` before a dot."""
        start = chain_start(self.tokens, end)
        return self.value(start, end) if start < end else None

    def value(self, start: int, end: int, depth: int = 0) -> Value | None:
        """Return the value of the tokens from `start` to before `end`."""
        if depth > _MAX_DEPTH or start >= end:
            return None
        token = self.tokens[start]
        index = start + 1
        if token.kind == "name":
            value = self._named(token.text, depth)
        elif token.kind == "string":
            value = TEXT
        elif token.text == "(":
            index = closing_index(self.tokens, start) + 1
            value = self.value(start + 1, index - 1, depth + 1)
        elif token.text == "{":
            return TableValue(self._fields(start, end))
        elif token.text == "function":
            return FunctionValue(start)
        else:
            return None
        return self._suffixes(value, index, end, depth)

    def _named(self, name: str, depth: int) -> Value | None:
        local = self.scope.local(name)
        if local is None:
            living = self.explorer.look((name,))[0] != "nil"
            variable = None if living else self.scope.assigned.get(name)
            if variable is None:
                return Path(name)
        else:
            variable = local
        if variable.function is not None:
            return FunctionValue(variable.function)
        return None if variable.value is None else self.value(*variable.value, depth + 1)

    def _suffixes(self, value: Value | None, index: int, end: int, depth: int) -> Value | None:
        while index < end and value is not None:
            text, kind = self.tokens[index].text, self.tokens[index].kind
            if text == "." and index + 1 < end:
                value = self.member(value, self.tokens[index + 1].text, depth)
                index += 2
            elif text == ":" and index + 1 < end:
                value = self.method(value, self.tokens[index + 1].text)
                index += 2
            elif text == "[":
                close = closing_index(self.tokens, index)
                key = self.tokens[index + 1]
                is_constant = close == index + 2 and key.kind == "string"
                value = self.member(value, key.content, depth) if is_constant else None
                index = close + 1
            elif kind == "string" or text in BRACKETS:
                close = index if kind == "string" else closing_index(self.tokens, index)
                value = self._call(value, index, depth)
                index = close + 1
            else:
                return None
        return value

    def member(self, value: Value, name: str, depth: int = 0) -> Value | None:
        """Return the value of a field."""
        if isinstance(value, Path):
            if value.keys == ("Tool",) and self.explorer.look(("Tool", name))[0] == "nil":
                tool = self.tool(name)
                return None if tool is None else ToolValue(tool)
            return Path(*value.keys, name) if len(value.keys) < _MAX_KEYS else None
        if isinstance(value, SchemaValue):
            schema = schema_member(value.schema, name)
            if schema is None:
                return None
            return TEXT if schema.get("type") == "string" else SchemaValue(schema)
        if isinstance(value, TableValue) and name in value.fields:
            return self.value(*value.fields[name], depth + 1)
        if isinstance(value, ToolValue):
            return ManualValue(f"tool:{name}") if f"tool:{name}" in entries() else None
        return None

    def method(self, value: Value, name: str) -> Value | None:
        """Return the function that a method call calls."""
        tool = self.handle(value) if name == "execute" else None
        if tool is not None:
            return ToolValue(tool)  # its call is known by the tool
        if isinstance(value, ManualValue) and value.name.endswith(":"):
            return ManualValue(value.name + name)
        return self.member(value, name)

    def _call(self, function: Value, index: int, depth: int) -> Value | None:
        """Return what a call gives; `index` is its opening bracket or its one string."""
        if isinstance(function, ToolValue):
            return result_of(function.tool)
        name = self.name_of(function)
        if name in {"Tool.get", *RUNS_TOOL}:
            tool = self.tool(self.argument_text(index) or "")
            if tool is None:
                return None
            return ToolValue(tool) if name == "Tool.get" else result_of(tool)
        if name == "setmetatable":
            return self.value(index + 1, expression_end(self.tokens, index + 1), depth + 1)
        if name == "require":
            return Path("package", "loaded", self.argument_text(index) or "")
        entry = entries().get(name or "")
        if entry is None:
            return None
        return ManualValue("file:") if entry.result == "file" else TEXT if entry.gives_text else None

    def name_of(self, function: Value | None) -> str | None:
        """Return what the manual calls a function, or else the names that lead to it, joined by dots."""
        if isinstance(function, ManualValue):
            return function.name
        if isinstance(function, Path):
            return self.explorer.library_name(function.keys) or ".".join(function.keys)
        return None

    def handle(self, value: Value | None) -> Tool | None:
        """Return the tool that a value is the handle of."""
        if isinstance(value, ToolValue):
            return value.tool
        if isinstance(value, Path):
            kind, detail, *_ = self.explorer.look(value.keys)
            return self.tool(str(detail)) if kind == "tool" else None
        return None

    def argument_text(self, index: int) -> str | None:
        """Return the constant string that is the first argument of the call whose bracket or string is at `index`."""
        if self.tokens[index].text == "(":
            index += 1
        if index < len(self.tokens) and self.tokens[index].kind == "string":
            return self.tokens[index].content
        return None

    def _fields(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        """Return the named fields of a table constructor."""
        fields: dict[str, tuple[int, int]] = {}
        index, tokens = start + 1, self.tokens
        while index + 1 < end and len(fields) < _MAX_FIELDS:
            token = tokens[index]
            name, first = "", index
            if token.kind == "name" and tokens[index + 1].text == "=":
                name, first = token.text, index + 2
            elif token.text == "[" and index + 3 < end and tokens[index + 3].text == "=":
                name, first = tokens[index + 1].content, index + 4
            last = expression_end(tokens, first)
            if name and last > first:
                fields[name] = (first, last)
            index = max(last, index + 1)
            if index < end and tokens[index].text in {",", ";"}:
                index += 1
        return fields


def chain_start(tokens: Sequence[Token], end: int) -> int:
    """Return where the expression of names, fields, indices and calls begins that ends before `end`; `end` if none."""
    index = end - 1
    while index >= 0:
        token = tokens[index]
        before = tokens[index - 1] if index else None
        if token.kind == "name":
            if before is None or before.text not in {".", ":"}:
                return index
            index -= 2
        elif token.text in {")", "]", "}"} or token.kind == "string":
            opening = index if token.kind == "string" else _opening_index(tokens, index)
            if opening < 0:
                return end
            before = tokens[opening - 1] if opening else None
            is_suffix = before is not None and (before.kind in {"name", "string"} or before.text in {")", "]", "}"})
            if not is_suffix:
                return end if token.text == "]" else opening
            index = opening - 1
        else:
            return end
    return end


def _opening_index(tokens: Sequence[Token], index: int) -> int:
    depth = 0
    for at in range(index, max(-1, index - 2_000), -1):
        if tokens[at].kind == "mark":
            depth += (tokens[at].text in {")", "]", "}"}) - (tokens[at].text in BRACKETS)
            if depth == 0:
                return at
    return -1


def result_of(tool: Tool) -> SchemaValue | None:
    """Return what a call of a tool gives; metadata and text are there beside the fields of its output."""
    schema = tool.returns
    if not schema:
        return None
    extra: JsonObject = {"metadata": {"type": "object"}, "text": {"type": "string"}}
    own = schema.get("properties")
    return SchemaValue({**schema, "properties": {**(own if isinstance(own, dict) else {}), **extra}})


def schema_properties(schema: JsonObject) -> dict[str, JsonObject]:
    """Return the properties that a schema names, those under conditions and alternatives included."""
    found: dict[str, JsonObject] = {}
    _gather(schema, found, 0)
    return found


def _gather(schema: JsonObject, found: dict[str, JsonObject], depth: int) -> None:
    if depth > _MAX_DEPTH:
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, member in properties.items():
            if isinstance(member, dict):
                known = found.get(name)
                found[name] = {**known, "anyOf": [known, member]} if known and member != known else member
    for word in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            if isinstance(branch, dict):
                _gather(branch, found, depth + 1)
    for word in ("then", "else"):
        branch = schema.get(word)
        if isinstance(branch, dict):
            _gather(branch, found, depth + 1)


def schema_member(schema: JsonObject, name: str) -> JsonObject | None:
    """Return the schema of a property; None where the schema does not know it."""
    return schema_properties(schema).get(name)
