"""Python cells: run by IPython on the main thread, between two Lua cells. What the kernel knows of them.

Importing this imports no IPython: `shell.py` does, when the first Python cell runs or is completed. A cell is eager
work (`running.py`): an interrupt raises KeyboardInterrupt where the code is, in `time.sleep` as well. Python code is
its author's own program and no policy can hold it, so a policy that forbids privileged tools forbids Python cells.
"""

from __future__ import annotations

from time import monotonic

from llmspell_kernel.errors import PythonCellFailed
from llmspell_kernel.signals import keep_signals
from llmspell_tools.errors import ToolTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from llmspell_kernel.calls import DirectCalls, Requester
    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.lua.globals.magic import MagicHost
    from llmspell_kernel.message import Message
    from llmspell_kernel.python.lua_names import PythonNames
    from llmspell_kernel.python.shell import KernelShell
    from llmspell_tools.types import JsonValue

    #: Returns a text and how it failed, each None where there is none.
    Work = Callable[[], tuple[str | None, PythonCellFailed | None]]

    class Values(MagicHost, Protocol):
        """Where values wait that cross between Lua and Python: `magics.host.Host`."""

        payload: list[JsonValue]
        given: tuple[bool, object]
        waiting: object
        python: PythonNames | None


class PythonCells:
    """The Python of one kernel.

    Args:
        find_engine: Returns what runs Lua, whose globals Python reaches.
        calls: Calls tools, and knows the door and what runs.
        requester: Gets what cells write and show, and answers what they ask.
        values: Where values wait that cross to Lua.
    """

    __slots__ = ("_calls", "_find_engine", "_requester", "_shell", "_values")

    def __init__(
        self, find_engine: Callable[[], LuaEngine], calls: DirectCalls, requester: Requester, values: Values
    ) -> None:
        self._find_engine = find_engine
        self._calls = calls
        self._requester = requester
        self._values = values
        self._shell: KernelShell | None = None

    # --- running ------------------------------------------------------------------------------------------------------

    def run(
        self,
        code: str,
        number: int,
        *,
        lines_above: int,
        timeout_s: float | None,
        is_stored: bool,
        is_silent: bool,
    ) -> str | None:
        """Run a cell; return the text of what it has shown as its result, None where there was none.

        Args:
            code: Python.
            number: Of the cell, as tracebacks show it.
            lines_above: Of the cell, before the code; tracebacks count them.
            timeout_s: Seconds that it may take.
            is_stored: Whether IPython counts it and keeps its value in `Out`.
            is_silent: Whether it shows nothing.

        Raises:
            PermissionDenied: The policy forbids privileged tools, so it forbids Python.
            PythonCellFailed: The code raised, or is no Python.
            ToolTimeout: It ran out of time.
        """
        shell = self._prepared()

        def work() -> tuple[str | None, PythonCellFailed | None]:
            return shell.run(code, number, lines_above=lines_above, is_stored=is_stored, is_silent=is_silent)

        try:
            return self._worked(work, timeout_s)
        finally:
            self._values.payload += shell.take_payload()

    def _worked(self, work: Work, timeout_s: float | None) -> str | None:
        """Do eager work; return its text, raise its failure."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        give_signals_back = keep_signals()
        running = self._calls.running
        running.begin_breakable(self._find_engine().interrupt, deadline, eager=True)
        try:
            text, failure = work()
        except KeyboardInterrupt:  # in IPython's own code
            text, failure = None, PythonCellFailed("KeyboardInterrupt", "", ["KeyboardInterrupt"])
        finally:
            running.end()
            give_signals_back()
            self._requester.outlet.flush()
        if failure is None:
            return text
        if failure.ename == "KeyboardInterrupt" and deadline is not None and monotonic() >= deadline:
            raise ToolTimeout("the cell ran into its deadline; give it more time with a larger timeout")
        raise failure

    def _prepared(self) -> KernelShell:
        """Return the shell; make it when there is none, and let Lua reach Python's names."""
        self._check()
        engine = self._find_engine()
        if self._shell is None:
            from llmspell_kernel.python.shell import make_shell

            self._shell = make_shell(self._find_engine, self._calls, self._requester, self._values)
            self._values.python = self._shell.names
        engine.bridge.let_magics(self._values)
        engine.execute('_ENV["%"].python()', name="=python", mode="script")
        return self._shell

    def _check(self) -> None:
        self._calls.registry.policy.check_level("%%python", None, "privileged")

    # --- comms --------------------------------------------------------------------------------------------------------

    def takes_comm(self, kind: str, message: Message) -> bool:
        """Tell whether a comm message is for Python."""
        return self._shell is not None and self._shell.comms.takes(kind, message)

    def receive_comm(self, kind: str, message: Message, timeout_s: float | None) -> None:
        """Let Python's callback act on a comm message.

        Raises:
            PythonCellFailed: The callback raised.
            ToolTimeout: It ran out of time.
        """
        shell = self._prepared()
        self._worked(lambda: shell.called(lambda: shell.comms.receive(kind, message)), timeout_s)

    # --- the text of a cell -------------------------------------------------------------------------------------------

    def complete(self, code: str, cursor: int) -> Completion:
        """Return how Python goes on at a place."""
        return self._prepared().completion_at(code, cursor)

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return a MIME bundle about what stands at a place."""
        return self._prepared().inspection_at(code, cursor, detail)

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return Jupyter's status; before the first cell everything is taken for complete."""
        return ("complete", "") if self._shell is None else self._shell.completeness_of(code)
