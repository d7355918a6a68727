"""Python's half of a program: breakpoints in tools' files, and calls of tools as scripts make them.

Threads. `entering`, `left`, `run_ended` and `visited` run on the owner thread of the scripts, `heard` on the tracer's
thread, everything else on the session's. How a stop reaches the client is the affair of a `Front`.
"""

from __future__ import annotations

from threading import RLock

from llmspell_kernel.debug.debuggee import Wanted
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python import frames
from llmspell_kernel.debug.python.calls import Calls, code_of
from llmspell_kernel.debug.python.points import PythonPoints
from llmspell_kernel.lua.debugger.points import real_path
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from llmspell_kernel.debug.python.stops import Held, Program, ToolStops
    from llmspell_kernel.debug.python.tracer import Tracer
    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.tool_gate import Watched
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

    class OwnTools(Program, Protocol):
        """The half in Lua."""

        @property
        def registry(self) -> ToolRegistry:
            """The tools that scripts call."""
            ...

    class Front(Protocol):
        """Who tells the client of stops."""

        def heard(self, event: str, body: JsonObject) -> None:
            """Take an event of debugpy."""
            ...

        def visited(self) -> None:
            """Run on the stopped thread."""
            ...

        def wait_ready(self) -> None:
            """Wait, with patience, until breakpoints are set."""
            ...

        def let_go(self) -> None:
            """End; a stopped tool goes on."""
            ...


#: debugpy's exception filters by ours.
FILTERS = {"pythonRaised": "raised", "pythonUncaught": "userUnhandled"}
_OFF = "Python is not debugged in this session (pythonDebugging: off)"
_ELSEWHERE = "breakpoints in Python files belong to the client's Python session (pythonDebugging: child)"


