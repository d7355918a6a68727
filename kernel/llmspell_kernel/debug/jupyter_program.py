"""The cells of a kernel as a program: it began before every session and outlives them all.

Its values can be looked at while no cell is stopped, and while none runs.
"""

from __future__ import annotations

from llmspell_kernel.debug.debuggee import Value
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python.debuggee import ScriptDebuggee
from llmspell_kernel.lua.debugger.glances import Busy, Glances

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.engine import LuaEngine

#: What a panel shows at most; it asks after each message of a cell.
_MAX_GLOBALS = 500


class KernelCells:
    """What starts and ends cells, as far as a debugger may.

    Args:
        interrupt: Stops what runs; any thread.
    """

    can_restart = False
    is_endless = True

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt = interrupt

    def start(self) -> None:
        """Do nothing: cells begin when a notebook says so."""

    def stop(self) -> None:
        """Interrupt the cell that runs."""
        self._interrupt()

    def restart(self) -> None:
        """Refuse; `can_restart` says so."""
        raise RequestFailed("unable", "restart the kernel from its notebook")


class CellDebuggee(ScriptDebuggee):
    """The cells of one engine.

    Args:
        engine: Where they run.
        program: See `KernelCells`.
        errand: Lets the main thread call something when it is free; any thread.
    """

    def __init__(self, engine: LuaEngine, program: KernelCells, errand: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(engine, program)
        self._glances = Glances(engine, self.debugger, errand)
        self._globals: list[Value] = []

    @property
    def is_stopped(self) -> bool:
        """Whether a cell is stopped, in Lua or in a tool."""
        return self.debugger.stop is not None

    @property
    def is_taken(self) -> bool:
        """Whether another debugger has the engine."""
        return not self.debugger.is_attached and self.engine.loader.debugging.locked()

    def globals(self) -> list[Value]:
        """Return the globals that cells have made; as they were, where the kernel is busy with one long tool call."""
        try:
            count, *parts = self._ask("globals", self.is_stopped, _MAX_GLOBALS)
        except Busy:
            return self._globals
        values = [Value(*parts[at : at + 7]) for at in range(0, len(parts), 7)]
        if count > len(values):
            values.append(Value("…", f"{count - len(values)} more", "", 0, 0, 0, ""))
        self._globals = values
        return values

    def bundle(self, frame: int, expression: str) -> str:
        """Return the MIME bundle of a value as JSON: ``{"data": ..., "metadata": ...}``."""
        return str(self._ask("rich", frame if self.is_stopped else 0, expression)[0])

    def copy_to_globals(self, frame: int, expression: str, name: str) -> None:
        """Give a global the value of an expression in a frame."""
        self._ask("copy", frame if self.is_stopped else 0, expression, name)

    def files(self) -> list[str]:
        """Return the paths of the files that were loaded."""
        names = self.sources() if self.debugger.is_attached else list(self.engine.loader.sources)
        return [name[1:] for name in names if name.startswith("@")]

    def _ask(self, name: str, *args: object) -> tuple[Any, ...]:
        return self._glances.ask(name, *args)
