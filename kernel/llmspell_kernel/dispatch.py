"""From a message to its one reply: the table of handlers, busy and idle, errors, the abort of queued cells.

It knows no handler (`kernel` hands the table in), no socket (a `MessageSource` and a publish function are handed in)
and no Lua. Its promises, for every verified `*_request`:

- `status: busy` is published first and `status: idle` last, both with the request as parent;
- exactly one reply is sent in between, also when the handler raises, the type is unknown or the content is unusable;
- what fails verification has no effect at all but a line in the log.

Spec: Jupyter messaging 5.5, "Kernel status", "Request-Reply", "Execute" (stop_on_error).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from llmspell_kernel.errors import PeerError, UnknownMessage, UnknownSubshell, UnusableContent
from llmspell_kernel.wire import encode
from llmspell_tools.errors import Cancelled, InternalError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_kernel.message import Message
    from llmspell_kernel.wire import Wire
    from llmspell_tools.types import JsonObject, JsonValue

    Frames = list[bytes]
    #: Returns the reply's content, or its JSON where it has that already; None where `answer_later` will be called.
    Handler = Callable[["Request"], JsonObject | bytes | None]

_BUSY = b'{"execution_state":"busy"}'
_IDLE = b'{"execution_state":"idle"}'
_ABORTED = b'{"status":"aborted"}'
_STATUS_TOPIC = (b"status",)
_REQUEST = "_request"


class MessageSource(Protocol):
    """Where requests come from and replies go: the shell or control socket, or a queue in front of one."""

    name: str

    def receive(self) -> Frames | None:
        """Return the next message's frames, or None when woken; waits."""
        ...

    def hold(self) -> int:
        """Take in what has arrived already; return how many messages `receive` has ready."""
        ...

    def send(self, frames: Frames) -> None:
        """Send a reply's frames."""
        ...


class Work(Protocol):
    """Is told when a request may begin work that can be interrupted; `running.Running`."""

    def expect(self) -> None:
        """It may from here on."""
        ...

    def over(self) -> None:
        """The request has been handled."""
        ...


class Request:
    """What a handler sees of a message: its content, and ways to speak while it is handled."""

    __slots__ = ("_after", "_publish", "_wire", "content", "message", "stops_queue")

    def __init__(self, message: Message, wire: Wire, publish: Callable[[Frames], None]) -> None:
        self.message = message
        self.content: JsonObject = message.content
        #: Set by a handler whose failure aborts the execute_requests that its sender has queued behind it.
        self.stops_queue = False
        self._wire = wire
        self._publish = publish
        self._after: Callable[[], None] | None = None

    def publish(self, msg_type: str, content: JsonObject) -> None:
        """Broadcast a message that belongs to this request; from any thread."""
        self.publish_encoded(msg_type, encode(content))

    def publish_encoded(self, msg_type: str, content: bytes) -> None:
        """Broadcast content that is JSON bytes already."""
        topic = (msg_type.encode("ascii"),)
        self._publish(self._wire.message(topic, msg_type, content, self.message.header_bytes))

    def after_reply(self, action: Callable[[], None]) -> None:
        """Run `action` once the reply and `idle` have been sent."""
        self._after = action

    def finish(self) -> None:
        """Run what `after_reply` was given."""
        if self._after is not None:
            self._after()

    def text(self, field: str) -> str:
        """Return a text field of the content, "" where it is missing or something else."""
        value = self.content.get(field)
        return value if isinstance(value, str) else ""

    def flag(self, field: str, *, default: bool) -> bool:
        """Return a boolean field of the content, or the default where it is missing or something else."""
        value = self.content.get(field)
        return value if isinstance(value, bool) else default