class PythonHalf:
    """See the module's docstring; does nothing until something asks for Python.

    Args:
        program: The half in Lua.
    """

    def __init__(self, program: OwnTools) -> None:
        self._program = program
        self._wanted = Wanted()
        self._lock = RLock()
        self._tracer: Tracer | None = None  # kept after `leave`, for a tool that goes on
        self._front: Front | None = None
        self._has_left = True  # nothing is debugged, but a tool may still have to go on
        self._stops: ToolStops | None = None  # the front, where the session itself tells of stops
        self._calls = Calls()
        self._points = PythonPoints()
        self._filters: list[str] = []
        self._files: dict[str, None] = {}  # what is a tool's, in the order in which it was met

    # --- session's thread ------------------------------------------------------------------------------------------

    @property
    def held(self) -> Held | None:
        """The stop in a tool that goes on now, if the session tells of such."""
        return None if self._stops is None else self._stops.held

    def prepare(self, wanted: Wanted) -> None:
        """Take what the session wants."""
        self._wanted = wanted

    def watch(self) -> None:
        """Be told of calls to tools, as far as that is needed."""
        watched: Watched = "never" if self._is_off else "always" if self._wants_all else "steps"
        self._program.debugger.tool_gate.watch(self, watched)

    def leave(self) -> None:
        """Forget everything; a stopped tool goes on."""
        paths = self._points.clear()
        had_filters, self._filters = bool(self._filters), []
        self._files.clear()
        tracer, front = self._tracer, self._front
        if tracer is None or front is None or self._has_left:
            return
        self._has_left = True
        try:
            for path in paths:
                tracer.request("setBreakpoints", source={"path": path}, breakpoints=[])
            if had_filters:
                tracer.request("setExceptionBreakpoints", filters=[])
        except LlmspellError as error:
            self._report(error)
        front.let_go()
        tracer.give_back(self)

    def program_ended(self) -> None:
        """Let a session of Python's own end as well; any thread."""
        if self._front is not None:
            self._front.let_go()

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the breakpoints of a Python file; debugpy comes with the first that can stop."""
        had_some = real_path(path) in self._points.paths
        real, points = self._points.set_lines(path, wishes)
        asked = self._points.asked_of(real)
        if self._is_off:
            _refuse(points, _OFF)
        elif asked or had_some:
            try:
                self._tell_points(real, asked)
            except RequestFailed as error:
                _refuse(points, error.message)
            if self._stops is None:
                _refuse(points, _ELSEWHERE)
        self.watch()
        return points

    def _tell_points(self, path: str, asked: list[JsonObject]) -> None:
        tracer = self._started(path)
        if self._stops is None:
            return
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
        tracer = self._started()
        if self._stops is not None:
            tracer.request("setExceptionBreakpoints", filters=wanted)
        self.watch()

    def pause(self) -> None:
        """Stop at the next line of the tool that goes on, or of the one that is called before Lua runs a line.

        Where nothing has asked for Python yet, the tool goes on to its end.
        """
        if self._tracer is not None and self._stops is not None and not self._has_left and self.held is None:
            self._calls.is_pausing = True
            if self._calls.depth:
                self._tracer.post("pause", threadId="*")

    def stopped_in_lua(self) -> None:
        """Take note that the script has stopped at a line of its own; owner thread.

        Nothing is traced meanwhile: debugpy would keep frames that hold Lua's values.
        """
        self._calls.is_pausing = False
        if self._tracer is not None:
            self._tracer.trace(on=False)

    def go_on(self, mode: str) -> bool:
        """Let the stopped tool run; tell whether there is one."""
        return self._stops is not None and self._stops.go_on(mode)

    def ask(self, command: str, **arguments: object) -> JsonObject:
        """Ask debugpy about the stopped tool.

        Raises:
            RequestFailed: It cannot tell, or nothing is stopped there.
        """
        if self._stops is None:
            raise RequestFailed("not_stopped", "the tool is not stopped")
        return self._stops.ask(command, **arguments)

    @property
    def _is_off(self) -> bool:
        return self._wanted.python == "off"

    @property
    def _wants_all(self) -> bool:
        has_child = self._stops is None and self._front is not None and not self._has_left
        return has_child or bool(self._points.paths or self._filters)

    def _started(self, *files: str) -> Tracer:
        """Return debugpy at work for us, knowing these files as tools'; imports it.

        Raises:
            RequestFailed: It cannot be had.
        """
        with self._lock:
            if self._tracer is None or self._has_left:
                from llmspell_kernel.debug.python.tracer import shared  # takes debugpy's server along

                self._tracer = shared()
                self._tracer.claim(self)
                self._front = self._made_front(self._tracer)
                self._has_left = False
            self._files.update(dict.fromkeys(files))
            self._tracer.configure(list(self._files), just_my_code=self._wanted.just_my_code)
            return self._tracer

    def _made_front(self, tracer: Tracer) -> Front:
        offer = self._wanted.offer
        if self._wanted.python == "child" and offer is not None:
            from llmspell_kernel.debug.python.child import Child

            self._stops = None
            return Child(self._program, tracer, self._calls, offer)
        from llmspell_kernel.debug.python.stops import ToolStops

        self._stops = ToolStops(self._program, tracer, self._calls, self._points)
        return self._stops

    def _report(self, error: LlmspellError) -> None:
        self._program.logged(f"Python tools: {error.message}\n")

    # --- owner thread ----------------------------------------------------------------------------------------------

    def entering(self, tool: str, *, is_stepping: bool) -> None:
        """See `tool_gate.Watcher`."""
        self._calls.enter()
        entry = code_of(self._program.registry, tool) if is_stepping else None
        if entry is not None:
            try:
                self._started(real_path(entry.co_filename))
            except RequestFailed as error:
                self._report(error)
                return
            self._calls.entry = entry
        tracer, front = self._tracer, self._front
        if tracer is None or front is None or self._has_left:
            return
        if self._calls.is_expecting or self._wants_all:
            front.wait_ready()
            tracer.meet()
            tracer.trace(on=True)
        if self._calls.is_expecting:
            tracer.stop_soon()

    def left(self) -> bool:
        """See `tool_gate.Watcher`: a step that was to end in the tool ends where it was called."""
        is_stepping = self._calls.leave()
        tracer = self._tracer
        if tracer is None:
            return False
        if is_stepping or self._calls.is_expecting:
            self._forget_step(tracer)
        elif not self._wants_all and not self._calls.depth:
            tracer.trace(on=False)
        return is_stepping

    def run_ended(self) -> None:
        """See `tool_gate.Watcher`."""
        was_expecting = self._calls.end()
        tracer = self._tracer
        if tracer is not None:
            self.go_on("continue")
            if was_expecting:
                self._forget_step(tracer)
            tracer.trace(on=False)

    def _forget_step(self, tracer: Tracer) -> None:
        self._calls.forget()
        tracer.trace(on=False)
        try:
            tracer.forget_step()
        except RequestFailed as error:
            self._report(error)

    def visited(self) -> None:
        """See `tracer.Owner`."""
        if self._front is not None:
            self._front.visited()

    # --- the tracer's thread ---------------------------------------------------------------------------------------

    def heard(self, event: str, body: JsonObject) -> None:
        """See `tracer.Owner`."""
        if self._front is not None:
            self._front.heard(event, body)


def _refuse(points: Sequence[Point], reason: str) -> None:
    for point in points:
        if point.is_verified:
            point.line, point.reason = None, reason
