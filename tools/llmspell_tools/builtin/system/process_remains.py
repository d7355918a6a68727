"""What a program may have left behind when its launcher is gone before it: found in /proc (Linux) and killed.

The launcher knows all that a program started and leaves none of it (`process_launcher`); this is for the case that a
program ended its launcher. Then the members of its session are killed, and whoever holds one of its pipes.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # the C half: `signal` itself imports enum


def kill_session(session: int) -> None:
    """Send SIGKILL to a session until nobody is left in it."""
    for _ in range(100):
        pids = [pid for pid, each, _ in _stats() if each == session]
        if not pids:
            return
        for pid in pids:
            _kill(pid)
        time.sleep(0.002)


def kill_holders(fd: int) -> None:
    """Send SIGKILL to the processes that hold the other end of a pipe, but not to this one."""
    pipe = f"pipe:[{os.fstat(fd).st_ino}]"
    for pid, _, _ in _stats():
        folder = f"/proc/{pid}/fd"
        try:
            if pid != os.getpid() and any(os.readlink(f"{folder}/{each}") == pipe for each in os.listdir(folder)):
                _kill(pid)
        except OSError:
            continue  # it has ended, or is somebody else's


def descendants(top: int) -> int:
    """Return how many living processes come from a process."""
    above = {pid: parent for pid, _, parent in _stats()}
    count = 0
    for pid in above:
        at = pid
        while at in above and at != top:
            at = above[at]
        count += at == top and pid != top
    return count


def _stats() -> list[tuple[int, int, int]]:
    """Return id, session and parent of each living process."""
    found: list[tuple[int, int, int]] = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended
        if fields[0] not in (b"Z", b"X"):
            found.append((int(name), int(fields[3]), int(fields[1])))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, _signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # gone already
