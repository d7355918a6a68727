"""The global `io`: Lua's file library over the policy.

The Lua half is `prelude/io.lua`, with `file_objects.lua` and `file_reading.lua` below it. Standard input comes from
`EngineSettings.read_stdin`, or line by line from the person at the door; without both a read is an error that says so.
`io.popen` names process-executor instead. Files stay open from cell to cell; after each run what waits in them is
written, and the engine's end closes them. Above `open_files.py`, which says what the modes do.
"""

from __future__ import annotations

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

    def stdin(count: int) -> str:
        bridge.output.flush()
        with bridge.blocking():
            return _read(bridge, count).decode("latin-1")

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
    bridge.load("io.lua", open=opened.open, tmpfile=opened.tmpfile, stdin=stdin)

    def flush() -> None:
        if opened:
            _flush(bridge, flush_all)

    def close() -> None:
        flush()
        opened.close_all()

    bridge.on_run_end(flush)
    bridge.on_close(close)


def _read(bridge: Bridge, count: int) -> bytes:
    """Return bytes of standard input; a door without one may have a person to ask, line by line."""
    reader = bridge.settings.read_stdin
    if reader is not None:
        return reader(count)
    if not bridge.front.has_input:
        raise ToolExecutionError("there is no standard input here to read from")
    line = bridge.front.input("", password=False, context=bridge.context())
    return b"" if line is None else (line + "\n").encode("utf-8", "surrogateescape")


def _flush(bridge: Bridge, flush_all: LuaFunction) -> None:
    try:
        failures = flush_all()
    except (LuaError, LlmspellError) as error:
        failures = str(error)
    if failures:
        bridge.output.error_text(f"could not write {failures}\n")
