"""`tool list | info | search | invoke | test`: what is printed where, and the exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from llmspell.launch import main
from llmspell_tools.errors import EXIT_STATUS


def answer(words, capsys):
    """Return exit status, stdout and stderr."""
    status = main(words)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_list_prints_names(capsys):
    status, out, err = answer(["tool", "list"], capsys)

    assert (status, err) == (0, "")
    assert "calculator" in out.split()
    assert out.split() == sorted(out.split())


def test_list_as_json_is_an_array_of_names(capsys):
    """As the original."""
    _, out, _ = answer(["tool", "list", "--output", "json"], capsys)

    assert all(isinstance(name, str) for name in json.loads(out))


@pytest.mark.parametrize("words", [["--format", "jsonl"], ["--output", "jsonl"]])
def test_list_as_lines_gives_objects(words, capsys):
    _, out, _ = answer(["tool", "list", *words], capsys)

    first = json.loads(out.splitlines()[0])
    assert set(first) == {"name", "description", "category", "security_level", "version"}


def test_list_detailed_and_pretty(capsys):
    _, out, _ = answer(["tool", "list", "--detailed", "--output", "json"], capsys)
    assert {"safe", "restricted", "privileged"} >= {row["security_level"] for row in json.loads(out)}
    _, out, _ = answer(["tool", "list", "--detailed"], capsys)
    assert any(line.split()[:3] == ["calculator", "utility", "safe"] for line in out.splitlines())
    _, out, _ = answer(["tool", "list", "--format", "pretty"], capsys)
    assert "  • calculator\n" in out
    assert out.rstrip().endswith("tools")


def test_parts_of_lists_can_be_selected(capsys):
    _, out, _ = answer(["tool", "list", "--select", "[?category=='data'].name"], capsys)
    assert "csv-analyzer" in json.loads(out)
    assert answer(["tool", "list", "--select", "[?name=='calculator'].category | [0]"], capsys)[1] == "utility\n"
    assert answer(["tool", "info", "calculator", "--select", "security_level"], capsys)[1] == "safe\n"
    _, out, _ = answer(["tool", "search", "hash", "--detailed"], capsys)
    assert out.split()[:3] == ["hash-calculator", "utility", "restricted"]


def test_a_category_that_does_not_exist_names_those_that_do(capsys):
    status, _, err = answer(["tool", "list", "--category", "nothing"], capsys)
    assert (status, "data, filesystem" in err) == (2, True)
    assert answer(["tool", "list", "--category", "UTILITY"], capsys)[0] == 0


def test_a_command_s_own_format_wins(capsys):
    _, out, _ = answer(["--output", "json", "tool", "list", "--format", "text"], capsys)

    assert "calculator\n" in out


def test_info_shows_the_true_level_and_the_schema(capsys):
    """The original says "safe" of every tool and never includes the schema."""
    _, out, _ = answer(["tool", "info", "file-operations", "--show-schema", "--output", "json"], capsys)
    value = json.loads(out)

    assert (value["status"], value["name"], value["category"]) == ("ok", "file-operations", "filesystem")
    assert (value["security_level"], value["operations"]["read"]) == ("privileged", "restricted")
    assert value["schema"]["properties"]["path"]["type"] == "string"
    assert "list_dir" in value["returns"]["properties"]["operation"]["enum"]


def test_info_shows_both_schemas_as_text(capsys):
    _, out, _ = answer(["tool", "info", "uuid-generator", "--show-schema"], capsys)
    _, _, schemas = out.partition("\nSchema:\n")
    parameters, _, returns = schemas.partition("\nOutput schema:\n")

    assert json.loads(parameters)["properties"]["namespace"]["type"] == "string"
    assert len(json.loads(returns)["anyOf"]) == 3


def test_info_example_can_be_pasted(capsys, project):
    _, out, _ = answer(["tool", "info", "calculator"], capsys)
    command = out.rpartition("Example:\n")[2].strip().splitlines()[0]
    done = subprocess.run(
        ["bash", "-c", command.replace("llmspell", f"{sys.executable} -m llmspell", 1)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_info_fits_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = answer(["tool", "info", "datetime-handler"], capsys)
    prose = out.partition("\nExample:")[0]

    assert max(len(line) for line in prose.splitlines()) <= 40


def test_what_goes_to_another_program_is_never_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("os.isatty", lambda _: False)
    rows = answer(["tool", "list", "--detailed"], capsys)[1]
    assert "..." not in rows

    monkeypatch.setattr("os.isatty", lambda _: True)
    rows = answer(["tool", "list", "--detailed"], capsys)[1]
    assert max(len(row) for row in rows.splitlines()) == 40


def test_a_missing_parameter_says_where_all_are_described(capsys):
    status, _, err = answer(["tool", "invoke", "calculator"], capsys)

    assert (status, err) == (
        2, "Error: Missing required parameter 'input'; `llmspell tool info calculator` describes them all\n"
    )  # fmt: skip


def test_search_finds_by_description_and_parameter(capsys):
    assert "hash-calculator" in answer(["tool", "search", "VERIFY"], capsys)[1]
    assert "hash-calculator" in answer(["tool", "search", "expected_hash"], capsys)[1]
    status, out, err = answer(["tool", "search", "zzzz"], capsys)
    assert (status, out) == (0, "")
    assert "No tool matches" in err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["calculater"], "not_found", "did you mean 'calculator'?"),
        (["calculator", "inptu=1"], "validation_error", "did you mean 'input'?"),
        (["calculator"], "validation_error", "input"),
        (["calculator", "operation=evalate", "input=1"], "validation_error", "did you mean 'evaluate'?"),
        (["calculator", "--params", '{"input": 5}'], "validation_error", "input"),
        (["calculator", "--params", '{"input": '], "validation_error", "line 1 column 11"),
        (["file-operations", "operation=read", "path=/etc/passwd"], "permission_denied", "--allow-read /etc/passwd"),
        (["file-operations", "operation=read", "path=x", "--ceiling", "safe"], "permission_denied", "--ceiling"),
        (["file-operations", "operation=read", "path=missing.txt"], "execution_error", "missing.txt"),
    ],
)
def test_each_mistake_has_its_exit_status_and_reply(words, code, says, capsys):
    status, out, err = answer(["tool", "invoke", *words], capsys)
    assert (status, out) == (EXIT_STATUS[code], "")
    assert err.startswith("Error: ")
    assert says in err
    assert "Traceback" not in err
    status, out, err = answer(["tool", "invoke", *words, "--output", "json"], capsys)
    reply = json.loads(out)
    assert (status, reply["status"], reply["error_type"]) == (EXIT_STATUS[code], "error", code)
    assert says in reply["error"]


def test_a_failure_envelope_exits_1(capsys):
    status, out, _ = answer(["tool", "invoke", "calculator", "input=1 +"], capsys)
    assert (status, json.loads(out)["success"]) == (1, False)
    status, out, err = answer(["tool", "invoke", "calculator", "input=1 +", "--raw"], capsys)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")


@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_a_refusal_inside_an_envelope_exits_as_a_refusal(raw, capsys):
    words = ["tool", "invoke", "file-operations", "operation=write", "path=/etc/llmspell-test", "input=x", *raw]
    status, out, err = answer(words, capsys)

    assert (status, out) == (4, "")
    assert "--allow-write /etc/llmspell-test" in err


def test_info_shows_the_options_inside_an_object(capsys):
    _, out, _ = answer(["tool", "info", "text-manipulator"], capsys)

    assert "      max_length (integer; default 100)\n" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["calculator", "input=2+2"], "4\n"),
        (["calculator", "input=1/4"], "0.25\n"),
        (["text-manipulator", "operation=uppercase", "input=abc"], "ABC\n"),
        (["text-manipulator", "operation=uppercase", "input=a\nb\n"], "A\nB\n"),
        (["hash-calculator", "operation=hash", "input=hello", "algorithm=md5"], "5d41402abc4b2a76b9719d911017c592\n"),
        (["hash-calculator", "operation=verify", "input=hello", "algorithm=md5",
          "expected_hash=5d41402abc4b2a76b9719d911017c592", "--select", "result.verified"], "true\n"),
        (["calculator", "input=2+2", "--select", "result.[result, input]"], '[4.0,"2+2"]\n'),
        (["file-operations", "operation=read", "path=note.txt"], "line one\nline two\n"),
        (["file-operations", "operation=exists", "path=note.txt"], "true\n"),
        (["file-operations", "operation=list_dir", "path=.", "--select", "result.entries[].name"],
         '[".git","note.txt"]\n'),
        (["file-operations", "operation=create_dir", "path=new", "--select", "success"], "true\n"),
    ],
)  # fmt: skip
def test_raw_is_what_a_shell_wants(words, expected, capsys, project):
    (project / "note.txt").write_text("line one\nline two\n", encoding="utf-8")

    assert (0, expected, "") == answer(["tool", "invoke", *words, "--raw"], capsys)


def test_a_selection_of_nothing_says_what_there_is(capsys):
    call = ["tool", "invoke", "calculator", "input=2+2", "--select", "resutl", "--raw"]
    note = "--select 'resutl' gives null; at the top there are: operation, success, result, resource_usage\n"

    assert answer(call, capsys) == (0, "\n", note)


def test_a_sentence_hides_no_result_from_a_person(capsys, monkeypatch):
    call = ["tool", "invoke", "file-operations", "operation=exists", "path=."]
    assert answer(call, capsys)[2] == ""

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "--raw prints what it gave" in answer(call, capsys)[2]
    assert answer([*call, "--raw"], capsys)[1] == "true\n"
    assert answer([*call, "--quiet"], capsys)[2] == ""


def test_select_in_a_text_is_bare_only_for_strings(capsys):
    call = ["tool", "invoke", "hash-calculator", "operation=hash", "input=x", "--select"]
    assert answer([*call, "result.algorithm"], capsys)[1] == "SHA-256\n"
    assert answer([*call, "result.algorithm", "--output", "json"], capsys)[1] == '"SHA-256"\n'
    assert json.loads(answer([*call, "result"], capsys)[1])["format"] == "hex"
    status, _, err = answer([*call, "result.["], capsys)
    assert (status, "jmespath.org" in err) == (2, True)


@pytest.mark.parametrize("style", ["json", "pretty", "jsonl"])
def test_a_reply_has_the_promised_shape(style, capsys):
    _, out, _ = answer(["tool", "invoke", "calculator", "input=2+2", "--output", style], capsys)
    reply = json.loads(out)

    assert set(reply) == {"status", "tool", "result", "duration_ms"}
    assert reply["result"]["output"] == json.loads(reply["result"]["text"])
    assert (style == "jsonl") == (out.count("\n") == 1)


def test_settings_of_the_configuration_reach_the_tool(project, capsys):
    (project / "llmspell.toml").write_text("[tools.calculator]\nmax_chars = 5\n")
    status, _, err = answer(["tool", "invoke", "calculator", "input=1+1+1+1", "--raw"], capsys)

    assert (status, "max_chars" in err) == (1, True)


def test_stream_and_source_of_the_original_are_accepted(capsys):
    assert answer(["tool", "invoke", "calculator", "--params", '{"input":"1"}', "--stream"], capsys)[0] == 0
    assert answer(["tool", "--source", "local", "list"], capsys)[0] == 0


def test_examples_as_json(capsys):
    status, out, _ = answer(["tool", "test", "calculator", "--format", "json"], capsys)
    report = json.loads(out)

    assert (status, report["passed"], report["examples"][0]["passed"]) == (0, True, True)


def test_examples_of_every_tool_hold(capsys):
    """`tool test NAME`: the examples in `tool info` are true."""
    for name in answer(["tool", "list"], capsys)[1].split():
        status, out, _ = answer(["tool", "test", name], capsys)
        assert (status, f"Tool '{name}' test" in out) == (0, True), out


def test_a_failing_example_is_shown(capsys, project):
    (project / "own").mkdir()
    (project / "own" / "greeter.py").write_text(
        "from llmspell_tools.definition import tool\n"
        "@tool(name='greeter', examples=({'description': 'wrong', 'params': {'name': 'a'}, 'result': 'nothing'},))\n"
        "def greeter(*, name: str) -> str:\n"
        "    '''Greet.\n\n    Args:\n        name: Who.\n    '''\n"
        "    return f'hello {name}'\n"
    )
    status, out, _ = answer(["tool", "test", "greeter", "--tools-dir", "own"], capsys)
    assert status == 1
    assert "✗ Tool 'greeter' test failed: 1 of 1 examples" in out
    assert answer(["tool", "invoke", "greeter", "name=you", "--tools-dir", "own", "--raw"], capsys)[1] == "hello you\n"


def test_a_risky_call_is_asked_about(project, capsys):
    (project / "llmspell.toml").write_text("[policy.approvals]\nnot_read_only = 'ask'\n")
    call = ["tool", "invoke", "file-operations", "operation=write", "path=x.txt", "input=hi"]
    status, _, err = answer(call, capsys)
    assert (status, "--yes" in err, (project / "x.txt").exists()) == (4, True, False)

    assert answer([*call, "--yes"], capsys)[0] == 0
    assert (project / "x.txt").read_text() == "hi"


def test_a_refusal_names_the_line_of_its_rule(project, capsys):
    path = project / "llmspell.toml"
    path.write_text("[policy]\ndeny_net = ['x.example']\n\ndeny_read = ['secret']\n")
    words = ["tool", "invoke", "file-operations", "operation=read", "path=secret/a"]

    assert f"{path}:4" in answer(words, capsys)[2]
    path.write_text("[policy.tools.file_operations]\ndeny_read = ['.']\n")
    assert f"{path}:2" in answer(words, capsys)[2]


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        ([], "--allow-read /etc/passwd or [policy] allow_read in ~/.llmspell/config.toml"),
        (["-c", "strict.toml"], "--allow-read /etc/passwd or [policy] allow_read in ~/.llmspell/config.toml"),
        (["--policy", "strict"], "--allow-read /etc/passwd"),
        (["--policy", "p.toml"], "--allow-read /etc/passwd or in the policy file p.toml"),
        (["--policy", "p.json"], "--ceiling restricted or in the policy file p.json"),
        (["--ceiling", "safe"], "--ceiling restricted"),
        (["-c", "safe.toml"], "--ceiling restricted or in safe.toml:2"),
    ],
)
def test_a_refusal_advises_only_what_would_help(words, way_out, project, capsys):
    (project / "strict.toml").write_text("[policy]\npreset = 'strict'\n")
    (project / "safe.toml").write_text("[policy]\nceiling = 'safe'\n")
    (project / "p.toml").write_text("allow_read = ['note.txt']\n")
    (project / "p.json").write_text('{"ceiling": "safe"}')
    status, _, err = answer(["tool", "invoke", "file-operations", "operation=read", "path=/etc/passwd", *words], capsys)

    assert (status, err.rpartition("; ")[2]) == (4, f"allow it with {way_out}\n")


def test_policy_files_and_strict(project, capsys):
    (project / "note.txt").write_text("hi")
    read = ["tool", "invoke", "file-operations", "operation=read", "path=note.txt", "--raw"]
    assert answer([*read, "--policy", "strict"], capsys)[0] == 4
    assert answer([*read, "--policy", "strict", "--allow-read", "."], capsys)[:2] == (0, "hi\n")
    (project / "p.toml").write_text("allow_read = ['note.txt']\n")
    assert answer([*read, "--policy", "p.toml"], capsys)[0] == 0
    (project / "p.toml").write_text("allow_raed = ['note.txt']\n")
    assert answer([*read, "--policy", "p.toml"], capsys)[0] == 1
    (project / "p.json").write_text('{"ceiling": "privileged", "allow": {"read": ["/"]}}')
    assert answer([*read, "--policy", "p.json"], capsys)[0] == 0
    (project / "p.json").write_text("{")
    assert answer([*read, "--policy", "p.json"], capsys)[0] == 1
    assert answer([*read, "--policy", "missing.json"], capsys)[0] == 2
    (project / "p.toml").write_text("allow_raed = ['note.txt']\n")
    status, _, err = answer([*read, "--policy", "p.toml"], capsys)
    assert (status, "p.toml:1: unknown key 'allow_raed'; did you mean 'allow_read'?" in err) == (1, True)
    assert answer([*read, "--policy", "missing.toml"], capsys)[0] == 2


@pytest.mark.parametrize("flag", ["read", "write", "net", "run", "env"])
def test_every_rule_has_both_flags(flag, capsys):
    value = "localhost:80" if flag == "net" else "/usr/bin/true" if flag == "run" else "NAME"
    for verb in ("allow", "deny"):
        assert answer(["tool", "invoke", "calculator", "input=1", f"--{verb}-{flag}", value], capsys)[0] == 0


def test_search_says_what_matched(capsys):
    _, out, _ = answer(["tool", "search", "hash", "file"], capsys)
    assert out.split()[:3] == ["hash-calculator", "name,", "description"]
    _, out, _ = answer(["tool", "search", "regex", "--format", "jsonl"], capsys)
    assert json.loads(out.splitlines()[0])["matched"] == [{"word": "regex", "in": "parameter", "text": "use_regex"}]


def test_search_finds_what_was_meant(capsys):
    status, out, err = answer(["tool", "search", "hsah", "--format", "json"], capsys)

    assert (status, json.loads(out)) == (0, ["hash-calculator"])
    assert err == "No tool matches 'hsah'; these match 'hash':\n"


WRITER = """
import sys, time
from llmspell_tools import files
from llmspell_tools.definition import ToolContext, tool

@tool(name="writer")
def writer(context: ToolContext) -> None:
    'Write, and take long.'
    with files.write_atomic(context.policy, "out.txt", context.tool) as file:
        file.write(b"half")
        file.flush()
        print("begun", file=sys.stderr, flush=True)
        time.sleep(30)
"""


@pytest.mark.subprocess
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_call_and_leaves_nothing_half_written(number, project):
    """Also `timeout 10 llmspell ...`, and a terminal that is closed."""
    (project / "own").mkdir()
    (project / "own" / "writer.py").write_text(WRITER)
    words = ["tool", "invoke", "writer", "--tools-dir", "own"]
    with subprocess.Popen(
        [sys.executable, "-m", "llmspell", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=5)

    assert (process.returncode, out, err) == (128 + number, "", "Interrupted\n")
    assert sorted(os.listdir()) == [".git", "own"]
