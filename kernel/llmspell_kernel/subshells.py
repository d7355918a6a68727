"""Subshells: several lines of requests on one shell channel, served by one main thread and one Lua state.

Theory of operation. Until the first create_subshell_request main reads the shell socket itself (`Dispatcher.serve`).
Then a reader thread has the socket (`relay.py`) and puts each request into the queue of its shell, the main shell being
one of them. Main takes from all queues what comes first; within a shell requests are served in order and one at a time.
While main runs a script, a request for another shell is served at a safe point in its middle: the script waits
meanwhile. A tool that blocks, or a question to a person, is waited for. Where a script cannot be reached at all (no
native hook: Windows) requests wait until main is free.

An interrupt is for the whole process (JEP 91): it stops the request that runs and those that wait for it.

Spec: Jupyter messaging 5.5, "Kernel subshells". Knows no socket and no Lua. `create`, `delete` and `ids` are called on
the control thread, `put` on the reader thread, everything else on the main thread.
"""

from __future__ import annotations

import os
from _queue import SimpleQueue  # `queue` imports more than all of this
from collections import deque
from threading import Lock

from llmspell_kernel.errors import UnknownSubshell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from llmspell_kernel.dispatch import Dispatcher

    Frames = list[bytes]

    class Door(Protocol):
        """The shell socket behind its reader thread."""

        def send(self, frames: Frames) -> None:
            """Send a reply."""
            ...

        def settle(self) -> None:
            """Wait until what has arrived already is in the queues."""
            ...

        def stop(self) -> None:
            """Send what is left and give the socket back."""
            ...


#: Requests that wait in all queues together; above it the reader thread leaves the rest to libzmq and the network.
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 256 * 1024 * 1024


class Shell:
    """One line of requests; a `MessageSource` for its dispatcher."""

    __slots__ = ("_door", "dispatcher", "id", "is_busy", "name", "queue")

    def __init__(self, subshell_id: str | None, dispatcher: Dispatcher, door: Door) -> None:
        self.id = subshell_id
        #: For the replay memory: dates are in order within one shell only.
        self.name = "shell" if subshell_id is None else f"shell {subshell_id}"
        self.dispatcher = dispatcher
        self.queue: deque[Frames] = deque()
        self.is_busy = False
        self._door = door

    def receive(self) -> Frames | None:
        """Return the next message, or None."""
        return self.queue.popleft() if self.queue else None

    def hold(self) -> int:
        """Return how many messages wait, with those that have arrived by now."""
        self._door.settle()
        return len(self.queue)

    def send(self, frames: Frames) -> None:
        """Send a reply."""
        self._door.send(frames)


