"""One child program from start to end: own session, limits, output cap, and nothing of it left when this returns.

The parent polls the pipes and looks up ten times a second for its deadline, for an interrupt and for the number of
processes in the child's session. At the end the whole session gets SIGTERM and then SIGKILL, and whoever else still
holds one of the pipes (a grandchild that left the session) is killed as well. The child is collected last, so its id,
which names the session, is nobody else's meanwhile. Linux: sessions and pipe holders are found in /proc; elsewhere only
the process group is known.
"""

from __future__ import annotations

import os
import sys
import time

from llmspell_tools.builtin.system import process_launcher
from llmspell_tools.errors import LimitExceeded, ToolExecutionError, ToolUnavailable
from llmspell_tools.isolated_process import has_ended, signal_name
from llmspell_tools.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject
else:
    import _signal  # the C half: `signal` itself imports enum

_LOOK_UP_MS = 100.0
_GRACE_S = 0.5
_CHUNK_BYTES = 1 << 18
_LAUNCHER = process_launcher.__file__
_DEFAULTS = ("SIGINT", "SIGTERM", "SIGALRM", "SIGIO", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE")


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

    __slots__ = ("_cap", "_kept", "_total", "fd")

    def __init__(self, fd: int, cap: int) -> None:
        self.fd = fd
        self._cap = cap
        self._kept = bytearray()
        self._total = 0

    @property
    def is_cut(self) -> bool:
        return self._total > self._cap

    def read(self) -> bool:
        """Read what is there; return whether there may be more later."""
        try:
            piece = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        if not piece:
            return False
        self._total += len(piece)
        self._kept += piece[: self._cap - len(self._kept)]
        return True

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
    try:
        timed_out = child.wait()
    finally:
        status = child.end()
    if child.failure:
        raise _not_started(path, child.failure)
    return Outcome(status, child.stdout, child.stderr, timed_out=timed_out)


class _Child:
    __slots__ = ("_context", "_pid", "_pidfd", "_settings", "_started", "_status_fd", "failure", "stderr", "stdout")

    def __init__(
        self,
        context: ToolContext,
        path: str,
        arguments: Sequence[str],
        folder_fd: int,
        environment: Mapping[str, str],
    ) -> None:
        if not hasattr(os, "posix_spawn"):
            raise ToolUnavailable("process-executor needs a POSIX system (Linux, macOS)")
        settings: Mapping[str, Any] = context.settings
        self._context = context
        self._settings = settings
        self.failure = b""
        timeout_s = settings["timeout_s"]
        limits: JsonObject = {
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": int(timeout_s) + 2,
            "RLIMIT_AS": settings["max_memory_bytes"],
            "RLIMIT_FSIZE": settings["max_file_bytes"],
            "RLIMIT_NOFILE": 256,
            "RLIMIT_NPROC": _own_processes() + settings["max_processes"],
        }
        call = dumps({"limits": limits, "environment": {**environment}})
        command = [sys.executable, "-I", "-S", _LAUNCHER, call, path, *arguments]
        self._pid, out, err, self._status_fd = _spawn(command, folder_fd, path)
        self._started = time.monotonic()
        cap = settings["max_output_bytes"]
        self.stdout, self.stderr = _Output(out, cap), _Output(err, cap)
        self._pidfd = os.pidfd_open(self._pid) if hasattr(os, "pidfd_open") else -1

    def wait(self) -> bool:
        """Read until the program ends; return whether its time ran out first."""
        import select

        poll = select.poll()
        outputs = {output.fd: output for output in (self.stdout, self.stderr)}
        for fd in (*outputs, *([self._pidfd] if self._pidfd >= 0 else [])):
            poll.register(fd, select.POLLIN)
        deadline = self._started + self._settings["timeout_s"]
        looked = self._started
        while True:
            now = time.monotonic()
            if now >= deadline:
                return True
            wait_ms = min(_LOOK_UP_MS if self._pidfd >= 0 else 5.0, (deadline - now) * 1000.0 + 1.0)
            for fd, _ in poll.poll(wait_ms):
                output = outputs.get(fd)
                if output is not None and not output.read():
                    poll.unregister(fd)
            if has_ended(self._pid):
                return False
            self._context.check()
            self._context.progress(0, None, "running")
            if now - looked > _LOOK_UP_MS / 1000.0:
                looked = now
                self._check_number()

    def end(self) -> int:
        """End what is left, read what is left, and return the program's status; negative for a signal."""
        try:
            self._end_session()
            self._drain()
            self.failure = _read_all(self._status_fd)
        finally:
            for fd in (self.stdout.fd, self.stderr.fd, self._status_fd, self._pidfd):
                if fd >= 0:
                    os.close(fd)
            try:
                status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            except ChildProcessError:
                status = -1
        return status

    def _check_number(self) -> None:
        most = self._settings["max_processes"]
        if len(_session(self._pid)) > most:
            key = "[tools.process_executor] max_processes"
            raise LimitExceeded(
                f"the program started more than {most} processes; the limit is {key}",
                details={"key": key, "limit": most},
            )

    def _end_session(self) -> None:
        """SIGTERM to all, a moment, then SIGKILL until none is left."""
        if not has_ended(self._pid):
            _signal_all(self._pid, _signal.SIGTERM)
            give_up = time.monotonic() + _GRACE_S
            while not has_ended(self._pid) and time.monotonic() < give_up:
                self.stdout.read()
                self.stderr.read()
                time.sleep(0.002)
        for _ in range(100):
            _signal_all(self._pid, _signal.SIGKILL)
            if has_ended(self._pid) and not _session(self._pid):
                return
            time.sleep(0.002)

    def _drain(self) -> None:
        """Read to the end of the pipes; end whoever holds one of them and is not known."""
        for output in (self.stdout, self.stderr):
            if not self._read_to_end(output):
                for pid in _holders(output.fd):
                    _kill(pid, _signal.SIGKILL)
                self._read_to_end(output)

    def _read_to_end(self, output: _Output) -> bool:
        give_up = time.monotonic() + 0.05
        while True:
            try:
                piece_there = output.read()
            except OSError:
                return True
            if not piece_there:
                return True
            if time.monotonic() > give_up:
                return False


def _spawn(command: list[str], folder_fd: int, path: str) -> tuple[int, int, int, int]:
    """Start the launcher; return its id and our ends of its stdout, stderr and status pipes."""
    import fcntl

    ours: list[int] = []
    theirs: list[int] = []
    try:
        theirs.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(3):
            reading, writing = os.pipe()
            ours.append(reading)
            theirs.append(writing)
        theirs.insert(3, os.dup(folder_fd))
        # Above the numbers that the child's get, so that no copy overwrites the next one's source.
        for at, fd in enumerate(theirs):
            theirs[at] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16)
            os.close(fd)
        pid = os.posix_spawn(
            command[0],
            command,
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(theirs)],
            setsid=True,
            setsigmask=[],
            setsigdef=[getattr(_signal, name) for name in _DEFAULTS],
        )
    except OSError as error:
        for fd in ours:
            os.close(fd)
        raise _not_started(path, str(error.errno).encode()) from error
    finally:
        for fd in theirs:
            os.close(fd)
    for fd in ours:
        os.set_blocking(fd, False)
    return pid, ours[0], ours[1], ours[2]


