"""Run a function in a child process: own session, limits, deadline, output cap, killed as a group.

For whatever can hold the interpreter lock or hang in C where no deadline reaches it: jq programs, regular expressions
that callers wrote, PDF and media libraries. A crash, an endless loop or a memory bomb there ends the child and becomes
an error that names the tool; this process and its other threads run on. The child is `isolated_worker.py`, started with
`posix_spawn` (never forked: threads and sockets stay out of it), an empty environment and nothing inherited but four
pipes. It knows no tool; `WorkerPool` keeps one child warm, so that cheap calls do not pay its start.

Threads: a `Worker` is used by one thread at a time, which alone reads, writes and reaps; a cancel from any other thread
only sends SIGTERM, under the worker's lock. A pool may be called by many threads; each call has a worker of its own.

POSIX only: on Windows the tools that need it say so (`ToolUnavailable`).
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock, allocate_lock

from llmspell_tools import errors
from llmspell_tools.errors import (
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    ToolExecutionError,
    ToolTimeout,
    ToolUnavailable,
)
from llmspell_tools.isolated_process import ask_to_end, end_group, has_ended, signal_name, spawn
from llmspell_tools.isolated_worker import HEADER_BYTES, encode
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject, JsonValue

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_START = f"import sys; sys.path.append({_ROOT!r}); from llmspell_tools.isolated_worker import main; main()"
_STDERR_TAIL_BYTES = 4096
_CHUNK_BYTES = 1 << 18
#: A signal that the system gave to another thread does not end a wait: look up now and then.
#: A call that takes longer says that it is at work; seconds.
_QUIET_S = 0.5
_LOOK_UP_MS = 500.0
#: What the protocol adds to a value of the largest allowed size.
_SLACK_BYTES = 64 * 1024

_ERRORS: dict[str, type[LlmspellError]] = {
    kind.code: kind
    for kind in (getattr(errors, name) for name in dir(errors))
    if isinstance(kind, type) and issubclass(kind, LlmspellError) and kind not in (LlmspellError, errors.CallerError)
}


class Limits:
    """What one call may use; the keys named in errors are `[tools.<tool>]` with the names of these fields.

    Args:
        timeout_s: Seconds of real time; the run's own deadline holds as well.
        max_memory_bytes: Address space of the child, interpreter and libraries included.
        max_output_bytes: Of the answer.
    """

    __slots__ = ("max_memory_bytes", "max_output_bytes", "timeout_s")

    def __init__(self, *, timeout_s: float, max_memory_bytes: int, max_output_bytes: int) -> None:
        self.timeout_s = timeout_s
        self.max_memory_bytes = max_memory_bytes
        self.max_output_bytes = max_output_bytes


def run_isolated(
    context: ToolContext,
    target: str,
    args: JsonValue,
    *,
    timeout_s: float,
    max_memory_bytes: int,
    max_output_bytes: int,
) -> JsonValue:
    """Run ``function(args, b"") -> (value, b"")`` in a child of its own and return the value.

    Args:
        context: Of the tool that calls; its deadline and signal end the child.
        target: ``module:function``.
        args: Handed over as JSON.
        timeout_s: See `Limits`, as the next two.
        max_memory_bytes: As above.
        max_output_bytes: As above.

    Raises:
        ToolTimeout, Cancelled: Time is up, or the caller interrupted; the child is gone.
        LimitExceeded: Too much memory or output.
        ToolExecutionError: The function raised, or the child crashed; ``details`` has signal and stderr.
        LlmspellError: Of any class, as the function raised it.
    """
    limits = Limits(timeout_s=timeout_s, max_memory_bytes=max_memory_bytes, max_output_bytes=max_output_bytes)
    worker = Worker(target, max_memory_bytes)
    try:
        return worker.call(context, args, b"", limits)[0]
    finally:
        worker.close()


class WorkerPool:
    """Children that serve one function; one is kept warm between calls, at most `most` run at once."""

    def __init__(self, target: str, most: int = 4) -> None:
        self._target = target
        self._most = most
        self._lock = allocate_lock()
        self._idle: Worker | None = None
        self._running = 0
        self._closes_at_exit = False

    def call(self, context: ToolContext, args: JsonValue, data: bytes, limits: Limits) -> tuple[JsonValue, bytes]:
        """Run ``function(args, data) -> (value, data)`` in a warm child if there is one; see `run_isolated`."""
        self._enter(context)
        try:
            worker = self._take(limits.max_memory_bytes)
            try:
                return worker.call(context, args, data, limits)
            finally:
                self._give_back(worker)
        finally:
            with self._lock:
                self._running -= 1

    def close(self) -> None:
        """End the warm child; the next call starts another."""
        with self._lock:
            worker, self._idle = self._idle, None
        if worker is not None:
            worker.close()

    def _enter(self, context: ToolContext) -> None:
        while True:
            with self._lock:
                if self._running < self._most:
                    self._running += 1
                    return
            context.check()
            time.sleep(0.005)

    def _take(self, max_memory_bytes: int) -> Worker:
        with self._lock:
            worker, self._idle = self._idle, None
        if worker is not None:
            if worker.is_usable() and worker.max_memory_bytes == max_memory_bytes:
                return worker
            worker.close()
        return Worker(self._target, max_memory_bytes)

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if self._idle is None and worker.is_usable():
                self._idle = worker
                if not self._closes_at_exit:
                    import atexit

                    atexit.register(self.close)
                    self._closes_at_exit = True
                return
        worker.close()


class Worker:
    """One child process.

    Args:
        target: ``module:function`` that it serves.
        max_memory_bytes: Its address space.

    Raises:
        ToolUnavailable: This system has no `posix_spawn`.
    """

    def __init__(self, target: str, max_memory_bytes: int) -> None:
        if not hasattr(os, "posix_spawn"):
            raise ToolUnavailable("child processes with limits need a POSIX system (Linux, macOS)")
        self.max_memory_bytes = max_memory_bytes
        # Reentrant: a signal handler on the owner's thread may cancel while the owner holds it.
        self._lock = RLock()
        self._call: object = None
        self._is_broken = False
        self._owner_pid = os.getpid()
        self._stderr = b""
        try:
            self._pid, self._requests, self._replies, self._errors, self._lifeline = spawn(_START)
        except OSError as error:
            raise ToolExecutionError(f"a child process could not be started: {error.strerror}") from error
        path = [entry for entry in sys.path if os.path.isabs(entry)]
        self._outgoing = [*encode({"path": [*path], "target": target, "max_memory_bytes": max_memory_bytes}, b"")]

    def is_usable(self) -> bool:
        """Whether the child lives, is idle, and belongs to this process (not to the one that forked it)."""
        return not self._is_broken and self._owner_pid == os.getpid() and not has_ended(self._pid)

    def call(self, context: ToolContext, args: JsonValue, data: bytes, limits: Limits) -> tuple[JsonValue, bytes]:
        """Run one call; see `run_isolated`. After any error but the function's own the child is gone."""
        remaining = context.remaining_s()
        wait_s = limits.timeout_s if remaining is None else min(limits.timeout_s, remaining)
        call: JsonObject = {"args": args, "timeout_s": wait_s, "max_output_bytes": limits.max_output_bytes}
        outgoing = [*self._outgoing, *encode(call, data)]
        self._outgoing = []
        current = self._call = object()

        def interrupt() -> None:
            with self._lock:
                if self._call is current and self._pid:
                    self._is_broken = True  # also where its answer is quicker than its end
                    ask_to_end(self._pid)

        forget = context.signal.on_set(interrupt)
        try:
            reply = self._exchange(context, outgoing, time.monotonic() + wait_s, limits)
        except BaseException:  # an interrupt of this thread as well: the child must not run on
            self.close()
            raise
        finally:
            with self._lock:
                self._call = None
            forget()
        answer: Any = loads(reply[0].decode("utf-8", "surrogatepass"))
        if answer["last"]:
            self._is_broken = True
        if "failure" in answer:
            raise self._failure(context, answer, limits)
        return answer["value"], reply[1]

    def close(self) -> None:
        """End the child and everything it started: SIGTERM, then SIGKILL to its group."""
        self._reap()

    # --- the exchange ------------------------------------------------------------------------------------------------

    def _exchange(
        self, context: ToolContext, outgoing: list[bytes], deadline: float, limits: Limits
    ) -> tuple[bytes, bytes]:
        import select

        poll = select.poll()
        poll.register(self._requests, select.POLLOUT)
        poll.register(self._replies, select.POLLIN)
        poll.register(self._errors, select.POLLIN)
        views = [memoryview(part) for part in outgoing if part]
        incoming = bytearray()
        quiet_until = time.monotonic() + _QUIET_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self._raise_timeout(context, limits)
            if time.monotonic() > quiet_until:
                context.progress(0, None, "working")
            for fd, _ in poll.poll(min(left * 1000.0 + 1.0, _LOOK_UP_MS)):
                if fd == self._requests:
                    if not self._write(views):
                        poll.unregister(fd)
                elif fd == self._errors:
                    if not self._read_stderr():
                        poll.unregister(fd)
                elif not self._read_reply(incoming):
                    self._raise_death(context, limits)
            complete = _complete(incoming)
            if complete is not None:
                return complete
            if len(incoming) > limits.max_output_bytes + _SLACK_BYTES:
                raise _output_exceeded(context, limits, len(incoming))

    def _write(self, views: list[memoryview]) -> bool:
        """Write what the pipe takes; return whether there is more."""
        while views:
            try:
                views[0] = views[0][os.write(self._requests, views[0]) :]
            except BlockingIOError:
                return True
            except BrokenPipeError:
                return False  # the end of the other pipe says why
            if not views[0]:
                del views[0]
        return False

    def _read_reply(self, incoming: bytearray) -> bool:
        part = os.read(self._replies, _CHUNK_BYTES)
        incoming += part
        return bool(part)

    def _read_stderr(self) -> bool:
        part = os.read(self._errors, _CHUNK_BYTES)
        self._stderr = (self._stderr + part)[-_STDERR_TAIL_BYTES:]
        return bool(part)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _raise_timeout(self, context: ToolContext, limits: Limits) -> NoReturn:
        context.check()  # the run's own deadline or signal explains itself
        raise ToolTimeout(
            f"{context.tool} took longer than {limits.timeout_s:g} s ({_key(context, 'timeout_s')})",
            details={"key": _key(context, "timeout_s"), "limit": limits.timeout_s},
        )

    def _raise_death(self, context: ToolContext, limits: Limits) -> NoReturn:
        """The child closed its pipe: say why it died."""
        status = self._reap()
        context.check()
        name = signal_name(-status) if status < 0 else ""
        stderr = self._stderr.decode("utf-8", "replace").strip()
        if name in ("SIGALRM", "SIGXCPU"):
            self._raise_timeout(context, limits)
        if "cannot allocate memory" in stderr.lower() or "MemoryError" in stderr:
            raise _memory_exceeded(context, limits)
        how = f"was killed by {name}" if name else f"ended with status {status}"
        if name == "SIGKILL":
            how += " (perhaps the system ran out of memory)"
        raise ToolExecutionError(
            f"{context.tool}: its child process {how}",
            details={"signal": name or None, "status": status, "stderr": stderr},
        )

    def _failure(self, context: ToolContext, answer: Any, limits: Limits) -> LlmspellError:
        kind = answer["failure"]
        if kind == "memory":
            return _memory_exceeded(context, limits)
        if kind == "output":
            return _output_exceeded(context, limits, answer["size"])
        if kind == "bug":
            return ToolExecutionError(f"{context.tool}: {answer['what']}", details={"traceback": answer["traceback"]})
        raised = answer["error"]
        if raised["code"] == InvalidParameters.code:
            return InvalidParameters(raised["message"], details=raised["details"], field=raised["details"].get("field"))
        return _ERRORS.get(raised["code"], ToolExecutionError)(raised["message"], details=raised["details"])

    def _reap(self) -> int:
        """End the child if it lives, collect it, and return its status (negative: the signal); -1 if unknown."""
        self._is_broken = True
        with self._lock:
            pid, self._pid = self._pid, 0
        if not pid:
            return -1
        status = end_group(pid) if self._owner_pid == os.getpid() else -1
        try:
            while self._read_stderr():
                pass
        except BlockingIOError:
            pass  # something that the child started still holds the pipe
        for fd in (self._requests, self._replies, self._errors, self._lifeline):
            os.close(fd)
        return status


def _complete(incoming: bytearray) -> tuple[bytes, bytes] | None:
    if len(incoming) < HEADER_BYTES:
        return None
    middle = HEADER_BYTES + int.from_bytes(incoming[:4], "big")
    end = middle + int.from_bytes(incoming[4:HEADER_BYTES], "big")
    if len(incoming) < end:
        return None
    view = memoryview(incoming)
    return bytes(view[HEADER_BYTES:middle]), bytes(view[middle:end])


def _key(context: ToolContext, name: str) -> str:
    return f"[tools.{context.tool.replace('-', '_')}] {name}"


def _memory_exceeded(context: ToolContext, limits: Limits) -> LimitExceeded:
    key = _key(context, "max_memory_bytes")
    return LimitExceeded(
        f"{context.tool} needs more memory than {limits.max_memory_bytes} bytes ({key})",
        details={"key": key, "limit": limits.max_memory_bytes},
    )


def _output_exceeded(context: ToolContext, limits: Limits, size: int) -> LimitExceeded:
    key = _key(context, "max_output_bytes")
    return LimitExceeded(
        f"{context.tool} made more than {limits.max_output_bytes} bytes of output ({key})",
        details={"key": key, "limit": limits.max_output_bytes, "size": size},
    )
