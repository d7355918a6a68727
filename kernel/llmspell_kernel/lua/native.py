r"""`lua_sethook` through ctypes: how another thread stops a runtime that never returns to Python.

The library that lupa is built into exports Lua's C functions on Linux and macOS. A hook has the C signature
``(lua_State*, lua_Debug*)``; `luaL_error` fits it: the first field of `lua_Debug` is `int event`, 3 for a count
event, which read as C text is ``"\x03"``. So the hook raises an ordinary Lua error, with no Python callback inside a
hook and no longjmp over a Python frame. It stays set, so `pcall` cannot swallow it: the next instruction raises again.

`PyDLL` keeps the GIL during a call, and `arm` walks the list inside one C loop: no coroutine can leave the list of
active states, which takes the GIL too, while their hooks are being set. Source: Lua 5.4 manual §4.7; ldebug.c.
"""

from __future__ import annotations

from ctypes import PyDLL, c_int, c_void_p, cast
from itertools import repeat

from llmspell_kernel.lua.runtime import LIBRARY_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_MASK_COUNT = 8  # LUA_MASKCOUNT


class NativeHook:
    """Sets and clears the raising hook on Lua states, given by address.

    Raises:
        OSError: The library cannot be opened.
        AttributeError: It does not export `lua_sethook` (Windows).
    """

    __slots__ = ("_raise", "_set")

    def __init__(self, library_path: str = LIBRARY_PATH) -> None:
        library = PyDLL(library_path)
        self._set: Callable[[int, int | None, int, int], None] = library.lua_sethook
        library.lua_sethook.argtypes = [c_void_p, c_void_p, c_int, c_int]
        library.lua_sethook.restype = None
        self._raise = cast(library.luaL_error, c_void_p).value

    def arm(self, states: Iterable[int]) -> None:
        """Make each state raise at its next instruction; any thread. Outer states come first in the list.

        The outermost is armed first, so that when an inner one dies its callers are armed already.
        """
        list(map(self._set, states, repeat(self._raise), repeat(_MASK_COUNT), repeat(1)))

    def disarm(self, states: Iterable[int]) -> None:
        """Remove the hooks; only when nothing runs on these states."""
        list(map(self._set, states, repeat(None), repeat(0), repeat(0)))


class SafePointHook:
    """Makes Lua states call the function that `debug.sethook` has registered for them, at their next instruction.

    Args:
        state: Address of the main Lua state.
        turn: Turns a hook of `debug.sethook` on and off again in that state.

    Raises:
        OSError: The library cannot be opened.
        AttributeError: It does not export `lua_sethook` or `lua_gethook`, or gives no hook.
    """

    __slots__ = ("_set", "_trampoline")

    def __init__(self, state: int, turn: Callable[[bool], Any], library_path: str = LIBRARY_PATH) -> None:
        library = PyDLL(library_path)
        self._set: Callable[[int, int | None, int, int], None] = library.lua_sethook
        library.lua_sethook.argtypes = [c_void_p, c_void_p, c_int, c_int]
        library.lua_sethook.restype = None
        library.lua_gethook.argtypes = [c_void_p]
        library.lua_gethook.restype = c_void_p
        turn(True)
        self._trampoline: int | None = library.lua_gethook(state)
        turn(False)
        if self._trampoline is None:
            raise AttributeError("lua_gethook gives no hook")

    def arm(self, states: Iterable[int]) -> None:
        """Make each state call its function soon; any thread."""
        list(map(self._set, states, repeat(self._trampoline), repeat(_MASK_COUNT), repeat(1)))
