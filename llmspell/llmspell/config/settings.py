"""All layers of configuration as one: what holds, and who said so.

flag > environment > project file > user file > default; ``--profile`` counts as a flag. `-c FILE` (or
`LLMSPELL_CONFIG`) is read in place of both files. Rules of the policy are the exception: they add up, layer by layer
(see `llmspell.rules`), so a later layer cannot take a refusal back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmspell import places, trust
from llmspell.config.environment import read_environment
from llmspell.config.files import ConfigFile, read_file
from llmspell.config.keys import known_keys
from llmspell.config.profiles import profile_values
from llmspell_tools.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell.options import Options
    from llmspell_tools.types import JsonValue

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of values.

    Args:
        name: ``user``, ``project``, ``file`` (of ``-c``), ``environment`` or ``profile``.
        values: By dotted key.
        origins: `path:line`, a variable's name or a flag, by the same keys.
        base: The folder that relative paths in it start from.
        trusted: False for a project's file that nobody has trusted yet.
    """

    name: str
    values: Mapping[str, JsonValue]
    origins: Mapping[str, str]
    base: str | None = None
    trusted: bool = True


@dataclass(slots=True)
class Settings:
    """Layers from weakest to strongest.

    Args:
        layers: Without the defaults.
        warnings: Findings of the files that are worth a line on stderr.
        files: Paths of the files that were read.
    """

    layers: list[Layer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def get(self, path: str) -> JsonValue:
        """Return what holds for a key."""
        for layer in reversed(self.layers):
            if path in layer.values:
                return layer.values[path]
        key = known_keys().get(path)
        return key.default if key is not None else None

    def integer(self, path: str) -> int:
        """Return what holds for a key that has a whole number."""
        value = self.get(path)
        assert isinstance(value, int)  # the key's kind was checked when the file was read
        return value

    def origin(self, path: str) -> str:
        """Return who said so: `path:line`, a variable, a flag or `default`."""
        for layer in reversed(self.layers):
            if path in layer.origins:
                return layer.origins[path]
        return DEFAULT

    def paths(self, path: str) -> list[str]:
        """Return a list of folders, each absolute: relative ones start at the folder of the file that has them."""
        for layer in reversed(self.layers):
            found = layer.values.get(path)
            if isinstance(found, list):
                base = layer.base or os.getcwd()
                return [os.path.join(base, os.path.expanduser(str(entry))) for entry in found]
        return []

    def tool_settings(self) -> dict[str, dict[str, JsonValue]]:
        """Return what is set of the tools' own settings, by the tools' names in kebab-case."""
        found: dict[str, dict[str, JsonValue]] = {}
        for layer in self.layers:
            for path, value in layer.values.items():
                parts = path.split(".")
                if parts[0] == "tools" and len(parts) == 3:
                    found.setdefault(parts[1].replace("_", "-"), {})[parts[2]] = value
        return found


def load(options: Options) -> Settings:
    """Read every layer that there is.

    Raises:
        ConfigurationError: A file or variable is wrong, or an untrusted project file asks for more rights.
    """
    settings = Settings()
    explicit = options.config or os.environ.get("LLMSPELL_CONFIG")
    if explicit:
        _add_file(settings, "file", explicit)
    else:
        user, project = places.user_config(), places.project_config()
        if user is not None:
            _add_file(settings, "user", user)
        if project is not None:
            _add_file(settings, "project", project)
    found = read_environment(os.environ)
    if found:
        values = {path: value for path, (value, _) in found.items()}
        settings.layers.append(Layer("environment", values, {path: name for path, (_, name) in found.items()}))
    if options.profile is not None:
        preset = profile_values(options.profile)
        settings.layers.append(Layer("profile", preset, dict.fromkeys(preset, f"--profile {options.profile}")))
    return settings


def _add_file(settings: Settings, name: str, path: str) -> None:
    found = read_file(path)
    if found.errors:
        more = f" (and {len(found.errors) - 1} more: `llmspell config validate`)" if len(found.errors) > 1 else ""
        raise ConfigurationError(found.errors[0] + more, details={"path": path, "errors": [*found.errors]})
    trusted = name != "project" or trust.is_trusted(path, found.content)
    if found.widening and not trusted:
        raise widening_error(found)
    settings.layers.append(Layer(name, found.values, found.origins, base_folder(path), trusted))
    settings.warnings.extend(found.warnings)
    settings.files.append(path)


def widening_error(found: ConfigFile) -> ConfigurationError:
    """Return the refusal of a project file that asks for rights nobody has given it."""
    place, key = found.widening[0]
    return ConfigurationError(
        f"{place}: '{key}' gives this project more rights; a project's file may only narrow the policy until you "
        "trust it: read the file, then run `llmspell config trust`",
        details={"path": found.path, "keys": [key for _, key in found.widening]},
    )


def base_folder(path: str) -> str:
    """Return the folder that relative paths in a configuration file start from: the project's, or the file's."""
    absolute = os.path.abspath(path)
    for name in places.PROJECT_FILES:
        if "/" in name and absolute.endswith("/" + name):
            return absolute[: -len(name) - 1] or "/"
    return os.path.dirname(absolute)
