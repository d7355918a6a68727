"""The breakpoints of a console, and the texts that they stand in: files, cells that ran, the cell that is typed next.

To the debugger a cell is a path that stands for its text (`dumpCell`); to the person it is In[3].
"""

from __future__ import annotations

import os
import re

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmspell_tools.types import JsonObject, JsonValue

_CELL = re.compile(r"In\[(\d+)\]\Z")
_PLACE = re.compile(r"(?:(?P<source>.+?):)?(?P<line>\d+)\Z")
_NEXT = "the next cell"


class Breakpoint:
    """One breakpoint, as the person asked for it and as it is.

    Attributes:
        number: For `delete`.
        source: Path of the file or of the cell's text; "" for one in the next cell, or by function.
        title: The source as people know it.
        line: Line, from 1; 0 where it is by function.
        function: Name of a function, or "".
        extra: condition, hitCondition or logMessage.
        is_enabled: Whether it is set.
        problem: Why it has no place, or "".
    """

    __slots__ = ("extra", "function", "is_enabled", "line", "number", "problem", "source", "title")

    def __init__(self, number: int, source: str, title: str, line: int, function: str, extra: JsonObject) -> None:
        self.number = number
        self.source = source
        self.title = title
        self.line = line
        self.function = function
        self.extra = extra
        self.is_enabled = True
        self.problem = ""

    @property
    def text(self) -> str:
        """What it is, on one line."""
        place = f"function {self.function}" if self.function else f"{self.title}:{self.line}"
        rules = "".join(f" {_WORDS[name]} {value}" for name, value in self.extra.items())
        state = "" if self.is_enabled else " (disabled)"
        return f"{self.number:>3}  {place}{rules}{state}" + (f"  - {self.problem}" if self.problem else "")


_WORDS = {"condition": "if", "hitCondition": "hit", "logMessage": "log"}


