"""The breakpoints that are set, and the chunks that scripts have loaded: pure bookkeeping, no Lua.

A breakpoint in a text that is loaded later is put into it: ``if __llmspell_bp[7] then __llmspell_hit(7) end`` before
its statement, on the same line. It costs one table look-up there and nothing elsewhere. One in a text that has been
loaded without it, or that cannot take it, is left to the line hook. The number is the key of a `Place`; places on one
line have a group in common.
"""

from __future__ import annotations

import os
from itertools import count

from llmspell_kernel.lua.debugger.outline import Outline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    #: Path, line, and the function body in which the statement stands; `_ANY` where only the line is known.
    Place: TypeAlias = tuple[str, int, int]

_ANY = -1
_MAX_CHUNKS = 1000


class Wish:
    """A breakpoint as a client asks for it: a line (or a function's name), and when to stop.

    Args:
        line: Line, from 1; 0 for a function breakpoint.
        condition: Lua expression that must hold, or None.
        hit_condition: ``5``, ``>= 5``, ``% 3``: which hits count, or None.
        log_message: Text with ``{expressions}`` to write instead of stopping, or None.
        function: Name of a function, or None.
    """

    __slots__ = ("condition", "function", "hit_condition", "line", "log_message")

    def __init__(
        self,
        line: int = 0,
        *,
        condition: str | None = None,
        hit_condition: str | None = None,
        log_message: str | None = None,
        function: str | None = None,
    ) -> None:
        self.line = line
        self.condition = condition
        self.hit_condition = hit_condition
        self.log_message = log_message
        self.function = function


class Point:
    """A breakpoint as it is: the wish, where it ended up, how often it was reached.

    Attributes:
        id: Number, unique in a session.
        path: Real path of the file, or the chunk name of something else.
        line: Line that stops, or None.
        reason: Why it has no line, for people.
        hits: How often its condition held.
        scope: The function body that it is for; None for all of a line.
    """

    __slots__ = ("hits", "id", "line", "path", "reason", "scope", "wish")

    def __init__(self, number: int, path: str, wish: Wish) -> None:
        self.id = number
        self.path = path
        self.wish = wish
        self.line: int | None = None
        self.reason = ""
        self.hits = 0
        self.scope: int | None = None

    @property
    def is_verified(self) -> bool:
        """Whether it is at a statement of a text that is known."""
        return self.line is not None


class Chunk:
    """A text that was loaded: its chunk name and path, and the lines that were instrumented."""

    __slots__ = ("is_cell", "lines", "name", "outline", "path", "text")

    def __init__(self, name: str, text: str, *, is_cell: bool, path: str | None = None) -> None:
        self.name = name
        self.path = path_of(name) if path is None else path
        self.text = text
        self.is_cell = is_cell
        self.lines: set[int] = set()
        self.outline: Outline | None = None


def real_path(path: str) -> str:
    """Return the path by which files are compared: absolute, links followed, case folded where the file system does."""
    real = os.path.realpath(path)
    swapped = os.path.join(os.path.dirname(real), os.path.basename(real).swapcase())
    try:
        ignores_case = swapped != real and os.path.samefile(real, swapped)
    except OSError:  # one of them is not there
        ignores_case = False
    return os.path.normcase(real.lower() if ignores_case else real)


def path_of(chunk_name: str) -> str:
    """Return the path of a chunk name `@path`; another name stands for itself."""
    return real_path(chunk_name[1:]) if chunk_name.startswith("@") else chunk_name


