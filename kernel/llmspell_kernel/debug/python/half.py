"""Python's half of a program: breakpoints in tools' files, stops inside tools, and what is asked meanwhile.

Threads. `entering`, `left`, `run_ended` and `visited` run on the owner thread of the scripts, `heard` on the tracer's
thread, everything else on the session's. While a tool is stopped the owner thread is debugpy's; what is asked of the
script beneath it gets there by `visited`.
"""

from __future__ import annotations

import os
import sys
from threading import Event, RLock

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python import frames
from llmspell_kernel.debug.python.points import PythonPoints
from llmspell_kernel.lua.debugger.points import real_path
from llmspell_kernel.lua.debugger.stops import Stop
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType
    from typing import Any, Protocol

    from llmspell_kernel.debug.debuggee import Frame
    from llmspell_kernel.debug.python.tracer import Tracer
    from llmspell_kernel.lua.debugger.debugger import LuaDebugger
    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.tool_gate import Watched
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

    class Program(Protocol):
        """The other half, and who listens."""

        debugger: LuaDebugger

        @property
        def registry(self) -> ToolRegistry:
            """The tools."""
            ...

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
#: debugpy's exception filters by ours.
FILTERS = {"pythonRaised": "raised", "pythonUncaught": "userUnhandled"}
_PATIENCE_S = 10.0


class Held:
    """A stop in a tool.

    Attributes:
        thread: debugpy's number of the thread.
        top: debugpy's number of the innermost frame.
        stop: As the session knows it.
        frames: Of the tool, innermost first.
    """

    __slots__ = ("frames", "places", "stop", "thread", "top")

    def __init__(self, thread: int, top: int) -> None:
        self.thread = thread
        self.top = top
        self.stop: Stop | None = None
        self.frames: list[Frame] = []
        self.places: list[tuple[str, int]] = []


