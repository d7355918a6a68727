"""Interrupts at random moments: does every one stop the script, keep the state and leave the engine usable?

    python stress/interrupts.py [--count 500] [--seed N] [--workload NAME]

Each round runs one workload that never ends by itself and stops it after a random time by one of: `interrupt()` from
another thread (mostly), SIGINT, a deadline. Then it checks that the run ended for that reason, that the globals are
what they were, and that the engine computes. Prints the seed, the counts and the latencies from the request to the
end of `execute`; exits with 1 on the first failure of a check.
"""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import signal
import sys
import threading
import time

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.errors import Cancelled, LlmspellError, ToolTimeout
from llmspell_tools.registry import ToolRegistry

SETUP = """
keep = {} for i = 1, 1000 do keep[i] = i * i end
function sum() local s = 0 for i = 1, #keep do s = s + keep[i] end return s end
mark, total = 0, 0
Tool.register{ name = "lua-spin", parameters = {{ name = "n", type = "integer" }},
  execute = function(p) local t = 0 for i = 1, p.n or 100 do t = t + i end return { sum = t } end }
Tool.register{ name = "lua-forever", execute = function() while true do end end }
"""

WORKLOADS = {
    "loop": "while true do end",
    "collector": "while true do local t = {} for i = 1, 50 do t[i] = { i, tostring(i) } end end",
    "recursion": "local function f(n) if n > 0 then return 1 + f(n - 1) end return 0 end while true do f(150) end",
    "overflow": "local function f() return 1 + f() end while true do pcall(f) end",
    "coroutines": """while true do
        local co = coroutine.wrap(function() for i = 1, 20 do coroutine.yield(i) end end)
        for i = 1, 20 do total = total + co() end end""",
    "nested coroutines": """local function deep(n)
        if n == 0 then for i = 1, 5 do coroutine.yield(i) end return end
        local co = coroutine.create(deep)
        while true do local ok, v = coroutine.resume(co, n - 1) if not v then break end coroutine.yield(v) end end
        while true do for v in coroutine.wrap(function() deep(6) end) do total = total + v end end""",
    "kept coroutine": """kept = kept or coroutine.create(function() while true do coroutine.yield(1) end end)
        if coroutine.status(kept) == "dead" then coroutine.close(kept)
          kept = coroutine.create(function() while true do coroutine.yield(1) end end) end
        while true do coroutine.resume(kept) end""",
    "pcall": "while true do pcall(function() while true do pcall(error, 'x') end end) end",
    "xpcall": "while true do xpcall(function() error('x') end, function() for i = 1, 1000 do end end) end",
    "xpcall spin": "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "close": """while true do
        local guard <close> = setmetatable({}, { __close = function() for i = 1, 500 do end end })
        for i = 1, 100 do end end""",
    "close spin": """while true do pcall(function()
        local guard <close> = setmetatable({}, { __close = function() while true do end end })
        for i = 1, 1000 do end end) end""",
    "close in coroutine": """while true do
        local co = coroutine.create(function()
          local guard <close> = setmetatable({}, { __close = function() for i = 1, 300 do end end })
          coroutine.yield() end)
        coroutine.resume(co) coroutine.close(co) end""",
    "gsub": "while true do (('abc '):rep(200)):gsub('%w+', function(w) return w:upper() end) end",
    "sort": """while true do local t = {} for i = 1, 300 do t[i] = (i * 7919) % 1009 end
        table.sort(t, function(a, b) return a < b end) end""",
    "metamethods": """local t = setmetatable({}, { __index = function(_, k) return k end, __add = function() return 1 end })
        while true do local x = t[1] .. t.a ; x = t + t end""",
    "load": "while true do assert(load('local a = 1 return a + 1'))() end",
    "hostile pattern": "while true do string.find(('a'):rep(300), ('a*'):rep(6) .. 'b') end",
    "strings": "while true do local s = '' for i = 1, 300 do s = s .. i end end",
    "prints": "while true do print(total) for i = 1, 100 do end end",
    "json": "while true do JSON.parse(JSON.stringify({ a = { 1, 2, { b = 'c' } }, list = keep })) end",
    "tool": "local c = Tool.get('calculator') while true do assert(c:execute{ input = '1 + 2' }.result.result == 3) end",
    "tool in pcall": "while true do pcall(function() while true do Tool.invoke('calculator', { input = '2*3' }) end end) end",
    "tool that fails": "while true do pcall(Tool.invoke, 'calculator', { wrong = 1 }) end",
    "lua tool": "while true do assert(Tool.invoke('lua-spin', { n = 50 }).data.sum == 1275) end",
    "lua tool that spins": "while true do pcall(Tool.invoke, 'lua-forever', {}) end",
    "lua tool in coroutine": """while true do
        coroutine.wrap(function() for i = 1, 5 do Tool.invoke('lua-spin', { n = 5 }) coroutine.yield() end end)() end""",
}
#: A run that goes on for so long after it was asked to stop never stops.
STUCK_S = 20.0
EXPECTED_SUM = sum(i * i for i in range(1, 1001))


class Requester(threading.Thread):
    """Asks for an interrupt after a delay, and again every two seconds until the run is over."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.engine = LuaEngine(ToolRegistry(), write=self.wrote, settings=EngineSettings())
        self.begin = threading.Semaphore(0)
        self.over = threading.Event()
        self.idle = threading.Semaphore(0)
        self.delay = 0.0
        self.how = "interrupt"
        self.asked = 0.0
        self.armed = False
        self.round = ""

    def wrote(self, _stream: str, _text: str) -> None:
        """Begin at the first print of a workload: now it runs."""
        if self.armed:
            self.armed = False
            self.begin.release()

    def run(self) -> None:
        """Serve requests for ever."""
        main = threading.main_thread().ident or 0
        while True:
            self.begin.acquire()
            time.sleep(self.delay)
            self.asked = time.perf_counter()
            while not self.over.is_set():
                if self.how == "sigint":
                    signal.pthread_kill(main, signal.SIGINT)
                else:
                    self.engine.interrupt()
                if not self.over.wait(2) and time.perf_counter() - self.asked > STUCK_S:
                    print(f"STUCK: {self.round} was asked {self.how} and runs on", file=sys.stderr)
                    faulthandler.dump_traceback()
                    os._exit(1)
            self.over.clear()
            self.idle.release()


def one_round(
    engine: LuaEngine, requester: Requester, source: random.Random, name: str, number: int
) -> tuple[str, float]:
    """Run and stop one workload; return how, and the latency in seconds."""
    how = source.choices(["interrupt", "sigint", "deadline"], [8, 1, 1])[0]
    delay = source.choice([source.uniform(0.0002, 0.002), source.uniform(0.001, 0.012)])
    code = f"mark = {number}\nprint()\n{WORKLOADS[name]}"
    started = time.perf_counter()
    requester.round = f"workload {name}, round {number}"
    requester.armed = how != "deadline"
    requester.delay, requester.how = delay, how
    try:
        engine.execute(code, name="=In[1]", mode="cell", timeout_s=delay if how == "deadline" else None)
    except (Cancelled, ToolTimeout) as error:
        ended = time.perf_counter()
        wanted = ToolTimeout if how == "deadline" else Cancelled
        if type(error) is not wanted:
            raise AssertionError(f"{how}: {error}") from error
    except LlmspellError as error:
        raise AssertionError(f"{how}: {error} {error.details}") from error
    else:
        raise AssertionError(f"{name} ended by itself")
    asked = started + delay
    if how != "deadline":
        requester.over.set()
        requester.idle.acquire()
        asked = requester.asked
    return how, ended - asked


def check(engine: LuaEngine, number: int, marks: tuple[int, ...]) -> int:
    """Check that the state is whole and the engine computes; return the mark that the newest workload left."""
    try:
        values = engine.execute("return mark, sum(), select('#', 1, 2)", name="@check", mode="script").values
    except LlmspellError as error:
        raise AssertionError(f"round {number}: the engine is not usable: {error} {error.details}") from error
    assert values[0] in marks, (values, marks)
    assert values[1:] == [EXPECTED_SUM, 2], (number, values)
    return int(values[0])


def main() -> int:
    """Run the rounds and print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--workload", choices=list(WORKLOADS))
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    source = random.Random(options.seed)
    names = [options.workload] if options.workload else list(WORKLOADS)
    requester = Requester()
    engine = requester.engine
    engine.execute(SETUP, name="@setup", mode="script")
    requester.start()
    latencies: dict[str, list[float]] = {name: [] for name in names}
    begun, mark = time.perf_counter(), 0
    for number in range(1, options.count + 1):
        name = source.choice(names)
        try:
            how, latency = one_round(engine, requester, source, name, number)
            latencies[name].append(latency)
            # A deadline may come before the first statement; an interrupt is asked for after it.
            mark = check(engine, number, (number, mark) if how == "deadline" else (number,))
        except AssertionError as error:
            print(f"FAILED in round {number}, workload {name}, seed {options.seed}: {error}", file=sys.stderr)
            return 1
    engine.close()
    report(latencies, options.seed, time.perf_counter() - begun, engine.interrupt_mode)
    return 0


def report(latencies: dict[str, list[float]], seed: int, spent: float, mode: str) -> None:
    """Print the figures."""
    every = sorted(value for values in latencies.values() for value in values)

    def line(title: str, values: list[float]) -> None:
        p50, p99 = values[len(values) // 2], values[min(len(values) - 1, len(values) * 99 // 100)]
        figures = f"p50 {p50 * 1000:7.2f} ms   p99 {p99 * 1000:7.2f} ms   max {values[-1] * 1000:7.2f} ms"
        print(f"{title:24} {len(values):7}   {figures}")

    print(f"seed {seed}, {len(every)} interrupts in {spent:.0f} s, by {mode}, no failure")
    for name, values in latencies.items():
        if values:
            line(name, sorted(values))
    line("all", every)


if __name__ == "__main__":
    sys.exit(main())
