"""What scripts print, buffered so that a thousand prints are not a thousand writes.

Lua appends to a Python list (`parts.append` is the callback itself, no Python frame), so that the watch thread can
flush while Lua computes. The first piece of a run goes out at once, then at most 20 ms or 16 KB wait; errors, tool
calls and the end of the run flush as well. Two threads write: the owner and the watch thread, under one lock.
"""

from __future__ import annotations

from _codecs import utf_8_decode
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Output:
    """The buffer of one engine.

    Args:
        write: ``write("stdout" | "stderr", text)``; any thread, one at a time.
        errors: How bytes that are not UTF-8 become text: "replace" or "surrogateescape".
    """

    __slots__ = ("_carry", "_errors", "_lock", "_write", "failure", "parts")

    def __init__(self, write: Callable[[str, str], None], errors: str = "replace") -> None:
        self._write = write
        self._errors = errors
        self._carry = b""
        self._lock = allocate_lock()
        #: Pieces of standard output in latin-1, one character for each byte.
        self.parts: list[str] = []
        #: What `write` raised, for the run to end with.
        self.failure: Exception | None = None

    def flush(self, *, final: bool = False) -> None:
        """Write what waits; the bytes of a character cut in half wait on, unless this is the end of a run.

        Raises:
            Exception: The writer's own failure; nothing is written after one.
        """
        if not self.parts and not (final and self._carry):
            return
        with self._lock:
            self._flush(final)

    def flush_from_watch(self) -> None:
        """Write what waits, unless the owner is writing just now; never raises, see `failure`."""
        if not self.parts or not self._lock.acquire(blocking=False):
            return
        try:
            self._flush(False)
        except Exception:  # noqa: BLE001 - kept in `failure`; the owner raises it when the run ends
            pass
        finally:
            self._lock.release()

    def add(self, stream: str, text: str) -> None:
        """Write text of a tool's own, in its place among what the script prints; any thread.

        Raises:
            Exception: The writer's own failure.
        """
        raw = text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")
        if stream == "stderr":
            self.error_text(raw)
        else:
            self.parts.append(raw)

    def error_text(self, text: str) -> None:
        """Write to standard error, after what waits for standard output."""
        self.flush()
        with self._lock:
            raw = text.encode("latin-1")
            self._hand_over("stderr", text if text.isascii() else raw.decode("utf-8", self._errors))

    def swap_carry(self, carry: bytes) -> bytes:
        """Set the bytes of a character cut in half; return those there were."""
        former, self._carry = self._carry, carry
        return former

    def begin(self) -> None:
        """Forget the failure of an earlier run."""
        self.failure = None

    def _flush(self, final: bool) -> None:
        if self.failure is not None:
            self.parts.clear()
            return
        count = len(self.parts)
        text = "".join(self.parts[:count])
        del self.parts[:count]
        if self._carry or not text.isascii():
            raw = self._carry + text.encode("latin-1")
            text, used = utf_8_decode(raw, self._errors, final)
            self._carry = raw[used:]
        if text:
            self._hand_over("stdout", text)

    def _hand_over(self, stream: str, text: str) -> None:
        try:
            self._write(stream, text)
        except Exception as error:
            self.failure = error
            raise
