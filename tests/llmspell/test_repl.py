"""The console, driven by lines and by keys in this process. Issue 4: `repl`, meta commands of `surface.md` §7.1."""

from __future__ import annotations

import os
import stat
import sys

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from llmspell import terminal
from llmspell.console import Console
from llmspell.launch import main
from llmspell.options import Options
from llmspell.repl import opening, showing
from llmspell.repl.backend import Local
from llmspell.repl.console import command_words, is_command
from llmspell.repl.language import Commands, Language
from llmspell_tools.errors import ToolTimeout

CTRL_C, CTRL_D, UP, ENTER = "\x03", "\x04", "\x1b[A", "\r"


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


@pytest.fixture
def keys(monkeypatch, capfd):
    """Press keys at the console; returns (status, stdout, stderr)."""

    def run(*pressed, **options):
        monkeypatch.setattr(opening, "_is_terminal", lambda: True)
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            pipe.send_text("".join(pressed))
            status = opening.repl(Options(quiet=True), **options)
        out, err = capfd.readouterr()
        return status, out, err

    return run


# --- lines ---------------------------------------------------------------------------------------------------------


def test_lines_are_cells_that_share_their_globals(lines):
    assert (0, "2\n6\n", "") == lines("1 + 1", "x = 6", "x")


def test_a_cell_goes_on_over_lines_until_it_is_complete(lines):
    assert (0, "1\n2\n", "") == lines("for i = 1, 2 do", "  print(i)", "end")


def test_a_failed_cell_is_told_and_the_next_one_runs(lines):
    status, out, err = lines("error('no')", "print('yes')")

    assert (1, "yes\n") == (status, out)
    assert "In[1]:1: no" in err


def test_text_that_is_never_complete_is_told_at_the_end(lines):
    status, _, err = lines("for i = 1, 2 do")

    assert status == 1
    assert "'end' expected" in err


def test_a_cell_that_asks_gets_the_next_line(lines):
    assert (0, '"hello"\n', "") == lines("name = io.read()", "hello", "name")


def test_a_cell_at_the_end_of_the_input_reads_nothing(lines):
    assert (0, "nil\n", "") == lines("print(io.read())")


def test_os_exit_leaves(lines):
    assert (7, "", "") == lines("os.exit(7)", "print('never')")


