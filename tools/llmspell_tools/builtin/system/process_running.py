"""One program from start to end: own session, limits, output cap, and nothing of it left when this returns.

A launcher (`process_launcher.py`, kept warm between calls) starts the program, collects it and ends all that it
started; this process polls the output pipes and looks up ten times a second for its deadline, for an interrupt and for
the number of processes. On Linux that covers also who has left the session; elsewhere only the process group is known.
"""

from __future__ import annotations

import os
import time

from llmspell_tools.builtin.system import process_launching
from llmspell_tools.errors import LimitExceeded, ToolExecutionError, ToolUnavailable
from llmspell_tools.isolated_process import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject

_LOOK_UP_MS = 100.0
#: How long the launcher may take to end all: its own patience and some more.
_END_S = 7.0
_CHUNK_BYTES = 1 << 18


class Outcome:
    """How a program ended.

    Args:
        exit_code: As it said, or 128 and the signal's number, as shells say.
        signal: Name of the signal that ended it, or None.
        stdout: What it wrote, up to the cap, with a mark where it was cut.
        stderr: The same.
        truncated: Whether one of them was cut.
        timed_out: Whether it was stopped because of its time.
    """

    __slots__ = ("exit_code", "signal", "stderr", "stdout", "timed_out", "truncated")

    def __init__(self, status: int, stdout: _Output, stderr: _Output, *, timed_out: bool) -> None:
        self.signal = signal_name(-status) if status < 0 else None
        self.exit_code = 128 - status if status < 0 else status
        self.stdout = stdout.text()
        self.stderr = stderr.text()
        self.truncated = stdout.is_cut or stderr.is_cut
        self.timed_out = timed_out


class _Output:
    """What comes out of one pipe: kept up to the cap, read and dropped beyond."""

    __slots__ = ("_cap", "_kept", "_total", "fd", "is_open")

    def __init__(self, fd: int, cap: int) -> None:
        self.fd = fd
        #: Whether there may be more later.
        self.is_open = True
        self._cap = cap
        self._kept = bytearray()
        self._total = 0

    @property
    def is_cut(self) -> bool:
        return self._total > self._cap

    def read(self) -> None:
        """Read what is there."""
        try:
            piece = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return
        self.is_open = bool(piece)
        self._total += len(piece)
        self._kept += piece[: self._cap - len(self._kept)]

    def text(self) -> str:
        text = self._kept.decode("utf-8", "replace")
        return f"{text}\n[truncated: {self._total} bytes, the first {self._cap} are shown]" if self.is_cut else text


def run_program(
    context: ToolContext, path: str, arguments: Sequence[str], folder_fd: int, environment: Mapping[str, str]
) -> Outcome:
    """Run a program to its end.

    Args:
        context: Of the tool: its settings are the limits, its deadline and signal end the program.
        path: Absolute.
        arguments: Handed over unchanged.
        folder_fd: Open folder to run in.
        environment: All that the program gets.

    Raises:
        ToolExecutionError: It could not be started.
        LimitExceeded: It started too many processes.
        ToolTimeout, Cancelled: Of the run; the tool's own time gives an outcome.
    """
    child = _Child(context, path, arguments, folder_fd, environment)
    timed_out = False
    try:
        timed_out = child.wait()
    finally:
        status = child.end()
    if child.failure:
        raise _not_started(path, child.failure)
    return Outcome(status, child.stdout, child.stderr, timed_out=timed_out)


