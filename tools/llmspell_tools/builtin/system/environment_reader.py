"""environment-reader: variables of this process's environment, those that the policy lets be read.

What may be read is the policy's business (`llmspell_tools.policy_environment`: harmless names by default, never one
that looks like a secret's unless a person named it); list and pattern show only those, get says which rule refuses.
Setting is refused always: nothing that a script does may change what later programs run with.
"""

from __future__ import annotations

import os

from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, PermissionDenied
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, mapping, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from llmspell_tools.types import JsonObject

_MAX_PATTERN = 256


@tool(
    name="environment-reader",
    category="system",
    level="restricted",
    parameter_aliases={"action": "operation"},
    requires={"get": ("variable_name",), "list": (), "pattern": ("pattern",), "set": ("variable_name",)},
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": False},
    settings={"max_variables": 100},
    returns=envelope_schema(
        {
            "get": record({"variable_name": "string", "value": ("string", "null"), "found": "boolean"}),
            "list": record({"variables": mapping("string"), "count": "integer", "truncated?": "boolean"}),
            "pattern": record(
                {"pattern": "string", "variables": mapping("string"), "count": "integer", "truncated?": "boolean"}
            ),
        },
        failures={},
    ),
    examples=(
        {
            "description": "Read one variable",
            "params": {"operation": "get", "variable_name": "PATH"},
            "result": {"operation": "get", "success": True, "result": {"variable_name": "PATH"}},
        },
        {
            "description": "Read all that may be read",
            "params": {"operation": "list"},
            "result": {"operation": "list", "success": True},
        },
        {
            "description": "Read the locale's variables; names that look like secrets are never among them",
            "params": {"operation": "pattern", "pattern": "LC_*"},
            "result": {"operation": "pattern", "result": {"pattern": "LC_*"}},
        },
    ),
)
def environment_reader(
    context: ToolContext,
    *,
    operation: Literal["get", "list", "pattern", "set"],
    variable_name: str | None = None,
    value: str | None = None,  # noqa: ARG001 - the original's parameter; setting is refused whatever it is
    pattern: str | None = None,
) -> JsonObject | ToolResult:
    """Read environment variables that the policy allows.

    Args:
        operation: get reads one, list all that may be read, pattern those whose names fit; set is always refused.
        variable_name: The name for get.
        value: For set, which is refused.
        pattern: Of names: * stands for any characters, ? for one, [abc] for one of these.
    """
    if operation == "get":
        return envelope("get", _get(context, str(variable_name)))
    if operation == "set":
        raise PermissionDenied(
            "environment variables cannot be set: environment-reader only reads",
            details={"resource": f"env:{variable_name}", "rule": "environment variables are never set"},
        )
    if operation == "list":
        found, is_cut = _readable(context, sorted(os.environ))
        result: JsonObject = {"variables": found, "count": len(found)}
    else:
        found, is_cut = _readable(context, _fitting(str(pattern)))
        result = {"pattern": pattern, "variables": found, "count": len(found)}
    if is_cut:
        result["truncated"] = True
    return ToolResult(envelope(operation, result), media=table("result.variables", "name", "value"))


def _get(context: ToolContext, name: str) -> JsonObject:
    context.policy.check_env(name, context.tool)
    try:
        value = os.environ.get(name)
    except UnicodeEncodeError:
        raise InvalidParameters(f"{name!r} cannot be the name of a variable", field="variable_name") from None
    return {"variable_name": name, "value": None if value is None else _shown(value), "found": value is not None}


def _fitting(pattern: str) -> list[str]:
    if not pattern or len(pattern) > _MAX_PATTERN:
        raise InvalidParameters(f"parameter 'pattern' must have 1 to {_MAX_PATTERN} characters", field="pattern")
    import fnmatch  # its expressions cannot backtrack for ever: every `*` is atomic

    return sorted(name for name in os.environ if fnmatch.fnmatchcase(name, pattern))


def _readable(context: ToolContext, names: list[str]) -> tuple[JsonObject, bool]:
    """Return the variables that may be read, and whether there were more than the limit."""
    most = int(str(context.settings["max_variables"]))
    found: JsonObject = {}
    for name in names:
        try:
            context.policy.check_env(name, context.tool)
        except (PermissionDenied, InvalidParameters):
            continue
        if len(found) == most:
            return found, True
        value = os.environ.get(name)
        if value is not None:
            found[_shown(name)] = _shown(value)
    return found, False


def _shown(text: str) -> str:
    """Return what the system gave as text; bytes that are not UTF-8 in hex."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", "backslashreplace")
    return text
