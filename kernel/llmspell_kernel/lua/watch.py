"""The watch thread of one engine: what must happen while the owner thread is inside Lua or a tool.

Theory of operation. The thread sleeps in `poll` on a pipe. While a run goes on, and is no short one, it wakes every few
milliseconds to look at the deadline and at Lua's memory count, to flush prints, and to repeat the hook of a run that
was stopped or has a safe point to reach.
After a run it stays warm for a moment, so that many short runs in a row cost no wake-ups, then parks without a timeout.
SIGINT reaches it even while the main thread never returns to Python: the C handler writes to the pipe. A door that has
a wake-up pipe of its own gets every signal handed on, and decides.

It owns the pipe and nothing else. Of the runtime it uses only the hook and the memory count. It ends when `close` is
called; it is a daemon thread, so a forgotten engine does not keep the process.
"""

from __future__ import annotations

import os
import signal
from threading import Thread, current_thread, main_thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from llmspell_kernel.lua.interrupt import Run
    from llmspell_kernel.lua.output import Output

# The C functions behind `signal`, whose own wrappers make enum members of everything: 20 us for each run.
_set_handler: Callable[[int, Any], Any] = __import__("_signal").signal
_SIGINT = int(signal.SIGINT)

#: On Windows a pipe can neither be waited for nor read without blocking, and signals go to sockets only.
_HAS_PIPES = os.name == "posix"
_TICK_S = 0.005
_PRESS_S = 0.02
_FLUSH_S = 0.015
_WARM_TICKS = 20


