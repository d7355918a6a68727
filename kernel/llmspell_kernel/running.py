"""What runs now, and how another thread stops it: interrupts reach the running request and nothing else.

Theory of operation. Work on the main thread is bracketed by `begin` and `end`. `interrupt`, from the control or the
service thread, calls the function that stops the work. A Lua engine sees to the rest itself. A tool called by message
may sit in a system call and not look: such work is `breakable`, and when it has not ended some time after the
interrupt or after its deadline, the service thread sends SIGINT to the main thread (`must_break`), whose handler asks
`take_break` whether to raise KeyboardInterrupt. It says yes at most once per signal sent, and never when the work is
over. Python code of a cell is `eager`: nothing else stops it, so it is broken at once, and once for each interrupt, for
it may well catch that. Knows neither engine nor tool.
"""

from __future__ import annotations

import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that breakable work may take to notice an interrupt or its deadline by itself.
GRACE_S = 0.25


class Running:
    """The work of the main thread.

    Args:
        notify: Called by `interrupt` so that the service thread looks at `must_break` soon.
        clock: Monotonic seconds.
    """

    __slots__ = ("_break_at", "_breakable", "_breaking", "_clock", "_eager", "_lock", "_notify", "_stop", "_waiting")

    def __init__(self, notify: Callable[[], None] = lambda: None, *, clock: Callable[[], float] = monotonic) -> None:
        self._lock = threading.Lock()
        self._notify = notify
        self._clock = clock
        self._stop: Callable[[], None] | None = None
        self._breakable = False
        self._break_at: float | None = None
        self._breaking = False
        self._eager = False
        #: What stops the work that waits for the present one, whether it may have to be broken, when, and eagerly.
        self._waiting: list[tuple[Callable[[], None] | None, bool, float | None, bool]] = []

    # --- main thread ---

    def begin(self, stop: Callable[[], None]) -> None:
        """Say that work begins and what stops it; `stop` must be quick and callable from any thread."""
        self._stop = stop

    def begin_breakable(self, stop: Callable[[], None], deadline: float | None, *, eager: bool = False) -> None:
        """Say that work begins that may have to be broken, after an interrupt or after its deadline (monotonic)."""
        self._breaking = False
        self._eager = eager
        self._break_at = None if deadline is None else deadline + GRACE_S
        self._breakable = True
        self._stop = stop

    def end(self) -> None:
        """Say that the work is over; after this no interrupt of it is on its way."""
        with self._lock:
            self._stop = None
            self._breakable = False
            self._breaking = False
            self._eager = False

    def be_patient(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Let eager work do something that `stop` stops, and that is broken only when it does not listen.

        Returns:
            What makes the work eager again; an interrupt that came meanwhile is over then.
        """
        former = self._stop
        with self._lock:
            self._stop, self._eager = stop, False

        def be_eager() -> None:
            with self._lock:
                self._stop, self._eager, self._break_at, self._breaking = former, True, None, False

        return be_eager

    def suspend(self) -> None:
        """Put the work aside: other work is done in its middle, until `resume`."""
        with self._lock:
            self._waiting.append((self._stop, self._breakable, self._break_at, self._eager))
            self._stop, self._breakable, self._break_at, self._breaking = None, False, None, False
            self._eager = False

    def resume(self) -> None:
        """Go on with what was put aside last."""
        with self._lock:
            self._stop, self._breakable, self._break_at, self._eager = self._waiting.pop()

    def take_break(self) -> bool:
        """Tell the handler of SIGINT whether to raise KeyboardInterrupt where the main thread is now."""
        taken = self._breaking and self._stop is not None
        self._breaking = False
        return taken

    # --- any thread ---

    def interrupt(self) -> bool:
        """Stop what runs and what waits for it; return False, without an effect on later work, when nothing does."""
        with self._lock:
            waiting = [stop for stop, _, _, _ in self._waiting if stop is not None]
            if self._stop is None and not waiting:
                return False
            for stop in waiting:
                stop()
            if self._waiting:
                soon = self._clock() + GRACE_S
                self._waiting = [
                    (stop, breakable, soon if breakable else at, eager) for stop, breakable, at, eager in self._waiting
                ]
            if self._stop is not None:
                self._stop()
            if self._breakable:
                soon = self._clock() + (0.0 if self._eager else GRACE_S)
                self._break_at = soon if self._break_at is None else min(soon, self._break_at)
        self._notify()
        return True

    @property
    def is_breakable(self) -> bool:
        """Whether the service thread should look at `must_break` often."""
        return self._breakable

    def must_break(self) -> bool:
        """Tell whether SIGINT is to be sent now; to work that is not eager, again after each further grace time."""
        with self._lock:
            if not self._breakable or self._break_at is None or self._clock() < self._break_at:
                return False
            self._break_at = None if self._eager else self._clock() + GRACE_S
            self._breaking = True
            return True
