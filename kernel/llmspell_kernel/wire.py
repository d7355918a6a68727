"""Frames to messages and back: signatures, JSON, headers. No socket, file or thread.

    frames: list[bytes] = [identity..., b"<IDS|MSG>", signature, header, parent_header, metadata, content, buffer...]

In: verify first, then remember the signature (`replay`), then parse; what fails raises a `PeerError` and has no
effect. Out: headers are filled-in templates, a date is formatted once a millisecond, and the parent header is
the request's header as the bytes that came, so nothing is encoded twice. `channels` stands beside it and moves the
frames; `dispatch` above it decides what is said.

Spec: https://jupyter-client.readthedocs.io/en/stable/messaging.html#wire-protocol, version 5.5. HMAC-SHA256 as
RFC 2104: the two pads are hashed once and their states copied, which halves the cost of a signature.
"""

from __future__ import annotations

import _json
import json
import os
import time
from _operator import _compare_digest as compare_digest  # hmac.compare_digest, without hmac's imports
from hashlib import sha256
from itertools import count

from llmspell_kernel.errors import InvalidSignature, MalformedMessage, UnusableContent
from llmspell_kernel.message import PROTOCOL_VERSION, Message
from llmspell_kernel.replay import ReplayMemory
from llmspell_tools.errors import ConfigurationError, InvalidParameters, LimitExceeded, LlmspellError
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

DELIMITER = b"<IDS|MSG>"
EMPTY_OBJECT = b"{}"
#: More content than this in one signed message is answered with an error; libzmq's own frame limit stands above.
MAX_CONTENT_BYTES = 32 * 1024 * 1024
#: Routing frames that a message may carry in front of the delimiter.
MAX_IDENTITIES = 16
_BLOCK_BYTES = 64
_MAX_TEMPLATES = 128

quote: Callable[[str], str] = _json.encode_basestring_ascii  # a JSON string, ASCII only: lone surrogates pass


def encode(value: object) -> bytes:
    """Return a JSON value as ASCII bytes, compact.

    Raises:
        ValueError: NaN or infinity.
        RecursionError: A cycle, or nesting deeper than the stack.
        TypeError: Something that is not JSON.
    """
    return "".join(_chunks(value, 0)).encode("ascii")


def _refuse(value: object) -> object:
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


#: The C scanner itself: what it takes whole needs no more; everything else goes to `jsontext.loads`.
_scan: Callable[[str, int], tuple[JsonValue, int]] = _json.make_scanner(
    json.JSONDecoder(parse_constant=_refuse_constant)  # type: ignore[arg-type]  # as json.decoder itself calls it
)

# Made once: `json.dumps` builds such an encoder for each call, which doubles its cost. Without `markers` it keeps no
# state, so threads may share it; a cycle ends in RecursionError.
_chunks = _json.make_encoder(None, _refuse, quote, None, ":", ",", False, False, False)


