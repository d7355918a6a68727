"""A kernel in this very process, without sockets and threads: the same handlers, called directly.

The console of `llmspell repl` speaks to it in Jupyter's messages, as it does to a kernel elsewhere (`client`), so that
what it shows cannot differ. Requests are handled on the thread that made it, normally the main one; `interrupt` comes
from any thread. Nothing of it outlives the object but the history file.
"""

from __future__ import annotations

import os
import threading
from time import monotonic

from llmspell_kernel.comms import Comms
from llmspell_kernel.dispatch import Dispatcher
from llmspell_kernel.engine import LateEngine
from llmspell_kernel.errands import Errands
from llmspell_kernel.errors import UnknownMessage
from llmspell_kernel.history import History
from llmspell_kernel.output import Output
from llmspell_kernel.running import GRACE_S, Running
from llmspell_kernel.shells import Shells
from llmspell_kernel.stdin import END_OF_INPUT, Questions
from llmspell_kernel.streams import Outlet
from llmspell_kernel.wire import DELIMITER, EMPTY_OBJECT, Wire, encode
from llmspell_tools.errors import ToolExecutionError
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.client import Hearer
    from llmspell_kernel.debug.jupyter import JupyterDebugger
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.engine import EngineFactory
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

    Frames = list[bytes]

_SENDER = b"console"
#: Seconds that the debugger has for an answer, and between looks at what it wants done on the main thread.
_CONTROL_S = 15.0
_TICK_S = 0.005