def test_the_console_ends_when_nobody_reads_what_it_writes(monkeypatch, tmp_path):
    """`echo 'while true do print(1) end' | llmspell repl | head` ends with `head`; no further cell runs."""
    (tmp_path / "input.txt").write_text("while true do print(1) end\nio.open('ran', 'w')\n")
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)

    with (
        open(tmp_path / "input.txt", encoding="utf-8") as stdin,
        open(os.devnull, "wb") as nowhere,
        open(writing, "w", encoding="utf-8") as stdout,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(BrokenPipeError):
            opening.repl(Options(quiet=True))
        os.dup2(nowhere.fileno(), writing)  # what is still in its buffer has nowhere to go

    assert not (tmp_path / "ran").exists()


def test_a_question_describes_a_tool(lines):
    _, out, _ = lines("calculator?")

    assert "Evaluate a mathematical expression" in out


def test_what_a_cell_prints_to_stderr_stays_apart(lines):
    assert (0, "out\n", "err\n") == lines("print('out') io.stderr:write('err\\n')")


def test_a_line_that_was_left_unfinished_does_not_swallow_the_next(lines):
    assert (0, "a\n1\n", "") == lines("io.write('a')", "1")


def test_magics_and_python_cells_work_as_in_a_notebook(lines):
    status, out, _ = lines("r = %tool calculator input=2+3", "r.result.result", "%%time", "1 + 1", "", "'after'")

    assert 0 == status
    assert out.startswith("5.0\n")
    assert "wall time" in out
    assert out.endswith('"after"\n')


def test_a_loaded_file_stands_in_the_next_cell(keys, project):
    (project / "piece.lua").write_text("print('loaded')")

    assert (0, "loaded\n", "") == keys("%load piece.lua", ENTER, ENTER, CTRL_D)


# --- commands ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [".help", ".h", ".?"])
def test_help_lists_every_command(command, lines):
    _, out, _ = lines(command)

    names = [".help", ".exit", ".clear", ".save", ".load", ".history", ".clear-history", ".variables", ".set", ".unset",
             ".cd", ".pwd", ".ls", ".info", ".reset", ".run", ".perf", ".tools"]  # fmt: skip
    assert [] == [name for name in names if name not in out]


@pytest.mark.parametrize("command", [".exit", ".quit", ".q"])
def test_exit_leaves(command, lines):
    assert (0, "", "") == lines(command, "print('never')")


def test_variables_are_the_globals_that_cells_have_made(lines):
    _, out, _ = lines(".vars", "x = 1", "t = {1, 2}", "local hidden = 2", ".variables")

    assert "no globals yet" in out
    assert ["t     table   2 entries", "x     number  1"] == out.splitlines()[-2:]


@pytest.mark.parametrize(
    ("given", "value"),
    [("5 * 2", "10"), ("hello", '"hello"'), ("hello world", '"hello world"'), ("{1, 2}", "{1, 2}"), ("= 3", "3"),
     ("true", "true"), ('say "hi" ]]', '"say \\"hi\\" ]]"')],
)  # fmt: skip
def test_set_takes_lua_and_else_text(given, value, lines):
    assert (0, f"{value}\n", "") == lines(f".set v {given}", "v")


def test_unset_forgets_a_global(lines):
    assert (0, "nil\n", "") == lines("x = 1", ".unset x", "print(x)")


def test_reset_begins_again(lines):
    assert (0, "a new Lua state\nnil\n", "") == lines("x = 1", ".reset", "print(x)")


def test_run_gives_a_script_its_arguments_and_the_cells_its_globals(lines, project):
    (project / "s.lua").write_text("found = require('part').v + #ARGS\nprint(ARGS[1], ARGS.k)\nreturn {a = 1}")
    (project / "part.lua").write_text("return {v = 40}")
    status, out, err = lines(".run s.lua 'one two' --k v", "found")

    assert (0, 'one two\tv\n{\n  "a": 1\n}\n41\n', "") == (status, out, err)


def test_run_tells_where_a_script_failed(lines, project):
    (project / "s.lua").write_text("\nerror('no')")
    status, _, err = lines(".run s.lua")

    assert status == 1
    assert "s.lua:2: no" in err


def test_what_was_saved_can_be_loaded(lines, project):
    lines("x = 20", "y = 22", ".save kept.lua")

    assert (0, "42\n", "") == lines(".load kept.lua", "x + y")
    assert "x = 20\n\ny = 22\n" == (project / "kept.lua").read_text()


def test_save_overwrites_nothing(lines, project):
    (project / "kept.lua").write_text("mine")
    status, _, err = lines("x = 1", ".save kept.lua")

    assert status == 1
    assert "kept.lua" in err
    assert "mine" == (project / "kept.lua").read_text()


def test_tools_lists_and_finds(lines):
    _, out, _ = lines(".tools hash")

    assert out.startswith("hash-calculator  ")


def test_folders_can_be_looked_at_and_changed(lines, project):
    (project / "sub").mkdir()
    (project / "sub" / "file.txt").write_text("")
    _, out, _ = lines(".cd sub", ".pwd", ".ls")

    assert [str(project / "sub"), str(project / "sub"), "file.txt"] == out.splitlines()


def test_history_shows_what_ran(lines):
    _, out, _ = lines("x = 1", ".history")

    assert "    1  x = 1\n" == out


def test_perf_shows_the_time_of_cells(lines):
    _, out, _ = lines(".perf on", "1", ".perf off", "2")

    assert out.count(" ms)") == 1


def test_info_says_what_runs_the_cells(lines):
    _, out, _ = lines(".info")

    assert "this process" in out


@pytest.mark.parametrize(
    ("line", "told"),
    [(".hepl", "did you mean '.help'?"), (".chat hello", "no language model"), (".set 1x 2", "no name of a global"),
     (".run", "wants a script"), (".run none.lua", "does not exist"), (".cd nowhere", "No such file"),
     (".perf maybe", "on or off"), (".save", "wants one file"), (".load 'a", "cannot be read")],
)  # fmt: skip
def test_a_wrong_command_says_what_is_wrong(line, told, lines):
    status, _, err = lines(line)

    assert status == 1
    assert told in err


# --- keys ----------------------------------------------------------------------------------------------------------


def test_enter_runs_a_complete_cell_and_goes_on_in_another(keys):
    assert (0, "2\n1\n2\n", "") == keys(
        "1 + 1", ENTER, "for i = 1, 2 do", ENTER, "print(i)", ENTER, "end", ENTER, CTRL_D
    )


def test_a_line_that_closes_a_block_moves_back(keys, tmp_path):
    history = tmp_path / "history"
    keys("function f()", ENTER, "if true then", ENTER, "return 1", ENTER, "end", ENTER, "end", ENTER, CTRL_D,
         history=str(history))  # fmt: skip

    written = [line[1:] for line in history.read_text().splitlines() if line.startswith("+")]
    assert ["function f()", "  if true then", "    return 1", "  end", "end"] == written


def test_alt_enter_runs_what_is_not_complete(keys):
    status, _, err = keys("for i = 1, 2 do", "\x1b", ENTER, CTRL_D)

    assert 0 == status  # a person has seen it
    assert "'end' expected" in err


@pytest.mark.parametrize(
    ("text", "choice"),
    [("Tool.exi", ("exists", -3)), ("for i = 1, 2 do\n  prin", ("print", -4)), (".ru", (".run", -3)),
     (".run sub/scr", ("script.lua", -3)), ("debug:bre", ("debug:break", -9)), (".perf o", ("off", -1))],
)  # fmt: skip
def test_completion_knows_lua_commands_and_paths(text, choice, project):
    (project / "sub").mkdir()
    (project / "sub" / "script.lua").write_text("")
    backend = Local(Options())
    try:
        language = Language(backend, Commands(is_command, command_words))

        assert choice in [(each.text, each.start) for each in language.complete(text)]
    finally:
        backend.close()


@pytest.mark.parametrize(
    ("cell", "status"),
    [("for i = 1, 2 do", "incomplete"), ("print(1)", "unknown"), ("%%tool calculator", "incomplete"),
     ("%%tool calculator\ninput: 1\n", "unknown")],
)  # fmt: skip
def test_half_a_cell_is_none_where_the_kernel_is_busy_for_somebody_else(cell, status):
    class Busy:
        def request(self, *_, **__):
            raise ToolTimeout("busy for somebody else")

    assert Language(Busy(), Commands(is_command, command_words)).judge(cell)[0] == status


def test_what_was_typed_comes_back_in_the_next_session(keys, tmp_path):
    history = tmp_path / "history"
    keys("print('first')", ENTER, CTRL_D, history=str(history))

    assert (0, "first\n", "") == keys(UP, ENTER, CTRL_D, history=str(history))


def test_the_history_is_its_owners_only_and_can_be_forgotten(keys):
    keys("secret = 1", ENTER, CTRL_D)
    file = os.path.expanduser("~/.llmspell/data/console_history")

    assert 0o600 == stat.S_IMODE(os.stat(file).st_mode)
    assert 0o700 == stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode)
    keys(".clear-history", ENTER, CTRL_D)
    assert 0 == os.path.getsize(file)


