"""What a run gave; a value, and how Lua's values are made one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue


class Execution:
    """What a run gave.

    Attributes:
        values: The results of a script, converted; empty for a cell, but for one of the mode "value": its one value,
            converted, where it is a plain one.
        text: The results of a cell, printed for people; None if it gave none.
        exit_code: The argument of `os.exit`, or None.
        data: The MIME bundle of a cell's one result where it has more than its text; else None.
        metadata: Of the bundle, by MIME type.
    """

    __slots__ = ("data", "exit_code", "metadata", "text", "values")

    def __init__(
        self,
        values: list[JsonValue],
        text: str | None,
        exit_code: int | None,
        data: JsonObject | None = None,
        metadata: JsonObject | None = None,
    ) -> None:
        self.values = values
        self.text = text
        self.exit_code = exit_code
        self.data = data
        self.metadata: JsonObject = {} if metadata is None else metadata


def printable(value: Any) -> Any:
    """Return a result with bytes that are not UTF-8 shown as U+FFFD: results are JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [printable(member) for member in value]
    if isinstance(value, dict):
        return {key: printable(member) for key, member in value.items()}
    return value
