"""Looks at the globals of an engine, whatever it does.

A script that runs is asked at its next safe point, one that is stopped as ever, and where nothing runs the owner thread
begins an empty run for the question.

References that an answer gives hold until the next `forget`, or until a script stops.
"""

from __future__ import annotations

from threading import Event
from time import monotonic

from llmspell_kernel.lua.debugger.asking import INSPECTION_S
from llmspell_kernel.lua.debugger.stops import NotStopped
from llmspell_tools.errors import LlmspellError, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.debugger.debugger import LuaDebugger
    from llmspell_kernel.lua.engine import LuaEngine

#: Seconds until a script that waits in a tool is given up.
PATIENCE_S = 1.0
_LOOK_S = 0.02


class Busy(ToolExecutionError):
    """What runs cannot be looked at now."""


class _Glance:
    """A question, and its answer."""

    __slots__ = ("answer", "begun", "done", "failure", "is_cancelled")

    def __init__(self) -> None:
        self.begun = False
        self.done = Event()
        self.answer: tuple[Any, ...] = ()
        self.failure: LlmspellError | None = None
        self.is_cancelled = False


class Glances:
    """Questions to an engine that need no stop.

    Args:
        engine: Is asked.
        debugger: Of this engine; it need not be attached.
        errand: Lets the owner thread call something when it is free; any thread.
    """

    def __init__(self, engine: LuaEngine, debugger: LuaDebugger, errand: Callable[[Callable[[], None]], None]) -> None:
        self._engine = engine
        self._debugger = debugger
        self._errand = errand

    def ask(self, name: str, *args: object) -> tuple[Any, ...]:
        """Return the answer of an operation of `debug_frames.lua`; any thread but the owner's.

        Raises:
            Busy: The owner thread does something that cannot be looked into.
            ToolExecutionError: The expression failed or took too long.
        """
        try:
            return self._debugger.inspect(name, *args)
        except NotStopped:
            pass
        glance = _Glance()
        self._engine.safe_points.post(lambda api: self._answer(glance, api, name, args))
        self._errand(lambda: self._run_idle(glance))
        if not self._wait(glance):
            return self._debugger.inspect(name, *args)  # it has stopped meanwhile
        if glance.failure is not None:
            raise glance.failure
        return glance.answer

    def _wait(self, glance: _Glance) -> bool:
        """Wait for the answer; False where the script has stopped before it got there."""
        since = monotonic()
        while not glance.done.wait(_LOOK_S):
            if not glance.begun and self._debugger.stop is not None:
                glance.is_cancelled = True
                return False
            limit = PATIENCE_S + (INSPECTION_S if glance.begun else 0.0)
            if monotonic() - since > limit:
                glance.is_cancelled = True
                raise Busy("the kernel is busy with something that cannot be looked into; try again later")
        return True

    def _answer(self, glance: _Glance, api: Any, name: str, args: tuple[object, ...]) -> None:
        """Ask, on the owner thread; `api` is not kept, see `safe_point.py`."""
        if glance.is_cancelled or glance.done.is_set():
            return
        glance.begun = True
        try:
            glance.answer = self._debugger.answered(api, name, *args)
        except LlmspellError as error:
            glance.failure = error.with_traceback(None)
        finally:
            glance.done.set()

    def _run_idle(self, glance: _Glance) -> None:
        """Begin a run, which does what waits for a safe point, and end it at once."""
        if not glance.done.is_set() and not glance.is_cancelled:
            engine = self._engine
            engine.bridge.idle_call(_nothing, engine.registry.context())


def _nothing() -> None:
    """Run nothing of a script's."""
