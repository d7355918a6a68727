"""The VS Code extension in editors/vscode: its own tests, its manifest against the adapter, its package."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from dap_client import DapClient

from llmspell.kernel_peer import reach
from llmspell_kernel.debug.launcher import Launcher, Plan
from llmspell_kernel.debug.protocol import Arguments, RequestFailed
from llmspell_kernel.debug.requests import HANDLERS
from llmspell_kernel.debug.session import DebugSession

FOLDER = Path(__file__).parents[2] / "editors" / "vscode"
MANIFEST = json.loads((FOLDER / "package.json").read_text())
(DEBUGGER,) = MANIFEST["contributes"]["debuggers"]
#: The developer's, not that of the tests' empty home.
NPM_CACHE = str(Path.home() / ".npm")
#: Attributes that the extension itself uses: they become options of the adapter's command line.
OF_THE_EXTENSION = {"adapterArgs"}
#: A value that no attribute of this type takes.
WRONG = {"string": 7, "integer": "7", "boolean": "yes", "array": "text", "object": "text"}


def attributes(request):
    return DEBUGGER["configurationAttributes"][request]["properties"]


def of_the_adapter(request):
    return set(attributes(request)) - OF_THE_EXTENSION


@pytest.fixture
def adapter(tmp_path):
    """A client of a real adapter."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmspell", "debug-adapter"], cwd=tmp_path,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    client = DapClient.process(process)
    client.request("initialize", adapterID="llmspell", supportsRunInTerminalRequest=True)
    yield client
    process.kill()
    process.communicate()


def names_read(request, *given):
    """Return the arguments that the adapter looks for when it is sent a request that fails."""
    names = set()

    class Spy(dict):
        def get(self, name, default=None):
            names.add(name)
            return super().get(name, default)

    class Host(Launcher):
        def launch(self, arguments):
            Plan.read(arguments)
            raise RequestFailed("program", "far enough")

    for arguments in given:
        with pytest.raises(RequestFailed):
            HANDLERS[request](DebugSession(Host(None, reach=reach), print), Arguments(Spy(arguments)))
    return names


def test_the_manifest_lists_what_launch_takes(tmp_path):
    script = tmp_path / "a.lua"
    script.write_text("")

    assert of_the_adapter("launch") == names_read("launch", {"program": str(script)})


def test_the_manifest_lists_what_attach_takes(monkeypatch, tmp_path):
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))

    assert of_the_adapter("attach") == names_read("attach", {"port": 1}, {})


@pytest.mark.subprocess
@pytest.mark.parametrize("request_", ["launch", "attach"])
def test_the_adapter_wants_the_types_of_the_manifest(adapter, request_, tmp_path):
    script = tmp_path / "a.lua"
    script.write_text("")
    base = {"program": str(script)} if request_ == "launch" else {"port": 1}
    refusals = {
        name: adapter.refused(request_, **{**base, name: WRONG[schema.get("type", "string")]})
        for name, schema in attributes(request_).items()
        if name not in OF_THE_EXTENSION
    }

    assert [name for name, refusal in refusals.items() if f"'{name}' must be" not in refusal] == []


@pytest.mark.subprocess
def test_the_consoles_of_the_manifest_are_those_of_the_adapter(adapter, tmp_path):
    consoles = attributes("launch")["console"]["enum"]
    refusal = adapter.refused("launch", program=str(tmp_path / "a.lua"), console="window")

    assert refusal == f"'console' must be {consoles[0]} or one of {', '.join(consoles[1:])}"


def test_the_extension_passes_its_own_tests():
    node = shutil.which("node")
    if node is None:
        pytest.skip("the extension's tests need node")
    words = [node, "--test", "--test-reporter=tap", "test/extension.test.js"]
    done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout


def test_the_package_holds_the_extension_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_cache", NPM_CACHE)
    npx = shutil.which("npx")
    vsce = [npx or "", "--offline", "--yes", "@vscode/vsce@3.9.2"]
    if npx is None or subprocess.run([*vsce, "--version"], capture_output=True, timeout=30, check=False).returncode:
        pytest.skip("@vscode/vsce is not in npm's cache; run editors/vscode/package once")
    file = tmp_path / "llmspell.vsix"
    done = subprocess.run([FOLDER / "package", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    sources = {f"extension/src/{path.name}" for path in (FOLDER / "src").iterdir()}
    with zipfile.ZipFile(file) as package:
        assert json.loads(package.read("extension/package.json"))["contributes"] == MANIFEST["contributes"]
        assert set(package.namelist()) == sources | {
            "[Content_Types].xml", "extension.vsixmanifest", "extension/package.json", "extension/readme.md",
            "extension/LICENSE.txt", "extension/images/logo.png",
        }  # fmt: skip


def test_the_licence_is_the_projects():
    assert (FOLDER / "LICENSE").read_text() == (FOLDER.parents[1] / "LICENSE").read_text()
