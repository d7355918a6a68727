"""papermill's engine for one notebook: every cell's messages are told, cells have deadlines, signals end the run well.

Works from `llmspell notebook run`, and as ``papermill --engine llmspell`` by `entry.py`, which also teaches papermill's
own command line Lua.

What a signal or a deadline does: the kernel is interrupted, so that the cell ends as a failed one with what it has
printed, and the partial notebook is written. A kernel that does not react in `GRACE_S`, or a second signal, ends it
without that. Signals are taken by asyncio, which nbclient runs; all of this is on the main thread.

Source: papermill 2.6/2.7 "Extending papermill", nbclient 0.10.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from queue import Empty
from typing import TYPE_CHECKING, Any, Protocol

from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient  # type: ignore[import-untyped]
from papermill.engines import NBClientEngine  # type: ignore[import-untyped]

from llmspell.notebook import translator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from llmspell_tools.types import JsonObject

translator.register()

#: Seconds that a cell has to end after it was interrupted.
GRACE_S = 5.0
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Listener(Protocol):
    """Is told what happens in a notebook that runs; on the main thread."""

    def cell_begins(self, index: int, cell: Any) -> None:
        """See a cell before it runs; `index` is 0-based and counts all cells."""
        ...

    def message(self, msg_type: str, content: JsonObject) -> None:
        """See an iopub message of the cell that runs."""
        ...

    def started(self, client: Client) -> None:
        """See the client before the kernel starts."""
        ...


class CellStuck(Exception):
    """The kernel does not react to interrupts; it is killed."""


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """Runs the cells of one notebook.

    Args:
        manager: papermill's view of the notebook.
        listener: Is told what happens.
        timeout_s: Seconds that one cell may run; None for no limit.
        make_manager: Makes the kernel manager; nbclient's own way if left out.

    Attributes:
        failed: 0-based index of the cell that ended the run, its ename, evalue and traceback; None so far.
        signal: The signal that came, or None.
        timed_out: Whether a cell ran into its deadline.
        exit_code: What a cell gave `os.exit` or `exit`, which ends the run; None if none did.
    """

    def __init__(
        self,
        manager: Any,
        *,
        listener: Listener | None = None,
        timeout_s: float | None = None,
        make_manager: Callable[[], Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(manager, **settings)
        self._listener = listener
        self._make_manager = make_manager
        self._stopping: asyncio.Future[None] | None = None
        self.failed: tuple[int, JsonObject] | None = None
        self.signal: int | None = None
        self.timed_out = False
        self.exit_code: int | None = None
        self._timeout_s = timeout_s
        self.on_cell_executed = self._take_reply

    # --- nbclient's hooks ------------------------------------------------------------------------------------------

    def create_kernel_manager(self) -> Any:
        """Return the kernel manager."""
        if self._make_manager is None:
            return super().create_kernel_manager()
        self.km = self._make_manager()
        return self.km

    def execute(self, **settings: Any) -> Any:
        """Run all cells; see the module's docstring for what ends them early."""
        if self._listener is not None:
            self._listener.started(self)
        try:
            with self._signals():
                return super().execute(**settings)
        finally:
            self._mark_skipped()

    def papermill_execute_cells(self) -> None:
        """Run one cell after the other until one fails, exits, or is stopped."""
        for index, cell in enumerate(self.nb.cells):
            if self.signal is not None or self.exit_code is not None:
                return
            try:
                self.nb_man.cell_start(cell, index)
                if self._listener is not None:
                    self._listener.cell_begins(index, cell)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                if error.ename == "SystemExit":  # Python's `exit()`
                    self.exit_code = _exit_code(error.evalue)
                if self.exit_code == 0:
                    return
                self.failed = index, {
                    "ename": error.ename, "evalue": error.evalue, "traceback": _traceback(self.nb.cells[index]),
                }  # fmt: skip
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                return
            except BaseException:
                self.failed = self.failed or (index, {"ename": "", "evalue": "", "traceback": []})
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index)
                self.shutdown_kernel = "immediate"
                raise
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)

    def _mark_skipped(self) -> None:
        """Say of the cells that were never reached that they were not; papermill would call them completed."""
        pending = [cell for cell in self.nb.cells if cell.metadata.papermill.get("status") == self.nb_man.PENDING]
        for cell in pending:
            cell.metadata.papermill["status"] = "skipped"
        if len(pending) == len(self.nb.cells) and pending:
            self.nb.metadata.papermill["exception"] = True  # the kernel did not start

    def process_message(self, msg: JsonObject, cell: Any, cell_index: int) -> Any:
        """Take an iopub message into the notebook, then tell it."""
        try:
            return super().process_message(msg, cell, cell_index)
        finally:
            content = msg.get("content")
            if self._listener is not None and isinstance(content, dict):
                self._listener.message(str(msg.get("msg_type")), content)

    def _get_timeout(self, cell: Any) -> Any:
        """Return the seconds that a cell may run; nbclient's own setting takes whole ones only."""
        return super()._get_timeout(cell) if self._timeout_s is None or cell is None else self._timeout_s

    async def _async_handle_timeout(self, timeout: float, cell: Any = None) -> Any:  # noqa: ARG002 - nbclient's
        self.timed_out = True
        return await self._stop_cell()

    def _take_reply(self, cell: Any, cell_index: int, execute_reply: Any) -> None:  # noqa: ARG002 - nbclient's names
        for payload in execute_reply["content"].get("payload") or ():
            if payload.get("source") == "ask_exit":
                code = payload.get("exit_code", 0)
                self.exit_code = code if isinstance(code, int) else 0

    # --- stopping --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Generator[None]:
        """Interrupt the kernel at the first signal; the second ends the wait for it."""
        loop = _event_loop()
        taken: list[int] = []
        try:
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._on_signal, number)
                taken.append(number)
        except (NotImplementedError, RuntimeError, ValueError):
            pass  # Windows, or not the main thread: KeyboardInterrupt ends the run without ceremony
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the run as the first signal does; for whoever cannot print any more."""
        if self.signal is None:
            _event_loop().call_soon(self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        first, self.signal = self.signal is None, self.signal or number
        waiting: asyncio.Future[Any] | None = self.task_poll_for_reply
        if waiting is None or waiting.done():
            return
        if not first:
            waiting.cancel()
            return
        self._stopping = asyncio.ensure_future(self._interrupt_or_cancel(waiting))

    async def _interrupt_or_cancel(self, waiting: asyncio.Future[Any]) -> None:
        await self._interrupt()
        await asyncio.wait({waiting}, timeout=GRACE_S)
        waiting.cancel()

    async def _interrupt(self) -> None:
        manager: Any = self.km
        answer = manager.interrupt_kernel()
        if asyncio.iscoroutine(answer) or isinstance(answer, asyncio.Future):
            await answer

    async def _stop_cell(self) -> Any:
        """Interrupt the cell and return its reply.

        Raises:
            CellStuck: It goes on all the same.
        """
        await self._interrupt()
        client: Any = self.kc
        try:
            return await client.shell_channel.get_msg(timeout=GRACE_S)
        except Empty:
            raise CellStuck from None


class Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's engine `llmspell`."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        **settings: Any,
    ) -> Any:
        """Run a notebook; the parameters are papermill's, `settings` may have those of `Client`."""
        for unused in ("input_path", "timeout", "startup_timeout"):
            settings.pop(unused, None)
        return Client(
            nb_man,
            timeout_s=execution_timeout,
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            **settings,
        ).execute()


def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that nbclient's synchronous functions run on this thread."""
    from jupyter_core.utils import ensure_event_loop

    loop: asyncio.AbstractEventLoop = ensure_event_loop()
    return loop


def _exit_code(text: str) -> int:
    """Return the status of a `SystemExit` with this text, as Python ends with it."""
    if text in {"", "None", "True", "False"}:
        return int(text == "True")
    try:
        return int(text)
    except ValueError:
        return 1


def _traceback(cell: Any) -> list[Any]:
    errors = [output for output in cell.get("outputs", ()) if output.get("output_type") == "error"]
    return [*errors[-1].get("traceback", ())] if errors else []
