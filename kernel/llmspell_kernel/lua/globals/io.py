"""The global `io`: Lua's file library over the policy.

The Lua half is `prelude/io.lua`, with `file_objects.lua` and `file_reading.lua` below it. Standard input comes from
`EngineSettings.read_stdin`, or line by line from the person at the door; without both a read is an error that says so.
`io.popen` names process-executor instead. Files stay open from cell to cell; after each run what waits in them is
written, and the engine's end closes them. Above `open_files.py`, which says what the modes do.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import to_lua_text
from llmspell_kernel.lua.globals.open_files import OpenFiles
from llmspell_kernel.lua.runtime import LuaError
from llmspell_tools.errors import LlmspellError, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.runtime import LuaFunction


def install(bridge: Bridge) -> None:
    """Put `io` into the environment of scripts."""
    opened = OpenFiles(bridge)
    stdin = _Stdin(bridge)

    bridge.prelude.native["max_open_files"] = bridge.settings.max_open_files
    bridge.load("file_reading.lua")
    objects = bridge.load(
        "file_objects.lua",
        read=opened.read,
        write=opened.write,
        seek=opened.seek,
        flush=opened.flush,
        close=opened.close,
    )
    flush_all = objects["flush_all"]
    bridge.load("io.lua", open=opened.open, tmpfile=opened.tmpfile, stdin=stdin.read)

    def flush() -> None:
        if opened:
            _flush(bridge, flush_all)
        stdin.end_run()

    def close() -> None:
        flush()
        opened.close_all()

    bridge.on_run_end(flush)
    bridge.on_close(close)


class _Stdin:
    """Where `io.read` reads: bytes of standard input, or the lines of the person at a door that has none."""

    __slots__ = ("_bridge", "_has_asked")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._has_asked = False

    def read(self, count: int) -> str:
        """Return what is there next, "" at the end; see `EngineSettings.read_stdin`."""
        bridge = self._bridge
        bridge.output.flush()
        with bridge.blocking():
            if bridge.settings.read_stdin is not None:
                return bridge.settings.read_stdin(count).decode("latin-1")
            if not bridge.front.has_input:
                raise ToolExecutionError("there is no standard input here to read from")
            self._has_asked = True
            line = bridge.front.input("", password=False, context=bridge.context())
        return "" if line is None else to_lua_text(line + "\n")

    def end_run(self) -> None:
        """Forget what is left of the last line that a person gave: it belongs to no later cell."""
        if self._has_asked:
            self._has_asked = False
            self._bridge.prelude.native["forget_input"]()


def _flush(bridge: Bridge, flush_all: LuaFunction) -> None:
    try:
        failures = flush_all()
    except (LuaError, LlmspellError) as error:
        failures = str(error)
    if failures:
        bridge.output.error_text(f"could not write {failures}\n")
