"""Safe points: work that another thread wants done on the owner thread while a script runs.

`SafePoints.post` takes a job from any thread. If a script runs, its states are told to call the trusted Lua function
`on_hook` at their next instruction (`prelude/safe_point.lua`), which runs the jobs; a script that waits in a tool gets
there when the tool returns. If nothing runs, the jobs are done when the next run begins. A run that was stopped is
left alone: it unwinds, and the jobs wait for the next one, also one that was in the middle of its work: a job may be
begun twice.

A job gets `api`, a Lua table whose functions run on the state that was stopped; it must not keep them. Lua's hooks are
off while a job runs, so a job that runs code of scripts does so in a coroutine.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from llmspell_kernel.lua.interrupt import Run
    from llmspell_kernel.lua.native import SafePointHook
    from llmspell_kernel.lua.prelude_loader import Prelude

    #: Runs on the owner thread, with the `api` of `safe_point.lua`.
    Job: TypeAlias = Callable[[Any], None]


class SafePoints:
    """The jobs that wait for one engine.

    Args:
        states: Addresses of the active Lua states.
        current: Returns the run that goes on, or None.
    """

    __slots__ = ("_current", "_hook", "_jobs", "_states", "_work", "api")

    def __init__(self, states: list[int], current: Callable[[], Run | None]) -> None:
        self._states = states
        self._current = current
        self._jobs: deque[Job] = deque()
        self._work: deque[Callable[[], None]] = deque()
        self._hook: SafePointHook | None = None
        #: The `api` as the main Lua state calls it: for jobs that are done while no script runs.
        self.api: Any = None

    def install(self, prelude: Prelude) -> None:
        """Load the Lua half; owner thread, before any coroutine is made."""
        probe = prelude.load("safe_point.lua", {"reached": self._reached, "visit": self._visit})
        self.api = prelude.native["safe_point_api"]
        try:
            from llmspell_kernel.lua.native import SafePointHook

            self._hook = SafePointHook(prelude.main_address, probe)
        except (ImportError, OSError, AttributeError):
            self._hook = None  # no such symbols here (Windows): jobs wait for the next run

    @property
    def reaches_running_code(self) -> bool:
        """Whether a script that runs can be reached; otherwise jobs wait for the next run."""
        return self._hook is not None

    def post(self, job: Job) -> None:
        """Let the owner thread run `job` soon; any thread."""
        self._jobs.append(job)
        self.press()

    def press(self) -> None:
        """Ask the script that runs for its next safe point, if a job waits; any thread."""
        run = self._current()
        if run is not None and (self._jobs or self._work) and self._hook is not None:
            run.at_safe_point(self._hook.arm)

    def post_work(self, work: Callable[[], None]) -> None:
        """Let the owner thread run `work` soon; any thread.

        It may run scripts of its own (`LuaEngine.nest`), and gets no `api`: an exception that somebody keeps would keep
        that as well, for longer than the coroutine that it belongs to.
        """
        self._work.append(work)
        self.press()

    def run_jobs(self) -> None:
        """Run what waits while no script runs; owner thread. What fails is logged and the rest is run."""
        self._reached()
        self._visit(self.api)

    def _reached(self) -> bool:
        while self._work:
            work = self._work.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the same
                report("a job at a safe point failed", error)
        return bool(self._jobs)

    def _visit(self, api: Any) -> None:
        while self._jobs:
            job = self._jobs.popleft()
            try:
                job(api)
            except Exception as error:  # noqa: BLE001 - it is reported, and harms nobody else
                run = self._current()
                if run is not None and run.reason is not None:  # stopped in the middle of it: the next run does it
                    self._jobs.appendleft(job)
                    return
                report("a job at a safe point failed", error)


def report(what: str, error: BaseException) -> None:
    """Log a failure as text: who keeps a record must not keep frames, and `api`, for longer than its coroutine."""
    import logging  # costs as much as the rest of an engine's start
    from traceback import format_exception

    logging.getLogger(__name__).error("%s; the script goes on\n%s", what, "".join(format_exception(error)))
