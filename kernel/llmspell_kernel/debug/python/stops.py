"""Stops inside tools, in the session of the scripts: debugpy's event becomes a stop of the script that has called.

Threads. `visited` runs on the owner thread of the scripts, which debugpy keeps meanwhile; `heard` on the tracer's
thread, `go_on` and `ask` on any. What is asked of the script beneath the tool gets to its thread by `visited`.
"""

from __future__ import annotations

import sys
from threading import Event, RLock

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python import frames
from llmspell_kernel.debug.python.tracer import VISIT
from llmspell_kernel.lua.debugger.stops import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from llmspell_kernel.debug.debuggee import Frame
    from llmspell_kernel.debug.python.calls import Calls
    from llmspell_kernel.debug.python.points import PythonPoints
    from llmspell_kernel.debug.python.tracer import Tracer
    from llmspell_kernel.lua.debugger.debugger import LuaDebugger
    from llmspell_tools.types import JsonObject

    class Program(Protocol):
        """The half in Lua, and who listens."""

        debugger: LuaDebugger

        def stopped(self, stop: Stop) -> None:
            """Tell of a stop."""
            ...

        def resumed(self, mode: str) -> None:
            """Tell that it goes on."""
            ...

        def logged(self, text: str) -> None:
            """Tell what a log point says."""
            ...


_COMMANDS = {"continue": "continue", "in": "stepIn", "over": "next", "out": "stepOut"}
_ARRIVAL_S, _ARRIVALS = 0.01, 1000
_NUDGE_S = 0.001
_NUDGES, _BLIND_NUDGES = 20, 4


class Held:
    """A stop in a tool.

    Attributes:
        thread: debugpy's number of the thread.
        frames: Of the tool, innermost first; never empty.
        stop: As the session knows it, once the script beneath is stopped too.
    """

    __slots__ = ("frames", "stop", "thread")

    def __init__(self, thread: int, inside: list[Frame]) -> None:
        self.thread = thread
        self.frames = inside
        self.stop: Stop | None = None

    @property
    def top(self) -> int:
        """Return debugpy's number of the innermost frame."""
        return self.frames[0].id - frames.FIRST


