"""The one module that imports lupa: a bare Lua 5.4 runtime, built so that nothing of Python shows in it.

It names `lupa.lua54` explicitly: `import lupa` picks LuaJIT where it exists, which can neither be interrupted nor
debugged and is another language. What Lua sees is the business of `sandbox.py`; this module knows only how a runtime
is made and what its values look like to a type checker.

Strings cross as latin-1, one character for each byte, which cannot fail; `convert.py` decodes UTF-8 once.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Protocol, TypeAlias

    #: A Lua value as lupa gives it: a scalar, a `LuaTable`, a function, a thread, or a Python object of ours.
    LuaValue: TypeAlias = Any

    class LuaTable(Protocol):
        """A Lua table held by Python."""

        def __getitem__(self, key: object) -> LuaValue: ...
        def __setitem__(self, key: object, value: object) -> None: ...

    class LuaFunction(Protocol):
        """A Lua function held by Python; several results come as a tuple."""

        def __call__(self, *args: object) -> LuaValue:
            """Call it."""
            ...

    class LuaRuntime(Protocol):
        """The part of lupa's runtime that we use."""

        def execute(self, code: str, *args: object, name: str | None = ...) -> LuaValue:
            """Run Lua text in the real globals."""
            ...

        def table_from(self, *sources: Mapping[Any, Any] | Iterable[Any], recursive: bool = ...) -> LuaTable:
            """Make a table."""
            ...

        def get_memory_used(self, total: bool = ...) -> int | None:
            """Return the bytes held."""
            ...

        def set_max_memory(self, max_memory: int, total: bool = ...) -> None:
            """Set the limit in bytes; 0 for none."""
            ...


__import__("lupa.lua54")
_lua54 = sys.modules["lupa.lua54"]

#: What a call into Lua raises when Lua raised.
LuaError: type[Exception] = _lua54.LuaError

#: The shared library that holds this Lua; `native.py` finds `lua_sethook` in it.
LIBRARY_PATH: str = str(_lua54.__file__)

#: For `version --verbose` and `doctor`.
LUA_VERSION = "Lua " + ".".join(str(part) for part in _lua54.LUA_VERSION)


def _deny(*_: object) -> LuaValue:
    raise AttributeError("Python objects have no fields in Lua")


def new_runtime() -> LuaRuntime:
    """Return a fresh runtime with Lua's standard libraries still in its globals, and nothing of Python's.

    `max_memory=0` counts bytes and limits nothing yet; `memory.py` says why, and what it does about it.
    """
    runtime: LuaRuntime = _lua54.LuaRuntime(
        register_eval=False,
        register_builtins=False,
        attribute_handlers=(_deny, _deny),
        unpack_returned_tuples=True,
        encoding="latin-1",
        source_encoding="latin-1",
        max_memory=0,
    )
    return runtime
