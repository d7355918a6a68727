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

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.output import Output
    from llmspell_kernel.running import Running
    from llmspell_kernel.streams import Outlet
    from llmspell_tools.definition import ToolContext, ToolResult
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonInput


class Requester:
    """Whoever has sent the request that is handled now.

    Args:
        output: Knows the request.
        outlet: Publishes what Python code writes.
        find_front: Returns what shows and asks; made when first needed.
    """

    __slots__ = ("_find_front", "outlet", "output")

    def __init__(self, output: Output, outlet: Outlet, find_front: Callable[[], KernelFront]) -> None:
        self.output = output
        self.outlet = outlet
        self._find_front = find_front

    @property
    def front(self) -> KernelFront:
        """What shows and asks."""
        return self._find_front()

    def begin(self, request: Request) -> None:
        """Let what is written and shown from now on go to the sender of `request`."""
        self.output.begin(request)

    def end(self) -> None:
        """The request is over."""
        self.output.end()


class DirectCalls:
    """Calls tools.

    Args:
        find_registry: Returns the tools, those registered by cells included.
        running: Told what an interrupt stops.
        requester: Sees progress and is asked; None where nobody is.
    """

    __slots__ = ("_find_registry", "requester", "running")

    def __init__(
        self, find_registry: Callable[[], ToolRegistry], running: Running, requester: Requester | None = None
    ) -> None:
        self._find_registry = find_registry
        self.requester = requester
        self.running = running

    @property
    def registry(self) -> ToolRegistry:
        """The tools there are now."""
        return self._find_registry()

    def by_message(self, name: str, params: Mapping[str, JsonInput] | None, timeout_s: float) -> ToolResult:
        """Call a tool for a request of its own; an interrupt breaks it where it does not listen.

        Raises:
            LlmspellError: As `ToolRegistry.invoke`; `ToolTimeout` also where it had to be broken at the deadline.
            KeyboardInterrupt: It had to be broken after an interrupt.
        """
        context, reports = self._context(timeout_s)
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
        context, reports = self._context(None)
        be_eager = self.running.be_patient(context.signal.set)
        try:
            return self._called(name, params, context, reports)
        finally:
            be_eager()
            if context.signal.cancelled:
                raise KeyboardInterrupt

    def _context(self, timeout_s: float | None) -> tuple[ToolContext, Reports | None]:
        if self.requester is None:
            return self.registry.context(timeout_s=timeout_s), None
        front = self.requester.front
        reports = Reports(front)
        context = self.registry.context(timeout_s=timeout_s, progress=reports)

        def ask(question: str) -> bool:
            answer = front.input(question + " [y/N] ", password=False, context=context)
            return answer is not None and answer.strip().lower() in {"y", "yes"}

        if front.can_ask:
            context.ask = ask
        return context, reports

    def _called(
        self, name: str, params: Mapping[str, JsonInput] | None, context: ToolContext, reports: Reports | None
    ) -> ToolResult:
        if reports is None:
            return self.registry.invoke(name, params, context=context)
        reports.since = monotonic()
        try:
            result = self.registry.invoke(name, params, context=context)
        except BaseException:
            reports.close("failed")
            raise
        reports.close("done")
        return result
