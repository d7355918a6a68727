"""The shell channel as main sees it, and its half of iopub: what a quick succession of requests says leaves together.

Each message that libzmq sends wakes its I/O thread, and each wake-up costs more than a small cell. So while requests
follow each other closely, what main says of one waits until main would have to wait for the next, until `MAX_AGE_S`
have gone by when main takes the next, or until somebody calls `release`. If main does not come back, because the cell
is a long one, the service thread's `tick` sends what waits; what main says from then on leaves at once. A lone request
is never delayed: batches begin with a second one within `CLOSE_S` of the first.

The order on iopub stays as it was, and that of the replies. Threads: `receive`, `hold` and `send` on main; `publish`,
`release` and `tick` on any.
"""

from __future__ import annotations

import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Frames = list[bytes]

    class Shell(Protocol):
        """The shell channel."""

        def receive(self) -> Frames | None:
            """Return the next message, or None when woken; waits."""
            ...

        def receive_arrived(self) -> Frames | None:
            """Return a message that has arrived already; None for none, or when woken."""
            ...

        def hold(self) -> int:
            """Return how many messages have arrived."""
            ...

        def send(self, frames: Frames) -> None:
            """Send a reply; any thread, but not while main waits in `receive`."""
            ...


#: Main sends what waits when the batch is so old.
MAX_AGE_S = 0.010
#: The service thread does when it is so old: not while main is about to, since they would fight for the GIL.
OVERDUE_S = 0.020
#: Milliseconds between two ticks while requests follow each other closely.
TICK_MS = 30
#: Two requests within this time follow each other closely.
CLOSE_S = 0.1
_MAX_MESSAGES = 128


class ShellBatch:
    """A `MessageSource` with a `publish` of its own.

    Args:
        shell: Where requests come from and replies go.
        publish: Sends frames on iopub; any thread.
        wake: Makes the service thread call `tick` soon, and every `TICK_MS` while `is_warm`.
        log: Takes one line about a message that cannot be sent.
        clock: Monotonic seconds.
    """

    name = "shell"

    __slots__ = (
        "_clock",
        "_is_open",
        "_lock",
        "_log",
        "_newest",
        "_publish",
        "_published",
        "_replies",
        "_shell",
        "_since",
        "_wake",
        "is_warm",
    )  # fmt: skip

    def __init__(
        self,
        shell: Shell,
        publish: Callable[[Frames], None],
        wake: Callable[[], None],
        log: Callable[[str], None],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shell = shell
        self._publish = publish
        self._wake = wake
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._published: list[Frames] = []
        self._replies: list[Frames] = []
        #: Whether messages wait now, and since when.
        self._is_open = False
        self._since = 0.0
        #: When the newest request came.
        self._newest = -CLOSE_S
        #: Whether requests follow each other closely.
        self.is_warm = False

    # --- main ---

    def receive(self) -> Frames | None:
        """Return the next request, or None when woken; waits, but not with messages of ours unsent."""
        frames = None
        if self._is_open:
            now = self._clock()
            if now - self._since < MAX_AGE_S and len(self._published) < _MAX_MESSAGES:
                frames = self._shell.receive_arrived()
            if frames is not None:
                self._newest = now
                return frames
            self.release()
        else:
            with self._lock:
                pass  # the service thread may be sending: it could not while the shell is waited for
        frames = self._shell.receive()
        if frames is not None:
            self._begin(self._clock())
        return frames

    def hold(self) -> int:
        """Return how many requests have arrived."""
        return self._shell.hold()

    def send(self, frames: Frames) -> None:
        """Send a reply, now or soon."""
        with self._lock:
            if self._is_open:
                self._replies.append(frames)
                return
        self._shell.send(frames)

    def _begin(self, now: float) -> None:
        is_close = now - self._newest < CLOSE_S
        self._newest = now
        self._since = now
        self._is_open = True  # before the look at `is_warm`: `tick` looks at the two the other way round
        if self.is_warm:
            return
        if is_close:
            self.is_warm = True
            self._wake()
        else:
            self.release()

    # --- any thread ---

    def publish(self, frames: Frames) -> None:
        """Send frames on iopub, now or soon."""
        with self._lock:
            if self._is_open:
                self._published.append(frames)
            else:
                self._publish(frames)

    def release(self) -> None:
        """Send what waits; what is said until main takes the next request leaves at once."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            published, self._published = self._published, []
            replies, self._replies = self._replies, []
            # First the replies: somebody waits for them, and libzmq's thread takes one after the other.
            self._send_all(self._shell.send, replies)
            self._send_all(self._publish, published)

    def _send_all(self, send: Callable[[Frames], None], messages: list[Frames]) -> None:
        for frames in messages:
            try:
                send(frames)
            except Exception as error:  # noqa: BLE001 - a frame that is none must not cost the others, or the kernel
                self._log(f"a bug: a message cannot be sent: {type(error).__name__}: {error}")

    def tick(self) -> None:
        """Send what has waited too long; on the service thread."""
        now = self._clock()
        if self._is_open and now - self._since >= OVERDUE_S:
            self.release()
        if self.is_warm and now - self._newest >= CLOSE_S:
            self.is_warm = False
            if self._is_open:
                self.is_warm = True


#: What an interrupt must not cut: a socket takes the next message for the rest of one whose frames were not all sent.
SENDING = frozenset({ShellBatch.publish.__code__, ShellBatch.release.__code__})
