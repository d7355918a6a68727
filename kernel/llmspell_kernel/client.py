"""A client of a running kernel: the other end of its five sockets. One of the few modules that import zmq.

Our own, on the kernel's `Wire`, because a command that connects for one call should not take longer than the call:
importing `jupyter_client` costs five times what this does.

Threads: `request` and `close` belong to the thread that made the client; `control` may be called from any, also while
`request` waits (the control socket has a lock of its own). `stop` is for signal handling threads: it interrupts the
request that waits, once the kernel works on it, and never what another client has running.

A kernel that is there answers heartbeats from a thread of its own, whatever a cell does. So waiting has no time limit,
but ends with `KernelDied` when the heart stops. Spec: Jupyter messaging 5.5.
"""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic
from typing import Protocol

import zmq

from llmspell_kernel.errors import KernelDied, KernelUnreachable, PeerError, UnusableContent
from llmspell_kernel.stdin import END_OF_INPUT
from llmspell_kernel.wire import DELIMITER, EMPTY_OBJECT, Wire, encode
from llmspell_tools.errors import Cancelled, ToolTimeout
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.connection import Connection
    from llmspell_kernel.message import Message
    from llmspell_tools.types import JsonObject, JsonValue

    ByteSocket = zmq.Socket[bytes]

#: Seconds that a kernel has to answer for the first time.
CONNECT_S = 3.0
#: Seconds that its heart may stand still while we wait for it.
HEART_S = 5.0
#: Seconds after which `on_wait` is told that the kernel has not begun with a request.
QUEUED_S = 1.0
_DEBUG_EVENT = b'"debug_event"'
#: Milliseconds that an event may come after the answer to a request that was made behind it.
_LATE_EVENT_MS = 10
_BEAT_S = 0.5
#: Seconds of silence after which it is looked whether anybody listens at all.
_DOUBT_S = 1.0
_TICK_MS = 100
#: Seconds that what was published before a reply may come after it.
_LATE_S = 1.0
_CONTROL_S = 5.0
_LINGER_MS = 500
_MAX_FRAME_BYTES = 1 << 30


class Hearer(Protocol):
    """What the sender of a request hears while it is worked on; on the thread that waits."""

    def published(self, msg_type: str, content: JsonObject) -> None:
        """A message of the request on iopub: stream, display_data, execute_result, error, ...

        Args:
            msg_type: Its type; status is not told.
            content: Its content.
        """
        ...

    def asked(self, prompt: str, *, password: bool) -> str | None:
        """Return the answer to a question of the running code, without the line's end; None at the end of input."""
        ...


