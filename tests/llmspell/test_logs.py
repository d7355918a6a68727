"""Logging: `--trace` > `LLMSPELL_LOG` > `RUST_LOG` > `[logging] level`, to stderr, with the original's directives."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from llmspell.launch import main
from llmspell.logs import LEVELS, TRACE, configure, parse
from llmspell_tools.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    before = (root.level, list(root.handlers), {name: logging.getLogger(name).level for name in ("llmspell", "a.b")})
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for name in ("llmspell", "llmspell_kernel", "llmspell_tools", "llmspell_kernel.dispatch", "a.b"):
        logging.getLogger(name).setLevel(before[2].get(name, logging.NOTSET))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("info", {"": 20}),
        ("WARN", {"": 30}),
        ("off", {"": 40}),
        ("llmspell=debug,info", {"llmspell": 10, "": 20}),
        ("llmspell_kernel::dispatch=trace", {"llmspell_kernel.dispatch": TRACE}),
        ("a.b", {"a.b": TRACE}),
        (" info , ", {"": 20}),
    ],
)
def test_directives_are_read(text, expected):
    assert expected == parse(text)


@pytest.mark.parametrize("text", ["a=loud", "a b", "=", "x=debug=y"])
def test_a_directive_that_is_none_is_an_error(text):
    with pytest.raises(ConfigurationError, match=r"LLMSPELL_LOG: .*levels: off, error, warn, info, debug, trace"):
        parse(text, "LLMSPELL_LOG")


def test_the_flag_beats_the_variables_and_they_the_file(monkeypatch):
    monkeypatch.setenv("RUST_LOG", "info")
    configure(None, "error")
    assert logging.getLogger().level == LEVELS["info"]
    monkeypatch.setenv("LLMSPELL_LOG", "debug")
    configure(None)
    assert logging.getLogger().level == LEVELS["debug"]
    configure("error")
    assert logging.getLogger().level == LEVELS["error"]


def test_one_name_speaks_of_all_rooms():
    configure("llmspell=debug")

    assert {logging.getLogger(name).level for name in ("llmspell", "llmspell_kernel", "llmspell_tools")} == {10}


def test_a_wrong_variable_is_an_error_of_the_command(monkeypatch, capsys):
    monkeypatch.setenv("LLMSPELL_LOG", "loud=very")

    assert main(["tool", "list"]) == 1
    assert capsys.readouterr().out == ""


def test_the_configured_level_counts(project, capsys):
    (project / "llmspell.toml").write_text("[logging]\nlevel = 'info'\n")

    assert main(["tool", "list"]) == 0
    assert logging.getLogger().level == LEVELS["info"]


def test_a_traceback_comes_only_with_trace_debug(capsys):
    main(["tool", "invoke", "nothing"])
    assert "Traceback" not in capsys.readouterr().err
    main(["--trace", "debug", "tool", "invoke", "nothing"])
    assert "Traceback" in capsys.readouterr().err


def test_a_run_can_be_followed(capsys):
    words = ["tool", "invoke", "calculator", "input=1+1", "--raw"]
    main(words)
    assert capsys.readouterr() == ("2\n", "")
    main(["--trace", "debug", *words])
    printed = capsys.readouterr()

    assert printed.out == "2\n"
    assert "configuration: the defaults" in printed.err
    assert "calculator begins with input" in printed.err
    assert "calculator done" in printed.err
    assert "1+1" not in printed.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["calculator", "input=1+"], "calculator ended with a failure"),
        (["file-operations", "operation=read", "path=none"], "file-operations failed: execution_error: cannot read"),
    ],
)
def test_a_failed_call_is_logged_at_info(words, says, capsys):
    main(["--trace", "info", "tool", "invoke", *words])
    err = capsys.readouterr().err

    assert says in err
    assert "begins" not in err


@pytest.mark.subprocess
def test_without_a_level_logging_is_not_imported(project):
    code = "import sys; from llmspell.launch import main; main(['tool', 'list']); sys.exit('logging' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)

    assert done.returncode == 0
