"""Answers to what a script in a kernel asks: lines of this process's standard input.

While a person thinks, an interrupt must still end the wait. Signal handlers run in Python alone do not break a read, so
the wait looks at `is_stopped` a few times a second.
"""

from __future__ import annotations

import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_S = 0.1
_CHUNK = 65_536


class StandardInput:
    """Lines of standard input; what was read too far is kept for the next question.

    Args:
        note: Writes a prompt, where there is a terminal to read it on.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._rest = b""

    def ask(self, prompt: str, *, password: bool, is_stopped: Callable[[], bool]) -> str | None:
        """Return one line without its end; None at the end of input, or when `is_stopped` says so."""
        is_terminal = _is_terminal()
        if password and is_terminal:
            from getpass import getpass  # termios; only for a password

            try:
                return getpass(prompt)
            except EOFError:
                return None
        if prompt and is_terminal:
            self._note(prompt)
        line = self._line(is_stopped)
        return line.removesuffix(b"\n").decode("utf-8", "surrogateescape") if line else None

    def _line(self, is_stopped: Callable[[], bool]) -> bytes:
        while b"\n" not in self._rest:
            data = self._more(is_stopped)
            if not data:
                line, self._rest = self._rest, b""
                return line
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    @staticmethod
    def _more(is_stopped: Callable[[], bool]) -> bytes:
        try:
            descriptor = sys.stdin.fileno()
        except (AttributeError, ValueError, OSError):  # closed by the caller, or no file at all
            return sys.stdin.readline().encode("utf-8", "surrogateescape") if sys.stdin else b""
        while os.name == "posix" and not select.select([descriptor], [], [], _LOOK_S)[0]:
            if is_stopped():
                return b""
        return os.read(descriptor, _CHUNK)


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
