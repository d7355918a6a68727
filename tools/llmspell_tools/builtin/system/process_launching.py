"""The tool's side of `process_launcher.py`: one warm launcher, more of them while calls run at the same time.

A launcher runs one program at a time, so that whatever is left when it ends belongs to that program. Thread-safe. A
launcher ends by itself when this process does, however it does. Knows nothing of output, limits or deadlines;
`process_running` stands above.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from llmspell_tools.builtin.system import process_launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    import signal as _signal

    from llmspell_tools.types import JsonObject
else:
    import _signal  # the C half: `signal` itself imports enum
    import _socket

_SCRIPT = process_launcher.__file__
_DEFAULTS = ("SIGINT", "SIGTERM", "SIGALRM", "SIGIO", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE")

_lock = allocate_lock()
_idle: list[Launcher] = []


class Launcher:
    """One launcher process.

    Raises:
        OSError: It could not be started.
    """

    __slots__ = ("_lines", "_owner", "_rest", "fd", "pid")

    def __init__(self) -> None:
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._owner = os.getpid()
        self._lines: list[bytes] = []
        self._rest = b""
        #: To be polled for lines. A number and no socket object, which would complain when the interpreter ends.
        self.fd = ours.detach()
        try:
            # Above the numbers that the launcher's get, so that no copy overwrites the next one's source.
            nothing = _moved(os.open(os.devnull, os.O_RDWR))
            fd = _moved(theirs.detach())
            try:
                self.pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-I", "-S", *(["-B"] if sys.dont_write_bytecode else []), _SCRIPT],
                    {},
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, fd, 0),
                        (os.POSIX_SPAWN_DUP2, nothing, 1),
                        (os.POSIX_SPAWN_DUP2, nothing, 2),
                    ],
                    setsid=True,
                    setsigmask=[],
                    setsigdef=[getattr(_signal, name) for name in _DEFAULTS],
                )
            finally:
                os.close(fd)
                os.close(nothing)
        except OSError:
            os.close(self.fd)
            raise

    def is_usable(self) -> bool:
        """Return whether it runs, and is this process's own and not that of the one that this was forked from."""
        return (
            self._owner == os.getpid() and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        )

    def send(self, call: JsonObject, fds: tuple[int, int, int]) -> None:
        """Ask for a program.

        Raises:
            OSError: The launcher is gone.
        """
        import marshal

        data = marshal.dumps(call)
        rights = b"".join(fd.to_bytes(4, sys.byteorder) for fd in fds)
        connection = _socket.socket(fileno=self.fd)
        try:
            connection.sendmsg([len(data).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
            connection.sendall(data)
        finally:
            connection.detach()

    def stop(self) -> None:
        """Ask for the end of the program that runs; the launcher takes no other afterwards."""
        try:
            os.write(self.fd, b"!")
        except OSError:
            pass  # it is gone, which its next line tells

    def line(self) -> bytes | None:
        """Return the next line; b"" if none is complete, None when the launcher is gone. To be called when readable."""
        if not self._lines:
            try:
                piece = os.read(self.fd, 4096)
            except OSError:
                return None
            if not piece:
                return None
            *self._lines, self._rest = (self._rest + piece).split(b"\n")
        return self._lines.pop(0) if self._lines else b""

    def has_line(self) -> bool:
        """Return whether `line` has one without reading."""
        return bool(self._lines)

    def close(self) -> None:
        """End it and collect it."""
        os.close(self.fd)
        if self._owner != os.getpid():
            return
        try:
            os.kill(self.pid, _signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # collected by somebody else


def launch(call: JsonObject, fds: tuple[int, int, int]) -> Launcher:
    """Send a call to the warm launcher, or to a new one.

    Args:
        call: ``{program, arguments, environment, limits}``.
        fds: Folder, stdout, stderr.

    Raises:
        OSError: No launcher could be started.
    """
    with _lock:
        launcher = _idle.pop() if _idle else None
    if launcher is not None:
        try:
            if launcher.is_usable():
                launcher.send(call, fds)
                return launcher
        except OSError:
            pass  # it has just ended
        launcher.close()
    launcher = Launcher()
    try:
        launcher.send(call, fds)
    except OSError:
        launcher.close()
        raise
    return launcher


def give_back(launcher: Launcher) -> None:
    """Keep a launcher that has nothing left to do, if none is kept."""
    with _lock:
        if not _idle and launcher.is_usable():
            _idle.append(launcher)
            return
    launcher.close()


def _moved(fd: int) -> int:
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16)
    os.close(fd)
    return moved