class KernelClient:
    """A connection to one kernel, once `connect` has returned.

    Args:
        connection: Of its connection file.
        where: What errors call it: its id, file or address.
        on_wait: Told once for each request that waits behind other work.

    Raises:
        KernelUnreachable: Its address is none.
    """

    def __init__(self, connection: Connection, where: str, *, on_wait: Callable[[], None] = lambda: None) -> None:
        self._wire = Wire(connection.key, max_content_bytes=_MAX_FRAME_BYTES)
        #: What errors call the kernel.
        self.where = where
        self.on_wait = on_wait
        self._context: zmq.Context[ByteSocket] = zmq.Context()
        self._lock = threading.Lock()
        self._identity = os.urandom(8).hex().encode("ascii")  # raw bytes might begin with a zero, which zmq keeps
        self._connection = connection
        try:
            self._shell = self._open("shell_port", zmq.DEALER)
            self._control = self._open("control_port", zmq.DEALER)
            self._stdin = self._open("stdin_port", zmq.DEALER)
            self._heart = self._open("hb_port", zmq.DEALER)
            self._iopub = self._open("iopub_port", zmq.SUB)
        except zmq.ZMQError as error:
            self._context.destroy(0)
            raise KernelUnreachable(f"there can be no kernel at '{connection.ip}': {error.strerror}") from None
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self._poller = zmq.Poller()
        for each in (self._shell, self._stdin, self._heart, self._iopub):
            self._poller.register(each, zmq.POLLIN)
        #: When the heart was asked last, and since when it owes an answer (None: it owes none).
        self._beaten = 0.0
        self._owed_since: float | None = None
        #: Whether the request that waits shall be stopped, and whether the kernel works on it.
        self._stop_wanted = self._is_busy = False
        #: Whether it shall not be waited for any more.
        self._is_given_up = False
        #: What the kernel says of itself: `kernel_info_reply`.
        self.info: JsonObject = {}

    # --- the thread that made it -----------------------------------------------------------------------------------

    def connect(self, timeout_s: float = CONNECT_S) -> None:
        """Make sure that a kernel is there which knows our key, and that nothing it publishes is missed.

        Raises:
            KernelUnreachable: It does not answer; the message says why, as far as that can be told.
        """
        self.look(timeout_s)
        end = monotonic() + timeout_s
        while not self._iopub.poll(min(50, max(0, int(1_000 * (end - monotonic()))))):  # the welcome, or our status
            if monotonic() >= end:
                raise KernelUnreachable(f"the kernel {self.where} answers, but publishes nothing")
            self._ask_control("kernel_info_request", {}, timeout_s)

    def look(self, timeout_s: float) -> None:
        """Ask the kernel what it is, and no more; see `connect`."""
        self._knock(timeout_s)
        self._beat()
        reply = self._ask_control("kernel_info_request", {}, timeout_s)
        if reply is None:
            raise self._unreachable()
        self.info = reply

    def request(
        self, msg_type: str, content: JsonObject, hearer: Hearer, *, patience_s: float | None = None
    ) -> JsonObject:
        """Send a request on shell and return its reply's content, once all that it has published is heard.

        Args:
            msg_type: Of the request.
            content: Of the request.
            hearer: Told what it publishes and asks.
            patience_s: Seconds to wait at most; None waits as long as the kernel lives.

        Raises:
            KernelDied: The kernel's heart has stopped.
            ToolTimeout: Patience is over; the request may still be handled.
        """
        frames = self._wire.message((), msg_type, encode(content), EMPTY_OBJECT)
        own_id = _msg_id(frames[2])
        self._is_busy = self._stop_wanted = self._is_given_up = False
        self._shell.send_multipart(frames)
        waiting = _Waiting(own_id, monotonic())
        end = None if patience_s is None else waiting.since + patience_s
        while not waiting.is_over(monotonic()):
            if end is not None and monotonic() > end:
                raise ToolTimeout(f"the kernel {self.where} is busy")
            if self._is_given_up:
                self._is_given_up = self._stop_wanted = False
                raise Cancelled(f"left waiting: the kernel {self.where} has not begun with it yet")
            self._pump(waiting, hearer, may_tell=end is None)
        self._is_busy = False
        assert waiting.reply is not None
        return waiting.reply

    def hear_debugger(self, hearer: Hearer) -> None:
        """Take in what the debugger has published behind a request's end."""
        while self._iopub.poll(_LATE_EVENT_MS):
            message = self._receive(self._iopub, "iopub", b"\0", also=_DEBUG_EVENT)
            if message is not None:
                hearer.published(message.msg_type, message.content)

    def close(self) -> None:
        """Close the sockets; what was sent still gets a moment to leave."""
        with self._lock:
            self._context.destroy(_LINGER_MS)

    # --- any thread ------------------------------------------------------------------------------------------------

    def control(self, msg_type: str, content: JsonObject, timeout_s: float = _CONTROL_S) -> JsonObject:
        """Send a request on control, which is answered also while a cell runs; return its reply's content.

        Raises:
            KernelDied: No answer came in time.
        """
        reply = self._ask_control(msg_type, content, timeout_s)
        if reply is None:
            raise self._died()
        return reply

    def stop(self) -> bool:
        """Interrupt the request that waits, at once or when its turn comes; tell whether the kernel works on it.

        Asked again before its turn has come, `request` gives up waiting; the request stays in the kernel's queue.
        """
        if self._is_busy:
            self._interrupt()
            return True
        self._is_given_up = self._stop_wanted
        self._stop_wanted = True
        return False

    # --- waiting ---------------------------------------------------------------------------------------------------

    def _pump(self, waiting: _Waiting, hearer: Hearer, *, may_tell: bool) -> None:
        """Take in what has arrived, or wait a little; look after the heart."""
        ready = dict(self._poller.poll(_TICK_MS))
        now = monotonic()
        if self._heart in ready:
            self._owed_since = None
            self._heart.recv_multipart()
        if self._iopub in ready:
            self._hear(waiting, hearer)
        elif self._stdin in ready:
            self._answer(waiting, hearer)
        elif self._shell in ready:
            message = self._receive(self._shell, "shell", waiting.own_id)
            if message is not None:
                waiting.reply, waiting.replied = message.content, now
        if now - self._beaten >= _BEAT_S:
            self._beat()
        if waiting.reply is None and self._owed_since is not None:
            self._doubt(now - self._owed_since)
        is_queued = not self._is_busy and waiting.reply is None and now - waiting.since > QUEUED_S
        if is_queued and may_tell and not waiting.is_told:
            waiting.is_told = True
            self.on_wait()

    def _hear(self, waiting: _Waiting, hearer: Hearer) -> None:
        message = self._receive(self._iopub, "iopub", waiting.own_id, also=_DEBUG_EVENT)
        if message is None:
            return
        if message.msg_type == "status":
            self._take_status(waiting, hearer, message.content.get("execution_state"))
        elif message.msg_type == "debug_event" and not self._is_busy:
            waiting.early.append(message.content)
        else:
            hearer.published(message.msg_type, message.content)

    def _take_status(self, waiting: _Waiting, hearer: Hearer, state: JsonValue) -> None:
        if state == "idle":
            waiting.is_idle = True
        elif state == "busy":
            self._is_busy = True
            if self._stop_wanted:
                self._interrupt()
            for event in waiting.early:
                hearer.published("debug_event", event)
            waiting.early.clear()

    def _answer(self, waiting: _Waiting, hearer: Hearer) -> None:
        message = self._receive(self._stdin, "stdin", waiting.own_id)
        if message is None or message.msg_type != "input_request":
            return
        prompt = message.content.get("prompt")
        answer = hearer.asked(str(prompt or ""), password=message.content.get("password") is True)
        content: JsonObject = {"value": END_OF_INPUT if answer is None else answer}
        self._stdin.send_multipart(self._wire.message((), "input_reply", encode(content), message.header_bytes))

    def _doubt(self, silent_s: float) -> None:
        """Find out whether a kernel whose heart has been silent for so long is still there."""
        if silent_s > HEART_S:
            raise self._died()
        if silent_s > _DOUBT_S:
            try:
                self._knock(_DOUBT_S)
            except KernelUnreachable:
                raise self._died() from None

    def _interrupt(self) -> None:
        with self._lock:
            self._control.send_multipart(self._wire.message((), "interrupt_request", b"{}", EMPTY_OBJECT))

    def _ask_control(self, msg_type: str, content: JsonObject, timeout_s: float) -> JsonObject | None:
        """Return the reply's content, None where none comes in time."""
        frames = self._wire.message((), msg_type, encode(content), EMPTY_OBJECT)
        own_id, end = _msg_id(frames[2]), monotonic() + timeout_s
        with self._lock:
            self._control.send_multipart(frames)
            while (left := end - monotonic()) > 0:
                if self._control.poll(int(left * 1_000) + 1):
                    message = self._receive(self._control, "control", own_id)
                    if message is not None:
                        return message.content
        return None

    def _receive(self, source: ByteSocket, channel: str, own_id: bytes, *, also: bytes | None = None) -> Message | None:
        """Return the next message; None where it is not signed with our key, or belongs to another request.

        Args:
            source: Where it arrives.
            channel: The same, by name.
            own_id: The request's.
            also: Bytes in the header of a message that is wanted whatever it belongs to.
        """
        frames = source.recv_multipart()
        try:
            start = frames.index(DELIMITER)
            if own_id not in frames[start + 3] and (also is None or also not in frames[start + 2]):
                return None
            return self._wire.decode(frames, channel)
        except (PeerError, ValueError, IndexError):
            return None
        except UnusableContent as error:
            return error.request

    def _beat(self) -> None:
        self._beaten = monotonic()
        if self._owed_since is None:
            self._owed_since = self._beaten
        try:
            self._heart.send(b"llmspell", zmq.NOBLOCK)
        except zmq.Again:
            pass  # many wait already: the heart stands still

    # --- making and failing ----------------------------------------------------------------------------------------

    def _open(self, name: str, kind: int) -> ByteSocket:
        opened: ByteSocket = self._context.socket(kind)
        opened.setsockopt(zmq.LINGER, _LINGER_MS)
        opened.setsockopt(zmq.IPV6, int(":" in self._connection.ip))
        opened.setsockopt(zmq.MAXMSGSIZE, _MAX_FRAME_BYTES)
        if kind == zmq.DEALER:  # one identity: a question is sent to whoever sent the request
            opened.setsockopt(zmq.IDENTITY, self._identity)
        else:
            opened.setsockopt(zmq.RCVHWM, 0)  # a slow terminal loses nothing
        if self._connection.curve is not None:
            public, secret = self._connection.curve
            opened.setsockopt(zmq.CURVE_SERVERKEY, public)
            opened.setsockopt(zmq.CURVE_PUBLICKEY, public)
            opened.setsockopt(zmq.CURVE_SECRETKEY, secret)
        opened.connect(self._connection.endpoint(self._connection.ports[name]))
        return opened

    def _knock(self, timeout_s: float) -> None:
        """Find out at once whether anybody listens: zmq itself would try for ever."""
        connection = self._connection
        if connection.transport != "tcp":
            return
        try:
            # As bytes: for a text Python imports a codec for international names, 9 ms.
            host: Any = connection.ip.encode("utf-8")
            socket.create_connection((host, connection.ports["hb_port"]), timeout_s).close()
        except OSError as error:
            reason = error.strerror or str(error)
            raise KernelUnreachable(f"there is no kernel at {self.where}: {reason}") from None

    def _unreachable(self) -> KernelUnreachable:
        if self._heart.poll(0):
            reason = "is there but does not take our messages: the key is not that of this kernel"
        else:
            reason = "does not answer: it has ended, or it is at another address"
        return KernelUnreachable(f"the kernel {self.where} {reason}")

    def _died(self) -> KernelDied:
        return KernelDied(f"the kernel {self.where} has ended or hangs: it does not answer any more")


class _Waiting:
    """A request that is being worked on."""

    __slots__ = ("early", "is_idle", "is_told", "own_id", "replied", "reply", "since")

    def __init__(self, own_id: bytes, since: float) -> None:
        self.own_id = own_id
        self.since = since
        self.reply: JsonObject | None = None
        self.replied = 0.0
        self.is_idle = False
        self.is_told = False
        #: The debugger's events that came before the kernel has said that it works on this. They are the children of
        #: what was asked of it last, and other threads publish them; once it works on this they are about it.
        self.early: list[JsonObject] = []

    def is_over(self, now: float) -> bool:
        """Whether the reply is there and nothing more will be published, or should have been by now."""
        return self.reply is not None and (self.is_idle or now - self.replied > _LATE_S)


def _msg_id(header: bytes) -> bytes:
    """Return what a parent header has in it that belongs to the message with this header, and no other."""
    value = loads(header)
    assert isinstance(value, dict)
    return str(value["msg_id"]).encode("ascii") + b'"'  # to its end: one id may be the beginning of another
