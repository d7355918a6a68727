"""Which projects' configuration files the person has trusted: path and SHA-256 of the content.

A project's file may ask for more rights only while its content is the one that was trusted; any change asks again.
The list is `trusted.json` in the home (`places.home`), which no tool and no script may read or write.
"""

from __future__ import annotations

import os

from llmspell import places
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

_FILE = "trusted.json"


def is_trusted(path: str, content: bytes) -> bool:
    """Tell whether exactly this content of this file was trusted."""
    return _read().get(os.path.realpath(path)) == digest(content)


def trust(path: str, content: bytes) -> str:
    """Record that this content of this file is trusted; return its digest.

    Raises:
        ConfigurationError: There is no home to record it in, or it cannot be written.
    """
    known = _read()
    mark = digest(content)
    known[os.path.realpath(path)] = mark
    _write(known)
    return mark


def distrust(path: str) -> bool:
    """Forget a file; tell whether it was trusted."""
    known = _read()
    if known.pop(os.path.realpath(path), None) is None:
        return False
    _write(known)
    return True


def digest(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    import hashlib  # OpenSSL costs milliseconds; most runs have no project file

    return hashlib.sha256(content).hexdigest()


def _read() -> dict[str, str]:
    base = places.home()
    if base is None:
        return {}
    try:
        with open(f"{base}/{_FILE}", encoding="utf-8") as file:
            value = loads(file.read())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, InvalidParameters):
        return {}  # an unreadable list trusts nothing
    return {key: entry for key, entry in value.items() if isinstance(entry, str)} if isinstance(value, dict) else {}


def _write(known: dict[str, str]) -> None:
    base = places.home()
    if base is None:
        raise ConfigurationError("there is no home folder to record this in; set LLMSPELL_HOME")
    temporary = f"{base}/.{_FILE}.{os.getpid()}"
    value: dict[str, JsonValue] = dict(known)
    try:
        make_home(base)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(dumps(value, 2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, f"{base}/{_FILE}")
    except OSError as error:
        raise ConfigurationError(f"cannot write '{base}/{_FILE}': {error.strerror}") from None


def make_home(base: str) -> None:
    """Make the home folder, for its owner only."""
    os.makedirs(base, mode=0o700, exist_ok=True)
    if os.stat(base).st_mode & 0o077:
        os.chmod(base, 0o700)
