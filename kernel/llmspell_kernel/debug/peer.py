"""Who answers a client instead of this process: a program elsewhere that serves a debug session of its own.

A script in the client's terminal, a script under `llmspell debug`, a kernel. A peer carries whole messages of the Debug
Adapter Protocol; how, is its own affair. `Relay` stands between a client's session and a peer.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod

from llmspell_kernel.debug.framing import Decoder, encode
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_tools.types import JsonObject

_LOOPBACK = "127.0.0.1"
_LOCAL_NAMES = frozenset({_LOOPBACK, "localhost", "::1"})
_CHUNK = 65536
_PATIENCE_S = 5.0


class Peer(ABC):
    """The other end. `send` on the session's worker, `messages` on a thread of the relay, `close` from any."""

    @abstractmethod
    def send(self, message: JsonObject) -> None:
        """Pass a message of the client on; one that cannot be passed is lost with the peer, which `messages` sees."""

    @abstractmethod
    def messages(self) -> Iterator[JsonObject]:
        """Yield what the peer says until it ends or `close` is called."""

    @abstractmethod
    def close(self) -> None:
        """The client has gone."""


class SocketPeer(Peer):
    """A peer behind a connected socket.

    Args:
        connection: The socket; closed at the end.
        attach_key: The key that the peer wants to see in `attach`; None leaves the client's request as it is.
    """

    def __init__(self, connection: socket.socket, *, attach_key: str | None = None) -> None:
        self._connection = connection
        self._attach_key = attach_key
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: JsonObject) -> None:
        """See `Peer.send`."""
        if self._attach_key is not None and message.get("command") == "attach":
            given = message.get("arguments")
            message = {**message, "arguments": {**(given if isinstance(given, dict) else {}), "key": self._attach_key}}
        try:
            self._connection.sendall(encode(message))
        except OSError:
            pass  # `messages` sees the same, and ends

    def messages(self) -> Iterator[JsonObject]:
        """See `Peer.messages`."""
        decoder = Decoder()
        try:
            while data := self._connection.recv(_CHUNK):
                for message in decoder.feed(data):
                    if isinstance(message, dict):
                        yield message
        except (OSError, LlmspellError):
            pass  # whatever it was, the peer cannot be talked to any more
        self._connection.close()

    def close(self) -> None:
        """See `Peer.close`."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has gone by itself


def connected(host: str, port: int, *, attach_key: str | None = None) -> SocketPeer:
    """Return the debug server on a port of this machine as a peer.

    Raises:
        RequestFailed: Nobody listens there; or the host is another machine: the key would cross the network in the
            clear.
    """
    if host not in _LOCAL_NAMES:
        text = f"'host' must be this machine, not '{host}'; forward the port (ssh -L {port}:127.0.0.1:{port} {host})"
        raise RequestFailed("bad_arguments", text, show=True)
    try:
        connection = socket.create_connection((_LOOPBACK, port), timeout=_PATIENCE_S)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestFailed("program", f"no debugger on 127.0.0.1:{port}: {reason}", show=True) from error
    return SocketPeer(connection, attach_key=attach_key)
