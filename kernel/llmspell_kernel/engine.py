"""What the kernel needs of a language engine, and when it gets one; `llmspell_kernel.lua.LuaEngine` is one.

Knows no Lua: an engine is made by a function that is handed in.
"""

from __future__ import annotations

from typing import Literal, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.language import Completion
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue

    #: ("stdout" | "stderr", text); from the engine's owner thread or its watch thread
    Write = Callable[[str, str], None]

    class EngineFactory(Protocol):
        """Makes an engine: that of the cells, and one for each script that a client runs apart from them."""

        def __call__(
            self, tools: ToolRegistry, write: Write, front: KernelFront, /, *, script_dir: str | None = None
        ) -> Engine:
            """Return an engine; `script_dir` is where `require` looks first."""
            ...


class Execution(Protocol):
    """What running a cell gave."""

    values: list[JsonValue]
    text: str | None
    exit_code: int | None
    #: The MIME bundle of the result where it has more than its text, else None; and its metadata.
    data: JsonObject | None
    metadata: JsonObject


class Engine(Protocol):
    """Runs code on the thread that made it; `interrupt` comes from any thread."""

    def execute(
        self,
        code: str,
        *,
        name: str,
        mode: Literal["script", "cell"],
        args: Sequence[str] | None = None,
        timeout_s: float | None = None,
    ) -> Execution:
        """Run code; all it printed has been written when this returns or raises.

        Raises:
            LlmspellError: ScriptSyntaxError, ScriptError, Cancelled, ToolTimeout, LimitExceeded.
        """
        ...

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return Jupyter's status of the code and the next line's indent."""
        ...

    def complete(self, code: str, cursor: int) -> Completion:
        """Return how the code may go on at a place; see `Language`."""
        ...

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return a MIME bundle about what stands at a place; see `Language`."""
        ...

    def receive_comm(
        self,
        kind: str,
        content: JsonObject,
        metadata: JsonObject,
        buffers: Sequence[bytes],
        *,
        timeout_s: float | None = None,
    ) -> bool:
        """Hand a comm_open, comm_msg or comm_close to the script's callbacks; tell whether anything takes it.

        Raises:
            LlmspellError: As `execute`, for what a callback does.
        """
        ...

    def interrupt(self) -> bool:
        """Stop what runs now, and what waits for it; False and no effect when nothing does."""
        ...

    def close(self) -> None:
        """Free the engine; on its thread."""
        ...


class LateEngine:
    """An engine that is made when it is first needed, or when `prepare` is called; used on the main thread.

    Clients begin with kernel_info_request and wait for its reply; loading Lua before it would cost a quarter of the
    time until then, and the client's own next steps take longer than loading it after.

    Args:
        make: Makes the engine, on the thread that is to own it.
    """

    __slots__ = ("_engine", "_make")

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None

    @property
    def made(self) -> Engine | None:
        """The engine, if there is one yet; any thread."""
        return self._engine

    def prepare(self) -> Engine:
        """Return the engine; make it if there is none."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine

    def registry(self, without: ToolRegistry) -> ToolRegistry:
        """Return the registry with the tools that cells have registered; `without` them where there can be none."""
        registry: ToolRegistry = getattr(self._engine, "registry", without)
        return registry

    def execute(
        self,
        code: str,
        *,
        name: str,
        mode: Literal["script", "cell"],
        args: Sequence[str] | None = None,
        timeout_s: float | None = None,
    ) -> Execution:
        """Run code; see `Engine.execute`."""
        return self.prepare().execute(code, name=name, mode=mode, args=args, timeout_s=timeout_s)

    def is_complete(self, code: str) -> tuple[str, str]:
        """Judge code; see `Engine.is_complete`."""
        return self.prepare().is_complete(code)

    def complete(self, code: str, cursor: int) -> Completion:
        """Complete code; see `Language.complete`."""
        return self.prepare().complete(code, cursor)

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Inspect code; see `Language.inspect`."""
        return self.prepare().inspect(code, cursor, detail)

    def receive_comm(
        self,
        kind: str,
        content: JsonObject,
        metadata: JsonObject,
        buffers: Sequence[bytes],
        *,
        timeout_s: float | None = None,
    ) -> bool:
        """Hand on a comm message; see `Engine.receive_comm`."""
        return self.prepare().receive_comm(kind, content, metadata, buffers, timeout_s=timeout_s)

    def nest(self) -> Callable[[], None] | None:
        """Put the run that goes on aside, called from `post_work`; return what lets it go on, None where it cannot.

        An engine without this is left alone: it has no safe points either.
        """
        nest: Callable[[], Callable[[], None] | None] | None = getattr(self._engine, "nest", None)
        return None if nest is None else nest()

    @property
    def script_writer(self) -> Callable[[str, str], None] | None:
        """What writes text among the prints of the script that runs, in order; None while none runs; any thread."""
        bridge = getattr(self._engine, "bridge", None)
        return None if bridge is None or bridge.run is None else bridge.output.add

    def post_work(self, work: Callable[[], None]) -> None:
        """Let the engine's thread call `work` in the middle of the script that runs; any thread."""
        safe_points = getattr(self._engine, "safe_points", None)
        if safe_points is not None:
            safe_points.post_work(work)

    def interrupt(self) -> bool:
        """Stop what runs; any thread. False where nothing does."""
        return self._engine is not None and self._engine.interrupt()

    def close(self) -> None:
        """Free the engine, if there is one."""
        if self._engine is not None:
            self._engine.close()