class Dispatcher:
    """Serves one channel, on one thread.

    Args:
        wire: Decodes and encodes; shared by the channels.
        handlers: Message type to handler.
        publish: Sends frames on iopub; from any thread.
        log: Takes one line; the caller limits how many.
        more: Returns the rest of the handlers; called once, when they are first needed.
    """

    def __init__(
        self,
        wire: Wire,
        handlers: Mapping[str, Handler],
        *,
        publish: Callable[[Frames], None],
        log: Callable[[str], None],
        more: Callable[[], Mapping[str, Handler]] | None = None,
    ) -> None:
        self._wire = wire
        #: Tells whether a message's subshell is there; None where subshells mean nothing.
        self.knows: Callable[[object], bool] | None = None
        #: Told when requests are handled; None where nothing is interrupted.
        self.work: Work | None = None
        self._handlers = handlers
        self._more = more
        self._publish = publish
        self._log = log
        #: How many messages were taken, and up to which of them a session's execute_requests are aborted.
        self._taken = 0
        self._abort_until: dict[str, int] = {}
        self._late: deque[tuple[Request, JsonObject]] = deque()

    def serve(
        self,
        source: MessageSource,
        is_stopping: Callable[[], bool],
        after_first: Callable[[], object] | None = None,
        woken: Callable[[], None] | None = None,
    ) -> None:
        """Handle messages until `is_stopping` is true after a wake-up.

        Args:
            source: The channel.
            is_stopping: Asked before each message.
            after_first: Called once, when the first message has been handled.
            woken: Called after each wake-up; what was given to `answer_later` has been sent before.
        """
        while not is_stopping():
            frames = source.receive()
            if frames is None:
                self.send_late(source)
                if woken is not None:
                    woken()
                continue
            self.take_or_log(frames, source)
            if after_first is not None:
                after_first()
                after_first = None

    def complete(self) -> None:
        """Get the rest of the handlers, if they are not there yet."""
        if self._more is not None:
            self._handlers = {**self._handlers, **self._more()}
            self._more = None

    def answer_later(self, request: Request, content: JsonObject) -> None:
        """Give the reply of a request whose handler returned None; any thread, which wakes the source after it."""
        self._late.append((request, content))

    def send_late(self, source: MessageSource) -> None:
        """Send what was given to `answer_later`, on the source's thread."""
        while self._late:
            request, content = self._late.popleft()
            self._reply(request.message, source, encode(content))
            self._status(_IDLE, request.message)

    def refuse_pending(self, source: MessageSource) -> None:
        """Answer what has arrived but will not be handled any more: the kernel is stopping."""
        for _ in range(source.hold()):
            frames = source.receive()
            if frames is None:
                return
            message = self._decode(frames, source.name)
            if message is not None and message.msg_type.endswith(_REQUEST):
                self._answer(message, source, _ABORTED)

    def take_or_log(self, frames: Frames, source: MessageSource) -> None:
        """Handle one message; a bug of ours in that is logged and ends nothing."""
        try:
            self.take(frames, source)
        except Exception as error:  # noqa: BLE001 - one message must not end the kernel for all later ones
            self._log(f"a bug in the dispatch of a message on {source.name}:\n{_traceback(error)}")

    def take(self, frames: Frames, source: MessageSource) -> None:
        """Handle one message, whatever it is."""
        self._taken += 1
        try:
            message = self._wire.decode(frames, source.name)
        except PeerError as error:
            self._log(f"{source.name}: dropped a message: {error.message}")
            return
        except UnusableContent as error:
            self._answer(error.request, source, encode(error_content(error.reason)))
            return
        if "subshell_id" in message.header and self.knows is not None:
            subshell_id = message.header["subshell_id"]
            if not self.knows(subshell_id):
                self._answer(message, source, encode(error_content(UnknownSubshell(str(subshell_id)))))
                return
        if self._abort_until and self._is_aborted(message):
            self._answer(message, source, _ABORTED)
        else:
            self._handle(message, source)

    def refuse(self, frames: Frames, source: MessageSource, error: LlmspellError) -> None:
        """Answer a message that will not be handled; any thread. What fails verification is dropped as ever."""
        message = self._decode(frames, source.name)
        if message is not None:
            self._answer(message, source, encode(error_content(error)))

    def _is_aborted(self, message: Message) -> bool:
        if self._taken > max(self._abort_until.values()):
            self._abort_until.clear()
            return False
        return message.msg_type == "execute_request" and self._taken <= self._abort_until.get(message.session, 0)

    def _decode(self, frames: Frames, channel: str) -> Message | None:
        try:
            return self._wire.decode(frames, channel)
        except PeerError:
            return None
        except UnusableContent as error:
            return error.request

    def _answer(self, message: Message, source: MessageSource, content: bytes) -> None:
        """Give a request that is not handled its busy, its reply and its idle."""
        self._status(_BUSY, message)
        if message.msg_type.endswith(_REQUEST):
            self._reply(message, source, content)
        self._status(_IDLE, message)

    def _handle(self, message: Message, source: MessageSource) -> None:
        request = Request(message, self._wire, self._publish)
        work = self.work
        if work is not None:
            work.expect()  # before `busy`: whoever hears that may interrupt
        self._status(_BUSY, message)
        content = self._content(request)
        if work is not None:
            work.over()
        if request.stops_queue:
            # Before the reply: whoever has waited for it cannot have his next cell aborted.
            self._abort_until[message.session] = self._taken + source.hold()
        if content is None:
            return
        if message.msg_type.endswith(_REQUEST):
            self._reply(message, source, content)
        self._status(_IDLE, message)
        request.finish()

    def _content(self, request: Request) -> bytes | None:
        msg_type = request.message.msg_type
        try:
            handler = self._handlers.get(msg_type)
            if handler is None:
                self.complete()
                handler = self._handlers.get(msg_type)
            if handler is None:
                raise UnknownMessage(f"this kernel does not answer {msg_type!r} on this channel")
            content = handler(request)
            return content if content is None or isinstance(content, bytes) else encode(content)
        except LlmspellError as error:
            return encode(error_content(error))
        except KeyboardInterrupt:
            return encode(error_content(Cancelled("the request was interrupted")))
        except Exception as error:  # noqa: BLE001 - a handler's bug must not cost the client its reply
            self._log(f"a bug in the handler of {msg_type}:\n{_traceback(error)}")
            return encode(error_content(InternalError(f"{type(error).__name__}: {error}")))

    def _reply(self, message: Message, source: MessageSource, content: bytes) -> None:
        reply_type = message.msg_type.removesuffix(_REQUEST) + "_reply"
        source.send(self._wire.message(message.identities, reply_type, content, message.header_bytes))

    def _status(self, content: bytes, message: Message) -> None:
        self._publish(self._wire.message(_STATUS_TOPIC, "status", content, message.header_bytes))


def error_content(error: LlmspellError) -> JsonObject:
    """Return a reply that says what went wrong: the Jupyter fields, and those of `tool_reply`."""
    lines: list[JsonValue] = [f"{_ename(error)}: {error.message}"]
    return {
        "status": "error",
        "ename": _ename(error),
        "evalue": error.message,
        "traceback": lines,
        "error": error.message,
        "error_type": error.code,
        "details": error.details,
    }


def _ename(error: LlmspellError) -> str:
    return "KeyboardInterrupt" if isinstance(error, Cancelled) else type(error).__name__


def _traceback(error: BaseException) -> str:
    import traceback  # only for bugs

    return "".join(traceback.format_exception(error))
