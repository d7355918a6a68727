"""Magics in cells, on a real Lua engine: what they do, show and reply (issue 4, "Magics")."""

from __future__ import annotations

import pytest
from magic_bench import Bench

from llmspell_tools.policy import Policy


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Bench(tmp_path)
    yield made
    made.close()


def failed(bench, code):
    """Run a cell that fails; return the error's name, text and details."""
    reply = bench.run(code)
    assert reply["status"] == "error", reply
    return reply["ename"], reply["evalue"], reply["details"]


# --- %tool ----------------------------------------------------------------------------------------------------------


def test_a_tools_result_is_the_cells_value_with_its_table(bench):
    bench.run("%tool csv-analyzer operation=analyze input=\"'a,b'\" options:={}")
    bench.run("rows = 'a,b\\n1,2\\n3,4'")
    assert bench.value("%tool calculator input='2 + 2'").count("result = 4.0") == 1

    bench.run("%%tool csv-analyzer\ninput: |\n  a,b\n  1,2\n  3,4\noperation: analyze")

    ((name, content),) = bench.published
    assert name == "execute_result"
    assert content["data"]["text/html"].startswith("<table")


def test_several_tools_of_a_cell_are_all_shown(bench):
    bench.run("%tool calculator input=1+1\nprint('between')\n%tool calculator input=2+2")

    assert [name for name, _ in bench.published] == ["display_data", "stream", "execute_result"]


def test_a_result_can_be_kept_and_sees_the_cells_locals(bench):
    reply = bench.run("local x = 20\nlocal r = %tool calculator input=2+2\nprint(r.result.result + x)")

    assert reply["status"] == "ok"
    assert bench.text == "24.0\n"


def test_parameters_are_written_as_on_the_command_line(bench, tmp_path):
    (tmp_path / "text.txt").write_text("hello", encoding="utf-8")

    assert "HELLO" in bench.value("%tool text-manipulator operation=uppercase input=@text.txt")
    assert "12.0" in bench.value('%tool calculator input="x * y" variables:={"x": 3, "y": 4}')


@pytest.mark.parametrize("body", ['{"input": "3 * 3"}', "input: 3 * 3", "{input: 3 * 3}"])
def test_a_cell_holds_parameters_as_json_or_yaml(bench, body):
    assert "result = 9.0" in bench.value(f"%%tool calculator\n{body}\n")


def test_the_first_line_goes_over_the_cell(bench):
    assert "result = 2.0" in bench.value("%%tool calculator input=1+1\ninput: 3 * 3\n")


@pytest.mark.parametrize(
    ("code", "ename", "part"),
    [
        ("%tool", "InvalidParameters", "name a tool"),
        ("%tool calculater input=1", "ToolNotFound", "did you mean 'calculator'?"),
        ("%tool calculator inputt=1", "InvalidParameters", "did you mean 'input'?"),
        ("%tool calculator 'input=1", "InvalidParameters", "quote"),
        ("%tool file-operations operation=read path=/etc/passwd", "PermissionDenied", "--allow-read"),
        ("%tool calculator input=@/etc/passwd", "PermissionDenied", "--allow-read"),
        ("%tool calculator input=@-", "InvalidParameters", "no standard input"),
        ("%%tool calculator\n[1]", "InvalidParameters", "not a list"),
        ("%%tool calculator\ninput: [", "InvalidParameters", "line 1"),
    ],
)
def test_a_failure_of_a_tool_line_is_the_tools_own(bench, code, ename, part):
    name, text, details = failed(bench, code)

    assert name == ename
    assert part in text
    assert details["chunk"] == "In[1]"
    assert details["source"] == code.split("\n")[0]


def test_an_error_in_lua_beside_a_magic_keeps_its_line_and_its_text(bench):
    name, text, details = failed(bench, "%who\nlocal x = nil\nprint(x.y)")

    assert name == "ScriptError"
    assert text.startswith("In[1]:3: ")
    assert details["source"] == "print(x.y)"


