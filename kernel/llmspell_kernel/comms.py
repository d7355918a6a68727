"""Which comms are open, and how comm messages leave the kernel; what they mean is the engine's and the widgets' affair.

Spec: Jupyter messaging 5.5, "Custom Messages". The topic is `comm-<id>`, as ipykernel's. Used on the main thread.
"""

from __future__ import annotations

from llmspell_kernel.wire import EMPTY_OBJECT, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_kernel.wire import Wire
    from llmspell_tools.types import JsonObject


class Comms:
    """The open comms of one kernel.

    Args:
        wire: Encodes.
        publish: Sends frames on iopub.
    """

    __slots__ = ("_open", "_publish", "_wire")

    def __init__(self, wire: Wire, publish: Callable[[list[bytes]], None]) -> None:
        self._wire = wire
        self._publish = publish
        self._open: dict[str, str] = {}

    def send(
        self,
        kind: str,
        content: JsonObject,
        metadata: JsonObject,
        buffers: Sequence[bytes] = (),
        *,
        parent: bytes = EMPTY_OBJECT,
    ) -> None:
        """Publish comm_open, comm_msg or comm_close.

        Args:
            kind: The message type.
            content: Has comm_id and data; target_name where it opens.
            metadata: Of the message.
            buffers: Sent behind the content, unsigned as all buffers are.
            parent: The header of the request that is being handled.
        """
        comm_id = str(content["comm_id"])
        if kind == "comm_open":
            self.opened(comm_id, str(content["target_name"]))
        elif kind == "comm_close":
            self.closed(comm_id)
        topic = b"comm-" + comm_id.encode("utf-8", "replace")
        frames = self._wire.message(
            (topic,), kind, encode(content), parent, encode(metadata) if metadata else EMPTY_OBJECT
        )
        self._publish([*frames, *buffers])

    def opened(self, comm_id: str, target: str) -> None:
        """Remember a comm."""
        self._open[comm_id] = target

    def closed(self, comm_id: str) -> None:
        """Forget a comm."""
        self._open.pop(comm_id, None)

    def listing(self, target: str | None) -> JsonObject:
        """Return the open comms, or those of one target, as `comm_info_reply` has them."""
        return {
            comm_id: {"target_name": name} for comm_id, name in self._open.items() if target is None or name == target
        }
