"""IPython as the door of tools and of running Lua: prints, rich displays, progress, questions, widgets.

Prints go to whatever `sys.stdout` is now, so `%%capture` and redirections work. Everything rich goes through IPython's
own display functions: HTML in a notebook, text in a terminal. Questions are Python's `input`, which a notebook's
kernel sends to its front end. Comm messages need a kernel and the library `comm`, which ipykernel brings.
"""

from __future__ import annotations

import builtins
import sys
from time import monotonic
from typing import TYPE_CHECKING

from llmspell_kernel.progress import Progress
from llmspell_tools.errors import ToolExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from llmspell_kernel.lua.front import CommType, WorkState
    from llmspell_tools.definition import ToolContext, ToolResult
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonInput, JsonObject

    #: ``receive(kind, content, metadata, buffers)`` of a comm message that came in.
    Receive = Callable[[str, JsonObject, JsonObject, Sequence[bytes]], None]


class Door:
    """One shell; a `Front` for Lua, and what tools called from Python need.

    Args:
        shell: The shell.
    """

    has_input = True

    def __init__(self, shell: InteractiveShell) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        self.has_comms = self._kernel is not None
        self._progress = Progress(self._show_bar, later=lambda _: None)  # `settle` is always called
        self._comms: dict[str, Any] = {}
        #: Takes the comm messages that come in; whoever runs Lua sets it.
        self.receive: Receive | None = None

    # --- tools -----------------------------------------------------------------------------------------------------

    def call(
        self,
        registry: ToolRegistry,
        name: str,
        params: Mapping[str, JsonInput],
        timeout_s: float | None = None,
    ) -> ToolResult:
        """Call a tool with this door's progress and questions; errors are those of `ToolRegistry.invoke`."""
        since = monotonic()

        def report(done: float, total: float | None = None, message: str = "") -> None:
            self.progress(name, done, total, message, "running", since)

        context = registry.context(progress=report, ask=self.ask if self.can_ask else None)
        state: WorkState = "failed"
        try:
            result = registry.invoke(name, params, context=context, timeout_s=timeout_s)
            state = "done"
            return result
        finally:
            self.progress(name, 0, None, "", state, since)

    def ask(self, question: str) -> bool:
        """Put the policy's yes-or-no question."""
        return (_asked(question + " [y/N] ", password=False) or "").strip().lower() in {"y", "yes"}

    # --- Lua -------------------------------------------------------------------------------------------------------

    def write(self, stream: str, text: str) -> None:
        """Print; from the thread of the cell or from the engine's watch thread."""
        _write(stream, text)

    @property
    def can_ask(self) -> bool:
        """Whether the front end, or the terminal, answers questions."""
        if self._kernel is not None:
            return bool(getattr(self._kernel, "_allow_stdin", False))
        try:
            return sys.stdin.isatty()
        except (AttributeError, ValueError):  # closed
            return False

    @property
    def parent_id(self) -> str:
        """The id of the message that is being handled."""
        try:
            return str(self._kernel.get_parent()["header"]["msg_id"])
        except (AttributeError, KeyError, TypeError):
            return ""

    def display(self, data: JsonObject, metadata: JsonObject, display_id: str | None, *, update: bool) -> None:
        """Show a bundle, or change one."""
        from IPython import display

        publish: Any = display.publish_display_data  # no types
        transient = {} if display_id is None else {"display_id": display_id}
        publish(data, metadata, transient=transient, update=update)

    def clear_output(self, *, wait: bool) -> None:
        """Clear the cell's output."""
        from IPython import display

        clear: Any = display.clear_output  # no types
        clear(wait=wait)

    def progress(
        self, work: str, done: float, total: float | None, message: str, state: WorkState, since: float | None
    ) -> None:
        """Show a bar that changes."""
        self._progress.report(work, done, total, message, state, since)

    def settle(self) -> None:
        """Let bars show how far they are: the cell is over."""
        self._progress.settle()

    def input(self, prompt: str, *, password: bool, context: ToolContext) -> str | None:  # noqa: ARG002 - SIGINT ends it
        """Ask as Python's own `input` does."""
        return _asked(prompt, password=password)

    def comm(self, kind: CommType, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> None:
        """Send a comm message by the library that widgets of Python use."""
        import comm

        comm_id, data = str(content["comm_id"]), content.get("data")
        if kind == "comm_open":
            target = content.get("target_name")
            made = comm.create_comm(
                target_name=target, data=data, metadata=metadata, buffers=[*buffers], comm_id=comm_id
            )
            made.on_msg(lambda message: self._received("comm_msg", message))
            made.on_close(lambda message: self._received("comm_close", message))
            self._comms[comm_id] = made
        elif comm_id in self._comms and kind == "comm_msg":
            self._comms[comm_id].send(data, metadata, [*buffers])
        elif comm_id in self._comms:
            self._comms.pop(comm_id).close(data, metadata, [*buffers])

    def _received(self, kind: str, message: Mapping[str, Any]) -> None:
        if self.receive is not None:
            self.receive(kind, message["content"], message.get("metadata") or {}, message.get("buffers") or ())

    def _show_bar(self, data: JsonObject, display_id: str, *, update: bool) -> None:
        self.display(data, {}, display_id, update=update)


def _write(stream: str, text: str) -> None:
    target = sys.stdout if stream == "stdout" else sys.stderr
    try:
        target.write(text)
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        encoding = target.encoding or "ascii"
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _asked(prompt: str, *, password: bool) -> str | None:
    """Return a line, None at the end of input.

    Raises:
        ToolExecutionError: Nobody can be asked.
    """
    try:
        if password:
            import getpass

            return getpass.getpass(prompt)
        return builtins.input(prompt)
    except EOFError:
        return None
    except (NotImplementedError, RuntimeError, OSError) as error:  # ipykernel: a front end that asks nobody
        raise ToolExecutionError(f"nobody can be asked here: {error}") from None
