"""Passes messages between a client's session and a peer that answers in our place.

The peer is told first who the client is (its `initialize`); the request that made it answer, `launch` or `attach`, is
passed on like all that follow. Either side numbers its own messages: what goes to the client gets the session's
numbers, and the client's responses to the peer's requests (`runInTerminal`, `startDebugging`) get the peer's back. A
peer that refuses us at once, because it has a client already, has refused that first request.
"""

from __future__ import annotations

from threading import Event, Lock, Thread

from llmspell_kernel.debug.capabilities import capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.peer import Peer
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject, JsonValue

_OPENINGS = ("launch", "attach")
#: Seconds until the first request has been passed on.
_PATIENCE_S = 5.0


class Relay:
    """A session's way to a peer; begins at once.

    Args:
        session: The client's.
        peer: Who answers.
    """

    def __init__(self, session: DebugSession, peer: Peer) -> None:
        self._session = session
        self._peer = peer
        self._lock = Lock()
        self._asked: dict[int, JsonValue] = {}  # number that the client saw -> number of the peer's request
        self._is_told = False  # whether the client knows that debugging is over
        self._opening: JsonObject = {}  # the request that made the peer answer
        self._is_opened = Event()
        self.send({"seq": 0, "type": "request", "command": "initialize", "arguments": session.client.fields})
        Thread(target=self._read, name="llmspell-debug-relay", daemon=True).start()

    def send(self, message: JsonObject) -> None:
        """Pass a message of the client on."""
        self._is_told = self._is_told or message.get("command") == "disconnect"
        if message.get("command") in _OPENINGS:
            self._opening = message
            self._is_opened.set()
        self._peer.send(message)

    def asked(self, number: int, peers_number: JsonValue) -> None:
        """Take note that the client was sent a request of the peer under another number."""
        with self._lock:
            self._asked[number] = peers_number

    def replied(self, message: JsonObject) -> bool:
        """Pass the client's response on if it answers a request of the peer; tell whether it did."""
        number = message.get("request_seq")
        with self._lock:
            if not isinstance(number, int) or number not in self._asked:
                return False
            theirs = self._asked.pop(number)
        self._peer.send({**message, "request_seq": theirs})
        return True

    def close(self) -> None:
        """The client has gone."""
        self._peer.close()

    def _read(self) -> None:
        for message in self._peer.messages():
            if message.get("type") != "response" or message.get("command") != "initialize":
                self._is_told = self._is_told or message.get("event") == "terminated"
                self._session.pass_on(message)
            elif message.get("success") is True:
                self._correct(message.get("body"))
            else:
                self._refuse(message)
                break
        if not self._is_told:
            self._session.pass_on({"type": "event", "event": "terminated"})
        self._session.hang_up()

    def _correct(self, told: JsonValue) -> None:
        """The client has had our answer to `initialize`: tell it what the peer can do otherwise."""
        can, promised = told if isinstance(told, dict) else {}, capabilities()
        changed: JsonObject = {
            name: can.get(name, False)
            for name in sorted(can.keys() | promised.keys())
            if can.get(name, False) != promised.get(name, False)
        }
        if changed:
            body: JsonObject = {"capabilities": changed}
            self._session.pass_on({"type": "event", "event": "capabilities", "body": body})

    def _refuse(self, refusal: JsonObject) -> None:
        self._is_opened.wait(_PATIENCE_S)
        names = {"request_seq": self._opening.get("seq", 0), "command": self._opening.get("command", "")}
        self._is_told = True
        self._session.pass_on({**refusal, **names})
        self._peer.close()
