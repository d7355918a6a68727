"""What a cell shows and asks, as Jupyter messages of the request that runs: the kernel's `Front`.

Spec: Jupyter messaging 5.5, "Display data", "Update display data", "Clear output". A silent request shows nothing;
comm messages and questions are no output and go out all the same.
"""

from __future__ import annotations

from time import monotonic

from llmspell_kernel.progress import Progress
from llmspell_kernel.wire import EMPTY_OBJECT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_kernel.comms import Comms
    from llmspell_kernel.output import Output
    from llmspell_kernel.stdin import Questions
    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject


class KernelFront:
    """A notebook's door.

    Args:
        output: Knows the request that runs.
        questions: Asks its sender.
        comms: Sends comm messages.
        clock: Monotonic seconds, for bars.
    """

    has_comms = True
    has_input = True

    def __init__(
        self, output: Output, questions: Questions, comms: Comms, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._output = output
        self._questions = questions
        self._comms = comms
        self._progress = Progress(self._show_bar, output.at_end, clock=clock)

    @property
    def can_ask(self) -> bool:
        """Whether the sender of what runs answers questions."""
        return self._questions.can_ask(self._output.request)

    @property
    def parent_id(self) -> str:
        """The id of the message that is being handled."""
        request = self._output.request
        return "" if request is None else request.message.msg_id

    def display(self, data: JsonObject, metadata: JsonObject, display_id: str | None, *, update: bool) -> None:
        """Publish display_data or update_display_data."""
        transient: JsonObject = {} if display_id is None else {"display_id": display_id}
        msg_type = "update_display_data" if update else "display_data"
        self._output.publish(msg_type, {"data": data, "metadata": metadata, "transient": transient})

    def clear_output(self, *, wait: bool) -> None:
        """Publish clear_output."""
        self._output.publish("clear_output", {"wait": wait})

    def progress(
        self, work: str, done: float, total: float | None, message: str, state: str, since: float | None
    ) -> None:
        """Show a bar that changes; any thread."""
        self._progress.report(work, done, total, message, state, since)

    def input(self, prompt: str, *, password: bool, context: ToolContext) -> str | None:
        """Ask the sender of what runs."""
        return self._questions.ask(self._output.request, prompt, password=password, check=context.check)

    def comm(self, kind: str, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> None:
        """Publish a comm message."""
        request = self._output.request
        parent = EMPTY_OBJECT if request is None else request.message.header_bytes
        self._comms.send(kind, content, metadata, buffers, parent=parent)

    def _show_bar(self, data: JsonObject, display_id: str, *, update: bool) -> None:
        self.display(data, {}, display_id, update=update)
