"""Where scripts call tools, for a debugger of the tools' own language: it is told of each call and may stop inside one.

Theory of operation. While a watcher is set, `prelude/debugger.lua` puts `around` about every call of a tool (about
those that a step goes into, where nothing else is wanted). The watcher's debugger keeps the owner thread when it stops
in a tool; then `hold` makes the script one that is stopped, and `serve`, called on the owner thread by that debugger,
answers questions about it. Everything goes through functions that the main Lua state has given: it outlives every
coroutine, and lupa frees what it holds on the state where it got it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, Protocol

    from llmspell_kernel.lua.debugger.asking import Questions
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_kernel.lua.debugger.waiting import Waiting
    from llmspell_kernel.lua.engine import LuaEngine

    #: Which calls: none, those that a step goes into, all.
    Watched = Literal["never", "steps", "always"]

    class Watcher(Protocol):
        """Who is told of calls; on the owner thread."""

        def entering(self, tool: str, *, is_stepping: bool) -> None:
            """A script calls a tool, perhaps by a step into it."""
            ...

        def left(self) -> bool:
            """The tool has returned; tell whether the script shall stop where it called."""
            ...

        def run_ended(self) -> None:
            """The script has ended."""
            ...


_FUNCTIONS = """local native = ...
local members = {}
for name, member in native.next, native.safe_point_api do
  if native.type(member) == "function" then
    members[#members + 1] = name
    members[#members + 1] = member
  end
end
for name, member in native.next, native.debugger do
  members[#members + 1] = name
  members[#members + 1] = member
end
return native.table.unpack(members)"""


class ToolGate:
    """The calls of one engine's scripts.

    Args:
        engine: Runs them.
        waiting: Its debugger's stops.
        questions: What it asks.
        apply: Lets Lua know soon what is `watched`.
    """

    def __init__(self, engine: LuaEngine, waiting: Waiting, questions: Questions, apply: Callable[[], None]) -> None:
        self._bridge = engine.bridge
        self._waiting = waiting
        self._questions = questions
        self._apply = apply
        self._watcher: Watcher | None = None
        self._functions: dict[str, Any] | None = None
        self._hears_ends = False
        #: Which calls are told of.
        self.watched: Watched = "never"

    # --- any thread ------------------------------------------------------------------------------------------------

    def watch(self, watcher: Watcher, watched: Watched) -> None:
        """Tell somebody of calls from now on; a call that goes on now is not told of."""
        self._watcher = watcher
        self.watched = watched
        self._apply()

    def forget(self) -> None:
        """Tell of no more calls, but of the end of those that were told of."""
        self.watched = "never"

    def release(self) -> None:
        """End what `hold` began."""
        self._waiting.release()

    # --- owner thread: called by Lua -------------------------------------------------------------------------------

    def entering(self, tool: str, is_stepping: bool) -> None:
        """A script calls a tool."""
        watcher = self._watcher
        if watcher is None or self._is_asking:
            return
        if not self._hears_ends:
            self._hears_ends = True
            self._bridge.on_run_end(self._run_ended)
        try:
            watcher.entering(tool, is_stepping=is_stepping)
        except BaseException as error:  # noqa: BLE001 - lupa would hand the exception object to Lua
            _report(error)

    def left(self) -> bool:
        """The tool has returned; tell whether the script stops."""
        watcher = self._watcher
        if watcher is None or self._is_asking:
            return False
        try:
            return watcher.left()
        except BaseException as error:  # noqa: BLE001 - the same
            _report(error)
            return False

    @property
    def _is_asking(self) -> bool:
        return self._waiting.stop is not None or self._questions.is_asking

    def _run_ended(self) -> None:
        if self._watcher is not None:
            self._watcher.run_ended()

    # --- owner thread: stopped in a tool -----------------------------------------------------------------------------

    def hold(
        self, make_stop: Callable[[int], Stop], ring: Callable[[], None], resume: Callable[[str | None], None]
    ) -> Stop | None:
        """Make the script that has called the tool a stopped one; see `Waiting.hold`.

        Args:
            make_stop: Gets the Lua thread that has called.
            ring: Lets the owner thread call `serve` soon.
            resume: Called when the script shall go on.

        Returns:
            The stop; None where nothing is to be stopped: the script is being interrupted.
        """
        run = self._bridge.run
        if run is None or run.reason is not None or self._waiting.stop is not None or self._watcher is None:
            return None
        api = self._main_api()
        stop = make_stop(api["look_from_tool"]())
        api["halt"]()
        self._bridge.output.flush()
        self._waiting.hold(run, stop, ring, resume)
        return stop

    def stop_clock(self, interrupted: Callable[[], None]) -> Callable[[], None]:
        """Let the deadline of the script wait, where it is not `hold` that stops it; any thread.

        Args:
            interrupted: Called if the script is interrupted meanwhile.

        Returns:
            What lets it go on; twice is once.
        """
        run = self._bridge.run
        if run is None:
            return lambda: None
        forget = run.context.signal.on_set(interrupted)
        since: list[float] = [run.pause()]

        def restart() -> None:
            if since:
                run.unpause(since.pop())
                forget()

        return restart

    def serve(self) -> None:
        """Answer what was asked meanwhile."""
        self._waiting.serve(self._main_api())

    def _main_api(self) -> dict[str, Any]:
        """Return the functions of Lua's half by name; reading lupa's tables goes wrong while a coroutine runs."""
        if self._functions is None:
            found = iter(self._bridge.prelude.run(_FUNCTIONS))
            self._functions = dict(zip(found, found, strict=True))
        return self._functions


def _report(error: BaseException) -> None:
    import logging  # where something is wrong with us

    logging.getLogger(__name__).error("the debugger failed; the script goes on", exc_info=error)
