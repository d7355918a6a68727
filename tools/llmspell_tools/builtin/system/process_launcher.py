"""The few lines that run in the child between its start and the program that it becomes.

Run as a script, `python -I -S process_launcher.py SETTINGS PROGRAM ARGUMENT...`; the parent imports it for its name
only. Sets the limits, goes to the folder that is open as descriptor 3, closes what it inherited, restores the signals
that Python ignores, and becomes the program. What fails is told by its errno on descriptor 4, which closes when the
program starts.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # the C half: `signal` itself imports enum

FOLDER_FD = 3
STATUS_FD = 4


def main() -> None:
    """Become the program."""
    try:
        import resource

        settings = _settings(sys.argv[1])
        for name, value in settings["limits"].items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (wanted, wanted))
        os.fchdir(FOLDER_FD)
        os.close(FOLDER_FD)
        os.set_inheritable(STATUS_FD, False)
        os.closerange(STATUS_FD + 1, 1 << 20)
        for signal in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(signal, _signal.SIG_DFL)
        os.execve(sys.argv[2], sys.argv[2:], settings["environment"])  # noqa: S606  # no shell is the point
    except OSError as error:
        os.write(STATUS_FD, str(error.errno or 0).encode())
    except (ImportError, ValueError) as error:
        os.write(STATUS_FD, b"0 " + str(error).encode())
    os._exit(127)


def _settings(text: str) -> dict:  # type: ignore[type-arg]  # typing costs more than the rest of the start
    import json

    return json.loads(text)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
