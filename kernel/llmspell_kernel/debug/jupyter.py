"""Jupyter's transport of the debugger: `debug_request` in, `debug_reply` and `debug_event` out, one `DebugSession`.

Front ends come and go without a word: a page is loaded again while a cell is stopped, a second one joins. So all of
them share one session, from the first request to `disconnect`; whoever comes later learns from `debugInfo` where the
program stands. What a notebook asks beyond DAP is in `jupyter_requests`.

Threads. `post` is called on the control thread and returns at once; answers and events come from the session's worker
thread. Nothing here runs Lua: the main thread does, as an errand or where a script is stopped.

Spec: Jupyter messaging 5.5, "Debug request", "Additions to the DAP".
"""

from __future__ import annotations

from functools import partial
from itertools import count
from threading import Event, RLock

from llmspell_kernel.debug.jupyter_cells import CellTexts
from llmspell_kernel.debug.jupyter_program import CellDebuggee, KernelCells
from llmspell_kernel.debug.jupyter_requests import NotebookRequests
from llmspell_kernel.debug.protocol import RequestFailed, failure_body
from llmspell_kernel.debug.session import DebugSession
from llmspell_kernel.lua import LuaEngine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import LateEngine
    from llmspell_kernel.errands import Errands
    from llmspell_kernel.output import Output
    from llmspell_tools.types import JsonObject

    Send = Callable[[JsonObject], None]

#: Seconds that the main thread may take to make the engine.
_ENGINE_S = 10.0
#: Seconds that the kernel waits for the session at its end.
_FAREWELL_S = 1.0
_ENDING = "the kernel is ending"
#: Requests that end a session, where they succeed.
_LAST = ("disconnect", "terminate")


class _Asked:
    """A request that has no answer yet."""

    __slots__ = ("answer", "message")

    def __init__(self, message: JsonObject, answer: Send) -> None:
        self.message = message
        self.answer = answer


