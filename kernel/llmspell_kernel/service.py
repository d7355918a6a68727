"""The service thread: heartbeat, subscriptions, signals, tools that do not stop, the parent's death, the grace time.

One poll over the heartbeat socket, the iopub socket's file descriptor and the signal pipe; it wakes on events and
twice a second, and more often while requests follow each other closely (`batch`). It never runs Lua, so it answers
while a cell spins. It ends when `stop` is called.

The tick also drains subscriptions: libzmq's file descriptor is edge-triggered, so a publish on another thread may
have consumed the edge that announced one.
"""

from __future__ import annotations

import threading
import time

from llmspell_kernel.batch import TICK_MS
from llmspell_kernel.lifecycle import ORPHAN_GRACE_S
from llmspell_kernel.signals import INTERRUPT_SIGNAL, STOP_SIGNALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.batch import ShellBatch
    from llmspell_kernel.lifecycle import Lifecycle, ParentWatch
    from llmspell_kernel.ports import Publisher, ServicePort
    from llmspell_kernel.running import Running
    from llmspell_kernel.signals import SignalPipe

_TICK_MS = 500
_CLOSE_TICK_MS = 50


class Service:
    """Owns the service thread.

    Args:
        port: Heartbeat socket and descriptors.
        publisher: Whose subscriptions are drained.
        signals: Where signals arrive.
        lifecycle: Told to stop.
        running: What runs; interrupted by SIGINT, broken when it does not listen.
        batch: What main says waits there; see `ShellBatch.tick`.
        parent: Watched, if there is one.
        end_by_force: Ends the process; called when the grace time is over, or a second SIGTERM comes.
        log: Takes one line.
    """

    def __init__(
        self,
        port: ServicePort,
        publisher: Publisher,
        signals: SignalPipe,
        lifecycle: Lifecycle,
        *,
        running: Running,
        batch: ShellBatch,
        parent: ParentWatch | None,
        end_by_force: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._port = port
        self._publisher = publisher
        self._signals = signals
        self._lifecycle = lifecycle
        self._running = running
        self._batch = batch
        self._parent = parent
        self._end_by_force = end_by_force
        self._log = log
        self._is_done = False
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._serve, name="llmspell-service", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._is_done = True
        self._signals.wake()
        self._thread.join(1.0)

    def _serve(self) -> None:
        while not self._is_done:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - without this thread clients take the kernel for dead
                self._log(f"a bug in the service thread: {type(error).__name__}: {error}")
                time.sleep(_TICK_MS / 1_000)

    def _turn(self) -> None:
        stopping = self._lifecycle.is_stopping()
        is_close = stopping or self._running.is_breakable
        batch = self._batch
        ready = self._port.wait(TICK_MS if batch.is_warm else _CLOSE_TICK_MS if is_close else _TICK_MS)
        if batch.is_warm:
            batch.tick()
            if not ready and not is_close and time.monotonic() < self._next_look:
                return
        self._next_look = time.monotonic() + _TICK_MS / 1_000
        self._publisher.drain()
        if self._signals.descriptor in ready:
            self._take_signals()
        if stopping and not ready:
            self._running.interrupt()  # what began when the kernel had been told to stop already
        if self._running.is_missed:
            self._running.retry()
        if self._running.must_break():
            self._signals.break_main()
        if self._parent is not None and not stopping and self._parent.is_orphaned():
            self._log("the parent process is gone: stopping")
            self._lifecycle.stop("parent died", grace_s=ORPHAN_GRACE_S)
        if self._lifecycle.is_overdue() and not self._is_done:
            self._log("what runs does not stop: ending the process")
            self._end_by_force()

    def _take_signals(self) -> None:
        for number in self._signals.read():
            if number == INTERRUPT_SIGNAL:
                self._running.interrupt()
            elif number in STOP_SIGNALS:
                if self._lifecycle.is_stopping() and self._lifecycle.reason == "signal":
                    self._end_by_force()
                self._lifecycle.stop("signal")
