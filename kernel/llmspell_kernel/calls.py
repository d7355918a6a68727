"""Calling tools without a script: by message, and from Python cells. With progress, questions and interrupts.

A tool that reports progress shows a bar to whoever asked for the call; a policy that asks puts its question to the
same one, if he answers questions. Main thread only.
"""

from __future__ import annotations

from time import monotonic

from llmspell_kernel.reports import Reports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.running import Running
    from llmspell_tools.definition import ToolContext, ToolResult
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonInput


class DirectCalls:
    """Calls tools.

    Args:
        find_registry: Returns the tools, those registered by cells included.
        running: Told what an interrupt stops.
        find_front: Returns the door of the request that is handled; made when first needed.
    """

    __slots__ = ("_find_front", "_find_registry", "running")

    def __init__(
        self, find_registry: Callable[[], ToolRegistry], running: Running, find_front: Callable[[], KernelFront]
    ) -> None:
        self._find_registry = find_registry
        self._find_front = find_front
        self.running = running

    @property
    def registry(self) -> ToolRegistry:
        """The tools there are now."""
        return self._find_registry()

    @property
    def front(self) -> KernelFront:
        """The door of the request that is handled."""
        return self._find_front()

    def by_message(self, name: str, params: Mapping[str, JsonInput] | None, timeout_s: float) -> ToolResult:
        """Call a tool for a request of its own; an interrupt breaks it where it does not listen.

        Raises:
            LlmspellError: As `ToolRegistry.invoke`; `ToolTimeout` also where it had to be broken at the deadline.
            KeyboardInterrupt: It had to be broken after an interrupt.
        """
        reports = Reports(self.front)
        context = self._context(reports, timeout_s)
        self.running.begin_breakable(context.signal.set, context.deadline)
        try:
            return self._called(name, params, context, reports)
        except KeyboardInterrupt:
            context.check()  # says whether it was an interrupt or the deadline
            raise
        finally:
            self.running.end()

    def by_python(self, name: str, params: Mapping[str, JsonInput]) -> ToolResult:
        """Call a tool in the middle of a Python cell, which is eager work.

        Raises:
            LlmspellError: As `ToolRegistry.invoke`.
            KeyboardInterrupt: The cell was interrupted.
        """
        reports = Reports(self.front)
        context = self._context(reports, None)
        be_eager = self.running.be_patient(context.signal.set)
        try:
            return self._called(name, params, context, reports)
        finally:
            be_eager()
            if context.signal.cancelled:
                raise KeyboardInterrupt

    def _context(self, reports: Reports, timeout_s: float | None) -> ToolContext:
        front = self.front
        context = self.registry.context(timeout_s=timeout_s, progress=reports)

        def ask(question: str) -> bool:
            answer = front.input(question + " [y/N] ", password=False, context=context)
            return answer is not None and answer.strip().lower() in {"y", "yes"}

        if front.can_ask:
            context.ask = ask
        return context

    def _called(
        self, name: str, params: Mapping[str, JsonInput] | None, context: ToolContext, reports: Reports
    ) -> ToolResult:
        reports.since = monotonic()
        try:
            result = self.registry.invoke(name, params, context=context)
        except BaseException:
            reports.close("failed")
            raise
        reports.close("done")
        return result