class Points:
    """All breakpoints of a session.

    Args:
        read: Returns a file's text in latin-1, or raises OSError.
        changed: Told of a breakpoint that has found or lost its place.
    """

    def __init__(self, read: Callable[[str], str], changed: Callable[[Point], None]) -> None:
        #: Returns a file's text in latin-1, or raises OSError.
        self.read = read
        self._changed = changed
        self._numbers = count(1)
        self._keys: dict[Place, int] = {}
        self._places: dict[int, Place] = {}
        self._groups: dict[tuple[str, int], int] = {}
        self._by_path: dict[str, list[Point]] = {}
        self._functions: list[Point] = []
        #: The newest text of each chunk name, oldest first.
        self.chunks: dict[str, Chunk] = {}

    def renew(self, changed: Callable[[Point], None]) -> None:
        """Begin again, in another engine: nothing is loaded yet, nothing was hit."""
        self._changed = changed
        self.chunks.clear()
        for point in (*self._functions, *(point for points in self._by_path.values() for point in points)):
            point.hits = 0

    def group(self, path: str, line: int) -> int:
        """Return the number of a line."""
        return self._groups.setdefault((path, line), len(self._groups) + 1)

    def at(self, key: int) -> list[Point]:
        """Return the breakpoints at a place."""
        path, line, scope = self._places[key]
        points = [point for point in self._by_path.get(path, ()) if point.line == line]
        functions = [point for point in self._functions if (point.path, point.line) == (path, line)]
        return points + [point for point in functions if scope in (_ANY, point.scope)]

    def _key(self, path: str, line: int, scope: int) -> int:
        place = path, line, scope
        key = self._keys.setdefault(place, len(self._keys) + 1)
        self._places[key] = place
        return key

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the breakpoints of a file; returns them in the order asked for."""
        real = path_of("@" + path) if not path.startswith("=") else path
        points = [Point(next(self._numbers), real, wish) for wish in wishes]
        chunk = self._chunk_at(real)
        outline = None
        reason = ""
        if points:
            try:
                outline = self._outline(chunk) if chunk is not None else Outline(self.read(real))
            except OSError as error:
                reason = f"{path} cannot be read: {error.strerror or error}{self._nearest(real)}"
        for point in points:
            self._put(point, outline, reason)
        self._by_path[real] = points
        return points

    def set_functions(self, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the function breakpoints; they find their places in what is loaded, and in what will be."""
        self._functions = [Point(next(self._numbers), "", wish) for wish in wishes]
        for chunk in self.chunks.values():
            self._find_functions(self._outline(chunk), chunk.path)
        for point in self._functions:
            if point.line is None:
                point.reason = f"no function '{point.wish.function}' is loaded yet"
        return self._functions

    def load(
        self, name: str, text: str, *, may_change: bool, is_cell: bool = False, path: str | None = None
    ) -> tuple[str, bool]:
        """Take note of a chunk that is about to be compiled.

        Args:
            name: Chunk name.
            text: Its text.
            may_change: Whether it is compiled in the scripts' own environment, where the flags are.
            is_cell: Whether it may end in an expression.
            path: Real path by which clients know it, where the name is not that. A text that takes the path of an
                older one takes its place: a cell that is run again.

        Returns:
            What to compile instead, and whether it has breakpoints.
        """
        chunk = Chunk(name, text, is_cell=is_cell, path=path)
        if path is not None:
            for old in [each.name for each in self.chunks.values() if each.path == path]:
                del self.chunks[old]
        path = chunk.path
        self.chunks.pop(name, None)
        self.chunks[name] = chunk
        self._forget_old()
        points = self._by_path.get(path, [])
        if not points and not self._functions:
            return text, False
        outline = self._outline(chunk)
        for point in points:
            self._put(point, outline, "")
        found = self._find_functions(outline, path)
        wanted = {point.line for point in (*points, *found) if point.line is not None}
        chunk.lines = {line for line in wanted if may_change and outline.takes_code(line)}
        return self._instrumented(outline, text, path, chunk.lines), bool(wanted)

    def _forget_old(self) -> None:
        """Forget old texts that are no files: a script may load any number."""
        if len(self.chunks) > _MAX_CHUNKS:
            names = [name for name in self.chunks if not name.startswith("@")]
            for name in names[: len(self.chunks) - _MAX_CHUNKS]:
                del self.chunks[name]

    def left_to_hook(self) -> list[tuple[int, str, int]]:
        """Return ``(line, chunk name, key)`` of the breakpoints in loaded chunks that were compiled without them."""
        found: list[tuple[int, str, int]] = []
        for chunk in self.chunks.values():
            path = chunk.path
            points = (*self._by_path.get(path, ()), *(point for point in self._functions if point.path == path))
            lines = {point.line for point in points if point.line is not None} - chunk.lines
            found += [(line, chunk.name, self._key(path, line, _ANY)) for line in sorted(lines)]
        return found

    def flagged(self) -> list[tuple[int, int]]:
        """Return key and group of all places that have a breakpoint."""
        return [(key, self.group(place[0], place[1])) for key, place in self._places.items() if self.at(key)]

    def lines(self, path: str, first: int, last: int) -> list[int]:
        """Return the lines on which a breakpoint can be.

        Raises:
            OSError: The file cannot be read.
        """
        real = path_of("@" + path) if not path.startswith("=") else path
        chunk = self._chunk_at(real)
        outline = self._outline(chunk) if chunk is not None else Outline(self.read(real))
        return outline.lines(first, last)

    def _chunk_at(self, path: str) -> Chunk | None:
        return next((chunk for chunk in reversed(self.chunks.values()) if chunk.path == path), None)

    def _outline(self, chunk: Chunk) -> Outline:
        if chunk.outline is None:
            chunk.outline = Outline(chunk.text, is_cell=chunk.is_cell)
        return chunk.outline

    def _put(self, point: Point, outline: Outline | None, reason: str) -> None:
        before = point.line
        point.line = outline.locate(point.wish.line) if outline is not None else None
        point.reason = (
            reason if outline is None else "" if point.line else "there is no statement at or after this line"
        )
        if before != point.line and before is not None:
            self._changed(point)

    def _find_functions(self, outline: Outline, path: str) -> list[Point]:
        found: list[Point] = []
        for point in self._functions:
            site = outline.functions.get(point.wish.function or "")
            if site is not None:
                is_new = (point.path, point.line) != (path, site.line)
                point.path, point.line, point.scope, point.reason = path, site.line, site.scope, ""
                found.append(point)
                if is_new:
                    self._changed(point)
        return found

    def _instrumented(self, outline: Outline, text: str, path: str, lines: set[int]) -> str:
        pieces: list[str] = []
        end = len(text)
        sites = sorted((site for line in lines for site in outline.at_line(line)), key=lambda site: -site.offset)
        for site in sites:
            key = self._key(path, site.line, site.scope)
            pieces += [text[site.offset : end], f"if __llmspell_bp[{key}] then __llmspell_hit({key}) end "]
            end = site.offset
        pieces.append(text[:end])
        return "".join(reversed(pieces))

    def _nearest(self, path: str) -> str:
        """Return which loaded chunk comes nearest to a path that is none, for the reason."""
        from difflib import get_close_matches

        names = [chunk.name[1:] for chunk in self.chunks.values() if chunk.name.startswith("@")]
        same = [name for name in names if os.path.basename(name) == os.path.basename(path)]
        near = same or get_close_matches(path, names, n=1, cutoff=0.5)
        return f"; the nearest loaded chunk is {near[0]}" if near else ""
