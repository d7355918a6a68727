"""Requests to debugpy's server and its events. It speaks the Debug Adapter Protocol, so this end is a client of it."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event, Lock, Thread

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python import limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.peer import Peer
    from llmspell_tools.types import JsonObject

#: How often a computation that has had its time is made to raise: it may catch that.
_ENDINGS = 80
_WAKE_S, _WAKES = 0.003, 60


class _Reply:
    """A response that is waited for."""

    __slots__ = ("_done", "message")

    def __init__(self) -> None:
        self._done = Event()
        self.message: JsonObject = {}

    def take(self, message: JsonObject) -> None:
        """Take the response."""
        self.message = message
        self._done.set()

    def wait(self, wake: Callable[[], None], end: Callable[[], None]) -> bool:
        """Wait for it, call `wake` now and then at first, and `end` when it is late; tell whether it has come."""
        for _ in range(_WAKES):
            if self._done.wait(_WAKE_S):
                return True
            wake()
        wait_s = limit.LIMIT_S
        for _ in range(_ENDINGS):
            if self._done.wait(wait_s):
                return True
            wait_s = limit.LOOK_S
            end()
        return self._done.wait(limit.LOOK_S)


class Connection:
    """One connection. Requests come from any thread; events are handed out one by one on a thread of their own.

    Args:
        peer: The other end.
        heard: Takes an event, name and body; may send requests.
        wake: Called while a response does not come.
        end: Ends what is computed for one that takes too long.
    """

    def __init__(
        self, peer: Peer, heard: Callable[[str, JsonObject], None], wake: Callable[[], None], end: Callable[[], None]
    ) -> None:
        self._wake = wake
        self._end = end
        self._peer = peer
        self._heard = heard
        self._lock = Lock()
        self._seq = 0
        self._replies: dict[int, Callable[[JsonObject], None]] = {}
        self._events: SimpleQueue[tuple[str, JsonObject] | None] = SimpleQueue()
        self._is_over = False

    def open(self) -> None:
        """Begin to read."""
        for work, name in ((self._read, "reader"), (self._hand_out, "events")):
            Thread(target=work, name=f"llmspell-debugpy-{name}", daemon=True).start()

    def request(self, command: str, **arguments: object) -> JsonObject:
        """Send a request and return the body of its response.

        Raises:
            RequestFailed: debugpy refuses it, or does not answer.
        """
        reply = _Reply()
        number = self._send(command, arguments, reply.take)
        if not reply.wait(self._wake, self._end):
            self._replies.pop(number, None)
            raise RequestFailed("evaluation", f"debugpy does not answer '{command}'")
        if reply.message.get("success") is not True:
            raise RequestFailed("evaluation", str(reply.message.get("message") or f"debugpy refuses '{command}'"))
        body = reply.message.get("body")
        return body if isinstance(body, dict) else {}

    def post(self, command: str, **arguments: object) -> None:
        """Send a request whose response is of no interest."""
        self._send(command, arguments, None)

    def forward(self, command: str, arguments: JsonObject, answered: Callable[[JsonObject], None]) -> None:
        """Send somebody's request; `answered` takes the response, on a thread of the connection."""
        self._send(command, arguments, answered)

    def _send(self, command: str, arguments: object, reply: Callable[[JsonObject], None] | None) -> int:
        with self._lock:
            self._seq += 1
            number = self._seq
            if reply is not None:
                self._replies[number] = reply
            if self._is_over:
                self._refuse_all()
            else:
                self._peer.send({"seq": number, "type": "request", "command": command, "arguments": arguments})  # type: ignore[dict-item]  # JSON by the callers
        return number

    def _read(self) -> None:
        for message in self._peer.messages():
            body = message.get("body")
            if message.get("type") == "event":
                self._events.put((str(message.get("event")), body if isinstance(body, dict) else {}))
            elif message.get("type") == "response":
                number = message.get("request_seq")
                reply = self._replies.pop(number, None) if isinstance(number, int) else None
                if reply is not None:
                    reply(message)
        with self._lock:
            self._is_over = True
            self._refuse_all()
        self._events.put(None)

    def _refuse_all(self) -> None:
        while self._replies:
            _, reply = self._replies.popitem()
            reply({"success": False, "message": "debugpy has gone"})

    def _hand_out(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._heard(*event)
            except Exception:
                import logging  # where something is wrong with us

                logging.getLogger(__name__).exception("an event of debugpy was not dealt with: %s", event[0])
