"""Bytes of one client in, bytes out: a session between a reader and a writer."""

from __future__ import annotations

from llmspell_kernel.debug.framing import BrokenFraming, Decoder, NotJson, encode
from llmspell_kernel.debug.session import DebugSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.debuggee import Host
    from llmspell_tools.types import JsonObject


class Conversation:
    """A session over a stream of bytes; `read_all` on a thread of its own.

    Args:
        host: Gives the program.
        read: Returns the next bytes, b"" at the end; may raise OSError.
        write: Writes all of some bytes; may raise OSError.
        hang_up: Makes `read` return; called when the session is over.
    """

    def __init__(
        self, host: Host, read: Callable[[], bytes], write: Callable[[bytes], None], hang_up: Callable[[], None]
    ) -> None:
        self._read = read
        self._write = write
        self.session = DebugSession(host, self._send, hang_up)

    def read_all(self) -> None:
        """Hand on what the client sends until it ends, or does not speak the protocol; then end the session."""
        self.session.open()
        try:
            self._hand_on()
        except BrokenFraming as error:
            self.session.post_unreadable(error.message)
        except OSError:
            pass  # the client has gone
        self.session.close()

    def _hand_on(self) -> None:
        decoder = Decoder()
        while data := self._read():
            for message in decoder.feed(data):
                if isinstance(message, NotJson):
                    self.session.post_unreadable(message.message)
                else:
                    self.session.post(message)

    def _send(self, message: JsonObject) -> None:
        self._write(encode(message))
