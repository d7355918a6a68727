"""What reaches the terminal: encodings, progress, questions, and failures of the streams themselves."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest

from llmspell import assembly, output
from llmspell.console import Console
from llmspell.failures import report
from llmspell.launch import finish, main
from llmspell.options import Options
from llmspell.progress import ProgressBar
from llmspell_tools.errors import InternalError, PermissionDenied, ScriptError


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Broken(io.StringIO):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "é☃\\udc80\n".encode()), ("latin-1", b"\xe9\\u2603\\udc80\n"), ("ascii", b"\\xe9\\u2603\\udc80\n")],
)
def test_what_a_terminal_cannot_show_is_escaped(encoding, written, monkeypatch):
    target = stream(encoding)
    monkeypatch.setattr(sys, "stdout", target)
    output.line("é☃\udc80")

    assert target.buffer.getvalue() == written


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (4.0, "4"), (-0.5, "-0.5"), (1e300, "1e+300"), (True, "true"), (None, ""), ([1, "a"], '[1,"a"]'),
     ({}, "{}"), (7, "7")],
)  # fmt: skip
def test_bare_values_are_what_a_shell_wants(value, text):
    assert text == output.bare(value)


def test_without_a_terminal_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert assembly.progress_bar() is None
    monkeypatch.setattr(sys, "stderr", None)
    assert assembly.progress_bar() is None


@pytest.mark.parametrize(
    ("typed", "allowed"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_the_person_at_the_terminal_is_asked(typed, allowed, monkeypatch):
    keyboard = Terminal(typed)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", keyboard)
    monkeypatch.setattr(sys, "stderr", screen)
    ask = assembly.asker(Options())

    assert ask("Run it?") is allowed
    assert screen.getvalue() == "Run it? [y/N] "


def test_nobody_can_be_asked_without_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert assembly.asker(Options()) is None
    monkeypatch.setattr(sys, "stdin", None)
    assert assembly.asker(Options()) is None
    assert assembly.asker(Options(yes=True))("anything?") is True


def test_a_bug_says_that_it_is_one(capsys):
    assert report(ZeroDivisionError("x"), Options()) == InternalError("").exit_status
    err = capsys.readouterr().err
    assert "Error: ZeroDivisionError: x\n" in err
    assert "--trace debug" in err
    assert "Traceback" not in err


def test_traces_are_shown_when_asked_for(capsys):
    assert report(PermissionDenied("no"), Options(trace="debug")) == 4
    printed = capsys.readouterr().err
    assert "llmspell_tools.errors.PermissionDenied: no" in printed


def test_a_lua_traceback_is_printed_once(capsys):
    error = ScriptError(
        "x.lua:2: boom", details={"line": 2, "source": "  error('boom')", "traceback": ["x.lua:2: in f"]}
    )
    report(error, Options())

    assert capsys.readouterr().err == "Error: x.lua:2: boom\n  2 | error('boom')\n  x.lua:2: in f\n"


def test_an_exit_is_no_error():
    with pytest.raises(SystemExit):
        report(SystemExit(3), Options())


@pytest.mark.parametrize(
    ("raised", "status"),
    [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (OSError(errno.ENOSPC, "full"), 1), (RuntimeError("x"), 1)],
)
def test_every_end_of_an_action_has_its_status(raised, status, capfd):
    def act(_options):
        raise raised

    assert finish(act, Options()) == status
    assert "Traceback" not in capfd.readouterr().err


def test_a_note_that_cannot_be_written_is_lost(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Broken(errno.ENOSPC))
    output.note("x")
    monkeypatch.setattr(sys, "stderr", None)

    output.note("x")


def test_a_closed_stdout_is_an_error_of_writing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(OSError, match="standard output is closed"):
        output.line("x")


def test_a_console_stops_the_run_when_nobody_reads(monkeypatch):
    class Pipe:
        encoding = "utf-8"

        def flush(self):
            raise BrokenPipeError

    stopped = []
    console = Console(keep=False)
    console.stop = lambda: stopped.append(True)
    monkeypatch.setattr(sys, "stdout", Pipe())
    console.write("stdout", "a")
    console.write("stdout", "b")

    assert (stopped, type(console.failure)) == ([True], BrokenPipeError)


def test_a_console_gives_bytes_their_own_form(monkeypatch):
    target = stream("utf-8")
    monkeypatch.setattr(sys, "stdout", target)
    Console(keep=False, bar=ProgressBar()).write("stdout", "a\udcff\n")

    assert target.buffer.getvalue() == b"a\xff\n"


def test_a_console_reads_lines_and_bytes(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\nthree")))
    console = Console(keep=True)

    assert [console.read(-1), console.read(2), console.read(100), console.read(1)] == [
        b"one\n",
        b"tw",
        b"o\nthree",
        b"",
    ]
    monkeypatch.setattr(sys, "stdin", None)
    assert console.read(1) == b""


@pytest.mark.subprocess
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_never_give_a_traceback(closed):
    command = f"{sys.executable} -m llmspell tool invoke calculator input=1+1 --raw {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)

    assert "Traceback" not in done.stderr
    assert (done.stdout, done.returncode) == (("", 1) if closed == ">&-" else ("2\n", 0))


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("code", "status"), [("print(1)", 1), ("io.write('a') while true do end", 1), ("io.stderr:write('a')", 0)]
)
def test_what_a_script_prints_into_a_closed_stdout_is_no_success(code, status):
    command = f'{sys.executable} -m llmspell exec "{code}" >&-'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, "cannot write the output" in done.stderr) == (status, status == 1)


def test_an_import_that_fails_is_a_bug_and_no_traceback(capsys, monkeypatch):
    monkeypatch.delattr("llmspell.actions.config", raising=False)
    monkeypatch.setitem(sys.modules, "llmspell.actions.config", None)

    assert main(["config", "show"]) == 1
    printed = capsys.readouterr()
    assert "Error: " in printed.err
    assert "Traceback" not in printed.err
