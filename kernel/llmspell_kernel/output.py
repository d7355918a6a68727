"""Where the text goes that a cell prints: to iopub, as a stream message of the request that is being handled.

The engine buffers (first text at once, then at most 20 ms or 16 KB) and calls `write` from the main thread or from its
watch thread. Knows no Lua and no socket.
"""

from __future__ import annotations

from llmspell_kernel.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request


class Output:
    """The current request's streams; `begin` and `end` are called on the main thread."""

    __slots__ = ("_request",)

    def __init__(self) -> None:
        self._request: Request | None = None

    def begin(self, request: Request | None) -> None:
        """Send what follows as output of `request`; None throws it away (silent)."""
        self._request = request

    def end(self) -> None:
        """The request is over; later text has nowhere to go."""
        self._request = None

    def write(self, name: str, text: str) -> None:
        """Publish text of one stream.

        Args:
            name: stdout or stderr.
            text: Any length; an empty one is not sent.
        """
        request = self._request
        if request is not None and text:
            content = f'{{"name":{quote(name)},"text":{quote(text)}}}'
            request.publish_encoded("stream", content.encode("ascii"))
