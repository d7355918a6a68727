"""The chain that every call of every door goes through, in one order.

    before-hooks → check → level and policy → cache → limits → run with deadline → metrics → after-hooks

It knows no name (the registry resolves), no door and no transport. Slots that are empty cost one test each. What a
before-hook changes is checked again, since the check comes after it. The only place where any exception of a tool
becomes a `ToolExecutionError`: a tool's bug is the tool's failure, not the door's.
"""

from __future__ import annotations

from _thread import allocate_lock
from time import perf_counter_ns

from llmspell_tools.definition import ToolContext, ToolResult
from llmspell_tools.errors import InvalidParameters, LimitExceeded, LlmspellError, ToolExecutionError
from llmspell_tools.schema import compile_parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject

    #: (tool, parameters as the caller gave them) → parameters to go on with
    BeforeHook = Callable[[Tool, Mapping[str, Any]], Mapping[str, Any]]
    #: (tool, checked parameters, result or None, error or None) → result to go on with, or None to keep it
    AfterHook = Callable[[Tool, Mapping[str, Any], ToolResult | None, LlmspellError | None], ToolResult | None]

    class Cache(Protocol):
        """Remembers results of read-only tools."""

        def get(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult | None:
            """Return the remembered result."""
            ...

        def put(self, tool: Tool, arguments: Mapping[str, Any], result: ToolResult) -> None:
            """Remember a result."""
            ...

    class Limiter(Protocol):
        """Admits calls by rate or number."""

        def enter(self, tool: Tool) -> None:
            """Admit a call or raise `LimitExceeded`."""
            ...

        def leave(self, tool: Tool) -> None:
            """Forget an admitted call."""
            ...


#: Calls inside calls; each holds a Lua and a C frame or two, and C stacks are small.
MAX_DEPTH = 100


class Metrics:
    """Counts of one tool: calls, failures and nanoseconds in all."""

    __slots__ = ("calls", "errors", "total_ns")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.total_ns = 0


class InvocationChain:
    """Runs a resolved tool; one per registry, shared by its overlays, safe from any thread."""

    __slots__ = ("_metrics_lock", "after", "before", "cache", "limits", "metrics")

    def __init__(self) -> None:
        self.before: list[BeforeHook] = []
        self.after: list[AfterHook] = []
        self.cache: Cache | None = None
        self.limits: Limiter | None = None
        self.metrics: dict[str, Metrics] = {}
        self._metrics_lock = allocate_lock()

    def run(
        self, tool: Tool, parameters: Mapping[str, Any], context: ToolContext, timeout_s: float | None = None
    ) -> ToolResult:
        """Run one call.

        Args:
            tool: As the registry resolved it.
            parameters: As the caller gave them.
            context: Of the run that the call belongs to.
            timeout_s: For this call; the run's own deadline holds as well.

        Raises:
            LlmspellError: Whatever went wrong, by its class; see `errors`.
        """
        started = perf_counter_ns()
        failed = True
        try:
            result = self._steps(tool, parameters, context, timeout_s)
            failed = False
            return result
        finally:
            self._count(tool.name, failed, perf_counter_ns() - started)

    def _steps(
        self, tool: Tool, parameters: Mapping[str, Any], context: ToolContext, timeout_s: float | None
    ) -> ToolResult:
        for before in self.before:
            parameters = before(tool, parameters)
        check = tool.checker
        if check is None:
            check = tool.checker = compile_parameters(tool.parameters, tool.parameter_aliases)
        try:
            arguments = check(parameters)
        except RecursionError:
            raise InvalidParameters(f"the parameters of {tool.name} are nested too deeply") from None
        admit(tool, arguments, context)
        if not self.after and self.limits is None and self.cache is None:
            return call(tool, arguments, context, timeout_s)
        return self._through_slots(tool, arguments, context, timeout_s)

    def _through_slots(
        self, tool: Tool, arguments: dict[str, Any], context: ToolContext, timeout_s: float | None
    ) -> ToolResult:
        result: ToolResult | None = None
        error: LlmspellError | None = None
        try:
            result = self._cached(tool, arguments, context, timeout_s)
        except LlmspellError as caught:
            error = caught
        for after in self.after:
            result = after(tool, arguments, result, error) or result
        if result is None:
            raise error if error is not None else ToolExecutionError(f"{tool.name} gave no result")
        return result

    def _cached(
        self, tool: Tool, arguments: dict[str, Any], context: ToolContext, timeout_s: float | None
    ) -> ToolResult:
        cache = self.cache if tool.annotations.get("read_only") and tool.annotations.get("idempotent") else None
        remembered = cache.get(tool, arguments) if cache is not None else None
        if remembered is not None:
            return remembered
        if self.limits is not None:
            self.limits.enter(tool)
        try:
            result = call(tool, arguments, context, timeout_s)
        finally:
            if self.limits is not None:
                self.limits.leave(tool)
        if cache is not None:
            cache.put(tool, arguments, result)
        return result

    def _count(self, name: str, failed: bool, spent_ns: int) -> None:
        with self._metrics_lock:  # a Ctrl-C inside must not leave it locked
            metrics = self.metrics.get(name)
            if metrics is None:
                metrics = self.metrics[name] = Metrics()
            metrics.calls += 1
            metrics.errors += failed
            metrics.total_ns += spent_ns


def admit(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> None:
    """Let the policy decide about the call itself, before anything is touched.

    Raises:
        PermissionDenied: The level is above the ceiling, or an annotation is denied or not approved.
    """
    policy = context.policy
    if policy.restricts_calls:
        operation = arguments.get("operation")
        if not isinstance(operation, str):  # a tool of somebody may call anything so
            operation = None
        policy.check_level(tool.name, operation, tool.level_of(operation))
        policy.check_annotations(tool.name, operation, tool.annotations_of(operation), context.ask)


def call(tool: Tool, arguments: dict[str, Any], context: ToolContext, timeout_s: float | None) -> ToolResult:
    """Run the tool's function with a deadline that it checks itself.

    A tool's bug becomes a `ToolExecutionError`; so does its `sys.exit`, which would end the caller. Ctrl-C passes.
    """
    if context.depth >= MAX_DEPTH:
        raise LimitExceeded(f"{tool.name}: tools call each other more than {MAX_DEPTH} deep")
    try:
        if tool.wants_context:
            own = context.for_tool(tool, timeout_s)
            own.check()
            result = tool.function(own, **arguments)
        else:
            result = tool.function(**arguments)
    except LlmspellError:
        raise
    except RecursionError as error:
        raise LimitExceeded(f"{tool.name}: the input is nested too deeply") from error
    except MemoryError as error:
        raise LimitExceeded(f"{tool.name}: out of memory") from error
    except (Exception, SystemExit) as error:
        raise _failure_of(tool, error) from error
    if not isinstance(result, ToolResult):
        result = ToolResult(result)
    return as_json(tool, result) if tool.checks_output else result


def _failure_of(tool: Tool, error: BaseException) -> ToolExecutionError:
    kind = type(error).__name__
    try:
        words = f"{kind}: {error}"
    except Exception:  # noqa: BLE001 - an exception whose text cannot be made is one all the same
        words = kind
    return ToolExecutionError(f"{tool.name} failed: {words}", details={"exception": kind})


def as_json(tool: Tool, result: ToolResult) -> ToolResult:
    """Return a result as every door can show it: plain dicts, lists and scalars, as its JSON says.

    Raises:
        ToolExecutionError: Something in it has no JSON form (a set, NaN, an object, a cycle).
    """
    from llmspell_tools.jsontext import dumps, loads

    if result.has_own_text and not isinstance(result.text, str):
        raise ToolExecutionError(f"{tool.name} gave a text of type {type(result.text).__name__}, not str")
    if type(result.output) is str and not result.has_media and not result.metadata:
        return result
    made = result.media_function
    try:
        result.output = loads(dumps(result.output))
        if made is not None:
            result.media = lambda: _made(tool, made)
        elif result.has_media:
            result.media = loads(dumps(result.media))  # type: ignore[assignment]  # a list stays a list
        result.metadata = loads(dumps(result.metadata))  # type: ignore[assignment]  # and a dict a dict
    except InvalidParameters as error:
        raise ToolExecutionError(f"{tool.name} gave a result that is no JSON: {error.message}") from error
    return result


def _made(tool: Tool, make: Callable[[], Sequence[JsonObject]]) -> list[JsonObject]:
    """Return the media of a function, when a door asks: after the call, and yet the tool's own failure."""
    from llmspell_tools.jsontext import dumps, loads

    try:
        return loads(dumps([*make()]))  # type: ignore[return-value]  # a list stays a list
    except InvalidParameters as error:
        raise ToolExecutionError(f"{tool.name} gave media that are no JSON: {error.message}") from error
    except LlmspellError:
        raise
    except Exception as error:
        raise _failure_of(tool, error) from error
