"""What is shown of a stopped script: frames, threads, variables by pages, expressions, assignments."""

import threading

import pytest
from lua_debugging import Bench

from llmspell_kernel.lua.debugger.stops import NotStopped
from llmspell_tools.errors import ToolExecutionError


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.engine.close()


def look(bench, code, ask, *, line=None, **more):
    """Stop at the last line (or `line`) and return what `ask` gives there."""
    answers = []
    lines = code.rstrip("\n").count("\n") + 1
    bench.run(code, points=[line or lines], on_stop=lambda _: answers.append(ask()), **more)
    assert bench.error is None, bench.error
    return answers[0]


def test_scopes_hold_locals_varargs_upvalues_and_globals(bench):
    code = "local up = 1\nglobal_one = 'g'\nlocal function f(a, ...)\n  local b = up\n  return b\nend\nf(7, 8, nil)\n"

    def ask():
        return [bench.scope(name) for name in ("Locals", "Varargs", "Upvalues", "Globals")]

    found = look(bench, code, ask, line=5)

    assert found[0] == {"a": "7", "b": "1"}
    assert found[1] == {"[1]": "8", "[2]": "nil"}
    assert found[2] == {"up": "1"}
    assert found[3]["global_one"] == '"g"'
    assert not [name for name in found[3] if "llmspell" in name]


def test_a_cell_that_is_an_expression_shows_no_local_of_ours(bench):
    assert look(bench, "1 + 2", lambda: bench.scope("Locals"), mode="cell") == {}


def test_the_innermost_of_locals_with_one_name_is_shown(bench):
    code = "local x = 1\ndo\n  local x = 2\n  print(x)\nend\n"

    assert look(bench, code, lambda: (bench.scope("Locals"), bench.evaluate("x")), line=4) == ({"x": "2"}, "2")


VALUES = [
    ("nil", "nil", "nil"),
    ("true", "true", "boolean"),
    ("3", "3", "integer"),
    ("3.0", "3.0", "float"),
    ("'a\\n\"b\\\\'", '"a\\n\\"b\\\\"', "string"),
    ("{}", "{}", "table"),
    ("{ 1, 2, x = 3 }", "{1, 2, x = 3}", "table"),
    ("print", "function (built in)", "function"),
    ("coroutine.create(print)", "coroutine (suspended)", "thread"),
    ("setmetatable({}, { __tostring = function() return 'me' end })", "me", "table"),
    ("setmetatable({ 1 }, { __name = 'Point' })", "Point {1}", "table"),
    ("'\\xff\\0'", '"\ufffd\\0"', "string"),
    ("'ümlaut'", '"ümlaut"', "string"),
    ("math.huge", "inf", "float"),
    ("JSON.null", None, None),
    ("Tool.get('uuid-generator')", "tool uuid-generator: Generate UUIDs and component ids, and check UUIDs.", "table"),
]


@pytest.mark.parametrize(("text", "shown", "kind"), VALUES)
def test_values_are_shown_as_text(bench, text, shown, kind):
    def ask():
        bench.frames()
        return bench.debugger.inspect("evaluate", bench.frame_ids[0], text)

    found = look(bench, "print(1)", ask)

    if shown is not None:
        assert found[:2] == (shown, kind)


def test_a_tool_opens_to_its_schema(bench):
    def ask():
        bench.frames()
        reference = bench.debugger.inspect("evaluate", bench.frame_ids[0], "Tool.get('calculator')")[2]
        members = {row[0]: row for row in bench.children(reference)}
        return {row[0] for row in bench.children(members["schema"][3])}

    assert "parameters" in look(bench, "print(1)", ask)


def test_a_long_string_is_cut_and_the_clipboard_has_it_whole(bench):
    def ask():
        shown = bench.evaluate("('x'):rep(5000)")
        return len(shown), len(bench.debugger.inspect("full", bench.frame_ids[0], "('x'):rep(5000)")[0])

    short, full = look(bench, "print(1)", ask)

    assert short < 1100
    assert full == 5000


