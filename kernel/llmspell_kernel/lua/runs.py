"""The runs of one engine, one after the other or one in the middle of another: how each begins, is stopped and ends.

Owner thread, but for `interrupt` and `raise_in`. What a run gave, and which error it ends with, the engine decides.
"""

from __future__ import annotations

from itertools import islice
from time import monotonic

from llmspell_kernel.lua.interrupt import Run
from llmspell_kernel.lua.nesting import NestedEntry, put_aside
from llmspell_tools.definition import CancelSignal, ToolContext
from llmspell_tools.errors import InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.interrupt import Hook
    from llmspell_kernel.lua.nesting import Entry
    from llmspell_kernel.lua.safe_point import SafePoints
    from llmspell_kernel.lua.watch import Watch
    from llmspell_tools.types import JsonValue

#: Runs that may wait for others in their middle; Lua allows 200 calls through C in all.
MAX_NESTED = 8


class Runs:
    """See the module's docstring.

    Args:
        bridge: The engine's; its `run` is the one that goes on.
        entry: By which Python runs scripts.
        hook: Makes Lua states raise.
        watch: Watches what runs.
        safe_points: Where other threads leave work.
        states: Addresses of the active Lua states, outermost first.
        template: Of the runs' contexts; setting its signal interrupts.
    """

    def __init__(
        self,
        bridge: Bridge,
        entry: Entry,
        *,
        hook: Hook,
        watch: Watch,
        safe_points: SafePoints,
        states: list[int],
        template: ToolContext,
    ) -> None:
        self._bridge = bridge
        self._hook = hook
        self._watch = watch
        self._safe_points = safe_points
        self._states = states
        self._template = template
        self._suspended: list[Run] = []
        self._nested: NestedEntry | None = None
        #: How to run something now; another one in the middle of a run.
        self.entry = entry
        #: What the run that goes on has given.
        self.values: list[JsonValue] = []
        #: Ends the watching of the template's signal.
        self.forget_template = template.signal.on_set(self._cancel)

    # --- any thread ------------------------------------------------------------------------------------------------

    def interrupt(self) -> bool:
        """Stop what runs now with `Cancelled`, and what waits for it; False and no effect when nothing runs."""
        now = self._bridge.run
        for run in (*self._suspended, now):
            if run is not None:
                run.stop("interrupt")
        return now is not None

    def _cancel(self) -> None:
        self.interrupt()

    def raise_in(self, first: int) -> None:
        """Make the active states from number `first` on raise at their next instruction."""
        # Lazily: the states must not change between the choice and the arming.
        self._hook.arm(islice(self._states, first, None))

    # --- owner thread ----------------------------------------------------------------------------------------------

    def new(self, timeout_s: float | None) -> Run:
        """Return a run that has not begun."""
        template, bridge = self._template, self._bridge
        deadline = template.deadline
        if timeout_s is not None:
            own = monotonic() + timeout_s
            deadline = own if deadline is None else min(deadline, own)
        context = ToolContext(
            template.policy,
            deadline=deadline,
            signal=CancelSignal(),
            progress=template._progress or bridge.reports,
            ask=template.ask or (bridge.ask if bridge.front.can_ask else None),
        )
        return Run(self._hook, self._states, context, bridge.memory.begin_run(), self._watch.breaker)

    def new_alone(self, timeout_s: float | None) -> Run:
        """Return a run that has not begun, where none goes on.

        Raises:
            InternalError: One does.
        """
        if self._bridge.run is not None:
            raise InternalError("this engine runs a script already; it takes one at a time")
        return self.new(timeout_s)

    def begin(self, run: Run) -> None:
        """Let the run be stopped from here on; `end` undoes it, however far it came."""
        bridge = self._bridge
        bridge.output.begin()
        bridge.decoder.reset()
        self.values = []
        bridge.rich = None
        is_outermost = not self._suspended
        if is_outermost:  # else the coroutine that it gets
            self._states.append(bridge.prelude.main_address)
        bridge.run = run
        self._watch.begin(run)
        if is_outermost:
            self._safe_points.run_jobs()
        if self._template.signal.cancelled:
            run.stop("interrupt")

    def end(self, run: Run) -> None:
        """Make sure that nothing of the run can happen any more."""
        self._bridge.run = None
        if run.end():
            self.entry.abandon()
        self._watch.end()

    def idle_call(self, work: Callable[[], Any], context: ToolContext) -> Any:
        """Run `work`, which calls Lua, as a run of its own: a door calls a tool written in Lua while no script runs."""
        run = self.new(context.remaining_s())
        forget = context.signal.on_set(lambda: run.stop("interrupt"))
        try:
            self.begin(run)
            return work()
        except Exception:
            if run.reason is not None:
                raise run.error(self._bridge.settings.max_memory_bytes) from None
            raise
        finally:
            self.end(run)
            forget()
            self._bridge.run_ended()
            self._bridge.output.flush(final=True)

    def nest(self) -> Callable[[], None] | None:
        """Put the run that goes on aside, at a safe point, so that others can in its middle; return what ends that.

        Returns None where nothing can run here: the run has been stopped, or too many wait already.
        """
        run = self._bridge.run
        if run is None or run.reason is not None or len(self._suspended) >= MAX_NESTED:
            return None
        entry, values = self.entry, self.values
        if self._nested is None:
            self._nested = NestedEntry(entry, self._bridge, self._push)
        give_back = put_aside(self._bridge, self._nested)
        run.suspend()
        self._suspended.append(run)
        self._bridge.run = None
        self._watch.end()
        self.entry = self._nested

        def go_on() -> None:
            give_back()
            self.entry, self.values = entry, values
            self._watch.begin(run)
            self._bridge.run = run
            self._suspended.pop()
            run.resume()
            self._safe_points.press()

        return go_on

    def _push(self, state: int) -> None:
        """Take the state of a run in the middle of another; what was asked for before it was there reaches it now."""
        self._states.append(state)
        self._safe_points.press()
        if self._bridge.run is not None and self._bridge.run.reason is not None:
            self._bridge.run.press()
