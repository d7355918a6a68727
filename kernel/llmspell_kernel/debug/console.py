"""What the terminal of `llmspell debug` says of a program's stops: where, why, and the watched expressions."""

from __future__ import annotations

from threading import Thread

from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_kernel.debug.debuggee import Debuggee
    from llmspell_kernel.lua.debugger.points import Point
    from llmspell_kernel.lua.debugger.stops import Stop


class StopNotes:
    """A listener that writes a few lines at each stop.

    Args:
        note: Writes one line.
        watches: Expressions.
        waits_for: What to say where nobody is attached, or "".
    """

    def __init__(self, note: Callable[[str], None], watches: Sequence[str], waits_for: Callable[[], str]) -> None:
        self._note = note
        self._watches = tuple(watches)
        self._waits_for = waits_for
        #: The program, once there is one.
        self.debuggee: Debuggee | None = None

    def stopped(self, stop: Stop) -> None:
        """Say where, from a thread of its own: the program answers questions only after this returns."""
        Thread(target=self._tell, args=(stop,), name="llmspell-debug-notes", daemon=True).start()

    def resumed(self, mode: str) -> None:
        """Say nothing."""

    def logged(self, text: str) -> None:
        """Write what a log point says."""
        self._note(text.removesuffix("\n"))

    def point_changed(self, point: Point) -> None:
        """Say nothing."""

    def loaded(self, name: str) -> None:
        """Say nothing."""

    def wrote(self, stream: str, text: str) -> None:
        """Say nothing: the terminal has it."""

    def ended(self, status: int | None) -> None:
        """Say nothing."""

    def _tell(self, stop: Stop) -> None:
        debuggee = self.debuggee
        if debuggee is None:
            return
        try:
            frames, _ = debuggee.frames(stop.thread, 0, 1, all_frames=False)
            place = f" at {frames[0].source.lstrip('@=')}:{frames[0].line}" if frames else ""
            self._note(f"Stopped{place} ({stop.reason}){': ' + stop.text if stop.text else ''}{self._waits_for()}")
            for text in self._watches:
                self._note(f"  {text} = {_value(debuggee, frames[0].id if frames else 0, text)}")
        except LlmspellError:
            pass  # it has gone on


def _value(debuggee: Debuggee, frame: int, text: str) -> str:
    try:
        return debuggee.evaluate(frame, text).text
    except LlmspellError as error:
        return f"<{error.message}>"
