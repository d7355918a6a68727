"""The sockets beside shell and control: iopub, stdin, heartbeat. `channels` opens them; they know no message.

Who may touch what:
- `Publisher` (iopub): publish from any thread, under its lock, which is all that libzmq asks for.
- `ServicePort` (heartbeat, and the file descriptors handed in): on the service thread.
- `StdinChannel`: on the main thread, which reads it only while it waits for an answer (`stdin`), under its lock.
"""

from __future__ import annotations

import threading

import zmq

from llmspell_kernel import frames as framing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Frames = list[bytes]
    ByteSocket = zmq.Socket[bytes]

_LINGER_MS = 1_000
_MAX_DRAIN = 1_000
_MAX_TOPIC_BYTES = 256


class Publisher:
    """The iopub XPUB socket.

    Args:
        socket: Bound and set up.
        transport: How to send and receive.
        welcome: Makes the `iopub_welcome` message for a topic.
    """

    def __init__(
        self,
        socket: ByteSocket,
        transport: tuple[framing.Send, framing.Receive],
        welcome: Callable[[bytes], Frames],
    ) -> None:
        self._socket = socket
        self._send, self._receive = transport
        self._welcome = welcome
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def descriptor(self) -> int:
        """The file descriptor that becomes readable when subscriptions may have arrived."""
        return int(self._socket.FD)

    def publish(self, frames: Frames) -> None:
        """Send to every subscriber of the topic in the first frame; never waits."""
        with self._lock:
            if not self._is_closed:
                self._send(self._socket, frames, 0)

    def drain(self) -> None:
        """Read the subscriptions that have arrived and welcome each."""
        with self._lock:
            for _ in range(_MAX_DRAIN):
                if self._is_closed:
                    return
                try:
                    event = self._receive(self._socket, framing.NOBLOCK)[0]
                except zmq.Again:
                    return
                if event[:1] == b"\1" and len(event) <= _MAX_TOPIC_BYTES:
                    self._send(self._socket, self._welcome(event[1:]), 0)

    def close(self) -> None:
        """Close the socket; what was published still gets a second to leave."""
        with self._lock:
            self._is_closed = True
            self._socket.close(_LINGER_MS)


class StdinChannel:
    """The stdin ROUTER socket: a question goes to one client, answers come back.

    Args:
        socket: Bound and set up, with ROUTER_MANDATORY, so that a client without a stdin channel is noticed.
        transport: How to send and receive.
    """

    def __init__(self, socket: ByteSocket, transport: tuple[framing.Send, framing.Receive]) -> None:
        self._socket = socket
        self._send, self._receive = transport
        #: Held while the socket is used: main may be interrupted while the thread of `send` is at work.
        self._lock = threading.Lock()
        #: Called before a question is sent: what was said before it must leave before it.
        self.before_send: Callable[[], None] = _do_nothing

    def send(self, frames: Frames) -> bool:
        """Send; False where the client in the first frame is not connected or does not read.

        On a thread of its own, where nothing is interrupted. On main SIGINT may raise in the middle of a message, and
        the socket would take the next question, of another client perhaps, for the rest of this one: lost, for ever.
        """
        outcomes: list[bool | zmq.ZMQError] = []
        sender = threading.Thread(target=self._send_whole, args=(frames, outcomes), name="llmspell-ask", daemon=True)
        sender.start()
        sender.join()
        outcome = outcomes[0]
        if isinstance(outcome, zmq.ZMQError):
            raise outcome
        return outcome

    def _send_whole(self, frames: Frames, outcomes: list[bool | zmq.ZMQError]) -> None:
        self.before_send()
        with self._lock:
            try:
                self._send(self._socket, frames, framing.NOBLOCK)
                outcomes.append(True)
            except zmq.ZMQError as error:
                outcomes.append(False if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN) else error)

    def receive(self, timeout_ms: int) -> Frames | None:
        """Return the next message; None where none came in time."""
        with self._lock:
            if not self._socket.poll(timeout_ms):
                return None
            return self._receive(self._socket, framing.NOBLOCK)

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self._socket.close(0)


class ServicePort:
    """The heartbeat socket, polled together with plain file descriptors.

    A ROUTER that returns every message as it came serves REQ and DEALER clients alike and has no state to get stuck in.
    """

    def __init__(
        self, socket: ByteSocket, transport: tuple[framing.Send, framing.Receive], descriptors: Iterable[int]
    ) -> None:
        self._socket = socket
        self._send, self._receive = transport
        self._poller = zmq.Poller()
        self._poller.register(socket, zmq.POLLIN)
        for descriptor in descriptors:
            self._poller.register(descriptor, zmq.POLLIN)

    def wait(self, timeout_ms: int) -> list[int]:
        """Answer heartbeats; return the descriptors that are readable, at the latest after the timeout."""
        ready: list[int] = []
        for source, _ in self._poller.poll(timeout_ms):
            if isinstance(source, int):
                ready.append(source)
            else:
                self._echo()
        return ready

    def _echo(self) -> None:
        try:
            for _ in range(_MAX_DRAIN):
                self._send(self._socket, self._receive(self._socket, framing.NOBLOCK), framing.NOBLOCK)
        except zmq.Again:
            pass  # all echoed, or a client that does not read its beats

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)


def _do_nothing() -> None:
    """Nothing waits."""
