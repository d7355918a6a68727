"""Work that another thread wants done on the main thread while that is free: between two requests.

Knows neither sockets nor engines.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Errands:
    """The work that waits.

    Args:
        wake: Makes the main thread call `run` when it is free; any thread.
        log: Takes one line.
    """

    __slots__ = ("_log", "_waiting", "_wake")

    def __init__(self, wake: Callable[[], None], log: Callable[[str], None]) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._wake = wake
        self._log = log

    def post(self, work: Callable[[], None]) -> None:
        """Let the main thread call `work` soon; any thread."""
        self._waiting.append(work)
        self._wake()

    def run(self) -> None:
        """Do what waits; main thread."""
        while self._waiting:
            work = self._waiting.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whoever posted it must not end the kernel
                self._log(f"a bug in work for the main thread: {type(error).__name__}: {error}")
