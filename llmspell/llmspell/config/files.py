"""One configuration file: read once, parsed, every key checked, each finding with its line.

Knows the keys, not what is done with them; `settings` lays the layers over each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmspell.config.keys import is_later, known_keys, own_tool_key, problem
from llmspell_tools.errors import ConfigurationError
from llmspell_tools.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_tools.types import JsonValue

#: A configuration file is a page or two; more is not one.
MAX_FILE_BYTES = 1_000_000


@dataclass(slots=True)
class ConfigFile:
    """What one file says.

    Args:
        path: As found or given.
        content: Its bytes, read once: what is trusted is what is parsed.
        values: Values by dotted key of ours, in the order of the file.
        origins: `path:line` by the same keys.
        errors: Findings that make the file invalid, each `path:line: text`.
        warnings: Findings that do not.
        widening: ``(place, key)`` of what a project may not set before it is trusted.
    """

    path: str
    content: bytes
    values: dict[str, JsonValue] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    widening: list[tuple[str, str]] = field(default_factory=list)


def read_file(path: str) -> ConfigFile:
    """Read and check one file; what is wrong inside it is in ``errors``.

    Raises:
        ConfigurationError: The file cannot be read at all.
    """
    found = ConfigFile(path, _content(path))
    try:
        table, lines = _parse(path, found.content)
    except ConfigurationError as error:
        found.errors.append(error.message)
        return found
    _check(found, table, lines)
    return found


def read_table(path: str) -> tuple[dict[str, JsonValue], Callable[[str], str]]:
    """Read a policy file, which is TOML too.

    Returns:
        Its values by dotted key, and a function from such a key to `path:line`.

    Raises:
        ConfigurationError: The file cannot be read or is not TOML.
    """
    table, lines = _parse(path, _content(path, "policy file"))
    return dict(_leaves(table, "", set())), lambda key: _place(path, lines, key)


def _content(path: str, kind: str = "configuration file") -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        # Files that are looked for are there: one that is missing was named, and that wrongly.
        status = 2 if isinstance(error, FileNotFoundError) else None
        raise ConfigurationError(
            f"cannot read {kind} '{path}': {why}", details={"path": path}, exit_status=status
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{path}: larger than {MAX_FILE_BYTES} bytes: not a {kind}")
    return content


def _parse(path: str, content: bytes) -> tuple[dict[str, JsonValue], dict[str, int]]:
    import tomllib  # 14 ms, only where there is a file

    from llmspell.config.lines import key_lines  # compiles regular expressions

    try:
        text = content.decode("utf-8")
        return tomllib.loads(text), key_lines(text)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}:{content[: error.start].count(10) + 1}: not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(_syntax_error(path, str(error) or "nested too deeply")) from None


def _place(path: str, lines: dict[str, int], key: str) -> str:
    from llmspell.config.lines import line_of  # imported by now

    number = line_of(lines, key)
    return path if number is None else f"{path}:{number}"


def _syntax_error(path: str, message: str) -> str:
    """Turn tomllib's `... (at line 3, column 5)` into `path:3: ...`."""
    what, mark, where = message.rpartition(" (at line ")
    if not mark:
        return f"{path}: not valid TOML: {message}"
    number = where.partition(",")[0]
    return f"{path}:{number}: not valid TOML: {what[:1].lower()}{what[1:]}"


def _check(found: ConfigFile, table: dict[str, JsonValue], lines: dict[str, int]) -> None:
    known = known_keys()
    for path, value in _leaves(table, "", set(known)):
        place = _place(found.path, lines, path)
        key = known.get(path)
        if key is None and not is_later(path) and (key := own_tool_key(path)) is not None:
            meant = nearest(path.split(".")[-2], [name.split(".")[-2] for name in known if name.startswith("tools.")])
            if meant and meant != "tools":
                found.warnings.append(f"{place}: '{path}' is taken for your own tool's; did you mean '{meant}'?")
        if key is None:
            if is_later(path):
                found.warnings.append(f"{place}: '{path}' is a key of the original llmspell that is not used here yet")
            else:
                hint = did_you_mean(path, known)
                found.errors.append(f"{place}: unknown key '{path}'{hint}")
            continue
        wrong = problem(key, value)
        if wrong is not None:
            found.errors.append(f"{place}: '{path}': {wrong}")
            continue
        if key.widens:
            found.widening.append((place, path))
        for target in (path if key.means is None else key.means).split():
            found.values[target] = value / 1000 if path.endswith("_ms") and isinstance(value, int) else value
            found.origins[target] = place


def _leaves(table: dict[str, JsonValue], prefix: str, known: set[str]) -> Iterator[tuple[str, JsonValue]]:
    for name, value in table.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and path not in known and value:
            yield from _leaves(value, path, known)
        elif value != {}:
            yield path, value
