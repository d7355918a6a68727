"""Finds out, when an engine is made, whether a script can be stopped by the native hook; else a count hook is used.

The probe runs a loop that is bounded, arms the hook from inside it and sees whether the loop was cut off. So a
platform whose library has no symbols (Windows), or where the hook does something else, is found before a script runs.
"""

from __future__ import annotations

from llmspell_kernel.lua.interrupt import PolledHook
from llmspell_kernel.lua.runtime import LuaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua.interrupt import Hook
    from llmspell_kernel.lua.prelude_loader import Prelude

_LOOP = """local _, host = ...
host.arm()
for step = 1, 1000 do end
return "not stopped\""""


def choose_hook(prelude: Prelude, is_interrupted: Callable[[], bool]) -> Hook:
    """Return the native hook if it works here, else the polled one, which is installed in Lua now."""
    hook = _native_hook(prelude)
    if hook is not None:
        return hook
    prelude.load("count_hook.lua", {"is_interrupted": is_interrupted})
    return PolledHook()


def _native_hook(prelude: Prelude) -> Hook | None:
    try:
        from llmspell_kernel.lua.native import NativeHook

        hook = NativeHook()
    except (ImportError, OSError, AttributeError):
        return None
    main = [prelude.main_address]
    try:
        prelude.run(_LOOP, {"arm": lambda: hook.arm(main)})
    except LuaError as error:
        return hook if str(error).endswith("\x03") else None
    finally:
        hook.disarm(main)
    return None