class _Child:
    """A program, from the call to its launcher on."""

    __slots__ = (
        "_context", "_is_gone", "_launcher", "_pid", "_settings", "_started", "_status", "failure", "stderr", "stdout",
    )  # fmt: skip

    def __init__(
        self, context: ToolContext, path: str, arguments: Sequence[str], folder_fd: int, environment: Mapping[str, str]
    ) -> None:
        if not hasattr(os, "posix_spawn"):
            raise ToolUnavailable("process-executor needs a POSIX system (Linux, macOS)")
        settings: Mapping[str, Any] = context.settings
        self._context = context
        self._settings = settings
        self._pid = 0
        #: Whether the launcher is.
        self._is_gone = False
        self._status: int | None = None
        self.failure = b""
        call: JsonObject = {
            "program": path,
            "arguments": [*arguments],
            "environment": {**environment},
            "limits": _limits(settings),
        }
        (out, their_out), (err, their_err) = os.pipe(), os.pipe()
        cap = settings["max_output_bytes"]
        self.stdout, self.stderr = _Output(out, cap), _Output(err, cap)
        try:
            os.set_blocking(out, False)
            os.set_blocking(err, False)
            self._started = time.monotonic()
            self._launcher = process_launching.launch(call, (folder_fd, their_out, their_err))
        except OSError as error:
            os.close(out)
            os.close(err)
            raise _not_started(path, str(error.errno).encode()) from error
        finally:
            os.close(their_out)
            os.close(their_err)

    def wait(self) -> bool:
        """Read until the program ends; return whether its time ran out first."""
        deadline = self._started + self._settings["timeout_s"]
        looked = self._started
        while True:
            now = time.monotonic()
            if now >= deadline:
                return True
            if self._poll(min(_LOOK_UP_MS, (deadline - now) * 1000.0 + 1.0)):
                return False
            self._context.check()
            if now - looked > _LOOK_UP_MS / 1000.0:
                looked = now
                self._check_number()

    def end(self) -> int:
        """End what is left, read what is left, and return the program's status; negative for a signal."""
        keep = True
        try:
            if self._is_running():
                keep = False
                self._launcher.stop()
                give_up = time.monotonic() + _END_S
                while not self._poll(_LOOK_UP_MS) and time.monotonic() < give_up:
                    pass
            if self._status is None and not self.failure:
                keep = False
                self._kill_remains()
            self._drain()
        finally:
            if keep:
                process_launching.give_back(self._launcher)
            else:
                self._launcher.close()
            for output in (self.stdout, self.stderr):
                os.close(output.fd)
        return -9 if self._status is None else self._status

    def _is_running(self) -> bool:
        return self._status is None and not self.failure and not self._is_gone

    def _poll(self, wait_ms: float) -> bool:
        """Read what comes within a time; return whether the program has ended or never started."""
        import select

        poll = select.poll()
        outputs = {output.fd: output for output in (self.stdout, self.stderr) if output.is_open}
        for fd in (*outputs, self._launcher.fd):
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(wait_ms):
            output = outputs.get(fd)
            if output is not None:
                output.read()
            else:
                self._take_lines()
        return not self._is_running()

    def _take_lines(self) -> None:
        line = self._launcher.line()
        while line:
            word, _, rest = line.partition(b" ")
            if word == b"started":
                self._pid = int(rest)
            elif word == b"failed":
                self.failure = rest
            else:
                self._status = int(rest)
            line = self._launcher.line() if self._launcher.has_line() else b""
        if line is None:
            self._is_gone = True
            if not self._pid:
                self.failure = b"0 its launcher has ended"

    def _kill_remains(self) -> None:
        """Do what the launcher cannot any more."""
        from llmspell_tools.builtin.system.process_remains import kill_holders, kill_session

        if self._pid:
            kill_session(self._pid)
        for output in (self.stdout, self.stderr):
            kill_holders(output.fd)

    def _check_number(self) -> None:
        from llmspell_tools.builtin.system.process_remains import descendants

        most = self._settings["max_processes"]
        if descendants(self._launcher.pid) > most:
            key = "[tools.process_executor] max_processes"
            raise LimitExceeded(
                f"the program started more than {most} processes; the limit is {key}",
                details={"key": key, "limit": most},
            )

    def _drain(self) -> None:
        """Read to the end of the pipes, which nobody holds any more."""
        give_up = time.monotonic() + 0.05
        for output in (self.stdout, self.stderr):
            while output.is_open and time.monotonic() < give_up:
                output.read()


def _limits(settings: Mapping[str, Any]) -> JsonObject:
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(settings["timeout_s"]) + 2,
        "RLIMIT_AS": settings["max_memory_bytes"],
        "RLIMIT_FSIZE": settings["max_file_bytes"],
        "RLIMIT_NOFILE": 256,
        "RLIMIT_NPROC": _own_processes() + settings["max_processes"],
    }


def _not_started(path: str, failure: bytes) -> ToolExecutionError:
    number, _, words = failure.decode("utf-8", "replace").partition(" ")
    code = int(number) if number.isdigit() else 0
    reason = words or os.strerror(code).lower()
    return ToolExecutionError(f"cannot run '{path}': {reason}", details={"path": path, "errno": code, "reason": reason})


def _own_processes() -> int:
    """Return how many processes and threads this user has: the system's limit counts them all."""
    own = os.getuid()
    count = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            try:
                found = os.stat(f"/proc/{name}/task")
            except OSError:
                continue  # it has ended
            if found.st_uid == own:
                count += found.st_nlink - 2  # a folder's links: its own two and one of each folder in it, a thread
    return count or 1000
