"""A Lua engine as a debuggee: the session's questions as operations of `LuaDebugger`, answers as named values."""

from __future__ import annotations

import re
from contextlib import suppress

from llmspell_kernel.debug.debuggee import Frame, Scope, Thread, Value
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.lua.convert import human_text
from llmspell_kernel.lua.debugger.debugger import LuaDebugger
from llmspell_kernel.lua.debugger.glances import Glances
from llmspell_kernel.lua.debugger.stops import DebuggedAlready, NotStopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from llmspell_kernel.debug.debuggee import Listener, Mode, Wanted
    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_kernel.lua.engine import LuaEngine

    class Program(Protocol):
        """What runs in the engine."""

        #: Whether `restart` can run it again.
        can_restart: bool
        #: Whether it goes on after `stop`.
        is_endless: bool

        def start(self) -> None:
            """Let it begin, if it waits for that."""
            ...

        def stop(self) -> None:
            """End what runs."""
            ...

        def restart(self) -> None:
            """End what runs and begin again, in a new engine: `LuaDebuggee.renew`."""
            ...


#: The end of a text that a completion continues: a chain of names, and the beginning of the next.
_CHAIN = re.compile(r"((?:[A-Za-z_]\w*|\[(?:\d+|\"[^\"]*\"|'[^']*')\]|[.:])*[.:])?([A-Za-z_]\w*)?$")

#: What can be asked of a script that runs; all but `children` with frame 0, which stands for the globals.
_OF_GLOBALS = frozenset({"evaluate", "full", "names", "children"})


