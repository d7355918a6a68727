"""papermill's translator for Lua, which it has none of; registered for the language, so for every Lua kernel.

Source: papermill 2.6/2.7, `papermill.translators` and "Extending papermill". It has no entry-point group for
translators; `engine` is one for engines, and registers this as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from papermill.models import Parameter  # type: ignore[import-untyped]
from papermill.translators import Translator, papermill_translators  # type: ignore[import-untyped]

from llmspell.notebook import lua_literals

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGE = "lua"


class LuaTranslator(Translator):  # type: ignore[misc]  # papermill has no types
    """Parameters as Lua globals."""

    @classmethod
    def translate(cls, val: Any) -> str:
        """Return a value as a Lua expression."""
        return lua_literals.literal(val)

    @classmethod
    def comment(cls, cmt_str: str) -> str:
        """Return a comment."""
        return f"-- {cmt_str}".rstrip()

    @classmethod
    def codify(cls, parameters: Mapping[str, Any], comment: str = "Parameters") -> str:
        """Return the text of the cell that sets the parameters."""
        return lua_literals.assignments(parameters, comment)

    @classmethod
    def inspect(cls, parameters_cell: Any) -> list[Any]:
        """Return what the cell tagged `parameters` sets, as `papermill --help-notebook` shows it."""
        return [
            Parameter(name=each.name, inferred_type_name=each.kind or "None", default=each.default, help=each.help)
            for each in lua_literals.declared(parameters_cell["source"])
        ]


def register() -> None:
    """Let this process's papermill know Lua; again is once."""
    papermill_translators.register(LANGUAGE, LuaTranslator)
