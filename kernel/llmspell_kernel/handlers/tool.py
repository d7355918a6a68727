"""tool_request: the registry by message; the commands of the original's own protocol, made real and one level deep.

    {command: "list", category?, detailed?}         -> {status, tools: [name], count, category, problems?: [text],
                                                        definitions?: [{name, ..., parameters}]}
    {command: "info", name, show_schema?, detailed?} -> {status, name, description, category, security_level, ...,
                                                        definition?}
    {command: "invoke", name, params?, timeout?}    -> {status, tool, result | error, ..., duration_ms}
    {command: "search", query, category?}           -> {status, matches: [name], query: [word], category}
    {command: "test", name, verbose?}               -> {status, success, tool, message, details}

Every failure is `{status: "error", tool?, error, error_type, details, duration_ms}` of `llmspell_tools.reply`, with the
fields `ename`, `evalue` and `traceback` that Jupyter clients expect of any failed reply. Runs on the main thread, so
tools that a cell registered from Lua can be called too. What a tool prints, how far it is and what its policy asks
reaches the sender as it does in a cell: stream, update_display_data, input_request (where he sets `allow_stdin`).
"""

from __future__ import annotations

from time import perf_counter

from llmspell_kernel.calls import DirectCalls
from llmspell_tools import reply
from llmspell_tools.errors import Cancelled, InvalidParameters, LlmspellError
from llmspell_tools.examples import each_example

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.calls import Requester
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.own_tools import OwnTools
    from llmspell_kernel.running import Running
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue

DEFAULT_TIMEOUT_S = 30.0
#: The original's categories; asking for one that has no tools yet is no error.
_CATEGORIES = frozenset({"filesystem", "web", "api", "analysis", "data", "system", "media", "utility", "custom"})


#: Of an example's outcome, what `test` tells that does not ask for all.
_TERSE = ("description", "passed", "skipped", "error")


class ToolDesk:
    """What the commands need.

    Args:
        find_registry: Returns the tools, those registered by cells included.
        running: Told what an interrupt stops.
        own_tools: Looked at before each command; None where there are none.
        requester: Sees what a tool prints and how far it is, and is asked; None where nobody is.
    """

    __slots__ = ("_own_tools", "calls", "requester", "running")

    def __init__(
        self,
        find_registry: Callable[[], ToolRegistry],
        running: Running,
        own_tools: OwnTools | None = None,
        requester: Requester | None = None,
    ) -> None:
        self.calls = DirectCalls(find_registry, running, requester)
        self._own_tools = own_tools
        self.requester = requester
        self.running = running

    def refresh(self) -> None:
        """Take over what has changed in own tools."""
        if self._own_tools is not None:
            self._own_tools.refresh()

    @property
    def problems(self) -> list[str]:
        """What is wrong with own tools."""
        return [] if self._own_tools is None else self._own_tools.problems

    @property
    def registry(self) -> ToolRegistry:
        """The tools there are now."""
        return self.calls.registry


def tool_request(desk: ToolDesk, request: Request) -> JsonObject:
    """Carry out one command; every failure becomes a reply."""
    requester = desk.requester
    if requester is None:
        return _answer(desk, request)
    requester.begin(request)
    try:
        return _answer(desk, request)
    finally:
        requester.end()


def _answer(desk: ToolDesk, request: Request) -> JsonObject:
    started = perf_counter()
    content = request.content
    try:
        name = content.get("command")
        command = _COMMANDS.get(name) if isinstance(name, str) else None
        if command is None:
            raise _unknown_command(content)
        desk.refresh()
        return command(desk, content)
    except LlmspellError as error:
        return _failed(content, error, started)
    except KeyboardInterrupt:
        return _failed(content, Cancelled("the tool was interrupted"), started)


def _list(desk: ToolDesk, content: JsonObject) -> JsonObject:
    category = _category(desk, content)
    names: list[JsonValue] = [tool.name for tool in desk.registry.list(category)]
    listed: JsonObject = {"status": "ok", "tools": names, "count": len(names), "category": category}
    if content.get("detailed"):
        listed["definitions"] = [definition(tool) for tool in desk.registry.list(category)]
    if desk.problems:
        listed["problems"] = [*desk.problems]
    return listed


def _info(desk: ToolDesk, content: JsonObject) -> JsonObject:
    tool = desk.registry.get(_name(content))
    described: JsonObject = {
        "status": "ok",
        "name": tool.name,
        "description": tool.description,
        "category": tool.category,
        "security_level": tool.level,
        "version": tool.version,
        "aliases": list(tool.aliases),
        "operations": dict(tool.levels),
        "annotations": dict(tool.annotations),
        "settings": dict(tool.settings),
        "failure": tool.failure,
    }
    if content.get("detailed"):
        described["definition"] = definition(tool)
    if content.get("show_schema"):
        described["schema"] = tool.parameters
        described["returns"] = tool.returns
        described["examples"] = list(tool.examples)
    return described


