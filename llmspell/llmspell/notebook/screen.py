"""What a notebook that runs shows at a terminal or in a pipe: what its cells print and show, as it comes.

Text goes to stdout, a cell's own stderr to stderr; rich displays are their `text/plain`. How far the notebook and long
work in it are stands on one line of a terminal's stderr. Errors are not printed here: the run ends with them.
"""

from __future__ import annotations

from llmspell.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell.notebook.engine import Client
    from llmspell.progress import ProgressBar
    from llmspell_tools.types import JsonObject, JsonValue

#: In the HTML of our kernel's bars; see `llmspell_kernel.progress`.
_BAR = 'class="llmspell-progress"'


class Screen:
    """Shows what cells show; a `Listener` of the engine.

    Args:
        cells: How many the notebook has.
        status: The line that says how far it is; None where stderr is no terminal.
        keep: Keep what would go to stdout for `text`.
        silent: Show nothing at all.

    Attributes:
        console: Where text goes.
    """

    def __init__(self, cells: int, *, status: ProgressBar | None, keep: bool, silent: bool) -> None:
        self.console = Console(keep=keep, bar=status)
        self._cells = cells
        self._status = status
        self._silent = silent
        self._at_line_start = True
        self._place = ""

    def started(self, client: Client) -> None:
        """Let a broken pipe end the run."""
        self.console.stop = client.stop
        self._say("starting the kernel")

    def cell_begins(self, index: int, cell: Any) -> None:
        """Say which cell runs."""
        if cell.get("cell_type") == "code":
            self._place = f"cell {index + 1} of {self._cells}"
            self._say(self._place)

    def message(self, msg_type: str, content: JsonObject) -> None:
        """Print what an iopub message of the running cell shows."""
        if msg_type == "stream":
            self._print(str(content.get("name")), str(content.get("text", "")))
        elif msg_type in {"execute_result", "display_data", "update_display_data"}:
            self._show(content.get("data"))

    def close(self) -> None:
        """Take the status line away and end the last line."""
        if self._status is not None:
            self._status.clear()
        if not self._at_line_start:
            self._print("stdout", "\n")

    def _show(self, data: JsonValue) -> None:
        bundle = data if isinstance(data, dict) else {}
        text = _joined(bundle.get("text/plain"))
        if _BAR in _joined(bundle.get("text/html")):
            self._say(f"{self._place}  {text}")
            return
        text = text or (f"<{', '.join(bundle)}>" if bundle else "")
        if text:
            self._print("stdout", ("" if self._at_line_start else "\n") + text + "\n")

    def _print(self, stream: str, text: str) -> None:
        if self._silent or not text:
            return
        self.console.write("stderr" if stream == "stderr" else "stdout", text)
        if stream != "stderr":
            self._at_line_start = text.endswith("\n")

    def _say(self, text: str) -> None:
        if self._status is not None and self._at_line_start:
            self._status.show_text(text)


def _joined(text: JsonValue) -> str:
    """Return a text of a notebook, which may be a list of lines."""
    return "".join(str(line) for line in text) if isinstance(text, list) else text if isinstance(text, str) else ""
