"""What a globals module gets: how to put Lua code and Python callbacks behind a global, without letting Python through.

A callback's result crosses as ``(True, *results)`` or ``(False, message)``; the Lua side raises the message as a
string (`native.check`). So no Python exception object ever reaches Lua, and interrupts end the run, not the callback.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import to_lua_text
from llmspell_kernel.lua.memory import LARGE
from llmspell_kernel.reports import Reports
from llmspell_tools.errors import Cancelled, InternalError, LlmspellError, ToolTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from llmspell_kernel.lua.convert import Decoder, Encoder
    from llmspell_kernel.lua.front import Front
    from llmspell_kernel.lua.globals.magic import MagicHost
    from llmspell_kernel.lua.interrupt import Run
    from llmspell_kernel.lua.memory import Memory
    from llmspell_kernel.lua.output import Output
    from llmspell_kernel.lua.prelude_loader import Prelude
    from llmspell_kernel.lua.runtime import LuaFunction, LuaValue
    from llmspell_kernel.lua.settings import EngineSettings
    from llmspell_tools.definition import ToolContext
    from llmspell_tools.policy import Policy
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject


class Bridge:
    """One engine, seen by its globals; used on the owner thread only."""

    def __init__(
        self,
        prelude: Prelude,
        registry: ToolRegistry,
        settings: EngineSettings,
        output: Output,
        encoder: Encoder,
        decoder: Decoder,
        memory: Memory,
        front: Front,
    ) -> None:
        self.memory = memory
        self.front = front
        #: What tools report of their progress, where the door shows it.
        self.reports = Reports(front)
        #: MIME bundle and metadata of the running cell's result, where it has more than its text.
        self.rich: tuple[JsonObject, JsonObject] | None = None
        self.prelude = prelude
        self.registry = registry
        self.settings = settings
        self.output = output
        self.encoder = encoder
        self.decoder = decoder
        #: The run that goes on; None between runs.
        self.run: Run | None = None
        #: ``idle_call(work, context)``: run work that calls Lua while no script runs; the engine sets it.
        self.idle_call: Callable[[Callable[[], Any], ToolContext], Any] = _no_engine
        #: What magics of cells call; see `let_magics`.
        self.magics: MagicHost | None = None
        #: Makes `_ENV["%"]`; set by `globals.lazy`.
        self.put_magics: Callable[[], None] = _no_engine
        #: For `Tool.last_error()`.
        self.last_error: LlmspellError | None = None
        self._on_close: list[Callable[[], None]] = []
        self._on_run_end: list[Callable[[], None]] = []
        self._on_nest: list[Callable[[LuaFunction], Callable[[], None]]] = []
        #: Whether a run is suspended, in the middle of which others may go on.
        self.is_nested = False

    @property
    def policy(self) -> Policy:
        """What decides about files, variables and calls."""
        return self.context().policy

    def context(self) -> ToolContext:
        """Return the context of the run that goes on."""
        if self.run is None:
            return self.registry.context()
        return self.run.context

    def let_magics(self, host: MagicHost) -> None:
        """Let cells call magics from now on."""
        if self.magics is None:
            self.magics = host
            self.put_magics()

    def load(self, file: str, **callables: Callable[..., object]) -> LuaValue:
        """Run a prelude chunk with guarded callbacks as its `host`; what it returns is `native.<stem>` as well."""
        return self.prelude.load(file, {name: self.guard(function) for name, function in callables.items()})

    def put(self, name: str, value: LuaValue) -> None:
        """Make a Lua value a global of scripts."""
        self.prelude.env[name] = value

    def extend(self, name: str, members: LuaValue) -> None:
        """Add the members of a Lua table to a library of scripts, which is made if there is none."""
        self.prelude.extend(name, members)

    def guard(self, function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        """Return `function` as Lua may call it: see the module's docstring."""

        def guarded(*args: Any) -> tuple[Any, ...]:
            try:
                result = function(*args)
                if result.__class__ is tuple:
                    return (True, *result)
                if result.__class__ is str and len(result) > LARGE:
                    self.memory.make_room(len(result))
                return True, result
            except BaseException as error:  # noqa: BLE001 - lupa would hand the exception object to Lua
                return False, self.failure_text(error)

        return guarded

    def failure_text(self, error: BaseException) -> str:
        """Return the Lua error text of what a callback raised, and act on it."""
        self._stop_for(error)
        if isinstance(error, KeyboardInterrupt):
            error = Cancelled("the script was interrupted")
        if isinstance(error, LlmspellError):
            self.last_error = error
            return to_lua_text(error.message)
        if self.output.failure is error:
            return "output failed"
        if isinstance(error, RecursionError):
            return "stack overflow (tools and Lua call each other too deeply)"
        if isinstance(error, MemoryError):
            return "not enough memory"
        import logging  # costs as much as the rest of an engine's start

        logging.getLogger(__name__).error("a Lua callback failed", exc_info=error)
        return to_lua_text(f"internal error: {type(error).__name__}: {error}")

    def _stop_for(self, error: BaseException) -> None:
        """End the run for what ends it, though the watch thread has not noticed yet."""
        run = self.run
        if run is None or run.reason is not None:
            return
        if isinstance(error, KeyboardInterrupt) or (isinstance(error, Cancelled) and run.context.signal.cancelled):
            run.stop("interrupt")
        elif error is self.output.failure:
            run.stop("output")
        elif isinstance(error, ToolTimeout) and run.context.remaining_s() == 0.0:
            run.stop("timeout")

    def ask(self, question: str) -> bool:
        """Put the policy's yes-or-no question to the person at the door; the end of input is a no."""
        with self.blocking():
            answer = self.front.input(question + " [y/N] ", password=False, context=self.context())
        return answer is not None and answer.strip().lower() in {"y", "yes"}

    def blocking(self) -> AbstractContextManager[None]:
        """Mark what can only be broken by SIGINT; a context manager."""
        return _Blocking(self.run)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the engine is closed."""
        self._on_close.append(callback)

    def on_run_end(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the owner thread after each run."""
        self._on_run_end.append(callback)

    def on_nest(self, callback: Callable[[LuaFunction], Callable[[], None]]) -> None:
        """Let `callback` put aside what belongs to a run while others go on in its middle; it returns the undoing.

        It gets ``call(function, ...)``, which calls a Lua function where that can be stopped meanwhile.
        """
        self._on_nest.append(callback)

    def nest(self, call: LuaFunction) -> list[Callable[[], None]]:
        """Call what `on_nest` was given."""
        return [callback(call) for callback in self._on_nest]

    def run_ended(self) -> None:
        """Call what waits for the end of a run; a run inside another leaves it to that."""
        if self.is_nested:
            return
        for callback in self._on_run_end:
            callback()

    def closed(self) -> None:
        """Call what waits for the engine's end, newest first."""
        for callback in reversed(self._on_close):
            callback()


def _no_engine(*_: object) -> Any:
    raise InternalError("the bridge has no engine yet")


class _Blocking:
    """See `Bridge.blocking`; enters by raising what has stopped the run already."""

    __slots__ = ("_outer", "_run")

    def __init__(self, run: Run | None) -> None:
        self._run = run
        self._outer = False

    def __enter__(self) -> None:
        if self._run is not None:
            self._outer = self._run.blocking
            self._run.blocking = True
            if self._run.reason is not None:
                self._run.blocking = self._outer
                raise Cancelled("the script was interrupted")

    def __exit__(self, *_: object) -> None:
        if self._run is not None:
            self._run.blocking = self._outer
