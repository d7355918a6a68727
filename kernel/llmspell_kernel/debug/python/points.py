"""Breakpoints in Python files: which lines hold code, and what debugpy is told of them."""

from __future__ import annotations

import os
from itertools import count
from types import CodeType

from llmspell_kernel.debug.python.rules import worker_target
from llmspell_kernel.lua.debugger.points import Point, real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell_kernel.lua.debugger.points import Wish
    from llmspell_tools.types import JsonObject

#: Breakpoints of Lua count from 1: these numbers are never theirs.
_FIRST = 1 << 30


def is_python(path: str) -> bool:
    """Whether a breakpoint's file is one of Python."""
    return path.endswith(".py")


def code_lines(path: str) -> list[int]:
    """Return the lines of a file at which Python can stop.

    Raises:
        OSError: It cannot be read.
        SyntaxError: It is no Python.
        ValueError: It holds null bytes.
    """
    with open(path, "rb") as stream:
        module = compile(stream.read(), path, "exec", dont_inherit=True)
    return sorted({line for code in _codes(module) for _, _, line in code.co_lines() if line})


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class PythonPoints:
    """The breakpoints of a session in Python files."""

    def __init__(self) -> None:
        self._numbers = count(_FIRST)
        self._by_path: dict[str, list[Point]] = {}
        self._numbered: dict[int, Point] = {}

    @property
    def paths(self) -> list[str]:
        """The files that have breakpoints where Python can stop."""
        return [path for path, points in self._by_path.items() if any(point.is_verified for point in points)]

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> tuple[str, list[Point]]:
        """Replace the breakpoints of a file; returns its real path and them, in the order asked for."""
        real = real_path(path)
        points = [Point(next(self._numbers), real, wish) for wish in wishes]
        lines, reason = _places(real) if points else ([], "")
        for point in points:
            point.line = next((line for line in lines if line >= point.wish.line), None)
            point.reason = "" if point.line else reason or "there is no code at or after this line"
        self._by_path[real] = points
        return real, points

    def known_as(self, path: str, numbers: Sequence[int]) -> None:
        """Take note of debugpy's own numbers, for the verified breakpoints of a file."""
        verified = [point for point in self._by_path[path] if point.is_verified]
        self._numbered.update(zip(numbers, verified, strict=False))

    def hit(self, numbers: object) -> list[Point]:
        """Return the breakpoints of debugpy's numbers."""
        wanted = numbers if isinstance(numbers, list) else []
        return [self._numbered[number] for number in wanted if number in self._numbered]

    def asked_of(self, path: str) -> list[JsonObject]:
        """Return a file's breakpoints as debugpy is told."""
        return [_asked(point) for point in self._by_path.get(path, ()) if point.is_verified]

    def clear(self) -> list[str]:
        """Forget all; returns the files that had some."""
        paths = self.paths
        self._by_path.clear()
        self._numbered.clear()
        return paths


def _places(path: str) -> tuple[list[int], str]:
    """Return the lines at which a file can stop, or why it never does."""
    try:
        lines = code_lines(path)
    except OSError as error:
        return [], f"{path} cannot be read: {error.strerror or error}"
    except (SyntaxError, ValueError) as error:
        return [], f"{os.path.basename(path)} is no Python: {error}"
    target = worker_target(path)
    if target is not None:
        return [], f"this file runs in a child process of its own ({target}), where nothing can stop it"
    return lines, ""


def _asked(point: Point) -> JsonObject:
    wish = point.wish
    fields: Mapping[str, str | None] = {
        "condition": wish.condition, "hitCondition": wish.hit_condition, "logMessage": wish.log_message,
    }  # fmt: skip
    return {"line": point.line, **{name: text for name, text in fields.items() if text}}
