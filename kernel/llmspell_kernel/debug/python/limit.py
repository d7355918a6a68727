"""A bound for what debugpy computes on the scripts' thread: an expression, a `__repr__`, a condition that does not end.

Python stops nothing by itself, so an exception is raised in that thread from outside. It comes at the next instruction:
what waits in C (`time.sleep`) ends first. It is raised only where the thread is in other code than debugpy's, beneath a
function that is bounded, so that debugpy itself is not hit; where that was missed, the next look comes soon.

Threads. Whoever waits for an answer calls `look`; for conditions, which nobody waits for, a thread of ours does, begun
by the first one and parked while there are none.
"""

from __future__ import annotations

import sys
from ctypes import c_ulong, py_object, pythonapi
from threading import Event, Thread, get_ident
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

#: Seconds that an expression, a page of variables or a condition may take, as in Lua.
LIMIT_S = 2.0
#: Seconds between two looks.
LOOK_S = 0.1
_WARM_LOOKS = 20


class TookTooLongError(Exception):
    """Raised in what did not end."""

    __module__ = "builtins"  # tracebacks show its name alone

    def __init__(self) -> None:
        super().__init__(f"it took longer than {LIMIT_S:g} s and was stopped")


class Limit:
    """Bounds what a thread computes for debugpy.

    Args:
        folder: Of debugpy.
        unbounded: What is bounded otherwise, and left alone: a function by its code.
    """

    def __init__(self, folder: str, unbounded: CodeType) -> None:
        self._folder = folder
        self._bounded: set[CodeType] = set()
        self._unbounded = unbounded
        self._thread: Thread | None = None
        self._awake = Event()
        self._computing: tuple[int, float] | None = None  # the thread, and since when

    def look(self, thread: int) -> None:
        """Make a thread raise `TookTooLongError`, if it computes something that is bounded."""
        frame = innermost = sys._current_frames().get(thread)
        if innermost is None or innermost.f_code.co_filename.startswith(self._folder):
            return
        is_bounded = False
        while frame is not None and not is_bounded:
            if frame.f_code is self._unbounded:
                return
            is_bounded = self._is_bounded(frame.f_code)
            frame = frame.f_back
        if is_bounded:
            pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread), py_object(TookTooLongError))

    def _is_bounded(self, code: CodeType) -> bool:
        is_command = code.co_name == "do_it" and code.co_filename.startswith(self._folder)  # of the stopped thread
        return is_command or code in self._bounded

    def bound(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return a function that is bounded, whoever calls it."""

        def call(*args: P.args, **named: P.kwargs) -> T:
            self._computing = (get_ident(), monotonic())
            if not self._awake.is_set():
                self._awake.set()
                self._begin()
            try:
                return function(*args, **named)
            finally:
                self._computing = None

        self._bounded.add(call.__code__)
        return call

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._watch, name="llmspell-debugpy-limit", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        pause = Event()  # never set
        while self._awake.wait():
            quiet = 0
            while quiet < _WARM_LOOKS:
                pause.wait(LOOK_S)
                computing = self._computing
                quiet = 0 if computing else quiet + 1
                if computing and monotonic() - computing[1] > LIMIT_S:
                    self.look(computing[0])
            self._awake.clear()
