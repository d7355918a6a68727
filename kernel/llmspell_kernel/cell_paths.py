"""The paths by which notebooks' debuggers know cells, and what they are told of a kernel that nobody debugs.

JupyterLab computes ``prefix + hash of the cell's text + suffix`` by itself; no file is there. Every notebook that is
opened asks for this, so it costs nothing; the debugger itself (`debug/jupyter.py`) is loaded when somebody begins.

Source: Jupyter messaging 5.5, "debugInfo"; JupyterLab 4.6.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject, JsonValue

#: The one method that JupyterLab knows.
HASH_METHOD = "Murmur2"
HASH_SEED = 0x6C756131
SUFFIX = ".lua"


def prefix() -> str:
    """Return what every path begins with: by `ipykernel_` JupyterLab knows a cell's, and shows `Cell [3]` instead."""
    folder = "/tmp" if os.name == "posix" else os.environ.get("TEMP", "C:\\")  # noqa: S108 - a name
    return os.path.join(os.path.realpath(folder), f"llmspell_ipykernel_{os.getpid()}") + os.sep


def debug_info(
    *, is_started: bool = False, breakpoints: list[JsonValue] | None = None, stopped: list[JsonValue] | None = None
) -> JsonObject:
    """Return the body of the response to `debugInfo`.

    Args:
        is_started: Whether somebody debugs.
        breakpoints: ``{source: path, breakpoints: [{line, ...}]}`` each.
        stopped: Numbers of the threads that are stopped.
    """
    return {
        "isStarted": is_started,
        "hashMethod": HASH_METHOD,
        "hashSeed": HASH_SEED,
        "tmpFilePrefix": prefix(),
        "tmpFileSuffix": SUFFIX,
        "breakpoints": breakpoints or [],
        "stoppedThreads": stopped or [],
        "richRendering": True,
        "exceptionPaths": [],
        "copyToGlobals": True,
    }