def test_ten_thousand_entries_come_by_pages(bench):
    code = "local t = {}\nfor i = 1, 10000 do t[i] = i * 2 end\nfor i = 1, 50 do t['k' .. i] = i end\nprint(#t)\n"

    def ask():
        bench.frames()
        value = bench.debugger.inspect("evaluate", bench.frame_ids[0], "t")
        reference = value[2]
        return value[3:5], [
            bench.children(reference, first=9901, size=100, kind="indexed"),
            bench.children(reference, first=1, size=100, kind="named"),
            bench.children(reference, first=9999, size=4),
            bench.children(reference, first=20000, size=100),
        ]

    counts, pages = look(bench, code, ask)

    assert counts == (50, 10000)
    assert [row[0] for row in pages[0]][::99] == ["[9901]", "[10000]"]
    assert pages[0][0][1] == "19802"
    assert len(pages[1]) == 50
    assert [row[0] for row in pages[2]] == ["[9999]", "[10000]", "k1", "k10"]
    assert pages[3] == []


def test_cyclic_and_deep_tables_are_opened_level_by_level(bench):
    code = "local t = { name = 't' }\nt.self = t\nlocal d = {}\nfor i = 1, 1000 do d = { d } end\nprint(1)\n"

    def ask():
        bench.frames()
        reference = bench.debugger.inspect("evaluate", bench.frame_ids[0], "t")[2]
        me = next(row for row in bench.children(reference) if row[0] == "self")
        deep = bench.debugger.inspect("evaluate", bench.frame_ids[0], "d")[2]
        for _ in range(1000):
            deep = bench.children(deep)[0][3]
        return me[3] == reference, deep, bench.debugger.inspect("full", bench.frame_ids[0], "t")[0]

    same, deepest, text = look(bench, code, ask)

    assert same
    assert deepest == 0
    assert "cycle" in text


def test_metatables_are_children_and_throwing_metamethods_do_no_harm(bench):
    code = (
        "local t = setmetatable({ a = 1 }, { __tostring = function() error('no text') end,\n"
        "  __index = function() error('no index') end, __len = function() error('no length') end,\n"
        "  __pairs = function() error('no pairs') end, __metatable = 'locked' })\nprint(1)\n"
    )

    def ask():
        bench.frames()
        value = bench.debugger.inspect("evaluate", bench.frame_ids[0], "t")
        return value[0], {row[0]: row[1] for row in bench.children(value[2])}

    text, members = look(bench, code, ask)

    assert "__tostring failed" in text
    assert members["a"] == "1"
    assert "(metatable)" in members


def test_a_tostring_that_loops_is_ended_and_the_other_variables_are_shown(bench, monkeypatch):
    monkeypatch.setattr("llmspell_kernel.lua.debugger.asking.INSPECTION_S", 0.1)
    code = "local t = setmetatable({ 5 }, { __tostring = function() while true do end end })\nlocal n = 1\nprint(n)\n"

    def ask():
        return bench.scope("Locals"), bench.evaluate("1 + 1"), bench.evaluate("t")

    shown, sum_, alone = look(bench, code, ask, line=3)
    assert shown == {"t": "{5} (its __tostring failed: it took too long)", "n": "1"}
    assert sum_ == "2"
    assert alone == shown["t"]


@pytest.mark.parametrize(
    "loop",
    [
        "while true do end",
        "(function() while true do end end)()",
        "pcall(function() while true do pcall(error) end end)",
        "coroutine.wrap(function() while true do end end)()",
    ],
)
def test_an_expression_that_loops_is_ended_and_the_script_goes_on(bench, monkeypatch, loop):
    monkeypatch.setattr("llmspell_kernel.lua.debugger.asking.INSPECTION_S", 0.1)

    def ask():
        with pytest.raises(ToolExecutionError):
            bench.evaluate(loop)
        return bench.evaluate("x")

    assert look(bench, "local x = 5\nprint(x)", ask) == "5"
    assert bench.output() == "5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 +", "unexpected"),
        ("for i = 1, 3 do print(i)", "'end' expected"),
        ("nosuch.field", "attempt to index a nil value"),
        ("error('mine', 0)", "mine"),
        ("coroutine.yield(1)", "yield from outside a coroutine"),
    ],
)
def test_an_expression_that_fails_says_why(bench, text, message):
    def ask():
        with pytest.raises(ToolExecutionError) as caught:
            bench.evaluate(text)
        return caught.value.message

    assert message in look(bench, "print(1)", ask)


