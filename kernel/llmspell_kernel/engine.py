"""What the kernel needs of a language engine; `llmspell_kernel.lua.LuaEngine` is one. A seam, no code."""

from __future__ import annotations

from typing import Literal, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonValue

    #: ("stdout" | "stderr", text); from the engine's owner thread or its watch thread
    Write = Callable[[str, str], None]
    EngineFactory = Callable[[ToolRegistry, Write], "Engine"]


class Execution(Protocol):
    """What running a cell gave."""

    values: list[JsonValue]
    text: str | None
    exit_code: int | None


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

    def interrupt(self) -> None:
        """Stop what runs now; no effect when nothing does."""
        ...

    def close(self) -> None:
        """Free the engine; on its thread."""
        ...
