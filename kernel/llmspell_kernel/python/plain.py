"""Python's values as Lua can take them, known by what they can do; no library is imported.

JSON-like values and bytes stay as they are; tuples, dates, paths, numpy's and pandas' arrays, series and tables (a
table is a list of records), polars' too, are turned into such.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: As `llmspell_kernel.lua.convert`.
_MAX_DEPTH = 200


def to_plain(value: Any, name: str, depth: int = 0) -> Any:
    """Return a Python value as Lua can take it.

    Args:
        value: What the variable holds.
        name: The variable, for errors.
        depth: Of `value` inside it.

    Raises:
        InvalidParameters: It holds something that has no Lua form, or is nested too deeply.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
        return value
    if depth > _MAX_DEPTH:
        raise InvalidParameters(f"'{name}' is nested more than {_MAX_DEPTH} levels deep, or contains itself")
    if isinstance(value, dict):
        return {_key(key, name): to_plain(member, name, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(member, name, depth + 1) for member in value]
    made = _foreign(value)
    if made is not None:
        return to_plain(made, name, depth + 1)
    raise InvalidParameters(f"'{name}' holds a {type(value).__name__}, which has no Lua form")


def _key(key: Any, name: str) -> str | int:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return key
    made = _foreign(key)
    if isinstance(made, (str, int)):
        return made
    raise InvalidParameters(f"'{name}' has a key of type {type(key).__name__}, which has no Lua form")


def _foreign(value: Any) -> Any:
    """Return the plain form of what libraries have, known by what it can do; None where it can do nothing of it."""
    if hasattr(value, "to_dicts"):  # polars.DataFrame
        return value.to_dicts()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # pandas.DataFrame
        return value.to_dict("records")
    for method in ("tolist", "to_list", "isoformat", "__fspath__"):  # arrays, series, dates, paths
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    return None
