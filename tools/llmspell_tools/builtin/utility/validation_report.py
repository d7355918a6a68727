"""What data-validator found wrong, up to as much as was asked for.

Knows no rule; `validation_rules` above fills it.
"""

from __future__ import annotations

from llmspell_tools.schema_values import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_tools.types import JsonValue

#: Characters that a value may have in the report.
_MAX_SHOWN = 1000


class Enough(Exception):
    """The report holds as many errors as were asked for."""


class Report:
    """The errors found so far.

    Args:
        most: Errors after which to stop.
        check: Called now and then; raises when the run is to end.
    """

    __slots__ = ("_check", "_most", "_steps", "errors")

    def __init__(self, most: int, check: Callable[[], None] | None = None) -> None:
        self.errors: list[JsonValue] = []
        self._most = most
        self._check = check
        self._steps = 0

    def add(self, path: str, value: JsonValue, rule: str, message: str) -> None:
        """Add an error; a large value is described, not repeated."""
        self.errors.append({"field": path, "value": _shown(value), "rule": rule, "message": message})
        if len(self.errors) >= self._most:
            raise Enough

    def step(self) -> None:
        """Note that an item is looked at."""
        self._steps += 1
        if self._check is not None and not self._steps & 1023:
            self._check()


def _shown(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "…"
    if isinstance(value, (list, dict)) and _size(value) > _MAX_SHOWN:
        return describe(value)
    return value


def _size(value: JsonValue) -> int:
    """Return about how many characters a value's JSON has, counting no further than needed."""
    size = 0
    waiting: list[JsonValue] = [value]
    while waiting and size <= _MAX_SHOWN:
        found = waiting.pop()
        size += len(found) + 2 if isinstance(found, (str, list, dict)) else 4
        if isinstance(found, list):
            waiting.extend(found[:_MAX_SHOWN])
        elif isinstance(found, dict):
            size += sum(map(len, list(found)[:_MAX_SHOWN]))
            waiting.extend(list(found.values())[:_MAX_SHOWN])
    return size