def test_an_expression_that_exits_ends_the_script(bench):
    """Like what `os.exit` does in the script; it does not stay stopped with every further question refused."""
    asked = []

    def ask(_stop):
        with pytest.raises(ToolExecutionError, match="the program ends"):
            bench.evaluate("os.exit(3)")
        asked.append(True)

    bench.run("print(1)\nprint(2)", points=[2], on_stop=ask)

    assert asked == [True]
    assert bench.execution.exit_code == 3
    assert bench.output() == "1\n"


def test_expressions_see_locals_before_upvalues_before_globals(bench):
    code = (
        "x = 'global'\ny = 'global'\nz = 'global'\nlocal y, z = 'up', 'up'\nlocal function f()\n  local z = 'local'\n"
    )
    code += "  return y, z\nend\nf()\n"

    assert look(bench, code, lambda: bench.evaluate("x .. y .. z"), line=7) == '"globaluplocal"'


def test_assignments_reach_locals_upvalues_globals_and_fields(bench):
    code = "g = 1\nlocal u, t = 1, {}\nlocal function f(l, ...)\n  local s = l + u + g\n"
    code += "  print(l, u, g, t.x, ...)\nend\nf(1, 1)\n"

    def ask():
        for text in ("l = 2", "u = 3", "g = 4", "t.x = 5"):
            bench.evaluate(text)

    look(bench, code, ask, line=5)

    assert bench.output() == "2\t3\t4\t5\t1\n"


def test_variables_are_set_by_reference_and_name(bench):
    code = "local u, t = 1, { 1, k = 1, ['odd key'] = 1 }\nlocal function f(l, ...)\n  local s = u\n"
    code += "  print(l, u, t[1], t.k, t['odd key'], ...)\nend\nf(1, 1)\n"

    def ask():
        bench.frames()
        frame = bench.frame_ids[0]
        parts = bench.debugger.inspect("scopes", frame)
        scopes = {parts[at]: parts[at + 2] for at in range(0, len(parts), 6)}
        table = bench.debugger.inspect("evaluate", frame, "t")[2]
        bench.children(table)
        for reference, name, text in (
            (scopes["Locals"], "l", "u + 9"), (scopes["Upvalues"], "u", "20"), (scopes["Varargs"], "[1]", "30"),
            (table, "[1]", "40"), (table, "k", "'fifty'"), (table, '["odd key"]', "60"),
        ):  # fmt: skip
            bench.debugger.inspect("set", reference, name, text, frame)
        with pytest.raises(ToolExecutionError, match="cannot be set"):
            bench.debugger.inspect("set", scopes["Locals"], "nosuch", "1", frame)
        with pytest.raises(ToolExecutionError, match="a value is wanted"):
            bench.debugger.inspect("set", scopes["Locals"], "l", " ", frame)

    look(bench, code, ask, line=4)

    assert bench.output() == "10\t20\t40\tfifty\t60\t30\n"


def test_the_expression_of_a_variable_evaluates_to_it(bench):
    code = "local t = { 5, k = { ['odd key'] = { ['end'] = { [true] = 'deep' } } } }\nprint(1)\n"

    def ask():
        bench.frames()
        frame = bench.frame_ids[0]
        reference = bench.debugger.inspect("evaluate", frame, "t")[2]
        expressions = []
        while reference:
            row = bench.children(reference)[-1]
            expressions.append(row[6])
            reference = row[3]
        return [bench.debugger.inspect("evaluate", frame, each)[0] for each in expressions]

    assert look(bench, code, ask)[-1] == '"deep"'


