"""The hits of file-search: from byte positions to lines, columns and context, under the limits of an answer."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonValue


class Hits:
    """What was found so far.

    Args:
        context: Of the call.
        pattern: Not used to match; its length lets a long line be cut around the hit.
        context_lines: Lines to give before and after.
        max_per_file: 0 for no limit.
    """

    __slots__ = ("_around", "_chars_left", "_max_line", "_max_per_file", "_most", "found", "is_full")

    def __init__(self, context: ToolContext, pattern: str, context_lines: int, max_per_file: int) -> None:
        settings: Mapping[str, Any] = context.settings
        self._around = context_lines
        self._max_per_file = max_per_file
        self._most: int = settings["max_results"]
        self._max_line = max(settings["max_line_chars"], len(pattern))
        self._chars_left = settings["max_output_chars"]
        self.found: list[JsonValue] = []
        #: Whether there may be more hits than are given.
        self.is_full = False

    def most_in_a_file(self) -> int:
        """How many hits of the next file can matter; one more than there is room for."""
        room = self._most - len(self.found) + 1
        return min(room, self._max_per_file) if self._max_per_file else room

    def add(self, path: str, content: bytes, spans: list[tuple[int, int]]) -> None:
        """Add the hits of one file, in order.

        Args:
            path: As it is shown.
            content: Of the file.
            spans: Start and end of each hit in bytes; none reaches over a line's end.
        """
        number, counted = 1, 0
        for start, end in spans:
            if len(self.found) >= self._most or self._chars_left < 0:
                self.is_full = True
                return
            number += content.count(b"\n", counted, start)
            counted = start
            first = content.rfind(b"\n", 0, start) + 1
            last = content.find(b"\n", end)
            last = len(content) if last < 0 else last
            column = len(content[first:start].decode("utf-8", "replace"))
            line, matched = _decoded(content[first:last]), content[start:end].decode("utf-8", "replace")
            before = self._before(content, first)
            after = self._after(content, last)
            self._chars_left -= len(line) + len(matched) + sum(map(len, before)) + sum(map(len, after)) + 200
            self.found.append(
                {
                    "file_path": path,
                    "line_number": number,
                    "column_number": column + 1,
                    "line_content": self._cut(line, column),
                    "matched_text": matched,
                    "context_before": [*before],
                    "context_after": [*after],
                }
            )

    def _before(self, content: bytes, first: int) -> list[str]:
        lines: list[str] = []
        while first > 0 and len(lines) < self._around:
            start = content.rfind(b"\n", 0, first - 1) + 1
            lines.append(self._cut(_decoded(content[start : first - 1])))
            first = start
        return lines[::-1]

    def _after(self, content: bytes, last: int) -> list[str]:
        lines: list[str] = []
        size = len(content)
        while last + 1 < size and len(lines) < self._around:
            end = content.find(b"\n", last + 1)
            end = size if end < 0 else end
            lines.append(self._cut(_decoded(content[last + 1 : end])))
            last = end
        return lines

    def _cut(self, line: str, column: int = 0) -> str:
        """Return a line, or the part of an overlong one that the hit is in."""
        if len(line) <= self._max_line:
            return line
        start = max(0, min(column - self._max_line // 4, len(line) - self._max_line))
        cut = line[start : start + self._max_line]
        return ("..." if start else "") + cut + ("..." if start + self._max_line < len(line) else "")


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").removesuffix("\r")
