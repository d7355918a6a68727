"""`lua` in Python cells, and Python's names for Lua: values that are JSON cross, everything else stays on its side.

    lua.x, lua["x"]            read a global of Lua
    lua.x = [1, 2], del lua.x  set it, take it away
    lua("return f(1)")         run Lua and get what it gives
    "x" in lua, list(lua)      your own globals

Main thread only, in the middle of a Python cell.
"""

from __future__ import annotations

from llmspell_kernel.lua.inspection_tools import lua_text
from llmspell_kernel.python.plain import to_plain
from llmspell_tools.errors import Cancelled, InvalidParameters, ScriptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.python.cells import Values
    from llmspell_kernel.running import Running
    from llmspell_tools.types import JsonValue

_CHUNK = "=lua"
_OWN = ("_find_engine", "_flush", "_running", "_values")


class LuaGlobals:
    """Lua's globals.

    Args:
        find_engine: Returns what has them.
        running: Told what an interrupt stops meanwhile.
        values: Where a value waits that crosses.
        flush: Writes what Python has printed: what Lua prints comes after it.
    """

    _find_engine: Callable[[], LuaEngine]
    _running: Running
    _values: Values
    _flush: Callable[[], None]

    def __init__(
        self, find_engine: Callable[[], LuaEngine], running: Running, values: Values, flush: Callable[[], None]
    ) -> None:
        for name, value in zip(_OWN, (find_engine, flush, running, values), strict=True):
            object.__setattr__(self, name, value)

    def __call__(self, code: str) -> Any:
        """Run Lua; return what it returns, a tuple of several values, or the value of an expression.

        Raises:
            LlmspellError: As a Lua cell.
            KeyboardInterrupt: The cell was interrupted.
        """
        loader = self._find_engine().loader
        expression = f"return {code}\n"
        is_expression = loader.problem(loader.prepare(expression), _CHUNK) is None
        values = self._run(expression if is_expression and code.strip() else code)
        return tuple(values) if len(values) > 1 else values[0] if values else None

    def __getitem__(self, name: str) -> Any:
        """Return a global.

        Raises:
            KeyError: Lua has none of this name.
            TypeError: It holds something that is no JSON.
        """
        is_there, value = self._get(name)
        if not is_there:
            raise KeyError(name)
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        is_there, value = self._get(name)
        if not is_there:
            raise AttributeError(f"Lua has no global '{name}'")
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a global.

        Raises:
            TypeError: The value is no JSON, and nothing that becomes one.
        """
        try:
            self._values.waiting = to_plain(value, f"lua.{name}")
        except InvalidParameters as error:
            raise TypeError(error.message) from None
        self._run(f'_ENV["%"].set({lua_text(_checked(name))})')

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delitem__(self, name: str) -> None:
        """Take a global away."""
        self[name] = None

    def __delattr__(self, name: str) -> None:
        self[name] = None

    def __contains__(self, name: object) -> bool:
        """Tell whether Lua has a global of this name that is not nil."""
        if not isinstance(name, str):
            return False
        self._run(f"_ENV['%'].has({lua_text(name)})")
        return self._values.given[0]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of your own globals."""
        return iter(self._names())

    def __len__(self) -> int:
        """Return how many globals of your own there are."""
        return len(self._names())

    def __dir__(self) -> list[str]:
        return [name for name in self._names() if is_python_name(name)]

    def __repr__(self) -> str:
        return f"<Lua's globals: {', '.join(self._names()) or 'none of your own'}>"

    def _get(self, name: str) -> tuple[bool, Any]:
        try:
            self._run(f'_ENV["%"].get({lua_text(_checked(name))})')
        except ScriptError as error:
            raise TypeError(
                error.message.partition(": ")[2] if error.message.startswith("lua:") else error.message
            ) from None
        return self._values.given

    def _names(self) -> list[str]:
        self._run('_ENV["%"].names()')
        names: Any = self._values.given[1]
        return [str(name) for name in names]

    def _run(self, code: str) -> list[JsonValue]:
        self._flush()
        be_eager = self._running.be_patient(self._find_engine().interrupt)
        try:
            return self._find_engine().execute(code, name=_CHUNK, mode="script").values
        except Cancelled:
            raise KeyboardInterrupt from None
        finally:
            be_eager()


class PythonNames:
    """Python's names, as Lua reads and sets them.

    Args:
        names: The namespace of Python cells.
    """

    __slots__ = ("_names",)

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def get(self, name: str) -> JsonValue:
        """Return a value; None where there is no such name.

        Raises:
            InvalidParameters: It holds something that has no Lua form.
        """
        value: JsonValue = to_plain(self._names.get(name), f"python.{name}")
        return value

    def set(self, name: str, value: JsonValue) -> None:
        """Set a value.

        Raises:
            InvalidParameters: Python could not say this name.
        """
        if not is_python_name(name):
            raise InvalidParameters(f"'{name}' is no name in Python", field=name)
        self._names[name] = value


def is_python_name(name: str) -> bool:
    """Tell whether Python code can say a name."""
    from keyword import iskeyword

    return name.isidentifier() and not iskeyword(name)


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a global's name is a string, not {type(name).__name__}")
    return name
