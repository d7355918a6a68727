"""Asks a stopped script questions, each bounded in time; on the owner thread. Knows neither breakpoints nor clients."""

from __future__ import annotations

from time import monotonic

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.debugger.messages import parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_kernel.lua.engine import LuaEngine

#: Seconds that one expression, condition or page of variables may take.
INSPECTION_S = 2.0
#: Operations that only show what is there, so that they may be run again.
_LOOKS = frozenset({"children", "globals"})
#: How many kinds of values whose `__tostring` does not end one of them survives.
_MAX_ENDLESS = 2


class Questions:
    """The operations of `debug_frames.lua`, called from Python.

    Args:
        engine: Its script is asked.
    """

    __slots__ = ("_answer", "_engine", "_limit")

    def __init__(self, engine: LuaEngine) -> None:
        self._engine = engine
        self._answer: list[Any] = []
        self._limit: tuple[int, float] | None = None  # states that stay, and until when the question may last

    @property
    def is_asking(self) -> bool:
        """Whether the Lua code that runs now belongs to a question, not to the script."""
        return self._limit is not None

    def ask(self, api: Any, name: str, *args: object) -> tuple[Any, ...]:
        """Run an operation, bounded; ``(True, results...)`` or ``(False, message)``."""
        answer = self._asked(api, name, *args)
        for _ in range(_MAX_ENDLESS if name in _LOOKS else 0):
            if not _took_too_long(answer):
                break
            answer = self._asked(api, name, *args)  # the `__tostring` that did not end is not called any more
        return answer

    def _asked(self, api: Any, name: str, *args: object) -> tuple[Any, ...]:
        states = self._engine.states
        run = self._engine.bridge.run
        kept = len(states)
        texts = [to_lua_text(each) if isinstance(each, str) else each for each in args]
        self._limit = (kept, monotonic() + INSPECTION_S)
        if run is not None:
            run.guard = self._guard
        self._answer = []
        try:
            outcome = api["inspect"](name, *texts)
        except Exception as error:  # noqa: BLE001 - whatever lupa raises: the question failed, not the script
            outcome = False, str(error)
        finally:
            self._limit = None
            if run is not None:
                run.guard = None
            del states[kept:]
        if run is not None and run.reason is not None:
            return False, "the program ends"  # by `os.exit`, or an interrupt meanwhile
        return outcome if isinstance(outcome, tuple) else (True, *self._answer)

    def take(self, *values: Any) -> None:
        """Take some of an operation's results; called by Lua."""
        self._answer += values

    def holds(self, api: Any, thread: int, condition: str) -> tuple[bool, str]:
        """Whether a condition holds in a thread's innermost frame, and what went wrong, or ""."""
        answer = self.ask(api, "test", self._top_frame(api, thread), condition)
        if answer[0] is True:
            return answer[1] is True, ""
        return True, message_of(answer)

    def filled(self, api: Any, thread: int, message: str) -> str:
        """Return a log message with its ``{expressions}`` evaluated in a thread's innermost frame."""
        frame = 0
        texts: list[str] = []
        for text, expression in parts(message):
            texts.append(text)
            if expression is not None:
                frame = frame or self._top_frame(api, thread)
                answer = self.ask(api, "text", frame, expression)
                texts.append(human_text(str(answer[1])) if answer[0] is True else f"<{message_of(answer)}>")
        return "".join(texts)

    def _top_frame(self, api: Any, thread: int) -> int:
        answer = self.ask(api, "frames", thread, 1, 1)
        return int(answer[2]) if answer[0] is True and len(answer) > 2 else 0

    def _guard(self, now: float) -> None:
        """On the watch thread: make a question that takes too long raise, until it has unwound."""
        limit = self._limit
        if limit is not None and now >= limit[1]:
            self._engine.raise_in(limit[0])


def message_of(answer: tuple[Any, ...]) -> str:
    """Return what went wrong, for people."""
    text = human_text(str(answer[1] if len(answer) > 1 else "it failed"))
    if _took_too_long(answer):
        return f"it took longer than {INSPECTION_S:g} s and was stopped"
    return text.removeprefix('[string "=(expression)"]:')


def _took_too_long(answer: tuple[Any, ...]) -> bool:
    return answer[0] is not True and len(answer) > 1 and str(answer[1]).endswith("\x03")
