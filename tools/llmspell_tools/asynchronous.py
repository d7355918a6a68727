"""A blocking call on a thread of its own, awaited from asyncio; `ToolRegistry.ainvoke` stands on it.

Threads: each call has one daemon thread, at most `MAX_THREADS` at once; a call beyond them waits its turn in the
loop. A thread ends with its call. One whose tool ignores both its signal and its deadline is left behind, counted
until it ends, and never keeps the process alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from llmspell_tools.definition import CancelSignal, ToolContext
from llmspell_tools.errors import LimitExceeded, ToolTimeout
from llmspell_tools.schema_values import checked_timeout

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_THREADS = 64
#: How much longer than its deadline a tool has to raise its own, better worded, error.
GRACE_S = 0.25

Result = TypeVar("Result")


class _Threads:
    """Starts a thread per job up to a number; later jobs are taken by the threads that come free."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()

    def start(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._running >= self._most:
                self._waiting.append(job)
                return
            self._running += 1
        try:
            threading.Thread(target=self._work, args=(job,), name="llmspell-tool", daemon=True).start()
        except RuntimeError as error:
            with self._lock:
                self._running -= 1
            raise LimitExceeded(f"the system gives no thread for the call: {error}") from error

    def _work(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                job = self._waiting.popleft()


_threads = _Threads(MAX_THREADS)


async def run_call(call: Callable[[ToolContext], Result], run: ToolContext, timeout_s: float | None) -> Result:
    """Await a call that is part of a run.

    Args:
        call: Takes a context like the run's, whose signal stops this call only; the run's signal stops it, too.
        run: The run's context; its deadline holds as well.
        timeout_s: Seconds from now.

    Raises:
        InvalidParameters: The timeout is none.
        LlmspellError: What `run_in_thread` and the call raise.
    """
    left = [checked_timeout(each) for each in (timeout_s, run.remaining_s()) if each is not None]
    own = ToolContext.__new__(ToolContext)
    for slot in ToolContext.__slots__:
        setattr(own, slot, getattr(run, slot))
    own.signal = CancelSignal()
    forget = run.signal.on_set(own.signal.set)
    try:
        return await run_in_thread(lambda: call(own), own.signal, min(left, default=None))
    finally:
        forget()


async def run_in_thread(call: Callable[[], Result], signal: CancelSignal, timeout_s: float | None) -> Result:
    """Await a blocking call.

    Args:
        call: Runs on another thread.
        signal: Set when the awaitable is cancelled or out of time.
        timeout_s: Seconds from now.

    Raises:
        ToolTimeout: The time is over and the call has not come back.
        LimitExceeded: The system gives no thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where Result allows it

    def job() -> None:
        if future.cancelled():  # while it waited for a thread: nobody wants the result, so nothing is done
            return
        result: Result | None = None
        failed: BaseException | None = None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to the awaiting task, whatever it is
            failed = error
        try:
            loop.call_soon_threadsafe(finish, result, failed)
        except RuntimeError:
            pass  # the loop was closed meanwhile: nobody is waiting

    _threads.start(job)
    try:
        return await asyncio.wait_for(asyncio.shield(future), None if timeout_s is None else timeout_s + GRACE_S)
    except TimeoutError:
        future.cancel()
        signal.set()
        raise ToolTimeout(f"the tool did not end within {timeout_s:g} s") from None
    except asyncio.CancelledError:
        future.cancel()
        signal.set()
        raise
