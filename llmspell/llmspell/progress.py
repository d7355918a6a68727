"""How far long work is, on one line of a terminal's stderr.

Tools say it as often as they like, thousands of times a second: most of the calls only look at the clock. Work that is
over soon shows nothing, so that the line does not flash.
"""

from __future__ import annotations

import sys
from time import monotonic

from llmspell.output import write
from llmspell.terminal import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds before the line first shows, and between two changes of it.
_DELAY_S, _INTERVAL_S = 0.3, 0.1
#: Whoever says nothing for so long has ended; what is said then is another work's. Seconds.
_PAUSE_S = 2.0
#: After so many seconds the line says how long it will take; before, nobody could tell.
_ESTIMATE_S = 3.0
_BAR = 20


class ProgressBar:
    """How far a long tool is, on one line of a terminal's stderr.

    Args:
        clock: Seconds of a clock that only goes forward.
    """

    __slots__ = ("_begin", "_clock", "_next", "_shown")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._shown = 0
        #: When the work first said something, and when the line may change next.
        self._begin: float | None = None
        self._next = 0.0

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None:
        """Show the state, if it is time to; `done` and `total` are in the tool's own unit."""
        now = self._clock()
        if total and done >= total:
            self.clear()  # what follows may be a script's own work, which says nothing
            return
        if now < self._next:
            return
        if self._begin is None or now > self._next + _PAUSE_S:
            self._begin, self._next = now, now + _DELAY_S
            return
        self._next = now + _INTERVAL_S
        self._show(_line(done, total, message, now - self._begin))

    def show_text(self, text: str) -> None:
        """Show a line that somebody else has made, a kernel say, as often as it comes."""
        self._show(text)

    def _show(self, text: str) -> None:
        from llmspell_tools.cells import cut, harmless  # only for work that takes its time
        from llmspell_tools.cells import width as columns_of

        text = cut(harmless(text), (width(2) or 80) - 1, "...")
        taken = columns_of(text)
        write("\r" + text + " " * max(self._shown - taken, 0), sys.stderr)
        sys.stderr.flush()
        self._shown = taken

    def clear(self) -> None:
        """Take the line away, so that what is printed next starts on a clean one."""
        if self._shown:
            write("\r" + " " * self._shown + "\r", sys.stderr)
            sys.stderr.flush()
            self._shown = 0
        self._begin, self._next = None, 0.0


def _line(done: float, total: float | None, message: str, elapsed_s: float) -> str:
    if not total:
        return f"{done:g} {message}" if done else f"{elapsed_s:.0f} s {message}"
    share = min(max(done / total, 0.0), 1.0)
    filled = int(share * _BAR)
    left = f" {_duration(elapsed_s * (1 - share) / share)} left" if elapsed_s >= _ESTIMATE_S and share > 0 else ""
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}{left} {message}"


def _duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3_600 else f"{whole // 3_600} h {whole % 3_600 // 60} min"
