"""A second session of the client for Python: offered by `startDebugging`, served on a port of its own.

The client connects to the port that the offer names and speaks to debugpy by way of `Child`, which passes messages on.
The port takes one connection and `attach` must show the token of the offer, so nobody else on this machine gets in.
Rules and what belongs to the process stay ours. Stops and steps between the languages are as in the merged form: who
steps out of a tool finds the session of the scripts stopped.

Threads. One accepts and reads what the client sends, the tracer's hands on events, the owner thread waits in
`wait_ready` before the first call. Ends with `let_go`, or when the client goes.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from hmac import compare_digest
from threading import Event, Lock, Thread

from llmspell_kernel.debug.peer import SocketPeer
from llmspell_kernel.debug.python.frames import number
from llmspell_kernel.debug.python.stops import inside, passes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.python.calls import Calls
    from llmspell_kernel.debug.python.stops import Program
    from llmspell_kernel.debug.python.tracer import Tracer
    from llmspell_tools.types import JsonObject

_LOOPBACK = "127.0.0.1"
#: Seconds that a client may take to connect, and a script waits for its breakpoints.
_PATIENCE_S = 20.0
_STEPS = frozenset({"next", "stepIn", "stepOut"})
#: Told by us, or of no concern to this session.
_UNTOLD = frozenset({"initialized", "terminated", "exited"})


class Child:
    """Passes messages between a client and debugpy; see `half.Front`.

    Args:
        program: The half in Lua.
        tracer: debugpy.
        calls: The calls that go on.
        offer: Sends the client a configuration to attach with.
    """

    def __init__(
        self, program: Program, tracer: Tracer, calls: Calls,
        offer: Callable[[JsonObject, Callable[[str], None]], None],
    ) -> None:  # fmt: skip
        self._program = program
        self._tracer = tracer
        self._calls = calls
        self._token = secrets.token_hex(16)
        self._lock = Lock()
        self._seq = 0
        self._client: SocketPeer | None = None
        self._is_let_in = False
        self._is_over = False
        self._ready = Event()
        self._restart_clock: Callable[[], None] = _nothing
        self._paths: set[str] = set()
        listener = socket.create_server((_LOOPBACK, 0), backlog=1)
        Thread(target=self._serve, args=(listener,), name="llmspell-debugpy-child", daemon=True).start()
        configuration: JsonObject = {
            "type": "debugpy", "name": "Python tools", "request": "attach", "token": self._token,
            "connect": {"host": _LOOPBACK, "port": listener.getsockname()[1]},
        }  # fmt: skip
        offer(configuration, lambda reason: self._refused(listener, reason))

    # --- half.Front ------------------------------------------------------------------------------------------------

    def visited(self) -> None:
        """Do nothing: the script beneath is not looked at."""

    def wait_ready(self) -> None:
        """Wait until the client has set its breakpoints, once."""
        if not self._ready.wait(_PATIENCE_S):
            self._ready.set()
            self._program.logged("Python tools: the client has not opened the Python session that it was offered\n")

    def let_go(self) -> None:
        """End the session; a stopped tool goes on."""
        self._end()
        if self._client is not None:
            self._client.close()

    def heard(self, event: str, body: JsonObject) -> None:
        """Pass an event on; a stop that is none goes on at once."""
        if event == "stopped":
            thread = number(body, "threadId")
            if self._is_over:
                self._tracer.post("continue", threadId=thread)
                return
            if passes(self._tracer, self._calls, inside(self._tracer, self._calls, thread), thread):
                return
            self._calls.forget()
            self._tracer.stopped = self._calls.owner
            self._restart_clock = self._program.debugger.tool_gate.stop_clock(self._go_on)
        if event not in _UNTOLD:
            self._tell({"type": "event", "event": event, "body": body})

    # --- the client's thread -----------------------------------------------------------------------------------------

    def _refused(self, listener: socket.socket, reason: str) -> None:
        """The client does not open the session: nobody waits for it any longer."""
        if self._client is None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
            self._program.logged(
                f"Python tools: the client has refused the Python session that it was offered: {reason}; "
                'with "pythonDebugging": "merged" it needs none\n'
            )
            self._ready.set()

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            listener.settimeout(_PATIENCE_S)
            try:
                connection = listener.accept()[0]
            except OSError:
                return  # `wait_ready` says so
        self._client = SocketPeer(connection)
        for message in self._client.messages():
            if message.get("type") == "request":
                self._take(message)
        self._end()

    def _take(self, message: JsonObject) -> None:
        command, given = str(message.get("command")), message.get("arguments")
        arguments: JsonObject = given if isinstance(given, dict) else {}
        if command in {"disconnect", "terminate"}:
            self._end()
            self._answer(message, {"success": True})
        elif command == "attach":
            self._attach(message, str(arguments.get("token")))
        elif command == "initialize" or self._is_let_in:
            self._note(command, arguments)
            self._tracer.forward(command, arguments, lambda reply: self._answer(message, reply))
        else:
            self._answer(message, {"success": False, "message": "the first requests must be initialize and attach"})

    def _attach(self, message: JsonObject, token: str) -> None:
        if not compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            self._answer(message, {"success": False, "message": "attach needs the token of the offer"})
            return
        self._is_let_in = True
        self._answer(message, {"success": True})
        self._tell({"type": "event", "event": "initialized"})

    def _note(self, command: str, arguments: JsonObject) -> None:
        """Take note of what concerns the other half."""
        source = arguments.get("source")
        if command == "setBreakpoints" and isinstance(source, dict):
            path = str(source.get("path"))
            self._paths.add(path)
            self._tracer.add_file(path)
        elif command == "configurationDone":
            self._ready.set()
        elif command in _STEPS or command == "continue":
            self._tracer.stopped = 0
            if command in _STEPS:
                self._calls.step = self._calls.depth
            self._restart_clock()

    def _answer(self, request: JsonObject, reply: JsonObject) -> None:
        taken: JsonObject = {name: reply[name] for name in ("success", "message", "body") if name in reply}
        seq = request.get("seq")
        self._tell({"type": "response", "request_seq": seq, "command": request.get("command"), **taken})

    def _tell(self, message: JsonObject) -> None:
        client = self._client
        if client is not None:
            with self._lock:
                self._seq += 1
                client.send({"seq": self._seq, **message})

    def _go_on(self) -> None:
        """The script was interrupted: the tool that is stopped must get to know."""
        self._restart_clock()
        self._tracer.stopped = 0
        self._tracer.post("continue", threadId="*")

    def _end(self) -> None:
        with self._lock:
            was_over, self._is_over = self._is_over, True
        if was_over:
            return
        self._tell({"type": "event", "event": "terminated"})
        self._ready.set()
        for path in self._paths:
            self._tracer.post("setBreakpoints", source={"path": path}, breakpoints=[])
        self._tracer.post("setExceptionBreakpoints", filters=[])
        self._go_on()


def _nothing() -> None:
    pass
