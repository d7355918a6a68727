"""The service thread, with nothing but doubles around it."""

from __future__ import annotations

import threading
from typing import Any

from llmspell_kernel.service import Service


class Double:
    """A port without messages, signals without signals, a batch at rest, a lifecycle that stops, work that runs."""

    descriptor = 0
    is_warm = False
    is_breakable = is_missed = False

    def __init__(self) -> None:
        self.interrupted = threading.Semaphore(0)

    def wait(self, timeout_ms: int) -> list[int]:
        threading.Event().wait(timeout_ms / 10_000)
        return []

    def is_stopping(self) -> bool:
        return True

    def interrupt(self) -> None:
        self.interrupted.release()

    def must_break(self) -> bool:
        return False

    def is_overdue(self) -> bool:
        return False

    def drain(self) -> None: ...
    def wake(self) -> None: ...


def test_what_begins_while_the_kernel_stops_is_interrupted_as_well() -> None:
    """A cell that was about to begin when shutdown came would run until the process is ended by force."""
    double: Any = Double()
    service = Service(
        double, double, double, double, running=double, batch=double, parent=None, end_by_force=print, log=print
    )
    service.start()

    assert all(double.interrupted.acquire(timeout=5) for _ in range(3))
    service.stop()
