"""Values between Python and Lua cells: what goes in, and what a cell's value is for Python.

In: see `llmspell_kernel.python.plain`. Out: None, bool, int, float, str, bytes, list, dict with keys in order. What Lua
shows richly (rows of records, charts, tool results) is a list or dict that still shows so in a notebook; what has no
plain form is a `LuaValue`, which only shows itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_tools import tables

if TYPE_CHECKING:
    from llmspell_kernel.lua import Execution
    from llmspell_tools.types import JsonObject

_TEXT_WIDTH = 120


class LuaValue:
    """A Lua value that Python has no form of: a function, a table with functions in it; it stays in Lua.

    Attributes:
        text: What Lua shows of it.
    """

    __slots__ = ("_data", "text")

    def __init__(self, text: str, data: JsonObject | None) -> None:
        self.text = text
        self._data = data

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> JsonObject:  # noqa: ARG002
        return self._data or {"text/plain": self.text}


class Records(list[Any]):
    """A list of records, which shows as a table."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str] | None:  # noqa: ARG002
        if not self or not all(isinstance(record, dict) for record in self):
            return None
        names = sorted({name for record in self for name in record})
        shown = [[record.get(name) for name in names] for record in self[: tables.MAX_ROWS]]
        table = tables.Table(names, shown, total_rows=len(self))
        return {"text/plain": "\n".join(tables.text(table, _TEXT_WIDTH)), "text/html": tables.html(table)}


class Shown(dict[str, Any]):
    """A dict that Lua shows richly: a chart, a tool's result, an object with `_mime_`."""

    bundle: tuple[JsonObject, JsonObject] = ({}, {})

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002
        exclude: object = None,  # noqa: ARG002
    ) -> tuple[JsonObject, JsonObject]:
        return self.bundle


def of_cell(execution: Execution) -> Any:
    """Return what a cell's last expression is for Python; None where it had none, or it is nil."""
    if execution.text is None:
        return None
    if not execution.values:
        return LuaValue(execution.text, execution.data)
    value = _ordered(execution.values[0])
    if execution.data is None:
        return value
    if isinstance(value, list):
        return Records(value)
    if isinstance(value, dict):
        shown = Shown(value)
        shown.bundle = (execution.data, execution.metadata)
        return shown
    return LuaValue(execution.text, execution.data)


def _ordered(value: Any) -> Any:
    """Return a value with the keys of its objects in order; Lua's tables have none that a second run repeats."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(member) for member in value] if isinstance(value, list) else value
