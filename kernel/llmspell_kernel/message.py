"""A Jupyter message as a value: what `wire` makes of frames and handlers read.

It knows no socket, no key and no message type. The header is parsed; parent header, metadata and buffers stay bytes
until somebody asks, because most requests never need them. Buffers are outside the signature, so whoever reads them
must not trust them. Spec: https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.5.
"""

from __future__ import annotations

from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.types import JsonObject

#: The version of the messaging spec in every header that we send and in `kernel_info_reply`.
PROTOCOL_VERSION = "5.5"
#: Whether debug_request is answered: the kernelspec and `kernel_info_reply` say so.
HAS_DEBUGGER = True


class Message:
    """One verified message.

    Args:
        identities: Routing frames, in the order received; a reply goes back with them in front.
        header: The parsed header; has at least the strings msg_id, msg_type and session.
        header_bytes: The header as received: the parent header of everything that answers this message.
        metadata_bytes: The metadata frame as received.
        content: The parsed content.
        buffers: Extra frames. Unsigned: never trust them.
    """

    __slots__ = ("_metadata_bytes", "buffers", "content", "header", "header_bytes", "identities", "msg_type", "session")

    def __init__(
        self,
        identities: Sequence[bytes],
        header: JsonObject,
        header_bytes: bytes,
        metadata_bytes: bytes,
        content: JsonObject,
        buffers: Sequence[bytes] = (),
    ) -> None:
        self.identities = identities
        self.header = header
        self.header_bytes = header_bytes
        self.content = content
        self.buffers = buffers
        self.msg_type = str(header["msg_type"])
        self.session = str(header["session"])
        self._metadata_bytes = metadata_bytes

    @property
    def msg_id(self) -> str:
        """The sender's id of the message."""
        return str(self.header["msg_id"])

    @property
    def metadata(self) -> JsonObject:
        """The metadata; an empty object where the sender's is not one."""
        value = loads(self._metadata_bytes)
        return value if isinstance(value, dict) else {}
