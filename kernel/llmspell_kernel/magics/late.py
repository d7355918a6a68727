"""The magics of a kernel, loaded when a cell first has one: a cell of plain Lua costs no import and no look.

The kernel knows this module only. A percent sign somewhere in a cell is what makes it look further.
"""

from __future__ import annotations

from llmspell_tools.errors import InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.calls import DirectCalls, Requester
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import Execution, LateEngine
    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.magics.language import MagicLanguage
    from llmspell_kernel.magics.magics import Magics, Runner
    from llmspell_tools.types import JsonValue


class LateMagics:
    """Runs cells that have magics, and is the `Language` of such cells.

    Args:
        engine: Runs Lua.
        calls: Calls tools for Python cells.
        requester: Gets what Python cells write and show, and answers what they ask.
    """

    __slots__ = ("_calls", "_engine", "_language", "_magics", "_requester")

    def __init__(self, engine: LateEngine, calls: DirectCalls, requester: Requester) -> None:
        self._engine = engine
        self._calls = calls
        self._requester = requester
        self._magics: Magics | None = None
        self._language: MagicLanguage | None = None

    # --- running ------------------------------------------------------------------------------------------------------

    def claims(self, code: str) -> bool:
        """Tell whether a cell that has a percent sign somewhere may have magics."""
        from llmspell_kernel.magics.headers import header_of
        from llmspell_kernel.magics.lines import may_have_magics

        return may_have_magics(code) or header_of(code) is not None

    def run(
        self, runner: Runner, request: Request, code: str, name: str, *, is_silent: bool
    ) -> tuple[Execution, list[JsonValue]]:
        """Run a cell; see `Magics.run`."""
        return self._loaded().run(runner, request, code, name, is_silent=is_silent)

    def receive_comm(self, runner: Runner, request: Request, kind: str) -> bool:
        """Hand a comm message to Python cells; see `Magics.receive_comm`. Before there was any, none is for them."""
        return self._magics is not None and self._magics.receive_comm(runner, request, kind)

    def _loaded(self) -> Magics:
        if self._magics is None:
            from llmspell_kernel.magics.host import Host
            from llmspell_kernel.magics.magics import Magics
            from llmspell_kernel.python.cells import PythonCells

            host = Host()
            python = PythonCells(self._lua, self._calls, self._requester, host)
            self._magics = Magics(self._lua, python, host)
        return self._magics

    # --- the text of a cell -------------------------------------------------------------------------------------------

    def complete(self, code: str, cursor: int) -> Completion | None:
        """Complete a cell; see `Language.complete`."""
        return self._known().complete(code, cursor) if "%" in code else None

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str] | None:
        """Inspect a cell; see `Language.inspect`."""
        return self._known().inspect(code, cursor, detail) if "%" in code else None

    def is_complete(self, code: str) -> tuple[str, str] | None:
        """Judge a cell; see `Language.is_complete`."""
        return self._known().is_complete(code) if "%" in code else None

    def _known(self) -> MagicLanguage:
        if self._language is None:
            from llmspell_kernel.magics.language import MagicLanguage

            self._language = MagicLanguage(self._lua, self._loaded().python)
        return self._language

    def _lua(self) -> LuaEngine:
        from llmspell_kernel.lua import LuaEngine

        engine = self._engine.prepare()
        if not isinstance(engine, LuaEngine):
            raise InternalError("magics need an engine of Lua")
        return engine
