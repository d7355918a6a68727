"""The Debug Adapter Protocol's frames: a header with ``Content-Length``, an empty line, JSON. Bytes in, bytes out.

Nothing but the two headers that the protocol knows is taken: what a web page makes a browser send to a port of this
machine begins with a request line, so it ends here. Source: DAP, "Base Protocol".
"""

from __future__ import annotations

from llmspell_tools import jsontext
from llmspell_tools.errors import InvalidParameters, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_tools.types import JsonObject, JsonValue

#: Bytes that one message may have.
MAX_MESSAGE = 64 * 1024 * 1024
_MAX_HEADER = 4096
_KNOWN = (b"content-length", b"content-type")


class BrokenFraming(LlmspellError):
    """The peer does not speak the protocol; where its next message begins is unknown."""

    code = "validation_error"


class NotJson(LlmspellError):
    """A whole frame whose content is no JSON; the next one can be read."""

    code = "validation_error"


class Decoder:
    """Takes bytes as they come; gives messages."""

    __slots__ = ("_buffer", "_length")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None

    def feed(self, data: bytes) -> Iterator[JsonValue | NotJson]:
        """Yield each message that is complete now.

        Raises:
            BrokenFraming: A header is wrong or too long, or a message too large.
        """
        self._buffer += data
        while True:
            if self._length is None and not self._read_header():
                return
            length = self._length
            if length is None or len(self._buffer) < length:
                return
            content = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._length = None
            yield _parsed(content)

    def _read_header(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            self._check_start()
            return False
        if end > _MAX_HEADER:
            raise BrokenFraming("the header is too long")
        header = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        self._length = _length_of(header)
        return True

    def _check_start(self) -> None:
        """Refuse early what cannot become a header."""
        if len(self._buffer) > _MAX_HEADER:
            raise BrokenFraming(f"no end of a header within {_MAX_HEADER} bytes")
        for line in bytes(self._buffer).split(b"\r\n")[:-1]:
            _field(line)


def encode(message: JsonObject) -> bytes:
    """Return a message as a frame."""
    content = jsontext.dumps(message).encode("utf-8", "replace")
    return b"Content-Length: %d\r\n\r\n%s" % (len(content), content)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or name.lower() not in _KNOWN:
        raise BrokenFraming(f"not a header of the Debug Adapter Protocol: {line[:60].decode('ascii', 'replace')!r}")
    return name.lower(), value.strip()


def _length_of(header: bytes) -> int:
    fields = [_field(line) for line in header.split(b"\r\n")]
    lengths = {value for name, value in fields if name == b"content-length"}
    if len(lengths) != 1:
        raise BrokenFraming("a header needs one Content-Length")
    text = lengths.pop()
    if not text.isdigit() or len(text) > 12:
        raise BrokenFraming(f"Content-Length is no number of bytes: {text[:20].decode('ascii', 'replace')!r}")
    if int(text) > MAX_MESSAGE:
        raise BrokenFraming(f"a message of {int(text)} bytes; the limit is {MAX_MESSAGE}")
    return int(text)


def _parsed(content: bytes) -> JsonValue | NotJson:
    try:
        return jsontext.loads(content)
    except InvalidParameters as error:
        return NotJson(f"the message is not JSON: {error.message}")
