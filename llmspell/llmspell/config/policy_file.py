"""``--policy FILE``: one policy in a file of its own, as TOML (the keys of `[policy]`) or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.config.files import read_table
from llmspell.config.keys import known_keys, problem
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.jsontext import loads
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_tools.types import JsonValue

#: Keys that say where a policy starts from: here it starts from nothing.
_NOT_HERE = ("preset", "roots")


def read_policy_file(path: str) -> tuple[JsonValue, Callable[[str], str] | None]:
    """Return what the file says, and a function from a key to its place; None for the JSON form, which has rules whole.

    Raises:
        ConfigurationError: It cannot be read, or has a key that a policy does not have.
    """
    if path.endswith(".json"):
        try:
            with open(path, "rb") as file:
                return loads(file.read()), None
        except OSError as error:
            raise ConfigurationError(f"cannot read policy '{path}': {error.strerror}") from None
        except InvalidParameters as error:
            raise ConfigurationError(f"{path}: {error.message}") from None
    leaves, place_of = read_table(path)
    keys = {key.path.removeprefix("policy."): key for key in known_keys().values() if key.path.startswith("policy.")}
    known = {name: key for name, key in keys.items() if name not in _NOT_HERE}
    rules: dict[str, JsonValue] = {}
    for as_written, value in leaves.items():
        name = as_written.removeprefix("policy.")
        key = known.get(name)
        if key is None:
            raise ConfigurationError(f"{place_of(as_written)}: unknown key '{as_written}'{did_you_mean(name, known)}")
        wrong = problem(key, value)
        if wrong is not None:
            raise ConfigurationError(f"{place_of(as_written)}: '{as_written}': {wrong}")
        rules[name] = value
    written = {key.removeprefix("policy."): key for key in leaves}
    return rules, lambda key: place_of(written[key])
