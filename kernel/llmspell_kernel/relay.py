"""The reader thread of a shell channel that has subshells: requests into their queues, replies out.

Main hands replies over in a list and wakes the thread, which alone touches the socket from its start to its end. The
routing looks at the header before it is verified: a forged one only chooses the queue in which it will be found out.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Thread

from llmspell_kernel.wire import DELIMITER, MAX_IDENTITIES
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    Frames = list[bytes]

    class Queues(Protocol):
        """Where requests go: `Subshells`."""

        @property
        def is_full(self) -> bool:
            """Whether no more should be read now."""
            ...

        def put(self, frames: Frames, subshell_id: str | None) -> None:
            """Queue a message."""
            ...

    class Channel(Protocol):
        """The socket; `wake` from any thread, the rest on the thread that owns it."""

        def acquire(self) -> None:
            """Take the socket from the thread that has it, when it lets go."""
            ...

        def release(self) -> None:
            """Give it back."""
            ...

        def receive_raw(self) -> Frames | None:
            """Return a message, or None when woken."""
            ...

        def receive_now(self) -> Frames | None:
            """Return a message that is there already, or None."""
            ...

        def send_raw(self, frames: Frames) -> None:
            """Send."""
            ...

        def wake(self) -> None:
            """Make `receive_raw` return None."""
            ...

        @property
        def is_closed(self) -> bool:
            """Whether it cannot be used any more."""
            ...


_SETTLE_S = 1.0
_FULL_S = 0.02
_MAX_SETTLE = 10_000


class Relay:
    """One reader thread.

    Args:
        channel: The shell channel.
        log: Takes one line.
    """

    def __init__(self, channel: Channel, log: Callable[[str], None]) -> None:
        self._channel = channel
        self._log = log
        self._replies: deque[Frames] = deque()
        self._settled: deque[Event] = deque()
        self._is_woken = False
        self._is_done = False
        self._thread: Thread | None = None

    def start(self, queues: Queues) -> None:
        """Begin to wait for the socket."""
        self._channel.wake()
        self._thread = Thread(target=self._serve, args=(queues,), name="llmspell-shell", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is left, give the socket back and end."""
        self._is_done = True
        self._channel.wake()
        if self._thread is not None:
            self._thread.join(_SETTLE_S)

    def send(self, frames: Frames) -> None:
        """Send a reply soon; any thread."""
        self._replies.append(frames)
        self._wake()

    def settle(self) -> None:
        """Wait until everything that has arrived is in the queues."""
        done = Event()
        self._settled.append(done)
        self._wake()
        done.wait(_SETTLE_S)

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._channel.wake()

    def _serve(self, queues: Queues) -> None:
        self._channel.acquire()
        try:
            while not self._is_done and not self._channel.is_closed:
                try:
                    self._turn(queues)
                except Exception as error:  # noqa: BLE001 - without this thread no request is heard any more
                    self._log(f"a bug in the shell's reader thread: {type(error).__name__}: {error}")
            if not self._channel.is_closed:
                self._send_replies()
        finally:
            self._channel.release()

    def _turn(self, queues: Queues) -> None:
        if queues.is_full:
            self._send_replies()
            Event().wait(_FULL_S)  # main works; nothing is lost, it waits in libzmq and at the senders
            self._settle(queues)
            return
        frames = self._channel.receive_raw()
        if frames is not None:
            queues.put(frames, subshell_of(frames))
            return
        self._is_woken = False
        self._send_replies()
        self._settle(queues)

    def _send_replies(self) -> None:
        while self._replies:
            self._channel.send_raw(self._replies.popleft())

    def _settle(self, queues: Queues) -> None:
        if not self._settled:
            return
        for _ in range(_MAX_SETTLE):
            frames = self._channel.receive_now()
            if frames is None:
                break
            queues.put(frames, subshell_of(frames))
        while self._settled:
            self._settled.popleft().set()


def subshell_of(frames: Frames) -> str | None:
    """Return the subshell that a message names, None for the main shell; frames that are no message go there too."""
    try:
        header = frames[frames.index(DELIMITER, 0, MAX_IDENTITIES) + 2]
        if b'"subshell_id"' not in header:
            return None
        value = loads(header)
    except (ValueError, IndexError, InvalidParameters):
        return None
    subshell_id = value.get("subshell_id") if isinstance(value, dict) else None
    return subshell_id if isinstance(subshell_id, str) else None
