"""Running cells that have magics: what Lua has to run in their place, and what the first line of a cell says instead.

Stands between `handlers/execute` and the engine. A cell without a magic never comes here. Main thread only.
"""

from __future__ import annotations

from time import perf_counter, process_time

from llmspell_kernel.lua.execution import Execution as Executed
from llmspell_kernel.magics import names
from llmspell_kernel.magics.durations import elapsed
from llmspell_kernel.magics.headers import header_of
from llmspell_kernel.magics.lines import find_magics
from llmspell_kernel.magics.rewriting import rewrite, timed_cell, tool_cell
from llmspell_tools.errors import ScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol, TypeVar

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import Execution
    from llmspell_kernel.history import History
    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.magics.headers import Header
    from llmspell_kernel.magics.host import Host
    from llmspell_kernel.magics.lines import MagicLine
    from llmspell_kernel.python.cells import PythonCells
    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.types import JsonValue

    Result = TypeVar("Result")

    class Runner(Protocol):
        """What runs Lua cells: `handlers.execute.Cells`."""

        count: int
        history: History | None

        def run(self, request: Request, code: str, name: str, *, is_silent: bool = False) -> Execution:
            """Run a Lua cell."""
            ...

        def run_other(
            self, request: Request, work: Callable[[float | None], Result], *, is_silent: bool = False
        ) -> Result:
            """Do what a request says that is no Lua; `work` gets the seconds that it may take."""
            ...


class Cell:
    """One cell that runs.

    Attributes:
        runner: What runs Lua.
        request: The cell's.
        code: Its text.
        name: What error texts call it.
        is_silent: Whether nothing may be shown.
    """

    __slots__ = ("code", "is_silent", "name", "request", "runner")

    def __init__(self, runner: Runner, request: Request, code: str, name: str, *, is_silent: bool) -> None:
        self.runner = runner
        self.request = request
        self.code = code
        self.name = name
        self.is_silent = is_silent


class Magics:
    """The magics of one kernel.

    Args:
        find_engine: Returns what runs Lua.
        python: Runs Python cells.
        host: What Lua calls.
    """

    __slots__ = ("_find_engine", "host", "python")

    def __init__(self, find_engine: Callable[[], LuaEngine], python: PythonCells, host: Host) -> None:
        self._find_engine = find_engine
        self.python = python
        self.host = host

    def run(
        self, runner: Runner, request: Request, code: str, name: str, *, is_silent: bool
    ) -> tuple[Execution, list[JsonValue]]:
        """Run a cell; return what it gave, and the payload of its reply.

        Raises:
            MagicNotFound: It names a magic that there is not.
            MagicMisused: It uses one in another way than it can be.
            PythonCellFailed: Its Python code raised.
            LlmspellError: Whatever the engine raises.
        """
        self.host.begin()
        cell = Cell(runner, request, code, name, is_silent=is_silent)
        header = header_of(code)
        if header is None:
            return self._lua(cell, code), self.host.payload
        names.find(header.name, is_cell=True, line=header.line)
        execution = _CELLS[header.name](self, cell, header)
        return execution, self.host.payload

    def receive_comm(self, runner: Runner, request: Request, kind: str) -> bool:
        """Let Python act on a comm message; tell whether it was for Python.

        Raises:
            PythonCellFailed: The callback raised.
        """
        message = request.message
        if not self.python.takes_comm(kind, message):
            return False
        runner.run_other(request, lambda timeout_s: self.python.receive_comm(kind, message, timeout_s))
        return True

    # --- Lua ----------------------------------------------------------------------------------------------------------

    def _lua(self, cell: Cell, code: str) -> Execution:
        """Run Lua that has magic lines."""
        magics = find_magics(code)
        return self._run(cell, rewrite(code, magics, self._is_expression), magics)

    def _run(self, cell: Cell, text: str, magics: Sequence[MagicLine]) -> Execution:
        """Run what Lua has in the place of a cell's magics."""
        self._find_engine().bridge.let_magics(self.host)
        try:
            execution = cell.runner.run(cell.request, text, cell.name, is_silent=cell.is_silent)
        except ScriptError as error:
            raise self._told(error, cell, magics) from None
        if execution.exit_code is not None and self.host.running is not None:
            # The script of `%run` has ended, not the session.
            if execution.exit_code:
                _write(cell, "stderr", f"{self.host.running} ended with status {execution.exit_code}\n")
            execution.exit_code = None
        return execution

    def _told(self, error: ScriptError, cell: Cell, magics: Sequence[MagicLine]) -> LlmspellError:
        """Return the error as the cell's author knows it: of the magic itself, and with the line as it was written."""
        line = error.details.get("line")
        if error.details.get("chunk") != cell.name or not isinstance(line, int):
            return error
        lines = cell.code.split("\n")
        if 0 < line <= len(lines):
            error.details["source"] = lines[line - 1].strip()
        cause = self._find_engine().last_error
        if cause is None or cause.message not in error.message:
            return error
        if not any(magic.line == line for magic in magics) and not cell.code.lstrip().startswith("%%tool"):
            return error
        for key, value in error.details.items():
            cause.details.setdefault(key, value)
        return cause

    def _is_expression(self, text: str) -> bool:
        loader = self._find_engine().loader
        return loader.problem(loader.prepare(f"return {text}\n"), "=cell") is None

    # --- whole cells --------------------------------------------------------------------------------------------------

    def _time(self, cell: Cell, header: Header) -> Execution:
        wall, busy = perf_counter(), process_time()
        execution = self._lua(cell, header.below())
        _write(cell, "stdout", elapsed(perf_counter() - wall, process_time() - busy))
        return execution

    def _timeit(self, cell: Cell, header: Header) -> Execution:
        magics = find_magics(header.body)
        for magic in magics:
            magic.is_last = False  # a loop goes on behind it
        body = rewrite(header.body, magics, self._is_expression)
        return self._run(cell, timed_cell(header, body, self._is_expression), magics)

    def _tool(self, cell: Cell, header: Header) -> Execution:
        return self._run(cell, tool_cell(header), ())

    def _run_python(self, cell: Cell, header: Header) -> Execution:
        if header.text:
            from llmspell_kernel.errors import MagicMisused

            raise MagicMisused("%%python stands alone on its line; the code follows below", line=header.line)
        is_stored = cell.name.startswith("In[") and cell.name != "In[*]"

        def work(timeout_s: float | None) -> Execution:
            text = self.python.run(
                header.body,
                cell.runner.count,
                lines_above=header.line,
                timeout_s=timeout_s,
                is_stored=is_stored,
                is_silent=cell.is_silent,
            )
            if text is not None and is_stored and cell.runner.history is not None:
                cell.runner.history.gave(cell.runner.count, text)
            return Executed([], None, None)

        return cell.runner.run_other(cell.request, work, is_silent=cell.is_silent)


_CELLS: dict[str, Callable[[Magics, Cell, Header], Execution]] = {
    "python": Magics._run_python,
    "time": Magics._time,
    "timeit": Magics._timeit,
    "tool": Magics._tool,
}


def _write(cell: Cell, stream: str, text: str) -> None:
    if not cell.is_silent:
        cell.request.publish("stream", {"name": stream, "text": text})
