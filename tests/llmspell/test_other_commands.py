"""The root command, `version`, `doctor`, `kernel`: help that fits, mistakes that are explained."""

from __future__ import annotations

import json
import stat
import sys

import pytest
from click.testing import CliRunner

from llmspell.cli.main import root
from llmspell.launch import main
from llmspell_tools.version import __version__

COMMANDS = [
    [], ["tool"], ["tool", "list"], ["tool", "info"], ["tool", "search"], ["tool", "invoke"], ["tool", "test"],
    ["run"], ["exec"], ["config"], ["config", "init"], ["config", "show"], ["config", "validate"], ["config", "trust"],
    ["kernel"], ["kernel", "start"], ["kernel", "install"], ["kernel", "uninstall"], ["doctor"], ["version"],
]  # fmt: skip


def answer(words, capsys):
    status = main(words)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "root")
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits_80_columns_and_goes_to_stdout(words, flag, capsys):
    status, out, err = answer([*words, flag], capsys)

    assert (status, err) == (0, "")
    assert out.startswith("Usage: llmspell")
    assert max(len(line) for line in out.splitlines()) <= 80


def test_prose_fits_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = answer(["config", "--help"], capsys)

    assert max(len(line) for line in out.splitlines()) <= 40


def test_click_s_own_runner_sees_the_same_help(capsys):
    result = CliRunner().invoke(root, ["tool", "--help"], prog_name="llmspell")

    assert result.exit_code == 0
    assert result.output.split() == answer(["tool", "--help"], capsys)[1].split()  # the runner is 80 columns wide


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tol"], "No such command 'tol'; did you mean 'tool'?"),
        (["tool", "invok"], "did you mean 'invoke'?"),
        (["kernel", "strat"], "did you mean 'start'?"),
        (["tool", "list", "--formt", "json"], "--format"),
        (["tool", "list", "--output", "xml"], "'xml' is not one of"),
        (["tool", "invoke"], "Missing argument"),
        (["tool", "invoke", "calculator", "--input", "2+2"], "written without dashes: input=VALUE"),
        (["run"], "Missing argument 'SCRIPT'"),
        (["tool", "invoke", "calculator", "--timeout", "soon"], "'soon' is no time in seconds"),
        (["kernel", "install", "--user", "--prefix", "x"], "exclude each other"),
    ],
)
def test_a_usage_error_exits_2_and_helps(words, says, capsys):
    status, out, err = answer(words, capsys)

    assert (status, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_nothing_at_all_is_help(capsys):
    status, out, _ = answer([], capsys)

    assert (status, out.startswith("Usage: llmspell")) == (0, True)


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["version"], ["version", "--client"]])
def test_the_version_is_the_distribution_s(words, capsys):
    assert answer(words, capsys) == (0, f"llmspell {__version__}\n", "")


def test_version_short_and_as_json(capsys):
    assert answer(["version", "--short"], capsys)[1] == f"{__version__}\n"
    value = json.loads(answer(["version", "--verbose", "--output", "json"], capsys)[1])
    assert (value["version"], value["lua"][:7]) == (__version__, "Lua 5.4")
    assert value["interrupt"]
    assert "lupa" not in json.loads(answer(["version", "-v", "--component", "kernel", "--format", "json"], capsys)[1])


def test_doctor_looks_at_everything(capsys):
    status, out, _ = answer(["doctor", "--output", "json"], capsys)
    report = json.loads(out)
    seen = {row["check"] for row in report["checks"]}

    assert seen == {
        "python",
        "libraries",
        "lua",
        "kernelspec",
        "jupyter",
        "home",
        "config",
        "policy",
        "tools",
        "terminal",
    }
    assert (status == 0) == report["healthy"]
    assert all(row["fix"] for row in report["checks"] if row["status"] == "fail")


def test_doctor_prints_the_fix(project, tmp_path, capsys):
    home = tmp_path / "home/.llmspell"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    (project / "llmspell.toml").write_text("[policy]\nallow_read = ['/etc']\n")
    status, out, _ = answer(["doctor"], capsys)

    assert status == 1
    assert f"fix: chmod 700 {home}" in out
    assert "fix: llmspell config trust" in out


def test_doctor_names_a_kernelspec_whose_interpreter_is_gone(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "j"))
    folder = tmp_path / "j/kernels/llmspell"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text('{"argv": ["/gone/python"]}')

    assert "its interpreter /gone/python is gone" in answer(["doctor"], capsys)[1]


