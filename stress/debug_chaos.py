"""Random debugging of scripts full of coroutines, errors and callbacks: nothing may crash, hang or stop working.

    python stress/debug_chaos.py [SECONDS] [SEED]

Each round runs one script under random breakpoints, filters and steps, asks random questions at each stop, and ends
some by an interrupt or by leaving. Afterwards the engine must still run a plain script. The seed is printed.
"""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.debugger.debugger import LuaDebugger
from llmspell_kernel.lua.debugger.points import Wish
from llmspell_tools.errors import LlmspellError
from llmspell_tools.registry import ToolRegistry

SCRIPT = """local results = {}
local function work(n)
  if n % 7 == 0 then
    error("seven " .. n)
  end
  coroutine.yield(n)
  local t = setmetatable({}, { __index = function(_, k)
    return k .. n
  end, __tostring = function() error("no text") end })
  return t.x
end
for i = 1, 30 do
  local co = i % 2 == 0 and coroutine.wrap(work) or coroutine.create(work)
  for _ = 1, 2 do
    if type(co) == "thread" then
      results[#results + 1] = select(2, coroutine.resume(co, i))
    else
      results[#results + 1] = select(2, pcall(co, i))
    end
  end
  table.sort({ 3, 1, 2 }, function(a, b)
    return a < b
  end)
  load("local y = 1\\nreturn y + 1")()
  if i % 10 == 0 then collectgarbage() end
end
return #results
"""
MODES = ("continue", "continue", "in", "over", "out")
TEXTS = ("n", "i", "results", "nosuch.x", "error('x')", "work", "coroutine.wrap(function() coroutine.yield(1) end)()",
         "n = 3", "pcall(error)", "#results > 2", "tostring(t)", "Tool.get('calculator')")  # fmt: skip


class Chaos:
    """One engine, its debugger, and a thread that does something at each stop."""

    def __init__(self, chance: random.Random, path: str) -> None:
        self.chance, self.path = chance, path
        self.engine = LuaEngine(ToolRegistry(), write=lambda *_: None)
        self.debugger = LuaDebugger(self.engine)
        self.stops: SimpleQueue[Any] = SimpleQueue()
        self.count = 0
        threading.Thread(target=self._drive, daemon=True).start()

    # ruff: noqa: D102 - as `Listener` says
    def stopped(self, stop: Any) -> None:
        self.stops.put(stop)

    def resumed(self, mode: str) -> None: ...
    def logged(self, text: str) -> None: ...
    def point_changed(self, point: Any) -> None: ...
    def loaded(self, name: str) -> None: ...

    def round(self) -> None:
        chance = self.chance
        self.debugger.attach(self)
        wishes = [Wish(chance.randrange(1, 32), condition=chance.choice([None, None, "i == 3", "n"])) for _ in range(3)]
        self.debugger.set_lines(self.path, wishes)
        self.debugger.set_exceptions({name: None for name in ("uncaught", "all") if chance.random() < 0.3})
        if chance.random() < 0.3:
            self.debugger.pause()
        with contextlib.suppress(LlmspellError):
            self.engine.execute(SCRIPT, name="@" + self.path, mode="script", timeout_s=60)
        self.debugger.detach()
        gc.collect()
        assert self.engine.execute("return 1 + 1", name="=after", mode="script").values == [2]

    def _drive(self) -> None:
        while True:
            stop = self.stops.get()
            self.count += 1
            with contextlib.suppress(LlmspellError):
                self._act(stop)
            with contextlib.suppress(LlmspellError):
                self.debugger.go_on(self.chance.choice(MODES))

    def _act(self, stop: Any) -> None:
        chance, ask = self.chance, self.debugger.inspect
        dice = chance.random()
        if dice < 0.005:
            self.engine.interrupt()
        elif dice < 0.01:
            self.debugger.detach()
        elif dice < 0.05:
            self.debugger.set_lines(self.path, [Wish(chance.randrange(1, 32))])
        threads = ask("threads")[::3]
        parts = ask("frames", chance.choice([stop.thread, *threads]), 1, 20, chance.random() < 0.2)
        frames = parts[1::5]
        if frames:
            frame = chance.choice(frames)
            for reference in ask("scopes", frame)[2::6]:
                ask("children", reference, 1, 50, "")
            ask("evaluate", frame, chance.choice(TEXTS))


def main() -> None:
    """Run rounds until the time is over."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print("seed", seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chaos.lua"
        path.write_text(SCRIPT, encoding="utf-8")
        chaos = Chaos(random.Random(seed), str(path))
        end, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            chaos.round()
            rounds += 1
        print(f"{rounds} scripts, {chaos.count} stops: nothing crashed")
        chaos.engine.close()


if __name__ == "__main__":
    main()
