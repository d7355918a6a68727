"""How a kernel ends: who may ask, what is told, and what happens when the main thread does not listen.

`stop` comes from the control thread (shutdown_request) or the service thread (a signal, the parent's death). It
interrupts what runs and wakes the main and the control thread; main then leaves its loop and cleans up. If main has
not done so after the grace time, the service thread calls `overdue` work: files are removed and the process ends.
Knows no socket: what wakes and what is interrupted is handed in.
"""

from __future__ import annotations

import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a running cell and the clean-up may take after a signal or a shutdown_request.
GRACE_S = 2.5
#: The same after the parent died: the process must be gone within two seconds.
ORPHAN_GRACE_S = 1.0
#: Exit status of a kernel that had to be ended by force.
EXIT_FORCED = 1


class Lifecycle:
    """The one place that knows whether the kernel is stopping.

    Args:
        interrupt: Stops what runs on the main thread; any thread.
        wake: Makes the main and control threads look at `is_stopping`; any thread.
        clock: Monotonic seconds.
    """

    __slots__ = ("_clock", "_deadline", "_interrupt", "_wake", "reason", "restart")

    def __init__(
        self,
        interrupt: Callable[[], object],
        wake: Callable[[], None],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._interrupt = interrupt
        self._wake = wake
        self._clock = clock
        self._deadline: float | None = None
        self.reason = ""
        self.restart = False

    def is_stopping(self) -> bool:
        """Tell whether the kernel has been asked to end."""
        return self._deadline is not None

    def stop(self, reason: str, *, grace_s: float = GRACE_S, restart: bool = False) -> None:
        """Ask the kernel to end; from any thread, more than once."""
        if self._deadline is None:
            self.reason = reason
            self.restart = restart
            self._deadline = self._clock() + grace_s
        self._interrupt()
        self._wake()

    def is_overdue(self) -> bool:
        """Tell whether the grace time is over."""
        return self._deadline is not None and self._clock() >= self._deadline


class ParentWatch:
    """Notices that the process which started the kernel is gone.

    Args:
        parent: The process id in JPY_PARENT_PID.
    """

    __slots__ = ("_is_direct", "_parent")

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._is_direct = os.getppid() == parent

    def is_orphaned(self) -> bool:
        """Tell whether the parent has died."""
        if self._is_direct:
            return os.getppid() != self._parent
        try:
            os.kill(self._parent, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it lives, under another user
        return False


def parent_watch() -> ParentWatch | None:
    """Return a watch for the process named in JPY_PARENT_PID, or None without one."""
    text = os.environ.get("JPY_PARENT_PID", "")
    if os.name != "posix" or not text.isdecimal() or int(text) <= 1:
        return None
    return ParentWatch(int(text))
