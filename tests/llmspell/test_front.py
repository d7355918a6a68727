"""What a script shows and asks where there is only a terminal, a pipe or a file. Issue 4: one front for each door."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from llmspell.console import Console
from llmspell.front import TerminalFront
from llmspell.launch import main
from llmspell.progress import ProgressBar

RICH = """
display{{a = 1, b = 'x'}}
display.table({{a = 1}, {a = 22}}, {title = 'T'})
display.chart({{k = 'x', n = 4}, {k = 'y', n = 1}}, {title = 'C'})
display.markdown('# head')
local h = display('one', {id = true})
h:update('two')
display.clear()
local bar = display.progress(2) bar:add(1) bar:done()
"""
SHOWN = f"""\
{{{{a = 1, b = "x"}}}}
T
 a
--
 1
22
C
k | n
x | {"█" * 40} 4
y | {"█" * 10} 1
# head
"one"
"two"
"""


@pytest.fixture
def run(project, capfd):
    def run(code):
        (project / "script.lua").write_text(code, encoding="utf-8")
        status = main(["run", "script.lua"])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


def test_rich_values_are_printed_as_text(run):
    assert run(RICH) == (0, SHOWN, "")


def test_an_expression_given_to_exec_is_shown_as_before(capfd):
    assert main(["exec", "{{a = 1}}"]) == 0
    assert capfd.readouterr().out == "{{a = 1}}\n"


def test_a_widget_is_its_state(run):
    code = """
    local changed = {}
    local s = widgets.slider{max = 5}
    s.value = 3
    print(s.value, s, comm.is_available())
    display(widgets.vbox{s, widgets.label{value = 'l'}})
    s:close()
    """
    assert run(code) == (0, "3\twidgets.slider{value = 3, max = 5}\tfalse\nwidgets.vbox{}\n", "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("widgets.slider{min = 5, max = 1}", "a slider widget cannot have min 5 above max 1"),
        ("local s = widgets.slider{} s.min = 200", "cannot have min 200 above max 100"),
        ("widgets.slider{min = 'x'}", "the field 'min' of a slider widget is a number, not a string"),
        ("widgets.button{descripton = 'x'}",
         "a button widget has no field 'descripton'; it has button_style, description, disabled, icon, tooltip; "
         "did you mean 'description'?"),
        ("widgets.button{on_clik = print}", "did you mean 'on_click'?"),
        ("return widgets.button{[1] = 'x'}", "a button widget has no field '1'; it has"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_widget_is_named(run, code, message):
    status, _, stderr = run(code)

    assert status == 1
    assert message in stderr


def test_a_widgets_value_stays_between_its_ends(run):
    code = """
    local s = widgets.slider{min = 5, max = 10}
    print(s.value)
    s.value = 99
    print(s.value)
    s:set{max = 200, value = 150}
    print(s.value)
    s.max = 20
    print(s.value, widgets.progress{max = 3, value = 4}.value, widgets.button{tooltip = 't'}.tooltip)
    """
    assert run(code) == (0, "5\n10\n150\n20\t3\tt\n", "")


@pytest.mark.parametrize(("value", "shown"), [("'x'", 'got "x"'), ("1/0", "got inf"), ("print", "got function")])
def test_a_total_that_is_no_number_is_shown_as_lua_writes_it(run, value, shown):
    status, _, stderr = run(f"display.progress({value})")

    assert status == 1
    assert f"display.progress: a number was expected, {shown}" in stderr


def test_a_comm_says_that_it_needs_a_notebook(run):
    status, _, stderr = run("comm.open('x')")

    assert status == 1
    assert "comms need a Jupyter front end" in stderr


def test_a_password_comes_from_a_pipe_as_it_is(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"secret\nrest\n")))

    assert run("print(display.password('key: '), io.read())")[1] == "secret\trest\n"


def test_the_end_of_a_pipe_is_no_password(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))

    assert run("print(display.password())")[1] == "nil\n"


@pytest.mark.subprocess
def test_a_password_is_not_shown_in_a_terminal(project):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "llmspell", "exec", "print('<' .. display.password('key: ') .. '>')"]
    process = subprocess.Popen(
        command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, start_new_session=True, cwd=project
    )
    os.close(slave)
    shown = b""
    while b"key: " not in shown:
        shown += os.read(master, 1_000)
    os.write(master, b"secret\n")

    assert process.communicate(timeout=20)[0] == b"<secret>\n"
    assert b"secret" not in shown
    os.close(master)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_stands_on_the_error_stream_of_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    times = iter([0.0, 1.0, 2.0])
    bar = ProgressBar(lambda: next(times))
    front = TerminalFront(Console(keep=False, bar=bar), bar)
    front.progress("w", 1, 4, "load", "running", None)
    front.progress("w", 2, 4, "load", "running", None)

    assert "[##########..........]  50%" in screen.getvalue()
    front.progress("w", 2, 4, "load", "done", None)
    assert screen.getvalue().endswith("\r")


def test_without_a_terminal_no_bar_is_drawn(capfd):
    front = TerminalFront(Console(keep=False), None)
    front.progress("w", 1, 4, "load", "running", None)

    assert capfd.readouterr() == ("", "")
