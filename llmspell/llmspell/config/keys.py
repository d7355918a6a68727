"""Every configuration key: its type, its default, what it means, and whether a project's file may set it.

The one table from which files are checked, defaults come and `config init` writes. A key that the original
llmspell has is accepted as well: mapped to ours where it means something here, else with a warning ("not used").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

Kind = Literal["string", "integer", "number", "boolean", "strings", "any"]


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key.

    Args:
        path: Dotted path, `lua.max_memory_bytes`.
        kind: The TOML type that it takes; ``strings`` is an array of strings.
        default: What holds where nothing sets it; None for "nothing".
        help: One line for `config init` and the documentation.
        choices: The only values of a string, where there are such.
        widens: True where a value may give more rights, so that an untrusted project may not set it.
        used: False for keys that are accepted for the original's sake and change nothing yet.
        means: The key of ours that a key of the original stands for; several are separated by a space.
    """

    path: str
    kind: Kind
    default: JsonValue = None
    help: str = ""
    choices: tuple[str, ...] = ()
    widens: bool = False
    used: bool = True
    means: str | None = None


_MB = 1024 * 1024


_SUBJECTS = {
    "read": "folders and files that may be read",
    "write": "folders and files that may be written",
    "net": "hosts that may be reached, HOST or HOST:PORT",
    "run": "programs that may be started",
    "env": "environment variables that may be read",
}
_LEVELS = ("safe", "restricted", "privileged")
_ANSWERS = ("allow", "ask", "deny")
_ANNOTATIONS = {
    "read_only": "tools that change nothing",
    "destructive": "tools that can destroy something",
    "idempotent": "tools that can be called twice without harm",
    "open_world": "tools that reach outside this machine",
    "not_read_only": "tools that change something",
    "not_destructive": "tools that destroy nothing",
    "not_idempotent": "tools where a second call does more",
    "not_open_world": "tools that stay on this machine",
}


def _rules(prefix: str) -> tuple[Key, ...]:
    allow = [
        Key(f"{prefix}.allow_{kind}", "strings", [], f"also {what}", widens=True) for kind, what in _SUBJECTS.items()
    ]
    deny = [
        Key(f"{prefix}.deny_{kind}", "strings", [], what.replace("may be", "may never be"))
        for kind, what in _SUBJECTS.items()
    ]
    return (*allow, *deny)


OWN: tuple[Key, ...] = (
    Key("policy.preset", "string", "default", "where the policy starts: strict allows nothing by itself",
        choices=("default", "strict")),
    Key("policy.ceiling", "string", "privileged", "the highest level of tool that may run", choices=_LEVELS),
    *_rules("policy"),
    Key("policy.roots", "strings", None, "folders to work in, instead of the current one", widens=True),
    *(Key(f"policy.approvals.{name}", "string", "allow", what, choices=_ANSWERS)
      for name, what in _ANNOTATIONS.items()),
    Key("tools.directories", "strings", [], "folders of *.py files with your own tools", widens=True),
    Key("lua.module_paths", "strings", [], "folders that `require` looks in, after the script's own", widens=True),
    Key("lua.max_memory_bytes", "integer", 512 * _MB, "memory that one Lua state may use"),
    Key("lua.max_source_bytes", "integer", 10_000_000, "longest script or cell"),
    Key("lua.max_string_bytes", "integer", 128 * _MB, "longest result of string.rep"),
    Key("lua.max_open_files", "integer", 100, "files that scripts may hold open at once"),
    Key("lua.timeout_seconds", "number", 0, "seconds that a script or cell may run; 0: as long as it takes"),
    Key("logging.level", "string", "warn", "a level or directives: warn, debug, llmspell=debug,info"),
)  # fmt: skip

#: Keys of the original that mean something here, and the key of ours.
_MAPPED: tuple[Key, ...] = (
    Key("default_engine", "string", means="", choices=("lua",)),
    Key("engines.lua.max_memory_bytes", "integer", means="lua.max_memory_bytes"),
    Key("engines.lua.timeout_ms", "integer", means="lua.timeout_seconds"),
    Key("runtime.script_timeout_seconds", "number", means="lua.timeout_seconds"),
    Key("tools.tool_directories", "strings", means="tools.directories", widens=True),
    Key("tools.file_operations.max_file_size", "integer", means="tools.file_operations.max_file_bytes"),
    Key("tools.file_operations.allowed_paths", "strings", widens=True,
        means="policy.tools.file_operations.allow_read policy.tools.file_operations.allow_write"),
)  # fmt: skip