def test_a_tool_that_a_cell_registered_can_be_called(bench):
    bench.run(
        "Tool.register{name = 'twice', description = 'Double.', parameters = {{name = 'n', type = 'number'}},"
        " execute = function(p) return {n = p.n * 2} end}"
    )

    assert bench.value("%tool twice n=4") == "{data = {n = 8}, metadata = {}}"


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "ename", "part"),
    [
        ("%tol a", "MagicNotFound", "did you mean %tool?"),
        ("%%pythn\n1", "MagicNotFound", "did you mean %%python?"),
        ("%%who", "MagicMisused", "%who is one"),
        ("%%python 1\n2", "MagicMisused", "alone on its line"),
        ("%%timeit", "MagicMisused", "needs a cell"),
    ],
)
def test_an_unknown_or_misused_magic_is_an_error_that_shows_the_way(bench, code, ename, part):
    name, text, _ = failed(bench, f"{code}")

    assert name == ename
    assert part in text
    assert bench.cells.count == 1


def test_lsmagic_lists_what_there_is(bench):
    bench.run("%lsmagic")

    assert all(name in bench.text for name in ("%tool NAME", "%%tool NAME", "%%python", "%timeit", "%reset", "%load"))


def test_name_with_a_question_mark_shows_help(bench):
    page = bench.run("%tool?")["payload"][0]
    tool = bench.run("%tool calculator?")["payload"][0]
    bare = bench.run("csv-analyzer?")["payload"][0]

    assert page["data"]["text/plain"].startswith("%tool NAME")
    assert "Evaluate" in tool["data"]["text/plain"]
    assert "csv-analyzer" in bare["data"]["text/plain"]
    assert bench.run("nothing?")["payload"] == []
    assert bench.text == "nothing is known about 'nothing'\n"


# --- time -----------------------------------------------------------------------------------------------------------


def test_time_says_how_long_and_gives_the_value(bench):
    assert bench.value("local n = 41\n%time n + 1") == "42"
    assert bench.text.startswith("CPU time: ")

    bench.run("local t = {}\n%time for i = 1, 10 do t[i] = i end\nprint(#t)")

    assert bench.text.startswith("CPU time: ")
    assert bench.text.endswith("10\n")


def test_a_timed_cell_is_timed_as_a_whole(bench):
    assert bench.value("%%time\nlocal a = 20\na + 1") == "21"

    assert bench.text.startswith("CPU time: ")


def test_timeit_runs_many_times(bench):
    bench.run("n = 0\n%timeit -n 10 -r 2 n = n + 1")
    assert bench.text.endswith("per loop (mean ± std. dev. of 2 runs, 10 loops each)\n")
    assert bench.value("n") == "20"

    bench.run("%%timeit -n 5 -r 3 m = 0\n\nm = m + 1 -- last")
    assert "3 runs, 5 loops" in bench.text
    assert bench.value("m") == "15"


def test_an_error_in_timed_code_has_the_cells_line(bench):
    _, text, details = failed(bench, "%%timeit -n 1\nlocal a = 1\nerror('no')")

    assert text == "In[1]:3: no"
    assert details["source"] == "error('no')"


# --- globals --------------------------------------------------------------------------------------------------------


def test_who_lists_ones_own_globals(bench):
    bench.run("%who")
    assert bench.text == "no globals of your own yet\n"
    bench.run("name, t = 'x', {1, {2}}\nfunction f() end\nlocal hidden = 1")

    bench.run("%who")
    lines = [line.split(None, 2) for line in bench.text.splitlines()]
    assert lines[0] == ["name", "type", "value"]
    assert [line[:2] for line in lines[1:]] == [["f", "function"], ["name", "string"], ["t", "table"]]
    bench.run("%who string table")
    assert len(bench.text.splitlines()) == 3


