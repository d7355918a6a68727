"""Breakpoints and steps of the Lua debugger; the session's tests are in `test_debug_*.py`."""

import threading

import pytest
from lua_debugging import PATIENCE_S, Bench

from llmspell_kernel.lua.debugger.points import Wish
from llmspell_tools.errors import Cancelled, ToolTimeout


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.engine.close()


LOOP = "local total = 0\nfor i = 1, 10 do\n  total = total + i\nend\nprint(total)\n"


def test_a_breakpoint_stops_each_time_its_line_begins(bench):
    assert bench.run(LOOP, points=[3]) == [("breakpoint", 3)] * 10
    assert bench.output() == "55\n"


def test_a_conditional_breakpoint_sees_locals(bench):
    totals = []

    bench.run(LOOP, points=[Wish(3, condition="i % 4 == 0")], on_stop=lambda _: totals.append(bench.evaluate("total")))

    assert totals == ["6", "28"]


@pytest.mark.parametrize(
    ("condition", "hits"),
    [("3", 8), (">= 3", 8), ("== 3", 1), ("> 3", 7), ("< 3", 2), ("<= 3", 3), ("% 3", 3), ("nonsense", 10), ("%0", 0)],
)
def test_hit_conditions_count(bench, condition, hits):
    assert len(bench.run(LOOP, points=[Wish(3, hit_condition=condition)])) == hits


def test_hits_are_counted_where_the_condition_holds(bench):
    wish = Wish(3, condition="i > 4", hit_condition="== 2")

    bench.run(LOOP, points=[wish], on_stop=lambda _: bench.logs.append(bench.evaluate("i")))

    assert bench.logs == ["6"]


def test_a_log_point_writes_and_does_not_stop(bench):
    wish = Wish(3, condition="i < 3", log_message='i={i} {{braces}} {("x"):rep(2)} {nothing.at.all}')

    assert bench.run(LOOP, points=[wish]) == []
    assert [line.partition("<")[0] for line in bench.logs] == ["i=1 {braces} xx ", "i=2 {braces} xx "]
    assert "attempt to index a nil value" in bench.logs[0]


def test_a_condition_that_fails_is_reported_and_stops(bench):
    assert bench.run("local x = 1\nprint(x)", points=[Wish(2, condition="x.y.z")]) == [("breakpoint", 2)]
    assert "the condition 'x.y.z' failed" in bench.logs[0]


def test_a_condition_that_does_not_compile_is_reported_and_stops(bench):
    assert bench.run("print(1)", points=[Wish(1, condition="1 +")]) == [("breakpoint", 1)]
    assert "failed" in bench.logs[0]


def test_a_condition_that_loops_is_ended(bench, monkeypatch):
    monkeypatch.setattr("llmspell_kernel.lua.debugger.asking.INSPECTION_S", 0.1)
    wish = Wish(1, condition="(function() while true do end end)()")

    assert bench.run("print(1)", points=[wish]) == [("breakpoint", 1)]
    assert "took longer than" in bench.logs[0]
    assert bench.output() == "1\n"


def test_a_condition_that_loops_under_pcall_in_a_coroutine_is_ended(bench, monkeypatch):
    monkeypatch.setattr("llmspell_kernel.lua.debugger.asking.INSPECTION_S", 0.1)
    loop = "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()"

    bench.run("print(1)\nlocal co = coroutine.wrap(function() print(2) end)\nco()", points=[Wish(1, condition=loop)])

    assert "took longer than" in bench.logs[0]
    assert bench.error is None
    assert bench.output() == "1\n2\n"


def test_a_condition_does_not_stop_at_breakpoints_itself(bench):
    code = "function f()\n  return true\nend\nprint(1)"

    assert bench.run(code, points=[2, Wish(4, condition="f()")]) == [("breakpoint", 4)]


def test_a_function_breakpoint_stops_at_the_first_statement(bench):
    code = "local t = {}\nfunction t.a(x)\n\n  return x\nend\nfunction t:b() return 2 end\n"
    code += "local function c() return 3 end\nprint(t.a(1), t:b(), c())\n"
    bench.debugger.attach(bench)
    points = bench.debugger.set_functions([Wish(function="t.a"), Wish(function="t:b"), Wish(function="c")])
    assert not points[0].is_verified

    stops = bench.run(code)

    assert stops == [("function breakpoint", 4), ("function breakpoint", 6), ("function breakpoint", 7)]
    assert [point.line for point in bench.changed] == [4, 6, 7]


