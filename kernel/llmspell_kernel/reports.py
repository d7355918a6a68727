"""What tools report of their progress, handed to the door under one id a call.

The door decides what is shown. A tool that calls tools is one piece of work. Reports may come from any thread; `since`
is set and `close` is called on the thread that calls the tools.
"""

from __future__ import annotations

from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.front import Front, WorkState

_numbers = count(1)


class Reports:
    """The progress sink of one engine's runs, or of one call.

    Args:
        front: Shows it.
    """

    __slots__ = ("_front", "since", "work")

    def __init__(self, front: Front) -> None:
        self._front = front
        #: Id of what the tool that runs has reported about; None if it has said nothing.
        self.work: str | None = None
        #: Monotonic time when the outermost tool that runs was called.
        self.since = 0.0

    def __call__(self, done: float, total: float | None = None, message: str = "") -> None:
        """Take a report: `ToolContext.progress`."""
        if self.work is None:
            self.work = f"tool-{next(_numbers)}"
        self._front.progress(self.work, done, total, message, "running", self.since)

    def close(self, state: WorkState) -> None:
        """Say how the tool ended, if it has reported anything."""
        work, self.work = self.work, None
        if work is not None:
            self._front.progress(work, 0, None, "", state, self.since)