class PythonHalf:
    """See the module's docstring; does nothing until something asks for Python.

    Args:
        program: The half in Lua.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._lock = RLock()
        self._tracer: Tracer | None = None  # kept after `leave`, for a tool that goes on
        self._has_claim = False
        self._points = PythonPoints()
        self._filters: list[str] = []
        self._files: dict[str, None] = {}  # what is a tool's, in the order in which it was met
        self._just_my_code = True
        self._is_off = False
        self._depth = 0  # calls of tools that go on
        self._step: int | None = None  # the depth at which a step began that has not ended
        self._entry: CodeType | None = None  # the tool that a step goes into
        self._arriving: tuple[Held, JsonObject, Event] | None = None
        #: The stop that goes on now.
        self.held: Held | None = None

    # --- session's thread ------------------------------------------------------------------------------------------

    def prepare(self, *, is_off: bool, just_my_code: bool) -> None:
        """Take what the session wants."""
        self._is_off = is_off
        self._just_my_code = just_my_code

    def watch(self) -> None:
        """Be told of calls to tools, as far as that is needed."""
        watched: Watched = "never" if self._is_off else "always" if self._wants_all else "steps"
        self._program.debugger.tool_gate.watch(self, watched)

    def leave(self) -> None:
        """Forget everything; a stopped tool goes on."""
        tracer = self._tracer
        paths = self._points.clear()
        had_filters, self._filters = bool(self._filters), []
        self._files.clear()
        if tracer is None or not self._has_claim:
            return
        try:
            for path in paths:
                tracer.request("setBreakpoints", source={"path": path}, breakpoints=[])
            if had_filters:
                tracer.request("setExceptionBreakpoints", filters=[])
        except LlmspellError as error:
            self._report(error)
        self._go_on(tracer, "continue")
        self._has_claim = False
        tracer.give_back(self)

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the breakpoints of a Python file; debugpy comes with the first that can stop."""
        had_some = real_path(path) in self._points.paths
        real, points = self._points.set_lines(path, wishes)
        asked = self._points.asked_of(real)
        if self._is_off:
            _refuse(points, "Python is not debugged in this session (pythonDebugging: off)")
        elif asked or had_some:
            try:
                self._tell_points(real, asked)
            except RequestFailed as error:
                _refuse(points, error.message)
        self.watch()
        return points

    def _tell_points(self, path: str, asked: list[JsonObject]) -> None:
        tracer = self._started(path)
        answer = tracer.request("setBreakpoints", source={"path": path}, breakpoints=asked)
        found = answer.get("breakpoints")
        shown = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        self._points.known_as(path, [frames.number(each, "id") for each in shown])

    def set_exceptions(self, names: Sequence[str]) -> None:
        """Choose which exceptions of Python stop: names of `FILTERS`."""
        wanted = [FILTERS[name] for name in names if name in FILTERS]
        if wanted == self._filters or self._is_off:
            return
        self._filters = wanted
        self._started().request("setExceptionBreakpoints", filters=wanted)
        self.watch()

    def pause(self) -> None:
        """Stop at the next line of the tool that goes on, if one does and is traced."""
        tracer = self._tracer
        if tracer is not None and self._depth and self.held is None:
            tracer.post("pause", threadId="*")

    def go_on(self, mode: str) -> bool:
        """Let the stopped tool run; tell whether there is one."""
        tracer = self._tracer
        return tracer is not None and self._go_on(tracer, mode)

    def ask(self, command: str, **arguments: object) -> JsonObject:
        """Ask debugpy about the stopped tool.

        Raises:
            RequestFailed: It cannot tell, or nothing is stopped there.
        """
        if self._tracer is None or self.held is None:
            raise RequestFailed("not_stopped", "the tool is not stopped")
        return self._tracer.request(command, **arguments)

    @property
    def _wants_all(self) -> bool:
        return bool(self._points.paths or self._filters)

    def _started(self, *files: str) -> Tracer:
        """Return debugpy at work for us, knowing these files as tools'; imports it.

        Raises:
            RequestFailed: It cannot be had.
        """
        with self._lock:
            if self._tracer is None or not self._has_claim:
                from llmspell_kernel.debug.python.tracer import shared  # takes debugpy's server along

                tracer = shared()
                tracer.claim(self)
                self._tracer, self._has_claim = tracer, True
            self._files.update(dict.fromkeys(files))
            self._tracer.configure(list(self._files), just_my_code=self._just_my_code)
            return self._tracer

    def _go_on(self, tracer: Tracer, mode: str) -> bool:
        with self._lock:
            held, self.held = self.held, None
        if held is None:
            return False
        if mode != "continue":
            self._step = self._depth
        self._program.debugger.tool_gate.release()
        tracer.post(_COMMANDS[mode], threadId=held.thread)
        self._program.resumed(mode)
        return True

    def _report(self, error: LlmspellError) -> None:
        self._program.logged(f"Python tools: {error.message}\n")

    # --- owner thread ----------------------------------------------------------------------------------------------

    def entering(self, tool: str, *, is_stepping: bool) -> None:
        """See `tool_gate.Watcher`."""
        self._depth += 1
        entry = _code_of(self._program.registry, tool) if is_stepping else None
        if entry is not None:
            try:
                tracer = self._started(real_path(entry.co_filename))
            except RequestFailed as error:
                self._report(error)
                return
            self._entry = entry
            tracer.trace(on=True)
            tracer.stop_soon()
        elif self._tracer is not None and self._wants_all:
            self._tracer.trace(on=True)

    def left(self) -> bool:
        """See `tool_gate.Watcher`: a step that was to end in the tool ends where it was called."""
        depth, self._depth = self._depth, max(self._depth - 1, 0)
        tracer = self._tracer
        if tracer is None:
            return False
        is_stepping = self._step is not None and depth <= self._step
        if is_stepping or self._entry is not None:
            self._forget_step(tracer)
        elif not self._wants_all and self._depth == 0:
            tracer.trace(on=False)
        return is_stepping

    def run_ended(self) -> None:
        """See `tool_gate.Watcher`."""
        self._depth = 0
        tracer = self._tracer
        if tracer is not None:
            self._go_on(tracer, "continue")
            if self._step is not None or self._entry is not None:
                self._forget_step(tracer)
            tracer.trace(on=False)

    def _forget_step(self, tracer: Tracer) -> None:
        self._step = self._entry = None
        tracer.trace(on=False)
        try:
            tracer.forget_step()
        except RequestFailed as error:
            self._report(error)

    def visited(self) -> None:
        """See `tracer.Owner`: the first time at a stop, the script beneath becomes one that is stopped."""
        gate = self._program.debugger.tool_gate
        arriving, self._arriving = self._arriving, None
        if arriving is not None:
            held, body, arrived = arriving
            held.places = frames.places_inside(sys._getframe())
            held.stop = gate.hold(lambda thread: self._stop_of(thread, body), self._ring, self._resume)
            arrived.set()
        gate.serve()

    def _resume(self, mode: str | None) -> None:
        """The script beneath shall go on: it was interrupted, or the debugger leaves it."""
        self.go_on(mode or "continue")

    def _stop_of(self, thread: int, body: JsonObject) -> Stop:
        reason = str(body.get("reason"))
        text = str(body.get("text") or "")
        if reason not in {"breakpoint", "exception", "pause"} or self._entry is not None:
            reason = "step"
        points = self._points.hit(body.get("hitBreakpointIds"))
        return Stop(reason, thread, text=text, points=points, is_caught=True)

    # --- the tracer's thread ---------------------------------------------------------------------------------------

    def heard(self, event: str, body: JsonObject) -> None:
        """See `tracer.Owner`."""
        tracer = self._tracer
        if tracer is None:
            return
        if event == "stopped":
            self._stopped(tracer, frames.number(body, "threadId"), body)
        elif event == "output" and body.get("category") != "telemetry":
            self._program.logged(str(body.get("output")))

    def _stopped(self, tracer: Tracer, thread: int, body: JsonObject) -> None:
        found = frames.frames_of(tracer.request("stackTrace", threadId=thread))
        if not found or not self._depth:
            tracer.post("continue", threadId=thread)
            return
        if self._is_before(found[0]):
            tracer.post("next", threadId=thread)
            return
        if body.get("reason") == "exception":
            body = {**body, "text": _exception(tracer, thread)}
        held = Held(thread, found[0].id - frames.FIRST)
        arrived = Event()
        self._arriving, self._step = (held, body, arrived), None
        with self._lock:
            self.held = held
        self._ring()
        if not arrived.wait(_PATIENCE_S) or held.stop is None:
            with self._lock:
                self.held = None
            self._entry = None
            tracer.post("continue", threadId=thread)
            return
        self._entry = None
        held.frames = frames.inside(found, held.places)
        self._program.stopped(held.stop)

    def _is_before(self, frame: Frame) -> bool:
        """Whether a step into a tool has only got to its `def`: its first line is the next."""
        entry = self._entry
        return (
            entry is not None and frame.line <= entry.co_firstlineno and frame.name == entry.co_name
            and frame.source == "@" + os.path.abspath(entry.co_filename)
        )  # fmt: skip

    def _ring(self) -> None:
        """Let the stopped thread call `visited`."""
        from llmspell_kernel.debug.python.tracer import VISIT

        tracer, held = self._tracer, self.held
        if tracer is not None and held is not None:
            tracer.post("evaluate", expression=VISIT, frameId=held.top, context="watch")


def _refuse(points: Sequence[Point], reason: str) -> None:
    for point in points:
        if point.is_verified:
            point.line, point.reason = None, reason


def _code_of(registry: ToolRegistry, name: str) -> CodeType | None:
    """Return the code of a tool's function, None where it is not Python's: a tool written in Lua."""
    try:
        function: Any = registry.get(name).function
    except LlmspellError:
        return None
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or not os.path.isfile(code.co_filename) or "llmspell_kernel" in code.co_filename:
        return None
    return code


def _exception(tracer: Tracer, thread: int) -> str:
    try:
        body = tracer.request("exceptionInfo", threadId=thread)
    except RequestFailed:
        return "an exception"
    return f"{body.get('exceptionId')}: {body.get('description')}"
