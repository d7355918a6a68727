"""Python's part of a stack: debugpy's frames, as far as they belong to the tool that a script has called."""

from __future__ import annotations

import os

from llmspell_kernel.debug.debuggee import Frame
from llmspell_kernel.lua.globals.tool import ToolCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from llmspell_tools.types import JsonObject, JsonValue

#: Frames and variables of Python have numbers from here on, those of Lua are below.
FIRST = 1 << 30
#: Where a call comes in from Lua: frames further out belong to whoever runs the scripts.
_DOORS = frozenset({ToolCalls.call.__code__, ToolCalls.call_stream.__code__})


def places_inside(frame: FrameType | None) -> list[tuple[str, int]]:
    """Return file name and line of the frames from the innermost out to where the script's call came in."""
    places: list[tuple[str, int]] = []
    while frame is not None and frame.f_code not in _DOORS:
        places.append((os.path.basename(frame.f_code.co_filename), frame.f_lineno))
        frame = frame.f_back
    return places


def inside(frames: Iterable[Frame], places: Iterable[tuple[str, int]]) -> list[Frame]:
    """Return the frames, innermost first, that are among the places; debugpy shows those of libraries or does not."""
    left = iter(places)
    kept: list[Frame] = []
    for frame in frames:
        if (os.path.basename(frame.source), frame.line) not in left:
            break
        kept.append(frame)
    return kept


def frames_of(body: JsonObject) -> list[Frame]:
    """Return the frames of an answer to `stackTrace`."""
    found = body.get("stackFrames")
    return [_frame(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _frame(shown: JsonObject) -> Frame:
    source = shown.get("source")
    path = source.get("path") if isinstance(source, dict) else ""
    name = str(shown.get("name")).removesuffix(" (Current frame)")  # so it marks the one at an exception
    return Frame(FIRST + number(shown, "id"), name, f"@{path}", number(shown, "line"), is_own=False)


def number(shown: JsonObject, name: str) -> int:
    """Return a whole number of debugpy's, 0 where there is none."""
    value: JsonValue = shown.get(name)
    return value if isinstance(value, int) else 0