def test_a_breakpoint_moves_to_the_next_statement(bench):
    code = "local function f()\n  return 1\nend\n\n-- a comment\nprint(f(),\n  2)\n"
    path = bench.script(code)
    bench.debugger.attach(bench)

    points = bench.debugger.set_lines(path, [Wish(line) for line in (2, 3, 4, 5, 6, 7, 8)])

    assert [point.line for point in points] == [2, 6, 6, 6, 6, 6, None]
    assert points[-1].reason


def test_a_breakpoint_in_a_missing_file_says_which_chunk_is_near(bench, tmp_path):
    bench.run("print(1)", name="weather.lua")

    point = bench.debugger.set_lines(str(tmp_path / "elsewhere" / "weather.lua"), [Wish(1)])[0]

    assert not point.is_verified
    assert "cannot be read" in point.reason
    assert str(tmp_path / "weather.lua") in point.reason


def test_paths_are_compared_after_links_are_followed(bench, tmp_path):
    path = bench.script("print(1)")
    (tmp_path / "link.lua").symlink_to(path)
    bench.debugger.attach(bench)
    bench.debugger.set_lines(str(tmp_path / "link.lua"), [Wish(1)])
    bench.places, bench.on_stop = [], lambda _: "continue"

    bench.engine.execute("print(1)", name=f"@{path}", mode="script")

    assert bench.places == [("breakpoint", 1)]


STEPS = """local function inner(x)
  local y = x + 1
  return y
end
local function outer(x)
  local z = inner(x)
  return z * 2
end
local a = outer(1)
local b = outer(2)
print(a, b)
"""


@pytest.mark.parametrize(
    ("start", "modes", "lines"),
    [
        (9, ["over", "over"], [9, 10, 11]),
        (9, ["in", "in", "in", "in"], [9, 6, 2, 3, 7]),
        (2, ["out"], [2, 7, 2]),
        (2, ["out", "out"], [2, 7, 10, 2]),
        (3, ["over", "over", "over"], [3, 7, 10, 3]),
    ],
)
def test_steps(bench, start, modes, lines):
    stops = bench.run(STEPS, points=[start], modes=modes)

    assert [line for _, line in stops] == lines


MIDDLE = """local function g(x)
  return x
end
local function h(x)
  local y = x
  return y
end
print(g(1) + h(2), g(3))
print(pcall(h, 4))
local t = setmetatable({}, { __add = function(_, n)
  return n
end })
print(t + 1)
if g(5) == 5 then
  print("yes")
end
local function tail(x)
  return h(x)
end
print(tail(6))
"""


@pytest.mark.parametrize(
    ("start", "modes", "lines"),
    [
        (2, ["out", "in", "out", "in", "out", "over"], [2, 8, 5, 8, 2, 8, 9]),
        (2, ["over", "over"], [2, 8, 9]),
        (5, ["over", "over", "in", "over"], [5, 6, 8, 2, 8]),
        (9, ["in", "out", "over"], [9, 5, 9, 10]),
        (11, ["in", "over"], [11, 13, 14]),
        (14, ["in", "over", "over"], [14, 2, 14, 15]),
        (20, ["in", "in", "in", "over"], [20, 18, 5, 6, 20]),
        (20, ["in", "in", "out", "over"], [20, 18, 5, 20]),
    ],
)
def test_a_step_out_of_a_function_stops_in_the_middle_of_the_callers_line(bench, start, modes, lines):
    stops = bench.run(MIDDLE, points=[Wish(start, hit_condition="== 1")], modes=modes)

    assert [line for _, line in stops] == lines


def test_steps_over_recursion_stay_at_their_depth(bench):
    code = (
        "local function f(n)\n  if n == 0 then return 0 end\n  local r = f(n - 1)\n  return r + 1\nend\nprint(f(5))\n"
    )

    stops = bench.run(code, points=[Wish(3, condition="n == 5")], modes=["over", "over"])

    assert [line for _, line in stops] == [3, 4, 6][: len(stops)]
    assert len(stops) >= 2


def test_a_step_over_a_tail_call_ends_in_the_caller(bench):
    code = "local function g()\n  return 1\nend\nlocal function f()\n  return g()\nend\nlocal x = f()\nprint(x)\n"

    assert [line for _, line in bench.run(code, points=[5], modes=["over"])] == [5, 8]
    assert [line for _, line in bench.run(code, points=[5], modes=["in", "out"])] == [5, 2, 8]


def test_a_step_over_a_one_line_loop_ends_behind_it(bench):
    code = "local n = 0\nfor i = 1, 1000 do n = n + i end\nprint(n)\n"

    assert [line for _, line in bench.run(code, points=[2], modes=["over"])] == [2, 3]
    assert [line for _, line in bench.run(code, points=[2], modes=["in"])] == [2, 3]


