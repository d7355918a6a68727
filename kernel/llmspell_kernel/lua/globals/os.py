"""The global `os` beside the harmless functions of stock Lua: variables and files through the policy.

A refused variable reads as nil, like one that is not set; `os.remove` and `os.rename` answer ``nil, message, errno``.
`os.exit` and the clock belong to others. `os.execute` names process-executor instead.
"""

from __future__ import annotations

import os

from llmspell_kernel.lua.convert import to_lua_text
from llmspell_kernel.lua.globals.open_files import SOFT, TOOL, path_text, soft_failure, temporary_name
from llmspell_tools.errors import PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.globals.open_files import SoftFailure


def install(bridge: Bridge) -> None:
    """Add to `os` in the environment of scripts."""

    def getenv(name: str) -> str | None:
        value = os.environ.get(path_text(name))
        if value is None:
            return None
        try:
            bridge.policy.check_env(path_text(name), TOOL)
        except PermissionDenied:
            return None
        return to_lua_text(value)

    def remove(path: str) -> bool | SoftFailure:
        from llmspell_tools import files

        try:
            files.remove(bridge.policy, path_text(path), TOOL, folders=True)
        except SOFT as error:
            return soft_failure(path, error)
        return True

    def rename(source: str, target: str) -> bool | SoftFailure:
        from llmspell_tools import files

        try:
            files.rename(bridge.policy, path_text(source), path_text(target), TOOL)
        except SOFT as error:
            return soft_failure(source, error)
        return True

    def tmpname() -> str:
        from llmspell_tools import files

        name = temporary_name()
        with files.write_atomic(bridge.policy, name, TOOL):
            pass  # the name is ours from here on, as with stock Lua
        return to_lua_text(name)

    library = bridge.load("os.lua", getenv=getenv, remove=remove, rename=rename, tmpname=tmpname)
    bridge.extend("os", library)