def test_every_coroutine_is_a_thread_with_its_own_stack(bench):
    code = (
        "local function sleeper(n)\n  local mine = n\n  coroutine.yield(n)\nend\n"
        "local a, b = coroutine.create(sleeper), coroutine.create(sleeper)\n"
        "coroutine.resume(a, 10)\ncoroutine.resume(b, 20)\nprint(1)\n"
    )

    def ask():
        threads = bench.threads()
        stacks = {}
        for number in threads:
            stacks[number] = bench.frames(number)
        bench.frames(3)
        parts = bench.debugger.inspect("scopes", bench.frame_ids[0])
        return threads, stacks, {row[0]: row[1] for row in bench.children(parts[2])}

    threads, stacks, mine = look(bench, code, ask)

    assert sorted(threads) == [1, 2, 3]
    assert stacks[2] == [("sleeper", 3)] or stacks[2][0][1] == 3
    assert stacks[1][0][1] == 8
    assert mine["n"] in {"10", "20"}


def test_a_coroutine_made_before_attach_is_a_thread(bench):
    bench.run("co = coroutine.wrap(function()\n  coroutine.yield(1)\nend)\nco()", attach=False)

    assert look(bench, "print(1)", bench.threads, name="b.lua") == {1: "main", 2: "suspended"}


def test_ten_thousand_frames_come_by_pages(bench):
    code = "local function f(n)\n  if n == 0 then\n    print('deep')\n    return 0\n  end\n"
    code += "  local r = f(n - 1)\n  return r\nend\nf(10000)"

    def ask():
        first = bench.frames(size=20)
        more = bench.more
        last = bench.frames(first=9981, size=50)
        return first, more, last, bench.more

    first, more, last, more_then = look(bench, code, ask, line=3)

    assert (len(first), more) == (20, True)
    assert (len(last), more_then) == (22, False)
    assert last[-1] == ("main chunk", 9)


def test_names_complete_from_locals_globals_and_fields(bench):
    code = "local alpha = { beta = 1, better = print }\nlocal alps = 1\nalmost = 2\nprint(1)\n"

    def ask():
        bench.frames()
        frame = bench.frame_ids[0]
        return [
            sorted(bench.debugger.inspect("names", frame, path, prefix)[::2])
            for path, prefix in (("", "al"), ("alpha", "be"), ("('x')", "rep"), ("", "__llm"), ("no.such", ""))
        ]

    assert look(bench, code, ask) == [["almost", "alpha", "alps"], ["beta", "better"], ["rep"], [], []]


def test_a_running_script_cannot_be_asked(bench):
    bench.debugger.attach(bench)

    with pytest.raises(NotStopped):
        bench.debugger.inspect("threads")
    with pytest.raises(NotStopped):
        bench.debugger.go_on("continue")


def test_numbers_of_an_earlier_stop_name_nothing_that_could_do_harm(bench):
    seen = []

    def ask(_stop):
        seen.append(bench.children(999))
        with pytest.raises(ToolExecutionError):
            bench.debugger.inspect("evaluate", 999, "1")
        assert bench.debugger.inspect("scopes", 999) == ()
        assert bench.debugger.inspect("frames", 999, 1, 10) == (False,)

    bench.run("print(1)", points=[1], on_stop=ask)

    assert seen == [[]]


def test_what_is_evaluated_may_print_and_call_tools(bench):
    def ask():
        bench.evaluate("print('from the debugger')")
        return bench.evaluate("Tool.execute('calculator', { input = '6 * 7' }).result.result")

    assert look(bench, "print(1)", ask) in {"42", "42.0"}
    assert bench.output().startswith("from the debugger\n")


def test_questions_from_several_threads_are_answered(bench):
    def ask():
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(bench.threads())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        return answers

    assert len(look(bench, "print(1)", ask)) == 8
