"""execute_request: run a cell, publish what it shows, reply how it went.

Spec: Jupyter messaging 5.5, "Execute". `silent` broadcasts nothing but busy and idle and is not counted. A failed
cell aborts the cells that the same client has queued behind it, unless it says `stop_on_error: false`; another
client's cells run on.
"""

from __future__ import annotations

from llmspell_kernel.errors import PythonCellFailed
from llmspell_kernel.handlers.inspect import answer, question_of
from llmspell_kernel.wire import quote
from llmspell_tools.errors import Cancelled, InvalidParameters, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import Engine, Execution
    from llmspell_kernel.history import History
    from llmspell_kernel.language import Language
    from llmspell_kernel.magics.late import LateMagics
    from llmspell_kernel.output import Output
    from llmspell_kernel.own_tools import OwnTools
    from llmspell_kernel.running import Running
    from llmspell_tools.types import JsonObject, JsonValue

    Result = TypeVar("Result")

#: What error texts call code that is no numbered cell: silent ones, unstored ones, user expressions.
_UNCOUNTED = "In[*]"
#: What people type to leave a console; as a cell alone it does what `os.exit()` does, unless it is a global.
_LEAVE = frozenset({"exit", "quit"})


class Cells:
    """The cells run so far; used on the main thread.

    Args:
        engine: Runs them.
        output: Where their prints go.
        running: Told what an interrupt stops.
        timeout_s: Seconds that one cell may run, or None.
        own_tools: Looked at before each cell; None where there are none.
    """

    def __init__(
        self,
        engine: Engine,
        output: Output,
        running: Running,
        timeout_s: float | None = None,
        own_tools: OwnTools | None = None,
    ) -> None:
        self._engine = engine
        self._output = output
        self._running = running
        self._timeout_s = timeout_s
        self._own_tools = own_tools
        self.count = 0
        #: What remembers the cells, what answers `name?`, what runs cells that have magics; the kernel sets them.
        self.history: History | None = None
        self.language: Language | None = None
        self.magics: LateMagics | None = None
        #: What a cell's magics leave for the client.
        self.payload: list[JsonValue] = []

    def run(self, request: Request, code: str, name: str, *, is_silent: bool = False) -> Execution:
        """Run code; what it shows belongs to `request`, or to nobody.

        Args:
            request: The cell's request.
            code: Lua text.
            name: What error texts call it.
            is_silent: Whether nothing may be shown.

        Raises:
            LlmspellError: Whatever the engine raises.
        """
        self._output.begin(request, is_silent=is_silent)
        own_tools = self._own_tools
        try:
            if own_tools is not None:
                own_tools.refresh()
            self._running.begin(self._engine.interrupt)
            return self._engine.execute(code, name=f"={name}", mode="cell", timeout_s=self._timeout_s)
        except KeyboardInterrupt:
            raise Cancelled("the cell was interrupted") from None
        finally:
            self._running.end()
            if own_tools is not None and not is_silent:
                own_tools.tell()
            self._output.end()

    def run_marked(self, request: Request, code: str, name: str, *, is_silent: bool) -> Execution:
        """Run a cell that has a percent sign somewhere: perhaps a magic's.

        Raises:
            LlmspellError: Whatever the engine raises; a magic that is none, or is misused.
        """
        magics = self.magics
        if magics is None or not magics.claims(code):
            return self.run(request, code, name, is_silent=is_silent)
        execution, self.payload = magics.run(self, request, code, name, is_silent=is_silent)
        return execution

    def run_other(self, request: Request, work: Callable[[float | None], Result], *, is_silent: bool = False) -> Result:
        """Do what a request says that is no Lua; what it shows belongs to `request`, or to nobody.

        Args:
            request: The cell's request, or another that Python acts on.
            work: Gets the seconds that it may take; tells `running` itself how it is stopped.
            is_silent: Whether nothing may be shown.

        Raises:
            LlmspellError: Whatever `work` raises.
        """
        self._output.begin(request, is_silent=is_silent)
        own_tools = self._own_tools
        try:
            if own_tools is not None:
                own_tools.refresh()
            return work(self._timeout_s)
        except KeyboardInterrupt:
            raise Cancelled("the cell was interrupted") from None
        finally:
            self._running.end()
            if own_tools is not None and not is_silent:
                own_tools.tell()
            self._output.end()

    def receive_comm(self, request: Request, kind: str) -> bool:
        """Let callbacks of Python or Lua act on a comm message; tell whether there was a comm or target for it.

        Raises:
            LlmspellError: A callback failed.
        """
        if self.magics is not None and self.magics.receive_comm(self, request, kind):
            return True
        self._output.begin(request)
        self._running.begin(self._engine.interrupt)
        try:
            message = request.message
            return self._engine.receive_comm(
                kind, message.content, message.metadata, message.buffers, timeout_s=self._timeout_s
            )
        except KeyboardInterrupt:
            raise Cancelled("the callback was interrupted") from None
        finally:
            self._running.end()
            self._output.end()


