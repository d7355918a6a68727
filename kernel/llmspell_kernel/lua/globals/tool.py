"""The global `Tool`: every tool of the registry, called from Lua. Source of names and shapes: the original's Lua API.

The shim in `prelude/tool.lua` sends flat parameters as they are and others as a stream (`encode.lua`), and builds the
result's tables by its shape (`shapes.py`); a shape that is new crosses as tables made by lupa, and
brings the `ToolResult` as an opaque value, out of scripts' reach: `text` and `data` are made when somebody reads them.
"""

from __future__ import annotations

from time import monotonic

from llmspell_kernel.lua.convert import from_lua_text, human_text, to_lua_text
from llmspell_kernel.lua.globals import lua_tools
from llmspell_kernel.lua.globals.schema_view import info, schema_table, summary
from llmspell_kernel.lua.globals.shapes import Shapes
from llmspell_tools import jsontext
from llmspell_tools.envelope import is_envelope
from llmspell_tools.errors import Cancelled, InvalidParameters, LlmspellError, ToolNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.interrupt import Run
    from llmspell_tools.definition import Tool, ToolResult

_PREFIXES = {
    "validation_error": "Validation error: ",
    "execution_error": "Tool execution error: ",
    "permission_denied": "Security violation: ",
    "timeout": "Timeout error: ",
    "cancelled": "Cancelled: ",
    "limit_exceeded": "Limit exceeded: ",
    "unavailable": "Tool unavailable: ",
    "configuration_error": "Configuration error: ",
    "internal_error": "Internal error: ",
}


def install(bridge: Bridge) -> None:
    """Give scripts `Tool`."""
    tools = ToolCalls(bridge)
    registered = lua_tools.LuaTools(bridge)
    table, dispatch, forget = bridge.prelude.load(
        "tool.lua",
        {
            "call": tools.call,
            "call_stream": tools.call_stream,
            "shape": tools.shape,
            "shape_text": bridge.guard(tools.shape_text),
            "lazy": bridge.guard(tools.lazy),
            "describe": bridge.guard(tools.describe),
            "list": bridge.guard(tools.list),
            "categories": bridge.guard(tools.categories),
            "get_info": bridge.guard(tools.get_info),
            "last_error": bridge.guard(tools.last_error),
            "register": bridge.guard(registered.register),
            "bind": registered.bind,
            "unbind": registered.unbind,
        },
    )
    registered.set_dispatch(dispatch)
    tools.forget_handles_with(forget)
    bridge.put("Tool", table)


