"""What Python shows as JSON: bytes in base64, numbers that JSON has not as text, anything else by its text."""

from __future__ import annotations

import binascii
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_DEPTH = 100


def jsonable(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can hold it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else repr(float(value))
    if isinstance(value, (bytes, bytearray)):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    if depth < _MAX_DEPTH:
        if isinstance(value, dict):
            return {str(key): jsonable(member, depth + 1) for key, member in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [jsonable(member, depth + 1) for member in value]
    return str(value)
