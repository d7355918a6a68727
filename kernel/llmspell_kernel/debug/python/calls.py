"""The calls of tools that go on, and where a step among them is to end: what Lua's half tells and debugpy does not."""

from __future__ import annotations

import os
from threading import get_ident

from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from llmspell_kernel.debug.debuggee import Frame
    from llmspell_tools.registry import ToolRegistry


class Calls:
    """State of one program; `enter`, `leave` and `end` on the owner thread.

    Attributes:
        depth: How many calls go on, one inside the other.
        owner: The thread that makes them.
        step: The depth at which a step in Python began that has not ended; None for none.
        entry: The code of the tool that a step in Lua goes into; None for none.
        is_pausing: Whether a pause waits for a line to stop at.
    """

    __slots__ = ("depth", "entry", "is_pausing", "owner", "step")

    def __init__(self) -> None:
        self.depth = 0
        self.owner = 0
        self.step: int | None = None
        self.entry: CodeType | None = None
        self.is_pausing = False

    @property
    def is_expecting(self) -> bool:
        """Whether debugpy was told to stop wherever it gets to."""
        return self.entry is not None or self.is_pausing

    def enter(self) -> None:
        """A call begins."""
        self.depth += 1
        self.owner = get_ident()

    def leave(self) -> bool:
        """A call ends; tell whether a step was to end in it, or where it returns to."""
        is_stepping = self.step is not None and self.depth <= self.step
        self.depth = max(self.depth - 1, 0)
        return is_stepping

    def end(self) -> bool:
        """All have ended; tell whether something was still to stop."""
        self.depth = 0
        return self.step is not None or self.is_expecting

    def forget(self) -> None:
        """Let nothing stop any more."""
        self.step = self.entry = None
        self.is_pausing = False

    def is_before(self, frame: Frame) -> bool:
        """Whether a step into a tool has only got to its `def`, or anything to no line: the first line is the next."""
        entry = self.entry
        return frame.line < 1 or (
            entry is not None and frame.line <= entry.co_firstlineno and frame.name == entry.co_name
            and frame.source == "@" + os.path.abspath(entry.co_filename)
        )  # fmt: skip


def code_of(registry: ToolRegistry, name: str) -> CodeType | None:
    """Return the code of a tool's function, None where it is not Python's: a tool written in Lua."""
    try:
        function: Any = registry.get(name).function
    except LlmspellError:
        return None
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or not os.path.isfile(code.co_filename) or "llmspell_kernel" in code.co_filename:
        return None
    return code
