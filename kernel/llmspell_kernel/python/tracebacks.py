"""Tracebacks of Python cells as their writer knows the code: without the frames of packages that only carry them."""

from __future__ import annotations

import os
import sys
from types import TracebackType


def without(packages: tuple[str, ...], trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames in the folders of some packages; None where none is left."""
    folders = tuple(
        os.path.dirname(str(module.__file__)) + os.sep
        for module in map(sys.modules.get, packages)
        if module is not None and module.__file__
    )
    kept: list[TracebackType] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(folders):
            kept.append(trace)
        trace = trace.tb_next
    made: TracebackType | None = None
    for each in reversed(kept):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made
