"""What runs between the tool's process and the programs: starts one program after the other, and leaves none behind.

Run as a script, `python -I -S process_launcher.py`, with a Unix stream socket as descriptor 0; the parent imports it
for its name only. It forks for each program, so that a second one costs no start of an interpreter. The fork gets a
session of its own, its limits, its folder and no other descriptors, and becomes the program.

On Linux this process is the "subreaper" of all that a program starts: whoever loses its parent, also one that has left
the session and closed its pipes, becomes a child of this process and is killed when the program has ended. Elsewhere
the program's process group is what is killed.

Protocol: the parent sends 8 bytes of length (big-endian) with three descriptors (folder, stdout, stderr), then that
many bytes of ``{program, arguments, environment, limits}`` as `marshal` writes it (both ends are one interpreter, the
parent is trusted, and `json` would double the start); a single byte while the program runs asks for its end. Answers
are lines: `started PID` or `failed ERRNO WORDS`, then `ended STATUS` once nothing is left. When the socket closes,
everything is ended, too.
"""

from __future__ import annotations

import os
import sys
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    import signal as _signal
    from typing import Any
else:
    import _signal  # the C half: `signal` itself imports enum
    import _socket

#: Between SIGTERM and SIGKILL.
_GRACE_S = 0.5
#: How long it may take until all are gone that got SIGKILL.
_GONE_S = 5.0
_FDS = 3
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


def main() -> None:
    """Serve until the parent is gone."""
    import resource  # here, so that no fork has to do it

    del resource
    parent = _socket.socket(fileno=0)
    _become_subreaper()
    while (call := _received(parent)) is not None:
        settings, fds = call
        pid, failure = _start(settings, fds)
        for fd in fds:
            os.close(fd)
        if failure:
            parent.send(b"failed %b\n" % failure)
            continue
        parent.send(b"started %d\n" % pid)
        status = _mind(parent, pid)
        parent.send(b"ended %d\n" % status)


def _become_subreaper() -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _received(parent: Any) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next call, None at the end."""
    import marshal

    start, messages, _, _ = parent.recvmsg(8, _socket.CMSG_LEN(4 * _FDS))
    if len(start) < 8:
        return None
    data = messages[0][2]
    fds = [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, 4 * _FDS, 4)]
    left = int.from_bytes(start, "big")
    parts: list[bytes] = []
    while left:
        part = parent.recv(min(left, 1 << 20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return marshal.loads(b"".join(parts)), fds  # noqa: S302  # from the parent alone


def _start(settings: dict[str, Any], fds: list[int]) -> tuple[int, bytes]:
    """Start a program; return its id, and why it could not become one."""
    reading, writing = os.pipe()
    try:
        pid = os.fork()
        if not pid:
            _become(settings, fds, writing)
        os.close(writing)
        writing = -1
        failure = os.read(reading, 4096)  # the end comes when the program starts
    except OSError as error:
        return -1, b"%d" % (error.errno or 0)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if failure:
        os.waitpid(pid, 0)
    return pid, failure


def _become(settings: dict[str, Any], fds: list[int], status_fd: int) -> None:
    """Become the program, or tell why not, and end."""
    try:
        import resource

        os.setsid()
        for name, value in settings["limits"].items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (wanted, wanted))
        os.fchdir(fds[0])
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (fds[1], 1), (fds[2], 2)):
            os.dup2(source, target)
        os.closerange(3, status_fd)
        os.closerange(status_fd + 1, 1 << 20)
        for signal in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(signal, _signal.SIG_DFL)
        program = settings["program"]
        os.execve(program, [program, *settings["arguments"]], settings["environment"])  # noqa: S606  # no shell
    except OSError as error:
        os.write(status_fd, b"%d" % (error.errno or 0))
    except BaseException as error:  # noqa: BLE001  # a fork must never go on as its parent
        os.write(status_fd, f"0 {error}".encode())
    finally:
        os._exit(127)


def _mind(parent: Any, pid: int) -> int:
    """Wait for a program's end, bring it about when the parent asks, and end all that it started.

    Returns:
        The program's status, negative for a signal.
    """
    _wait(parent, pid)
    if not _has_ended(pid):
        _signal_group(pid, _signal.SIGTERM)
        give_up = monotonic() + _GRACE_S
        while not _has_ended(pid) and monotonic() < give_up:
            sleep(0.002)
    _signal_group(pid, _signal.SIGKILL)  # not collected yet, so its number is nobody else's
    _, status = os.waitpid(pid, 0)
    give_up = monotonic() + _GONE_S
    while _others_left():
        if monotonic() > give_up:
            sys.exit(1)  # the parent looks after the rest
        sleep(0.001)
    return os.waitstatus_to_exitcode(status)


def _wait(parent: Any, pid: int) -> None:
    """Return when the program ends or the parent wants it to; collect orphans meanwhile."""
    import select

    poll = select.poll()
    poll.register(parent.fileno(), select.POLLIN)
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    if pidfd >= 0:
        poll.register(pidfd, select.POLLIN)
    try:
        while not _has_ended(pid):
            if any(fd == parent.fileno() for fd, _ in poll.poll(50.0 if pidfd >= 0 else 5.0)):
                parent.recv(1)
                return
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != pid:
                os.waitpid(ended.si_pid, 0)
    finally:
        if pidfd >= 0:
            os.close(pidfd)


def _others_left() -> bool:
    """Collect who has ended and kill who has not; return whether somebody may be left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    for child in _children():
        # Its own children become ours when it is gone.
        _signal_group(os.getpgid(child), _signal.SIGKILL)
        try:
            os.kill(child, _signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or one that has become somebody else's
    return True


def _children() -> list[int]:
    """Return the children of this process, by /proc."""
    own = str(os.getpid()).encode()
    found: list[int] = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended
        if fields[1] == own and fields[0] not in (b"Z", b"X"):
            found.append(int(name))
    return found


def _signal_group(group: int, number: int) -> None:
    if group == os.getpgid(0):
        return
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone already (macOS says the latter of a process that has ended)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


if __name__ == "__main__":
    main()
