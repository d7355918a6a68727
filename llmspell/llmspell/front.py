"""The terminal as the door of a running script: rich values are printed as text, bars stand on stderr's line.

What Jupyter shows as HTML, a chart or a picture is here its `text/plain`; an update is printed as it comes.
"""

from __future__ import annotations

import sys

from llmspell_kernel.lua.front import TextFront

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.console import Console
    from llmspell.progress import ProgressBar
    from llmspell_kernel.lua.front import WorkState
    from llmspell_tools.definition import ToolContext


class TerminalFront(TextFront):
    """The streams of this process.

    Args:
        console: Where text goes, and where answers come from.
        bar: Shows how far work is; None where stderr is no terminal.
    """

    def __init__(self, console: Console, bar: ProgressBar | None) -> None:
        super().__init__(console.write)
        self._console = console
        self._bar = bar

    def progress(
        self,
        work: str,  # noqa: ARG002 - there is one line for all
        done: float,
        total: float | None,
        message: str,
        state: WorkState,
        since: float | None,  # noqa: ARG002 - the bar itself decides
    ) -> None:
        """Show the state on stderr's line, and take it away when the work is over."""
        if self._bar is None:
            return
        if state == "running":
            self._bar(done, total, message)
        else:
            self._bar.clear()

    def input(self, prompt: str, *, password: bool, context: ToolContext) -> str | None:  # noqa: ARG002 - SIGINT ends it
        """Read a line of standard input; a password is not shown where a terminal types it."""
        if self._bar is not None:
            self._bar.clear()
        if password and _is_terminal():
            from getpass import getpass  # termios; only for a password

            try:
                return getpass(prompt)
            except EOFError:
                return None
        if prompt and _is_terminal():
            self._console.write("stderr", prompt)
        line = self._console.read(-1)
        return line.removesuffix(b"\n").decode("utf-8", "surrogateescape") if line else None


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # closed by the caller
        return False
