"""Asking a person through the stdin channel: one input_request to the client whose request runs, one answer.

Knows no socket (a `StdinPort` is handed in) and no Lua. Used on the main thread, which waits here. The wait looks at
the run's context ten times a second; where the main thread can be sent SIGINT, an interrupt ends it at once.

Spec: Jupyter messaging 5.5, "Messages on the stdin (ROUTER/DEALER) channel". A client's stdin socket has the identity
of its shell socket.
"""

from __future__ import annotations

from typing import Protocol

from llmspell_kernel.errors import PeerError, StdinNotImplementedError, UnusableContent
from llmspell_kernel.wire import DELIMITER, encode
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.wire import Wire

    Frames = list[bytes]

#: Milliseconds between two looks at whether the run was stopped.
_LOOK_MS = 100
#: A client that has just connected may need this long until its stdin socket is there too.
_CONNECT_MS = 1_000
_CONNECT_STEP_MS = 20
#: What clients send for Ctrl-D (jupyter_console, and ipykernel's reading of it).
END_OF_INPUT = "\x04"


class StdinPort(Protocol):
    """The stdin socket."""

    def send(self, frames: Frames) -> bool:
        """Send; False where that client has no stdin channel."""
        ...

    def receive(self, timeout_ms: int) -> Frames | None:
        """Return a message, or None where none came in time."""
        ...


class Questions:
    """Asks; one question at a time.

    Args:
        wire: Encodes and verifies.
        port: The stdin socket.
        log: Takes one line about a message that was dropped.
    """

    __slots__ = ("_log", "_port", "_wire")

    def __init__(self, wire: Wire, port: StdinPort, log: Callable[[str], None]) -> None:
        self._wire = wire
        self._port = port
        self._log = log

    @staticmethod
    def can_ask(request: Request | None) -> bool:
        """Tell whether the sender of a request says that it answers questions."""
        return request is not None and request.content.get("allow_stdin") is True

    def ask(
        self, request: Request | None, prompt: str, *, password: bool = False, check: Callable[[], None]
    ) -> str | None:
        """Return the line that the sender of `request` answers, None at the end of input.

        Args:
            request: What runs.
            prompt: Shown before the field.
            password: Whether the answer must not be shown.
            check: Raises where the wait must end.

        Raises:
            StdinNotImplementedError: That client does not answer questions.
        """
        if request is None or not self.can_ask(request):
            raise StdinNotImplementedError(
                "this cell asks for input, but its front end does not support input requests (allow_stdin is false)"
            )
        while self._port.receive(0) is not None:
            pass  # answers to a question that nobody waits for any more
        frames = self._wire.message(
            request.message.identities,
            "input_request",
            encode({"prompt": prompt, "password": password}),
            request.message.header_bytes,
        )
        self._send(frames, check)
        own_id = _msg_id(frames[len(request.message.identities) + 2])
        while True:
            check()
            received = self._port.receive(_LOOK_MS)
            value = None if received is None else self._answer(received, request, own_id)
            if value is not None:
                return None if value == END_OF_INPUT else value

    def _send(self, frames: Frames, check: Callable[[], None]) -> None:
        for _ in range(_CONNECT_MS // _CONNECT_STEP_MS):
            if self._port.send(frames):
                return
            check()
            self._port.receive(_CONNECT_STEP_MS)
        raise StdinNotImplementedError("the front end allows input requests but has not connected its stdin channel")

    def _answer(self, frames: Frames, request: Request, own_id: bytes) -> str | None:
        """Return the answer that a message is; None for everything else."""
        try:
            message = self._wire.decode(frames, "stdin")
        except (PeerError, UnusableContent) as error:
            self._log(f"stdin: dropped a message: {error.message}")
            return None
        parent = frames[frames.index(DELIMITER) + 3]
        if (
            message.msg_type != "input_reply"
            or list(message.identities) != list(request.message.identities)
            or (b'"msg_id"' in parent and own_id not in parent)  # an answer to an earlier question; most name none
        ):
            return None
        value = message.content.get("value")
        return value if isinstance(value, str) else None


def _msg_id(header: bytes) -> bytes:
    value = loads(header)
    assert isinstance(value, dict)
    return str(value["msg_id"]).encode("ascii")
