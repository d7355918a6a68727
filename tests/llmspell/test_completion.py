"""What may come next on a command line, asked as a shell's script asks; `test_shell_completion` really presses TAB."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from llmspell.cli.completion import split
from llmspell.launch import main


@pytest.fixture
def offered(monkeypatch, capsys):
    """Return a function that gives the texts that may take the last word's place."""

    def ask(*words, shell="zsh"):
        monkeypatch.setenv("_LLMSPELL_COMPLETE", f"{shell}_complete")
        assert main(words) == 0
        return [line.split("\t") for line in capsys.readouterr().out.splitlines() if not line.startswith("skip")]

    return ask


def texts(rows):
    return [row[1] for row in rows]


def test_commands_come_with_a_line_of_help(offered):
    rows = offered("")

    assert ["plain", "tool", "List, describe, search and call tools."] in rows
    assert "completion" in texts(rows)


def test_options_come_where_a_dash_is_typed(offered):
    found = texts(offered("tool", "invoke", "calculator", "--"))

    assert {"--params", "--timeout", "--allow-read", "--output"} <= {*found}
    assert "--stream" not in found


def test_parameters_come_with_those_first_that_are_needed(offered):
    assert texts(offered("tool", "invoke", "calculator", "")) == ["input=", "operation=", "variables:="]
    needed = texts(offered("tool", "invoke", "hash-calculator", "operation=verify", ""))
    assert needed[0] == "expected_hash="
    assert "operation=" not in needed


def test_a_parameter_given_by_another_name_is_not_offered_again(offered):
    assert texts(offered("tool", "invoke", "calculator", "expression=1", "")) == ["operation=", "variables:="]


def test_what_a_new_tool_may_be_is_offered(offered):
    assert texts(offered("tool", "new", "greet", "--level", "")) == ["safe", "restricted", "privileged"]
    assert texts(offered("tool", "new", "greet", "--category", "u")) == ["utility"]


def test_other_names_of_parameters_come_where_no_name_fits(offered):
    assert texts(offered("tool", "invoke", "calculator", "expr")) == ["expression="]


def test_parameters_say_what_they_are(offered):
    assert offered("tool", "invoke", "calculator", "vari") == [["part", "variables:=", 'Numbers by name, as {"x": 3}']]


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("operation=", ["evaluate", "validate", "functions"]), ("operation:=", []), ("action=f", ["functions"]),
        ("input=", []), ("nonsense=", []), ("operation=x", []),
    ],
)  # fmt: skip
def test_values_of_a_parameter(offered, word, values):
    found = [text.partition("=")[2] or text for text in texts(offered("tool", "invoke", "calculator", word))]

    assert found == values


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["tool", "invoke", "csv-analyzer", "input_file=d"], "file"),
        (["tool", "invoke", "csv-analyzer", "path=d"], "file"),
        (["tool", "invoke", "process-executor", "working_directory=d"], "dir"),
        (["tool", "invoke", "calculator", "input=@d"], "file"),
        (["tool", "invoke", "calculator", "--params", "@d"], "file"),
        (["tool", "list", "--config", "d"], "file"),
        (["tool", "list", "--allow-read", "d"], "file"),
        (["run", "d"], "script"),
        (["run", "a.lua", "d"], "file"),
    ],
)
def test_paths_are_left_to_the_shell(offered, words, kind):
    assert [row[0] for row in offered(*words)] == [kind]


def test_fish_is_given_paths_as_words(offered, project):
    (project / "data").mkdir()
    (project / "day.txt").write_text("")
    (project / ".dark").write_text("")

    assert offered("tool", "invoke", "csv-analyzer", "input_file=da", shell="fish") == [
        ["input_file=data/"], ["input_file=day.txt"]
    ]  # fmt: skip
    assert offered("tool", "list", "--tools-dir", "da", shell="fish") == [["data/"]]
    assert offered("run", "", shell="fish") == [["data/"]]
    assert offered("run", "missing/", shell="fish") == []


