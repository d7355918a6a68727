"""A configuration file as a document: every key with its meaning and default, commented out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.config.keys import OWN, tool_keys
from llmspell_tools.jsontext import dumps

if TYPE_CHECKING:
    from llmspell.config.keys import Key
    from llmspell_tools.types import JsonValue

_HEAD = """\
# Configuration of llmspell. Every key stands here with its default; take the # away to change one.
# Order: flag > environment (LLMSPELL_...) > project file > ~/.llmspell/config.toml > default.
# A project's file may only narrow the policy until `llmspell config trust` has been run on it.
"""
_EXAMPLES = {"policy.roots": '["/data/work"]'}


def default_document() -> str:
    """Return the text of a new configuration file; it is valid as it stands and changes nothing."""
    parts = [_HEAD]
    table = None
    own_tools = [key for key in tool_keys() if key.path.startswith("tools.")]
    for key in (*OWN, *own_tools):
        section, _, name = key.path.rpartition(".")
        if section != table:
            parts.append(f"\n[{section}]\n")
            table = section
        parts.append(_entry(key, name))
    return "".join(parts)


def _entry(key: Key, name: str) -> str:
    meaning = key.help
    if key.choices:
        meaning = f"{meaning}: {', '.join(key.choices)}"
    value = _EXAMPLES.get(key.path) if key.default is None else toml_value(key.default)
    return f"# {meaning}\n# {name} = {value}\n"


def toml_value(value: JsonValue) -> str:
    """Return a value as TOML; its strings and arrays are JSON's, so only tables differ."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{dumps(key)} = {toml_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(entry) for entry in value) + "]"
    return dumps(value)
