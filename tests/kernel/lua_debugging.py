"""Runs a script under `LuaDebugger` while a test's own function answers each stop, on a thread of its own."""

import threading
from queue import Queue

from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.debugger.debugger import LuaDebugger
from llmspell_kernel.lua.debugger.points import Wish
from llmspell_tools.errors import LlmspellError
from llmspell_tools.registry import ToolRegistry

PATIENCE_S = 5


class Bench:
    """An engine, its debugger and what was heard of them; also the debugger's listener."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.printed, self.logs, self.stops, self.changed, self.chunks = [], [], [], [], []
        self.resumed_modes = []
        self.problems = []
        self.engine = LuaEngine(ToolRegistry(), write=self._write, **settings)
        self.debugger = LuaDebugger(self.engine)
        self.on_stop = None
        self.on_print = lambda: None
        self._queue = Queue()
        threading.Thread(target=self._drive, daemon=True).start()

    # the listener
    def stopped(self, stop):
        self._queue.put(stop)

    def resumed(self, mode):
        self.resumed_modes.append(mode)

    def logged(self, text):
        self.logs.append(text.rstrip("\n"))

    def point_changed(self, point):
        self.changed.append(point)

    def loaded(self, name):
        self.chunks.append(name)

    # what tests use
    def script(self, code, name="a.lua"):
        path = self.folder / name
        path.write_text(code)
        return str(path)

    def run(self, code, *, points=(), modes=(), on_stop=None, name="a.lua", attach=True, mode="script", **more):
        """Run a script; points are lines or wishes, `modes` says how to go on after each stop.

        Returns the stops as (reason, line). Errors of the script end up in `self.error`.
        """
        path = self.script(code, name)
        if attach and not self.debugger.is_attached:
            self.debugger.attach(self)
        if attach:
            self.debugger.set_lines(path, [each if isinstance(each, Wish) else Wish(each) for each in points])
        left = list(modes)
        self.on_stop = on_stop or (lambda stop: left.pop(0) if left else "continue")
        self.places, self.error = [], None
        try:
            self.execution = self.engine.execute(code, name=f"@{path}", mode=mode, **more)
        except LlmspellError as error:
            self.error = error
        assert not self.problems, self.problems
        return self.places

    def frames(self, thread=None, size=50, first=1, all_frames=False):
        """Return frames as (name, line); their ids are in `self.frame_ids`."""
        more, *parts = self.debugger.inspect("frames", thread or self.debugger.stop.thread, first, size, all_frames)
        rows = [parts[at : at + 5] for at in range(0, len(parts), 5)]
        self.frame_ids, self.more = [row[0] for row in rows], more
        return [(row[1], row[3]) for row in rows]

    def line(self):
        return self.frames(size=1)[0][1]

    def evaluate(self, text, frame=0):
        self.frames(size=frame + 1)
        return self.debugger.inspect("evaluate", self.frame_ids[frame], text)[0]

    def scope(self, name, frame=0):
        """Return a scope's variables as {name: text}."""
        self.frames(size=frame + 1)
        parts = self.debugger.inspect("scopes", self.frame_ids[frame])
        rows = [parts[at : at + 6] for at in range(0, len(parts), 6)]
        reference = next((row[2] for row in rows if row[0] == name), None)
        return {} if reference is None else {row[0]: row[1] for row in self.children(reference)}

    def children(self, reference, first=1, size=1000, kind=""):
        parts = self.debugger.inspect("children", reference, first, size, kind)
        return [parts[at : at + 7] for at in range(0, len(parts), 7)]

    def threads(self):
        parts = self.debugger.inspect("threads")
        return {parts[at]: parts[at + 2] for at in range(0, len(parts), 3)}

    def output(self):
        return "".join(self.printed)

    def _write(self, stream, text):
        self.printed.append(text)
        self.on_print()

    def _drive(self):
        while True:
            stop = self._queue.get()
            mode = "continue"
            try:
                self.stops.append(stop)
                self.places.append((stop.reason, self.line()))
                mode = self.on_stop(stop) or "continue"
            except BaseException as error:
                self.problems.append(error)
            try:
                self.debugger.go_on(mode)
            except LlmspellError:
                pass  # it went on by itself: an interrupt, detach
