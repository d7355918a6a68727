"""Completion and inspection of what follows `%tool`: tools, their parameters, the values of a parameter, files.

All of it comes from the tools' definitions; no tool is imported and none is called.
"""

from __future__ import annotations

from llmspell_kernel.language import Completion, Match
from llmspell_kernel.lua import completion_paths, completion_tools
from llmspell_kernel.lua.completion_expressions import schema_properties
from llmspell_kernel.lua.inspection_pages import bundle
from llmspell_kernel.lua.inspection_tools import parameter_page, tool_page
from llmspell_tools.errors import LlmspellError, ToolNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.magics.headers import Header
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

_LUA = "lua"


class ToolWords:
    """The words of `%tool` and `%%tool`.

    Args:
        find_engine: Returns what has the registry, with the tools that cells registered.
    """

    __slots__ = ("_find_engine",)

    def __init__(self, find_engine: Callable[[], LuaEngine]) -> None:
        self._find_engine = find_engine

    @property
    def _registry(self) -> ToolRegistry:
        return self._find_engine().registry

    def _tool(self, name: str) -> Tool | None:
        try:
            return self._registry.get(name)
        except (ToolNotFound, LlmspellError):
            return None

    # --- the line -----------------------------------------------------------------------------------------------------

    def complete(self, code: str, start: int, cursor: int) -> Completion:
        """Return how a line goes on; `start` is where the magic's own name ends."""
        written = code[start:cursor]
        *before, word = written.split(" ")
        words = [each for each in before if each]
        if not words:
            found = completion_tools.tool_names(self._registry, word)
            return Completion(found, cursor - len(word), cursor)
        tool = self._tool(words[0])
        if tool is None:
            return Completion([], cursor, cursor)
        key, equals, value = word.partition("=")
        if not equals:
            given = {each.partition("=")[0].removesuffix(":") for each in words[1:]}
            return Completion(_keys(tool, key, given), cursor - len(word), cursor)
        return self._value(tool, key, value, cursor)

    def complete_path(self, written: str, cursor: int) -> Completion:
        """Return the files that a path may become."""
        text = written.lstrip()
        found, length = completion_paths.paths(self._find_engine().bridge.policy, text, _LUA)
        return Completion(found, cursor - length, cursor)

    def _value(self, tool: Tool, key: str, value: str, cursor: int) -> Completion:
        is_json = key.endswith(":")
        name = tool.parameter_aliases.get(key.removesuffix(":"), key.removesuffix(":"))
        if value.startswith("@"):
            return self.complete_path(value[1:], cursor)
        schema = schema_properties(tool.parameters).get(name)
        if schema is None:
            return Completion([], cursor, cursor)
        if is_json:
            found = completion_tools.values(schema, value, is_quoted=False)
            return Completion(found, cursor - len(value), cursor)
        found = completion_tools.values(schema, value, is_quoted=True)
        found += [each for each in completion_tools.values(schema, value, is_quoted=False) if '"' not in each.text]
        if not found and completion_paths.is_path_parameter(name, schema):
            policy = self._find_engine().bridge.policy
            found, length = completion_paths.paths(policy, value, tool.name)
            return Completion(found, cursor - length, cursor)
        return Completion(found, cursor - len(value), cursor)

    def inspect(self, code: str, start: int, cursor: int, detail: int) -> dict[str, str]:
        """Return the page of the tool that is named, or of the parameter at the place."""
        end = _end_of_word(code, cursor)
        words = code[start:end].split()
        tool = self._tool(words[0]) if words else None
        if tool is None:
            return {}
        if len(words) > 1:
            key = words[-1].partition("=")[0].removesuffix(":")
            page = parameter_page(tool, tool.parameters, tool.parameter_aliases.get(key, key))
            if page is not None:
                return bundle(page)
        return bundle(tool_page(tool, is_detailed=detail == 1))

    # --- the cell below -----------------------------------------------------------------------------------------------

    def complete_body(self, header: Header, code: str, cursor: int) -> Completion:
        """Return the parameters that a line of the cell may begin with, or the values that may follow."""
        tool = self._tool_of(header)
        line = code[code.rfind("\n", 0, cursor) + 1 : cursor]
        if tool is None:
            return Completion([], cursor, cursor)
        key, colon, value = line.partition(":")
        is_json = key.lstrip(" {,").startswith('"')
        key = key.strip(' {,"')
        if not colon:
            ending = '": ' if is_json else ": "
            found = [Match(match.text.removesuffix("=").removesuffix(":") + ending, match.kind, match.signature)
                     for match in _keys(tool, key, _given(header.body))]  # fmt: skip
            return Completion(found, cursor - len(key), cursor)
        schema = schema_properties(tool.parameters).get(tool.parameter_aliases.get(key, key))
        value = value.lstrip()
        if schema is None:
            return Completion([], cursor, cursor)
        is_quoted = value.startswith('"')
        value = value.removeprefix('"')
        found = completion_tools.values(schema, value, is_quoted=is_quoted or not is_json)
        return Completion(found, cursor - len(value), cursor)

    def inspect_body(self, header: Header, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return the page of the parameter in the line of a place, else of the tool."""
        tool = self._tool_of(header)
        if tool is None:
            return {}
        end = code.find("\n", cursor)
        line = code[code.rfind("\n", 0, cursor) + 1 : end if end >= 0 else len(code)]
        key = line.partition(":")[0].strip(' {,"')
        page = parameter_page(tool, tool.parameters, tool.parameter_aliases.get(key, key))
        return bundle(page if page is not None else tool_page(tool, is_detailed=detail == 1))

    def _tool_of(self, header: Header) -> Tool | None:
        words = header.text.split()
        return self._tool(words[0]) if words else None


def _keys(tool: Tool, prefix: str, given: set[str]) -> list[Match]:
    """Return the parameters that are still to be given, as words of a line; those that are required first."""
    required = tool.parameters.get("required")
    needed = {str(name) for name in required} if isinstance(required, list) else set[str]()
    found = [
        (name not in needed, Match(name + _ending(schema), "param", completion_tools.type_of(schema, name in needed)))
        for name, schema in schema_properties(tool.parameters).items()
        if name.startswith(prefix) and name not in given
    ]
    return [match for _, match in sorted(found, key=lambda each: each[0])]


def _ending(schema: JsonObject) -> str:
    """Return what follows a parameter's name: JSON where text does not do."""
    return ":=" if schema.get("type") in {"object", "array"} else "="


def _given(body: str) -> set[str]:
    return {line.partition(":")[0].strip(' {,"') for line in body.split("\n") if ":" in line}


def _end_of_word(code: str, cursor: int) -> int:
    while cursor < len(code) and not code[cursor].isspace():
        cursor += 1
    return cursor
