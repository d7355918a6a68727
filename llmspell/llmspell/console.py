"""The terminal, or whatever the three streams are, as a running script sees it.

`write` is called by the engine's owner thread and by its watch thread; it never raises: what cannot be written any
more (the reader of the pipe has gone, the disk is full) is kept in `failure`, and the run is asked to stop.
"""

from __future__ import annotations

import errno
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.progress import ProgressBar


class Console:
    """Standard output, error and input of one run.

    Args:
        keep: Keep what is printed for `text` instead of writing it.
        bar: Taken off the screen before anything is printed.

    Attributes:
        stop: Asks the run to end; set by whoever starts it.
        failure: The first error of writing.
    """

    __slots__ = ("_bar", "_kept", "failure", "stop")

    def __init__(self, *, keep: bool, bar: ProgressBar | None = None) -> None:
        self._kept: list[str] | None = [] if keep else None
        self._bar = bar
        self.stop: Callable[[], None] | None = None
        self.failure: OSError | None = None

    def write(self, stream: str, text: str) -> None:
        """Write text to ``stdout`` or ``stderr``; lone surrogates are the bytes that they stand for."""
        if self._bar is not None:
            self._bar.clear()
        if stream == "stdout" and self._kept is not None:
            self._kept.append(text)
            return
        target = sys.stdout if stream == "stdout" else sys.stderr
        if self.failure is not None:
            return
        if target is None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller: `>&-`
            if stream == "stdout" and text:  # what goes to standard error is lost, as everywhere
                self._failed(OSError(errno.EBADF, "standard output is closed"))
            return
        try:
            encoding = (target.encoding or "ascii").lower()
            errors = "surrogateescape" if encoding in {"utf-8", "utf8"} else "backslashreplace"
            data = text.encode(encoding, errors)
            target.flush()
            target.buffer.write(data)
            target.buffer.flush()
        except UnicodeEncodeError:
            target.write(text.encode("utf-8", "replace").decode("utf-8"))
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.failure = error
        if self.stop is not None:
            self.stop()

    def text(self) -> str:
        """Return what was printed to stdout so far, without the last line's end."""
        return "".join(self._kept or ()).removesuffix("\n")

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of standard input, or one line where `size` is negative; b"" at its end."""
        if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] # `<&-`
            return b""
        if self._kept is None:
            sys.stdout.flush()
        stream = sys.stdin.buffer
        return stream.readline() if size < 0 else stream.read(size)
