"""An `options` object whose keys depend on the operation: which it takes, and which it cannot do without.

A parameter schema can say which keys an `options` object has, not which of them an operation takes. A key that has no
effect is a mistake that nobody would see, so it is refused with the nearest right one. Tools above; knows no tool.
Also `ABSENT`, which tells a parameter that was not given from one that is null.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llmspell_tools.types import JsonObject

#: The default of a parameter for which null is a value: what it has when it was not given.
ABSENT: Any = ...


def check_options(
    operation: str,
    options: JsonObject | None,
    takes: Mapping[str, Sequence[str]],
    needs: Mapping[str, Sequence[str]],
    always: Sequence[str] = (),
) -> JsonObject:
    """Return the options of a call, without those that are null.

    Args:
        operation: What is asked for.
        options: What the caller gave; their types were checked by the schema.
        takes: By operation, the keys that it takes.
        needs: By operation, the keys that must be there.
        always: Keys that every operation takes.

    Raises:
        InvalidParameters: A key that the operation does not take, or one that is missing.
    """
    known = [*takes.get(operation, ()), *always]
    given: JsonObject = {key: value for key, value in (options or {}).items() if value is not None}
    for key in given:
        if key not in known:
            raise InvalidParameters(_not_taken(operation, key, known), field=f"options.{key}")
    for key in needs.get(operation, ()):
        if key not in given:
            raise InvalidParameters(
                f"Missing required parameter 'options.{key}': operation '{operation}' needs it", field=f"options.{key}"
            )
    return given


def _not_taken(operation: str, key: str, known: Sequence[str]) -> str:
    if not known:
        return f"operation '{operation}' takes no options, got '{key}'"
    near = nearest(key, known)
    hint = f"did you mean '{near}'?" if near else f"it takes: {', '.join(known)}"
    return f"operation '{operation}' takes no option '{key}'; {hint}"