def definition(tool: Tool) -> JsonObject:
    """Return what `Tool` takes to be made again elsewhere, without its function."""
    return {
        "name": tool.name,
        "category": tool.category,
        "description": tool.description,
        "parameters": tool.parameters,
        "returns": tool.returns,
        "level": tool.level,
        "levels": dict(tool.levels),
        "aliases": list(tool.aliases),
        "parameter_aliases": dict(tool.parameter_aliases),
        "requires": {name: list(wanted) for name, wanted in tool.requires.items()},
        "annotations": dict(tool.annotations),
        "operation_annotations": {name: dict(each) for name, each in tool.operation_annotations.items()},
        "settings": dict(tool.settings),
        "examples": list(tool.examples),
        "failure": tool.failure,
        "open_parameters": tool.open_parameters,
        "version": tool.version,
    }


def _invoke(desk: ToolDesk, content: JsonObject) -> JsonObject:
    started = perf_counter()
    name = _name(content)
    params = content.get("params")
    if params is not None and not isinstance(params, dict):
        raise InvalidParameters(f"params must be an object or null, not {type(params).__name__}", field="params")
    result = desk.calls.by_message(name, params, _timeout(content))
    return reply.ok(name, result, (perf_counter() - started) * 1_000)


def _search(desk: ToolDesk, content: JsonObject) -> JsonObject:
    query = content.get("query")
    given = query.split() if isinstance(query, str) else query
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise InvalidParameters("query must be a text or an array of texts", field="query")
    words = [str(word) for word in given]
    category = _category(desk, content)
    matches: list[JsonValue] = [tool.name for tool in desk.registry.search(words, category)]
    return {"status": "ok", "matches": matches, "query": [*words], "category": category}


def _test(desk: ToolDesk, content: JsonObject) -> JsonObject:
    tool = desk.registry.get(_name(content))
    desk.running.begin_breakable(_do_nothing, None)
    try:
        results = [*each_example(desk.registry, tool)]
    finally:
        desk.running.end()
    failed = sum(1 for result in results if not result["passed"] and not result.get("skipped"))
    if failed:
        message = f"{failed} of {len(results)} examples of '{tool.name}' do not hold"
    else:
        message = f"all {len(results)} examples of '{tool.name}' hold"
    details: list[JsonValue] = [*results]
    if not content.get("verbose"):
        details = [{key: result[key] for key in _TERSE if key in result} for result in results]
    return {"status": "ok", "success": not failed, "tool": tool.name, "message": message, "details": details}


def _do_nothing() -> None:
    """An interrupt breaks the examples by SIGINT: each has its own context."""


_COMMANDS: dict[str, Callable[[ToolDesk, JsonObject], JsonObject]] = {
    "list": _list,
    "info": _info,
    "invoke": _invoke,
    "search": _search,
    "test": _test,
}


def _name(content: JsonObject) -> str:
    name = content.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidParameters("Missing or invalid tool name", field="name")
    return name


def _category(desk: ToolDesk, content: JsonObject) -> str | None:
    category = content.get("category")
    if category is None:
        return None
    known = sorted(_CATEGORIES.union(tool.category for tool in desk.registry.list()))
    if isinstance(category, str) and category.lower() in known:
        return category.lower()
    raise InvalidParameters(f"no category {category!r}; there are: {', '.join(known)}", field="category")


def _timeout(content: JsonObject) -> float:
    timeout = content.get("timeout")
    if timeout is None:
        return DEFAULT_TIMEOUT_S
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
        raise InvalidParameters("timeout must be a number of seconds above 0", field="timeout")
    return float(timeout)


def _unknown_command(content: JsonObject) -> InvalidParameters:
    known = ", ".join(_COMMANDS)
    if "command" not in content:
        return InvalidParameters(f"Missing tool command; give one of: {known}", field="command")
    return InvalidParameters(f"Unknown tool command: {content['command']}; known are: {known}", field="command")


def _failed(content: JsonObject, error: LlmspellError, started: float) -> JsonObject:
    name = content.get("name")
    body = reply.error(name if isinstance(name, str) else None, error, (perf_counter() - started) * 1_000)
    ename = "KeyboardInterrupt" if isinstance(error, Cancelled) else type(error).__name__
    body["ename"] = ename
    body["evalue"] = error.message
    body["traceback"] = [f"{ename}: {error.message}"]
    if content.get("command") == "test":
        body["success"] = False
    return body
