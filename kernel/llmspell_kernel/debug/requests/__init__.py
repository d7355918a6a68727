"""One function for each request: session and arguments in, body of the response out; run on the session's worker."""

from __future__ import annotations

from llmspell_kernel.debug.requests import breakpoints, life, movement, stacks, texts, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject

    Handler = Callable[[DebugSession, Arguments], JsonObject | None]

HANDLERS: dict[str, Handler] = {
    "initialize": life.initialize,
    "launch": life.launch,
    "attach": life.attach,
    "configurationDone": life.configuration_done,
    "restart": life.restart,
    "terminate": life.terminate,
    "disconnect": life.disconnect,
    "setBreakpoints": breakpoints.set_breakpoints,
    "setFunctionBreakpoints": breakpoints.set_function_breakpoints,
    "setExceptionBreakpoints": breakpoints.set_exception_breakpoints,
    "breakpointLocations": breakpoints.breakpoint_locations,
    "continue": movement.continue_,
    "next": movement.next_,
    "stepIn": movement.step_in,
    "stepOut": movement.step_out,
    "pause": movement.pause,
    "threads": stacks.threads,
    "stackTrace": stacks.stack_trace,
    "scopes": stacks.scopes,
    "exceptionInfo": stacks.exception_info,
    "variables": values.variables,
    "setVariable": values.set_variable,
    "setExpression": values.set_expression,
    "evaluate": values.evaluate,
    "completions": values.completions,
    "source": texts.source,
    "loadedSources": texts.loaded_sources,
}
#: Requests that need no `initialize` before them; the last ones are Jupyter's (`jupyter_requests`).
UNINITIALIZED = frozenset({
    "initialize", "disconnect",
    "debugInfo", "dumpCell", "inspectVariables", "richInspectVariables", "copyToGlobals", "modules",
})  # fmt: skip
