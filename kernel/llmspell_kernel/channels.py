"""The five sockets of a kernel, opened and bound, and the two that take requests. They know no message.

Who may touch what: receive, hold and send of a `RequestChannel` (shell, control) on the one thread that serves it;
`wake` from any thread. Shell's socket goes to a reader thread when there are subshells (`relay`): whoever holds its
lock uses it. For the other sockets see `ports`; with `frames` these are the modules that import zmq.

No call polls on the way of a request: shell and control block in receive. Each also binds a random inproc endpoint,
by which `wake` ends that wait from another thread. Only while replies wait for a client that does not read does
receive poll, to try them again.

Options: ROUTER_MANDATORY and a finite SNDHWM, so that no reply vanishes (`outbox`); ROUTER_HANDOVER, so that a browser
that reconnects under its old identity is served (a stranger who can connect could take replies meant for another, but
he can read all of iopub anyway); MAXMSGSIZE, over which libzmq drops the peer; XPUB_VERBOSE, so that every subscriber
is welcomed; a slow iopub subscriber loses messages and holds up nobody. Curve keys in the connection file encrypt all.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from time import monotonic
from typing import Protocol

import zmq

from llmspell_kernel import frames as framing
from llmspell_kernel.connection import PORTS, Connection, bind_failure
from llmspell_kernel.errors import ConnectionFileError
from llmspell_kernel.outbox import FULL, GONE, SENT, Outbox
from llmspell_kernel.ports import Publisher, ServicePort, StdinChannel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Frames = list[bytes]
    Log = Callable[[str], None]
    ByteSocket = zmq.Socket[bytes]

MAX_FRAME_BYTES = 100 * 1024 * 1024
MAX_HELD = 10_000
_REPLY_HIGH_WATER = 1_000
_PUBLISH_HIGH_WATER = 10_000
_LINGER_MS = 1_000
_RETRY_MS = 5


class Relayed(Protocol):
    """What stands between this channel and its socket once another thread has that."""

    def send(self, frames: Frames) -> None:
        """Send a reply."""
        ...

    def hold(self) -> int:
        """Return how many messages wait for the main shell."""
        ...


class RequestChannel:
    """A ROUTER socket on which requests come in and replies go out.

    Args:
        socket: Bound and set up.
        name: shell or control.
        transport: How to send and receive (`frames.choose`).
        log: Told about replies that are dropped.
    """

    def __init__(
        self, socket: ByteSocket, name: str, transport: tuple[framing.Send, framing.Receive], log: Log
    ) -> None:
        self.name = name
        self._socket = socket
        self._send, self._receive = transport
        self._held: deque[Frames] = deque()
        self._woken = False
        self._outbox = Outbox(self._try_send, log=log)
        self._next_flush = 0.0
        self._wake_lock = threading.Lock()
        #: Held while the socket is used: it may go from one thread to another (`relay`).
        self._lock = threading.Lock()
        self._relay: Relayed | None = None
        self._wake_identity = b"\1wake" + os.urandom(16)
        self._waker: ByteSocket = socket.context.socket(zmq.DEALER)
        endpoint = f"inproc://llmspell-{name}-{os.urandom(8).hex()}"
        socket.bind(endpoint)
        self._waker.setsockopt(zmq.IDENTITY, self._wake_identity)
        self._waker.setsockopt(zmq.LINGER, 0)
        self._waker.connect(endpoint)

    def receive(self) -> Frames | None:
        """Return the next message, or None when `wake` was called; waits."""
        if not self._may_use():
            return None
        try:
            return self.receive_raw()
        finally:
            self._lock.release()

    def receive_raw(self) -> Frames | None:
        """Do what `receive` does, on the thread that owns the socket."""
        if self._held:
            return self._held.popleft()
        if self._woken:
            self._woken = False
            return None
        frames = self._receive_and_retry() if self._outbox.waiting else self._receive(self._socket, 0)
        return None if frames[0] == self._wake_identity else frames

    def receive_arrived(self) -> Frames | None:
        """Return the next message if it has arrived already, without a look at those behind it."""
        if self._woken or self._outbox.waiting or not self._may_use():
            return None
        try:
            frames = self._held.popleft() if self._held else self._receive(self._socket, framing.NOBLOCK)
        except zmq.Again:
            return None
        finally:
            self._lock.release()
        if frames[0] == self._wake_identity:
            self._woken = True
            return None
        return frames

    def hold(self) -> int:
        """Take in what has arrived already, without waiting; return how many messages `receive` has ready."""
        if not self._may_use():
            assert self._relay is not None
            return self._relay.hold()
        try:
            return self._hold()
        finally:
            self._lock.release()

    def receive_now(self) -> Frames | None:
        """Return a message that has arrived already, on the thread that owns the socket; None for none."""
        return self._held.popleft() if self._held or self._hold() else None

    def relay(self, relay: Relayed) -> None:
        """Let a thread that waits in `acquire` have the socket: what is sent here from now on goes to `relay`."""
        self._relay = relay

    def acquire(self) -> None:
        """Wait until no other thread uses the socket, and own it."""
        self._lock.acquire()

    def release(self) -> None:
        """Give the socket back to the thread that had it first."""
        self._relay = None
        self._lock.release()

    def _may_use(self) -> bool:
        """Lock the socket; False where a relay has it, or is about to."""
        while self._relay is None:
            if self._lock.acquire(timeout=_RETRY_MS / 1_000):
                if self._relay is None:
                    return True
                self._lock.release()
        return False

    def _hold(self) -> int:
        try:
            while len(self._held) < MAX_HELD:
                frames = self._receive(self._socket, framing.NOBLOCK)
                if frames[0] == self._wake_identity:
                    self._woken = True
                else:
                    self._held.append(frames)
        except zmq.Again:
            pass
        return len(self._held)

    def send(self, frames: Frames) -> None:
        """Send a reply; one that the client cannot take yet waits, one for a client that is gone is dropped."""
        if not self._may_use():
            assert self._relay is not None
            self._relay.send(frames)
            return
        try:
            self._outbox.send(frames)
        finally:
            self._lock.release()

    def send_raw(self, frames: Frames) -> None:
        """Do what `send` does, on the thread that owns the socket."""
        self._outbox.send(frames)

    def flush(self, seconds: float) -> None:
        """Give clients that read slowly some last time to take their replies."""
        end = monotonic() + seconds
        self._outbox.flush()
        while self._outbox.waiting and monotonic() < end:
            self._socket.poll(_RETRY_MS, zmq.POLLERR)
            self._outbox.flush()

    def wake(self) -> None:
        """Make `receive` return None soon; from any thread."""
        with self._wake_lock:
            try:
                if not self._waker.closed:
                    self._waker.send(b"", zmq.NOBLOCK)
            except zmq.Again:
                pass  # thousands wait already

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return bool(self._socket.closed)

    def close(self) -> None:
        """Close the socket; replies in libzmq's hands still get a second to leave."""
        with self._wake_lock:
            self._waker.close()
        self._socket.close(_LINGER_MS)

    def _receive_and_retry(self) -> Frames:
        while self._outbox.waiting:
            if monotonic() >= self._next_flush:
                self._outbox.flush()
                self._next_flush = monotonic() + _RETRY_MS / 1_000
            try:
                return self._receive(self._socket, framing.NOBLOCK)
            except zmq.Again:
                self._socket.poll(_RETRY_MS)
        return self._receive(self._socket, 0)

    def _try_send(self, frames: Frames) -> int:
        try:
            self._send(self._socket, frames, framing.NOBLOCK)
        except zmq.Again:
            return FULL
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return GONE
        return SENT


