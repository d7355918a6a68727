"""Where the program stands: threads, frames, scopes, and the error that stopped it."""

from __future__ import annotations

from llmspell_kernel.debug.protocol import RequestFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Frame
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject

#: Frames in one answer, where the client does not say how many.
_PAGE = 1000
_MAX_TRACE = 30


def threads(session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG001 - a handler's
    """Return the main thread and every coroutine, those that wait too."""
    if session.debuggee is None:
        return {"threads": []}
    return {"threads": [{"id": thread.id, "name": thread.name} for thread in session.debuggee.threads()]}


def stack_trace(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return some frames; where there are more, `totalFrames` is one more than what is known."""
    first = max(arguments.number("startFrame", 0), 0)
    size = arguments.number("levels", 0) or _PAGE
    thread = arguments.number("threadId")
    frames, more = session.program().frames(thread, first, min(size, _PAGE), all_frames=not session.just_my_code)
    return {
        "stackFrames": [_described(session, frame) for frame in frames],
        "totalFrames": first + len(frames) + (1 if more else 0),
    }


def scopes(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return the groups of variables of a frame."""
    frame = arguments.number("frameId")
    found = session.program().scopes(frame)
    for scope in found:
        session.frame_of[scope.reference] = frame
    return {
        "scopes": [
            {
                "name": scope.name,
                "presentationHint": scope.hint,
                "variablesReference": scope.reference,
                "namedVariables": scope.named,
                "indexedVariables": scope.indexed,
                "expensive": scope.is_expensive,
            }
            for scope in found
        ]
    }


def exception_info(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return the error at which the program is stopped."""
    stop = session.stop
    if stop is None or stop.reason != "exception":
        raise RequestFailed("not_stopped", "the program is not stopped at an error")
    frames, _ = session.program().frames(arguments.number("threadId", stop.thread), 0, _MAX_TRACE, all_frames=False)
    lines = [f"{frame.source.lstrip('@=')}:{frame.line}: in {frame.name}" for frame in frames]
    return {
        "exceptionId": stop.kind,
        "description": stop.text,
        "breakMode": "always" if stop.is_caught else "unhandled",
        "details": {"message": stop.text, "typeName": stop.kind, "stackTrace": "\n".join(lines)},
    }


def _described(session: DebugSession, frame: Frame) -> JsonObject:
    shown: JsonObject = {
        "id": frame.id,
        "name": frame.name,
        "source": session.sources.described(frame.source, is_own=frame.is_own),
        "line": session.client.line_out(frame.line) if frame.line > 0 else 0,
        "column": session.client.first_column(),
    }
    if frame.is_own:
        shown["presentationHint"] = "subtle"
    return shown