class ToolStops:
    """The stops of one program, one at a time.

    Args:
        program: Is told.
        tracer: debugpy.
        calls: The calls that go on.
        points: The breakpoints.
    """

    def __init__(self, program: Program, tracer: Tracer, calls: Calls, points: PythonPoints) -> None:
        self._program = program
        self._tracer = tracer
        self._calls = calls
        self._points = points
        self._lock = RLock()
        self._arriving: tuple[Held, JsonObject, Event] | None = None
        self._has_resumed = Event()
        self._has_left = False
        #: The stop that goes on now.
        self.held: Held | None = None

    # --- any thread ------------------------------------------------------------------------------------------------

    def go_on(self, mode: str, *, nudges: int = _NUDGES) -> bool:
        """Let the stopped tool run; tell whether there is one."""
        with self._lock:
            held, self.held = self.held, None
        if held is None:
            return False
        if mode != "continue":
            self._calls.step = self._calls.depth
        self._tracer.stopped = 0
        self._program.debugger.tool_gate.release()
        self._has_resumed.clear()
        self._tracer.post(_COMMANDS[mode], threadId=held.thread)
        nudge(self._tracer, self._has_resumed, nudges)
        self._program.resumed(mode)
        return True

    def let_go(self) -> None:
        """The session leaves; nothing stops any more."""
        self._has_left = True
        self.go_on("continue")

    def ask(self, command: str, **arguments: object) -> JsonObject:
        """Ask debugpy about the stopped tool.

        Raises:
            RequestFailed: It cannot tell, or nothing is stopped there.
        """
        if self.held is None:
            raise RequestFailed("not_stopped", "the tool is not stopped")
        return self._tracer.request(command, **arguments)

    def wait_ready(self) -> None:
        """Return at once: nobody else is to be waited for."""

    # --- owner thread ----------------------------------------------------------------------------------------------

    def visited(self) -> None:
        """See `tracer.Owner`: the first time at a stop, the script beneath becomes one that is stopped."""
        gate = self._program.debugger.tool_gate
        arriving, self._arriving = self._arriving, None
        if arriving is not None:
            held, body, arrived = arriving
            held.stop = gate.hold(lambda thread: self._stop_of(thread, body), self._ring, self._resume)
            arrived.set()
        gate.serve()

    def _resume(self, mode: str | None) -> None:
        """The script beneath shall go on: it was interrupted, or its debugger leaves it."""
        self.go_on(mode or "continue", nudges=1)  # on the very thread: it looks at its orders when this is over

    def _stop_of(self, thread: int, body: JsonObject) -> Stop:
        reason = str(body.get("reason"))
        points = self._points.hit(body.get("hitBreakpointIds"))
        if not points and reason != "exception" and self._calls.is_expecting:
            reason = "pause" if self._calls.is_pausing else "step"
        elif reason not in {"breakpoint", "exception", "pause"}:
            reason = "step"
        text, kind = str(body.get("text") or ""), str(body.get("kind") or "error")
        return Stop(reason, thread, text=text, points=points, is_caught=True, kind=kind)

    # --- the tracer's thread ---------------------------------------------------------------------------------------

    def heard(self, event: str, body: JsonObject) -> None:
        """See `tracer.Owner`."""
        if event == "continued":
            self._has_resumed.set()
        elif event == "stopped":
            self._stopped(frames.number(body, "threadId"), body)
        elif event == "output" and body.get("category") != "telemetry":
            self._program.logged(str(body.get("output")))

    def _stopped(self, thread: int, body: JsonObject) -> None:
        if self._has_left:
            self._tracer.post("continue", threadId=thread)
            return
        kept = inside(self._tracer, self._calls, thread)
        if passes(self._tracer, self._calls, kept, thread):
            return
        if body.get("reason") == "exception":
            body = {**body, **_exception(self._tracer, thread)}
        held = Held(thread, kept)
        self._tracer.stopped = self._calls.owner
        arrived = Event()
        self._arriving, self._calls.step = (held, body, arrived), None
        with self._lock:
            self.held = held
        self._ring()
        self._await(arrived)
        self._arriving = None
        self._calls.forget()
        if held.stop is not None and not self._has_left:
            self._program.stopped(held.stop)
            return
        if not self.go_on("continue", nudges=_BLIND_NUDGES):
            self._tracer.post("continue", threadId=thread)

    def _await(self, arrived: Event) -> None:
        """Wait for the thread to call `visited`, unless its call has ended: an interrupt may have broken it."""
        for _ in range(_ARRIVALS):
            if arrived.wait(_ARRIVAL_S) or self._has_left or not self._calls.depth:
                return
            self._tracer.wake()

    def _ring(self) -> None:
        """Let the stopped thread call `visited`."""
        held = self.held
        if held is not None:
            self._tracer.post("evaluate", expression=VISIT, frameId=held.top, context="watch")


def inside(tracer: Tracer, calls: Calls, thread: int) -> list[Frame]:
    """Return the frames of the tool that is stopped, without those of whoever runs the scripts."""
    if not calls.depth:
        return []
    found = frames.frames_of(tracer.request("stackTrace", threadId=thread))
    return frames.inside(found, frames.places_inside(sys._current_frames().get(calls.owner)))


def passes(tracer: Tracer, calls: Calls, kept: list[Frame], thread: int) -> bool:
    """Go on from a stop that is none: outside of a tool, or just before its first line; tell whether it was one."""
    if not kept:
        # A pause stops in anything: on to the first line of a tool.
        tracer.post("stepIn" if calls.depth and calls.is_expecting else "continue", threadId=thread)
        return True
    if calls.is_before(kept[0]):
        tracer.post("next", threadId=thread)
        nudge(tracer, Event(), _BLIND_NUDGES)
        return True
    return False


def nudge(tracer: Tracer, has_resumed: Event, most: int) -> None:
    """Wake the stopped thread until it has gone on."""
    for _ in range(most):
        if has_resumed.wait(_NUDGE_S):
            return
        tracer.wake()


def _exception(tracer: Tracer, thread: int) -> JsonObject:
    try:
        body = tracer.request("exceptionInfo", threadId=thread)
    except RequestFailed:
        return {"text": "an exception"}
    kind = str(body.get("exceptionId")).partition("  ")[0]  # debugpy's remarks follow
    return {"kind": kind, "text": f"{kind}: {body.get('description')}"}
