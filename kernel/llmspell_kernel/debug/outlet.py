"""What a program prints on its way to a client: bounded, so that one that does not read holds up nobody for ever."""

from __future__ import annotations

from threading import Event

#: Characters that may wait for a client that does not read; then the program waits, and then what it prints is lost.
MAX_WAITING = 4_000_000
MAX_WAIT_S = 5.0


class Outlet:
    """The room for output; `enter` on the program's threads, `left` on the session's."""

    __slots__ = ("_closed", "_patience_s", "_room", "_waiting")

    def __init__(self) -> None:
        self._waiting = 0
        self._patience_s = MAX_WAIT_S
        self._room = Event()
        self._closed = False

    def enter(self, size: int) -> bool:
        """Wait for room as a pipe does, but not for ever; tell whether there is some."""
        if self._waiting > MAX_WAITING and not self._closed:
            self._room.clear()
            if self._waiting > MAX_WAITING and not self._room.wait(self._patience_s):
                self._patience_s = 0.0  # once is enough: from here on the program runs at its own pace
                return False
        self._waiting += size
        return True

    def left(self, size: int) -> None:
        """Take note that output was sent."""
        self._waiting -= size
        if self._waiting <= MAX_WAITING:
            self._patience_s = MAX_WAIT_S
            self._room.set()

    def close(self) -> None:
        """Let everybody in: nobody reads any more."""
        self._closed = True
        self._room.set()