class LuaDebuggee:
    """One program in Lua, in one engine after another.

    Args:
        engine: Where it runs.
        program: What starts and ends it.
        observer: Told the same as the client, whether there is one or not.
    """

    def __init__(self, engine: LuaEngine, program: Program, observer: Listener | None = None) -> None:
        #: Where it runs now.
        self.engine = engine
        self.debugger = LuaDebugger(engine)
        self._program = program
        self.can_restart = program.can_restart
        self.is_endless = program.is_endless
        self._listeners: tuple[Listener, ...] = () if observer is None else (observer,)
        self._observer = observer
        self._is_debugging = False
        self._filters: Mapping[str, str | None] = {}
        self._entry = False
        self._standing: Mapping[str, Sequence[Wish]] = {}
        self._paths: set[str] = set()  # where breakpoints have been set

    # --- the program's side ----------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Debug for the observer alone, before a client comes."""
        self._is_debugging = True
        self.debugger.attach(self)

    def stand(self, lines: Mapping[str, Sequence[Wish]]) -> list[Point]:
        """Set breakpoints, by path, that hold whenever no client is there; for the observer."""
        self._standing = lines
        self.watch()
        return [point for path, wishes in lines.items() for point in self.set_lines(path, wishes)]

    def renew(self, engine: LuaEngine) -> None:
        """Go on in a new engine, with the same breakpoints."""
        old = self.debugger
        self.engine = engine
        self.debugger = LuaDebugger(engine, points=old.points)
        if self._is_debugging:
            self.debugger.attach(self)
            self.debugger.set_exceptions(self._filters)
            if self._entry:
                self.debugger.pause("entry")

    def stopped(self, stop: Stop) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.stopped(stop)

    def resumed(self, mode: str) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.resumed(mode)

    def logged(self, text: str) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.logged(text)

    def point_changed(self, point: Point) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.point_changed(point)

    def loaded(self, name: str) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.loaded(name)

    def wrote(self, stream: str, text: str) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.wrote(stream, text)

    def ended(self, status: int | None) -> None:
        """See `Listener`."""
        for listener in self._listeners:
            listener.ended(status)

    # --- the session's side ----------------------------------------------------------------------------------------

    def prepare(self, wanted: Wanted) -> None:
        """See `Debuggee.prepare`."""

    def listen(self, listener: Listener, *, is_debugging: bool) -> None:
        """See `Debuggee.listen`."""
        self._listeners = (listener,) if self._observer is None else (self._observer, listener)
        self._is_debugging = is_debugging
        if is_debugging:
            try:
                self.debugger.attach(self)
            except DebuggedAlready as error:
                self.leave()
                raise RequestFailed("refused", error.message, show=True) from error

    def leave(self) -> None:
        """See `Debuggee.leave`."""
        self._listeners = () if self._observer is None else (self._observer,)
        if self._standing:
            self._hand_back()
        else:
            self._is_debugging = False
            self.debugger.detach()

    def _hand_back(self) -> None:
        """Take the client's breakpoints away and set the standing ones, before a stopped program goes on."""
        self.set_exceptions({})
        self.set_functions([])
        for path in self._paths - self._standing.keys():
            self.set_lines(path, [])
        self.stand(self._standing)
        with suppress(NotStopped):  # it runs
            self.debugger.go_on("continue")

    def start(self, *, stop_on_entry: bool) -> None:
        """See `Debuggee.start`."""
        self._entry = stop_on_entry
        if stop_on_entry and self._is_debugging:
            self.debugger.pause("entry")
        self._program.start()
        stop = self.debugger.stop
        if stop is not None:  # it had stopped before the client was there
            self._listeners[-1].stopped(stop)

    def stop(self) -> None:
        """See `Debuggee.stop`."""
        self._program.stop()

    def restart(self) -> None:
        """See `Debuggee.restart`."""
        self._program.restart()

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """See `Debuggee.set_lines`."""
        self._paths.add(path)
        return self.debugger.set_lines(path, wishes)

    def set_functions(self, wishes: Sequence[Wish]) -> list[Point]:
        """See `Debuggee.set_functions`."""
        return self.debugger.set_functions(wishes)

    def set_exceptions(self, filters: Mapping[str, str | None]) -> None:
        """See `Debuggee.set_exceptions`."""
        self._filters = filters
        self.debugger.set_exceptions(filters)

    def lines(self, path: str, first: int, last: int) -> list[int]:
        """See `Debuggee.lines`."""
        try:
            return self.debugger.points.lines(path, first, last)
        except OSError as error:
            raise RequestFailed("source", f"{path} cannot be read: {error.strerror or error}") from error

    def pause(self) -> None:
        """See `Debuggee.pause`."""
        self.debugger.pause()

    def go_on(self, thread: int, mode: Mode) -> None:  # noqa: ARG002 - Lua has one thread that runs; it takes all along
        """See `Debuggee.go_on`."""
        self.debugger.go_on(mode)

    def threads(self) -> list[Thread]:
        """See `Debuggee.threads`; while it runs only main is known."""
        try:
            answer = self.debugger.inspect("threads")
        except NotStopped:
            return [Thread(1, "main")]
        return [Thread(answer[at], answer[at + 1]) for at in range(0, len(answer), 3)]

    def frames(self, thread: int, first: int, size: int, *, all_frames: bool) -> tuple[list[Frame], bool]:
        """See `Debuggee.frames`."""
        more, *parts = self.debugger.inspect("frames", thread, first + 1, size, all_frames)
        return [Frame(*parts[at : at + 5]) for at in range(0, len(parts), 5)], more is True

    def scopes(self, frame: int) -> list[Scope]:
        """See `Debuggee.scopes`."""
        parts = self.debugger.inspect("scopes", frame)
        return [Scope(*parts[at : at + 6]) for at in range(0, len(parts), 6)]

    def children(self, reference: int, first: int, size: int, kind: str) -> list[Value]:
        """See `Debuggee.children`."""
        parts = self._ask("children", reference, first + 1, size, kind)
        return [Value(*parts[at : at + 7]) for at in range(0, len(parts), 7)]

    def evaluate(self, frame: int, text: str) -> Value:
        """See `Debuggee.evaluate`."""
        return Value("", *self._ask("evaluate", frame, text))

    def full_text(self, frame: int, text: str) -> str:
        """See `Debuggee.full_text`."""
        return str(self._ask("full", frame, text)[0])

    def set_child(self, reference: int, name: str, text: str, frame: int) -> Value:
        """See `Debuggee.set_child`."""
        return Value(name, *self._ask("set", reference, name, text, frame))

    def names(self, frame: int, text: str) -> tuple[list[tuple[str, str]], int]:
        """See `Debuggee.names`."""
        found = _CHAIN.search(text)
        chain, prefix = (found.group(1) or "", found.group(2) or "") if found else ("", "")
        parts = self._ask("names", frame, chain.rstrip(".:"), prefix)
        names = sorted((parts[at], parts[at + 1]) for at in range(0, len(parts), 2))
        return names, len(prefix)

    def sources(self) -> list[str]:
        """See `Debuggee.sources`."""
        return list(self.debugger.points.chunks)

    def source_text(self, name: str) -> str | None:
        """See `Debuggee.source_text`."""
        chunk = self.debugger.points.chunks.get(name)
        return None if chunk is None else human_text(chunk.text)

    def _ask(self, name: str, *args: object) -> tuple[Any, ...]:
        """Ask about values: where the script is stopped; while it runs about its globals, at its next safe point."""
        try:
            return self.debugger.inspect(name, *args)
        except NotStopped:
            if name not in _OF_GLOBALS or (name != "children" and args[0] != 0):
                raise
        if self.engine.bridge.run is None:
            raise NotStopped("nothing runs")  # it has not begun, or is over
        return Glances(self.engine, self.debugger, _no_errand).ask(name, *args)


def _no_errand(_work: Callable[[], None]) -> None:
    """Leave an idle main thread alone: it is not ours."""
