"""Runs in the middle of a run that stands at a safe point: the same globals, their own errors and interrupts."""

from __future__ import annotations

import threading

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import Cancelled, ScriptError
from llmspell_tools.registry import ToolRegistry

SETUP = """
Tool.register{ name = 'quick', execute = function() return { a = 1 } end }
Tool.register{ name = 'deep', execute = function() while go do end return { a = 2 } end }
Tool.register{ name = 'endless', execute = function() while true do end end }
"""
OUTER = [
    "while go do end",
    "while go do pcall(function() end) end",
    "coroutine.wrap(function() while go do pcall(function() end) end end)()",
    "while go do for v in coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end) do end end",
    "while go do local t = {3, 1, 2} table.sort(t, function(a, b) return a < b end) JSON.stringify(t) end",
    "while go do ('a b'):gsub('%w', function(c) return c .. c end) end",
    "Tool.invoke('deep', {})",
    "coroutine.wrap(function() Tool.invoke('deep', {}) end)()",
]


class Bench:
    """An engine whose cells can be joined by work at a safe point."""

    def __init__(self):
        self.written = []
        self.started = threading.Event()
        self.engine = LuaEngine(ToolRegistry(), write=self.write)
        self.run(SETUP)

    def write(self, _stream, text):
        self.written.append(text)
        self.started.set()

    def run(self, code, name="=In[1]"):
        return self.engine.execute(code, name=name, mode="cell")

    def during(self, code, work):
        """Run code, and `work` nested in it once it has printed; returns what `work` gave."""
        given = []

        def nested():
            go_on = self.engine.nest()
            assert go_on is not None
            try:
                given.append(work())
            finally:
                go_on()

        self.started.clear()
        other = threading.Thread(target=lambda: self.started.wait(5) and self.engine.safe_points.post_work(nested))
        other.start()
        try:
            self.run("go = true print('on') " + code)
        finally:
            other.join(5)
        return given[0]


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.engine.close()


@pytest.mark.parametrize("code", OUTER)
def test_a_run_in_the_middle_sees_the_globals_and_the_outer_one_goes_on(bench, code):
    def work():
        bench.run("coroutine.wrap(function() coroutine.yield(1) end)() collectgarbage()")
        return bench.run("local found = Tool.invoke('quick', {}).data.a go = false return found", "=In[2]").text

    for _ in range(5):
        assert bench.during(code + " outer = 'ended'", work) == "1"
    assert bench.run("return outer").text == '"ended"'
    assert bench.engine.states == []


@pytest.mark.parametrize("code", OUTER)
def test_an_error_in_the_middle_has_its_own_place(bench, code):
    def work():
        with pytest.raises(ScriptError) as caught:
            bench.run("local x = 1\nerror('broken')", "=In[2]")
        bench.run("go = false")
        return caught.value

    error = bench.during(code, work)
    assert (error.message, error.details["line"]) == ("In[2]:2: broken", 2)
    assert error.details["traceback"] == ["In[2]:2: in main chunk"]


@pytest.mark.parametrize("code", OUTER)
@pytest.mark.parametrize("inner", ["while true do end", "coroutine.wrap(function() while true do end end)()",
                                   "Tool.invoke('endless', {})"])  # fmt: skip
def test_an_interrupt_stops_both(bench, code, inner):
    def work():
        timer = threading.Timer(0.01, bench.engine.interrupt)
        timer.start()
        with pytest.raises(Cancelled):
            bench.run("go = true " + inner)
        timer.join(5)

    with pytest.raises(Cancelled):
        bench.during(code, work)
    assert bench.run("return 1 + 1").text == "2"
    assert bench.engine.states == []


def test_an_interrupt_while_nothing_runs_inside_stops_the_outer_one(bench):
    with pytest.raises(Cancelled):
        bench.during("while true do end", bench.engine.interrupt)


def test_a_run_in_the_middle_can_be_the_middle_of_a_third(bench):
    def innermost():
        return bench.run("deepest = true inner_go = false go = false return 3").text

    def inner():
        def nested():
            go_on = bench.engine.nest()
            innermost()
            go_on()

        bench.engine.safe_points.post_work(nested)
        return bench.run("inner_go = true while not deepest do end return deepest", "=In[2]").text

    assert bench.during("while go do end", inner) == "true"


def test_prints_before_and_after_stay_in_order(bench):
    bench.during("while go do end print('end')", lambda: bench.run("print('in') go = false"))
    assert "".join(bench.written) == "on\nin\nend\n"


def test_yielding_out_of_a_run_in_the_middle_is_an_error(bench):
    def work():
        with pytest.raises(ScriptError, match="yield"):
            bench.run("coroutine.yield(1)")
        bench.run("go = false")

    bench.during("while go do end", work)


def test_nothing_is_nested_between_runs(bench):
    assert bench.engine.nest() is None
