"""Which Python files are stepped through: those of tools; the registry and whatever carries a call are not."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_tools.types import JsonObject


def _folder(package: str) -> str:
    """Return the folder of a package of ours without importing it; they lie side by side or under one root."""
    from importlib.util import find_spec

    spec = find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return os.path.realpath(places[0]) if places else ""


def rules(files: Iterable[str]) -> list[JsonObject]:
    """Return debugpy's `rules`; the first that fits a file holds.

    Args:
        files: What is a tool's, wherever it is installed.
    """
    found: list[JsonObject] = [{"path": file, "include": True} for file in files]
    tools = _folder("llmspell_tools")
    found.append({"path": os.path.join(tools, "builtin", "**"), "include": True})
    packages = (tools, _folder("llmspell_kernel"), _folder("llmspell"))
    found.extend({"path": os.path.join(package, "**"), "include": False} for package in packages if package)
    return found


def worker_target(path: str) -> str | None:
    """Return by what a file is run in a child process of its own (``module:function``), or None.

    A neighbour names it: `run_isolated(context, "package.module:function", ...)`, `WorkerPool("...")`.
    """
    import re
    from pathlib import Path

    stem = os.path.splitext(os.path.basename(path))[0]
    named = re.compile(rf"""["']((?:[\w.]+\.)?{re.escape(stem)}:[A-Za-z_]\w*)["']""")
    for neighbour in sorted(Path(path).parent.glob("*.py")):
        try:
            text = neighbour.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        match = named.search(text) if "WorkerPool" in text or "run_isolated" in text else None
        if match:
            return match.group(1)
    return None