def test_a_history_that_cannot_be_written_is_told_and_the_console_works(keys, tmp_path):
    status, out, err = keys("1", ENTER, CTRL_D, history=str(tmp_path))

    assert (0, "1\n") == (status, out)
    assert "the history is not kept" in err


# --- the screen ----------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch):
    """A terminal of 40 columns."""
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setattr(terminal, "width", lambda _=1: 40)
    monkeypatch.setenv("NO_COLOR", "1")


def test_tables_fit_a_narrow_terminal(lines, narrow):
    _, out, _ = lines("rows = {{name = ('long '):rep(20), n = 1}, {name = 'b', n = 22}}", "rows")

    assert max(map(len, out.splitlines())) <= 40
    assert "22" in out


def test_help_fits_a_narrow_terminal(lines, narrow):
    _, out, _ = lines(".help", "debug:help", "calculator?")

    assert max(map(len, out.splitlines())) <= 60  # names are not broken


@pytest.mark.parametrize(
    ("variable", "value", "colours"), [("NO_COLOR", "1", False), ("TERM", "dumb", False), ("TERM", "xterm", True)]
)
def test_colours_are_for_terminals_that_want_them(variable, value, colours, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv(variable, value)

    assert colours is showing.may_colour()


def test_a_function_that_called_itself_stands_once_in_a_traceback(lines):
    _, _, err = lines("function f(n) if n == 0 then error('deep') end local x = f(n - 1) return x end", "f(15)")

    assert " times)" in err
    assert len(err.splitlines()) < 8


def test_a_long_traceback_is_cut_in_its_middle(capfd):
    console = Console(keep=False)
    screen = showing.Screen(console, None, lambda prompt, password: None)
    screen.traceback({"ename": "E", "evalue": "no", "traceback": [f"line {number}" for number in range(100)]})
    err = capfd.readouterr().err

    assert "... (60 lines)" in err
    assert "line 99" in err
