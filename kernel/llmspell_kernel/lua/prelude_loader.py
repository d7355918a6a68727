"""Loads the trusted Lua chunks of `prelude/` into a fresh runtime; the first one takes the standard library away.

A prelude chunk gets ``native, host, limits``: pristine functions and what other chunks gave (`native.<stem>`), Python
callables, and numbers. Chunks are small files next to this module.
"""

from __future__ import annotations

import os

from llmspell_kernel.lua.runtime import new_runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_kernel.lua.runtime import LuaTable, LuaValue
    from llmspell_kernel.lua.settings import EngineSettings

#: Frames of this chunk name are ours: they show in no traceback.
CHUNK_NAME = "=[llmspell]"
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prelude")
_texts: dict[str, str] = {}


class Prelude:
    """A runtime whose standard library has been taken away, and the way to run trusted chunks in it."""

    __slots__ = ("_extend", "_limits", "_load", "main_address", "native", "runtime")

    def __init__(self, settings: EngineSettings, max_depth: int) -> None:
        self.runtime = new_runtime()
        self._load, address, self.native = self.runtime.execute(prelude_text("boot.lua"), name=CHUNK_NAME)
        #: Address of the main Lua state.
        self.main_address = int(address, 16)
        limits: dict[str, int] = {
            "max_source_bytes": settings.max_source_bytes,
            "max_string_bytes": settings.max_string_bytes,
            "max_depth": max_depth,
        }
        self._limits = self.runtime.table_from(limits)
        self.native["max_string_bytes"] = settings.max_string_bytes
        self._extend = self.run(
            """local native = ...
            return function(name, members)
              local library = native.env[name] or {}
              for key, member in next, members do library[key] = member end
              native.env[name] = library
            end"""
        )

    @property
    def env(self) -> LuaTable:
        """The scripts' environment."""
        env: LuaTable = self.native["env"]
        return env

    def load(self, file: str, host: Mapping[str, object] | None = None) -> LuaValue:
        """Run `prelude/<file>`; what it returns first is kept as `native.<stem>`."""
        result = self.run(prelude_text(file), host)
        self.native[file.removesuffix(".lua")] = result[0] if isinstance(result, tuple) else result
        return result

    def lazy(self, file: str, host: Mapping[str, object]) -> tuple[str, LuaTable, LuaTable, LuaTable]:
        """Return a chunk's text and its three arguments: Lua loads it, on the coroutine that needs it."""
        return prelude_text(file), self.native, self.runtime.table_from(dict(host)), self._limits

    def run(self, text: str, host: Mapping[str, object] | None = None) -> LuaValue:
        """Run trusted Lua with ``native, host, limits``."""
        table = self.runtime.table_from(dict(host)) if host else None
        return self._load(text, self.native, table, self._limits)

    def extend(self, name: str, members: LuaTable) -> None:
        """Add members to a library of the scripts' environment."""
        self._extend(name, members)


def prelude_text(file: str) -> str:
    """Return the text of a prelude chunk; read once in a process."""
    text = _texts.get(file)
    if text is None:
        with open(os.path.join(_FOLDER, file), encoding="latin-1") as opened:
            text = _texts[file] = opened.read()
    return text