#: Keys of the original that are read and checked as TOML, and change nothing yet. `x.*` stands for all below `x`.
LATER: tuple[str, ...] = (
    "providers.*", "hooks.*", "events.*", "debug.*", "rag.*", "storage.*", "service.*", "signals.*", "daemon.*",
    "protocols.*", "monitoring.*", "security.*", "kernel.*",
    "engines.lua.stdlib", "engines.lua.enable_debug", "engines.lua.security_level", "engines.javascript.*",
    "engines.python.*",
    "runtime.max_concurrent_scripts", "runtime.enable_streaming", "runtime.memory.*", "runtime.security.*",
    "runtime.state_persistence.*", "runtime.sessions.*",
    "tools.enabled", "tools.rate_limit_per_minute", "tools.custom.*", "tools.auto_discover", "tools.reload_on_change",
    "tools.cache_metadata", "tools.cache_enabled", "tools.cache_size_mb", "tools.cache_ttl_seconds",
    "tools.security.*", "tools.permissions.*", "tools.timeouts.*",
    "tools.file_operations.enabled", "tools.file_operations.atomic_writes", "tools.file_operations.max_depth",
    "tools.file_operations.allowed_extensions", "tools.file_operations.blocked_extensions",
    "tools.file_operations.validate_file_types",
    "tools.web_search.*", "tools.http_request.*", "tools.network.*", "tools.web_tools.*", "tools.media.*",
    "tools.database.*", "tools.email.*", "tools.system.*", "tools.data.*", "tools.academic.*", "tools.document.*",
    "tools.search.*",
)  # fmt: skip


def tool_keys() -> tuple[Key, ...]:
    """Return the keys of the built-in tools: `tools.<tool_name>.<setting>`, `policy.tools.<tool_name>.<rule>`."""
    from llmspell_tools.manifest import TOOLS  # large, and only a configuration needs it

    found: list[Key] = []
    for name, entry in TOOLS.items():
        for setting, default in entry.get("settings", {}).items():
            path = f"tools.{name.replace('-', '_')}.{setting}"
            found.append(Key(path, _kind_of(default), default, f"a limit of {name}"))
        own = f"policy.tools.{name.replace('-', '_')}"
        found.append(Key(f"{own}.ceiling", "string", None, f"the highest level of {name}", choices=_LEVELS))
        found.extend(_rules(own))
    return tuple(found)


def _kind_of(value: JsonValue) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return "strings"
    return "any"


@cache
def known_keys() -> dict[str, Key]:
    """Return every key that has a type, by path: ours, the tools' settings, those of the original that map."""
    keys = {key.path: key for key in (*OWN, *tool_keys())}
    for key in _MAPPED:
        keys.setdefault(key.path, key)
    return keys


def own_tool_key(path: str) -> Key | None:
    """Return the key of a setting or rule of a tool that is not built in; which there are is known when they load.

    A project's file may set none unless it is trusted: what a setting of such a tool does, only its author knows.
    """
    parts = path.split(".")
    if len(parts) == 3 and parts[0] == "tools" and not _is_built_in(parts[1]):
        return Key(path, "any", None, f"a setting of your own tool {parts[1]}", widens=True)
    if len(parts) == 4 and parts[:2] == ["policy", "tools"] and not _is_built_in(parts[2]):
        like = known_keys().get(f"policy.tools.calculator.{parts[3]}")
        return replace(like, path=path) if like is not None else None
    return None


def _is_built_in(name: str) -> bool:
    from llmspell_tools.manifest import TOOLS  # imported by now

    return name.replace("_", "-") in TOOLS


def is_later(path: str) -> bool:
    """Tell whether a key is one of the original's that changes nothing yet."""
    return any(path == entry or (entry.endswith(".*") and path.startswith(entry[:-1])) for entry in LATER)


def problem(key: Key, value: object) -> str | None:
    """Return what is wrong with a value, or None: `an integer is wanted, not "ten"`."""
    wanted = {
        "string": ("a string", isinstance(value, str)),
        "boolean": ("true or false", isinstance(value, bool)),
        "integer": ("an integer", isinstance(value, int) and not isinstance(value, bool)),
        "number": ("a number", isinstance(value, (int, float)) and not isinstance(value, bool)),
        "strings": ("an array of strings", isinstance(value, list) and all(isinstance(item, str) for item in value)),
        "any": ("a value", True),
    }
    name, fits = wanted[key.kind]
    if not fits:
        return f"{name} is wanted, not {value!r}"
    if key.choices and value not in key.choices:
        return f"one of {', '.join(key.choices)} is wanted, not {value!r}"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return f"a number of at least 0 is wanted, not {value!r}"
    return None
