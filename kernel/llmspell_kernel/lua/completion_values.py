"""What an expression stands for, as far as it can be told without running it.

The kinds of a value: `Path` leads to a living value of the runtime, the others are read out of the code or out of a
tool's definition. `Explorer` is what the living values are asked through (`prelude/explore.lua`).
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.inspection_manual import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_kernel.lua.prelude_loader import Prelude
    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject

#: What `explore.lua` calls any string.
STRING_VALUE = "\0string"


class Path:
    """A value of the runtime, by the keys that lead to it from the environment."""

    __slots__ = ("keys",)

    def __init__(self, *keys: str) -> None:
        self.keys = keys


class ToolValue:
    """A tool's handle, as `Tool.get` gives it."""

    __slots__ = ("tool",)

    def __init__(self, tool: Tool) -> None:
        self.tool = tool


class SchemaValue:
    """Something that a JSON Schema describes: a tool's result or a part of it."""

    __slots__ = ("schema",)

    def __init__(self, schema: JsonObject) -> None:
        self.schema = schema


class ManualValue:
    """A name of the manual, such as `file:read`; or all with a prefix, such as `file:`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class TableValue:
    """A table that the code writes down: its fields and the token ranges of their values."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, tuple[int, int]]) -> None:
        self.fields = fields


class FunctionValue:
    """A function that the code defines; `at` is the index of its keyword."""

    __slots__ = ("at",)

    def __init__(self, at: int) -> None:
        self.at = at


if TYPE_CHECKING:
    Value = Path | ToolValue | SchemaValue | ManualValue | TableValue | FunctionValue


class Member:
    """One member of a living table: its name, its kind (a Lua type or `tool`) and a detail such as a signature."""

    __slots__ = ("detail", "kind", "name")

    def __init__(self, name: str, kind: str, detail: str) -> None:
        self.name = name
        self.kind = kind
        self.detail = detail


class Explorer:
    """Living values, read without running anything of a script; owner thread, between runs.

    Args:
        prelude: Whose `explore.lua` is loaded; it costs a millisecond, so on first use.
    """

    __slots__ = ("_look", "_members")

    def __init__(self, prelude: Prelude) -> None:
        self._members, self._look, name_library = prelude.load("explore.lua")
        for name, entry in entries().items():
            if entry.parameters and not name.startswith("tool:"):
                name_library(name, *name.replace("file:", "io.stdout.").split("."))

    def members(self, keys: tuple[str, ...], prefix: str, what: str) -> list[Member]:
        """Return the members that begin with `prefix`.

        Args:
            keys: The path; () is the environment.
            prefix: Bytes are compared, and case counts.
            what: "field" for names, "method" for functions only, "key" for any string.
        """
        flat = self._members(to_lua_text(prefix), what, *map(to_lua_text, keys)) or ()
        return [
            Member(human_text(flat[index]), flat[index + 1], human_text(flat[index + 2]))
            for index in range(0, len(flat), 3)
        ]

    def library_name(self, keys: tuple[str, ...]) -> str | None:
        """Return the manual's name of the function at a path, whatever the path is called."""
        kind, detail, *_ = self.look(keys)
        return str(detail)[1:] if kind == "function" and str(detail).startswith("=") else None

    def look(self, keys: tuple[str, ...]) -> tuple[Any, ...]:
        """Return the kind of a value, a detail and what else `explore.lua` says of its kind."""
        found: tuple[Any, ...] = self._look(*map(to_lua_text, keys))
        return found