class Subshells:
    """The main shell and the subshells of one kernel.

    Args:
        main: Dispatcher of the main shell.
        make_dispatcher: Makes one for a subshell.
        door: Where requests come from and replies go.
        nested: Serves what is handed to it in the middle of the script that runs; see `Nested` in `kernel.py`.
        post_work: Asks the script that runs, if one does, to call something at its next safe point; any thread.
    """

    def __init__(
        self,
        main: Dispatcher,
        make_dispatcher: Callable[[], Dispatcher],
        door: Door,
        *,
        nested: Callable[[Callable[[], bool]], None],
        post_work: Callable[[Callable[[], None]], None],
    ) -> None:
        self._door = door
        self.main = Shell(None, main, door)
        # The main thread may be in the middle of a request that it has read itself.
        self.main.is_busy = True
        self._make_dispatcher = make_dispatcher
        self._nested = nested
        self._post_work = post_work
        self._lock = Lock()
        self._shells: dict[str | None, Shell] = {None: self.main}
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._is_posted = False
        self._waiting_bytes = 0
        self._waiting = 0

    # --- control thread ---

    def create(self) -> str:
        """Return the id of a new subshell."""
        subshell_id = os.urandom(16).hex()
        shell = Shell(subshell_id, self._make_dispatcher(), self._door)
        with self._lock:
            self._shells[subshell_id] = shell
        return subshell_id

    def delete(self, subshell_id: str) -> None:
        """Forget a subshell: what runs on it goes on, what waits is answered with an error.

        Raises:
            UnknownSubshell: There is none of this id.
        """
        with self._lock:
            shell = self._shells.pop(subshell_id, None)
            waiting = [] if shell is None else list(shell.queue)
            if shell is not None:
                shell.queue.clear()
                self._waiting -= len(waiting)
                self._waiting_bytes -= sum(map(_size, waiting))
        if shell is None:
            raise UnknownSubshell(subshell_id)
        for frames in waiting:
            shell.dispatcher.refuse(frames, shell, UnknownSubshell(subshell_id))

    def ids(self) -> list[str]:
        """Return the ids of the subshells, oldest first."""
        with self._lock:
            return [subshell_id for subshell_id in self._shells if subshell_id is not None]

    # --- reader thread ---

    def put(self, frames: Frames, subshell_id: str | None) -> None:
        """Queue a message for its shell; one for a shell that is not there is answered with an error at once."""
        with self._lock:
            shell = self._shells.get(subshell_id)
            if shell is not None:
                shell.queue.append(frames)
                self._waiting += 1
                self._waiting_bytes += _size(frames)
        if shell is None:
            self.main.dispatcher.refuse(frames, self.main, UnknownSubshell(str(subshell_id)))
            return
        self._tokens.put(None)
        if any(each.is_busy for each in list(self._shells.values())):
            self._post()

    @property
    def is_full(self) -> bool:
        """Whether the reader should leave further messages where they are."""
        return self._waiting >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES

    # --- main thread ---

    def knows(self, subshell_id: object) -> bool:
        """Tell whether a message that main has read itself may be served; any thread."""
        return subshell_id is None or subshell_id in self._shells

    def serve(self, is_stopping: Callable[[], bool], woken: Callable[[], None]) -> None:
        """Handle messages until `is_stopping` is true after a wake-up; what waits then is answered as aborted.

        `woken` is called first, and after each message or wake-up.
        """
        self.main.is_busy = False
        while not is_stopping():
            woken()
            self._tokens.get()
            while not is_stopping() and self._serve_next():
                pass
        for shell in list(self._shells.values()):
            shell.dispatcher.refuse_pending(shell)
        self.stop()

    def stop(self) -> None:
        """Give the shell socket back to main, which may have it already."""
        self._door.stop()

    def wake(self) -> None:
        """Make `serve` look at `is_stopping` and call `woken`; any thread."""
        self._tokens.put(None)

    def _post(self) -> None:
        """Ask the script that runs, or is about to, for its next safe point; any thread."""
        if not self._is_posted:
            self._is_posted = True
            self._post_work(self._at_safe_point)

    def _at_safe_point(self) -> None:
        self._is_posted = False
        if self._can_serve():
            self._nested(self._serve_next)

    def _can_serve(self) -> bool:
        with self._lock:
            return any(shell.queue and not shell.is_busy for shell in self._shells.values())

    def _serve_next(self) -> bool:
        """Handle the first message of a shell that is free; tell whether there was one."""
        with self._lock:
            shell = next((each for each in self._shells.values() if each.queue and not each.is_busy), None)
            if shell is None:
                return False
            frames = shell.queue.popleft()
            self._waiting -= 1
            self._waiting_bytes -= _size(frames)
            self._shells[shell.id] = self._shells.pop(shell.id)  # to the end: every shell gets its turn
            shell.is_busy = True
        if self._can_serve():  # what has come while nobody was busy would wait for the end of this one
            self._post()
        try:
            shell.dispatcher.take_or_log(frames, shell)
        finally:
            shell.is_busy = False
        return True


def _size(frames: Frames) -> int:
    return sum(map(len, frames))
