"""Replies that cannot be handed to their client yet: kept in order, bounded in bytes, tried again.

libzmq drops what a ROUTER cannot queue for its client unless ROUTER_MANDATORY is set: in a test 93,000 of 100,000
pipelined replies vanished without a word. With it a send says "full" (the client does not read) or "gone". This module
decides what happens then; it knows no zmq: `try_send` is handed in, and its owner calls `flush` now and then while
`waiting` is true.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Frames = list[bytes]

SENT, FULL, GONE = 0, 1, 2
MAX_BYTES_PER_CLIENT = 256 * 1024 * 1024


class Outbox:
    """The replies of one ROUTER socket; used on that socket's thread only.

    Args:
        try_send: Sends frames (the first is the client) without waiting and returns SENT, FULL or GONE.
        max_bytes: The most bytes that wait for one client; a reply over it is dropped.
        log: Told about replies that are dropped.
    """

    __slots__ = ("_bytes", "_log", "_max_bytes", "_queues", "_try_send")

    def __init__(
        self,
        try_send: Callable[[Frames], int],
        *,
        max_bytes: int = MAX_BYTES_PER_CLIENT,
        log: Callable[[str], None],
    ) -> None:
        self._try_send = try_send
        self._max_bytes = max_bytes
        self._log = log
        self._queues: dict[bytes, deque[Frames]] = {}
        self._bytes: dict[bytes, int] = {}

    @property
    def waiting(self) -> bool:
        """Whether any client has replies waiting."""
        return bool(self._queues)

    def send(self, frames: Frames) -> None:
        """Send frames now, or keep them behind what already waits for that client."""
        if self._queues and frames[0] in self._queues:
            self._keep(frames)
        elif self._try_send(frames) == FULL:
            self._queues[frames[0]] = deque()
            self._bytes[frames[0]] = 0
            self._keep(frames)

    def flush(self) -> None:
        """Send as much as every client takes; forget clients that are gone."""
        for client in list(self._queues):
            queue = self._queues[client]
            while queue:
                outcome = self._try_send(queue[0])
                if outcome == FULL:
                    break
                if outcome == GONE:
                    self._log(f"dropped {len(queue)} replies to a client that went away")
                    queue.clear()
                    break
                self._bytes[client] -= _size(queue.popleft())
            if not queue:
                del self._queues[client], self._bytes[client]

    def _keep(self, frames: Frames) -> None:
        client = frames[0]
        size = _size(frames)
        if self._bytes[client] + size > self._max_bytes:
            self._log(f"dropped a reply: {self._max_bytes} bytes already wait for a client that does not read")
            return
        self._bytes[client] += size
        self._queues[client].append(frames)


def _size(frames: Frames) -> int:
    return sum(map(len, frames)) + 64 * len(frames)
