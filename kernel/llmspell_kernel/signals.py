"""Signals as bytes in a pipe, so that they work while the main thread is inside Lua.

Python runs signal handlers only when the main thread comes back to the interpreter, which `while true do end` never
does. `signal.set_wakeup_fd` writes the number into a pipe in the C handler itself; the service thread reads it there.
The Python-level handlers raise nothing, but for a SIGINT that we have sent ourselves to break a tool that sits in a
system call. Knows no kernel: the service decides what a signal means. Must be used on the main thread; elsewhere
`install` leaves signals alone.
"""

from __future__ import annotations

import os
import signal
from threading import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

#: Ends the kernel in order; SIGHUP is missing on Windows.
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
INTERRUPT_SIGNAL = signal.SIGINT
#: A function that must be left whole is looked for so many calls up.
_DEPTH = 8


def keep_signals() -> Callable[[], None]:
    """Return what gives SIGINT, SIGTERM and SIGHUP back to whom they belong now, whatever other code does meanwhile.

    Event loops, and anybody's `signal.signal`, take them away. On another thread than the main one nothing happens.
    """
    try:
        descriptor = signal.set_wakeup_fd(-1)
    except ValueError:
        return _nothing
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    handlers = {number: signal.getsignal(number) for number in (INTERRUPT_SIGNAL, *STOP_SIGNALS)}

    def give_back() -> None:
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)

    return give_back


class SignalPipe:
    """A pipe into which the signals that concern a kernel are written, and `wake` a zero."""

    def __init__(self) -> None:
        self.descriptor, self._write_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write_end, False)
        self._former: dict[int, object] = {}
        self._take_break: Callable[[], bool] = lambda: False
        self._put_off: Callable[[], None] = _nothing
        self._whole: frozenset[CodeType] = frozenset()
        self._main: int | None = None
        self._sent = 0
        self._former_wakeup = -1

    def install(
        self,
        take_break: Callable[[], bool],
        put_off: Callable[[], None],
        whole: frozenset[CodeType] = frozenset(),
    ) -> None:
        """Take over SIGINT, SIGTERM and SIGHUP.

        Args:
            take_break: Asked on the main thread at each SIGINT whether to raise KeyboardInterrupt.
            put_off: Called there instead where one of `whole` runs.
            whole: Functions that nothing may be raised in.
        """
        try:
            self._former_wakeup = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        except ValueError:
            return  # not the main thread: whoever owns it keeps the signals
        self._take_break = take_break
        self._put_off = put_off
        self._whole = whole
        self._main = get_ident()
        self._former[INTERRUPT_SIGNAL] = signal.signal(INTERRUPT_SIGNAL, self._on_interrupt)
        for number in STOP_SIGNALS:
            self._former[number] = signal.signal(number, _leave_it_to_the_pipe)

    def break_main(self) -> None:
        """Send SIGINT to the main thread, so that a system call it waits in ends; from another thread.

        Not where other code has put the signal back to what ends a process.
        """
        if self._main is not None and callable(signal.getsignal(INTERRUPT_SIGNAL)) and hasattr(signal, "pthread_kill"):
            self._sent += 1
            signal.pthread_kill(self._main, INTERRUPT_SIGNAL)

    def read(self) -> bytes:
        """Return the numbers of the signals that came, without waiting and without those that we sent."""
        try:
            received = os.read(self.descriptor, 512)
        except BlockingIOError:
            return b""
        ours = min(self._sent, received.count(INTERRUPT_SIGNAL))
        self._sent -= ours
        return received.replace(bytes([INTERRUPT_SIGNAL]), b"", ours) if ours else received

    def wake(self) -> None:
        """Make the descriptor readable; from any thread."""
        try:
            os.write(self._write_end, b"\0")
        except OSError:
            pass  # full: it is readable already

    def close(self) -> None:
        """Give the signals back and close the pipe."""
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was given to us
        if self._former:
            signal.set_wakeup_fd(self._former_wakeup)
        os.close(self.descriptor)
        os.close(self._write_end)

    def _on_interrupt(self, _number: int, frame: FrameType | None) -> None:
        """Raise only where `take_break` says so; every other SIGINT is in the pipe already."""
        if self._must_be_whole(frame):
            self._put_off()
        elif self._take_break():
            raise KeyboardInterrupt

    def _must_be_whole(self, frame: FrameType | None) -> bool:
        for _ in range(_DEPTH):
            if frame is None:
                break
            if frame.f_code in self._whole:
                return True
            frame = frame.f_back
        return False


def _nothing() -> None:
    """Do nothing."""


def _leave_it_to_the_pipe(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number is in the pipe already."""
