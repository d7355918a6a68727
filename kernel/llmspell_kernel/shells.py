"""What a kernel's shells answer: the handlers with what they share, put together.

A shell has cells that it counts itself; the Lua state, the tools, the magics and the comms are the kernel's. Loaded
after the first reply, which clients wait for: with all that it imports it costs a tenth of the start.
"""

from __future__ import annotations

from functools import cache, partial

from llmspell_kernel.calls import DirectCalls, Requester
from llmspell_kernel.handlers.comm import comm_close, comm_info_request, comm_msg, comm_open
from llmspell_kernel.handlers.complete import complete_request
from llmspell_kernel.handlers.execute import Cells, execute_request
from llmspell_kernel.handlers.history import history_request
from llmspell_kernel.handlers.inspect import inspect_request
from llmspell_kernel.handlers.is_complete import is_complete_request
from llmspell_kernel.handlers.kernel_info import kernel_info_request
from llmspell_kernel.handlers.script import Scripts, script_request
from llmspell_kernel.handlers.tool import ToolDesk, tool_request
from llmspell_kernel.language import Languages
from llmspell_kernel.magics.late import LateMagics
from llmspell_kernel.own_tools import OwnTools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.comms import Comms
    from llmspell_kernel.dispatch import Handler
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.engine import EngineFactory, LateEngine
    from llmspell_kernel.history import History
    from llmspell_kernel.output import Output
    from llmspell_kernel.running import Running
    from llmspell_kernel.streams import Outlet
    from llmspell_tools.registry import ToolRegistry


class Shells:
    """The shells of one kernel.

    Args:
        engine: Runs what they are told.
        registry: The tools.
        engine_factory: Makes a fresh engine for a script that a client sends.
        front: Makes what scripts show and ask by.
        output: Where prints go.
        outlet: What other prints of this process gather in.
        running: What runs.
        comms: The open ones.
        history: What remembers the cells of the main shell.
        cell_timeout_s: Seconds that one cell may run, or None.
    """

    def __init__(
        self,
        engine: LateEngine,
        registry: ToolRegistry,
        engine_factory: EngineFactory,
        front: Callable[[], KernelFront],
        *,
        output: Output,
        outlet: Outlet,
        running: Running,
        comms: Comms,
        history: History,
        cell_timeout_s: float | None,
    ) -> None:
        def find_registry() -> ToolRegistry:
            return engine.registry(registry)

        requester = Requester(output, outlet, cache(front))
        self._engine = engine
        self._output = output
        self._running = running
        self._comms = comms
        self._history = history
        self._cell_timeout_s = cell_timeout_s
        self._own_tools = OwnTools(find_registry, running, output.write, outlet.flush)
        self._desk = ToolDesk(find_registry, running, self._own_tools, requester)
        self._magics = LateMagics(engine, DirectCalls(find_registry, running, requester), requester)
        self._scripts = Scripts(
            engine,
            lambda folder: engine_factory(registry, output.write, front(), script_dir=folder),
            registry.policy,
            output,
            running,
            cell_timeout_s,
            self._own_tools,
        )

    def handlers(self, *, is_main: bool) -> dict[str, Handler]:
        """Return the table of a shell with cells of its own.

        The history has the main shell's alone: its lines are numbered by that shell's count, by which clients ask for
        them, and every subshell counts from 1 again.
        """
        cells = Cells(self._engine, self._output, self._running, self._cell_timeout_s, self._own_tools)
        language = Languages(self._magics, self._engine)
        cells.history = self._history if is_main else None
        cells.language, cells.magics = language, self._magics
        return {
            "kernel_info_request": kernel_info_request,
            "execute_request": partial(execute_request, cells),
            "complete_request": partial(complete_request, language),
            "inspect_request": partial(inspect_request, language),
            "is_complete_request": partial(is_complete_request, language),
            "history_request": partial(history_request, self._history),
            "comm_info_request": partial(comm_info_request, self._comms),
            "comm_open": partial(comm_open, cells, self._comms),
            "comm_msg": partial(comm_msg, cells),
            "comm_close": partial(comm_close, cells, self._comms),
            "tool_request": partial(tool_request, self._desk),
            "script_request": partial(script_request, self._scripts),
        }
