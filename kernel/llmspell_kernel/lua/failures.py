"""The errors that runs end with, made of what Lua says: text, place, traceback, the line itself, advice."""

from __future__ import annotations

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.runtime import LuaError
from llmspell_tools.errors import LimitExceeded, ScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_kernel.lua.loader import Loader
    from llmspell_kernel.lua.output import Output
    from llmspell_tools.types import JsonValue

NO_TRACE = ("", None, None)


class Failures:
    """Makes the errors of one engine.

    Args:
        loader: Knows the text of the chunks.
        max_memory_bytes: `[lua] max_memory_bytes`.
    """

    __slots__ = ("_loader", "_max_memory_bytes")

    def __init__(self, loader: Loader, max_memory_bytes: int | None) -> None:
        self._loader = loader
        self._max_memory_bytes = max_memory_bytes

    def of(self, failure: BaseException, name: str) -> BaseException:
        """Return the error for an exception that came out of a run of the chunk `name`."""
        if isinstance(failure, MemoryError):
            return self.out_of_memory()
        if isinstance(failure, LuaError):
            return self.script_error(human_text(str(failure)), name, NO_TRACE)
        return failure

    def out_of_memory(self) -> LimitExceeded:
        """Return the error for an allocation far beyond the limit, which Lua itself refused."""
        limit = self._max_memory_bytes
        return LimitExceeded(
            f"the script asked for far more memory than [lua] max_memory_bytes = {limit}",
            details={"limit": limit, "key": "[lua] max_memory_bytes"},
        )

    def script_error(self, message: str, name: str, trace: Any) -> ScriptError:
        """Return the error for a Lua error.

        Args:
            message: Its text.
            name: The chunk that was run.
            trace: Lines of the traceback in one text, chunk and line of the innermost frame.
        """
        details = self.details(name, trace)
        advice = None
        if name.startswith("=") and "(global '" in message:
            from llmspell_kernel.lua import cells  # imports `re`

            advice = cells.hint(message, self._loader.sources, name)
        source = details.get("source")
        if isinstance(source, str) and "attempt to call a nil value (" in message:
            from llmspell_kernel.lua.global_types import meant  # imports `re`
            from llmspell_kernel.lua.habits import call_advice

            message += meant(message, source) or call_advice(message, source)
        error = ScriptError(f"{message}\n{advice}" if advice else message, details=details)
        if advice:
            error.details["hint"] = advice
        return error

    def details(self, name: str, trace: Any) -> dict[str, JsonValue]:
        """Return chunk, line, traceback and the text of the line, as far as they are known."""
        text, chunk, line = trace
        details: dict[str, JsonValue] = {
            "chunk": human_text(str(chunk))[1:] if chunk else name[1:],
            "line": line,
            "traceback": list(human_text(text).split("\n")) if text else [],
        }
        source = self._loader.source_line(chunk, line) if chunk and line else None
        if source is not None:
            details["source"] = source
        return details

    def hint_about(self, name: str, output: Output) -> None:
        """Say on standard error why a cell that is a name alone is nil, if an earlier cell had a local of that name."""
        from llmspell_kernel.lua import cells  # imports `re`; only errors need it

        word = self._loader.sources.get(name, "").strip()
        advice = cells.hint_for(word, self._loader.sources, name) if word.isidentifier() else None
        if advice:
            output.error_text(to_lua_text(advice + "\n"))
