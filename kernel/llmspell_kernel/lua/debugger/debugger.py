"""A debugger attached to one engine: it stops scripts, lets them go on, and shows what they hold.

Threads. `attach`, `set_…`, `pause`, `go_on` and `inspect` come from any thread. What needs Lua is done on the owner
thread: as a job at the next safe point (`safe_point.py`), or, while a script is stopped, by the loop that the owner
thread then waits in. A stop lasts until `go_on`, an interrupt or `detach`; the deadline of the run waits meanwhile.

What is asked about a stopped script runs in a Lua coroutine of its own and is bounded: the watch thread makes it raise
after `INSPECTION_S`, as it stops a run. While nothing is attached, nothing here is called.
"""

from __future__ import annotations

from contextlib import suppress
from threading import RLock

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.debugger.asking import Questions, message_of
from llmspell_kernel.lua.debugger.messages import counts
from llmspell_kernel.lua.debugger.points import Points
from llmspell_kernel.lua.debugger.stops import DebuggedAlready, NotStopped, Stop
from llmspell_kernel.lua.debugger.tool_gate import ToolGate
from llmspell_kernel.lua.debugger.waiting import Waiting
from llmspell_kernel.lua.prelude_loader import prelude_text
from llmspell_kernel.lua.safe_point import report
from llmspell_tools.errors import ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.stops import Listener
    from llmspell_kernel.lua.engine import LuaEngine
    from llmspell_kernel.lua.interrupt import Run


_PRELUDE = ("debug_values", "debug_frames", "debugger")


