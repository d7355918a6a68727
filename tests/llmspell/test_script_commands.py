"""`run` and `exec`: output, arguments, errors with their line, limits, signals."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from llmspell.launch import main

LLMSPELL = [sys.executable, "-m", "llmspell"]


def answer(words, capfd):
    status = main(words)
    printed = capfd.readouterr()
    return status, printed.out, printed.err


@pytest.fixture
def script(project):
    def write(code):
        (project / "script.lua").write_text(code, encoding="utf-8")
        return "script.lua"

    return write


def test_a_script_prints_and_returns(script, capfd):
    script('print("one", 2)\nreturn {three = 3}')

    assert (0, 'one\t2\n{\n  "three": 3\n}\n', "") == answer(["run", "script.lua"], capfd)


def test_a_returned_string_is_printed_as_it_is(script, capfd):
    assert answer(["run", script("return 'plain'")], capfd)[1] == "plain\n"
    assert answer(["run", script("return nil")], capfd)[1] == ""


def test_arguments_reach_the_script_under_both_keys(script, capfd):
    script('print(ARGS["0"], ARGS[1], ARGS["1"], ARGS.k, ARGS.flag, arg[0], #arg)')
    _, out, _ = answer(["run", "script.lua", "--", "a", "--k", "v", "--flag"], capfd)

    assert out.split("\t")[1:5] == ["a", "a", "v", "true"]


def test_the_json_object_has_the_original_s_fields(script, capfd):
    script('print("one")\nprint("two")\nreturn {a = 1}')
    _, out, _ = answer(["run", "script.lua", "--output", "json", "--", "x", "y"], capfd)

    assert json.loads(out) == {
        "status": "ok", "mode": "embedded", "script_length": 40, "args_count": 2, "streaming": False,
        "result": 'one\ntwo\n{"a":1}', "value": {"a": 1},
    }  # fmt: skip


def test_a_failing_script_shows_the_line(script, capfd):
    script('print("before")\nlocal function f()\n  error("boom")\nend\nf()')
    status, out, err = answer(["run", "script.lua"], capfd)
    assert (status, out) == (1, "before\n")
    assert "script.lua:3: boom" in err
    assert '3 | error("boom")' in err
    status, out, _ = answer(["run", "script.lua", "--output", "json"], capfd)
    reply = json.loads(out)
    assert (status, reply["status"], reply["result"], reply["error_type"]) == (1, "error", "before", "script_error")


def test_a_script_that_does_not_compile_shows_the_line(script, capfd):
    status, out, err = answer(["run", script("print(1)\nlocal x = = 2")], capfd)

    assert (status, out) == (1, "")
    assert "script.lua:2:" in err


@pytest.mark.parametrize("words", [["run", "missing.lua"], ["run", "."], ["run", "missing.lua", "--yes"]])
def test_a_script_that_cannot_be_read_exits_2(words, capfd):
    status, out, err = answer(words, capfd)

    assert (status, out) == (2, "")
    assert words[1] in err
    status, out, _ = answer([*words, "--output", "json"], capfd)
    assert (status, json.loads(out)["error_type"]) == (2, "file_not_found")


def test_an_option_for_the_script_stands_after_two_dashes(script, capfd):
    status, _, err = answer(["run", script("print(1)"), "--name", "x"], capfd)

    assert (status, "llmspell run SCRIPT -- --name" in err) == (2, True)


def test_the_exit_code_is_the_script_s(script, capfd):
    assert answer(["run", script("print('bye') os.exit(7)")], capfd)[:2] == (7, "bye\n")


@pytest.mark.parametrize(
    "code",
    ["while true do end", "while true do pcall(function() while true do end end) end",
     "coroutine.wrap(function() while true do end end)()"],
)  # fmt: skip
def test_an_endless_loop_ends_at_its_timeout(code, script, capfd):
    status, _, err = answer(["run", script(code), "--timeout", "0.2"], capfd)

    assert (status, "Error: " in err) == (124, True)


def test_the_configured_timeout_holds(project, script, capfd):
    (project / "llmspell.toml").write_text("[lua]\ntimeout_seconds = 0.2\n")

    assert answer(["run", script("while true do end")], capfd)[0] == 124


def test_exec_prints_the_value_of_an_expression(capfd):
    assert answer(["exec", "6 * 7"], capfd) == (0, "42\n", "")
    assert answer(["exec", "local x = 1"], capfd) == (0, "", "")
    assert answer(["exec", "error('no')"], capfd)[0] == 1


def test_standard_input_is_a_script_too(capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"print('from stdin', ...)")))

    assert answer(["run", "-", "a"], capfd)[1].startswith("from stdin")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["run", "x.lua", "--engine", "python"], 3),
        (["run", "x.lua", "--engine", "js"], 3),
        (["exec", "1", "--connect", "no-such-kernel"], 3),
        (["run", "x.lua", "--engine", "cobol"], 2),
        (["exec", "1", "--engine", "lua", "--stream"], 0),
    ],
)
def test_engines_that_are_not_there_say_so(words, status, capfd):
    assert answer(words, capfd)[0] == status


def test_the_engine_variable_counts(capfd, monkeypatch):
    monkeypatch.setenv("LLMSPELL_ENGINE", "javascript")
    status, _, err = answer(["exec", "1"], capfd)

    assert (status, "not available yet" in err) == (3, True)


def test_a_denial_inside_a_script_names_the_flag(script, capfd):
    code = 'print(Tool.execute("file-operations", {operation = "read", path = "/etc/hostname"}).text)'
    _, _, err = answer(["run", script(code)], capfd)
    assert "--allow-read /etc/hostname" in err
    assert answer(["run", "script.lua", "--allow-read", "/etc/hostname"], capfd)[0] == 0


@pytest.mark.subprocess
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_an_endless_loop(number, status, script):
    """Ctrl-C stops within half a second; here: within the 5 s that every wait is bounded by."""
    script('print("started")\nwhile true do pcall(function() while true do end end) end')
    process = subprocess.Popen([*LLMSPELL, "run", "script.lua"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=5)

    assert (process.returncode, b"Traceback" in err, b"Interrupted" in err) == (status, False, True)


@pytest.mark.subprocess
def test_prints_arrive_while_the_script_runs(script):
    script('print("first")\nlocal line = io.read("l")\nprint("then " .. line)')
    process = subprocess.Popen([*LLMSPELL, "run", "script.lua"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"first\n"

    assert process.communicate(b"input\n", timeout=5)[0] == b"then input\n"


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "words", [["run", "script.lua"], ["tool", "list", "--detailed", "--format", "json"], ["tool", "invoke", "--help"]]
)
def test_a_reader_that_leaves_is_no_error(words, script):
    """`| head`: quiet, and over soon, even where the script would print for ever."""
    script("while true do print(('x'):rep(100)) end")
    read_end, write_end = os.pipe()
    process = subprocess.Popen([*LLMSPELL, *words], stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    os.read(read_end, 10)
    os.close(read_end)
    begin = time.monotonic()
    _, err = process.communicate(timeout=10)

    assert (err, process.returncode in {0, 141}) == (b"", True)
    assert time.monotonic() - begin < 10


@pytest.mark.subprocess
@pytest.mark.parametrize("words", [["tool", "list"], ["exec", "print(1)"], ["version"]])
def test_a_full_disk_is_an_error(words):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([*LLMSPELL, *words], stdout=full, stderr=subprocess.PIPE, timeout=30, check=False)

    assert (done.returncode, b"Error: cannot write the output: No space left" in done.stderr) == (1, True)


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "variables", [{}, {"LC_ALL": "C"}, {"HOME": "/nonexistent"}, {"HOME": "/proc"}, {"LC_ALL": "POSIX", "TERM": "dumb"}]
)
def test_a_poor_environment_is_enough(variables, project):
    done = subprocess.run(
        [*LLMSPELL, "exec", "print('héllo')"], env=variables, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=30, check=False,
    )  # fmt: skip

    assert done.stdout.startswith("héllo\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.subprocess
def test_bytes_that_are_no_text_pass_through(script, project):
    (project / "script.lua").write_bytes(b'print("\xff\xfe")')
    done = subprocess.run([*LLMSPELL, "run", "script.lua"], capture_output=True, timeout=30, check=False)

    assert done.stdout == b"\xff\xfe\n"


def test_what_a_tool_in_python_prints_stays_out_of_the_json(script, project, capfd):
    (project / "own").mkdir()
    (project / "own" / "loud.py").write_text(
        "from llmspell_tools.definition import tool\n\n"
        "@tool(name='loud')\ndef loud() -> int:\n    'Count.'\n    print('noise')\n    return 1\n"
    )
    script("return Tool.execute('loud', {}).data")

    status, out, err = answer(["run", "script.lua", "--tools-dir", "own", "--output", "json"], capfd)

    assert (status, json.loads(out)["value"]) == (0, 1)
    assert err == "noise\n"


@pytest.mark.subprocess
def test_bytes_that_are_no_text_stay_json(script, project):
    (project / "script.lua").write_bytes(b'print("\xff")')
    done = subprocess.run(
        [*LLMSPELL, "--output", "jsonl", "run", "script.lua"], env={**os.environ, "LC_ALL": "C"}, capture_output=True,
        timeout=30, check=False,
    )  # fmt: skip

    assert json.loads(done.stdout.decode("ascii"))["result"] == "\udcff"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_returned_table_has_its_keys_in_order(style, script, capfd):
    keys = [f"key{number}" for number in range(20)]
    table = ", ".join(f"{key} = {{b = 1, a = 2}}" for key in keys)
    _, out, _ = answer(["run", script(f"return {{{table}}}"), "--output", style], capfd)
    value = json.loads(out) if style == "text" else json.loads(out)["value"]

    assert list(value) == sorted(keys)
    assert all(list(inner) == ["a", "b"] for inner in value.values())


def test_a_binary_file_is_refused_without_harm_to_the_terminal(project, capfd):
    (project / "script.lua").write_bytes(b"\x7fELF\x1b[2J\x00\xff" * 100)
    status, _, err = answer(["run", "script.lua"], capfd)

    assert status == 1
    assert all(letter.isprintable() or letter == "\n" for letter in err)
    assert max(len(line) for line in err.splitlines()) < 220


def test_a_stack_overflow_is_told_once(script, capfd):
    _, _, err = answer(["run", script("local function f() return 1 + f() end\nf()")], capfd)

    assert "stack overflow" in err
    assert " times)" in err
    assert len(err.splitlines()) < 12


def test_a_timeout_says_how_long_and_how_to_get_more(script, capfd):
    status, _, err = answer(["run", script("while true do end"), "--timeout", "0.2"], capfd)

    assert status == 124
    assert err.startswith("Error: stopped after 0.2 s; --timeout or [lua] timeout_seconds gives it more time\n")


def test_a_script_in_a_removed_folder_is_not_found(project, capfd):
    gone = project / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()

    status, _, err = answer(["run", "script.lua"], capfd)
    assert (status, err) == (2, "Error: script 'script.lua' does not exist\n")


def test_a_closed_standard_input_holds_no_script(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdin", None)

    assert answer(["run", "-"], capfd) == (2, "", "Error: cannot read the script: standard input is closed\n")


def test_a_wrong_configuration_is_a_json_answer_too(script, capfd):
    status, out, _ = answer(["run", script("return 1"), "-c", "missing.toml", "--output", "json"], capfd)
    report = json.loads(out)

    assert (status, report["status"], report["error_type"]) == (2, "error", "configuration_error")
