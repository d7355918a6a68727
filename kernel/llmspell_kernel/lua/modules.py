"""`require`: finds and reads the Lua modules of a script; the Lua half is `prelude/require.lua`.

``a.b`` is ``a/b.lua`` or ``a/b/init.lua`` in the script's folder, then in each of `[lua] module_paths`. Nothing else is
read: the policy used here allows exactly these folders (its denials stay, links lead nowhere else), whatever scripts
may read otherwise. Names with a slash, a backslash, NUL or empty parts (``..``) are refused. A C module is
refused by name. It knows nothing of `package.loaded` and compiles nothing.
"""

from __future__ import annotations

import os

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_tools.errors import InvalidParameters, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_tools.policy import Policy

#: The policy's name for reading modules.
TOOL = "require"
_SUFFIXES = (".lua", "/init.lua")
#: What scripts for other engines require for what is a global here.
_JSON_MODULES = frozenset({"json", "cjson", "dkjson"})
_C_SUFFIXES = (".so", ".dll", ".dylib")


def install(bridge: Bridge) -> None:
    """Put `require` and `package` into the environment of scripts."""
    folders = _folders(bridge)
    loading: list[str] = []
    reading: list[tuple[Policy, Policy]] = []

    def find(name: str) -> tuple[object, ...]:
        if not reading or reading[0][0] is not bridge.policy:
            reading[:] = [(bridge.policy, _policy(bridge.policy, folders))]
        return _find(reading[0][1], folders, name, bridge.settings.max_source_bytes)

    def begin(name: str) -> str | None:
        if name in loading:
            return " -> ".join([*loading[loading.index(name) :], name])
        loading.append(name)
        return None

    def finish() -> None:
        if loading:  # an interrupted run has forgotten them already
            loading.pop()

    bridge.prelude.native["module_path"] = to_lua_text(
        ";".join(f"{folder}/?.lua;{folder}/?/init.lua" for folder in folders)
    )
    bridge.load("require.lua", find=find, begin=begin, finish=finish)

    def nest(_call: object) -> Callable[[], None]:
        outer = loading[:]
        loading.clear()

        def restore() -> None:
            loading[:] = outer

        return restore

    bridge.on_run_end(loading.clear)
    bridge.on_nest(nest)


def _folders(bridge: Bridge) -> tuple[str, ...]:
    settings = bridge.settings
    own = () if settings.script_dir is None else (settings.script_dir or ".",)
    return (*own, *settings.module_paths)


def _policy(policy: Policy, folders: tuple[str, ...]) -> Policy:
    if not folders:
        return policy
    allow = {"read": [os.path.abspath(folder) for folder in folders]}
    return policy.with_rules(allow=allow, origin="the script's folder and [lua] module_paths", tool=TOOL)


def _find(policy: Policy, folders: tuple[str, ...], name: str, max_bytes: int) -> tuple[object, ...]:
    """Return ``(text, path)`` in Lua's spelling, or ``(None, message)``."""
    shown = human_text(name)
    parts = shown.split(".")
    if not all(parts) or any(character in shown for character in "/\\\0"):
        raise InvalidParameters(
            f"module name '{shown}' is refused: names are words joined by dots, such as 'shapes.circle'"
        )
    tried = [f"no field package.preload['{shown}']"]
    for folder in folders:
        base = os.path.join(folder, *parts)
        for suffix in _SUFFIXES:
            text = _read(policy, base + suffix, max_bytes)
            if text is not None:
                return text, to_lua_text(base + suffix)
            tried.append(f"no file '{base}{suffix}'")
        _refuse_c_module(policy, base, shown)
    if not folders:
        tried.append("no folder to look in: this script is not a file; name folders in [lua] module_paths")
    if shown in _JSON_MODULES:
        tried.append("JSON needs no module: JSON.parse and JSON.stringify are there")
    return None, to_lua_text(f"module '{shown}' not found:\n\t" + "\n\t".join(tried))


def _read(policy: Policy, path: str, max_bytes: int) -> str | None:
    from llmspell_tools import files

    if not _is_there(policy, path):
        return None
    content = files.read_bytes(policy, path, TOOL, max_bytes=max_bytes, limit="[lua] max_source_bytes")
    return content.decode("latin-1")


def _is_there(policy: Policy, path: str) -> bool:
    from llmspell_tools import files

    return files.exists(policy, path, TOOL)


def _refuse_c_module(policy: Policy, base: str, shown: str) -> None:
    for suffix in _C_SUFFIXES:
        if _is_there(policy, base + suffix):
            raise ToolExecutionError(
                f"module '{shown}' is a C module ('{base}{suffix}'); only modules written in Lua can be required"
            )