def _not_started(path: str, failure: bytes) -> ToolExecutionError:
    number, _, words = failure.decode("utf-8", "replace").partition(" ")
    code = int(number) if number.isdigit() else 0
    reason = words or os.strerror(code).lower()
    return ToolExecutionError(f"cannot run '{path}': {reason}", details={"path": path, "errno": code, "reason": reason})


def _read_all(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def _signal_all(session: int, number: int) -> None:
    try:
        os.killpg(session, number)
    except (ProcessLookupError, PermissionError):
        pass  # the group is gone; parts of the session may not be
    for pid in _session(session):
        _kill(pid, number)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone already


def _session(session: int) -> list[int]:
    """Return the living processes of a session (Linux)."""
    found: list[int] = []
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
            found.append(pid)
    return found


def _holders(fd: int) -> list[int]:
    """Return the processes that hold the other end of a pipe (Linux), but not this one."""
    pipe = f"pipe:[{os.fstat(fd).st_ino}]"
    found: list[int] = []
    for pid in _processes():
        folder = f"/proc/{pid}/fd"
        try:
            if pid != os.getpid() and any(os.readlink(f"{folder}/{each}") == pipe for each in os.listdir(folder)):
                found.append(pid)
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _own_processes() -> int:
    """Return how many processes (and threads, roughly) this user has: the system's limit counts them all."""
    own = os.getuid()
    count = 0
    for pid in _processes():
        try:
            if os.stat(f"/proc/{pid}").st_uid == own:
                count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue  # it has ended
    return count or 1000
