"""The members of a value, as matches: of living tables, strings, tools, results, and tables that code writes down."""

from __future__ import annotations

from llmspell_kernel.language import Match
from llmspell_kernel.lua import completion_tools
from llmspell_kernel.lua.completion_expressions import schema_properties
from llmspell_kernel.lua.completion_values import ManualValue, Path, SchemaValue, TableValue, ToolValue
from llmspell_kernel.lua.inspection_manual import entries
from llmspell_kernel.lua.lexing import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmspell_kernel.lua.completion_values import Explorer, Member, Value
    from llmspell_kernel.lua.lexing import Token
    from llmspell_tools.registry import ToolRegistry

_HANDLE = ("name", "description", "version", "category", "schema")
_LIBRARIES = frozenset(
    {
        "string", "table", "math", "utf8", "io", "os", "coroutine", "debug", "package", "Debug", "Tool", "JSON", "comm",
        "display", "widgets",
    }
)  # fmt: skip


class Members:
    """Lists members.

    Args:
        explorer: Reads living values.
        registry: The tools.
    """

    __slots__ = ("_explorer", "_registry")

    def __init__(self, explorer: Explorer, registry: ToolRegistry) -> None:
        self._explorer = explorer
        self._registry = registry

    def of(self, value: Value, prefix: str, tokens: Sequence[Token], *, is_method: bool) -> list[Match]:
        """Return the members that begin with `prefix`; behind a colon (`is_method`) only functions."""
        if isinstance(value, Path):
            return self._living(value, prefix, is_method=is_method)
        if isinstance(value, ToolValue):
            methods = _methods("tool:", prefix)
            return methods if is_method else completion_tools.by_prefix(_HANDLE, prefix, "field") + methods
        if isinstance(value, ManualValue):
            return _methods(value.name, prefix) if is_method and value.name.endswith(":") else []
        if isinstance(value, TableValue):
            return _written(value, prefix, tokens, is_method=is_method)
        if isinstance(value, SchemaValue) and not is_method:
            return [
                Match(name, "field", completion_tools.type_of(schema, True))
                for name, schema in schema_properties(value.schema).items()
                if name.startswith(prefix) and is_name(name)
            ]
        return []

    def keys(self, value: Value, prefix: str) -> list[Match]:
        """Return what may stand in `value["`."""
        if isinstance(value, Path):
            own = [living(member, "field") for member in self._explorer.members(value.keys, prefix, "key")]
            if value.keys == ("Tool",):
                own += completion_tools.tool_names(self._registry, prefix)
            return in_order((match for match in own if not set(match.text) & set("\"'\\\n")), prefix)
        if isinstance(value, SchemaValue):
            return completion_tools.by_prefix(schema_properties(value.schema), prefix, "field")
        if isinstance(value, TableValue):
            return completion_tools.by_prefix(value.fields, prefix, "field")
        return []

    def _living(self, value: Path, prefix: str, *, is_method: bool) -> list[Match]:
        kind = self._explorer.look(value.keys)[0]
        if kind == "string" and not is_method:
            return []
        matches = [
            living(member, "field", is_method=is_method)
            for member in self._explorer.members(value.keys, prefix, "method" if is_method else "field")
            if prefix.startswith("_") or not member.name.startswith("__")
        ]
        if value.keys == ("Tool",) and not is_method:
            return in_order(matches, prefix) + completion_tools.tool_members(self._registry, prefix)
        if kind == "tool":
            known = {match.text: match for match in _methods("tool:", prefix)}
            matches = [known.get(match.text, match) for match in matches]
        return in_order(matches, prefix)


def _written(value: TableValue, prefix: str, tokens: Sequence[Token], *, is_method: bool) -> list[Match]:
    matches = []
    for name, (start, _) in value.fields.items():
        is_function = tokens[start].text == "function"
        if name.startswith(prefix) and is_name(name) and (is_function or not is_method):
            kind = "method" if is_method else "function" if is_function else "field"
            matches.append(Match(name, kind, parameters_at(tokens, start) if is_function else ""))
    return in_order(matches, prefix)


def _methods(owner: str, prefix: str) -> list[Match]:
    """Return the methods of the manual whose names begin with `owner`, such as `file:`."""
    names = [name for name in entries() if name.startswith(owner + prefix)]
    return [Match(name[len(owner) :], "method", signature_of("=" + name)) for name in names]


def living(member: Member, other: str, *, is_method: bool = False) -> Match:
    """Return the match for a living member; `other` is its kind where it is no function, library or tool."""
    if member.kind == "function":
        return Match(member.name, "method" if is_method else "function", signature_of(member.detail))
    if member.kind == "tool":
        return Match(member.name, "tool", member.detail)
    if member.kind == "table" and member.name in _LIBRARIES:
        return Match(member.name, "module", "table")
    return Match(member.name, other, member.kind)


def parameters_at(tokens: Sequence[Token], index: int) -> str:
    """Return the parameters that are written behind a `function` keyword, as `(a, b)`."""
    while index < len(tokens) and tokens[index].text != "(":
        index += 1
    names = []
    for token in tokens[index + 1 : index + 200]:
        if token.kind == "name" or token.text == "...":
            names.append(token.text)
        elif token.text == ")":
            break
    return f"({', '.join(names)})"


def signature_of(detail: str) -> str:
    """Return the signature that a detail of `explore.lua` stands for: `=string.rep` is the manual's."""
    if not detail.startswith("="):
        return detail
    entry = entries()[detail[1:]]
    return entry.parameters + (f" -> {entry.result}" if entry.result else "")


def in_order(matches: Iterable[Match], prefix: str) -> list[Match]:
    """Sort by name, what begins with an underscore last unless it is asked for."""
    hidden = not prefix.startswith("_")
    return sorted(matches, key=lambda match: (hidden and match.text.startswith("_"), match.text.lower(), match.text))
