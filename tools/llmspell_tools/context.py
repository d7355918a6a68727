"""What a tool may know about its call: the policy, how long it may take, whether somebody wants it to stop.

It knows neither the registry nor the door that the call came through. On the start path: no heavy imports.
"""

from __future__ import annotations

from time import monotonic

from llmspell_tools.errors import Cancelled, ToolTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_tools.definition import Tool
    from llmspell_tools.policy import Policy
    from llmspell_tools.types import JsonValue

    #: done, total (None when unknown), message
    ProgressSink = Callable[[float, float | None, str], None]


class CancelSignal:
    """A request to stop, set once by any thread and shared by a run and every tool call inside it."""

    __slots__ = ("_callbacks", "cancelled")

    def __init__(self) -> None:
        self.cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Ask the run to stop; callbacks run once, on the calling thread, in order, even after one that fails."""
        self.cancelled = True
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)  # atomic: two setters never run one callback twice
            except IndexError:
                return
            try:
                callback()
            except BaseException:
                self.set()
                raise

    def on_set(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Run `callback` when the signal is set, at once if it is already; return a function that forgets it."""
        self._callbacks.append(callback)
        if self.cancelled:
            self.set()

        def forget() -> None:
            try:
                self._callbacks.remove(callback)
            except ValueError:
                pass  # it has run

        return forget


class ToolContext:
    """What a tool may know about its call; a run's own context has no tool name and no settings.

    Args:
        policy: Decides what may be touched; frozen.
        deadline: `time.monotonic()` value after which `check` raises, or None.
        signal: Shared by everything that one interrupt stops.
        progress: Receives ``(done, total, message)``.
        ask: Puts a yes-or-no question to a person; None where nobody can answer.
        settings: The limits and settings of the tool that runs, by name.
        depth: How many tool calls this one is inside of.
        tool: Canonical name of the tool that runs.
    """

    __slots__ = ("_progress", "ask", "deadline", "depth", "policy", "settings", "signal", "tool")

    def __init__(
        self,
        policy: Policy,
        *,
        deadline: float | None = None,
        signal: CancelSignal | None = None,
        progress: ProgressSink | None = None,
        ask: Callable[[str], bool] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
        depth: int = 0,
        tool: str = "",
    ) -> None:
        self.policy = policy
        self.deadline = deadline
        self.signal = CancelSignal() if signal is None else signal
        self._progress = progress
        self.ask = ask
        self.settings: Mapping[str, JsonValue] = {} if settings is None else settings
        self.depth = depth
        self.tool = tool

    def check(self) -> None:
        """Return if the work may go on; call it in every loop that can be long.

        Raises:
            Cancelled: The caller interrupted.
            ToolTimeout: The deadline passed.
        """
        if self.signal.cancelled:
            raise Cancelled(f"{self.tool or 'the run'} was interrupted")
        if self.deadline is not None and monotonic() >= self.deadline:
            raise ToolTimeout(
                f"{self.tool or 'the run'} ran into its deadline; give it more time with a larger timeout"
            )

    def remaining_s(self) -> float | None:
        """Return the seconds left, at least 0.0, or None without a deadline."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - monotonic())

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the work is; the door shows it or does not."""
        if self._progress is not None:
            self._progress(done, total, message)

    def for_tool(self, tool: Tool, timeout_s: float | None = None) -> ToolContext:
        """Return the context of a call of `tool` inside this run."""
        child = _new_context(ToolContext)  # by attribute: keyword arguments would double the cost of a call
        child.policy = self.policy
        child.deadline = self.deadline if timeout_s is None else self._earlier(timeout_s)
        child.signal = self.signal
        child._progress = self._progress
        child.ask = self.ask
        child.settings = tool.settings
        child.depth = self.depth + 1
        child.tool = tool.name
        return child

    def _earlier(self, timeout_s: float) -> float:
        from llmspell_tools.schema_values import checked_timeout  # most calls have none

        own = monotonic() + checked_timeout(timeout_s)
        return own if self.deadline is None else min(self.deadline, own)


_new_context = ToolContext.__new__
