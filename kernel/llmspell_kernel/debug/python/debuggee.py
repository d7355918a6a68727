"""Scripts and the Python tools beneath them as one program: frames of both languages on one stack.

Numbers of frames and variables say whose they are: those of Python begin at `frames.FIRST`.
"""

from __future__ import annotations

import re

from llmspell_kernel.debug.debuggee import Scope, Value
from llmspell_kernel.debug.lua_debuggee import LuaDebuggee
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python.frames import FIRST, number
from llmspell_kernel.debug.python.half import PythonHalf
from llmspell_kernel.debug.python.points import code_lines, is_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell_kernel.debug.debuggee import Frame, Listener, Mode, Wanted
    from llmspell_kernel.debug.lua_debuggee import Program
    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_kernel.lua.engine import LuaEngine
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

_NAME = re.compile(r"[^\W\d]\w*$")


class ScriptDebuggee(LuaDebuggee):
    """See `LuaDebuggee`; stops in Python tools as well."""

    def __init__(self, engine: LuaEngine, program: Program, observer: Listener | None = None) -> None:
        super().__init__(engine, program, observer)
        self._python = PythonHalf(self)

    @property
    def registry(self) -> ToolRegistry:
        """The tools that scripts call."""
        return self.engine.registry

    # --- life ------------------------------------------------------------------------------------------------------

    def prepare(self, wanted: Wanted) -> None:
        """See `Debuggee.prepare`."""
        self._python.prepare(wanted)

    def watch(self) -> None:
        """See `LuaDebuggee.watch`."""
        super().watch()
        self._python.watch()

    def renew(self, engine: LuaEngine) -> None:
        """See `LuaDebuggee.renew`."""
        super().renew(engine)
        if self.debugger.is_attached:
            self._python.watch()

    def listen(self, listener: Listener, *, is_debugging: bool) -> None:
        """See `Debuggee.listen`."""
        super().listen(listener, is_debugging=is_debugging)
        if is_debugging:
            self._python.watch()

    def stopped(self, stop: Stop) -> None:
        """See `Listener`."""
        if self._python.held is None:
            self._python.stopped_in_lua()
        super().stopped(stop)

    def ended(self, status: int | None) -> None:
        """See `Listener`."""
        self._python.program_ended()
        super().ended(status)

    def leave(self) -> None:
        """See `Debuggee.leave`."""
        self._python.leave()
        super().leave()

    # --- breakpoints and movement ----------------------------------------------------------------------------------

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """See `Debuggee.set_lines`."""
        return self._python.set_lines(path, wishes) if is_python(path) else super().set_lines(path, wishes)

    def set_exceptions(self, filters: Mapping[str, str | None]) -> None:
        """See `Debuggee.set_exceptions`."""
        super().set_exceptions(filters)
        self._python.set_exceptions(list(filters))

    def lines(self, path: str, first: int, last: int) -> list[int]:
        """See `Debuggee.lines`."""
        if not is_python(path):
            return super().lines(path, first, last)
        try:
            return [line for line in code_lines(path) if first <= line <= last]
        except (OSError, SyntaxError, ValueError) as error:
            raise RequestFailed("source", f"{path} cannot be read: {error}") from error

    def pause(self) -> None:
        """See `Debuggee.pause`; whichever language runs a line first stops."""
        super().pause()
        self._python.pause()

    def go_on(self, thread: int, mode: Mode) -> None:
        """See `Debuggee.go_on`."""
        if not self._python.go_on(mode):
            super().go_on(thread, mode)

    # --- what it holds ---------------------------------------------------------------------------------------------

    def frames(self, thread: int, first: int, size: int, *, all_frames: bool) -> tuple[list[Frame], bool]:
        """See `Debuggee.frames`: those of the tool are above those of the script that has called it."""
        held = self._python.held
        if held is None or held.stop is None or thread != held.stop.thread:
            return super().frames(thread, first, size, all_frames=all_frames)
        above = held.frames[first : first + size]
        first_below = max(first - len(held.frames), 0)
        below, more = super().frames(thread, first_below, max(size - len(above), 1), all_frames=all_frames)
        if len(above) == size:
            return above, bool(below)
        return above + below, more

    def scopes(self, frame: int) -> list[Scope]:
        """See `Debuggee.scopes`."""
        if frame < FIRST:
            return super().scopes(frame)
        answer = self._python.ask("scopes", frameId=frame - FIRST)
        return [
            Scope(
                str(each.get("name")), str(each.get("presentationHint") or ""),
                FIRST + number(each, "variablesReference"), 0, 0, each.get("expensive") is True,
            )
            for each in _objects(answer, "scopes")
        ]  # fmt: skip

    def children(self, reference: int, first: int, size: int, kind: str) -> list[Value]:
        """See `Debuggee.children`; in Python all have names."""
        if reference < FIRST:
            return super().children(reference, first, size, kind)
        if kind == "indexed":
            return []
        answer = self._python.ask("variables", variablesReference=reference - FIRST)
        return [_value(each, "value") for each in _objects(answer, "variables")[first : first + size]]

    def evaluate(self, frame: int, text: str) -> Value:
        """See `Debuggee.evaluate`; in a frame of Python, Python."""
        if frame < FIRST:
            return super().evaluate(frame, text)
        return _value(self._evaluated(frame, text, "watch" if _is_expression(text) else "repl"), "result")

    def full_text(self, frame: int, text: str) -> str:
        """See `Debuggee.full_text`."""
        if frame < FIRST:
            return super().full_text(frame, text)
        return str(self._evaluated(frame, text, "clipboard").get("result"))

    def set_child(self, reference: int, name: str, text: str, frame: int) -> Value:
        """See `Debuggee.set_child`."""
        if reference < FIRST:
            return super().set_child(reference, name, text, frame)
        answer = self._python.ask("setVariable", variablesReference=reference - FIRST, name=name, value=text)
        return _value({**answer, "name": name}, "value")

    def names(self, frame: int, text: str) -> tuple[list[tuple[str, str]], int]:
        """See `Debuggee.names`."""
        if frame < FIRST:
            return super().names(frame, text)
        answer = self._python.ask("completions", frameId=frame - FIRST, text=text, column=len(text) + 1)
        begun = _NAME.search(text)
        targets = _objects(answer, "targets")
        return [(str(each.get("label")), str(each.get("type") or "")) for each in targets], (
            len(begun.group()) if begun else 0
        )

    def _evaluated(self, frame: int, text: str, context: str) -> JsonObject:
        return self._python.ask("evaluate", expression=text, frameId=frame - FIRST, context=context)


def _objects(answer: JsonObject, name: str) -> list[JsonObject]:
    found = answer.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _value(shown: JsonObject, field: str) -> Value:
    reference = number(shown, "variablesReference")
    return Value(
        str(shown.get("name") or ""), str(shown.get(field)), str(shown.get("type") or ""),
        FIRST + reference if reference else 0, 0, 0, str(shown.get("evaluateName") or ""),
    )  # fmt: skip


def _is_expression(text: str) -> bool:
    try:
        compile(text.strip(), "<expression>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
