"""Lua in this process: one engine a shell, made by its first cell, on that cell's thread.

Interrupts: a cell runs on the main thread, where the engine takes SIGINT itself while Lua runs. It leaves that to
whoever has a wake-up descriptor (`signal.set_wakeup_fd`), so an event loop's is put aside for the run.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmspell import api, assembly
from llmspell.ipython.values import of_cell
from llmspell.options import Options
from llmspell_kernel.lua.lexing import is_name
from llmspell_kernel.python.plain import to_plain
from llmspell_tools.errors import InvalidParameters, LlmspellError, ToolTimeout
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from llmspell.config.settings import Settings
    from llmspell.ipython.door import Door
    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua import Execution, LuaEngine
    from llmspell_tools.types import JsonObject

#: What a completion's kind is for a name that nobody means by `-o`.
_NOT_DATA = ("function", "keyword", "module")


class LuaCells:
    """The Lua of one shell.

    Args:
        shell: Whose variables cross.
        door: Where prints and displays go.
    """

    def __init__(self, shell: InteractiveShell, door: Door) -> None:
        self._shell = shell
        self._door = door
        self._engine: LuaEngine | None = None
        self._settings: Settings | None = None
        self._owner: threading.Thread | None = None

    def run(
        self, code: str, *, inward: Sequence[str] = (), outward: Sequence[str] = (), timeout_s: float | None = None
    ) -> Any:
        """Run a cell and return the value of its last expression.

        Args:
            code: Lua text.
            inward: Python variables that become Lua globals before it runs.
            outward: Lua globals that become Python variables afterwards; one that is nil becomes None, with a warning,
                since a value of an earlier run would be worse.
            timeout_s: Seconds until `ToolTimeout`; `[lua] timeout_seconds` if left out.

        Raises:
            LlmspellError: As `LuaEngine.execute`; InvalidParameters for a value that cannot cross.
        """
        engine = self._made()
        engine.registry.refresh()
        given = {name: self._python_value(name) for name in inward}
        for name in outward:
            _check_name(name)
        for name, value in given.items():
            engine.bridge.put(name, engine.bridge.encoder.to_lua(value))
        name = f"=In[{self._shell.displayhook.prompt_count}]"
        limit = self._default_timeout() if timeout_s is None else timeout_s
        with _sigint():
            try:
                execution = _executed(engine, code, name, limit)
            finally:
                self._door.settle()
            found = {each: self._lua_value(engine, each) for each in outward}
        self._shell.user_ns.update(found)
        return of_cell(execution)

    def reset(self) -> None:
        """Forget all globals; the next cell has a new Lua."""
        self.close()

    def complete(self, code: str, cursor: int) -> Completion | None:
        """Return how a cell may go on; None from another thread than the cells', as in a terminal's prompt."""
        if self._owner is not None and self._owner is not threading.current_thread():
            return None
        return self._made().complete(code, cursor)

    def variables(self) -> list[str]:
        """Return the names of the user's Python variables."""
        return sorted(
            name for name, value in self._shell.user_ns.items()
            if name[:1] != "_" and name not in self._shell.user_ns_hidden and not callable(value)
        )  # fmt: skip

    def close(self) -> None:
        """End the engine, if there is one and this is its thread."""
        engine = self._engine
        if engine is not None and self._owner is threading.current_thread():
            self._engine = self._owner = None
            engine.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _made(self) -> LuaEngine:
        if self._engine is not None:
            if self._owner is not threading.current_thread():
                raise InvalidParameters("Lua runs on the thread of the first %%lua cell; this cell is on another one")
            return self._engine
        from llmspell.actions.script import engine_settings
        from llmspell_kernel.lua import LuaEngine  # imports lupa

        self._settings = assembly.settings(Options())
        self._engine = LuaEngine(
            api.registry(),
            write=self._door.write,
            settings=engine_settings(self._settings, None, None),
            front=self._door,
        )
        self._owner = threading.current_thread()
        self._door.receive = self._receive
        return self._engine

    def _default_timeout(self) -> float | None:
        from llmspell.actions.script import configured_timeout

        return configured_timeout(self._settings)

    def _python_value(self, name: str) -> Any:
        _check_name(name)
        if name not in self._shell.user_ns:
            raise InvalidParameters(f"there is no Python variable '{name}'", field=name)
        return to_plain(self._shell.user_ns[name], name)

    def _lua_value(self, engine: LuaEngine, name: str) -> Any:
        execution = engine.execute(name, name="=-o", mode="value")
        if execution.text == "nil":
            known = (match.text for match in engine.complete("", 0).matches if match.kind not in _NOT_DATA)
            hint = did_you_mean(name, known)
            print(f"Warning: Lua has no global '{name}'; it is None in Python{hint}", file=sys.stderr)  # noqa: T201
        if execution.text == "nil" or execution.values:
            return of_cell(execution)
        raise InvalidParameters(f"the Lua global '{name}' has no Python form: {execution.text}", field=name)

    def _receive(self, kind: str, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> None:
        """Run the callbacks of a comm message, between two cells; what goes wrong there is printed."""
        engine = self._engine
        if engine is None or self._owner is not threading.current_thread():
            return
        try:
            with _sigint():
                engine.receive_comm(kind, content, metadata, buffers, timeout_s=self._default_timeout())
        except LlmspellError as error:
            print(f"{type(error).__name__}: {error.message}", file=sys.stderr)  # noqa: T201 - the front end's stderr


def _executed(engine: LuaEngine, code: str, name: str, limit_s: float | None) -> Execution:
    try:
        return engine.execute(code, name=name, mode="value", timeout_s=limit_s)
    except ToolTimeout as error:
        if limit_s is not None:
            error.message = f"stopped after {limit_s:g} s; --timeout or [lua] timeout_seconds gives it more time"
            error.args = (error.message,)  # notebooks keep this one
        raise


def _check_name(name: str) -> None:
    if not is_name(name):
        raise InvalidParameters(f"'{name}' is no name of a variable", field=name)


@contextmanager
def _sigint() -> Generator[None]:
    """Let the engine have SIGINT: see the module's docstring."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
