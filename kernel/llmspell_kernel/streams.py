"""`sys.stdout` and `sys.stderr` of the kernel's process: what Python code writes while a request is handled is its own.

So the prints of own tools and of Python cells appear where they belong. What is written otherwise goes to the process's
streams, as it did. While Lua runs, text joins what the script prints, in order. Otherwise an `Outlet` publishes it, on
a thread of its own: an interrupt that raises in the middle of a `print` must not cut a message in half, and a thousand
prints are no thousand messages.

Threads: any thread may write. The outlet's thread starts with the first text and ends with the kernel.
"""

from __future__ import annotations

import io
import os
import sys

from llmspell_kernel.wire import encode, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from threading import Event, Thread
    from typing import Any, TextIO

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.output import Output
    from llmspell_tools.types import JsonObject

    #: Writes text of one stream among what the script that runs prints; None while none runs.
    ScriptWriter = Callable[[str, str], None] | None

#: Text waits this long for more of it, seconds: the pieces of one `print` come one by one.
_GATHER_S = 0.002
#: Two messages of text are at least this far apart, seconds.
_EVERY_S = 0.02
_FLUSH_S = 10.0


class Outlet:
    """Publishes on a thread of its own, in order."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] | None = None
        self._waits = False
        self._thread: Thread | None = None
        self._hurry: Event | None = None

    def text(self, request: Request, name: str, text: str) -> None:
        """Publish text of one stream, soon."""
        self._started().put((request, name, text))
        self._waits = True

    def message(self, request: Request, msg_type: str, content: JsonObject) -> None:
        """Publish a message, behind the text that was written before it.

        Raises:
            InvalidParameters: The content is no JSON.
        """
        self._started().put((request, msg_type, encode(content)))
        self._waits = True

    def call(self, publish: Callable[[], None]) -> None:
        """Let `publish` publish something else in its turn; it must not raise."""
        self._started().put(publish)
        self._waits = True

    def flush(self) -> None:
        """Return when everything has been published that was written before."""
        if not self._waits or self._queue is None or self._hurry is None:
            return
        self._waits = False
        from _thread import allocate_lock

        passed = allocate_lock()
        passed.acquire()
        self._queue.put(passed)
        self._hurry.set()
        passed.acquire(timeout=_FLUSH_S)

    def close(self) -> None:
        """End the thread."""
        if self._queue is not None and self._thread is not None and self._hurry is not None:
            self._queue.put(None)
            self._hurry.set()
            self._thread.join(_FLUSH_S)

    def _started(self) -> SimpleQueue[Any]:
        if self._queue is None:
            from queue import SimpleQueue
            from threading import Event, Thread

            self._hurry = Event()
            queue: SimpleQueue[Any] = SimpleQueue()
            self._queue = queue
            self._thread = Thread(target=self._serve, args=(queue, self._hurry), name="llmspell-outlet", daemon=True)
            self._thread.start()
        return self._queue

    @staticmethod
    def _serve(queue: SimpleQueue[Any], hurry: Event) -> None:
        from queue import Empty
        from time import monotonic

        last = 0.0
        while True:
            items = [queue.get()]
            if isinstance(items[0], tuple) and isinstance(items[0][2], str):
                hurry.wait(max(_GATHER_S, last + _EVERY_S - monotonic()))
            hurry.clear()
            while True:
                try:
                    items.append(queue.get_nowait())
                except Empty:
                    break
            if not _publish(items):
                return
            last = monotonic()


def _publish(items: list[Any]) -> bool:
    """Publish what was put into the queue, text of one stream in one message; False where the end is among it."""
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if item is None:
            return False
        if not isinstance(item, tuple):
            if callable(item):
                item()
            else:
                item.release()
            continue
        request, kind, content = item
        if isinstance(content, bytes):
            request.publish_encoded(kind, content)
            continue
        texts = [content]
        while index < len(items) and _continues(items[index], request, kind):
            texts.append(items[index][2])
            index += 1
        body = f'{{"name":{quote(kind)},"text":{quote("".join(texts))}}}'
        request.publish_encoded("stream", body.encode("ascii"))
    return True


def _continues(item: Any, request: Request, name: str) -> bool:
    return isinstance(item, tuple) and item[0] is request and item[1] == name and isinstance(item[2], str)


class CellStream(io.TextIOBase):
    """One of the two streams.

    Args:
        name: stdout or stderr.
        former: The process's own.
        output: Knows the request that is handled.
        outlet: Publishes where no script runs.
        find_writer: Returns what writes among the prints of the script that runs.
    """

    encoding = "utf-8"
    errors = "strict"

    def __init__(
        self, name: str, former: TextIO, output: Output, outlet: Outlet, find_writer: Callable[[], ScriptWriter]
    ) -> None:
        self.name = name
        self.former = former
        self._output = output
        self._outlet = outlet
        self._find_writer = find_writer
        self._pid = os.getpid()

    def write(self, text: str, /) -> int:
        """Write text; whoever handles a request now gets it."""
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] # anybody may call this
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._output.request is None or os.getpid() != self._pid:  # a child that was forked has no sockets
            return self.former.write(text)
        request = self._output.shown
        if request is None or not text:
            return len(text)
        writer = self._find_writer()
        if writer is None:
            self._outlet.text(request, self.name, text)
        else:
            writer(self.name, text)
        return len(text)

    def flush(self) -> None:
        """Write out what waits in the process's stream; a cell's text is on its way already."""
        if self._output.request is None:
            self.former.flush()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False: a cell is no terminal."""
        return False

    def fileno(self) -> int:
        """Return the process's stream's, for child processes."""
        return self.former.fileno()

    @property
    def buffer(self) -> _Bytes:
        """Takes bytes of UTF-8."""
        return _Bytes(self)


class _Bytes(io.RawIOBase):
    """The bytes of a stream."""

    def __init__(self, stream: CellStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        content = bytes(data)
        self._stream.write(content.decode("utf-8", "replace"))
        return len(content)


def take_streams(output: Output, outlet: Outlet, find_writer: Callable[[], ScriptWriter]) -> Callable[[], None]:
    """Take `sys.stdout` and `sys.stderr`; return what gives them back.

    From here on a request ends when what was written in it has been published.
    """
    output.before_end = outlet.flush
    ours: dict[str, CellStream] = {}
    for name in ("stdout", "stderr"):
        former = getattr(sys, name)
        if former is not None:  # a process without one
            ours[name] = CellStream(name, former, output, outlet, find_writer)
            setattr(sys, name, ours[name])

    def give_back() -> None:
        output.before_end = None
        for name, stream in ours.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.former)

    return give_back
