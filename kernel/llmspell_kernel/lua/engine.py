"""One Lua runtime and its scripts: the room's public face.

Threads: the thread that makes an engine owns it; `execute`, `is_complete` and `close` run there. `interrupt` comes
from any thread. A watch thread (`watch.py`) stops what runs too long or grows too big. State persists between
executions. An engine is a guard rail, not a boundary against hostile code: that belongs in a child process.
"""

from __future__ import annotations

from _thread import get_ident

from llmspell_kernel.lua.bridge import Bridge
from llmspell_kernel.lua.convert import ARRAY, MAX_DEPTH, OBJECT, Decoder, Encoder, human_text, to_lua_text
from llmspell_kernel.lua.execution import Execution, printable
from llmspell_kernel.lua.failures import NO_TRACE, Failures
from llmspell_kernel.lua.front import TextFront
from llmspell_kernel.lua.globals import install_globals
from llmspell_kernel.lua.globals.args import set_arguments
from llmspell_kernel.lua.globals.comm import arguments as comm_arguments
from llmspell_kernel.lua.interrupt import PolledHook
from llmspell_kernel.lua.loader import Loader
from llmspell_kernel.lua.memory import Memory
from llmspell_kernel.lua.nesting import Entry
from llmspell_kernel.lua.output import Output
from llmspell_kernel.lua.prelude_loader import Prelude
from llmspell_kernel.lua.runs import Runs
from llmspell_kernel.lua.safe_point import SafePoints
from llmspell_kernel.lua.settings import EngineSettings
from llmspell_kernel.lua.watch import Watch
from llmspell_tools.errors import InternalError, LimitExceeded, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, Self

    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua.front import Front
    from llmspell_kernel.lua.interrupt import Hook, Run
    from llmspell_kernel.lua.language import LuaLanguage
    from llmspell_kernel.lua.runtime import LuaFunction
    from llmspell_tools.definition import ToolContext
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject


