"""The lean path and click print the same bytes and exit with the same status, for everything that is lean."""

from __future__ import annotations

import json
import re

import pytest

from llmspell.cli.main import run_click
from llmspell.launch import finish, recognise

LEAN = [
    ["tool", "list"],
    ["tool", "list", "--category", "utility"],
    ["tool", "list", "--category", "utilty"],
    ["tool", "list", "--output", "json"],
    ["tool", "list", "--output", "jsonl"],
    ["tool", "list", "--output", "json", "--format", "text"],
    ["tool", "list", "--format", "pretty"],
    ["tool", "list", "--output", "table"],
    ["tool", "list", "--format", "markdown"],
    ["tool", "info", "calculator", "--output", "table"],
    ["tool", "search", "hash", "--output", "markdown"],
    ["tool", "invoke", "calculator", "input=2+2", "--output", "table"],
    ["tool", "invoke", "calculator", "input=2+2", "--select", "result", "--output", "markdown"],
    ["tool", "invoke", "calculator", "inptu=2+2", "--output", "table"],
    ["tool", "info", "calculator"],
    ["tool", "info", "CALCULATOR", "--show-schema"],
    ["tool", "info", "calculator", "--show-schema", "--format", "json"],
    ["tool", "info", "no-such-tool"],
    ["tool", "search", "hash"],
    ["tool", "search", "hash", "text", "--format", "json"],
    ["tool", "search", "qqqqqq"],
    ["tool", "invoke", "calculator", "--params", '{"input":"2+2"}'],
    ["tool", "invoke", "calculator", "--params", '{"input":"2+2"}', "--output", "json"],
    ["tool", "invoke", "calculator", "--params", '{"input":"2+2"}', "--output", "jsonl"],
    ["tool", "invoke", "calculator", "input=2+2", "--raw"],
    ["tool", "invoke", "calculator", "input=x*2", 'variables:={"x": 4}', "--raw"],
    ["tool", "invoke", "calculator", "input=2+2", "--select", "result.result"],
    ["tool", "invoke", "calculator", "input=2+2", "--select", "result.[", "--raw"],
    ["tool", "invoke", "calculator", "input=2+2", "--timeout", "5"],
    ["tool", "invoke", "calculator", "input=1/0"],
    ["tool", "invoke", "calculator", "input=1/0", "--raw"],
    ["tool", "invoke", "calculator", "inptu=2+2"],
    ["tool", "invoke", "calculator", "inptu=2+2", "--output", "json"],
    ["tool", "invoke", "calculator"],
    ["tool", "invoke", "calculator", "--params", '{"input":'],
    ["tool", "invoke", "calculator", "--params", "[1]"],
    ["tool", "invoke", "calculator", "nonsense"],
    ["tool", "invoke", "calculater", "input=2+2"],
    ["tool", "invoke", "calculator", "--", "input=-2"],
    ["tool", "invoke", "calculator", "input=@missing.txt"],
    ["exec", "6 * 7"],
    ["exec", "error('no')", "--output", "json"],
    ["exec", "--", "-1"],
    ["exec", "{{a = 1}}", "--output", "table"],
    ["run", "script.lua", "--output", "markdown"],
    ["version"],
    ["version", "-v"],
    ["version", "--verbose", "--output", "json"],
    ["version", "--short"],
    ["version", "--output", "table"],
    ["doctor"],
    ["doctor", "--format", "jsonl"],
    ["doctor", "--output", "table"],
    ["run", "missing.lua"],
    ["run", "script.lua"],
    ["run", "script.lua", "--", "a", "--k", "v", "--flag"],
    ["run", "script.lua", "a", "b", "--output", "json"],
    ["run", "broken.lua"],
    ["run", "failing.lua", "--timeout", "5"],
]

CLICK_ONLY = [
    [],
    ["--help"],
    ["tool"],
    ["tool", "list", "--help"],
    ["tool", "lst"],
    ["tool", "list", "extra"],
    ["tool", "list", "--category"],
    ["tool", "list", "--output=json"],
    ["tool", "list", "--output", "xml"],
    ["--output", "json", "tool", "list"],
    ["tool", "invoke"],
    ["tool", "invoke", "calculator", "--timeout", "0"],
    ["tool", "invoke", "calculator", "--timeout", "1e3"],
    ["tool", "invoke", "calculator", "--params", "--raw"],
    ["tool", "invoke", "calculator", "--allow-read", "/"],
    ["tool", "invoke", "calculator", "--trace", "debug"],
    ["run"],
    ["run", "script.lua", "--unknown"],
    ["exec"],
    ["exec", "1", "2"],
    ["version", "--component", "cli"],
    ["kernel", "start"],
    ["kernel", "start", "-f", "x.json", "--daemon"],
]


@pytest.fixture
def scripts(project):
    (project / "script.lua").write_text('print("args", #arg, ARGS["1"], ARGS.k)\nreturn {n = 1}\n')
    (project / "broken.lua").write_text("local x = = 1\n")
    (project / "failing.lua").write_text('print("before")\nerror("boom")\n')


def steady(text):
    """Take out what differs from run to run."""
    return re.sub(r'(duration_ms|cpu_time_ms|memory_bytes)(\\?": ?)[0-9.e-]+', r"\1\g<2>0", text)


@pytest.mark.parametrize("words", LEAN, ids=" ".join)
def test_both_paths_answer_alike(words, scripts, capfd):
    lean = recognise(words)
    assert lean is not None
    lean_status = finish(*lean)
    lean_printed = capfd.readouterr()

    click_status = run_click(words, finish)
    click_printed = capfd.readouterr()

    assert (lean_status, steady(lean_printed.out), steady(lean_printed.err)) == (
        click_status,
        steady(click_printed.out),
        steady(click_printed.err),
    )


@pytest.mark.parametrize("words", CLICK_ONLY, ids=lambda words: " ".join(words) or "nothing")
def test_everything_else_is_left_to_click(words):
    assert recognise(words) is None


def test_kernel_start_with_a_file_is_lean():
    """Jupyter's own command line: it waits for this one."""
    assert recognise(["kernel", "start", "-f", "/tmp/kernel.json"]) is not None


def test_json_output_is_json(capfd):
    call, options = recognise(["tool", "invoke", "calculator", "input=2+2", "--output", "json"])

    assert finish(call, options) == 0
    reply = json.loads(capfd.readouterr().out)
    assert (reply["status"], reply["tool"], reply["result"]["output"]["result"]["result"]) == ("ok", "calculator", 4)
    assert set(reply) == {"status", "tool", "result", "duration_ms"}