def test_steps_follow_a_coroutine_out_and_in(bench):
    code = (
        "local co = coroutine.wrap(function()\n  local x = 1\n  coroutine.yield(x)\n  x = 2\n  return x\nend)\n"
        "local a = co()\nlocal b = co()\nprint(a, b)\n"
    )

    assert [line for _, line in bench.run(code, points=[7], modes=["over", "over"])] == [7, 8, 9]
    assert [line for _, line in bench.run(code, points=[7], modes=["in", "in", "in"])] == [7, 2, 3, 8]
    assert [line for _, line in bench.run(code, points=[3], modes=["over"])] == [3, 8]
    assert [line for _, line in bench.run(code, points=[4], modes=["over", "over"])] == [4, 5, 9]
    assert [line for _, line in bench.run(code, points=[2], modes=["out"])] == [2, 8]


@pytest.mark.parametrize(
    ("modes", "lines"), [(["out", "over"], [2, 6, 7]), (["over", "in", "in", "in"], [2, 6, 3, 6, 7])]
)
def test_a_step_out_of_a_coroutine_stops_in_the_middle_of_the_line_that_resumed_it(bench, modes, lines):
    code = "local next_one = coroutine.wrap(function()\n  coroutine.yield(1)\n  coroutine.yield(2)\nend)\n"
    code += "\nprint(next_one() + next_one())\nprint(3)\n"

    assert [line for _, line in bench.run(code, points=[2], modes=modes)] == lines


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("table.sort({ 3, 1, 2 }, function(a, b)\n  return a < b\nend)", 2),
        ("local t = setmetatable({}, { __index = function(_, k)\n  return k\nend })\nprint(t.x)", 2),
        ("local t = setmetatable({}, { __add = function(a, b)\n  return 1\nend })\nprint(t + 1)", 2),
        ("print(string.gsub('abc', '%w', function(c)\n  return c:upper()\nend))", 2),
        ("print(pcall(function()\n  local x = 1\n  error('x')\nend))", 2),
        ("local co = coroutine.create(function()\n  local x = 1\nend)\nprint(coroutine.resume(co))", 2),
        ("for x in coroutine.wrap(function()\n  coroutine.yield(1)\nend) do print(x) end", 2),
        ("local x <close> = setmetatable({}, { __close = function()\n  print('closed')\nend })", 2),
        ("goto done\n::done::\nprint(1)", 3),
        ("local s = [[\nline\n]]\nprint(s)", 4),
    ],
)
def test_breakpoints_stop_wherever_code_runs(bench, code, line):
    stops = bench.run(code, points=[line])

    assert stops
    assert set(stops) == {("breakpoint", line)}
    assert bench.error is None


def test_steps_work_inside_a_sort_callback(bench):
    code = "table.sort({ 2, 1 }, function(a, b)\n  local less = a < b\n  return less\nend)\nprint(1)\n"

    stops = bench.run(code, points=[2], modes=["over", "out"])

    assert [line for _, line in stops][:2] == [2, 3]
    assert bench.error is None


def test_a_breakpoint_in_a_required_module_stops(bench, tmp_path):
    from llmspell_kernel.lua import EngineSettings

    other = Bench(tmp_path, settings=EngineSettings(script_dir=str(tmp_path)))
    (tmp_path / "mod.lua").write_text("local M = {}\nfunction M.f()\n  return 42\nend\nreturn M\n")
    other.debugger.attach(other)
    other.debugger.set_lines(str(tmp_path / "mod.lua"), [Wish(3)])

    stops = other.run("print(require('mod').f())")
    other.engine.close()

    assert stops == [("breakpoint", 3)]
    assert other.output() == "42\n"


def test_a_breakpoint_in_a_loaded_chunk_stops(bench):
    bench.debugger.attach(bench)
    bench.debugger.set_lines("=piece", [Wish(2)])

    stops = bench.run("local f = load('local x = 1\\nreturn x + 1', '=piece')\nprint(f())")

    assert stops == [("breakpoint", 2)]


def test_a_breakpoint_in_a_chunk_with_an_environment_of_its_own_stops(bench):
    bench.debugger.attach(bench)
    bench.debugger.set_lines("=piece", [Wish(2)])

    stops = bench.run("local e = {}\nload('x = 1\\ny = 2', '=piece', 't', e)()\nprint(e.x, e.y)")

    assert stops == [("breakpoint", 2)]
    assert bench.output() == "1\t2\n"


