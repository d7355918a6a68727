"""`LLMSPELL_*` variables as configuration: `LLMSPELL_LUA_TIMEOUT_SECONDS=5` sets `lua.timeout_seconds`.

The name is the key in capitals with `_` for `.`; lists are separated by commas. Variables that are no keys
(`LLMSPELL_HOME`, `LLMSPELL_CONFIG`, `LLMSPELL_LOG`, ...) belong to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.config.keys import Key, known_keys, problem
from llmspell_tools.errors import ConfigurationError
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_tools.types import JsonValue

PREFIX = "LLMSPELL_"
#: Variables that are no keys: see `places`, `logs`, the options of the command line, and `scripts/environment.sh`.
_OTHERS = (
    "LLMSPELL_HOME", "LLMSPELL_CONFIG", "LLMSPELL_LOG", "LLMSPELL_ENGINE", "LLMSPELL_KERNEL_KEY", "LLMSPELL_PYTHON",
)  # fmt: skip


def variable_of(path: str) -> str:
    """Return the name of the variable that sets a key."""
    return PREFIX + path.upper().replace(".", "_").replace("-", "_")


def read_environment(environ: Mapping[str, str]) -> dict[str, tuple[JsonValue, str]]:
    """Return the values that variables set, with the variable's name, by key.

    Raises:
        ConfigurationError: A value is not of the key's type.
    """
    present = {name for name in environ if name.startswith(PREFIX)}
    found: dict[str, tuple[JsonValue, str]] = {}
    for key in known_keys().values() if present else ():
        name = variable_of(key.path)
        if name not in present or key.means is not None:
            continue
        value = _parse(key, environ[name])
        wrong = problem(key, value)
        if wrong is not None:
            raise ConfigurationError(f"environment variable {name}: {wrong}", details={"variable": name})
        found[key.path] = (value, name)
    return found


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that look like ours and set nothing, each with the nearest one that would."""
    known = [variable_of(key.path) for key in known_keys().values() if key.means is None]
    ours = {*known, *_OTHERS}
    return [
        (name, did_you_mean(name, known))
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in ours and not name.startswith("LLMSPELL_API_KEY_")
    ]


def _parse(key: Key, text: str) -> JsonValue:
    if key.kind == "strings":
        return [entry.strip() for entry in text.split(",") if entry.strip()]
    if key.kind == "boolean":
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text.lower(), text)
    if key.kind in {"integer", "number"}:
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text) if key.kind == "number" else text
        except ValueError:
            return text
    return text
