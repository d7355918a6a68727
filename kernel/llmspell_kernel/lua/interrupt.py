"""One run of a script and how it is stopped: the reason, the hook, the signal, and SIGINT for what can only block.

A run is stopped by `Run.stop`, from any thread: it notes the reason (the first one wins), makes every active Lua
state raise at its next instruction, sets the run's `CancelSignal` for the tool that may be running, and, where that
tool cannot look at the signal, breaks it with SIGINT on the main thread. The hook stays armed until the run has
unwound; the watch thread repeats it. Whether an error is an interrupt is decided by the reason, never by a text.
"""

from __future__ import annotations

from itertools import islice
from threading import RLock
from time import monotonic

from llmspell_tools.errors import Cancelled, LimitExceeded, ToolTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.errors import LlmspellError

    class Hook(Protocol):
        """Makes Lua states raise; `native.NativeHook`, or the fallback that Lua asks."""

        def arm(self, states: Iterable[int]) -> None:
            """Raise at the next instruction of each state."""
            ...

        def disarm(self, states: Iterable[int]) -> None:
            """Stop raising."""
            ...


#: Seconds that a tool may take to notice its signal before it is broken by SIGINT.
GRACE_S = 0.25


class PolledHook:
    """Stands where the native hook is missing: a count hook in Lua asks for `Run.reason` now and then."""

    __slots__ = ()

    def arm(self, states: Iterable[int]) -> None:
        """Do nothing: Lua asks."""

    def disarm(self, states: Iterable[int]) -> None:
        """Do nothing: Lua asks."""


class Run:
    """What is running now; made for each `execute`, so that a late interrupt cannot reach the next one.

    Args:
        hook: Makes the states raise.
        states: Addresses of the active Lua states, outermost first; Lua's tracked coroutines push and pop them. Those
            that are there already belong to the run in the middle of which this one goes on.
        context: The tools' context, with this run's own signal and deadline.
        memory_limit_bytes: Stop when Lua holds more; None for never.
        break_main: Sends SIGINT to the main thread; None where the run is on another thread.
    """

    __slots__ = (
        "_break_main",
        "_ended",
        "_first",
        "_hook",
        "_is_suspended",
        "_lock",
        "_states",
        "blocking",
        "context",
        "exit_code",
        "guard",
        "in_tool",
        "is_paused",
        "memory_limit_bytes",
        "reason",
        "stopped_at",
    )

    def __init__(
        self,
        hook: Hook,
        states: list[int],
        context: ToolContext,
        memory_limit_bytes: int | None,
        break_main: Callable[[], None] | None,
    ) -> None:
        self._hook = hook
        self._states = states
        self._first = len(states)
        self._is_suspended = False
        self._break_main = break_main
        # Whoever stops a run may be late, when the next one has begun with the same Lua states: under this lock a run
        # is either not over, or left alone. Reentrant, because SIGINT's handler comes on top of the owner's own code.
        self._lock = RLock()
        self._ended = False
        self.context = context
        self.memory_limit_bytes = memory_limit_bytes
        #: None, "interrupt", "timeout", "memory", "exit" or "output".
        self.reason: str | None = None
        self.stopped_at = 0.0
        self.exit_code: int | None = None
        #: Whether the owner thread is inside a tool now.
        self.in_tool = False
        #: Whether it is inside something that only SIGINT can break.
        self.blocking = False
        #: Whether a debugger has stopped it: its deadline waits.
        self.is_paused = False
        #: Called by the watch thread now and then, with the monotonic time; a debugger's own limit.
        self.guard: Callable[[float], None] | None = None

    @property
    def may_raise(self) -> bool:
        """Whether SIGINT's handler may raise `KeyboardInterrupt` where the owner thread is now."""
        if self.reason is None:
            return False
        return self.blocking or (self.in_tool and monotonic() - self.stopped_at >= GRACE_S)

    def stop(self, reason: str) -> None:
        """Stop the run; any thread, any number of times, the first reason stays."""
        with self._lock:
            if self._ended:
                return
            if self.reason is None:
                self.stopped_at = monotonic()
                self.reason = reason
        self.press()
        if reason != "exit" and not self.context.signal.cancelled:
            self.context.signal.set()

    def press(self) -> None:
        """Make the states raise, and break a tool that cannot notice; the watch thread repeats it."""
        with self._lock:
            if self._ended or self._is_suspended:
                return
            # Lazily: the states must not change between the choice and the arming.
            self._hook.arm(islice(self._states, self._first, None))
            if self._break_main is not None and self.may_raise:
                self._break_main()

    def pause(self) -> float:
        """Let the deadline wait; returns when that was, for `unpause`."""
        self.is_paused = True
        return monotonic()

    def unpause(self, since: float) -> None:
        """Go on counting, as if no time had passed."""
        deadline = self.context.deadline
        if deadline is not None:
            self.context.deadline = deadline + monotonic() - since
        self.is_paused = False

    def suspend(self) -> None:
        """Let others go on in the middle of this one; being stopped takes effect when they are over."""
        with self._lock:
            self._is_suspended = True

    def resume(self) -> None:
        """Go on, now that the others are over."""
        with self._lock:
            self._is_suspended = False
        if self.reason is not None:
            self.press()

    def at_safe_point(self, arm: Callable[[Iterable[int]], None]) -> None:
        """Let the active states call the safe point's hook, unless the run was stopped: then they must raise."""
        with self._lock:
            if not self._ended and not self._is_suspended and self.reason is None:
                arm(islice(self._states, self._first, None))

    def end(self) -> bool:
        """Leave nothing of the run armed, on the owner thread, after Lua has returned; tell if it was stopped."""
        with self._lock:
            self._ended = True
            self.in_tool = self.blocking = False
            states = self._states[self._first :]
            del self._states[self._first :]
        if self.reason is None and len(states) == 1:
            return False
        self._hook.disarm(states)
        return True

    def error(self, memory_limit: int | None) -> LlmspellError:
        """Return the error that the stopped run ends with."""
        if self.reason == "timeout":
            return ToolTimeout("the script ran into its deadline; give it more time with a larger timeout")
        if self.reason == "memory":
            return LimitExceeded(
                f"the script used more memory than [lua] max_memory_bytes = {memory_limit}",
                details={"limit": memory_limit, "key": "[lua] max_memory_bytes"},
            )
        return Cancelled("the script was interrupted")