def execute_request(cells: Cells, request: Request) -> JsonObject | bytes:
    """Run one cell."""
    asked = request.content
    code = asked.get("code")
    if not isinstance(code, str):
        raise InvalidParameters("execute_request needs the text field 'code'", field="code")
    silent = asked.get("silent") is True
    name = _UNCOUNTED
    if not silent:
        if asked.get("store_history") is not False:
            cells.count += 1
            name = f"In[{cells.count}]"
            if cells.history is not None:
                cells.history.began(cells.count, code)
        content = f'{{"code":{quote(code)},"execution_count":{cells.count}}}'
        request.publish_encoded("execute_input", content.encode("ascii"))
        if "?" in code and (question := question_of(code)) is not None:
            return _answered(cells, request, question)
    try:
        if "%" in code:
            execution = cells.run_marked(request, code, name, is_silent=silent)
        else:
            execution = cells.run(request, code, name, is_silent=silent)
    except LlmspellError as error:
        return _failed(cells, request, error, silent=silent)
    if execution.text == "nil" and code.strip() in _LEAVE:
        execution.text, execution.exit_code = None, 0
    if execution.text is not None and not silent:
        _show(cells, request, execution, is_stored=name is not _UNCOUNTED)
    if execution.exit_code is None and not cells.payload and not asked.get("user_expressions"):
        return b'{"status":"ok","execution_count":%d,"user_expressions":{},"payload":[]}' % cells.count
    return {
        "status": "ok",
        "execution_count": cells.count,
        "user_expressions": _user_expressions(cells, request),
        "payload": _payload(cells, execution),
    }


def _show(cells: Cells, request: Request, execution: Execution, *, is_stored: bool) -> None:
    """Publish what a cell gave, and remember its text."""
    text = execution.text or ""
    if cells.history is not None and is_stored:
        cells.history.gave(cells.count, text)
    if execution.data is not None:
        shown: JsonObject = {"data": execution.data, "metadata": execution.metadata}
        request.publish("execute_result", {"execution_count": cells.count, **shown})
    else:
        content = f'{{"execution_count":{cells.count},"data":{{"text/plain":{quote(text)}}},"metadata":{{}}}}'
        request.publish_encoded("execute_result", content.encode("ascii"))


def _answered(cells: Cells, request: Request, question: tuple[str, int]) -> JsonObject:
    """Answer a cell such as `print?`: in the client's pager, or that nothing is known."""
    page = None if cells.language is None else answer(cells.language, question)
    if page is None:
        request.publish("stream", {"name": "stdout", "text": f"nothing is known about {question[0]!r}\n"})
    payload: list[JsonValue] = [] if page is None else [page]
    return {"status": "ok", "execution_count": cells.count, "user_expressions": {}, "payload": payload}


def _failed(cells: Cells, request: Request, error: LlmspellError, *, silent: bool) -> JsonObject:
    shown = describe(error)
    if not silent:
        request.publish("error", shown)
    request.stops_queue = request.flag("stop_on_error", default=True)
    return {"status": "error", "execution_count": cells.count, **shown, "details": error.details}


def describe(error: LlmspellError) -> JsonObject:
    """Return ename, evalue and traceback; an interrupt has the name that every client knows, Python's errors theirs."""
    if isinstance(error, PythonCellFailed):
        return {"ename": error.ename, "evalue": error.message, "traceback": [*error.traceback]}
    ename = "KeyboardInterrupt" if isinstance(error, Cancelled) else type(error).__name__
    lines: list[JsonValue] = [f"{ename}: {error.message}"]
    traceback = error.details.get("traceback")
    if isinstance(traceback, list):
        lines += [str(line) for line in traceback]
    return {"ename": ename, "evalue": error.message, "traceback": lines}


def _user_expressions(cells: Cells, request: Request) -> JsonObject:
    """Evaluate each expression; one that fails does not fail the others or the cell."""
    wanted = request.content.get("user_expressions")
    if not isinstance(wanted, dict) or not wanted:
        return {}
    results: JsonObject = {}
    for name, expression in wanted.items():
        try:
            value = cells.run(request, str(expression), _UNCOUNTED, is_silent=True)
            data = value.data or {"text/plain": value.text or "nil"}
            results[name] = {"status": "ok", "data": data, "metadata": value.metadata}
        except LlmspellError as error:
            results[name] = {"status": "error", **describe(error)}
    return results


def _payload(cells: Cells, execution: Execution) -> list[JsonValue]:
    """What magics left; `os.exit()` asks the client to close, as `exit` in IPython does; the kernel itself stays."""
    payload, cells.payload = cells.payload, []
    if execution.exit_code is not None:
        payload.append({"source": "ask_exit", "keepkernel": False, "exit_code": execution.exit_code})
    return payload