@pytest.mark.parametrize(("content", "says"), [("{", "kernel.json cannot be read"), ('{"argv": []}', "cannot be read")])
def test_doctor_names_a_kernelspec_that_cannot_be_read(content, says, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "j"))
    folder = tmp_path / "j/kernels/llmspell"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(content)

    assert says in answer(["doctor"], capsys)[1]


def test_doctor_sees_own_tools_and_those_that_do_not_load(project, capsys):
    (project / "own").mkdir()
    (project / "own" / "bad.py").write_text("raise RuntimeError('no')\n")
    status, out, _ = answer(["doctor", "--tools-dir", "own"], capsys)

    assert (status, "bad.py" in out) == (1, True)


def test_doctor_names_variables_that_set_nothing(capsys, monkeypatch):
    monkeypatch.setenv("LLMSPELL_LUA_TIMEOUT_SECNDS", "5")
    monkeypatch.setenv("LLMSPELL_LOG", "warn")
    _, out, _ = answer(["doctor"], capsys)

    assert "LLMSPELL_LUA_TIMEOUT_SECNDS sets nothing; did you mean 'LLMSPELL_LUA_TIMEOUT_SECONDS'?" in out
    assert "LLMSPELL_LOG sets" not in out


def test_doctor_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    rows = answer(["doctor"], capsys)[1].splitlines()

    assert all(row.startswith(("ok  ", "warn", "fail", " " * 20)) for row in rows)
    assert all(len(row) <= 60 or " " not in row[20:].strip() for row in rows)


def test_doctor_without_a_home_says_what_to_set(capsys, monkeypatch):
    monkeypatch.setattr("llmspell.places.home", lambda: None)

    assert "export LLMSPELL_HOME=" in answer(["doctor"], capsys)[1]


def test_kernel_install_and_uninstall(tmp_path, capsys):
    status, out, _ = answer(["kernel", "install", "--prefix", str(tmp_path / "p"), "--output", "json"], capsys)
    folder = json.loads(out)["installed"]
    with open(f"{folder}/kernel.json", encoding="utf-8") as file:
        spec = json.load(file)

    assert (status, spec["argv"][0], spec["argv"][1:]) == (
        0, sys.executable, ["-m", "llmspell", "kernel", "start", "-f", "{connection_file}"],
    )  # fmt: skip
    assert answer(["kernel", "uninstall", "--prefix", str(tmp_path / "p")], capsys)[:2] == (0, f"Removed {folder}\n")
    assert answer(["kernel", "uninstall", "--prefix", str(tmp_path / "p")], capsys)[0] == 1


def test_kernel_install_goes_to_the_user_s_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))

    assert answer(["kernel", "install"], capsys)[0] == 0
    assert (tmp_path / "data/kernels/llmspell/kernel.json").exists()
    assert "data/kernels/llmspell" in answer(["doctor"], capsys)[1]


@pytest.mark.parametrize("flag", ["--daemon", "--idle-timeout=5", "--log-file=x"])
def test_flags_of_daemons_say_that_they_are_not_there_yet(flag, capsys):
    status, _, err = answer(["kernel", "start", flag], capsys)

    assert (status, "not available yet" in err) == (3, True)


def test_what_a_launcher_appends_for_the_kernel_is_ignored(monkeypatch, capsys):
    """`jupyter run script.lua` starts a kernel with its own words behind the kernelspec's."""
    from llmspell.actions import kernel as actions

    started = []
    monkeypatch.setattr(actions, "start", lambda _, **given: started.append(given["connection_file"]) or 0)

    assert answer(["kernel", "start", "-f", "k.json", "script.lua"], capsys)[0] == 0
    assert answer(["kernel", "start", "script.lua"], capsys)[0] == 2
    assert started == ["k.json"]


def test_a_kernel_id_is_a_plain_name(capsys):
    assert answer(["kernel", "start", "--id", "../x"], capsys)[0] == 2


def test_kernel_files_are_the_owner_s_only(tmp_path):
    from llmspell.actions.kernel_files import own_connection_file

    path = own_connection_file("one")
    assert path == str(tmp_path / "home/.llmspell/kernels/one.json")
    assert stat.S_IMODE((tmp_path / "home/.llmspell/kernels").stat().st_mode) == 0o700


def test_colour_never_reaches_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in (["--help"], ["tool", "list"], ["tol"], ["doctor"]):
        assert "\x1b" not in "".join(map(str, answer(words, capsys)))
