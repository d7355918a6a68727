"""Own tools through every door: command line, Lua, Python and a real kernel; and `tool new`.

Three sources give the same tool: a distribution that pip installed, a folder of `--tools-dir`, a folder that a
configuration file names (issue 3, "Own tools").
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient

from llmspell.launch import main

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [str(ROOT / room) for room in ("llmspell", "kernel", "tools")]
WAIT_S = 5.0
GREETER = '''
from __future__ import annotations

from typing import Literal

import llmspell
from llmspell_tools.definition import ToolContext
from llmspell_tools.errors import InvalidParameters

print("greeter is being loaded")


@llmspell.tool(
    name="greeter",
    category="utility",
    settings={"greeting": "Hello"},
    examples=({"description": "Greet Ada", "params": {"name": "Ada"}, "result": {"text": "Hello, Ada!"}},),
)
def greeter(context: ToolContext, *, name: str, mood: Literal["calm", "glad"] = "glad") -> dict[str, object]:
    """Greet somebody.

    Args:
        name: Whom.
        mood: How.
    """
    context.check()
    if not name:
        raise InvalidParameters("nobody is there to be greeted", field="name")
    end = "!" if mood == "glad" else "."
    return {"text": f"{context.settings['greeting']}, {name}{end}", "depth": context.depth}
'''


@pytest.fixture(autouse=True)
def _leave_nothing_in_the_interpreter(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    yield
    for name in {*sys.modules} - before:
        if name.startswith(("llmspell_own_tools.", "greeter_dist")):
            del sys.modules[name]


class Source:
    """Where the tool comes from: words for the command line, variables for a process."""

    def __init__(self, words=(), **environment):
        self.words = [*words]
        self.environment = {**os.environ, **environment}
        self.environment["PYTHONPATH"] = os.pathsep.join([*environment.get("PYTHONPATH", "").split(":"), *ROOMS])

    def process(self, *words):
        return subprocess.run(
            [sys.executable, *words],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def wheel(folder):
    """Write the wheel of a distribution with one tool, as a build backend would, and return its path."""
    files = {
        "greeter_dist/__init__.py": "",
        "greeter_dist/tools.py": GREETER,
        "greeter_dist-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter-dist\nVersion: 1.0\n",
        "greeter_dist-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "greeter_dist-1.0.dist-info/entry_points.txt": "[llmspell.tools]\ngreeter = greeter_dist.tools:greeter\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, "greeter_dist-1.0.dist-info/RECORD"])
    path = folder / "greeter_dist-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "greeter_dist-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder that pip has installed the distribution into."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    words = ["--no-compile", "--target", str(folder), str(wheel(tmp_path_factory.mktemp("wheel")))]
    subprocess.run([*pip, *words], check=True, timeout=60)
    return str(folder)


@pytest.fixture(params=["entry point", "folder", "config"])
def source(request, tmp_path, monkeypatch):
    if request.param == "entry point":
        site = request.getfixturevalue("installed")
        monkeypatch.syspath_prepend(site)
        return Source(PYTHONPATH=site)
    folder = tmp_path / "tools-of-mine"
    folder.mkdir()
    (folder / "greeter.py").write_text(GREETER, encoding="utf-8")
    if request.param == "folder":
        return Source(["--tools-dir", str(folder)])
    home = tmp_path / "home/.llmspell"
    home.mkdir()
    (home / "config.toml").write_text("[tools]\ndirectories = ['../../tools-of-mine']\n", encoding="utf-8")
    return Source()


def said(words, capsys):
    """Return status, stdout and stderr of a command line."""
    status = main(words)
    out, err = capsys.readouterr()
    return status, out, err


# --- every door -------------------------------------------------------------------------------------------------------


@pytest.mark.subprocess
def test_the_command_line_lists_describes_calls_and_tests_it(source, capsys):
    assert "greeter\n" in said(["tool", "list", *source.words], capsys)[1]
    assert "greeter" in json.loads(said(["tool", "list", "--output", "json", *source.words], capsys)[1])
    assert "Whom." in said(["tool", "info", "greeter", *source.words], capsys)[1]
    described = json.loads(said(["tool", "info", "greeter", "--format", "json", *source.words], capsys)[1])
    assert described["description"] == "Greet somebody."
    answer = said(["tool", "invoke", "greeter", "name=Bo", "mood=calm", "--output", "json", *source.words], capsys)
    assert answer[0] == 0
    assert json.loads(answer[1])["result"]["output"] == {"text": "Hello, Bo.", "depth": 1}
    assert said(["tool", "test", "greeter", *source.words], capsys)[:2] == (0, "✓ Tool 'greeter' test successful\n")
    assert said(["tool", "search", "greet", *source.words], capsys)[1].startswith("greeter")


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("words", "status"), [(["name="], 2), (["nam=Bo"], 2), (["name=Bo", "mood=odd"], 2), (["--timeout", "5"], 2)]
)
def test_its_failures_are_those_of_any_tool(source, words, status, capsys):
    assert said(["tool", "invoke", "greeter", *words, *source.words], capsys)[0] == status


@pytest.mark.subprocess
def test_lua_calls_it(source, capsys):
    code = "Tool.execute('greeter', {name = 'Lua'}).text .. ' ' .. Tool.get('greeter').description"
    status, out, _ = said(["exec", code, *source.words], capsys)

    assert status == 0
    assert "Hello, Lua!" in out
    assert "Greet somebody." in out


@pytest.mark.subprocess
@pytest.mark.parametrize("source", ["entry point", "config"], indirect=True)
def test_python_calls_it(source):
    program = (
        "import llmspell; print(llmspell.invoke('greeter', name='Python').output['text'],"
        " 'greeter' in [tool.name for tool in llmspell.tools('utility')])"
    )

    assert source.process("-c", program).stdout == "Hello, Python! True\n"


@pytest.mark.subprocess
def test_what_it_prints_while_it_is_loaded_does_not_mix_with_json(source, capfd):
    assert main(["tool", "invoke", "greeter", "name=Bo", "--output", "json", *source.words]) == 0
    out, err = capfd.readouterr()

    assert json.loads(out)["status"] == "ok"
    assert err == "greeter is being loaded\n"


class Kernel:
    """A kernel process with own tools, and its client."""

    def __init__(self, source, folder):
        file = str(folder / "connection.json")
        words = ["-m", "llmspell", "kernel", "start", "-f", file, *source.words]
        environment = {key: value for key, value in source.environment.items() if key != "JPY_PARENT_PID"}
        self.process = subprocess.Popen([sys.executable, *words], env=environment, stderr=subprocess.PIPE, text=True)
        self.client = BlockingKernelClient(connection_file=file)
        try:
            self._connect(file)
        except BaseException:
            self.close()
            raise

    def _connect(self, file):
        assert self.process.stderr is not None
        while not os.path.exists(file):
            assert self.process.poll() is None, self.process.stderr.read()
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def tool(self, command, **content):
        message = self.client.session.msg("tool_request", {"command": command, **content})
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.shell_channel.get_msg(timeout=WAIT_S)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                return reply["content"]

    def cell(self, code):
        """Run a cell; return its text and what it wrote to standard error."""
        shown = {"stderr": "", "text": None}

        def note(message):
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stderr":
                shown["stderr"] += content["text"]
            elif message["msg_type"] == "execute_result":
                shown["text"] = content["data"]["text/plain"]

        reply = self.client.execute_interactive(code, output_hook=note, timeout=WAIT_S)
        assert reply["content"]["status"] == "ok", reply["content"]
        return shown["text"], shown["stderr"]

    def close(self):
        self.client.stop_channels()
        self.client.context.destroy(0)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=WAIT_S)


@pytest.mark.subprocess
def test_a_kernel_calls_it_by_message_and_from_a_cell(source, tmp_path):
    kernel = Kernel(source, tmp_path)
    try:
        assert "greeter" in kernel.tool("list")["tools"]
        assert kernel.tool("info", name="greeter")["description"] == "Greet somebody."
        assert kernel.tool("invoke", name="greeter", params={"name": "K"})["result"]["output"]["text"] == "Hello, K!"
        assert kernel.tool("invoke", name="greeter", params={"name": ""})["error_type"] == "validation_error"
        assert kernel.tool("test", name="greeter")["success"] is True
        assert kernel.cell("Tool.invoke('greeter', {name = 'cell'}).data.text")[0] == '"Hello, cell!"'
    finally:
        kernel.close()


@pytest.mark.subprocess
def test_a_kernel_takes_changed_files_over_and_says_what_broke(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    file = folder / "greeter.py"
    file.write_text(GREETER, encoding="utf-8")
    ask = "Tool.invoke('greeter', {name = 'X'}).data.text"
    kernel = Kernel(Source(["--tools-dir", str(folder)]), tmp_path)
    try:
        assert kernel.cell(ask) == ('"Hello, X!"', "greeter is being loaded\n")  # by the cell that had it loaded
        file.write_text(GREETER.replace('"Hello"', '"Servus"'), encoding="utf-8")
        assert kernel.cell(ask) == ('"Servus, X!"', "greeter is being loaded\n")
        file.write_text("def broken(:", encoding="utf-8")
        text, stderr = kernel.cell(ask)
        assert text == '"Servus, X!"'
        assert stderr.startswith(f"Warning: {file}, line 1, does not load: SyntaxError")
        assert kernel.cell(ask) == ('"Servus, X!"', "")
        assert [str(file) in problem for problem in kernel.tool("list")["problems"]] == [True]
        (folder / "other.py").write_text(GREETER.replace("greeter", "other-one", 2).replace("def greeter", "def other"))
        assert kernel.tool("invoke", name="other-one", params={"name": "Y"})["result"]["output"]["text"] == "Hello, Y!"
        file.unlink()
        assert kernel.tool("invoke", name="greeter", params={"name": "Y"})["error_type"] == "not_found"
        assert "problems" not in kernel.tool("list")
    finally:
        kernel.close()


# --- trust, mistakes --------------------------------------------------------------------------------------------------


def test_an_untrusted_project_s_folder_is_not_loaded(project, tmp_path, capsys):
    (project / "own").mkdir()
    (project / "own/greeter.py").write_text(GREETER + "\nopen('loaded', 'w').close()\n", encoding="utf-8")
    (project / "llmspell.toml").write_text("[tools]\ndirectories = ['own']\n", encoding="utf-8")

    assert said(["tool", "invoke", "greeter", "name=X"], capsys)[0] == 1
    assert not (project / "loaded").exists()
    assert main(["config", "trust"]) == 0
    capsys.readouterr()
    assert said(["tool", "invoke", "greeter", "name=X", "--select", "text"], capsys)[1] == "Hello, X!\n"


def test_the_tool_s_settings_come_from_the_configuration(tmp_path, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/greeter.py").write_text(GREETER, encoding="utf-8")
    (tmp_path / "home/.llmspell/config.toml").write_text(
        f"[tools]\ndirectories = ['{tmp_path}/mine']\n[tools.greeter]\ngreeting = 'Servus'\n", encoding="utf-8"
    )

    assert said(["tool", "invoke", "greeter", "name=X", "--select", "text"], capsys)[1] == "Servus, X!\n"


@pytest.fixture
def broken(tmp_path):
    """Return a folder with a good tool and several bad ones, and the names of the bad."""
    folder = tmp_path / "broken"
    folder.mkdir()
    texts = {
        "syntax": "def x(:",
        "library": "import no_such_library",
        "leaves": "raise SystemExit",
        "nothing": "x = 1",
        "taken": GREETER.replace('"greeter"', '"calculator"'),
        "good": GREETER,
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return str(folder), [f"{name}.py" for name in texts if name != "good"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["tool", "list"], 0),
        (["tool", "list", "--output", "json"], 0),
        (["tool", "search", "greet"], 0),
        (["tool", "info", "greeter", "--format", "json"], 0),
        (["tool", "invoke", "greeter", "name=X", "--output", "json"], 0),
        (["tool", "invoke", "no-such-tool"], 3),
        (["exec", "Tool.invoke('greeter', {name = 'X'}).text"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_broken_ones_are_named_on_stderr_once_and_the_rest_works(broken, words, status, capsys):
    folder, names = broken
    got, out, err = said([*words, "--tools-dir", folder], capsys)

    assert got == status
    assert [name for name in names if err.count(f"/{name}") != 1] == []
    assert err.count("Warning: ") == len(names)
    assert not any(name in out for name in names)
    if "json" in words:
        json.loads(out)


def test_built_in_tools_are_called_without_a_look_at_broken_ones(broken, capsys):
    assert said(["tool", "invoke", "calculator", "input=1+1", "--raw", "--tools-dir", broken[0]], capsys) == (
        0, "2\n", ""
    )  # fmt: skip


def test_doctor_lists_them_and_fails(broken, tmp_path, capsys):
    folder, names = broken
    status, out, err = said(["doctor", "--format", "json", "--tools-dir", folder, "--tools-dir", "nowhere"], capsys)
    rows = [row for row in json.loads(out)["checks"] if row["check"] == "tools"]
    failed = " ".join(row["message"] for row in rows if row["status"] == "fail")

    assert status == 1
    assert [name for name in [*names, "nowhere"] if name not in failed] == []
    assert any("1 of them your own" in row["message"] for row in rows)
    assert "Warning" not in err


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["tool", "list"], "calculator\n"),
        (["tool", "invoke", "calculator", "input=1+1", "--raw"], "2\n"),
        (["exec", "1 + 1"], "2\n"),
    ],
)
def test_a_folder_that_is_not_there_is_named_once_and_the_rest_works(words, printed, capfd):
    status, out, err = said([*words, "--tools-dir", "nowhere"], capfd)

    assert (status, printed in out) == (0, True)
    assert (err.count("Warning: "), err.count("nowhere' does not exist")) == (1, 1)


# --- tool new ---------------------------------------------------------------------------------------------------------


@pytest.mark.subprocess
def test_a_new_tool_passes_its_own_test_and_runs_as_it_says(project, capsys):
    status, out, _ = said(["tool", "new", "Word_Count", "--category", "data", "--output", "json"], capsys)
    value = json.loads(out)
    done = Source().process("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", value["test"])

    assert status == 0
    assert (value["name"], value["tool"]) == ("word-count", os.path.join("own_tools", "word_count.py"))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    words = ["--tools-dir", "own_tools"]
    assert value["next"][1].endswith("--tools-dir own_tools")
    answer = said(["tool", "invoke", "word-count", "text=b a b", "--format", "json", *words], capsys)
    assert json.loads(answer[1])["result"]["output"]["most_frequent"][0] == {"value": "b", "count": 2}
    assert said(["tool", "invoke", "word-count", "text= ", *words], capsys)[0] == 2
    assert said(["tool", "test", "word-count", *words], capsys)[0] == 0
    assert "data" in said(["tool", "info", "word-count", *words], capsys)[1]


@pytest.mark.subprocess
def test_a_new_tool_is_tidy(project):
    """Formatted, linted and typed strictly, whatever the line length of its project (88 or more)."""
    assert main(["tool", "new", "word-count", "--dir", "mine"]) == 0
    ruff = ["-m", "ruff"]
    checks = [
        [*ruff, "format", "--isolated", "--check", "--line-length", "88", "mine"],
        [*ruff, "format", "--isolated", "--check", "--line-length", "120", "mine"],
        [*ruff, "check", "--isolated", "--select", "E,F,W,I,B,UP,D,ANN,RUF,SIM,PT,C4,TC,PL,N",
         "--config", "lint.pydocstyle.convention='google'", "mine"],
        ["-m", "mypy", "--strict", "--cache-dir", os.devnull, "--config-file", os.devnull, "mine"],
    ]  # fmt: skip

    for check in checks:
        done = Source(MYPYPATH=os.pathsep.join(ROOMS)).process(*check)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    ["calculator", "Calculator", "hash_calculator", "json", "list", "class", "match-", "1x", "test-x", "x-test",
     "größe", "conftest", "a b", "a/b", "../x", "_x", "", "x" * 65, "pytest"],
)  # fmt: skip
def test_a_bad_or_taken_name_is_refused_and_writes_nothing(name, project, capsys):
    assert said(["tool", "new", "--", name], capsys)[:2] == (2, "")
    assert not (project / "own_tools").exists()


def test_nothing_is_overwritten_unless_told_so(project, capsys):
    (project / "mine").mkdir()
    (project / "mine/greet.py").write_text("precious", encoding="utf-8")

    assert said(["tool", "new", "greet", "--dir", "mine"], capsys)[0] == 2
    assert os.listdir(project / "mine") == ["greet.py"]
    assert (project / "mine/greet.py").read_text(encoding="utf-8") == "precious"
    assert said(["tool", "new", "greet", "--dir", "mine", "--force"], capsys)[0] == 0
    assert said(["tool", "new", "greet", "--tools-dir", "mine"], capsys)[0] == 2
    assert said(["tool", "new", "greet", "--tools-dir", "mine", "--force"], capsys)[0] == 0
    assert sorted(os.listdir(project / "mine")) == ["greet.py", "test_greet.py"]


def test_the_name_of_an_own_tool_elsewhere_is_taken(project, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/greeter.py").write_text(GREETER, encoding="utf-8")
    status, _, err = said(["tool", "new", "greeter", "--dir", "x", "--tools-dir", str(tmp_path / "mine")], capsys)

    assert status == 2
    assert str(tmp_path / "mine/greeter.py") in err


def test_it_goes_into_the_folder_that_is_configured_and_needs_no_flag_then(tmp_path, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "home/.llmspell/config.toml").write_text(f"[tools]\ndirectories = ['{tmp_path}/new']\n")
    status, out, err = said(["tool", "new", "greet"], capsys)

    assert (status, err) == (0, "")
    assert "--tools-dir" not in out
    assert (tmp_path / "new/greet.py").exists()
    assert said(["tool", "invoke", "greet", "text=a"], capsys)[0] == 0


def test_a_folder_that_cannot_be_made_is_an_error(project, capsys):
    (project / "file").write_text("", encoding="utf-8")
    status, _, err = said(["tool", "new", "greet", "--dir", "file/deeper"], capsys)

    assert status == 1
    assert "cannot write" in err


# --- settings and rules -----------------------------------------------------------------------------------------------


def test_a_project_s_file_sets_nothing_of_an_own_tool_unless_it_is_trusted(project, capsys):
    (project / "llmspell.toml").write_text("[tools.greeter]\ngreeting = 'Servus'\n", encoding="utf-8")

    assert said(["tool", "list"], capsys)[0] == 1
    assert main(["config", "trust"]) == 0
    capsys.readouterr()
    assert said(["tool", "list"], capsys)[0] == 0


@pytest.mark.parametrize("setting", ["greting = 'Servus'", "greeting = 5"])
def test_a_setting_that_an_own_tool_has_not_is_reported(tmp_path, setting, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/greeter.py").write_text(GREETER, encoding="utf-8")
    (tmp_path / "home/.llmspell/config.toml").write_text(
        f"[tools]\ndirectories = ['{tmp_path}/mine']\n[tools.greeter]\n{setting}\n", encoding="utf-8"
    )
    status, _, err = said(["tool", "invoke", "greeter", "name=X"], capsys)

    assert status == 3
    assert "greeter.py: " in err
    assert setting.split()[0] in err


def test_doctor_names_settings_of_a_tool_that_is_not_there(tmp_path, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "home/.llmspell/config.toml").write_text("[tools.greeter]\ngreeting = 'x'\n", encoding="utf-8")

    assert "[tools.greeter] in the configuration: there is no such tool" in said(["doctor"], capsys)[1].replace(
        "\n" + " " * 20, " "
    )


def test_a_slip_in_a_built_in_tool_s_table_is_not_passed_over(tmp_path, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "home/.llmspell/config.toml").write_text("[tools.hash_calculater]\nmax_file_bytes = 5\n")

    assert "did you mean 'hash_calculator'?" in said(["tool", "list"], capsys)[2]


def test_the_policy_may_speak_of_an_own_tool(tmp_path, capsys):
    (tmp_path / "home/.llmspell").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/greeter.py").write_text(GREETER.replace("    settings=", '    level="restricted", settings='))
    (tmp_path / "home/.llmspell/config.toml").write_text("[policy.tools.greeter]\nceiling = 'safe'\n")

    assert said(["tool", "invoke", "greeter", "name=X", "--tools-dir", str(tmp_path / "mine")], capsys)[0] == 4


def test_what_a_tool_prints_while_it_runs_does_not_mix_with_its_result(tmp_path, capsys):
    text = GREETER.replace("    context.check()", "    print('looking for', name)").replace('print("greeter is', '#("')
    (tmp_path / "greeter.py").write_text(text, encoding="utf-8")
    words = ["tool", "invoke", "greeter", "name=Bo", "--tools-dir", str(tmp_path)]
    status, out, err = said([*words, "--output", "json"], capsys)

    assert (status, json.loads(out)["status"], err) == (0, "ok", "looking for Bo\n")
    assert said([*words, "--select", "text", "--raw"], capsys) == (0, "Hello, Bo!\n", "looking for Bo\n")
