"""docs/debugging.md and the extension's README: what they show has been run, and what they list is what there is."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lupa.lua54
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from dap_client import PATIENCE_S, DapClient

from llmspell_kernel.debug.requests import HANDLERS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
MANIFEST = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text())
BLOCKS = re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
FILES = {title.removeprefix("file="): block for _, title, block in BLOCKS if title.startswith("file=")}
SHOWN = {title: block for language, title, block in BLOCKS if language == "console"}
LAUNCH_JSON = {
    "guide": json.loads(FILES[".vscode/launch.json"]),
    "readme": json.loads(
        re.search(r"```json\n(.*?)```", (ROOT / "editors/vscode/README.md").read_text(), flags=re.DOTALL).group(1)
    ),
}
#: What the two editors send in `initialize`; nvim-dap's as `lua/dap/session.lua` has it.
VSCODE = {"clientID": "vscode", "adapterID": "llmspell", "pathFormat": "path", "linesStartAt1": True,
          "columnsStartAt1": True, "supportsVariableType": True, "supportsRunInTerminalRequest": True,
          "supportsStartDebuggingRequest": True, "supportsMemoryReferences": True, "locale": "en"}  # fmt: skip
NVIM_DAP = {"clientID": "neovim", "clientName": "neovim", "adapterID": "nvim-dap", "pathFormat": "path",
            "columnsStartAt1": True, "linesStartAt1": True, "supportsRunInTerminalRequest": True,
            "supportsVariableType": True, "supportsProgressReporting": True, "supportsStartDebuggingRequest": True,
            "locale": "en_US"}  # fmt: skip


class Desk:
    """A folder with the guide's files, and the processes that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("report.lua", "nvim-dap.lua"):
            (folder / name).write_text(FILES[name], encoding="utf-8")
        bin_ = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "LLMSPELL_HOME": str(folder / "home"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }  # fmt: skip
        self.processes: list[subprocess.Popen] = []

    def run(self, *words, **more):
        process = subprocess.Popen(
            words, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **{"env": self.environment, **more},
        )  # fmt: skip
        self.processes.append(process)
        return process

    def port(self, process):
        line = next(line for line in process.stderr if line.startswith(b"Debugger on "))
        return int(line.partition(b";")[0].rpartition(b":")[2])

    def kernel(self):
        """Start a kernel and wait until it listens."""
        process = self.run("llmspell", "kernel", "start", "--id", "demo", "--dap-port", "0")
        self.port(process)
        return process

    def editor(self, words, initialize):
        """Start an adapter as an editor does; programs that it wants in a terminal are run."""
        client = DapClient.process(self.run(*words))

        def open_terminal(request):
            asked = request["arguments"]
            self.run(*asked["args"], env={**self.environment, **asked["env"]})
            client.send({"seq": 99, "type": "response", "request_seq": request["seq"], "success": True,
                         "command": request["command"], "body": {}})  # fmt: skip

        client.answer_requests = open_terminal
        client.request("initialize", **initialize)
        return client

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()


@pytest.fixture
def desk(tmp_path):
    found = Desk(tmp_path)
    yield found
    found.close()


def stops_in_the_report(editor, configuration):
    """Launch or attach as the configuration says, and stop in the report's loop."""
    path = configuration.get("program") or str(Path(configuration["cwd"]) / "report.lua")
    editor.request(configuration["request"], **configuration)
    editor.event("initialized")
    (point,) = editor.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": 6}])["breakpoints"]
    editor.request("setExceptionBreakpoints", filters=["uncaught"])
    editor.request("configurationDone")
    assert point["verified"]
    return editor.stop("breakpoint") == [("total", 6), ("main chunk", 11)]


def configurations():
    for source, content in LAUNCH_JSON.items():
        for each in content["configurations"]:
            yield pytest.param(each, id=f"{source}: {each['name']}")


@pytest.mark.subprocess
@pytest.mark.parametrize("configuration", list(configurations()))
def test_a_launch_json_works_as_it_stands(desk, configuration):
    text = json.dumps(configuration).replace("${file}", str(desk.folder / "report.lua"))
    text = text.replace("${workspaceFolder}", str(desk.folder)).replace("${command:pickKernel}", "demo")
    configuration = {"cwd": str(desk.folder), **json.loads(text)}
    (desk.folder / "tools").mkdir()
    words = ["llmspell", "debug-adapter", *configuration.pop("adapterArgs", [])]
    if "kernelId" in configuration:
        desk.kernel()
        editor = desk.editor(words, VSCODE)

        assert editor.request("attach", **configuration) == {}
        return
    if "port" in configuration:
        configuration["port"] = desk.port(desk.run("llmspell", "debug", "report.lua", "--port", "0", "--wait"))
    if configuration.get("stopOnEntry"):
        del configuration["stopOnEntry"]  # the first stop is then another

    assert stops_in_the_report(desk.editor(words, VSCODE), configuration)