class EmbeddedKernel:
    """One Lua state and its tools.

    Args:
        registry: The tools.
        engine_factory: Makes the engine, when it is first needed.
        cell_timeout_s: Seconds that one cell may run, or None.
        history_file: Where cells are remembered; None keeps them in memory.
        break_main: Makes the main thread's system call end, so that it asks `take_break`; any thread.
        log: Takes one line.
    """

    name = "console"  # as a source of messages

    def __init__(
        self,
        registry: ToolRegistry,
        engine_factory: EngineFactory,
        *,
        cell_timeout_s: float | None = None,
        history_file: str | None = None,
        break_main: Callable[[], None] = lambda: None,
        log: Callable[[str], None],
    ) -> None:
        self._wire = Wire(os.urandom(16).hex().encode("ascii"))
        self._history = History(history_file, log)
        self._output = Output()
        self._comms = Comms(self._wire, self._publish)
        self._break_main = break_main
        self._log = log
        self._hearers: list[Hearer] = []
        self._last_hearer: Hearer | None = None
        self._reply: JsonObject | None = None
        self._owner = threading.get_ident()
        self._errands = Errands(_nothing, log)
        self._debugger: JupyterDebugger | None = None
        self.running = Running()
        self.engine = LateEngine(lambda: engine_factory(registry, self._output.write, self._front()))
        self._outlet = Outlet()
        shells = Shells(
            self.engine,
            registry,
            engine_factory,
            self._front,
            output=self._output,
            outlet=self._outlet,
            running=self.running,
            comms=self._comms,
            history=self._history,
            cell_timeout_s=cell_timeout_s,
        )
        self._dispatcher = Dispatcher(self._wire, shells.handlers(is_main=True), publish=self._publish, log=log)
        self._dispatcher.work = self.running

    def request(self, msg_type: str, content: JsonObject, hearer: Hearer) -> JsonObject:
        """Handle a request and return its reply's content; what it publishes is heard meanwhile, from any thread."""
        self._errands.run()
        self._hearers.append(hearer)
        self._reply = None
        try:
            self._dispatcher.take(self._wire.message((_SENDER,), msg_type, encode(content), EMPTY_OBJECT), self)
        finally:
            self._last_hearer = self._hearers.pop()
        assert self._reply is not None
        return self._reply

    def control(self, msg_type: str, content: JsonObject) -> JsonObject:
        """Answer a request that may come while another is handled; any thread.

        Raises:
            UnknownMessage: It is none that is answered here.
            ToolExecutionError: The debugger does not answer.
        """
        if msg_type != "debug_request":
            raise UnknownMessage(f"{msg_type!r} is not answered here")
        if self._debugger is None:
            from llmspell_kernel.debug.jupyter import JupyterDebugger  # where somebody debugs

            self._debugger = JupyterDebugger(
                self.engine, self._errands, self._output, interrupt=self.interrupt, publish=self._tell_debugging
            )
        done = threading.Event()
        answers: list[JsonObject] = []

        def answer(response: JsonObject) -> None:
            answers.append(response)
            done.set()

        self._debugger.post(content, answer)
        is_idle = threading.get_ident() == self._owner and not self._hearers
        end = monotonic() + _CONTROL_S
        while not done.wait(_TICK_S if is_idle else _CONTROL_S):
            if monotonic() > end:
                raise ToolExecutionError("the debugger does not answer")
            if is_idle:
                self._errands.run()
        return answers[0]

    def interrupt(self) -> None:
        """Stop the request that is handled; without an effect when none is. Any thread."""
        if self.running.interrupt() and self.running.is_breakable:
            threading.Thread(target=self._break, name="llmspell-break", daemon=True).start()

    def close(self) -> None:
        """Free the engine and the history."""
        if self._debugger is not None:
            self._debugger.close()
        self.engine.close()
        self._outlet.close()
        self._history.close()

    # --- as a source of messages, for the dispatcher ---------------------------------------------------------------

    def receive(self) -> Frames | None:
        """Return nothing: requests are handed over by `request`."""

    def hold(self) -> int:
        """Return how many requests wait: none, they come one at a time."""
        return 0

    def send(self, frames: Frames) -> None:
        """Take a reply."""
        self._reply = _content(frames)

    # --- what it is put together of ---

    def _front(self) -> KernelFront:
        from llmspell_kernel.display import KernelFront  # with the engine

        questions = Questions(self._wire, _Stdin(self._wire, self._ask), self._log)
        return KernelFront(self._output, questions, self._comms)

    def _ask(self, prompt: str, password: bool) -> str | None:
        return self._hearers[-1].asked(prompt, password=password) if self._hearers else None

    def _publish(self, frames: Frames) -> None:
        if not self._hearers:
            return
        header = loads(frames[frames.index(DELIMITER) + 2])
        msg_type = str(header.get("msg_type")) if isinstance(header, dict) else ""
        if msg_type != "status":
            self._hearers[-1].published(msg_type, _content(frames))

    def _tell_debugging(self, event: JsonObject) -> None:
        """Tell whoever listens, or has listened last: the debugger's thread may say something when the cell is over."""
        hearer = self._hearers[-1] if self._hearers else self._last_hearer
        if hearer is not None:
            hearer.published("debug_event", event)

    def _break(self) -> None:
        """Break a tool that ignores its signal, stop what has just begun, as the service thread of a kernel does."""
        pause = threading.Event()
        while self.running.is_breakable:
            self.running.retry()
            if self.running.must_break():
                self._break_main()
            pause.wait(GRACE_S / 5)


class _Stdin:
    """The person at the console as a stdin channel; see `stdin.StdinPort`."""

    def __init__(self, wire: Wire, ask: Callable[[str, bool], str | None]) -> None:
        self._wire = wire
        self._ask = ask
        self._answer: Frames | None = None

    def send(self, frames: Frames) -> bool:
        """Ask at once; the answer waits for `receive`."""
        question = _content(frames)
        answer = self._ask(str(question.get("prompt") or ""), question.get("password") is True)
        content: JsonObject = {"value": END_OF_INPUT if answer is None else answer}
        parent = frames[frames.index(DELIMITER) + 2]
        self._answer = self._wire.message((_SENDER,), "input_reply", encode(content), parent)
        return True

    def receive(self, timeout_ms: int) -> Frames | None:  # noqa: ARG002 - the answer is there
        """Return the answer, once."""
        answer, self._answer = self._answer, None
        return answer


def _nothing() -> None:
    """Do nothing: errands are looked for wherever the main thread is free."""


def _content(frames: Frames) -> JsonObject:
    value = loads(frames[frames.index(DELIMITER) + 5])
    return value if isinstance(value, dict) else {}