@pytest.mark.parametrize("point", [1, 2])
def test_a_cell_that_ends_in_an_expression_stops_and_keeps_its_value(bench, point):
    bench.debugger.attach(bench)
    bench.debugger.set_lines("=In[1]", [Wish(point)])
    bench.places, bench.on_stop = [], lambda _: "continue"

    execution = bench.engine.execute("x = 20\nx * 2 + 2", name="=In[1]", mode="cell")

    assert bench.places == [("breakpoint", point)]
    assert execution.text == "42"


def test_a_breakpoint_set_while_running_is_hit(bench):
    path = bench.script("")
    started = threading.Event()
    bench.on_print = started.set
    bench.debugger.attach(bench)

    def set_it():
        started.wait(PATIENCE_S)
        bench.debugger.set_lines(path, [Wish(4)])

    setter = threading.Thread(target=set_it)
    setter.start()
    stops = bench.run(
        "print('on')\nlocal go = true\nwhile go do\n  local x = 1\nend\n",
        on_stop=lambda _: bench.evaluate("go = false") and "continue",
    )
    setter.join()

    assert set(stops) == {("breakpoint", 4)}


def test_a_busy_loop_is_paused(bench):
    started = threading.Event()
    bench.on_print = started.set
    pauser = threading.Thread(target=lambda: started.wait(PATIENCE_S) and bench.debugger.pause())
    pauser.start()

    stops = bench.run("print('on')\nlocal go = true\nwhile go do end\nprint('off')",
                      on_stop=lambda _: bench.evaluate("go = false"))  # fmt: skip
    pauser.join()

    assert stops == [("pause", 3)]
    assert bench.output() == "on\noff\n"


def test_a_pause_that_comes_while_the_script_is_about_to_go_on_is_not_lost(bench):
    def on_stop(stop):
        if stop.reason == "breakpoint":
            bench.debugger.pause()

    assert bench.run("print(1)\nprint(2)\n", points=[1], on_stop=on_stop) == [("breakpoint", 1), ("pause", 2)]


def test_a_busy_coroutine_is_paused(bench):
    started = threading.Event()
    bench.on_print = started.set
    pauser = threading.Thread(target=lambda: started.wait(PATIENCE_S) and bench.debugger.pause())
    pauser.start()

    stops = bench.run("go = true\nlocal co = coroutine.wrap(function()\n  print('on')\n  while go do end\nend)\nco()",
                      on_stop=lambda _: bench.evaluate("go = false"))  # fmt: skip
    pauser.join()

    assert stops == [("pause", 4)]
    assert bench.stops[0].thread == 2


def test_entry_stops_at_the_first_line(bench):
    bench.debugger.attach(bench)
    bench.debugger.pause("entry")

    assert bench.run("\nlocal x = 1\nprint(x)") == [("entry", 2)]


def test_a_coroutine_made_before_attach_stops(bench):
    path = bench.script(code := "co = coroutine.create(function()\n  local x = 1\n  return x\nend)\n")
    bench.engine.execute(code, name=f"@{path}", mode="script")
    bench.debugger.attach(bench)
    bench.debugger.set_lines(path, [Wish(2)])

    stops = bench.run("print(coroutine.resume(co))", name="b.lua")

    assert stops == [("breakpoint", 2)]


def test_a_coroutine_that_yielded_before_attach_stops(bench):
    code = "co = coroutine.wrap(function()\n  coroutine.yield(1)\n  local x = 2\n  return x\nend)\nco()\n"
    path = bench.script(code)
    bench.engine.execute(code, name=f"@{path}", mode="script")
    bench.debugger.attach(bench)
    bench.debugger.set_lines(path, [Wish(3)])

    stops = bench.run("print(co())", name="b.lua", modes=["over", "over"])

    assert [line for _, line in stops][:2] == [3, 4]


def test_breakpoints_work_after_an_interrupt(bench):
    started = threading.Event()
    bench.on_print = started.set
    stopper = threading.Thread(target=lambda: started.wait(PATIENCE_S) and bench.engine.interrupt())
    stopper.start()
    bench.run("print('on')\nwhile true do end")
    stopper.join()
    assert isinstance(bench.error, Cancelled)

    assert bench.run(LOOP, points=[5], name="b.lua") == [("breakpoint", 5)]


def test_a_breakpoint_in_code_that_was_loaded_before_outlives_an_interrupt(bench):
    """Such code has no instrumented statements, so it is the line hook that must be there again."""
    bench.engine.execute("function f(n)\n  return n\nend", name="=In[1]", mode="cell")
    bench.debugger.attach(bench)
    bench.debugger.set_lines("=In[1]", [Wish(2)])

    first = bench.run("f(1)", on_stop=lambda _: bench.engine.interrupt())
    assert isinstance(bench.error, Cancelled)

    assert first == bench.run("f(2)") == [("breakpoint", 2)]