def nvim_dap_tables(desk, runner):
    """Run the guide's file for nvim-dap; returns its adapter and its configurations, functions called."""
    show = """
      local adapter, found = dap.adapters.llmspell, dap.configurations.lua
      for _, each in ipairs(found) do
        for name, value in pairs(each) do if type(value) == "function" then each[name] = value() end end
      end
      show(adapter, found)
    """
    stub = 'local dap = { adapters = {}, configurations = {}, ABORT = "abort" } package.loaded.dap = dap\n'
    code = f"{stub} do {FILES['nvim-dap.lua']} end {show}"
    if runner == "nvim":
        if shutil.which("nvim") is None:
            pytest.skip("Neovim is not installed")
        own = "vim.fn.inputlist = function() return 1 end\n"
        own += "local function show(...) io.stdout:write(vim.json.encode({...})) end\n"
        (desk.folder / "run.lua").write_text(own + code)
        process = desk.run("nvim", "--headless", "-u", "NONE", "-c", "luafile run.lua", "-c", "qa!")
        adapter, found = json.loads(process.communicate(timeout=20)[0])
        return adapter, found
    return run_by_lupa(desk, code)


def run_by_lupa(desk, code):
    lua = lupa.lua54.LuaRuntime()

    def plain(table):
        values = dict(table)
        is_list = list(values) == list(range(1, len(values) + 1))
        items = {key: plain(value) if lupa.lua54.lua_type(value) == "table" else value for key, value in values.items()}
        return list(items.values()) if is_list else items

    def system(words):
        done = subprocess.run(list(words.values()), env=desk.environment, capture_output=True, text=True, check=True)
        return done.stdout

    shown = []
    lua.globals().show = lambda *tables: shown.extend(map(plain, tables))
    lua.globals().vim = lua.table_from(
        {
            "json": lua.table_from({"decode": lambda text: lua.table_from(json.loads(text), recursive=True)}),
            "fn": lua.table_from({"system": system, "inputlist": lambda _: 1}),
        }
    )
    lua.execute(code)
    return shown


@pytest.mark.subprocess
@pytest.mark.parametrize("runner", ["lupa", "nvim"])
def test_the_file_for_nvim_dap_works_as_it_stands(desk, runner):
    desk.kernel()
    adapter, found = nvim_dap_tables(desk, runner)
    launch, terminal, script, kernel = found
    words = [adapter["command"], *adapter["args"]]
    report = str(desk.folder / "report.lua")

    assert adapter["type"] == "executable"
    assert stops_in_the_report(desk.editor(words, NVIM_DAP), {**launch, "program": report, "cwd": str(desk.folder)})
    assert stops_in_the_report(desk.editor(words, NVIM_DAP), {**terminal, "program": report})
    port = desk.port(desk.run("llmspell", "debug", "report.lua", "--wait"))
    assert stops_in_the_report(desk.editor(words, NVIM_DAP), {**script, "port": port, "cwd": str(desk.folder)})
    assert desk.editor(words, NVIM_DAP).request("attach", **kernel) == {}
    assert kernel["kernelId"] == "demo"


@pytest.mark.subprocess
def test_the_terminal_example_prints_what_it_shows(desk):
    command, *lines = SHOWN["debug"].splitlines()
    process = desk.run(*command.removeprefix("$ ").split())
    printed = [process.stderr.readline().decode().rstrip("\n") for _ in lines]
    port = int(re.search(r":(\d+)$", printed[0]).group(1))

    assert [line.replace(str(port), "<port>") for line in printed] == lines
    client = DapClient.tcp(port)
    client.start("attach")
    client.stop("breakpoint")
    client.go()
    assert process.wait(PATIENCE_S) == 0
    assert process.stdout.read() == b"total\t16\n"
    client.close()


@pytest.mark.subprocess
def test_the_list_of_kernels_looks_as_shown(desk):
    kernel = desk.kernel()
    command, *lines = SHOWN["kernel"].splitlines()
    out = desk.run(*command.removeprefix("$ ").split()).communicate(timeout=PATIENCE_S)[0].decode()

    assert out.splitlines() == [
        line.replace("<pid>", str(kernel.pid)).replace("<folder>", str(desk.folder)) for line in lines
    ]


@pytest.mark.subprocess
def test_the_adapter_ends_silently_without_a_client():
    words = [sys.executable, "-m", "llmspell", "debug-adapter"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def table_after(heading):
    """Return the names in backticks of the first column of the table under a header row."""
    rows = GUIDE.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_guide_lists_the_attributes_of_the_manifest():
    (debugger,) = MANIFEST["contributes"]["debuggers"]
    both = set(table_after("| attribute of both | |"))
    listed = {each: set(table_after(f"| attribute of `{each}` | |")) | both for each in ("launch", "attach")}
    known = {each: set(schema["properties"]) for each, schema in debugger["configurationAttributes"].items()}

    assert listed["launch"] == known["launch"]
    assert listed["attach"] == known["attach"] - {"stopOnEntry", "cells"}


def test_the_guide_lists_the_requests_that_are_answered():
    rows = GUIDE.split("\n| answered | |\n", 1)[1].split("\n\n", 1)[0]

    assert set(re.findall(r"`(\w+)`", rows)) == set(HANDLERS)


def test_the_guide_lists_the_flags_of_debug():
    from click.testing import CliRunner

    from llmspell.cli.debug import debug

    shown = CliRunner().invoke(debug, ["--help"]).output.partition("Policy:")[0]
    flags = {name.split()[0] for name in table_after("| flag | |")} - {"--"} | {"--help"}

    assert flags == set(re.findall(r"^  (--[\w-]+)", shown, flags=re.MULTILINE))


def test_the_guide_lists_the_commands_of_the_repl():
    from llmspell.repl.debug_commands import COMMANDS

    assert set(re.findall(r"`debug:(\w+)", GUIDE)) == {command.names[0] for command in COMMANDS}


def test_the_guides_links_lead_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) <= headings
    for path in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (ROOT / "docs" / path).exists(), path
