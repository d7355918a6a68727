"""``kernel start --dap-port``: a debug server beside a kernel; clients need the connection file's key."""

from __future__ import annotations

from llmspell import output
from llmspell_kernel.debug.joined import Joined
from llmspell_kernel.debug.jupyter_program import KernelCells
from llmspell_kernel.debug.python.debuggee import ScriptDebuggee
from llmspell_kernel.debug.server import Server
from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.engine import Engine


class KernelDoor:
    """Where debuggers come in.

    Args:
        port: 0 lets the system choose.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._debuggee: ScriptDebuggee | None = None

    def writer(self, write: Callable[[str, str], None]) -> Callable[[str, str], None]:
        """Return what the engine prints with: for the notebook, and for a debugger that is attached."""

        def both(stream: str, text: str) -> None:
            write(stream, text)
            if self._debuggee is not None:
                self._debuggee.wrote(stream, text)

        return both

    def open(self, engine: Engine, key: bytes) -> Callable[[], None]:
        """Serve from now on; see `run_kernel`."""
        if not isinstance(engine, LuaEngine):
            raise ToolUnavailable("only a Lua kernel has a debug server")
        self._debuggee = ScriptDebuggee(engine, KernelCells(engine.interrupt))
        server = Server(Joined(self._debuggee, key=key), self._port)
        server.start()
        output.note(f"Debugger on 127.0.0.1:{server.port}")
        return server.close
