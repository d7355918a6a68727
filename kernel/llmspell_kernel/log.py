"""The kernel's log lines, limited in number, so that a flood of bad messages cannot flood a disk.

Knows no logging framework (importing one costs as much as a quarter of the kernel's start): a function that takes one
line is handed in, standard error by default. No line ever holds a key, a signature or a message's content.
"""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LINES_PER_SECOND = 10


class LimitedLog:
    """Passes on at most some lines a second and says how many it left out; from any thread.

    Args:
        write: Takes one line without its end.
        lines_per_second: How many lines are passed on in one second.
        clock: Monotonic seconds.
    """

    __slots__ = ("_clock", "_left_out", "_limit", "_second", "_used", "_write")

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        *,
        lines_per_second: int = LINES_PER_SECOND,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._write = _to_stderr if write is None else write
        self._limit = lines_per_second
        self._clock = clock
        self._second = 0
        self._used = 0
        self._left_out = 0

    def __call__(self, line: str) -> None:
        """Write the line, or count it as left out."""
        second = int(self._clock())
        if second != self._second:
            left_out, self._left_out, self._used, self._second = self._left_out, 0, 0, second
            if left_out:
                self._write(f"{left_out} more lines like the last were left out")
        if self._used < self._limit:
            self._used += 1
            self._write(line)
        else:
            self._left_out += 1


def _to_stderr(line: str) -> None:
    try:
        stream = getattr(sys.stderr, "former", sys.stderr)  # the process's own, whatever is being handled
        stream.write(f"llmspell kernel: {line}\n")
        stream.flush()
    except (OSError, ValueError):
        pass  # standard error is closed or its disk is full: a lost line must not cost a reply
