"""Which distributions are installed, read from the names of `*.dist-info` folders.

`importlib.metadata` answers the same and costs four bare interpreters to import. PyPA specification "Recording
installed projects", https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_INFO = ".dist-info"


def versions() -> dict[str, str]:
    """Return version by normalised name; the first on `sys.path` counts, as for imports."""
    found: dict[str, str] = {}
    for name, version, _ in _distributions():
        found.setdefault(name, version)
    return found


def requirements(project: str) -> Iterator[tuple[str, str, str]]:
    """Yield `(requirement, normalised name, extra or "")` of everything that a project declares to need."""
    folder = next((path for name, _, path in _distributions() if name == project), None)
    if folder is None:
        return
    with open(f"{folder}/METADATA", encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                return  # the description begins
            if line.startswith("Requires-Dist:"):
                wanted, _, marker = line.partition(":")[2].partition(";")
                name = _name_of(wanted.strip())
                yield wanted.strip(), normalised(name), marker.partition("extra ==")[2].strip().strip("'\"")


def normalised(name: str) -> str:
    """Return a project's name as the index compares it (PEP 503), for names without runs of separators."""
    return name.replace("_", "-").replace(".", "-").lower()


def _name_of(requirement: str) -> str:
    for position, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:position]
    return requirement


def _distributions() -> Iterator[tuple[str, str, str]]:
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                names = [entry.name for entry in entries if entry.name.endswith(_INFO)]
        except OSError:
            continue
        for entry in names:
            name, _, version = entry.removesuffix(_INFO).partition("-")
            yield normalised(name), version, f"{folder or '.'}/{entry}"
