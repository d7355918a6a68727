"""A script that is stopped, and who talks to it: questions and orders from any thread, served on the owner thread.

Two things keep a script. `wait` blocks the owner thread until somebody lets the script go on. Where that thread is
kept by another debugger, stopped in the Python code of a tool that the script has called, `hold` only opens the inbox:
`ring` asks that debugger to call `serve` on the owner thread whenever something has come in, and `release` ends it.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event, RLock

from llmspell_kernel.lua.debugger.asking import INSPECTION_S
from llmspell_kernel.lua.debugger.stops import NotStopped
from llmspell_tools.errors import ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from llmspell_kernel.lua.debugger.asking import Questions
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_kernel.lua.interrupt import Run

    #: To the stopped script: a question, how to go on (None: it was interrupted), or something to do.
    _Item: TypeAlias = "_Call | str | Callable[[Any], None] | None"

#: What a waiting caller allows a question beyond its own limit.
_PATIENCE_S = 5.0
#: When to ring a second time: the first may have been missed.
_RING_S = 0.01


class _Call:
    """A question to the stopped script, and its answer."""

    __slots__ = ("answer", "args", "done", "name")

    def __init__(self, name: str, args: tuple[object, ...]) -> None:
        self.name = name
        self.args = args
        self.done = Event()
        self.answer: tuple[Any, ...] | None = None


class _Visit:
    """One stop, as far as it concerns who waits: the run whose deadline waits as well, and where questions go."""

    __slots__ = ("forget", "inbox", "resume", "ring", "run", "since", "stop")

    def __init__(
        self, run: Run, stop: Stop, ring: Callable[[], None], resume: Callable[[str | None], None] | None
    ) -> None:
        self.run = run
        self.stop = stop
        self.ring = ring
        self.resume = resume
        self.inbox: SimpleQueue[_Item] = SimpleQueue()
        self.forget = run.context.signal.on_set(lambda: self.put(None))
        self.since = run.pause()

    def put(self, item: _Item) -> None:
        """Take an item; any thread."""
        self.inbox.put(item)
        self.ring()


class Waiting:
    """The stops of one debugger, one at a time.

    Args:
        questions: Answers what is asked.
        later: Takes a job that came too late for a stop.
    """

    __slots__ = ("_later", "_lock", "_questions", "_visit")

    def __init__(self, questions: Questions, later: Callable[[Callable[[Any], None]], None]) -> None:
        self._questions = questions
        self._later = later
        self._lock = RLock()
        self._visit: _Visit | None = None

    # --- any thread ------------------------------------------------------------------------------------------------

    @property
    def stop(self) -> Stop | None:
        """Where and why the script is stopped; None while it runs."""
        visit = self._visit
        return None if visit is None else visit.stop

    def go_on(self, mode: str) -> None:
        """Let the script run.

        Raises:
            NotStopped: It runs.
        """
        self._put(mode)

    def ask(self, name: str, *args: object) -> tuple[Any, ...]:
        """Return the answer to a question: ``(True, results...)`` or ``(False, message)``.

        Raises:
            NotStopped: The script runs.
            ToolExecutionError: It does not answer.
        """
        call = _Call(name, args)
        visit = self._put(call)
        if not call.done.wait(_RING_S):
            visit.ring()
            if not call.done.wait(INSPECTION_S + _PATIENCE_S):
                raise ToolExecutionError("the stopped script does not answer")
        if call.answer is None:
            raise NotStopped("the script went on before it was asked")
        return call.answer

    def do(self, job: Callable[[Any], None]) -> bool:
        """Run a job on the owner thread if the script is stopped; tell whether it is."""
        with self._lock:
            if self._visit is None:
                return False
            self._visit.put(job)
            return True

    def _put(self, item: _Item) -> _Visit:
        with self._lock:
            if self._visit is None:
                raise NotStopped("the script is not stopped")
            self._visit.put(item)
            return self._visit

    def release(self) -> None:
        """End a stop that `hold` began."""
        with self._lock:
            visit, self._visit = self._visit, None
        if visit is not None:
            self._end(visit)

    # --- owner thread ----------------------------------------------------------------------------------------------

    def wait(self, api: Any, run: Run, stop: Stop, tell: Callable[[], None]) -> str | None:
        """Keep the owner thread until the script shall go on; returns how, None if it was interrupted."""
        visit = _Visit(run, stop, _nothing, None)
        with self._lock:
            self._visit = visit
        try:
            tell()
            while True:
                item = visit.inbox.get()
                if item is None or isinstance(item, str):
                    return item
                self._do(api, item)
                if run.reason == "exit":  # what was evaluated has called `os.exit`
                    return None
        finally:
            self.release()

    def hold(self, run: Run, stop: Stop, ring: Callable[[], None], resume: Callable[[str | None], None]) -> None:
        """Take questions for a script whose thread somebody else keeps.

        Args:
            run: Goes on later.
            stop: Where it is.
            ring: Lets the owner thread call `serve` soon; any thread.
            resume: Called by `serve` when the script shall go on; it calls `release`.
        """
        with self._lock:
            self._visit = _Visit(run, stop, ring, resume)

    def serve(self, api: Any) -> None:
        """Answer what has come in, while the script is held."""
        visit = self._visit
        while visit is not None and visit is self._visit and not visit.inbox.empty():
            item = visit.inbox.get()
            if item is not None and not isinstance(item, str):
                self._do(api, item)
                if visit.run.reason == "exit" and visit.resume is not None:
                    visit.resume(None)
            elif visit.resume is not None:
                visit.resume(item)

    def _do(self, api: Any, item: _Call | Callable[[Any], None]) -> None:
        if isinstance(item, _Call):
            item.answer = self._questions.ask(api, item.name, *item.args)
            item.done.set()
        else:
            item(api)

    def _end(self, visit: _Visit) -> None:
        """Refuse the questions that came too late; what was set holds from the next safe point on."""
        visit.forget()
        visit.run.unpause(visit.since)
        while not visit.inbox.empty():
            item = visit.inbox.get()
            if isinstance(item, _Call):
                item.done.set()
            elif callable(item):
                self._later(item)


def _nothing() -> None:
    pass