class ToolCalls:
    """The callbacks of `tool.lua`; owner thread only."""

    __slots__ = ("_blocking", "_bridge", "_decoder", "_encoder", "_parts", "_registry", "_reports", "_shapes")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._registry = bridge.registry
        self._decoder = bridge.decoder
        self._encoder = bridge.encoder
        self._parts = bridge.output.parts
        self._reports = bridge.reports
        self._shapes = Shapes()
        self._blocking: dict[str, bool] = {}

    def forget_handles_with(self, forget: Callable[[], None]) -> None:
        """Let nothing be remembered of tools that are replaced: neither here nor, by `forget`, in Lua."""
        bridge, is_stale = self._bridge, False

        def changed() -> None:
            nonlocal is_stale
            self._blocking.clear()
            is_stale = bridge.run is not None  # Lua is busy: `forget` waits for the end of the run
            if not is_stale:
                forget()

        def run_ended() -> None:
            if is_stale:
                changed()

        bridge.registry.on_change(changed)
        bridge.on_run_end(run_ended)

    def call(self, name: str, *pairs: Any) -> tuple[Any, ...]:
        """Call a tool with flat parameters: key, scalar, key, scalar...

        Returns:
            ``(shape, scalar, ...)`` or ``(True, texts, metadata, source, shape, scalar, ...)``: see `shapes.py`; or
            ``(True, result, metadata, source, None, output)``; or ``(False, kind, message)``. `texts` and `source` are
            the result where it has a text of its own and media, which cross when somebody reads them.
        """
        try:
            if len(pairs) == 2:
                key, value = pairs
                if value.__class__ is str and not value.isascii():
                    value = from_lua_text(value)
                return self._call(name, {key: value})
            return self._call(name, _parameters(pairs))
        except BaseException as error:  # noqa: BLE001 - lupa would hand the exception object to Lua
            return self._failed(error)

    def call_stream(self, name: str, *tokens: Any) -> tuple[Any, ...]:
        """Call a tool with any parameters; see `call`."""
        try:
            parameters = self._decoder.value(tokens)
            if not isinstance(parameters, dict):
                kind = "a list" if isinstance(parameters, list) else type(parameters).__name__
                raise InvalidParameters(f"parameters must be a table with names, not {kind}")
            return self._call(name, parameters)
        except BaseException as error:  # noqa: BLE001 - the same
            return self._failed(error)

    def _call(self, name: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
        run = self._bridge.run
        if run is None:
            raise Cancelled("no script runs")
        if self._parts:
            self._bridge.output.flush()
        blocking = self._blocking.get(name)
        if blocking is None:
            blocking = self._blocking[name] = self._registry.get(name).blocking
        if run.in_tool:
            result = self._invoke(run, name, parameters, blocking)
        else:  # a tool that no other tool has called: what it reports of its progress ends with it
            reports = self._reports
            reports.since = monotonic()
            run.in_tool = True
            try:
                if blocking:
                    result = self._invoke(run, name, parameters, blocking)
                else:
                    result = self._registry.invoke(name, parameters, context=run.context)
            except BaseException:
                reports.close("failed")
                raise
            finally:
                run.in_tool = False
            if reports.work is not None:
                reports.close("done")
        if result._text is None and not result.metadata and not result._media:
            answer = self._shapes.match_last(result.output)
            if answer is not None:
                return answer
        return self._answer(result)

    def _answer(self, result: ToolResult) -> tuple[Any, ...]:
        output = result.output
        to_lua = self._encoder.to_lua
        metadata = to_lua(result.metadata) if result.metadata else None
        source = result if result.has_media else None
        if not is_envelope(output):
            # Fields at once, so that `pairs` and JSON.stringify find what the tool gave; its text is made when read.
            own = {"text": result.text} if isinstance(output, str) else {"data": output}
            return True, result, metadata, source, None, to_lua(own)
        answer = self._shapes.match(output)
        if answer is None:
            return True, result, metadata, source, None, to_lua(output)
        texts = result if result.has_own_text else None
        if texts is None and metadata is None and source is None:
            return answer
        return (True, texts, metadata, source, *answer)

    def shape(self, number: int) -> str:
        """Return the Lua text of a shape's constructor."""
        return self._shapes.shapes[number - 1].lua_source()

    def shape_text(self, number: int, *tokens: Any) -> str:
        """Return the text of a result of this shape, made from its fields."""
        fields = self._decoder.value(tokens)
        return to_lua_text(jsontext.dumps(self._shapes.shapes[number - 1].ordered(fields), 2))

    def _invoke(self, run: Run, name: str, parameters: dict[str, Any], blocking: bool) -> ToolResult:
        if not blocking:
            return self._registry.invoke(name, parameters, context=run.context)
        if run.reason is not None:
            raise Cancelled("the script was interrupted")
        outer, run.blocking = run.blocking, True
        try:
            return self._registry.invoke(name, parameters, context=run.context)
        finally:
            run.blocking = outer

    def _failed(self, error: BaseException) -> tuple[Any, ...]:
        text = self._bridge.failure_text(error)
        if isinstance(error, ToolNotFound):
            return False, "not found", text
        code = error.code if isinstance(error, LlmspellError) else ""
        return False, "failed", _PREFIXES.get(code, "") + text

    def lazy(self, result: ToolResult, key: str) -> Any:
        """Return `text`, `_raw_text`, `data` or `media` of a result: made when first read."""
        if key == "media":
            return self._encoder.to_lua(result.media)
        if key != "data":
            return to_lua_text(result.text)
        output = result.output
        if not isinstance(output, str) and not is_envelope(output):
            return self._encoder.to_lua(output)
        if not isinstance(output, str) and not result.has_own_text:
            return None
        return self._data(to_lua_text(result.text))

    def _data(self, text: str) -> Any:
        """Return what a tool's own text holds if it is JSON and no envelope, or nil."""
        try:
            value = jsontext.loads(text if text.isascii() else text.encode("latin-1"))
        except InvalidParameters:
            return None
        return None if is_envelope(value) else self._encoder.to_lua(value)

    def describe(self, name: str) -> Any:
        """Return name, description, version, category and schema table of a tool, or nil."""
        tool = self._find(name)
        if tool is None:
            return None
        to_lua = self._encoder.to_lua
        return (
            to_lua(tool.name), to_lua(tool.description), tool.version, tool.category, to_lua(schema_table(tool))
        )  # fmt: skip

    def list(self, category: str | None, words: str | None) -> Any:
        """Return summaries of the tools of a category whose description has `words` (any case), by name."""
        tools = [tool for tool in self._registry.list() if category is None or tool.category == category]
        if words is not None:
            text = str(self._decoder.text(words)).lower()
            tools = [tool for tool in tools if text in tool.description.lower()]
        return self._encoder.to_lua([summary(tool) for tool in tools])

    def categories(self) -> Any:
        """Return the categories in use, sorted."""
        return self._encoder.to_lua(sorted({tool.category for tool in self._registry.list()}))

    def get_info(self, name: str) -> Any:
        """Return everything that is known about a tool, or nil."""
        tool = self._find(name)
        return None if tool is None else self._encoder.to_lua(info(tool))

    def last_error(self) -> Any:
        """Return ``{code, message, details}`` of the newest failed call, or nil."""
        error = self._bridge.last_error
        return None if error is None else self._encoder.to_lua(_plain(error.as_json()))

    def _find(self, name: object) -> Tool | None:
        if not isinstance(name, str):
            return None
        try:
            return self._registry.get(name)
        except ToolNotFound:
            return None


def _parameters(pairs: tuple[Any, ...]) -> dict[str, Any]:
    following = iter(pairs)
    parameters: dict[str, Any] = {}
    for key in following:
        value = next(following)
        if value.__class__ is str and not value.isascii():
            value = from_lua_text(value)
        parameters[key if key.isascii() else human_text(key)] = value
    return parameters


def _plain(value: Any) -> Any:
    """Return a copy with everything that has no Lua form as text; details may hold any JSON-able value."""
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
