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


_CONDITION: JsonObject = {
    "supportsCondition": True,
    "conditionDescription": "A Lua expression that must hold where the error is raised",
}


def capabilities() -> JsonObject:
    """Return the body of the response to `initialize`."""
    return {
        **dict.fromkeys(_TRUE, True),
        "completionTriggerCharacters": [".", ":"],
        "exceptionBreakpointFilters": [
            {
                "filter": each.name,
                "label": each.label,
                "description": each.description,
                "default": each.is_default,
                **(_CONDITION if each.has_condition else {}),
            }
            for each in FILTERS
        ],
    }
