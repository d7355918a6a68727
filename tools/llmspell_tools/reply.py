"""The reply to a tool call, as `tool invoke --output json` prints it and `tool_reply` carries it.

{status: "ok", tool, result: {text, media?, metadata, output}, duration_ms}
{status: "error", tool?, error, error_type, details, duration_ms}
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.definition import ToolResult
    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.types import JsonObject


def ok(tool: str, result: ToolResult, duration_ms: float) -> JsonObject:
    """Return the reply to a call that came back, be its envelope a success or not."""
    body: JsonObject = {"text": result.text}
    if result.has_media and result.media:
        body["media"] = list(result.media)
    body["metadata"] = result.metadata
    body["output"] = result.output
    return {"status": "ok", "tool": tool, "result": body, "duration_ms": round(duration_ms, 3)}


def error(tool: str | None, error: LlmspellError, duration_ms: float) -> JsonObject:
    """Return the reply to a call that was refused or failed."""
    body: JsonObject = {"status": "error"}
    if tool is not None:
        body["tool"] = tool
    body["error"] = error.message
    body["error_type"] = error.code
    body["details"] = error.details
    body["duration_ms"] = round(duration_ms, 3)
    return body
