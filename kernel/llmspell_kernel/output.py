"""Where goes what a cell prints and shows: to iopub, as messages of the request that is being handled.

The engine buffers (first text at once, then at most 20 ms or 16 KB) and calls `write` from the main thread or from its
watch thread. Knows no Lua and no socket.
"""

from __future__ import annotations

from llmspell_kernel.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.dispatch import Request
    from llmspell_tools.types import JsonObject


class Output:
    """The current request's output; `begin` and `end` are called on the main thread."""

    __slots__ = ("_at_end", "before_end", "request", "shown")

    def __init__(self) -> None:
        self._at_end: list[Callable[[], None]] = []
        #: Called before a request ends: publishes what still waits elsewhere.
        self.before_end: Callable[[], None] | None = None
        #: The request whose output is shown; None between requests and for a silent one.
        self.shown: Request | None = None
        #: The request that is being handled, also a silent one; None between requests.
        self.request: Request | None = None

    def begin(self, request: Request, *, is_silent: bool = False) -> None:
        """Send what follows as output of `request`, or nowhere (silent)."""
        self.request = request
        self.shown = None if is_silent else request

    def at_end(self, work: Callable[[], None]) -> None:
        """Let `work` publish what is left when the request ends, once; any thread."""
        if work not in self._at_end:
            self._at_end.append(work)

    def end(self) -> None:
        """The request is over; later text has nowhere to go."""
        while self._at_end:
            self._at_end.pop()()
        if self.before_end is not None:
            self.before_end()
        self.request = None
        self.shown = None

    def suspend(self) -> Callable[[], None]:
        """Put the request aside: others are handled in its middle; return what gives it back."""
        request, shown = self.request, self.shown
        self.end()

        def resume() -> None:
            self.request, self.shown = request, shown

        return resume

    def write(self, name: str, text: str) -> None:
        """Publish text of one stream.

        Args:
            name: stdout or stderr.
            text: Any length; an empty one is not sent.
        """
        request = self.shown
        if request is not None and text:
            content = f'{{"name":{quote(name)},"text":{quote(text)}}}'
            request.publish_encoded("stream", content.encode("ascii"))

    def publish(self, msg_type: str, content: JsonObject) -> None:
        """Publish another message of the request, if it shows anything; from any thread."""
        request = self.shown
        if request is not None:
            request.publish(msg_type, content)