class Channels:
    """A kernel's sockets, bound.

    Args:
        connection: Where to bind; ports of 0 are filled in.
        welcome: Makes the `iopub_welcome` message for a topic.
        descriptors: Further file descriptors for `service.wait`.
        log: Told about replies that are dropped.

    Raises:
        ConnectionFileError: An endpoint cannot be bound.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        welcome: Callable[[bytes], Frames],
        descriptors: Iterable[int] = (),
        log: Log,
    ) -> None:
        self._context: zmq.Context[ByteSocket] = zmq.Context()
        self._connection = connection
        transport = framing.choose(self._context)
        try:
            sockets = {name: self._open(name) for name in PORTS}
        except BaseException:
            self._context.destroy(0)
            raise
        self.shell = RequestChannel(sockets["shell_port"], "shell", transport, log)
        self.control = RequestChannel(sockets["control_port"], "control", transport, log)
        self.iopub = Publisher(sockets["iopub_port"], transport, welcome)
        self.service = ServicePort(sockets["hb_port"], transport, [self.iopub.descriptor, *descriptors])
        self.stdin = StdinChannel(sockets["stdin_port"], transport)

    def _open(self, name: str) -> ByteSocket:
        socket: ByteSocket = self._context.socket(zmq.XPUB if name == "iopub_port" else zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, _LINGER_MS)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        socket.setsockopt(zmq.IPV6, int(":" in self._connection.ip))
        if name == "iopub_port":
            socket.setsockopt(zmq.SNDHWM, _PUBLISH_HIGH_WATER)
            socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        else:
            socket.setsockopt(zmq.SNDHWM, _REPLY_HIGH_WATER)
            socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        if name in ("shell_port", "control_port", "stdin_port"):
            socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        if self._connection.curve is not None:
            self._encrypt(socket, *self._connection.curve)
        self._bind(socket, name)
        return socket

    @staticmethod
    def _encrypt(socket: ByteSocket, public: bytes, secret: bytes) -> None:
        """Take only clients that have the keys; jupyter_client 8.9, "CurveZMQ encryption"."""
        try:
            socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
            socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
            socket.setsockopt(zmq.CURVE_SERVER, 1)
        except zmq.ZMQError as error:
            raise ConnectionFileError(
                f"the curve keys of the connection file cannot be used: {error.strerror}"
            ) from None

    def _bind(self, socket: ByteSocket, name: str) -> None:
        connection = self._connection
        port = connection.ports[name]
        if connection.transport == "ipc" and port == 0:
            port = 1
            while port in connection.ports.values() or os.path.lexists(f"{connection.ip}-{port}"):
                port += 1
        try:
            socket.bind(connection.endpoint(port))
        except zmq.ZMQError as error:
            raise bind_failure(connection.endpoint(port), error.errno, error.strerror) from None
        if connection.transport == "tcp" and port == 0:
            last = socket.getsockopt(zmq.LAST_ENDPOINT)
            assert isinstance(last, bytes)
            port = int(last.rstrip(b"\0").rpartition(b":")[2])
        connection.ports[name] = port

    def close(self) -> None:
        """Close every socket and wait, at most the linger time, until what was sent has left."""
        self.shell.close()
        self.control.close()
        self.iopub.close()
        self.service.close()
        self.stdin.close()
        self._context.term()
