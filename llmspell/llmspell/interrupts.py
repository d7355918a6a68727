"""Ctrl-C, SIGTERM and SIGHUP while a script runs.

Python runs signal handlers only when the main thread comes back to the interpreter, which a Lua loop never does. So
the C handler writes the signal's number into a pipe (`signal.set_wakeup_fd`; the engine hands on what it receives
while it runs), and a thread that only reads that pipe asks the run to stop. The Python-level handlers do nothing: the
engine itself breaks a tool that cannot look at its cancel signal.

Threads: one daemon reader; it ends when `__exit__` closes the pipe. Use on the main thread; elsewhere signals are
left to whoever owns them. A second signal of the same kind ends the process at once.
"""

from __future__ import annotations

import _thread
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Self

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts:
    """While entered, the first signal calls `stop`, from another thread.

    Args:
        stop: Asks the run to end; called once.

    Attributes:
        received: The signal that came, or None.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.received: int | None = None
        self._former: list[tuple[int, object]] = []
        self._read = self._write = -1

    def __enter__(self) -> Self:
        """Take the signals over."""
        if os.name != "posix":
            return self  # set_wakeup_fd wants a socket there; Python's own KeyboardInterrupt has to do
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        try:
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        except ValueError:
            return self
        for number in _SIGNALS:
            self._former.append((number, signal.signal(number, _leave_it_to_the_pipe)))
        _thread.start_new_thread(self._watch, ())
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        if self._former:
            signal.set_wakeup_fd(-1)
            for number, handler in self._former:
                signal.signal(number, handler)  # type: ignore[arg-type]  # as it was given to us
        if self._write >= 0:
            os.close(self._write)  # ends the reader, which closes its own end
            if not self._former:
                os.close(self._read)

    @property
    def exit_status(self) -> int:
        """The status of a process that this signal ended."""
        return 128 + (self.received or signal.SIGINT)

    def _watch(self) -> None:
        while True:
            numbers = os.read(self._read, 64)
            if not numbers:
                os.close(self._read)
                return
            for number in numbers:
                if self.received == number:
                    os._exit(128 + number)
                if self.received is None:
                    self.received = number
                    self._stop()


def _leave_it_to_the_pipe(_number: int, _frame: FrameType | None) -> None:
    pass
