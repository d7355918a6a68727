"""A child process and its group, from start to collection, by the system's own calls.

`subprocess` would do, but imports threads and selectors, which cost as much as the child's own start. Knows no
protocol: `isolated.py` stands above. A child has a session of its own, so its id is the id of its group, and belongs to
nobody else until `end_group` has collected it. POSIX only.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # the C half: `signal` itself imports enum

#: Between SIGTERM and SIGKILL.
_GRACE_S = 0.2
_DEFAULTS = ("SIGINT", "SIGTERM", "SIGALRM", "SIGIO", "SIGXCPU")


#: Where a child finds the pipe that nobody writes to: it closes when the parent ends, however it ends.
LIFELINE = 3


def spawn(code: str) -> tuple[int, int, int, int, int]:
    """Start a Python child that runs `code`, without site, environment or anything open but four pipes.

    Returns:
        Its id, our ends of its stdin, stdout and stderr, which never block, and of its lifeline.

    Raises:
        OSError: It could not be started.
    """
    pipes = [_pipe() for _ in range(4)]
    (their_requests, requests), (replies, their_replies), (messages, their_messages), (theirs, lifeline) = pipes
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, *flags, "-c", code],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, their_requests, 0),
                (os.POSIX_SPAWN_DUP2, their_replies, 1),
                (os.POSIX_SPAWN_DUP2, their_messages, 2),
                (os.POSIX_SPAWN_DUP2, theirs, LIFELINE),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[getattr(_signal, name) for name in _DEFAULTS],
        )
    except OSError:
        for fd in (requests, replies, messages, lifeline):
            os.close(fd)
        raise
    finally:
        for fd in (their_requests, their_replies, their_messages, theirs):
            os.close(fd)
    for fd in (requests, replies, messages):
        os.set_blocking(fd, False)
    return pid, requests, replies, messages, lifeline


def _pipe() -> tuple[int, int]:
    """Make a pipe whose ends are not among the descriptors that a child is given, be those open or not."""
    low: list[int] = []
    reading, writing = os.pipe()
    while min(reading, writing) <= LIFELINE:
        low += (reading, writing)
        reading, writing = os.pipe()
    for fd in low:
        os.close(fd)
    return reading, writing


def ask_to_end(pid: int) -> None:
    """Send SIGTERM to a child and all it started."""
    _signal_group(pid, _signal.SIGTERM)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone already (macOS says the latter of a process that has ended)


def has_ended(pid: int) -> bool:
    """Tell whether a child has ended, without collecting it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # collected by somebody else


def end_group(pid: int) -> int:
    """Stop a child's whole group by SIGTERM, then SIGKILL, and collect it.

    Returns:
        Its exit status, negative for a signal; -1 if somebody else collected it.
    """
    ask_to_end(pid)
    give_up = time.monotonic() + _GRACE_S
    while not has_ended(pid) and time.monotonic() < give_up:
        time.sleep(0.001)
    _signal_group(pid, _signal.SIGKILL)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return -1


def signal_name(number: int) -> str:
    """Return `SIGSEGV` and the like."""
    for name in dir(_signal):
        if name.startswith("SIG") and "_" not in name and getattr(_signal, name) == number:
            return name
    return f"signal {number}"
