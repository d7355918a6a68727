"""The console's debugger. Issue 5: the `debug:` commands of `surface.md` §7.1 on the one debug session."""

from __future__ import annotations

import sys

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from llmspell.launch import main
from llmspell.options import Options
from llmspell.repl import opening
from llmspell.repl.debug_commands import Stopped

LOOP = ("for i = 1, 3 do", "  local z = i * 2", "  print(i, z)", "end")


@pytest.fixture
def lines(tmp_path, monkeypatch, capfd):
    """Give the console lines as a pipe does; returns (status, stdout, stderr)."""

    def run(*given):
        file = tmp_path / "input.txt"
        file.write_text("\n".join(given) + "\n")
        with open(file, encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            status = main(["repl"])
        out, err = capfd.readouterr()
        return status, out, err

    return run


def stops(out):
    """Return where and why cells stopped."""
    return [line.removeprefix("Stopped at ") for line in out.splitlines() if line.startswith("Stopped")]


def test_a_breakpoint_in_the_next_cell_stops_there_and_shows_the_place(lines):
    status, out, err = lines("debug:break 3", *LOOP, "c", "c", "c")

    assert (0, "") == (status, err)
    assert ["In[1]:3 in main chunk (breakpoint)"] * 3 == stops(out)
    assert ">   3    print(i, z)" in out


def test_db_is_short_for_debug(lines):
    _, out, _ = lines("db:b 3", *LOOP, "db:c", "db:c", "db:c")

    assert 3 == len(stops(out))


@pytest.mark.parametrize(
    ("rule", "count"), [("if i > 1", 2), ("i == 2", 1), ("hit >= 3", 1), ("log i is {i}", 0)]
)  # fmt: skip
def test_a_condition_a_count_or_a_text_decides_whether_it_stops(rule, count, lines):
    _, out, _ = lines(f"debug:break 3 {rule}", *LOOP, *["c"] * count)

    assert count == len(stops(out))
    assert ("i is 2" in out) is (count == 0)


def test_variables_calls_and_expressions_are_shown(lines):
    _, out, _ = lines(
        "function f(a)", "  local b = a + 1", "  return b", "end",
        "debug:break In[1]:3", "f(41)", "locals", "print a + b", "b * 2", "bt", "frame 1", "frame 0", "b = 7", "c",
    )  # fmt: skip

    shown = [each.strip() for each in out.splitlines()]
    assert ["a = 41", "b = 42"] == [each for each in shown if each.startswith(("a =", "b ="))]
    assert {"83", "84", ">  0  In[1]:3  f", "1  In[2]:1  main chunk"} <= set(shown)
    assert "7" == shown[-1]


def test_a_breakpoint_is_set_in_the_stopped_cell_by_its_number(lines):
    _, out, err = lines("debug:break 2", *LOOP, "delete 1", "b In[1]:3", "c", "delete 2", "c")

    assert "" == err
    assert ["In[1]:2", "In[1]:3"] == [place.split(" in ")[0] for place in stops(out)]


def test_steps_go_into_over_and_out_of_calls(lines):
    _, out, _ = lines(
        "function f(a)", "  local b = a + 1", "  return b", "end",
        "debug:break 2", "do", "  x = f(1)", "  x = x + f(2)", "end", "s", "finish", "n", "n", "c", "x",
    )  # fmt: skip

    places = [place.split(" (")[0] for place in stops(out)]
    assert ["In[2]:2 in main chunk", "In[1]:2 in f"] == places[:2]
    assert "In[2]:3 in main chunk" in places
    assert "In[1]:2 in f" not in places[2:]
    assert out.endswith("5\n")


def test_watches_are_shown_at_each_stop(lines):
    _, out, _ = lines("debug:watch i * 10", "debug:break 3 if i < 3", *LOOP, "c", "unwatch 1", "c")

    assert ["i * 10 = 10", "i * 10 = 20"] == [
        line.strip() for line in out.splitlines() if " = " in line and "i *" in line and "local" not in line
    ]


def test_breakpoints_are_listed_switched_and_deleted(lines):
    status, out, err = lines(
        "debug:break 3 if i > 1", *LOOP, "c", "c", "debug:disable 1", "debug:list", "debug:enable 1",
        "debug:delete 1", "debug:list", "debug:delete 1",
    )  # fmt: skip

    assert "  1  In[1]:3 if i > 1 (disabled)" in out
    assert "no breakpoints" in out
    assert (1, "there is no breakpoint 1") == (status, err.partition("Error: ")[2].partition(";")[0])


def test_a_breakpoint_in_a_file_stops_the_script_that_is_run(lines, project):
    (project / "s.lua").write_text("local a = 1\nlocal b = a + 1\nprint(b)\n")
    _, out, _ = lines("debug:break s.lua:2", ".run s.lua", "p a", "c")

    assert ["s.lua:2 in main chunk (breakpoint)"] == stops(out)
    assert out.endswith("1\n2\n")


@pytest.mark.parametrize("place", ["{folder}/s.lua:3", "./s.lua:3"])
def test_a_place_may_begin_with_a_folder(place, lines, project):
    """An argument that begins as an operator does is Lua, unless the line says that it is a command."""
    (project / "s.lua").write_text("local b = 1\nlocal a = b\nprint(b)\n")
    commands = ("debug:break s.lua:2", ".run s.lua", "b " + place.format(folder=project), "b / 2", "c", "c")
    _, out, err = lines("debug:break " + place.format(folder=project), "debug:delete all", *commands)

    assert "" == err
    assert "\n0.5\n" in out
    assert ["s.lua:2 in main chunk (breakpoint)", "s.lua:3 in main chunk (breakpoint)"] == stops(out)


def test_a_script_stops_also_when_something_ran_before_it(lines, project):
    (project / "s.lua").write_text("local a = 1\nreturn a\n")
    _, out, _ = lines("x = 1", "debug:break s.lua:2", ".run s.lua", "c", ".run s.lua", "c")

    assert ["s.lua:2 in main chunk (breakpoint)"] * 2 == stops(out)


def test_what_a_command_of_the_console_runs_stops_too(lines):
    status, out, err = lines(
        "function f()", "  return 5", "end", "debug:break In[1]:2", ".set v f()", "c", "v", "debug:pause", ".vars", "c"
    )

    assert (0, "") == (status, err)
    assert "In[1]:2 in f (breakpoint)" == stops(out)[0]
    assert 2 == len(stops(out))


def test_a_breakpoint_by_function_name_stops_in_it(lines):
    _, out, _ = lines("debug:break greet", "function greet()", "  return 'hi'", "end", "greet()", "c")

    assert ["In[1]:2 in greet (function breakpoint)"] == stops(out)


def test_errors_stop_where_they_are_raised(lines):
    status, out, _ = lines(
        "debug:errors all",
        "pcall(function()",
        "  error('caught')",
        "end)",
        "c",
        "debug:errors off",
        "pcall(error, 'x')",
    )

    assert 0 == status
    assert 1 == len(stops(out))
    assert "caught" in stops(out)[0]


def test_leaving_the_debugger_stops_the_cell(lines):
    status, out, err = lines("debug:break 3", *LOOP)

    assert (1, 1) == (status, len(stops(out)))
    assert "KeyboardInterrupt" in err


def test_breakpoints_hold_after_an_interrupt_and_a_reset(lines, project):
    (project / "s.lua").write_text("local a = 1\nreturn a\n")
    _, out, _ = lines("debug:break s.lua:2", ".reset", ".run s.lua", "c")

    assert ["s.lua:2 in main chunk (breakpoint)"] == stops(out)


@pytest.mark.parametrize(
    ("line", "told"),
    [("debug:step", "nothing is stopped"), ("debug:locals", "nothing is stopped"), ("debug:foo", "no command 'foo'"),
     ("debug:brek 2", "no command 'brek'; did you mean 'break'?"),
     ("debug:break In[9]:1", "session; before a cell runs, debug:break LINE is for"),
     ("debug:break 1:2:x", "wants LINE"),
     ("debug:break abc def", "'def' says not when to stop; it goes: debug:break PLACE [if COND"),
     ("debug:break 2 if (", "the condition '(' is wrong: it is no Lua expression; it goes:"),
     ("debug:break 2 x = 1", "says not when to stop"), ("debug:break 2 x != 1", "no Lua expression"),
     ("debug:break 2 if", "says not when"), ("debug:break 2 hit often", "says not when"),
     ("debug:break tool.py:2 if a ~= 1", "in a Python tool it is Python"),
     ("debug:delete x", "which number?"), ("debug:errors some", "uncaught, all or off")],
)  # fmt: skip
def test_a_wrong_command_says_what_is_wrong(line, told, lines):
    status, _, err = lines(line)

    assert status == 1
    assert told in err


def test_a_mistyped_command_in_a_stopped_cell_is_no_silent_nil(lines):
    _, _, err = lines("debug:break 3", *LOOP, "contnue", "nothing_like_it", "delete 1", "c")

    assert 1 == err.count("is no command and no variable")
    assert "'contnue' is no command and no variable; did you mean 'continue'?" in err


def test_a_wrong_condition_is_refused_in_a_stopped_cell_too(lines):
    _, out, err = lines("debug:break 3", *LOOP, "b 2 if i ==", "b 2 if i == 2", "list", "delete 1", "c", "c")

    assert 1 == err.count("the condition 'i ==' is wrong")
    assert "  2  In[1]:2 if i == 2" in out.splitlines()
    assert ["In[1]:3 in main chunk (breakpoint)", "In[1]:2 in main chunk (breakpoint)"] == stops(out)


@pytest.mark.parametrize("word", ["quit", "exit", "debug:quit"])
def test_quit_ends_the_stopped_cell_and_the_console_goes_on(word, lines):
    _, out, err = lines("debug:break 2", "do", "  x = 1", "end", word, "print('here', x)")

    assert "KeyboardInterrupt" in err
    assert out.endswith("here\tnil\n")


def test_there_is_nothing_to_quit_where_nothing_is_stopped(lines):
    _, out, err = lines("debug:quit", "print('here')")

    assert "nothing is stopped" in err
    assert out.endswith("here\n")


def test_help_names_every_command(lines):
    _, out, _ = lines("debug:help")

    names = ["break/b", "delete/d", "list/l", "step/s", "next/n", "finish/f", "continue/c", "locals",
             "backtrace/bt/where/w", "frame", "print/p", "watch", "unwatch", "enable", "disable", "pause"]  # fmt: skip
    assert [] == [name for name in names if name not in out]


def test_variables_of_a_module_are_not_shown():
    def ask(command, arguments):
        if command == "scopes":
            names = [("Locals", 1, False), ("Globals", 2, False), ("Registers", 3, True)]
            return {"scopes": [{"name": name, "variablesReference": number, "expensive": costs}
                               for name, number, costs in names]}  # fmt: skip
        variable = {"name": str(arguments.get("variablesReference")), "value": "0"}
        return {"stackFrames": [{"id": 1}], "variables": [variable]}

    stopped = Stopped({"threadId": 1}, ask)

    assert [("Locals", [{"name": "1", "value": "0"}])] == stopped.variables()


def test_lua_that_looks_like_it_is_lua(lines):
    assert (0, "7\n", "") == lines("db = {get = function() return 7 end}", "db:get()")


def test_a_stopped_cell_reads_commands_from_keys(monkeypatch, capfd):
    monkeypatch.setattr(opening, "_is_terminal", lambda: True)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text("debug:break 1\rx = 6 * 7; y = 1\rc\rx\r\x04")
        status = opening.repl(Options(quiet=True))
    out, _ = capfd.readouterr()

    assert 0 == status
    assert ["In[1]:1 in main chunk (breakpoint)"] == stops(out)
    assert out.endswith("42\n")