class Watch:
    """Watches one run at a time.

    Args:
        memory_used: Bytes that Lua holds now; from any thread.
        output: Flushed while a run goes on.
        press: Asks for a safe point, if anything waits for one.
    """

    def __init__(self, memory_used: Callable[[], int], output: Output, press: Callable[[], None]) -> None:
        self._memory_used = memory_used
        self._press = press
        self._output = output
        self._run: Run | None = None
        self._parked = False
        self._closing = False
        self._thread: Thread | None = None
        self._reader, self._writer = _wakeup_pair()
        self._forward: int | None = None  # the pipe of a door that has taken the signals already, -1 for no door
        self._ended = 0  # runs so far
        self._sent = False  # whether a SIGINT of ours is on its way
        self._on_main = current_thread() is main_thread()
        self._handler = self._on_sigint
        self._previous: Callable[[int, FrameType | None], object] | int | None = None

    # --- owner thread ----------------------------------------------------------------------------------------------

    def begin(self, run: Run) -> None:
        """Watch this run; on the main thread, take SIGINT as well."""
        self._run = run
        self._sent = False
        if self._thread is None:
            self._thread = Thread(target=self._loop, name="llmspell-lua-watch", daemon=True)
            self._thread.start()
        elif self._parked:
            self.wake()
        if self._on_main and self._previous is None:
            if _HAS_PIPES:
                former = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
                # The number of a pipe that somebody closed and we were given since is no door.
                self._forward = -1 if former in (self._reader, self._writer) else former
            self._previous = _set_handler(_SIGINT, self._handler)

    def end(self) -> None:
        """Forget the run and give SIGINT back; when Lua has been cleaned up, for Python's own handler may raise.

        Where a door has the signals, they stay here until `close`: taking and giving costs a kernel 27 us a cell.
        """
        self._run = None
        self._ended += 1
        if not self._has_door:
            self._receive()  # what is in the pipe was meant for this run
            self._give_back()

    @property
    def _has_door(self) -> bool:
        return self._forward is not None and self._forward >= 0

    def _give_back(self) -> None:
        if self._forward is not None:
            signal.set_wakeup_fd(self._forward)
            self._forward = None
        if self._previous is not None:
            _set_handler(_SIGINT, self._previous)
            self._previous = None

    def break_main(self) -> None:
        """Interrupt what the main thread waits in, from another thread; itself it is in `_on_sigint` already."""
        if current_thread() is not main_thread() and not self._sent:
            self._sent = True
            signal.pthread_kill(main_thread().ident or 0, _SIGINT)

    @property
    def breaker(self) -> Callable[[], None] | None:
        """`break_main`, if the owner thread is the main thread and the platform can send it a signal."""
        return self.break_main if self._on_main and hasattr(signal, "pthread_kill") else None

    def wake(self) -> None:
        """Make the thread look now."""
        try:
            os.write(self._writer, b"\0")
        except (BlockingIOError, OSError):
            pass  # full: it is about to wake anyway

    def close(self) -> None:
        """End the thread, give the signals back and close the pipe."""
        self._closing = True
        self._give_back()
        if self._thread is not None:
            self.wake()
            self._thread.join(timeout=5)
        os.close(self._reader)
        os.close(self._writer)

    def _on_sigint(self, number: int, frame: FrameType | None) -> None:
        """Python's part of SIGINT, on the main thread, when it is in Python at all."""
        run = self._run
        if run is None:
            if callable(self._previous):
                self._previous(number, frame)
            return
        self._interrupt(run)
        if run.may_raise:
            raise KeyboardInterrupt

    # --- watch thread ----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        idle = 0
        flushed = pressed = 0.0
        known: Run | None = None
        wait = _make_wait(self._reader)
        while not self._closing:
            run = self._run
            if run is None:
                known = None
                idle += 1
                self._parked = idle > _WARM_TICKS
                if self._parked and self._run is not None:  # a run began between the two lines above
                    self._parked = False
                    continue
                wait(None if self._parked else _PRESS_S)
            else:
                idle = 0
                wait(_TICK_S if run is known else _PRESS_S)  # most runs are over by then, and each look costs them
                known = run
            self._parked = False
            self._drain()
            run = self._run
            if run is None:
                continue
            now = monotonic()
            try:
                if run.reason is not None:
                    if now - pressed >= _PRESS_S:
                        pressed = now
                        run.press()
                else:
                    self._look(run, now)
                if now - flushed >= _FLUSH_S:
                    flushed = now
                    self._flush(run)
            except Exception:
                import logging  # costs as much as the rest of an engine's start

                logging.getLogger(__name__).exception("the watch thread failed; it goes on")

    def _look(self, run: Run, now: float) -> None:
        deadline = run.context.deadline
        if run.guard is not None:
            run.guard(now)
        if deadline is not None and not run.is_paused and now >= deadline:
            run.stop("timeout")
        elif run.memory_limit_bytes is not None and self._memory_used() > run.memory_limit_bytes:
            run.stop("memory")
        elif not run.is_paused and run.guard is None:
            self._press()  # the debugger may have set a hook of its own over the one that was armed

    def _flush(self, run: Run) -> None:
        self._output.flush_from_watch()
        if self._output.failure is not None:
            run.stop("output")

    def _drain(self) -> None:
        ended = self._ended
        interrupted = self._receive()
        run = self._run
        if interrupted and run is not None and ended == self._ended:
            self._interrupt(run)

    def _receive(self) -> bool:
        """Empty the pipe, hand on what a door wants to know, and tell whether there was a SIGINT not our own."""
        if not _HAS_PIPES:
            return False
        try:
            signals = os.read(self._reader, 4096).replace(b"\0", b"")
        except (BlockingIOError, OSError):
            return False
        if self._sent and _SIGINT in signals:
            self._sent = False
            signals = signals.replace(bytes([_SIGINT]), b"", 1)
        door = self._forward
        if signals and door is not None and door >= 0:
            try:
                os.write(door, signals)
            except BlockingIOError:
                pass  # its pipe is full: the wake-up it wanted has happened
            except OSError:
                self._forward = -1  # its owner has gone and left its number behind
        return _SIGINT in signals

    def _interrupt(self, run: Run) -> None:
        """Act on Ctrl-C, unless it is ignored, or a door that has taken the signals decides what it means."""
        if not self._has_door and self._previous != signal.SIG_IGN:
            run.stop("interrupt")


def _wakeup_pair() -> tuple[int, int]:
    reader, writer = os.pipe()
    if _HAS_PIPES:
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
    return reader, writer


def _make_wait(reader: int) -> Callable[[float | None], None]:
    import select

    if _HAS_PIPES:
        poll = select.poll()
        poll.register(reader, select.POLLIN)

        def wait(timeout_s: float | None) -> None:
            poll.poll(None if timeout_s is None else timeout_s * 1000)
    else:  # a short sleep stands for the wait
        from time import sleep

        def wait(timeout_s: float | None) -> None:
            sleep(_PRESS_S if timeout_s is None else timeout_s)

    return wait
