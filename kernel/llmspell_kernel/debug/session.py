"""One client's conversation with one program, whatever carries the messages.

Threads. `post` and the `Listener` methods come from any thread and return at once; everything else happens on the
session's own worker thread, one thing after another. So a response is sent before the events that follow from it, and
whoever carries the messages never waits for the program. `send` is called on the worker thread only.

A request that fails is answered as failed and the session goes on; whatever a client sends, no traceback reaches it.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event, Thread, current_thread

from llmspell_kernel.debug.client import Client
from llmspell_kernel.debug.outlet import Outlet
from llmspell_kernel.debug.protocol import Arguments, RequestFailed, failure_body
from llmspell_kernel.debug.requests import HANDLERS, UNINITIALIZED
from llmspell_kernel.debug.reverse import Reverse
from llmspell_kernel.debug.sources import Sources
from llmspell_kernel.lua.debugger.messages import hit_condition
from llmspell_kernel.lua.debugger.stops import NotStopped
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_kernel.debug.debuggee import Debuggee, Host, PythonMode
    from llmspell_kernel.debug.relay import Relay
    from llmspell_kernel.debug.requests import Handler
    from llmspell_kernel.lua.debugger.points import Point
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_tools.types import JsonObject, JsonValue

_MAIN = 1


class _ClientGone(Exception):
    """Nothing more can be sent."""


class DebugSession:
    """A session; it works from `open` to `close`.

    Args:
        host: Gives the program.
        send: Sends one message; its errors end the session.
        closed: Called on the worker thread when the session is over.
        handlers: The requests that are answered.
    """

    def __init__(
        self, host: Host, send: Callable[[JsonObject], None], closed: Callable[[], None] = lambda: None,
        handlers: Mapping[str, Handler] = HANDLERS,
    ) -> None:  # fmt: skip
        self._handlers = handlers
        self.host = host
        self._send = send
        self._tell_closed = closed
        self._after: list[Callable[[], None]] = []
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="llmspell-debug-session", daemon=True)
        self._seq = 0
        self._outlet = Outlet()
        self._closed = Event()
        self._is_leaving = False
        self._relay: Relay | None = None
        #: Requests to the client.
        self.reverse = Reverse(self._write, lambda: self._seq + 1)
        #: What the client said of itself in `initialize`.
        self.client = Client()
        #: The program, between launch or attach and the end.
        self.debuggee: Debuggee | None = None
        self.is_launched = False
        self.is_configured = False
        self.stop_on_entry = False
        self.just_my_code = True
        self.python_mode: PythonMode = "merged"
        self.sources = Sources()
        #: Where the program is stopped, as the client knows it; None while it runs.
        self.stop: Stop | None = None
        #: Frames of variables that `scopes` gave: an assignment is evaluated there.
        self.frame_of: dict[int, int] = {}
        self._threads: set[int] = {_MAIN}
        self._is_over = False

    # --- any thread ------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to work."""
        self._thread.start()

    def post(self, message: JsonValue) -> None:
        """Take a message of the client."""
        if isinstance(message, dict) and message.get("type") == "response":
            if self._relay is None or not self._relay.replied(message):
                self.reverse.take(message)
            return
        if isinstance(message, dict) and message.get("command") == "disconnect":
            self._give_up()
        self._queue.put(lambda: self._answer(message))

    def post_unreadable(self, reason: str) -> None:
        """Take note of a message that cannot be read; the client is told."""
        self._queue.put(lambda: self._fail(0, "", RequestFailed("not_a_request", reason)))

    def close(self) -> None:
        """The client has gone: its breakpoints go, a launched program ends, any other goes on."""
        self._give_up()
        self._queue.put(self._leave)
        self._queue.put(None)

    def finish(self, timeout_s: float) -> None:
        """Send what waits, then close; for a program that ends."""
        self.close()
        if self._thread is not current_thread():
            self._thread.join(timeout_s)

    def wait_closed(self, timeout_s: float) -> None:
        """Wait until the session is over."""
        self._closed.wait(timeout_s)

    @property
    def is_leaving(self) -> bool:
        """Whether the client has gone or is about to: nothing of it is worth waiting for."""
        return self._is_leaving

    def _give_up(self) -> None:
        self._is_leaving = True
        self.reverse.give_up()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more happens."""
        return self._closed.is_set()

    def pass_on(self, message: JsonObject) -> None:
        """Take a message of the peer."""
        self._queue.put(lambda: self._forward(message))

    # --- Listener: any thread --------------------------------------------------------------------------------------

    def stopped(self, stop: Stop) -> None:
        """See `Listener`."""
        self._queue.put(lambda: self._tell_stopped(stop))

    def resumed(self, mode: str) -> None:  # noqa: ARG002 - the Listener's
        """See `Listener`."""
        self._queue.put(self._tell_resumed)

    def logged(self, text: str) -> None:
        """See `Listener`."""
        self.wrote("console", text)

    def point_changed(self, point: Point) -> None:
        """See `Listener`."""
        self._queue.put(lambda: self.event("breakpoint", {"reason": "changed", "breakpoint": self.breakpoint(point)}))

    def loaded(self, name: str) -> None:
        """See `Listener`; text given to `load` is not told of, a script may load it a million times."""
        if name.startswith(("@", "=")):
            self._queue.put(
                lambda: self.event("loadedSource", {"reason": "new", "source": self.sources.described(name)})
            )

    def wrote(self, stream: str, text: str) -> None:
        """See `Listener`; waits while the client does not read, as a pipe does, but not for ever."""
        if self._outlet.enter(len(text)):
            self._queue.put(lambda: self._tell_output(stream, text))

    def ended(self, status: int | None) -> None:
        """See `Listener`."""
        self._queue.put(lambda: self._tell_ended(status))

    # --- worker thread: what handlers use --------------------------------------------------------------------------

    def event(self, name: str, body: JsonObject | None = None) -> None:
        """Send an event."""
        self._write({"type": "event", "event": name, **({} if body is None else {"body": body})})

    def after_response(self, action: Callable[[], None]) -> None:
        """Do something once the response to the current request is sent, before anything else."""
        self._after.append(action)

    def hand_over(self, relay: Relay) -> None:
        """Let a peer answer from the current request on."""
        self._relay = relay

    def program(self) -> Debuggee:
        """Return the program.

        Raises:
            RequestFailed: There is none.
        """
        if self.debuggee is None:
            raise RequestFailed("no_program", "there is no program yet: send launch or attach first")
        return self.debuggee

    def will_resume(self) -> None:
        """Take note that the client itself has asked for what lets the program go on."""
        self.stop = None
        self.frame_of.clear()

    def breakpoint(self, point: Point) -> JsonObject:
        """Return a breakpoint for the client."""
        shown: JsonObject = {"id": point.id, "verified": point.is_verified}
        if point.line is not None:
            shown["line"] = self.client.line_out(point.line)
            name = point.path if point.path.startswith("=") else "@" + point.path
            shown["source"] = self.sources.described(name)
        if point.reason:
            shown["message"] = point.reason
            shown["reason"] = "failed" if not point.is_verified else "pending"
        elif point.wish.hit_condition and not hit_condition(point.wish.hit_condition)[0]:
            text = f"the hit condition '{point.wish.hit_condition}' is none, so every hit counts; write 5, == 5 or % 5"
            shown["message"] = text
        return shown

    def offer_child(self, configuration: JsonObject, refused: Callable[[str], None]) -> None:
        """Offer the client another session; any thread. `refused` gets the reason, should it not want one."""
        arguments: JsonObject = {"request": "attach", "configuration": configuration}
        self._queue.put(lambda: self.reverse.tell("startDebugging", arguments, refused))

    @property
    def is_over(self) -> bool:
        """Whether the client has been told that debugging is over."""
        return self._is_over

    def end(self) -> None:
        """Tell the client that debugging is over."""
        if not self._is_over:
            self._is_over = True
            self.event("terminated")

    def hang_up(self) -> None:
        """End the session, once what waits is sent."""
        self._queue.put(None)

    # --- worker thread ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                item()
            except _ClientGone:
                break
            except Exception:
                import logging  # where something is wrong with us

                logging.getLogger(__name__).exception("the debug session failed; it goes on")
        self._leave()
        self._closed.set()
        self._outlet.close()
        self._tell_closed()

    def _leave(self) -> None:
        if self._relay is not None:
            self._relay.close()
        debuggee, self.debuggee = self.debuggee, None
        if debuggee is None:
            return
        if self.is_launched and not self._is_over:
            debuggee.stop()
        debuggee.leave()
        self.host.left(debuggee)

    def leave_running(self) -> None:
        """Leave the program and let it go on."""
        self.is_launched = False
        self._leave()

    def _write(self, message: JsonObject) -> None:
        self._seq += 1
        try:
            self._send({**message, "seq": self._seq})
        except OSError as error:
            raise _ClientGone from error

    def _forward(self, message: JsonObject) -> None:
        if self._relay is not None and message.get("type") == "request":
            self._relay.asked(self._seq + 1, message.get("seq"))
        self._write(message)

    def _answer(self, message: JsonValue) -> None:
        if self._relay is not None and isinstance(message, dict):
            self._relay.send(message)
            return
        if not isinstance(message, dict) or message.get("type") != "request":
            self._fail(0, "", RequestFailed("not_a_request", "a message must be a request or a response"))
            return
        seq, command = message.get("seq"), message.get("command")
        if not isinstance(seq, int) or isinstance(seq, bool) or not isinstance(command, str):
            number = seq if isinstance(seq, int) and not isinstance(seq, bool) else 0
            text = "a request needs a number 'seq' and a text 'command'"
            self._fail(number, command if isinstance(command, str) else "", RequestFailed("not_a_request", text))
            return
        self._after = []
        error = self._tried(seq, command, message.get("arguments"))
        if error is not None:
            self._fail(seq, command, error)
        elif self._relay is not None:
            self._relay.send(message)  # the peer answers
        for action in self._after:
            action()

    def _tried(self, seq: int, command: str, arguments: JsonValue) -> RequestFailed | None:
        """Handle a request and send its response; returns why it failed."""
        try:
            body = self._handled(command, arguments)
        except RequestFailed as error:
            return error
        except NotStopped as error:
            return RequestFailed("not_stopped", error.message)
        except LlmspellError as error:
            return RequestFailed("evaluation", error.message)
        except _ClientGone:
            raise
        except Exception as error:
            import logging

            logging.getLogger(__name__).exception("the request %s failed", command[:60])
            return RequestFailed("internal", f"the debugger failed: {type(error).__name__}")
        if self._relay is None:
            response: JsonObject = {"type": "response", "request_seq": seq, "success": True, "command": command}
            if body is not None:
                response["body"] = body
            self._write(response)
        return None

    def _handled(self, command: str, arguments: JsonValue) -> JsonObject | None:
        handler = self._handlers.get(command)
        if handler is None:
            raise RequestFailed("unknown_command", f"there is no request '{command[:60]}'")
        if not self.client.is_known and command not in UNINITIALIZED:
            raise RequestFailed("not_initialized", "the first request must be 'initialize'")
        if arguments is not None and not isinstance(arguments, dict):
            raise RequestFailed("bad_arguments", "'arguments' must be an object")
        return handler(self, Arguments(arguments or {}))

    def _fail(self, seq: int, command: str, error: RequestFailed) -> None:
        self._write({
            "type": "response", "request_seq": seq, "success": False, "command": command,
            "message": "notStopped" if error.name == "not_stopped" else error.message,
            "body": failure_body(error),
        })  # fmt: skip

    # --- worker thread: events -------------------------------------------------------------------------------------

    def _tell_stopped(self, stop: Stop) -> None:
        if self.debuggee is None or self.stop is stop:
            return
        self.stop = stop
        body: JsonObject = {
            "reason": stop.reason,
            "threadId": stop.thread,
            "allThreadsStopped": True,
        }
        if stop.reason == "exception":
            body |= {"description": "Paused on an error", "text": stop.text}
        elif stop.text:
            body["text"] = stop.text
        if stop.points:
            body["hitBreakpointIds"] = [point.id for point in stop.points]
        self._tell_threads()
        self.event("stopped", body)

    def _tell_threads(self) -> None:
        """Say which coroutines have come and gone since the last stop."""
        try:
            threads = {thread.id for thread in self.program().threads()}
        except LlmspellError:
            return
        for number in sorted(threads - self._threads):
            self.event("thread", {"reason": "started", "threadId": number})
        for number in sorted(self._threads - threads):
            self.event("thread", {"reason": "exited", "threadId": number})
        self._threads = threads

    def _tell_resumed(self) -> None:
        if self.debuggee is None:
            return
        if self.stop is not None:
            self.event("continued", {"threadId": self.stop.thread, "allThreadsContinued": True})
            self.stop = None
        self.frame_of.clear()

    def _tell_output(self, stream: str, text: str) -> None:
        self._outlet.left(len(text))
        self.event("output", {"category": stream, "output": text})

    def _tell_ended(self, status: int | None) -> None:
        if self.debuggee is None:
            return
        self.stop = None
        if status is not None and not self._is_over:
            self.event("exited", {"exitCode": status})
        self.end()
