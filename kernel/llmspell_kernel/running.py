"""What runs now, and how another thread stops it: interrupts reach the running request and nothing else.

Theory of operation. Work on the main thread is bracketed by `begin` and `end`. `interrupt`, from the control or the
service thread, calls the function that stops the work. A Lua engine sees to the rest itself. A tool called by message
may sit in a system call and not look: such work is `breakable`, and when it has not ended some time after the
interrupt or after its deadline, the service thread sends SIGINT to the main thread (`must_break`), whose handler asks
`take_break` whether to raise KeyboardInterrupt. It says yes at most once per signal sent, and never when the work is
over. Python code of a cell is `eager`: nothing else stops it, so it is broken at once, and once for each interrupt, for
it may well catch that.

Between `expect` and `over` a request is handled. An interrupt that comes then but finds nothing to stop, because Lua is
being loaded or a magic looked up, is kept (`is_missed`) and repeated by the service thread (`retry`) until it has an
effect or the request is over. Knows neither engine nor tool.
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

    __slots__ = (
        "_break_at",
        "_breakable",
        "_breaking",
        "_clock",
        "_eager",
        "_is_expected",
        "_lock",
        "_notify",
        "_stop",
        "_waiting",
        "is_missed",
    )

    def __init__(self, notify: Callable[[], None] = lambda: None, *, clock: Callable[[], float] = monotonic) -> None:
        self._lock = threading.Lock()
        self._notify = notify
        self._clock = clock
        self._stop: Callable[[], object] | None = None
        self._is_expected = False
        #: Whether an interrupt of the request that is handled has stopped nothing yet.
        self.is_missed = False
        self._breakable = False
        self._break_at: float | None = None
        self._breaking = False
        self._eager = False
        self._waiting: list[_Waiting] = []

    # --- main thread ---

    def expect(self) -> None:
        """Say that a request is handled from here on, which work may belong to."""
        self._is_expected = True

    def over(self) -> None:
        """Say that the request is over: an interrupt that it has missed is of no use any more."""
        with self._lock:
            self._is_expected = self.is_missed = False

    def begin(self, stop: Callable[[], object]) -> None:
        """Say that work begins and what stops it; `stop` must be quick, callable from any thread, False if in vain."""
        self._stop = stop

    def begin_breakable(self, stop: Callable[[], object], deadline: float | None, *, eager: bool = False) -> None:
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

    def be_patient(self, stop: Callable[[], object]) -> Callable[[], None]:
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
            self._waiting.append(
                _Waiting(self._stop, self._breakable, self._break_at, self._eager, self._is_expected, self.is_missed)
            )
            self._stop = self._break_at = None
            self._breakable = self._breaking = self._eager = self._is_expected = self.is_missed = False

    def resume(self) -> None:
        """Go on with what was put aside last."""
        with self._lock:
            was = self._waiting.pop()
            self._stop, self._break_at = was.stop, was.break_at
            self._breakable, self._eager = was.is_breakable, was.is_eager
            self._is_expected, self.is_missed = was.is_expected, was.is_missed

    def take_break(self) -> bool:
        """Tell the handler of SIGINT whether to raise KeyboardInterrupt where the main thread is now."""
        taken = self._breaking and self._stop is not None
        self._breaking = False
        return taken

    def put_off_break(self) -> None:
        """Have the break that `take_break` would answer come again soon: main does what must not be cut in two."""
        if self._breaking:  # no lock: main, whose signal handler calls this, may hold it
            self._breaking = False
            self._break_at = self._clock()

    # --- any thread ---

    def interrupt(self) -> bool:
        """Stop what runs and what waits for it; return False, without an effect on later work, when nothing does."""
        with self._lock:
            waiting = [each for each in self._waiting if each.stop is not None]
            if self._stop is None and not waiting and not self._is_expected:
                return False
            for each in waiting:
                each.interrupt(self._clock() + GRACE_S)
            self._press()
        self._notify()
        return True

    def retry(self) -> None:
        """Repeat the interrupt that was missed, if one was; the service thread, often."""
        with self._lock:
            if self.is_missed:
                self._press()

    def _press(self) -> None:
        """Stop what runs; under the lock."""
        stopped = self._stop is not None and (self._stop() is not False or self._breakable)
        self.is_missed = self._is_expected and not stopped
        if self._breakable:
            soon = self._clock() + (0.0 if self._eager else GRACE_S)
            self._break_at = soon if self._break_at is None else min(soon, self._break_at)

    @property
    def is_breakable(self) -> bool:
        """Whether the service thread should look at `must_break`, or at `retry`, often."""
        return self._breakable or self.is_missed

    def must_break(self) -> bool:
        """Tell whether SIGINT is to be sent now; to work that is not eager, again after each further grace time."""
        with self._lock:
            if not self._breakable or self._break_at is None or self._clock() < self._break_at:
                return False
            self._break_at = None if self._eager else self._clock() + GRACE_S
            self._breaking = True
            return True


class _Waiting:
    """Work that waits for the present one.

    Args:
        stop: Stops it; None where there is none yet.
        is_breakable: Whether it may have to be broken.
        break_at: When, or None.
        is_eager: Whether nothing else stops it.
        is_expected: Whether it belongs to a request that is being handled.
        is_missed: Whether an interrupt has stopped nothing of that yet.
    """

    __slots__ = ("break_at", "is_breakable", "is_eager", "is_expected", "is_missed", "stop")

    def __init__(
        self,
        stop: Callable[[], object] | None,
        is_breakable: bool,
        break_at: float | None,
        is_eager: bool,
        is_expected: bool,
        is_missed: bool,
    ) -> None:
        self.stop = stop
        self.is_breakable = is_breakable
        self.break_at = break_at
        self.is_eager = is_eager
        self.is_expected = is_expected
        self.is_missed = is_missed

    def interrupt(self, soon: float) -> None:
        """Stop it; break it at `soon` where that has no effect."""
        if self.stop is not None:
            self.stop()
        if self.is_breakable:
            self.break_at = soon