def test_own_tools_are_offered_and_not_run(offered, project):
    (project / "own").mkdir()
    (project / "own" / "one.py").write_text(
        "import llmspell_tools.definition as d\nopen('was-run', 'w')\n"
        "@d.tool(name='My_Own')\ndef my_own(context, *, flag: bool, table: dict[str, int], kind: 'x' = 1):\n    'Do.'\n"
    )
    (project / "own" / "broken.py").write_text("def (:\n")
    (project / "own" / "zero.py").write_bytes(b"\0")

    assert texts(offered("tool", "invoke", "--tools-dir", "own", "my")) == ["my-own"]
    assert texts(offered("tool", "--tools-dir", "x", "invoke", "my")) == []
    assert texts(offered("tool", "invoke", "--tools-dir", "own", "my-own", "")) == ["flag=", "table:=", "kind="]
    assert texts(offered("tool", "invoke", "--tools-dir", "own", "my-own", "flag=f")) == ["false"]
    assert not (project / "was-run").exists()


def test_a_broken_configuration_is_no_matter_of_completion(offered, project):
    (project / "llmspell.toml").write_text("[[[")

    assert texts(offered("tool", "info", "calc")) == ["calculator"]


def test_names_of_things(offered, monkeypatch):
    monkeypatch.setenv("MY_VARIABLE", "1")

    assert texts(offered("tool", "search", "x", "--category", "D")) == ["data"]
    assert texts(offered("--profile", "mi")) == ["minimal"]
    assert texts(offered("tool", "list", "--allow-env", "MY_VAR")) == ["MY_VARIABLE"]
    assert texts(offered("tool", "list", "--ceiling", "s")) == ["safe"]
    assert texts(offered("config", "show", "lu")) == ["lua"]
    assert [row[:2] for row in offered("tool", "list", "--policy", "s")] == [["plain", "strict"], ["file", "s"]]
    assert texts(offered("completion", "z")) == ["zsh"]


@pytest.mark.parametrize(
    "words", [[], ["no", "such", "thing"], ["tool", "nothing", ""], ["tool", "invoke", "none", "x"]]
)
def test_a_line_that_makes_no_sense_is_no_failure(offered, words):
    offered(*words)


@pytest.mark.parametrize("value", ["", "bash", "tcsh_complete", "bash_other"])
def test_a_question_of_no_known_shell_is_refused(value, monkeypatch, capsys):
    monkeypatch.setenv("_LLMSPELL_COMPLETE", value)

    assert main(["tool"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_comes_by_both_ways(shell, monkeypatch, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    monkeypatch.setenv("_LLMSPELL_COMPLETE", f"{shell}_source")
    main([])

    assert f"_LLMSPELL_COMPLETE={shell}_complete" in printed
    assert capsys.readouterr().out == printed


def test_help_says_where_the_script_goes(capsys):
    main(["completion", "--help"])

    printed = capsys.readouterr().out
    for place in ("bash-completion/completions", "fpath", "fish/completions/llmspell.fish"):
        assert place in printed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", [""]), ("a", ["a"]), ("a ", ["a", ""]), (" a  b", ["a", "b"]), ("a 'b c", ["a", "b c"]),
        ("a 'b'\"c d\"e", ["a", "bc de"]), (r"a b\ c", ["a", "b c"]), (r'a "b\"c\d"', ["a", r'b"c\d']),
        (r"a 'b\'", ["a", "b\\"]), ("a ''", ["a", ""]), ("a '' b", ["a", "", "b"]), ("a\\", ["a"]),
    ],
)  # fmt: skip
def test_a_line_is_split_as_the_shell_does(line, words):
    assert split(line) == words


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "words", [["tool", "invoke", "ca"], ["tool", "invoke", "calculator", "o"], ["kernel", ""], [""]]
)
def test_completing_imports_no_tool_no_zmq_and_no_lua(words, project):
    code = (
        "import os, sys; os.environ['_LLMSPELL_COMPLETE'] = 'zsh_complete'\n"
        "from llmspell.launch import main\n"
        "main(sys.argv[1:])\n"
        "print('|', *(n for n in sys.modules if n.startswith(('llmspell_tools.builtin.', 'zmq', 'lupa', 'tomllib'))))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.rpartition("|")[2].strip() == ""


def test_the_parameters_of_a_notebook_are_offered(offered, project):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["n = 3 -- how many\n", "name = 'x'"]}
    (project / "a.ipynb").write_text(json.dumps({"cells": [{"metadata": {}, "source": ""}, cell]}))
    (project / "b.ipynb").write_text("[]")

    assert texts(offered("notebook", "run", "a.ipynb", "-p", "n")) == ["n=", "name="]
    assert offered("notebook", "run", "a.ipynb", "-p", "n")[0][2] == "how many (3)"
    assert texts(offered("notebook", "run", "b.ipynb", "-p", "n")) == []
    assert offered("notebook", "run", "")[0][0] == "file"