class LuaDebugger:
    """One engine's debugger; made once for an engine, any number of clients one after another.

    Args:
        engine: Its scripts are debugged.
        points: The breakpoints of a former engine that this one takes over; none if left out.
    """

    def __init__(self, engine: LuaEngine, points: Points | None = None) -> None:
        self._engine = engine
        self._bridge = engine.bridge
        self._safe_points = engine.safe_points
        self._lock = RLock()
        self._listener: Listener | None = None
        self._questions = Questions(engine)
        self._waiting = Waiting(self._questions, self._safe_points.post)
        #: Where scripts call tools: for who debugs those as well.
        self.tool_gate = ToolGate(engine, self._waiting, self._questions, lambda: self._do(self._apply))
        self._stepping: Run | None = None
        self._filters: Mapping[str, str | None] = {}
        self.points = Points(_read, self._point_changed) if points is None else points
        self.points.renew(self._point_changed)
        #: Returns the path that a chunk has beside its name, or None: ``(chunk name, text, is it a cell that is about
        #: to run) -> path``. For front ends that know cells by paths.
        self.path_of: Callable[[str, str, bool], str | None] = _no_path

    # --- any thread ------------------------------------------------------------------------------------------------

    @property
    def is_attached(self) -> bool:
        """Whether somebody listens."""
        return self._listener is not None

    @property
    def stop(self) -> Stop | None:
        """Where and why the script is stopped; None while it runs."""
        return self._waiting.stop

    def attach(self, listener: Listener) -> None:
        """Begin to watch; what was loaded before is known by its chunk names.

        Raises:
            DebuggedAlready: Somebody else does.
        """
        loader = self._engine.loader
        with self._lock:
            if self._listener is None and not loader.debugging.acquire(blocking=False):
                raise DebuggedAlready("another client debugs this program; it must disconnect first")
            self._listener = listener
            loader.instrument = self._instrument
            for name, text in list(loader.sources.items()):
                if name not in self.points.chunks:
                    self.points.load(name, text, may_change=False, path=self.path_of(name, text, False))
        self._safe_points.post(self._install)

    def detach(self) -> None:
        """End the watch: every breakpoint is forgotten and a stopped script goes on."""
        with self._lock:
            if self._listener is None:
                return
            self._listener = None
            self._filters = {}
            self._engine.loader.instrument = None
            self._engine.loader.debugging.release()
            self.points = Points(self.points.read, self._point_changed)
            self.tool_gate.forget()
        self._safe_points.post(self._remove)
        if self.stop is not None:
            with suppress(NotStopped):  # it has gone on by itself
                self._waiting.go_on("continue")

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the breakpoints of a file; they hold from the script's next safe point on."""
        with self._lock:
            points = self.points.set_lines(path, wishes)
        self._do(self._apply)
        return points

    def set_functions(self, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the function breakpoints."""
        with self._lock:
            points = self.points.set_functions(wishes)
        self._do(self._apply)
        return points

    def set_exceptions(self, filters: Mapping[str, str | None]) -> None:
        """Choose which errors stop: ``uncaught``, ``all``; each with a Lua expression that must hold there, or None."""
        self._filters = dict(filters)
        self._do(self._apply)

    def pause(self, reason: str = "pause") -> None:
        """Stop at the next line that a script runs, now or in its next run."""

        def job(api: Any) -> None:
            if self._listener is not None and self._engine.loader.debugger is self:  # else it was detached since
                api["pause"](reason)

        self._safe_points.post(job)

    def go_on(self, mode: str) -> None:
        """Let the stopped script run: continue, in, over or out.

        Raises:
            NotStopped: It runs.
        """
        self._waiting.go_on(mode)

    def inspect(self, name: str, *args: object) -> tuple[Any, ...]:
        """Ask the stopped script: an operation of `debug_frames.lua`, its results with texts decoded.

        Raises:
            NotStopped: It runs.
            ToolExecutionError: The expression failed or took too long.
        """
        return _checked(self._waiting.ask(name, *args))

    def _do(self, job: Callable[[Any], None]) -> None:
        """Run a job on the owner thread soon, whether the script is stopped, runs, or is to come."""
        if not self._waiting.do(job):
            self._safe_points.post(job)

    def _point_changed(self, point: Point) -> None:
        listener = self._listener
        if listener is not None:
            listener.point_changed(point)

    # --- owner thread: attaching ---------------------------------------------------------------------------------

    def answered(self, api: Any, name: str, *args: object) -> tuple[Any, ...]:
        """Ask about a script that is not stopped: at a safe point, where `api` is given.

        Raises:
            ToolExecutionError: As `inspect`.
        """
        if self._questions.is_asking:
            raise ToolExecutionError("another question is asked at the same time")
        if self._listener is None and self._engine.loader.debugging.locked():
            raise DebuggedAlready("another client debugs this program")
        self._load(api)
        return _checked(self._questions.ask(api, name, *args))

    def _load(self, api: Any) -> None:
        if self._engine.loader.debugger is not self:
            table = self._bridge.prelude.runtime.table_from({
                "hit": self._quietly(self._hit), "stepped": self._quietly(self._stepped),
                "broke": self._quietly(self._broke), "failed": self._quietly(self._failed),
                "group_at": self._group_at, "push": self._engine.states.append, "answer": self._questions.take,
                "entering": self.tool_gate.entering, "left": self.tool_gate.left,
                "back": self._quietly(self._came_back), "rich": self._bridge.guard(self._rich),
            })  # fmt: skip
            for name in _PRELUDE:
                api["load"](name, prelude_text(f"{name}.lua"), table)
            self._engine.loader.debugger = self

    def _rich(self, text: str, kind: str, *what: Any) -> str:
        """Return a value's MIME bundle as JSON."""
        from llmspell_kernel.lua.globals.display import Displays  # where somebody wants to see one
        from llmspell_tools.jsontext import dumps

        data, metadata = Displays(self._bridge).bundle(text, kind, what)
        return to_lua_text(dumps({"data": data, "metadata": metadata}))

    def _install(self, api: Any) -> None:
        if self._listener is None:  # it has gone before the script got here
            return
        self._load(api)
        api["attach"]()
        self._apply(api)

    def _remove(self, api: Any) -> None:
        if self._listener is None and self._engine.loader.debugger is self:
            api["detach"]()

    def _apply(self, api: Any) -> None:
        """Bring what Lua knows in line with what is set."""
        if self._engine.loader.debugger is not self or self._listener is None:
            return
        with self._lock:
            flagged, hooked = self.points.flagged(), self.points.left_to_hook()
        api["forget_points"]()
        for key, group in flagged:
            api["flag"](key, group)
        for line, name, key in hooked:
            api["watch_line"](line, to_lua_text(name), key)
        api["filter"]("uncaught" in self._filters, "all" in self._filters)
        api["watch_tools"](self.tool_gate.watched)
        api["arm"]()

    def _instrument(self, text: str, name: str, is_global: bool, is_cell: bool) -> str:
        with self._lock:
            listener = self._listener
            if listener is None:
                return text
            path = self.path_of(name, text, is_cell)
            changed, has_points = self.points.load(name, text, may_change=is_global, is_cell=is_cell, path=path)
        if has_points:
            self._safe_points.post(self._apply)
        listener.loaded(name)
        return changed

    # --- owner thread: stops ---------------------------------------------------------------------------------------

    def _quietly(self, function: Callable[..., None]) -> Callable[..., bool]:
        """Return a callback that never raises into Lua: a fault of ours is logged and the script goes on.

        Code that a question runs, a function called in a watch say, does not stop. The callback tells whether the run
        has been ended meanwhile.
        """

        def guarded(*args: Any) -> bool:
            if self.stop is not None or self._questions.is_asking:
                return False
            try:
                function(*args)
            except BaseException as error:  # noqa: BLE001 - it is reported, and the script's own faults are no Python
                run = self._bridge.run
                if run is None or run.reason is None:  # else the run was stopped just here, and unwinds
                    report("the debugger failed", error)
            run = self._bridge.run
            return run is not None and run.reason is not None

        return guarded

    def _group_at(self, source: str, line: int) -> int | None:
        with self._lock:
            chunk = self.points.chunks.get(human_text(source))
            if chunk is None or line not in chunk.lines:
                return None
            return self.points.group(chunk.path, line)

    def _hit(self, api: Any, key: int) -> None:
        with self._lock:
            points = self.points.at(key) if self._listener is not None else []
        if not points:
            api["flag"](key, None)
            return
        thread = api["look"]()
        stopping = [point for point in points if self._stops(api, thread, point)]
        if stopping:
            kind = "breakpoint" if any(not point.wish.function for point in stopping) else "function breakpoint"
            self._wait(api, Stop(kind, thread, points=stopping))

    def _stepped(self, api: Any, reason: str) -> None:
        if reason == "step" and self._stepping is not self._bridge.run:
            api["halt"]()  # the run in which the step began is over
            return
        self._wait(api, Stop(reason, api["look"]()))

    def _broke(self, api: Any) -> None:
        self._wait(api, Stop("breakpoint", api["look"](), text="Debug.breakpoint()"))

    def _came_back(self, api: Any) -> None:
        self._wait(api, Stop("step", api["look"]()))

    def _failed(self, api: Any, text: str, is_caught: bool, dead: int | None = None) -> None:
        thread = api["look"](dead)
        names = [name for name in (("all",) if is_caught else ("uncaught", "all")) if name in self._filters]
        conditions = [self._filters[name] for name in names]
        if any(not each or self._holds(api, thread, each, "exception filter") for each in conditions):
            self._wait(api, Stop("exception", thread, text=human_text(text), is_caught=is_caught))

    def _wait(self, api: Any, stop: Stop) -> None:
        """Hold the script until somebody lets it go on; answer questions about it meanwhile."""
        run = self._bridge.run
        listener = self._listener
        if run is None or listener is None or run.reason is not None:
            return
        api["halt"]()
        self._bridge.output.flush()
        mode = self._waiting.wait(api, run, stop, lambda: listener.stopped(stop))
        try:
            if mode is not None and run.reason is None:
                self._stepping = run
                api["go_on"](mode)
                self._safe_points.press()  # for what came meanwhile: a pause, say; going on has set the hooks anew
        finally:  # an interrupt may be raised in it
            listener.resumed(mode or "continue")

    # --- owner thread: breakpoints ---------------------------------------------------------------------------------

    def _stops(self, api: Any, thread: int, point: Point) -> bool:
        """Whether a breakpoint that was reached stops the script; a log point writes and does not."""
        wish = point.wish
        if wish.condition and not self._holds(api, thread, wish.condition, f"{point.path}:{point.line}"):
            return False
        point.hits += 1
        if wish.hit_condition and not counts(wish.hit_condition, point.hits):
            return False
        if wish.log_message:
            self._log(self._questions.filled(api, thread, wish.log_message))
            return False
        return True

    def _holds(self, api: Any, thread: int, condition: str, place: str) -> bool:
        """Whether a condition holds; one that fails is reported, and stops."""
        holds, problem = self._questions.holds(api, thread, condition)
        if problem:
            self._log(f"{place}: the condition '{condition}' failed: {problem}")
        return holds

    def _log(self, text: str) -> None:
        listener = self._listener
        if listener is not None:
            listener.logged(text + "\n")


def _checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    if answer[0] is not True:
        raise ToolExecutionError(message_of(answer))
    return tuple(human_text(each) if isinstance(each, str) else each for each in answer[1:])


def _no_path(name: str, text: str, is_running: bool) -> None:
    """Chunks have no path beside their names."""


def _read(path: str) -> str:
    with open(path, encoding="latin-1", newline="") as stream:
        return stream.read()
