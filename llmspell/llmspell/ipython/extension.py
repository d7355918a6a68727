"""Loads the magics into an IPython shell, and takes all of it out again.

IPython's extension protocol: https://ipython.readthedocs.io/en/stable/config/extensions/ . Loading starts no Lua and
imports no tool; both happen when a cell first needs them.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from traitlets.config import Configurable

from llmspell.ipython import failures
from llmspell.ipython.completion import Completer
from llmspell.ipython.door import Door
from llmspell.ipython.lua_cells import LuaCells
from llmspell.ipython.magics import lua_magic, tool_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_MAGICS = ("tool", "lua")


class Extension:
    """What one shell has got.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        door = Door(shell)
        self._lua = LuaCells(shell, door)
        self._matcher = Completer(self._lua).matcher
        for name, function in zip(_MAGICS, (tool_magic(shell, door), lua_magic(self._lua)), strict=True):
            shell.magics_manager.register_function(function, "line_cell", name)
        if isinstance(shell.Completer, Configurable):  # None until a shell has set it up
            shell.Completer.custom_matchers.append(self._matcher)
        failures.install()
        atexit.register(self.close)

    def unload(self) -> None:
        """Take the magics and their completion away, and end Lua."""
        for kind in ("line", "cell"):
            for name in _MAGICS:
                self._shell.magics_manager.magics[kind].pop(name, None)
        completer = self._shell.Completer
        if isinstance(completer, Configurable) and self._matcher in completer.custom_matchers:
            completer.custom_matchers.remove(self._matcher)
        failures.remove()
        atexit.unregister(self.close)
        self.close()

    def close(self) -> None:
        """End Lua."""
        self._lua.close()


_loaded: dict[int, Extension] = {}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Answer ``%load_ext llmspell``."""
    if id(shell) not in _loaded:
        _loaded[id(shell)] = Extension(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Answer ``%unload_ext llmspell``."""
    extension = _loaded.pop(id(shell), None)
    if extension is not None:
        extension.unload()
