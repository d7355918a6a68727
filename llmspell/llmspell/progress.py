"""How far long work is, on one line of a terminal's stderr."""

from __future__ import annotations

import sys

from llmspell.output import write
from llmspell.terminal import width


class ProgressBar:
    """How far a long tool is, on one line of a terminal's stderr; nothing where stderr is no terminal."""

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown = 0

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None:
        """Show the state; `done` and `total` are in the tool's own unit."""
        if total:
            share = min(max(done / total, 0.0), 1.0)
            filled = int(share * 20)
            text = f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%} {message}"
        else:
            text = f"{done:g} {message}"
        limit = (width() or 80) - 1
        text = text[:limit]
        write("\r" + text + " " * max(self._shown - len(text), 0), sys.stderr)
        sys.stderr.flush()
        self._shown = len(text)

    def clear(self) -> None:
        """Take the line away, so that what is printed next starts on a clean one."""
        if self._shown:
            write("\r" + " " * self._shown + "\r", sys.stderr)
            sys.stderr.flush()
            self._shown = 0