class Breakpoints:
    """All of a console.

    Args:
        ask: Sends a request to the debugger.
    """

    def __init__(self, ask: Callable[[str, JsonObject], JsonObject]) -> None:
        self._ask = ask
        self._numbers = 0
        self._points: list[Breakpoint] = []
        self._titles: dict[str, str] = {}
        self._running = (0, "")
        #: The cells that ran, by number.
        self.cells: Mapping[int, str] = {}

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(self._points)

    # --- setting ---------------------------------------------------------------------------------------------------

    def add(self, place: str, extra: JsonObject, current: JsonObject | None) -> Breakpoint:
        """Set a breakpoint.

        Args:
            place: LINE, FILE:LINE, In[3]:LINE, or the name of a function.
            extra: condition, hitCondition or logMessage.
            current: The frame where a cell is stopped; None where none is, and LINE means the next cell's.

        Raises:
            InvalidParameters: The place is none.
        """
        found = _PLACE.match(place)
        self._numbers += 1
        if found is None:
            if not re.match(r"[A-Za-z_][\w.:]*\Z", place):
                raise InvalidParameters("debug:break wants LINE, FILE:LINE, In[3]:LINE or the name of a function")
            point = Breakpoint(self._numbers, "", "", 0, place, extra)
        else:
            source, title = self._source(found["source"], current)
            point = Breakpoint(self._numbers, source, title, int(found["line"]), "", extra)
        self._points.append(point)
        self._send(point)
        return point

    def remove(self, number: int) -> Breakpoint:
        """Take a breakpoint away."""
        point = self.numbered(number)
        self._points.remove(point)
        self._send(point)
        return point

    def enable(self, number: int, *, is_enabled: bool) -> Breakpoint:
        """Switch a breakpoint on or off."""
        point = self.numbered(number)
        point.is_enabled = is_enabled
        self._send(point)
        return point

    def numbered(self, number: int) -> Breakpoint:
        """Return a breakpoint.

        Raises:
            InvalidParameters: There is none.
        """
        for point in self._points:
            if point.number == number:
                return point
        raise InvalidParameters(f"there is no breakpoint {number}; debug:list shows them")

    def meet(self, number: int, code: str) -> None:
        """A cell is about to run: it is the next one that breakpoints were waiting for."""
        self._running = (number, code)
        waiting = [point for point in self._points if not point.function and not point.source]
        if not waiting:
            return
        source = self._path_of(code)
        for point in waiting:
            point.source, point.title = source, f"In[{number}]"
        self._send(waiting[0])

    def renew(self) -> None:
        """Set all again: another engine knows none of them."""
        for source in {point.source for point in self._points if point.source}:
            self._send_source(source)
        self._send_functions()

    # --- places ----------------------------------------------------------------------------------------------------

    def title(self, frame: JsonObject) -> str:
        """Return where a frame stands, for people: `In[3]:2`, `script.lua:7`."""
        source = frame.get("source")
        path = str(source.get("path", "")) if isinstance(source, dict) else ""
        name = str(source.get("name", "?")) if isinstance(source, dict) else "?"
        return f"{self._cell_of(path) or (_short(path) if path else name)}:{frame.get('line', '?')}"

    def lines(self, frame: JsonObject) -> list[str]:
        """Return the lines of a frame's source; none where it has no text."""
        source = frame.get("source")
        if not isinstance(source, dict):
            return []
        path, reference = source.get("path"), source.get("sourceReference", 0)
        if isinstance(path, str) and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        body = self._ask("source", {"source": source, "sourceReference": reference})
        return str(body.get("content", "")).splitlines()

    def _source(self, given: str | None, current: JsonObject | None) -> tuple[str, str]:
        """Return path and title of what stands before the colon; nothing stands for the current source."""
        if given is None:
            if current is None:
                return "", _NEXT
            source = current.get("source")
            path = source.get("path") if isinstance(source, dict) else None
            if not isinstance(path, str):
                raise InvalidParameters("no breakpoint can be set in this text: it is no file and no cell")
            return path, self._cell_of(path) or _short(path)
        cell = _CELL.match(given)
        if cell is None:
            path = os.path.abspath(os.path.expanduser(given))
            return path, _short(path)
        running, text = self._running
        code = self.cells.get(int(cell[1])) or (text if running == int(cell[1]) else None)
        if code is None:
            hint = "; before a cell runs, debug:break LINE is for the next one" if current is None else ""
            raise InvalidParameters(f"there is no cell {given} of this session{hint}")
        return self._path_of(code), given

    def _path_of(self, code: str) -> str:
        return str(self._ask("dumpCell", {"code": code}).get("sourcePath", ""))

    def _cell_of(self, path: str) -> str:
        """Return the newest cell whose text a path stands for, as people know it; "" for a file."""
        if not path or os.path.isfile(path):
            return ""
        cells = {**self.cells, self._running[0]: self._running[1]}
        if path not in self._titles:
            self._titles |= {self._path_of(code): code for code in cells.values()}
        text = self._titles.get(path)
        return next((f"In[{number}]" for number in sorted(cells, reverse=True) if cells[number] == text), "")

    # --- telling the debugger --------------------------------------------------------------------------------------

    def _send(self, changed: Breakpoint) -> None:
        if changed.function:
            self._send_functions()
        elif changed.source:
            self._send_source(changed.source)

    def _send_source(self, source: str) -> None:
        points = [point for point in self._points if point.source == source and point.is_enabled]
        body = self._ask("setBreakpoints", {
            "source": {"path": source}, "breakpoints": [{"line": point.line, **point.extra} for point in points],
        })  # fmt: skip
        _take_answers(points, body)

    def _send_functions(self) -> None:
        points = [point for point in self._points if point.function and point.is_enabled]
        wishes: list[JsonValue] = [{"name": point.function, **point.extra} for point in points]
        _take_answers(points, self._ask("setFunctionBreakpoints", {"breakpoints": wishes}))


def _take_answers(points: list[Breakpoint], body: JsonObject) -> None:
    answers = body.get("breakpoints")
    for point, answer in zip(points, answers if isinstance(answers, list) else [], strict=False):
        if not isinstance(answer, dict):
            continue
        line = answer.get("line")
        if isinstance(line, int) and not point.function and answer.get("verified") is True:
            point.line = line
        point.problem = "" if answer.get("verified") is True else str(answer.get("message") or "not found yet")


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
