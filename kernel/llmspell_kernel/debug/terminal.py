"""Programs in the client's own terminal (`console: integratedTerminal`): they can be typed at.

Theory of operation. The adapter asks the client to run `llmspell debug --connect-back PORT SCRIPT` in its terminal.
That process connects to the adapter's loopback port, shows the token that it got in its environment, and serves an
ordinary session there (`CallBack`). For the adapter it is a peer, to which it passes messages on (`relay`).
"""

from __future__ import annotations

import os
import secrets
import socket
from hmac import compare_digest
from threading import Thread
from time import monotonic

from llmspell_kernel.debug.conversation import Conversation
from llmspell_kernel.debug.peer import SocketPeer
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_tools.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.debug.debuggee import Host
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject, JsonValue

#: Carries the token to the process in the terminal.
TOKEN_VARIABLE = "LLMSPELL_DEBUG_TOKEN"  # noqa: S105 - the name of a variable
_LOOPBACK = "127.0.0.1"
_CHUNK = 65536
#: Seconds that a terminal may take to open and start the program.
_PATIENCE_S = 30.0
_LOOK_S = 0.2
_KINDS = {"integratedTerminal": "integrated", "externalTerminal": "external"}


def peer_in_terminal(session: DebugSession, arguments: Arguments) -> SocketPeer | None:
    """Start what `launch` asks for in the client's terminal, and wait until it calls back.

    Returns:
        The program; None where the host starts nothing in terminals.

    Raises:
        RequestFailed: It does not call back.
    """
    token = secrets.token_hex(16)
    with socket.socket() as listener:
        listener.bind((_LOOPBACK, 0))
        listener.listen(1)
        command = session.host.terminal_command(listener.getsockname()[1])
        if command is None:
            return None
        _ask(session, arguments, command, token)
        return SocketPeer(_accepted(session, listener, token))


def _ask(session: DebugSession, arguments: Arguments, command: Sequence[str], token: str) -> None:
    console = arguments.text("console")
    if console not in _KINDS:
        raise RequestFailed("bad_arguments", f"'console' must be internalConsole or one of {', '.join(_KINDS)}")
    program = arguments.text("program")
    cwd = arguments.optional_text("cwd") or os.getcwd()
    env = {**arguments.object("env").fields, TOKEN_VARIABLE: token}
    words: list[JsonValue] = [*command, os.path.join(cwd, program), "--", *arguments.texts("args")]
    asked: JsonObject = {
        "kind": _KINDS[console], "title": f"llmspell {os.path.basename(program)}", "cwd": cwd, "args": words,
        "env": env,
    }  # fmt: skip
    session.reverse.ask("runInTerminal", asked, _PATIENCE_S)


def _accepted(session: DebugSession, listener: socket.socket, token: str) -> socket.socket:
    end = monotonic() + _PATIENCE_S
    listener.settimeout(_LOOK_S)
    while True:
        try:
            peer, _ = listener.accept()
        except OSError as error:
            if isinstance(error, TimeoutError) and monotonic() < end and not session.is_leaving:
                continue
            text = "the program in the terminal did not call back; its terminal says why"
            raise RequestFailed("program", text, show=True) from error
        peer.settimeout(2)
        try:
            if compare_digest(_line(peer), token.encode()):
                return peer
        except OSError:
            pass  # not the program; it may still come
        peer.close()


def _line(peer: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < 200:
        data = peer.recv(1)
        if not data:
            break
        line += data
    return line.rstrip(b"\n")


class CallBack:
    """The program's end: one session over a connection to the adapter; stands where a `Server` stands.

    Args:
        host: Gives the program.
        port: The adapter's.
        token: Shown to it.

    Raises:
        ConfigurationError: Nobody listens there.
    """

    def __init__(self, host: Host, port: int, token: str) -> None:
        self.port = port
        try:
            self._peer = socket.create_connection((_LOOPBACK, port), timeout=5)
        except OSError as error:
            raise ConfigurationError(f"no debug adapter on port {port}: {error.strerror}") from error
        self._peer.settimeout(None)
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peer.sendall(token.encode() + b"\n")
        self._talk = Conversation(host, lambda: self._peer.recv(_CHUNK), self._peer.sendall, self._hang_up)

    @property
    def has_client(self) -> bool:
        """Whether the adapter is there."""
        return not self._talk.session.is_closed

    def start(self) -> None:
        """Begin to read."""
        Thread(target=self._talk.read_all, name="llmspell-debug-client", daemon=True).start()

    def close(self) -> None:
        """Send what waits and hang up."""
        self._talk.session.finish(2.0)
        self._peer.close()

    def _hang_up(self) -> None:
        try:
            self._peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has gone by itself
