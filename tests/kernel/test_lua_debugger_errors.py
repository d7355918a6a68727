"""Errors stop at the line that raises them, with the stack alive, wherever they are raised."""

import pytest
from lua_debugging import Bench

BOTH = {"uncaught": None, "all": None}
UNCAUGHT = {"uncaught": None}


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.engine.close()


def run(bench, code, filters, **more):
    bench.debugger.attach(bench)
    bench.debugger.set_exceptions(filters)
    return bench.run(code, **more)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("local x = 1\nerror('no')", 2),
        ("local x\nprint(x.y)", 2),
        ("local x = {}\nx()\n", 2),
        ("print(1 + {})", 1),
        ("local function f(n)\n  if n == 0 then error({ code = 1 }) end\n  f(n - 1)\nend\nf(3)", 2),
        ("string.rep()", 1),
        ("Tool.execute('nosuch', {})", 1),
        ("table.sort({ 2, 1 }, function(a, b)\n  error('in sort')\nend)", 2),
        ("local t = setmetatable({}, { __index = function()\n  error('in index')\nend })\nprint(t.x)", 2),
    ],
)
def test_an_uncaught_error_stops_where_it_is_raised(bench, code, line):
    assert run(bench, code, UNCAUGHT) == [("exception", line)]
    assert not bench.stops[0].is_caught
    assert bench.error is not None


def test_the_stack_is_alive_at_an_error(bench):
    seen = {}

    def look(_stop):
        seen["frames"] = bench.frames()
        seen["locals"] = bench.scope("Locals"), bench.scope("Locals", 1)
        seen["sum"] = bench.evaluate("a + b", 0)

    run(bench, "local function f(a)\n  local b = 2\n  return a + b + nil\nend\nlocal x = 1\nprint(f(x))", UNCAUGHT,
        on_stop=look)  # fmt: skip

    assert [line for _, line in seen["frames"]] == [3, 6]
    assert seen["locals"][0] == {"a": "1", "b": "2"}
    assert seen["locals"][1]["x"] == "1"
    assert seen["sum"] == "3"
    assert "attempt to perform arithmetic on a nil value" in bench.stops[0].text


CAUGHT = [
    ("print(pcall(function()\n  local x = 1\n  error('no')\nend))", 3),
    ("print(pcall(function()\n  local x\n  return x.y\nend))", 3),
    ("print(pcall(error, 'no'))", 1),
    ("print(xpcall(function()\n  error('no')\nend, function(m) return m end))", 2),
    ("local co = coroutine.create(function()\n  error('no')\nend)\nprint(coroutine.resume(co))", 2),
    ("local co = coroutine.wrap(function()\n  error('no')\nend)\nprint(pcall(co))", 2),
    ("print(pcall(function()\n  coroutine.wrap(function()\n    error('no')\n  end)()\nend))", 3),
    ("print(pcall(table.sort, { 2, 1 }, function()\n  error('no')\nend))", 2),
]


@pytest.mark.parametrize(("code", "line"), CAUGHT)
def test_a_caught_error_stops_under_the_filter_all(bench, code, line):
    stops = run(bench, code, {"all": None})

    assert stops == [("exception", line)]
    assert bench.stops[0].is_caught
    assert bench.error is None


@pytest.mark.parametrize(("code", "line"), CAUGHT)
def test_a_caught_error_does_not_stop_under_the_filter_uncaught(bench, code, line):
    assert run(bench, code, UNCAUGHT) == []


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("local co = coroutine.wrap(function()\n  local x = 1\n  error('no')\nend)\nco()", 3),
        ("local co = coroutine.wrap(function()\n  coroutine.wrap(function()\n    error('no')\n  end)()\nend)\nco()", 3),
        ("local co = coroutine.wrap(function()\n  local x\n  x.y = 1\nend)\nfor _ in co do end", 3),
    ],
)
def test_an_uncaught_error_in_a_coroutine_stops_once_with_its_frames(bench, code, line):
    assert run(bench, code, BOTH) == [("exception", line)]
    assert bench.stops[0].thread > 1
    assert bench.error is not None


def test_an_error_that_is_passed_on_stops_again_only_where_it_is_new(bench):
    code = "local ok, m = pcall(function()\n  error('one', 0)\nend)\nerror(m .. ' and two', 0)"

    assert run(bench, code, BOTH) == [("exception", 2), ("exception", 4)]


def test_a_condition_decides_which_errors_stop(bench):
    code = "for i = 1, 4 do\n  pcall(function()\n    error('e' .. i)\n  end)\nend"

    assert run(bench, code, {"all": "i == 3"}) == [("exception", 3)]


def test_without_filters_nothing_stops(bench):
    assert run(bench, "error('no')", {}) == []


def test_a_stack_overflow_stops_and_the_stack_can_be_paged(bench):
    pages = []

    def look(_stop):
        for first in (1, 9001):
            pages.append(bench.frames(first=first, size=1000))

    run(bench, "local function f(n)\n  return 1 + f(n + 1)\nend\nf(1)", UNCAUGHT, on_stop=look)

    assert [len(page) for page in pages] == [1000, 1000]
    assert pages[0][0] == ("f", 2) or pages[0][0][1] == 2


def test_a_syntax_error_does_not_stop(bench):
    assert run(bench, "local = 1", BOTH) == []
    assert bench.error is not None


def test_an_interrupt_is_no_error(bench):
    stops = run(bench, "print(1)\nprint(2)", BOTH, points=[2], on_stop=lambda _: bench.engine.interrupt())

    assert stops == [("breakpoint", 2)]


def test_os_exit_is_no_error(bench):
    assert run(bench, "os.exit(3)", BOTH) == []
    assert bench.execution.exit_code == 3
