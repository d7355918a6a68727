"""What stdout is: a terminal or not, how wide, in which encoding. Knows nothing of what is written there."""

from __future__ import annotations

import os
import sys


def width(descriptor: int = 1) -> int | None:
    """Return the columns of the terminal that stdout (or another stream) is, or None where nothing needs cutting."""
    try:
        columns = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(descriptor).columns or None
    except OSError:
        return None


def is_terminal() -> bool:
    """Tell whether stdout is a terminal; what goes on to another program is never cut or laid out."""
    try:
        return os.isatty(1)
    except OSError:  # closed by the caller
        return False


def encoding() -> str:
    """Return the encoding of stdout, `utf-8` however it is spelled."""
    name = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return "utf-8" if name in {"utf-8", "utf8"} else name