def test_an_interrupt_ends_a_stopped_script(bench):
    bench.run("print(1)\nprint(2)", points=[2], on_stop=lambda _: bench.engine.interrupt())

    assert isinstance(bench.error, Cancelled)
    assert bench.output() == "1\n"
    assert bench.run("print(3)", points=[1], name="b.lua") == [("breakpoint", 1)]


def test_an_interrupt_where_a_step_has_stopped_lets_nothing_of_the_line_run(bench):
    code = "print(1)\nx = 1\nx = 2"
    seen = []

    def answer(_):
        seen.append(1)
        return bench.engine.interrupt() and None if len(seen) == 2 else "over"

    stops = bench.run(code, points=[1], on_stop=answer)

    assert [("breakpoint", 1), ("step", 2)] == stops
    assert isinstance(bench.error, Cancelled)
    bench.run("print(x)", name="b.lua")
    assert bench.output().endswith("nil\n")


def test_an_interrupt_ends_a_stopped_script_inside_pcall_in_a_coroutine(bench):
    code = "local co = coroutine.wrap(function()\n  pcall(function()\n    print(1)\n  end)\nend)\nco()\nprint(2)"

    bench.run(code, points=[3], on_stop=lambda _: bench.engine.interrupt())

    assert isinstance(bench.error, Cancelled)
    assert bench.output() == ""


def test_a_deadline_waits_while_stopped(bench):
    waited = threading.Event()

    bench.run("print(1)", points=[1], on_stop=lambda _: waited.wait(0.3) or "continue", timeout_s=0.2)

    assert bench.error is None
    assert bench.output() == "1\n"


def test_a_deadline_counts_again_after_a_stop(bench):
    bench.run("print(1)\nwhile true do end", points=[1], timeout_s=0.2)

    assert isinstance(bench.error, ToolTimeout)


def test_detach_lets_a_stopped_script_go_on(bench):
    stops = bench.run(LOOP, points=[3], on_stop=lambda _: bench.debugger.detach())

    assert stops == [("breakpoint", 3)]
    assert bench.output() == "55\n"


def test_a_debugger_can_come_back_after_detach(bench):
    bench.run(LOOP, points=[3], on_stop=lambda _: bench.debugger.detach())

    assert bench.run(LOOP, points=[5]) == [("breakpoint", 5)]


def test_breakpoints_that_were_taken_away_do_not_stop(bench):
    def take_away(_stop):
        bench.debugger.set_lines(str(bench.folder / "a.lua"), [])

    assert bench.run(LOOP, points=[3], on_stop=take_away) == [("breakpoint", 3)]


def test_debug_breakpoint_stops_where_it_stands(bench):
    assert bench.run("local x = 7\nDebug.breakpoint()\nprint(x)", on_stop=lambda _: bench.evaluate("x = 8")) == [
        ("breakpoint", 2)
    ]
    assert bench.output() == "8\n"


def test_debug_breakpoint_does_nothing_where_nobody_is_attached(bench):
    bench.run("Debug.breakpoint()\nprint(1)", attach=False)
    assert bench.output() == "1\n"

    bench.debugger.attach(bench)
    bench.debugger.detach()
    assert bench.run("Debug.breakpoint()\nprint(1)", attach=False) == []


def test_a_stop_asks_nothing_of_the_next_run(bench):
    """A step that the script's end cuts short does not stop another script."""
    assert len(bench.run("print(1)", points=[1], modes=["over"])) == 1
    assert bench.run("print(2)\nprint(3)", name="b.lua") == []


def test_a_script_gets_no_new_power(bench):
    """What the debugger leaves in reach of scripts are its two hidden globals, and those give nothing away."""
    before = {"Debug"}
    code = """
      local found = {}
      for name in pairs(_G) do if tostring(name):find('llmspell') then found[#found + 1] = name end end
      table.sort(found)
      print(table.concat(found, ' '), debug.sethook, debug.getlocal, debug.getupvalue, debug.setmetatable)
      print(pcall(__llmspell_hit, {}), pcall(__llmspell_hit, 12345), pcall(__llmspell_hit, 'x'), pcall(__llmspell_hit))
      __llmspell_bp = nil
      __llmspell_hit = function() return debug end
    """
    bench.run(code, points=[4])

    assert before
    assert bench.error is None
    assert bench.output().splitlines() == [
        "__llmspell_bp __llmspell_hit\tnil\tnil\tnil\tnil",
        "true\ttrue\ttrue\ttrue",
    ]
