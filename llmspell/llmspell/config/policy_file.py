"""``--policy FILE``: one policy in a file of its own, as TOML (the keys of `[policy]`) or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.config.files import read_table
from llmspell.config.keys import known_keys, problem
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.jsontext import loads
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue


def read_policy_file(path: str) -> tuple[JsonValue, bool]:
    """Return what the file says and whether it is the JSON form.

    Raises:
        ConfigurationError: It cannot be read, or has a key that a policy does not have.
    """
    if path.endswith(".json"):
        try:
            with open(path, "rb") as file:
                return loads(file.read()), True
        except OSError as error:
            raise ConfigurationError(f"cannot read policy '{path}': {error.strerror}") from None
        except InvalidParameters as error:
            raise ConfigurationError(f"{path}: {error.message}") from None
    leaves, place_of = read_table(path)
    known = {key.path.removeprefix("policy."): key for key in known_keys().values() if key.path.startswith("policy.")}
    rules: dict[str, JsonValue] = {}
    for written, value in leaves.items():
        name = written.removeprefix("policy.")
        key = known.get(name)
        if key is None:
            raise ConfigurationError(f"{place_of(written)}: unknown key '{written}'{did_you_mean(name, known)}")
        wrong = problem(key, value)
        if wrong is not None:
            raise ConfigurationError(f"{place_of(written)}: '{written}': {wrong}")
        rules[name] = value
    return rules, False
