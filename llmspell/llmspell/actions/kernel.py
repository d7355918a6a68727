"""``kernel start``, ``kernel install``, ``kernel uninstall``. Starting is on the lean path: Jupyter waits for it."""

from __future__ import annotations

import os

from llmspell import assembly, output, places
from llmspell_tools.errors import ConfigurationError, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.actions.debug_kernel import KernelDoor
    from llmspell.options import Options
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.lua import LuaEngine
    from llmspell_tools.registry import ToolRegistry


def start(
    options: Options,
    *,
    connection_file: str | None = None,
    kernel_id: str | None = None,
    port: int = 0,
    timeout_s: float | None = None,
    dap_port: int | None = None,
    unavailable: str | None = None,
) -> int:
    """Serve the kernel in the foreground until it is told to stop.

    Args:
        options: The global options.
        connection_file: Read if it exists, else written; without one `kernels/<id>.json` in the home.
        kernel_id: Names the connection file where none is given.
        port: First of five ports where the file is ours to write; 0 lets the system choose.
        timeout_s: Seconds that one cell may run.
        dap_port: Of a debug server, 0 for any that is free; None for none.
        unavailable: A flag that was given and is not there yet.
    """
    if unavailable is not None:
        raise ToolUnavailable(f"`kernel start {unavailable}` is not available yet")
    settings = assembly.settings(options)
    registry = assembly.from_settings(options, settings)
    given = connection_file
    if connection_file is None:
        from llmspell.actions.kernel_files import own_connection_file  # Jupyter always names one

        connection_file = own_connection_file(kernel_id)
    if timeout_s is None and settings is not None:
        from llmspell.actions.script import configured_timeout

        timeout_s = configured_timeout(settings)
    from llmspell_kernel.kernel import run_kernel  # imports zmq

    door: KernelDoor | None = None
    if dap_port is not None:
        from llmspell.actions.debug_kernel import KernelDoor as Door  # only where somebody debugs

        door = Door(dap_port)

    def make_engine(
        tools: ToolRegistry, write: Callable[[str, str], None], front: KernelFront, *, script_dir: str | None = None
    ) -> LuaEngine:
        from llmspell.actions.script import engine_settings  # both after the kernel has given its first reply
        from llmspell_kernel.lua import LuaEngine

        told = write if door is None else door.writer(write)
        return LuaEngine(tools, write=told, settings=engine_settings(settings, script_dir, None), front=front)

    def greet() -> None:
        output.note(f"Connection file: {connection_file}")
        output.note(f"Connect with: jupyter console --existing {connection_file}")
        output.note(f"Ctrl-C interrupts a running cell; end the kernel with: kill {os.getpid()}")

    try:
        return run_kernel(
            connection_file,
            registry=registry,
            engine_factory=make_engine,
            first_port=port,
            cell_timeout_s=timeout_s,
            history_file=places.data_file("history.sqlite"),
            debug_door=None if door is None else door.open,
            on_bound=greet if given is None else None,
        )
    except ConfigurationError as error:
        if given is not None:
            raise
        from llmspell.actions.kernel_files import why_not_started  # only where it has failed

        raise why_not_started(connection_file, error) from None
