"""The `test` command: try a tool by its own examples.

An example of a read-only operation is run and its result compared; of any other only the parameters are checked, so
that a test never writes, deletes or sends. Knows no message.
"""

from __future__ import annotations

from llmspell_tools.errors import LlmspellError
from llmspell_tools.schema import compile_parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue

EXAMPLE_TIMEOUT_S = 10.0


def check_examples(registry: ToolRegistry, name: str) -> JsonObject:
    """Return ``{status, success, tool, message, details}`` for one tool.

    Raises:
        ToolNotFound: No tool has the name.
        ToolUnavailable: Its library is missing.
    """
    tool = registry.get(name)
    _ = tool.function  # imports it: a tool that cannot be loaded fails here
    details: list[JsonValue] = [_check(registry, tool, example) for example in tool.examples]
    failed = sum(1 for detail in details if isinstance(detail, dict) and not detail["success"])
    message = (
        f"{failed} of {len(details)} examples of '{tool.name}' failed"
        if failed
        else f"'{tool.name}' loads and its {len(details)} examples pass"
    )
    return {"status": "ok", "success": not failed, "tool": tool.name, "message": message, "details": details}


def _check(registry: ToolRegistry, tool: Tool, example: JsonObject) -> JsonObject:
    params = example.get("params")
    params = params if isinstance(params, dict) else {}
    operation = params.get("operation")
    runs = bool(tool.annotations_of(operation if isinstance(operation, str) else None).get("read_only"))
    checked: JsonObject = {"example": str(example.get("description", "")), "ran": runs, "success": True}
    try:
        if runs:
            output = registry.invoke(tool.name, params, timeout_s=EXAMPLE_TIMEOUT_S).output
            if "result" in example and not contains(output, example["result"]):
                checked["success"] = False
                checked["message"] = "the result differs from the example's"
        else:
            compile_parameters(tool.parameters, tool.parameter_aliases)(params)
    except LlmspellError as error:
        checked["success"] = False
        checked["message"] = error.message
    return checked


def contains(whole: JsonValue, part: JsonValue) -> bool:
    """Tell whether `part` is in `whole`: objects by their named fields, everything else by equality."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return (
            isinstance(whole, list)
            and len(whole) == len(part)
            and all(contains(one, other) for one, other in zip(whole, part, strict=True))
        )
    return whole == part
