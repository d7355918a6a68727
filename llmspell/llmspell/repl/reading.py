"""Where cells come from: the seam, and the plain reader for input that is no terminal."""

from __future__ import annotations

from typing import Protocol

from llmspell.client.asking import StandardInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Reader(Protocol):
    """Reads cells and commands."""

    def read(self, title: str, text: str = "") -> str:
        """Return the next cell or command.

        Args:
            title: Stands before it.
            text: Is there already, to be changed; where nobody types it is left out.

        Raises:
            EOFError: There is none: the input is over, or the person has left.
            KeyboardInterrupt: The person has thrown away what was typed.
        """
        ...

    def ask(self, prompt: str, password: bool, /) -> str | None:
        """Return the answer to a question of a cell, None at the end of input."""
        ...

    def read_command(self, title: str) -> str:
        """Return a line for the debugger, while a cell is stopped; from another thread. Raises as `read`."""
        ...


class PlainReader:
    """Lines of standard input, no prompts, no keys: for pipes and files.

    Args:
        judge: Tells whether a cell is complete: its status of `is_complete_reply`.
        is_command: Tells whether a line is a command of the console, which is complete by itself.
        is_stopped: Tells whether nobody waits for an answer any more.
    """

    def __init__(
        self, judge: Callable[[str], str], is_command: Callable[[str], bool], is_stopped: Callable[[], bool]
    ) -> None:
        self._judge = judge
        self._is_command = is_command
        self._is_stopped = is_stopped
        self._input = StandardInput(lambda _: None)

    def read(self, title: str, text: str = "") -> str:  # noqa: ARG002 - nobody is there to see it
        """See `Reader.read`; a cell ends where it is complete, or with the input."""
        cell = ""
        while True:
            line = self._line()
            if line is None:
                if cell.strip():
                    return cell
                raise EOFError
            if not cell and (not line.strip() or self._is_command(line)):
                return line
            cell += line
            if self._judge(cell) != "incomplete":
                return cell
            cell += "\n"

    def ask(self, prompt: str, password: bool, /) -> str | None:
        """See `Reader.ask`: the next line answers."""
        return self._input.ask(prompt, password=password, is_stopped=self._is_stopped)

    def read_command(self, title: str) -> str:  # noqa: ARG002 - the Reader's
        """See `Reader.read_command`."""
        line = self._line()
        if line is None:
            raise EOFError
        return line

    def _line(self) -> str | None:
        return self._input.ask("", password=False, is_stopped=self._is_stopped)
