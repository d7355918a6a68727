"""Signals as bytes in a pipe, so that they work while the main thread is inside Lua.

Python runs signal handlers only when the main thread comes back to the interpreter, which `while true do end` never
does. `signal.set_wakeup_fd` writes the number into a pipe in the C handler itself; the service thread reads it there.
The Python-level handlers do nothing, so no exception is thrown into the main thread. Knows no kernel: the service
decides what a signal means. Must be used on the main thread; elsewhere `install` leaves signals alone.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

#: Ends the kernel in order; SIGHUP is missing on Windows.
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
INTERRUPT_SIGNAL = signal.SIGINT


class SignalPipe:
    """A pipe into which the signals that concern a kernel are written, and `wake` a zero."""

    def __init__(self) -> None:
        self.descriptor, self._write_end = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write_end, False)
        self._former: dict[int, object] = {}
        self._former_wakeup = -1

    def install(self) -> None:
        """Take over SIGINT, SIGTERM and SIGHUP."""
        try:
            self._former_wakeup = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        except ValueError:
            return  # not the main thread: whoever owns it keeps the signals
        for number in (INTERRUPT_SIGNAL, *STOP_SIGNALS):
            self._former[number] = signal.signal(number, _leave_it_to_the_pipe)

    def read(self) -> bytes:
        """Return the numbers of the signals that came, without waiting."""
        try:
            return os.read(self.descriptor, 512)
        except BlockingIOError:
            return b""

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


def _leave_it_to_the_pipe(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number is in the pipe already."""
