"""The debugger's TCP server: loopback only, one client at once, any number one after another.

Threads: one accepts; each client has one that reads. `close` ends them.
"""

from __future__ import annotations

import socket
from threading import Lock, Thread

from llmspell_kernel.debug.conversation import Conversation
from llmspell_kernel.debug.framing import Decoder, encode
from llmspell_kernel.debug.protocol import RequestFailed, failure_body
from llmspell_tools.errors import ConfigurationError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Host

_LOOPBACK = "127.0.0.1"
_CHUNK = 65536
#: Seconds that a client waits for one before it that is about to go.
_TURN_S = 1.0
#: Seconds that a client which is turned away may take to say what it wanted.
_REFUSAL_S = 2.0
#: Seconds that a client may take to read what is left when the server ends.
_FAREWELL_S = 2.0
_BUSY = "another client debugs this program; it must disconnect first"


class Server:
    """A bound, listening server; `start` begins to accept.

    Args:
        host: Gives every session its program.
        port: 0 lets the system choose.

    Raises:
        ConfigurationError: The port cannot be had.
    """

    def __init__(self, host: Host, port: int = 0) -> None:
        self._host = host
        self._turn = Lock()  # held by the client that is served
        self._current: Conversation | None = None
        self._closing = False
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((_LOOPBACK, port))
        except OSError as error:
            self._socket.close()
            raise ConfigurationError(f"cannot listen on port {port}: {error.strerror}") from error
        self._socket.listen(4)
        #: Where it listens.
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> None:
        """Accept clients from now on."""
        Thread(target=self._accept, name="llmspell-debug-server", daemon=True).start()

    @property
    def has_client(self) -> bool:
        """Whether a client is connected."""
        return self._current is not None

    def close(self) -> None:
        """Send what waits, end the session and free the port."""
        self._closing = True
        current = self._current
        if current is not None:
            current.session.finish(_FAREWELL_S)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        except OSError:
            pass  # not every system takes that for a listening socket
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=self._serve, args=(client,), name="llmspell-debug-client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            if not self._turn.acquire(timeout=_TURN_S):
                _refuse(client)
                return
            try:
                self._converse(client)
            finally:
                self._current = None
                self._turn.release()

    def _converse(self, client: socket.socket) -> None:
        def hang_up() -> None:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone by itself

        current = Conversation(self._host, lambda: client.recv(_CHUNK), client.sendall, hang_up)
        self._current = current
        current.read_all()
        current.session.wait_closed(_FAREWELL_S)


def _refuse(client: socket.socket) -> None:
    """Answer the first request of a second client with the reason, and hang up."""
    client.settimeout(_REFUSAL_S)
    try:
        data = client.recv(_CHUNK)
        request = next(iter(Decoder().feed(data)), None)
        fields = request if isinstance(request, dict) else {}
        error = RequestFailed("refused", _BUSY, show=True)
        client.sendall(
            encode({
                "seq": 1, "type": "response", "request_seq": fields.get("seq", 0), "success": False,
                "command": fields.get("command", ""), "message": error.message, "body": failure_body(error),
            })
        )  # fmt: skip
        client.shutdown(socket.SHUT_WR)
    except (OSError, LlmspellError):
        pass  # it has gone, or speaks something else
