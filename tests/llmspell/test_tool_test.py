"""`tool test`: the examples of one tool, of several, of a category, of all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from llmspell.launch import main
from llmspell_tools.manifest import TOOLS

OWN = """
from llmspell_tools.definition import tool
from llmspell_tools.errors import ToolUnavailable

@tool(name="right", examples=({"description": "holds", "params": {"text": "a"}, "result": "a"},))
def right(*, text: str) -> str:
    '''Give it back.'''
    return text

@tool(name="wrong", examples=({"description": "does not hold", "params": {}, "result": {"n": 1}},))
def wrong() -> dict:
    '''Give a number.'''
    return {"n": 2}

@tool(name="missing", examples=({"description": "cannot run", "params": {}},))
def missing() -> None:
    '''Need a library.'''
    raise ToolUnavailable("missing needs sprockets; install it with: pip install sprockets")

@tool(name="bare")
def bare() -> None:
    '''Declare no example.'''
"""
SLOW = """
import sys, time
from llmspell_tools.definition import tool

@tool(name="slow", examples=({"params": {}},))
def slow() -> None:
    '''Take long.'''
    print("begun", file=sys.stderr, flush=True)
    time.sleep(30)
"""


@pytest.fixture
def own(project):
    """Return the option that loads four tools of one's own."""
    (project / "own").mkdir()
    (project / "own" / "four.py").write_text(OWN)
    return ["--tools-dir", "own"]


def answer(words, capsys):
    """Return exit status, stdout and stderr."""
    status = main(["tool", "test", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_all_examples_of_all_built_in_tools_hold(capsys):
    """Issue 2, "Shown by": `llmspell tool test --all` is green."""
    status, out, _ = answer(["--all"], capsys)
    rows, summary = out.splitlines()[:-1], out.splitlines()[-1]

    assert status == 0, out
    assert [row.split()[1] for row in rows] == sorted(TOOLS)
    assert {row.split()[0] for row in rows} <= {"ok", "skipped"}
    assert summary.startswith(f"{len(TOOLS)} tools: ")


def test_several_tools_are_reported_a_line_each(own, capsys):
    status, out, _ = answer(["right", "wrong", "missing", "bare", *own], capsys)
    lines = out.splitlines()

    assert status == 1
    assert lines[0].split()[:2] == ["ok", "right"]
    assert lines[1].split()[:2] == ["FAILED", "wrong"]
    assert lines[2].startswith("  FAILED: does not hold (")
    assert lines[3:5] == ['      wanted {"n":1}', '      got {"n":2}']
    assert lines[5] == "skipped missing               missing needs sprockets; install it with: pip install sprockets"
    assert lines[6].split() == ["-", "bare", "declares", "no", "examples"]
    assert lines[7].startswith("4 tools: 1 ok, 1 failed, 1 skipped, 1 without examples (3 examples in ")


def test_tools_of_one_s_own_are_in_all_and_have_a_category(own, capsys):
    status, out, _ = answer(["--category", "custom", *own], capsys)

    assert status == 1
    assert [line.split()[1] for line in out.splitlines()[:-1] if not line.startswith(" ")] == [
        "bare", "missing", "right", "wrong"
    ]  # fmt: skip


def test_what_cannot_run_here_is_no_failure(own, capsys):
    status, out, _ = answer(["missing", *own], capsys)

    assert status == 0
    assert out == "- Tool 'missing' skipped: missing needs sprockets; install it with: pip install sprockets\n"


def test_the_report_of_several_is_one_json_object(own, capsys):
    status, out, _ = answer(["right", "wrong", "--output", "json", *own], capsys)
    report = json.loads(out)

    assert (status, report["passed"]) == (1, False)
    assert report["counts"] == {"tools": 2, "ok": 1, "failed": 1, "skipped": 0, "empty": 0, "examples": 2}
    assert [(each["tool"], each["status"]) for each in report["tools"]] == [("right", "ok"), ("wrong", "failed")]
    assert report["tools"][1]["examples"][0]["expected"] == {"n": 1}


def test_the_report_of_several_as_lines_is_an_object_a_tool(own, capsys):
    _, out, _ = answer(["right", "wrong", "--format", "jsonl", *own], capsys)

    assert [json.loads(line)["passed"] for line in out.splitlines()] == [True, False]


def test_what_a_tool_prints_is_no_part_of_the_report(own, project, capsys):
    four = project / "own" / "four.py"
    four.write_text(four.read_text().replace("    return text", "    print('noise')\n    return text"))

    _, out, err = answer(["right", *own, "--output", "json"], capsys)

    assert json.loads(out)["passed"] is True
    assert "noise" in err


def test_verbose_shows_every_example(own, capsys):
    _, out, _ = answer(["right", "bare", "--verbose", *own], capsys)

    assert "  ok: holds (" in out
    assert '      "a"\n' in out


@pytest.mark.parametrize("words", [[], ["calculator", "--all"], ["calculator", "--category", "data"]])
def test_what_to_test_has_to_be_plain(words, capsys):
    status, out, err = answer(words, capsys)

    assert (status, out) == (2, "")
    assert "--all" in err


def test_an_unknown_name_runs_nothing(capsys):
    status, out, err = answer(["calculator", "calculater"], capsys)

    assert (status, out) == (3, "")
    assert "did you mean 'calculator'?" in err


@pytest.mark.subprocess
def test_ctrl_c_ends_the_run_and_says_how_far_it_came(project):
    (project / "own").mkdir()
    (project / "own" / "slow.py").write_text(SLOW)
    words = ["tool", "test", "calculator", "slow", "--tools-dir", "own"]
    with subprocess.Popen(
        [sys.executable, "-m", "llmspell", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=5)

    assert process.returncode == 130
    assert out.split()[:2] == ["ok", "calculator"]
    assert err == "stopped after 1 of 2 tools\nInterrupted\n"
