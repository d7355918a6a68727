"""Signals while a console is open: Ctrl-C stops what runs and nothing else, SIGTERM and SIGHUP end the console.

As `interrupts` says, handlers written in Python do not run while Lua does, so the C handler writes the signal's number
into a pipe and a thread reads it there. The pipe stays the same from the first cell to the last: the engine takes it
for its door and hands on what it receives itself.

While a line is typed the terminal is in raw mode and Ctrl-C is a key. The library that reads keys takes the signals
over and gives back its own idea of what was before, so `typing` puts back ours.

Threads: one daemon reader of the pipe; it ends when `__exit__` closes it. Use on the main thread; elsewhere this does
nothing.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType
    from typing import Any, Self

_STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Leave(SystemExit):
    """The console shall end while it reads a line. A SystemExit, which no event loop keeps to itself."""


class Signals:
    """The signals of one console.

    Args:
        interrupt: Stops what runs; from another thread.
        take_break: Asked on the main thread at each SIGINT whether to raise KeyboardInterrupt there.

    Attributes:
        ending: The signal by which the console shall end, or None.
    """

    def __init__(self, interrupt: Callable[[], None], take_break: Callable[[], bool]) -> None:
        self._interrupt = interrupt
        self._take_break = take_break
        self._read = self._write = -1
        self._former: dict[int, Any] = {}
        self._is_typing = False
        self.ending: int | None = None
        #: Whether the cell that runs shall end, as far as the person is concerned; reset with each line typed.
        self.is_stopped = False

    def __enter__(self) -> Self:
        """Take the signals over."""
        if os.name != "posix" or threading.current_thread() is not threading.main_thread():
            return self
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._former[signal.SIGINT] = signal.signal(signal.SIGINT, self._on_interrupt)
        for number in _STOPS:
            self._former[number] = signal.signal(number, self._on_stop)
        _thread.start_new_thread(self._watch, (self._read,))
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        if self._write < 0:
            return
        signal.set_wakeup_fd(-1)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._write)  # ends the reader, which closes its own end

    @contextmanager
    def typing(self) -> Generator[None]:
        """While entered a line is typed: SIGTERM raises `Leave`, and whatever takes the signals gives them back."""
        if self._write < 0 or threading.current_thread() is not threading.main_thread():
            yield
            return
        descriptor, handler = signal.set_wakeup_fd(-1), signal.getsignal(signal.SIGINT)
        self._is_typing = True
        try:
            if self.ending is not None:
                raise Leave
            yield
        finally:
            self._is_typing = False
            signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
            signal.signal(signal.SIGINT, handler)

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._take_break():
            raise KeyboardInterrupt

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self.ending = number
        if self._is_typing:
            raise Leave

    def _watch(self, descriptor: int) -> None:
        while numbers := os.read(descriptor, 64):
            for number in numbers:
                if number in _STOPS:
                    self.ending = number
                if number == signal.SIGINT or number in _STOPS:
                    self.is_stopped = True
                    self._interrupt()
                if number in _STOPS:
                    self._interrupt()  # twice: what has not begun yet is not waited for
        os.close(descriptor)
