"""``--select``: a part of a JSON value, named in JMESPath (https://jmespath.org)."""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue


def select(expression: str, value: JsonValue) -> JsonValue:
    """Return the part of `value` that a JMESPath expression names; null where there is none.

    Raises:
        InvalidParameters: The expression is not JMESPath, or fails on this value.
    """
    import jmespath  # 10 ms, only where --select is used
    import jmespath.exceptions

    try:
        found: JsonValue = jmespath.search(expression, value)
    except jmespath.exceptions.JMESPathError as error:
        first = str(error).splitlines()[0].rstrip(":")
        raise InvalidParameters(
            f"--select '{expression}': {first}; see https://jmespath.org, e.g. result.items[0].name",
            field="select",
        ) from None
    return found