def test_reset_forgets_globals_and_mends_built_in_ones(bench):
    bench.run("x = 1 print = nil package.loaded.mine = 1")

    bench.run("%reset")

    assert bench.value("x") == "nil"
    bench.run("print(type(package.loaded.mine), type(package.loaded.string))")
    assert bench.text == "nil\ttable\n"


def test_reset_asks_first_where_somebody_answers(bench):
    bench.run("x = 1")
    bench.questions.answers = ["n", "y"]

    bench.run("%reset")
    assert bench.text == "nothing was forgotten\n"
    assert bench.value("x") == "1"
    bench.run("%reset")

    assert bench.value("x") == "nil"
    assert bench.questions.asked == ["Forget all globals of yours? [y/N] "] * 2


# --- files ----------------------------------------------------------------------------------------------------------


def test_load_puts_a_file_into_the_next_cell(bench, tmp_path):
    (tmp_path / "a b.lua").write_text("print('ü')\n", encoding="utf-8")

    payload = bench.run("%load 'a b.lua'")["payload"]

    assert payload == [{"source": "set_next_input", "text": "-- %load a b.lua\nprint('ü')\n", "replace": True}]
    assert bench.run("1")["payload"] == []


def test_run_runs_a_script_with_its_arguments(bench, tmp_path):
    (tmp_path / "s.lua").write_text("#!/usr/bin/env lua\ny = 42\nprint(ARGS.name, arg[1], #arg)\nreturn {a = 1}\n")

    assert bench.value("%run s.lua --name x") == "{a = 1}"
    assert bench.text == "x\t--name\t2\n"
    assert bench.value("y") == "42"
    assert bench.value("local r = %run s.lua\nr.a + 1") == "2"


def test_a_script_that_exits_ends_itself_only(bench, tmp_path):
    (tmp_path / "s.lua").write_text("print('x') os.exit(3)")

    reply = bench.run("%run s.lua\nprint('never')")

    assert reply["payload"] == []
    assert bench.text == "x\ns.lua ended with status 3\n"
    assert bench.run("%who\nos.exit(2)")["payload"][0]["exit_code"] == 2


@pytest.mark.parametrize(
    ("code", "ename", "part"),
    [
        ("%load /etc/passwd", "PermissionDenied", "--allow-read"),
        ("%run nope.lua", "ToolExecutionError", "no such file"),
        ("%load", "InvalidParameters", "name one file"),
        ("%run", "InvalidParameters", "name a file"),
        ("%run broken.lua", "ScriptError", "broken.lua:2:"),
        ("%run fails.lua", "ScriptError", "fails.lua:2: bad"),
        ("%load latin.lua", "InvalidParameters", "not UTF-8"),
    ],
)
def test_files_are_read_by_the_policy_and_fail_by_name(bench, tmp_path, code, ename, part):
    (tmp_path / "broken.lua").write_text("\nlocal x = = 1")
    (tmp_path / "fails.lua").write_text("\nerror('bad')")
    (tmp_path / "latin.lua").write_bytes(b"\xff")

    name, text, _ = failed(bench, code)

    assert (name, part in text) == (ename, True), text


# --- what stays as it was -------------------------------------------------------------------------------------------


def test_a_silent_cell_with_magics_says_nothing(bench):
    bench.run("%%time\nx = 1\n%who", silent=True)

    assert bench.published == []
    assert bench.value("x") == "1"


@pytest.mark.parametrize("code", ["print(('%d'):format(3))", "print(7\n% 4)", "s = [[\n%tool nothing\n]] print(3)"])
def test_cells_of_plain_lua_with_percent_signs_are_what_they_were(bench, code):
    assert bench.run(code)["status"] == "ok"
    assert bench.text == "3\n"


def test_a_policy_below_privileged_forbids_python_cells(tmp_path):
    bench = Bench(tmp_path, policy=Policy.default(cwd=str(tmp_path)).with_ceiling("restricted", origin="test"))

    name, text, _ = failed(bench, "%%python\n1 + 1")
    assert name == "PermissionDenied"
    assert "%%python" in text
    bench.close()
