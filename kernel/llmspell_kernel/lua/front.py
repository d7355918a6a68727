"""What a running script may ask of its door: show something rich, clear it, ask a person, speak to widgets.

A notebook's front publishes on iopub and asks on stdin (`llmspell_kernel.display`); the terminal's prints text
(`llmspell.front`). `TextFront` is what an engine has that was given none. Standard output and error are no part of it:
they are the engine's `write`.
"""

from __future__ import annotations

from llmspell_tools.errors import ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, Protocol

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject

    #: How long work goes on: it runs, it is done, it failed.
    WorkState = Literal["running", "done", "failed"]
    CommType = Literal["comm_open", "comm_msg", "comm_close"]

    class Front(Protocol):
        """One door; all but `progress` is called on the engine's owner thread."""

        #: Whether messages of `comm` reach anybody.
        has_comms: bool
        #: Whether `input` ever asks anybody here.
        has_input: bool

        @property
        def can_ask(self) -> bool:
            """Whether `input` has a person to ask now."""
            ...

        def display(self, data: JsonObject, metadata: JsonObject, display_id: str | None, *, update: bool) -> None:
            """Show a MIME bundle; `update` changes what was shown under the same id."""
            ...

        def clear_output(self, *, wait: bool) -> None:
            """Take away what the cell has shown so far; with `wait` only when something new comes."""
            ...

        def progress(
            self, work: str, done: float, total: float | None, message: str, state: WorkState, since: float | None
        ) -> None:
            """Say how far a piece of work is; the door decides what is shown and how often. From any thread.

            Args:
                work: Its id; what is not running any more is forgotten.
                done: In its own unit.
                total: The same, or None where nobody knows.
                message: Shown beside the bar.
                state: Whether it goes on.
                since: Monotonic time when it began; None where the bar is to be shown at once.
            """
            ...

        def input(self, prompt: str, *, password: bool, context: ToolContext) -> str | None:
            """Ask a person for one line, without its end; None at the end of input.

            Raises:
                LlmspellError: Nobody can be asked, or the context's run was stopped while waiting.
            """
            ...

        def comm(self, kind: CommType, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> None:
            """Send a comm message; `content` as in Jupyter messaging 5.5, "Custom Messages"."""
            ...

        @property
        def parent_id(self) -> str:
            """The id of the message that is being handled; "" where there are none."""
            ...


class TextFront:
    """A door that has only text: shows `text/plain`, knows nobody to ask.

    Args:
        write: ``write("stdout" | "stderr", text)``.
    """

    has_comms = False
    has_input = False
    can_ask = False
    parent_id = ""

    def __init__(self, write: Callable[[str, str], None]) -> None:
        self._write = write

    def display(  # the other parameters are the Protocol's
        self,
        data: JsonObject,
        metadata: JsonObject,  # noqa: ARG002
        display_id: str | None,  # noqa: ARG002
        *,
        update: bool,  # noqa: ARG002
    ) -> None:
        """Print the bundle's text; where it has none, what it is."""
        text = data.get("text/plain")
        if not isinstance(text, str):
            text = f"<{', '.join(data)}>" if data else ""
        if text:
            self._write("stdout", text if text.endswith("\n") else text + "\n")

    def clear_output(self, *, wait: bool) -> None:
        """Do nothing: what was printed may have gone into a pipe."""

    def progress(
        self, work: str, done: float, total: float | None, message: str, state: WorkState, since: float | None
    ) -> None:
        """Show nothing."""

    def input(self, prompt: str, *, password: bool, context: ToolContext) -> str | None:  # noqa: ARG002 - Protocol's
        """Refuse."""
        raise ToolExecutionError("there is nobody here to ask for input")

    def comm(self, kind: CommType, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> None:
        """Do nothing; `has_comms` says so."""
