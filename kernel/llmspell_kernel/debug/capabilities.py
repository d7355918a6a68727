"""What `initialize` promises: each entry is a request or field that is answered, and a test asks for every one."""

from __future__ import annotations

from llmspell_kernel.debug.debuggee import FILTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject

_TRUE = (
    "supportsConfigurationDoneRequest",
    "supportsFunctionBreakpoints",
    "supportsConditionalBreakpoints",
    "supportsHitConditionalBreakpoints",
    "supportsLogPoints",
    "supportsEvaluateForHovers",
    "supportsSetVariable",
    "supportsSetExpression",
    "supportsCompletionsRequest",
    "supportsExceptionInfoRequest",
    "supportsExceptionFilterOptions",
    "supportsDelayedStackTraceLoading",
    "supportsLoadedSourcesRequest",
    "supportsBreakpointLocationsRequest",
    "supportsRestartRequest",
    "supportsTerminateRequest",
    "supportTerminateDebuggee",
    "supportsClipboardContext",
)


def capabilities() -> JsonObject:
    """Return the body of the response to `initialize`."""
    return {
        **dict.fromkeys(_TRUE, True),
        "completionTriggerCharacters": [".", ":"],
        "exceptionBreakpointFilters": [
            {
                "filter": name,
                "label": label,
                "description": description,
                "default": is_default,
                "supportsCondition": True,
                "conditionDescription": "A Lua expression that must hold where the error is raised",
            }
            for name, label, description, is_default in FILTERS
        ],
    }