class Wire:
    """One kernel's end of the wire: its key, its session, its replay memory. Threads may share it.

    Args:
        key: The connection file's key as bytes; must not be empty.
        replay: The memory shared by all channels.
        max_content_bytes: The most content that is parsed.
        clock: Seconds since the epoch, for the dates of our headers.

    Raises:
        ConfigurationError: The key is empty: it would turn signatures off.
    """

    def __init__(
        self,
        key: bytes,
        *,
        replay: ReplayMemory | None = None,
        max_content_bytes: int = MAX_CONTENT_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not key:
            raise ConfigurationError("the connection key is empty, which would accept unsigned messages; give a key")
        block = (sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))
        self._replay = ReplayMemory() if replay is None else replay
        self._max_content_bytes = max_content_bytes
        self._clock = clock
        self.session = os.urandom(16).hex()
        self._numbers = count(1)
        self._templates: dict[str, tuple[bytes, bytes]] = {}
        #: The newest date: its millisecond, its text, its second, the second's text.
        self._newest = (0, b"", 0, "")

    def sign(self, signed: bytes) -> bytes:
        """Return the hex HMAC-SHA256 of the four frames, joined."""
        inner = self._inner.copy()
        inner.update(signed)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode("ascii")

    def is_signed(self, signature: bytes, signed: bytes) -> bool:
        """Tell whether a signature is ours, in constant time."""
        return bool(compare_digest(self.sign(signed), signature))

    def decode(self, frames: Sequence[bytes], channel: str) -> Message:
        """Return the message that the frames carry.

        Args:
            frames: As received, identities first.
            channel: The channel's name, for the replay memory.

        Raises:
            MalformedMessage: Not a Jupyter message.
            InvalidSignature: Not signed with our key.
            ReplayedMessage: Seen before.
            UnusableContent: Signed and new, but with too much content or broken JSON in it.
        """
        try:
            start = frames.index(DELIMITER, 0, MAX_IDENTITIES)
            signature, header_bytes, parent, metadata, content_bytes = frames[start + 1 : start + 6]
        except ValueError:
            raise MalformedMessage("frames without a delimiter, or fewer than five after it") from None
        signed = b"".join((header_bytes, parent, metadata, content_bytes))
        if not compare_digest(self.sign(signed), signature):
            raise InvalidSignature("a message is not signed with this kernel's key")
        header = _object(header_bytes, "header")
        msg_type, session = header.get("msg_type"), header.get("session")
        if not (isinstance(msg_type, str) and isinstance(session, str) and isinstance(header.get("msg_id"), str)):
            raise MalformedMessage("the header lacks one of the texts msg_id, msg_type and session")
        self._replay.remember(signature, channel, session, header.get("date"))
        identities = frames[:start]
        try:
            if len(content_bytes) > self._max_content_bytes:
                raise _too_large(len(content_bytes), self._max_content_bytes)
            content = _object(content_bytes, "content")
        except LlmspellError as reason:
            request = Message(identities, header, header_bytes, metadata, {})
            raise UnusableContent(request, reason) from None
        return Message(identities, header, header_bytes, metadata, content, frames[start + 6 :])

    def message(
        self, prefix: Sequence[bytes], msg_type: str, content: bytes, parent: bytes, metadata: bytes = EMPTY_OBJECT
    ) -> list[bytes]:
        """Return the frames of a message of ours; buffers may be put behind them.

        Args:
            prefix: Identities of a reply, or the topic of a broadcast.
            msg_type: Our message type.
            content: Encoded JSON object.
            parent: The header of the request that this answers as received, or ``b"{}"``.
            metadata: Encoded JSON object.
        """
        header = self._header(msg_type)
        signature = self.sign(b"".join((header, parent, metadata, content)))
        return [*prefix, DELIMITER, signature, header, parent, metadata, content]

    def _header(self, msg_type: str) -> bytes:
        template = self._templates.get(msg_type)
        if template is None:
            template = (
                f'{{"msg_id":"{self.session}_'.encode("ascii"),
                f'","session":"{self.session}","username":"llmspell","version":"{PROTOCOL_VERSION}",'
                f'"msg_type":{quote(msg_type)}}}'.encode("ascii"),
            )
            if len(self._templates) < _MAX_TEMPLATES:  # reply types follow what a client sends
                self._templates[msg_type] = template
        now = int(self._clock() * 1_000)
        moment, date, second, text = self._newest
        if moment != now:
            if second != now // 1_000:
                second = now // 1_000
                text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            date = f'","date":"{text}.{now % 1_000:03d}000Z'.encode("ascii")
            self._newest = (now, date, second, text)  # one assignment: a thread sees the old four or the new ones
        return b"%s%d%s%s" % (template[0], next(self._numbers), date, template[1])


def _object(data: bytes, what: str) -> JsonObject:
    try:
        text = data.decode("utf-8")
        value, end = _scan(text, 0)
        if end != len(text):
            value = _loads_or_say_why(data, what)
    except (ValueError, StopIteration, RecursionError):
        value = _loads_or_say_why(data, what)
    if not isinstance(value, dict):
        raise MalformedMessage(f"the {what} is not an object")
    return value


def _loads_or_say_why(data: bytes, what: str) -> JsonValue:
    """Parse what the bare scanner refused, for its reason or for white space in front."""
    try:
        return loads(data)
    except InvalidParameters as error:
        raise MalformedMessage(f"the {what} cannot be read: {error.message}") from None


def _too_large(size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"content of {size} bytes is over the limit of {limit}; raise [kernel] max_content_bytes, or pass a file",
        details={"setting": "[kernel] max_content_bytes", "limit": limit, "size": size},
    )
