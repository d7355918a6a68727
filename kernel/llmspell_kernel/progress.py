"""How far work is, as one display that changes: shown when the work is long, changed at most ten times a second.

Reports come from any thread. Knows no message: what shows a bundle is handed in.
"""

from __future__ import annotations

import os
from threading import Lock
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from llmspell_tools.types import JsonObject

    class Show(Protocol):
        """Shows a bundle under an id, or changes the one that is there."""

        def __call__(self, data: JsonObject, display_id: str, *, update: bool) -> None:
            """Show it."""
            ...


#: Work that is over sooner shows nothing.
SHOW_AFTER_S = 0.5
#: Two changes of one bar are at least this far apart.
EVERY_S = 0.1
_CELLS = 20
_MAX_BARS = 1_000
_MAX_MESSAGE = 200


class _Bar:
    __slots__ = ("display_id", "is_behind", "newest", "shown_at")

    def __init__(self, display_id: str) -> None:
        self.display_id = display_id
        #: Whether something newer is known than what is shown.
        self.is_behind = False
        self.shown_at: float | None = None
        #: done, total, message
        self.newest: tuple[float, float | None, str] = (0.0, None, "")


class Progress:
    """The bars that are up now.

    Args:
        show: Shows a bundle.
        later: Given `settle` where a change waits; calls it once, before whoever reports has nothing more to say.
        clock: Monotonic seconds.
    """

    __slots__ = ("_bars", "_clock", "_count", "_later", "_lock", "_prefix", "_show")

    def __init__(
        self, show: Show, later: Callable[[Callable[[], None]], None], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._show = show
        self._later = later
        self._clock = clock
        self._lock = Lock()
        self._bars: dict[str, _Bar] = {}
        self._prefix = "llmspell-progress-" + os.urandom(6).hex()
        self._count = 0

    def report(
        self, work: str, done: float, total: float | None, message: str, state: str, since: float | None
    ) -> None:
        """Take a report.

        Args:
            work: Id of the work.
            done: In the work's own unit.
            total: The same, or None where nobody knows.
            message: Shown beside the bar.
            state: running, done or failed; what is not running is forgotten.
            since: When the work began, on the clock's scale; None for a bar that is shown at once.
        """
        with self._lock:
            bar = self._bars.get(work)
            if bar is None:
                if state != "running":
                    return
                self._count += 1
                bar = self._bars[work] = _Bar(f"{self._prefix}-{self._count}")
                if len(self._bars) > _MAX_BARS:
                    del self._bars[next(iter(self._bars))]  # one that nobody has ended
            now = self._clock()
            if state == "running":
                bar.newest = (done, total, message)
                due = now - since >= SHOW_AFTER_S if bar.shown_at is None and since is not None else True
                if not due:
                    return
                bar.is_behind = bar.shown_at is not None and now - bar.shown_at < EVERY_S
                if bar.is_behind:
                    self._later(self.settle)
                    return
            else:
                del self._bars[work]
                if bar.shown_at is None:
                    return
                done, total, message = _last(bar.newest, state, message)
            update, bar.shown_at = bar.shown_at is not None, now
            seconds = None if since is None or state == "running" else now - since
            self._show(bundle(done, total, message, state, seconds), bar.display_id, update=update)

    def settle(self) -> None:
        """Show what has waited because it came too soon: no further report of it may come."""
        with self._lock:
            for bar in self._bars.values():
                if bar.is_behind:
                    bar.is_behind, bar.shown_at = False, self._clock()
                    self._show(bundle(*bar.newest, "running"), bar.display_id, update=True)


def _last(newest: tuple[float, float | None, str], state: str, message: str) -> tuple[float, float | None, str]:
    """Return what a bar shows when the work is over: all of it where it was done, as far as it came where not."""
    done, total, before = newest
    if state == "done" and total:
        done = total
    return done, total, message or before


def bundle(done: float, total: float | None, message: str, state: str, seconds: float | None = None) -> JsonObject:
    """Return the text and the HTML of a bar."""
    if len(message) > _MAX_MESSAGE:
        message = message[:_MAX_MESSAGE] + "…"
    facts = [part for part in (message, _ended(state, seconds)) if part]
    if total and total > 0:
        share = min(max(done / total, 0.0), 1.0)
        filled = int(share * _CELLS)
        bar = f"[{'#' * filled}{'.' * (_CELLS - filled)}] {share:4.0%}"
        element = f'<progress value="{share:.4g}" max="1"></progress> {share:.0%}'
    else:
        bar = f"{done:g}"
        element = bar if state != "running" else f"<progress></progress> {bar}"
    rest = " ".join(facts)
    return {
        "text/plain": f"{bar} {rest}".rstrip(),
        "text/html": f'<div class="llmspell-progress">{element} {_escaped(rest)}</div>',
    }


def _ended(state: str, seconds: float | None) -> str:
    if state == "running":
        return ""
    if seconds is None:
        return "" if state == "done" else "(failed)"
    return f"({'done' if state == 'done' else 'failed'} in {seconds:.1f} s)"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