class JupyterDebugger:
    """A kernel's debugger for notebooks.

    Args:
        engine: The kernel's engine, made or not.
        errands: Work for the main thread.
        output: Knows the cell that runs.
        interrupt: Stops what runs; any thread.
        publish: Broadcasts an event; any thread.
    """

    def __init__(
        self,
        engine: LateEngine,
        errands: Errands,
        output: Output,
        *,
        interrupt: Callable[[], object],
        publish: Callable[[JsonObject], None],
    ) -> None:
        self._engine = engine
        self._errands = errands
        self._output = output
        self._interrupt = interrupt
        self._publish = publish
        self._cells = CellTexts(self._running_code)
        self._requests = NotebookRequests(self._cells, self.program)
        self._lock = RLock()
        self._session: DebugSession | None = None
        self._debuggee: CellDebuggee | None = None
        self._asked: dict[int, _Asked] = {}
        self._numbers = count(1)
        self._last: int | None = None  # the request that is to end the session
        self._is_closing = False
        self._speaker: Request | None = None

    # --- control thread --------------------------------------------------------------------------------------------

    def post(self, message: JsonObject, answer: Send, speaker: Request | None = None) -> None:
        """Take a request; `answer` gets its response.

        Args:
            message: The request.
            answer: Called once, soon or later, on another thread or this one.
            speaker: Shows what an expression prints while no cell runs.
        """
        self._speaker = speaker
        if message.get("type", "request") != "request":
            answer(_failure(message, RequestFailed("not_a_request", "a debug_request must be a request")))
            return
        with self._lock:
            if not self._is_closing:
                self._hand_on(_Asked(message, answer))
                return
        answer(_failure(message, RequestFailed("unable", _ENDING)))

    def close(self) -> None:
        """Tell clients that it is over, answer what waits, let a stopped script go on."""
        with self._lock:
            self._is_closing = True
            session = self._session
        if session is not None:
            session.ended(None)
            session.finish(_FAREWELL_S)
        with self._lock:
            left = list(self._asked.values())
            self._asked.clear()
        for asked in left:
            asked.answer(_failure(asked.message, RequestFailed("unable", _ENDING)))

    def _hand_on(self, asked: _Asked) -> None:
        session = self._session
        if session is None:
            session = self._session = DebugSession(self, self._send, self._closed, self._requests.table)
            session.sources.path_of = self._cells.path
            session.open()
        number = next(self._numbers)
        self._asked[number] = asked
        if self._last is None:
            self._post(session, number, asked)

    def _post(self, session: DebugSession, number: int, asked: _Asked) -> None:
        if asked.message.get("command") in _LAST:
            self._last = number  # what comes behind it is for the next session
        session.post({"type": "request", **asked.message, "seq": number})

    # --- worker thread of the session ------------------------------------------------------------------------------

    def _send(self, message: JsonObject) -> None:
        if message.get("type") == "event":
            self._publish(message)
            return
        number = message.get("request_seq")
        with self._lock:
            asked = self._asked.pop(number, None) if isinstance(number, int) else None
            if number == self._last and message.get("success") is not True:
                self._go_on()
        if asked is not None:
            asked.answer({**message, "request_seq": _seq(asked.message)})

    def _go_on(self) -> None:
        """Let the session answer what was asked behind a request that was to end it and has failed."""
        last, self._last = self._last, None
        for number, asked in self._asked.items():
            if self._session is not None and last is not None and number > last and self._last is None:
                self._post(self._session, number, asked)

    def _closed(self) -> None:
        """Begin a new session with what was asked behind the request that ended this one."""
        with self._lock:
            self._session = self._last = None
            self._requests.forget()
            if self._is_closing:
                return
            left = list(self._asked.values())
            self._asked.clear()
            for asked in left:
                self._hand_on(asked)

    def program(self) -> CellDebuggee:
        """Return the kernel's cells as a program.

        Raises:
            RequestFailed: There is no engine that can be debugged, or the kernel is too busy to make it.
        """
        if self._debuggee is None:
            engine = self._made_engine()
            debuggee = self._debuggee = CellDebuggee(engine, KernelCells(self._interrupt), self._errand)
            debuggee.debugger.path_of = self._cells.path_of_chunk
            points = debuggee.debugger.points
            points.read = partial(self._cells.read, otherwise=points.read)
            self._cells.text_of = debuggee.source_text
        return self._debuggee

    def _made_engine(self) -> LuaEngine:
        engine = self._engine.made
        if engine is None:
            done = Event()

            def make() -> None:
                self._engine.prepare()
                done.set()

            self._errands.post(make)
            done.wait(_ENGINE_S)
            engine = self._engine.made
        if not isinstance(engine, LuaEngine):
            raise RequestFailed("unable", "this kernel has no Lua engine to debug", show=True)
        return engine

    # --- Host ------------------------------------------------------------------------------------------------------

    def terminal_command(self, port: int) -> None:
        """See `Host.terminal_command`: cells run here."""

    def launch(self, arguments: Arguments) -> CellDebuggee:  # noqa: ARG002 - the Host's
        """See `Host.launch`."""
        raise RequestFailed("refused", "a kernel runs already; use attach", show=True)

    def attach(self, arguments: Arguments) -> CellDebuggee:  # noqa: ARG002 - the Host's
        """See `Host.attach`; the request was signed with the connection's key."""
        return self.program()

    def left(self, debuggee: object) -> None:
        """See `Host.left`."""

    def _errand(self, work: Callable[[], None]) -> None:
        self._errands.post(lambda: self._do(work))

    # --- main thread -----------------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], None]) -> None:
        speaker = self._speaker
        if speaker is None:
            work()
            return
        self._output.begin(speaker)
        try:
            work()
        finally:
            self._output.end()

    def _running_code(self) -> str | None:
        """Return the text of the cell that is about to run, as its front end knows it."""
        request = self._output.request
        code = None if request is None else request.content.get("code")
        return code if isinstance(code, str) else None


def _seq(message: JsonObject) -> int:
    """Return the client's number of a request; each client counts for itself."""
    seq = message.get("seq")
    return seq if isinstance(seq, int) else 0


def _failure(message: JsonObject, error: RequestFailed) -> JsonObject:
    command = message.get("command")
    return {
        "seq": 0,
        "type": "response",
        "request_seq": _seq(message),
        "success": False,
        "command": command if isinstance(command, str) else "",
        "message": error.message,
        "body": failure_body(error),
    }
