"""What runs now, and how another thread stops it: interrupts reach the running request and nothing else.

Knows neither engine nor tool: whoever starts work on the main thread hands in the function that stops it.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Running:
    """The work of the main thread; `interrupt` comes from the control and the service thread."""

    __slots__ = ("_lock", "_stop")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None

    def begin(self, stop: Callable[[], None]) -> None:
        """Say that work begins and what stops it; `stop` must be quick and callable from any thread."""
        self._stop = stop

    def end(self) -> None:
        """Say that the work is over; after this no interrupt of it is on its way."""
        with self._lock:
            self._stop = None

    def interrupt(self) -> bool:
        """Stop what runs; return False, without an effect on later work, when nothing does."""
        with self._lock:
            if self._stop is None:
                return False
            self._stop()
            return True