class LuaEngine:
    """A Lua runtime with the tools of a registry.

    Args:
        registry: The tools; what scripts register goes to an overlay of it.
        write: ``write("stdout" | "stderr", text)``; from the owner thread or the watch thread, one at a time.
        context: Template of the runs' contexts: policy, deadline, progress, questions; setting its signal
            interrupts.
        settings: Limits and surroundings.
        front: What scripts show and ask beyond text; one that prints text if left out.
    """

    def __init__(
        self,
        registry: ToolRegistry,
        *,
        write: Callable[[str, str], None],
        context: ToolContext | None = None,
        settings: EngineSettings | None = None,
        front: Front | None = None,
    ) -> None:
        self._owner = get_ident()
        self._settings = EngineSettings() if settings is None else settings
        self._front: Front = TextFront(write) if front is None else front
        self._output = Output(write, self._settings.output_errors)
        self._states: list[int] = []
        self._closed = False
        self._known_language: LuaLanguage | None = None
        self._prelude = Prelude(self._settings, MAX_DEPTH)
        self._memory = Memory(self._prelude.runtime, self._settings.max_memory_bytes)
        self._decoder = Decoder()
        self._safe_points = SafePoints(self._states, self._current_run)
        self._build(registry.overlay())
        self._hook = self._probe()
        self._watch = Watch(self._memory.used, self._output, self._safe_points.press)
        self._runs = Runs(
            self._bridge,
            self._entry,
            hook=self._hook,
            watch=self._watch,
            safe_points=self._safe_points,
            states=self._states,
            template=registry.context() if context is None else context,
        )
        self._bridge.idle_call = self._runs.idle_call

    # --- any thread ------------------------------------------------------------------------------------------------

    @property
    def interrupt_mode(self) -> str:
        """How a script is stopped: "asynchronous hook" or "count hook"."""
        return "count hook" if isinstance(self._hook, PolledHook) else "asynchronous hook"

    def interrupt(self) -> bool:
        """Stop what runs now with `Cancelled`, and what waits for it; False and no effect when nothing runs."""
        return self._runs.interrupt()

    @property
    def safe_points(self) -> SafePoints:
        """Where other threads leave work for the owner thread."""
        return self._safe_points

    def raise_in(self, first: int) -> None:
        """Make the active states from number `first` on raise at their next instruction."""
        self._runs.raise_in(first)

    @property
    def bridge(self) -> Bridge:
        """What globals get; for the debugger, which is one."""
        return self._bridge

    @property
    def loader(self) -> Loader:
        """The chunks that were loaded."""
        return self._loader

    @property
    def states(self) -> list[int]:
        """Addresses of the active Lua states, outermost first."""
        return self._states

    @property
    def registry(self) -> ToolRegistry:
        """The tools, those that scripts registered included; the latter run on the owner thread only."""
        return self._bridge.registry

    # --- owner thread ----------------------------------------------------------------------------------------------

    @property
    def last_error(self) -> LlmspellError | None:
        """The error of the newest failed call of a tool or library function."""
        return self._bridge.last_error

    def execute(
        self,
        code: str | bytes,
        *,
        name: str,
        mode: Literal["script", "cell", "value"],
        args: Sequence[str] | None = None,
        timeout_s: float | None = None,
    ) -> Execution:
        """Run a script or a cell to its end.

        Args:
            code: Lua text.
            name: Chunk name: `@path` for a file, `=In[3]` for a cell.
            mode: A cell that is an expression gives `Execution.text`; a script's results are converted. "value" is a
                cell whose value is converted as well, where it is a plain one.
            args: What `ARGS` and `arg` hold; left alone if None.
            timeout_s: Seconds until `ToolTimeout`.

        Raises:
            ScriptSyntaxError: It does not compile.
            ScriptError: It failed; ``details`` has traceback, chunk, line and source.
            Cancelled: It was interrupted.
            ToolTimeout: The deadline passed.
            LimitExceeded: It used too much memory, or is too long.
        """
        run = self._free_run(timeout_s)
        outcome: Any = None
        failure: BaseException | None = None
        try:
            self._runs.begin(run)
            chunk = self._loader.load(code, name, "script" if mode == "script" else "cell")
            if args is not None:
                set_arguments(self._bridge, name[1:], args)
            outcome = self._runs.entry.run(chunk, mode)
        except BaseException as error:  # noqa: BLE001 - sorted out by `_conclude`, with nothing running any more
            failure = error
        self._runs.end(run)
        return self._conclude(run, name, outcome, failure)

    def call_back(
        self, function: LuaFunction, *arguments: object, name: str = "=callback", timeout_s: float | None = None
    ) -> bool:
        """Call a function of the scripts' own as a run of its own, between two others; tell whether it answered yes.

        Its errors are those of `execute`. While another run goes on this is refused: a caller that has found a safe
        point in one calls Lua there itself, on the coroutine that stands there.

        Args:
            function: As the main Lua state holds it.
            arguments: Scalars, and what `Encoder.to_lua` made.
            name: What stands for the chunk in errors that have no place.
            timeout_s: Seconds until `ToolTimeout`.
        """
        run = self._free_run(timeout_s)
        outcome: Any = None
        failure: BaseException | None = None
        try:
            self._runs.begin(run)
            outcome = self._runs.entry.run(function, "callback", *arguments)
        except BaseException as error:  # noqa: BLE001 - as in `execute`
            failure = error
        self._runs.end(run)
        return self._conclude(run, name, outcome, failure).text is not None

    def receive_comm(
        self,
        kind: str,
        content: JsonObject,
        metadata: JsonObject,
        buffers: Sequence[bytes],
        *,
        timeout_s: float | None = None,
    ) -> bool:
        """Hand a comm message to the scripts' callbacks; tell whether there is a comm, or a target, for it.

        Args:
            kind: comm_open, comm_msg or comm_close.
            content: Of the message.
            metadata: Of the message.
            buffers: Of the message; callbacks get them as strings.
            timeout_s: Seconds until `ToolTimeout`.
        """
        self._check_owner()
        receive = self._runs.entry.lookup("receive_comm")
        if receive is None:  # no script has used `comm` or a widget yet
            return False
        arguments = comm_arguments(self._bridge, content, metadata, buffers)
        return self.call_back(receive, kind, *arguments, timeout_s=timeout_s)

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return Jupyter's status of a cell (complete, incomplete, invalid) and the indent of its next line."""
        self._check_owner()
        from llmspell_kernel.lua.completeness import judge  # imports `re`

        return judge(self._loader, code)

    def complete(self, code: str, cursor: int) -> Completion:
        """Return how a cell may go on at a place (in code points); runs nothing of it."""
        return self._language.complete(code, cursor)

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return a MIME bundle about what stands at a place of a cell; see `llmspell_kernel.language`."""
        return self._language.inspect(code, cursor, detail)

    @property
    def _language(self) -> LuaLanguage:
        self._check_owner()
        if self._known_language is None:
            from llmspell_kernel.lua.language import LuaLanguage  # scripts never ask

            self._known_language = LuaLanguage(self._bridge, self._loader)
        return self._known_language

    def close(self) -> None:
        """End the watch thread and close what scripts left open; twice is once."""
        if self._closed:
            return
        self._check_owner()
        self._closed = True
        self._runs.forget_template()
        self._watch.close()
        self._bridge.closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- construction ----------------------------------------------------------------------------------------------

    def _build(self, registry: ToolRegistry) -> None:
        """Run the prelude chunks in their order; each finds what the earlier ones left in `native`."""
        prelude = self._prelude
        table_from = prelude.runtime.table_from
        prelude.load("sandbox.lua", {
            "is_interrupted": self._is_interrupted, "describe": _describe, "prepare": self._prepare,
        })  # fmt: skip
        self._safe_points.install(prelude)
        prelude.load("tables.lua")
        abandon = prelude.load("coroutines.lua", {"push": self._states.append, "pop": self._states.pop})
        prelude.load("encode.lua", {"ARRAY": ARRAY, "OBJECT": OBJECT, "more": self._decoder.more})
        native = prelude.native
        encoder = Encoder(table_from, native["empty_array"], native["null"], self._memory.make_room)
        self._bridge = Bridge(
            prelude, registry, self._settings, self._output, encoder, self._decoder, self._memory, self._front
        )
        self._loader = Loader(self._settings, prelude.load("cell.lua"))
        self._failures = Failures(self._loader, self._settings.max_memory_bytes)
        install_globals(self._bridge, self._exit)
        guard = self._bridge.guard
        runner = prelude.load("runner.lua", {"finish": guard(self._finish), "take": guard(self._take)})
        run, take_trace, collect = runner
        self._entry = Entry(run, take_trace, collect, abandon, native.__getitem__)

    def _probe(self) -> Hook:
        """Return the hook that stops a tiny loop here and now, or the fallback."""
        from llmspell_kernel.lua.probe import choose_hook

        return choose_hook(self._prelude, self._is_interrupted)

    # --- one run ---------------------------------------------------------------------------------------------------

    def _free_run(self, timeout_s: float | None) -> Run:
        """Return a new run, where none goes on."""
        self._check_owner()
        if self._closed:
            raise InternalError("this engine is closed")
        return self._runs.new_alone(timeout_s)

    def _conclude(self, run: Run, name: str, outcome: Any, failure: BaseException | None) -> Execution:
        self._bridge.run_ended()
        if run.reason == "memory" or isinstance(failure, MemoryError):
            self._runs.entry.collect()
        try:
            self._output.flush(final=True)
        except Exception:  # noqa: BLE001 - kept in `failure`
            pass
        if self._output.failure is not None:
            raise self._output.failure
        if run.reason == "exit":
            return Execution([], None, run.exit_code)
        if run.reason is not None:
            stopped = run.error(self._settings.max_memory_bytes)
            stopped.details.update(self._failures.details(name, self._runs.entry.take_trace()))
            raise stopped from None
        if isinstance(failure, LlmspellError):
            raise failure
        if failure is not None:
            raise self._failures.of(failure, name) from failure
        done, text, *trace = outcome
        if done and text == "nil":
            self._failures.hint_about(name, self._output)
        if done:
            data, metadata = self._bridge.rich or (None, None)
            return Execution(self._runs.values, None if text is None else human_text(text), None, data, metadata)
        if text == "not enough memory" and not any(trace):
            raise self._failures.out_of_memory()
        raise self._failures.script_error(human_text(text), name, trace or NO_TRACE)

    def nest(self) -> Callable[[], None] | None:
        """Put the run that goes on aside, at a safe point; see `Runs.nest`."""
        return self._runs.nest()

    # --- callbacks -------------------------------------------------------------------------------------------------

    def _current_run(self) -> Run | None:
        return self._bridge.run

    def _is_interrupted(self) -> bool:
        run = self._bridge.run
        return run is not None and run.reason is not None

    def _prepare(self, text: str, chunk_name: str, is_global: bool) -> tuple[object, ...]:
        """Pass the text of `load` and `require` through the loader; ``(text,)`` or ``(None, message)``."""
        try:
            return (self._loader.prepare_part(text.encode("latin-1"), chunk_name, is_global=is_global),)
        except LimitExceeded as error:
            return None, to_lua_text(error.message)

    def _finish(self, *tokens: Any) -> None:
        self._runs.values = [printable(value) for value in self._decoder.values(tokens)]

    def _take(self, *tokens: Any) -> None:
        self._runs.values = [self._decoder.value(tokens)]  # for Python: bytes stay bytes

    def _exit(self, code: int) -> None:
        run = self._bridge.run
        if run is not None:
            run.exit_code = code
            run.stop("exit")

    def _check_owner(self) -> None:
        if get_ident() != self._owner:
            raise InternalError("a Lua engine belongs to the thread that made it")


def _describe(error: object) -> str:
    """Return the Lua text of a Python exception that came through a callback in spite of its guard."""
    return to_lua_text(f"{type(error).__name__}: {error}")
