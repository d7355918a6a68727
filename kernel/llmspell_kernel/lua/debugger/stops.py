"""What the debugger tells whoever listens: where and why a script stopped, and what else happened. Knows no Lua."""

from __future__ import annotations

from llmspell_tools.errors import LlmspellError, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from llmspell_kernel.lua.debugger.points import Point

    class Listener(Protocol):
        """Who is told what happens; on the owner thread unless said otherwise, and returns soon."""

        def stopped(self, stop: Stop) -> None:
            """The script waits for `go_on`."""
            ...

        def resumed(self, mode: str) -> None:
            """It runs again."""
            ...

        def logged(self, text: str) -> None:
            """A log point or a faulty condition says something."""
            ...

        def point_changed(self, point: Point) -> None:
            """A breakpoint has found or changed its place; any thread."""
            ...

        def loaded(self, name: str) -> None:
            """A chunk was loaded, by its chunk name."""
            ...


class NotStopped(LlmspellError):
    """The script runs, so it cannot be looked at."""

    code = ToolExecutionError.code


class DebuggedAlready(LlmspellError):
    """Another debugger has the engine."""

    code = ToolExecutionError.code


class Stop:
    """Where and why a script stopped.

    Attributes:
        reason: entry, step, pause, breakpoint, function breakpoint, exception.
        thread: Number of the Lua thread: 1 is main, others are coroutines.
        text: An error's message.
        points: The breakpoints that were hit.
        is_caught: Of an error, whether the script catches it.
        kind: Of an error, its class, where the language has classes of errors.
    """

    __slots__ = ("is_caught", "kind", "points", "reason", "text", "thread")

    def __init__(
        self,
        reason: str,
        thread: int,
        *,
        text: str = "",
        points: Sequence[Point] = (),
        is_caught: bool = False,
        kind: str = "error",
    ) -> None:
        self.reason = reason
        self.thread = thread
        self.text = text
        self.points = list(points)
        self.is_caught = is_caught
        self.kind = kind
