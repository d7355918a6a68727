"""``run`` and ``exec``: Lua from a file, from standard input or from the command line.

The engine, and with it lupa, is imported when a script has been read and is about to run.
"""

from __future__ import annotations

import os
import sys

from llmspell import assembly, output
from llmspell.options import JSON_FORMATS, TABULAR
from llmspell_tools.errors import (
    Cancelled,
    LlmspellError,
    ScriptFileNotFound,
    ScriptSyntaxError,
    ToolTimeout,
    ToolUnavailable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, Protocol

    from llmspell.client.script import Place
    from llmspell.config.settings import Settings
    from llmspell.console import Console
    from llmspell.options import Options
    from llmspell.progress import ProgressBar
    from llmspell_kernel.engine import Execution
    from llmspell_kernel.lua import EngineSettings, LuaEngine
    from llmspell_tools.definition import CancelSignal
    from llmspell_tools.types import JsonObject, JsonValue

    class Runner(Protocol):
        """What runs a source: an engine here, or a kernel elsewhere."""

        def execute(
            self,
            code: str,
            *,
            name: str,
            mode: Literal["script", "cell"],
            args: Sequence[str] | None = None,
            timeout_s: float | None = None,
        ) -> Execution:
            """See `LuaEngine.execute`."""
            ...

        def interrupt(self) -> object:
            """Stop it; any thread."""
            ...

        def close(self) -> None:
            """Free it."""
            ...

    class Attendant(Protocol):
        """Sees an engine before and while it runs; `llmspell.actions.debug` has one."""

        def writer(self, write: Callable[[str, str], None]) -> Callable[[str, str], None]:
            """Return what the engine prints with instead of `write`."""
            ...

        def ready(self, engine: LuaEngine, stop: Callable[[], None], signal: CancelSignal) -> None:
            """Take the engine; it runs when this returns. `stop` ends the run, `signal` says that it shall end."""
            ...


class Source:
    """A piece of Lua to run.

    Args:
        code: The text.
        name: What Lua calls it in errors: `@path` for a file, `=stdin`, `=exec`.
        mode: ``script``, or ``cell`` where a bare expression's value is shown.
        folder: Of the file, or None.
        args: What the script is given.
    """

    __slots__ = ("args", "code", "folder", "is_elsewhere", "mode", "name")

    mode: Literal["script", "cell"]

    def __init__(
        self, code: str, name: str, mode: Literal["script", "cell"], folder: str | None, args: Sequence[str]
    ) -> None:
        self.code = code
        self.name = name
        self.mode = mode
        self.folder = folder
        self.args = tuple(args)
        #: Whether a kernel runs it, not this process.
        self.is_elsewhere = False


def run(
    options: Options,
    words: Sequence[str],
    *,
    timeout_s: float | None = None,
    engine: str | None = None,
    connect: Place | None = None,
    attendant: Attendant | None = None,
) -> int:
    """Run the script ``words[0]`` (``-``: standard input) with the other words as its arguments.

    Args:
        options: The global options.
        words: Script and arguments.
        timeout_s: Seconds that it may run.
        engine: Language, or None.
        connect: The kernel to run it in, instead of this process.
        attendant: Whoever wants the engine before it runs: a debugger.

    Returns:
        What the script gave `os.exit`, else 0.
    """
    _require_lua(engine)
    script, args = words[0], words[1:]
    if script == "-":
        source = Source(_standard_input(), "=stdin", "script", None, args)
        return _run(options, source, timeout_s, attendant, connect)
    source = Source("", "@" + script, "script", _folder(script), args)
    try:
        source.code = read_script(script)
    except ScriptFileNotFound as error:
        _show_failure(source, "", error, options.format())
        raise
    return _run(options, source, timeout_s, attendant, connect)


def execute(
    options: Options,
    words: Sequence[str],
    *,
    timeout_s: float | None = None,
    engine: str | None = None,
    connect: Place | None = None,
) -> int:
    """Run ``words[0]``, a piece of Lua given on the command line; the value of a bare expression is printed."""
    _require_lua(engine)
    return _run(options, Source(words[0], "=exec", "cell", None, ()), timeout_s, connect=connect)


def _require_lua(engine: str | None) -> None:
    chosen = engine or os.environ.get("LLMSPELL_ENGINE") or "lua"
    if chosen != "lua":
        raise ToolUnavailable(f"engine '{chosen}' is not available yet; use --engine lua")


def _standard_input() -> str:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller: `<&-`
        raise ScriptFileNotFound("cannot read the script: standard input is closed", exit_status=2)
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def _folder(script: str) -> str | None:
    try:
        return os.path.dirname(os.path.abspath(script))
    except OSError:  # relative to a current folder that was removed: no script is found there either
        return None


def read_script(script: str) -> str:
    """Return a script's text; bytes that are no UTF-8 go through to the engine as they are.

    Raises:
        ScriptFileNotFound: It cannot be read.
    """
    try:
        with open(script, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        missing = isinstance(error, FileNotFoundError)
        text = f"script '{script}' does not exist" if missing else f"cannot read script '{script}': {why}"
        raise ScriptFileNotFound(text, details={"path": script}, exit_status=2) from None


def _run(
    options: Options,
    source: Source,
    timeout_s: float | None,
    attendant: Attendant | None = None,
    connect: Place | None = None,
) -> int:
    from llmspell.console import Console  # only where something runs

    style = options.format()
    bar = None if options.quiet else assembly.progress_bar()
    console = Console(keep=style in JSON_FORMATS, bar=bar)
    if connect is not None:
        return _run_elsewhere(options, source, timeout_s, console, bar, connect)
    try:
        settings = assembly.settings(options)
        registry = assembly.from_settings(options, settings, source.folder)
    except LlmspellError as error:
        _show_failure(source, "", error, style)
        raise
    context = registry.context(progress=bar, ask=assembly.asker(options))
    from llmspell.front import TerminalFront  # with the engine
    from llmspell_kernel.lua import LuaEngine  # imports lupa

    engine = LuaEngine(
        registry,
        write=console.write if attendant is None else attendant.writer(console.write),
        context=context,
        settings=engine_settings(settings, source.folder, console),
        front=TerminalFront(console, bar),
    )

    def stop() -> None:
        context.signal.set()
        engine.interrupt()

    def ready() -> None:
        if attendant is not None:
            attendant.ready(engine, stop, context.signal)

    limit = timeout_s if timeout_s is not None else configured_timeout(settings)
    return _watched(engine, source, console, style, limit, stop, ready)


def _run_elsewhere(
    options: Options,
    source: Source,
    timeout_s: float | None,
    console: Console,
    bar: ProgressBar | None,
    connect: Place,
) -> int:
    """Run a source in a kernel; its policy, settings and limits hold there."""
    from llmspell.client.script import RemoteLua  # imports zmq

    source.is_elsewhere = True
    style = options.format()
    try:
        engine = RemoteLua(options, connect, source.folder, console, bar)
    except LlmspellError as error:
        _show_failure(source, "", error, style)
        raise
    return _watched(engine, source, console, style, timeout_s, engine.interrupt, _nothing)


def _nothing() -> None:
    """Do nothing."""


def _watched(
    engine: Runner,
    source: Source,
    console: Console,
    style: str,
    limit: float | None,
    stop: Callable[[], None],
    ready: Callable[[], None],
) -> int:
    """Run a source, stop it at a signal, close its engine; return the exit status."""
    from llmspell.interrupts import Interrupts  # costs `signal`, which imports enum

    console.stop = stop
    with Interrupts(stop) as interrupts:
        try:
            ready()
            status = _execute(engine, source, console, style, limit)
        except (Cancelled, KeyboardInterrupt):
            if console.failure is not None:
                raise console.failure from None
            if interrupts.received is None:
                raise
            output.note("Interrupted")
            return interrupts.exit_status
        finally:
            engine.close()
    if console.failure is not None:
        raise console.failure
    if interrupts.received is not None:  # the code had ended before it could be stopped
        output.note("Interrupted")
        return interrupts.exit_status
    return status


def _execute(engine: Runner, source: Source, console: Console, style: str, timeout_s: float | None) -> int:
    try:
        shown = sys.stdout
        if style in JSON_FORMATS:
            sys.stdout = sys.stderr  # what a tool in Python prints does not come through the engine
        try:
            execution = _executed(engine, source, style, timeout_s)
        finally:
            sys.stdout = shown
    except LlmspellError as error:
        if isinstance(error, ToolTimeout) and timeout_s is not None:
            error.message = f"stopped after {timeout_s:g} s; --timeout or [lua] timeout_seconds gives it more time"
        if console.failure is None:
            _show_failure(source, console.text(), error, style)
        raise
    value, text = _returned(execution)
    if style in JSON_FORMATS:
        compact = text if source.mode == "cell" or text is None else output.compact(value, sort_keys=True)
        lines = [part for part in (console.text(), compact) if part]
        output.json({**_facts(source, "ok"), "result": "\n".join(lines), "value": _sorted(value)}, style)
    elif text is not None:
        output.line(text) if style == "text" else output.json(value, style)
    return execution.exit_code or 0


def _executed(engine: Runner, source: Source, style: str, timeout_s: float | None) -> Execution:
    """Run a source; a bare expression that is to be shown as a table gives its value, not the text of a cell."""
    if source.mode == "cell" and style in TABULAR:
        try:
            return engine.execute(
                f"return {source.code}", name=source.name, mode="script", args=source.args, timeout_s=timeout_s
            )
        except ScriptSyntaxError:
            pass  # no bare expression: nothing has run
    return engine.execute(source.code, name=source.name, mode=source.mode, args=source.args, timeout_s=timeout_s)


def _returned(execution: Execution) -> tuple[JsonValue, str | None]:
    """Return what the code gave back, and as text for people; None where it gave nothing.

    Lua's tables have no order that a second run repeats, so keys are sorted.
    """
    values = [*execution.values]
    while values and values[-1] is None:
        values.pop()
    if not values:
        return execution.text, execution.text
    value: JsonValue = values[0] if len(values) == 1 else values
    return value, value if isinstance(value, str) else output.indented(value, sort_keys=True)


def returned_text(execution: Execution) -> str | None:
    """Return what a script gave back as text for people, or None."""
    return _returned(execution)[1]


def _sorted(value: JsonValue) -> JsonValue:
    """Return a value with the keys of its objects in order; no deeper than what JSON text was made of it."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value


def _show_failure(source: Source, printed: str, error: LlmspellError, style: str) -> None:
    if style in JSON_FORMATS:
        failed = {"error": error.message, "error_type": error.code, "details": error.details}
        output.json({**_facts(source, "error"), "result": printed, **failed}, style)


def _facts(source: Source, status: str) -> JsonObject:
    return {
        "status": status,
        "mode": "connected" if source.is_elsewhere else "embedded",
        "script_length": len(source.code),
        "args_count": len(source.args),
        "streaming": False,
    }


def configured_timeout(settings: Settings | None) -> float | None:
    """Return the seconds of `lua.timeout_seconds`, or None where there is no limit."""
    seconds = settings.get("lua.timeout_seconds") if settings is not None else None
    return float(seconds) if isinstance(seconds, (int, float)) and seconds > 0 else None


def engine_settings(settings: Settings | None, folder: str | None, console: Console | None) -> EngineSettings:
    """Return the engine's settings: the configuration's `[lua]` keys, the script's folder, the console's input."""
    from llmspell_kernel.lua.settings import EngineSettings  # with the engine

    read = console.read if console is not None else None
    errors = "surrogateescape" if console is not None else "replace"
    if settings is None:
        return EngineSettings(script_dir=folder, read_stdin=read, output_errors=errors)
    return EngineSettings(
        max_memory_bytes=settings.integer("lua.max_memory_bytes") or None,
        max_source_bytes=settings.integer("lua.max_source_bytes"),
        max_string_bytes=settings.integer("lua.max_string_bytes"),
        max_open_files=settings.integer("lua.max_open_files"),
        module_paths=settings.paths("lua.module_paths"),
        script_dir=folder,
        read_stdin=read,
        output_errors=errors,
    )
