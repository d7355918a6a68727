"""The envelope: the shape that most tools' output has.

    {operation, success, message?, result?, error?{code, message, details}, metadata?}

A failed envelope is a value, not an exception: a tool that declares ``failure="envelope"`` returns one for the
failures that its callers expect to read (a calculator's division by zero), and a door exits 1 on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.types import JsonObject, JsonValue


def envelope(
    operation: str,
    result: JsonValue = None,
    message: str | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
) -> JsonObject:
    """Return the envelope of a success; absent parts have no key."""
    value: JsonObject = {"operation": operation, "success": True}
    if message is not None:
        value["message"] = message
    if result is not None:
        value["result"] = result
    if metadata is not None:
        value["metadata"] = dict(metadata)
    return value


def failure(operation: str, error: LlmspellError, result: JsonValue = None) -> JsonObject:
    """Return the envelope of a failure."""
    value: JsonObject = {"operation": operation, "success": False, "error": error.as_json()}
    if result is not None:
        value["result"] = result
    return value


def is_envelope(value: object) -> TypeGuard[JsonObject]:
    """Tell whether a tool's output is an envelope."""
    return isinstance(value, dict) and "operation" in value and "success" in value


def is_failure(value: object) -> bool:
    """Tell whether a tool's output is the envelope of a failure."""
    return is_envelope(value) and value["success"] is False
