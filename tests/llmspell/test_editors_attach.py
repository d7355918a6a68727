"""What an editor attaches to through `llmspell debug-adapter`: a debugged script's port, a kernel's port."""

import json
import os
import queue
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from dap_client import PATIENCE_S, DapClient

pytestmark = pytest.mark.subprocess


@pytest.fixture
def run(tmp_path):
    """Start llmspell with a home of its own; returns the process."""
    running = []
    environment = {
        **os.environ, "LLMSPELL_HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")
    }  # fmt: skip

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def editor(run):
    """A client of an adapter over stdio, as editors start it."""
    client = DapClient.process(run("debug-adapter"))
    client.request("initialize", adapterID="llmspell", clientID="vscode")
    return client


@pytest.fixture
def kernel(run, tmp_path):
    """A kernel `one` with a debug server; returns its port."""
    process = run("kernel", "start", "--id", "one", "--dap-port", "0")
    return port_of(process)


def port_of(process):
    line = next(line for line in process.stderr if line.startswith(b"Debugger on "))
    return int(line.partition(b";")[0].rpartition(b":")[2])


@pytest.fixture
def debugged(run, tmp_path):
    """A script that waits for its debugger; returns path, port and process."""
    path = tmp_path / "script.lua"
    path.write_text("local x = 6 * 7\nprint(x)\n")
    process = run("debug", str(path), "--wait")
    return str(path), port_of(process), process


def test_an_editor_attaches_to_a_debugged_script_by_its_port(editor, debugged):
    path, port, process = debugged
    editor.request("attach", port=port)
    editor.event("initialized")
    editor.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}])
    editor.request("configurationDone")

    assert editor.stop("breakpoint") == [("main chunk", 2)]
    assert editor.variables("Locals") == {"x": "42"}
    editor.go()
    assert editor.end() == 0
    assert process.wait(PATIENCE_S) == 0


def test_a_script_goes_on_when_the_editor_detaches(editor, debugged):
    _, port, process = debugged
    editor.request("attach", port=port, stopOnEntry=True)
    editor.event("initialized")
    editor.request("configurationDone")
    editor.stop("entry")
    editor.request("disconnect")

    assert process.communicate(timeout=PATIENCE_S)[0] == b"42\n"
    assert process.returncode == 0


def test_a_script_that_is_killed_ends_the_session(editor, debugged):
    _, port, process = debugged
    editor.request("attach", port=port, stopOnEntry=True)
    editor.event("initialized")
    editor.request("configurationDone")
    editor.stop("entry")
    process.kill()

    assert editor.event("terminated") == {}
    assert editor.is_closed()


def test_breakpoints_of_the_command_line_hold_again_when_a_client_has_left(run, tmp_path):
    (tmp_path / "loop.lua").write_text("for i = 1, 3 do\n  print(i)\nend\n")
    process = run("debug", "loop.lua", "--break-at", "2", "--watch", "i")
    port = port_of(process)
    for value in (1, 2):
        note = f"  i = {value}\n".encode()
        assert note in iter(process.stderr.readline, b"")
        client = DapClient.tcp(port)
        client.start("attach", lines={tmp_path / "other.lua": []})
        client.stop("breakpoint")
        client.request("disconnect")
        assert client.is_closed()
        client.close()
    assert b"  i = 3\n" in iter(process.stderr.readline, b"")


def test_a_program_that_has_a_client_refuses_an_editor(editor, debugged):
    _, port, _ = debugged
    first = DapClient.tcp(port)
    first.request("initialize", adapterID="llmspell")

    assert "another client debugs this program" in editor.refused("attach", port=port)
    assert editor.is_closed()
    first.close()


@pytest.mark.parametrize("named", ["port", None])
def test_a_kernel_that_has_a_client_refuses_an_editor(editor, kernel, tmp_path, named):
    first = DapClient.tcp(kernel)
    key = json.loads((tmp_path / "home" / "kernels" / "one.json").read_text())["key"]
    first.start("attach", key=key)

    assert "another client debugs" in editor.refused("attach", kernelId="one", **({"port": kernel} if named else {}))
    first.close()


@pytest.mark.parametrize("named", ["kernelId", "connectionFile", "key"])
def test_the_adapter_knows_the_key_for_the_port_of_a_kernel(editor, kernel, tmp_path, named):
    path = tmp_path / "home" / "kernels" / "one.json"
    values = {"kernelId": "one", "connectionFile": str(path), "key": json.loads(path.read_text())["key"]}
    editor.request("attach", port=kernel, **{named: values[named]})

    assert editor.event("initialized") == {}
    assert editor.request("threads")["threads"] == [{"id": 1, "name": "main"}]


def test_a_kernels_port_wants_the_key(editor, kernel):
    assert 'attach needs "key"' in editor.refused("attach", port=kernel)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "no kernel runs here"),
        ({"kernelId": "nobody"}, "no kernel 'nobody'"),
        ({"connectionFile": "missing.json"}, "there is no connection file"),
        ({"port": 1}, "no debugger on 127.0.0.1:1"),
        ({"port": 2**40}, "no debugger on"),
        ({"port": 9556, "host": "elsewhere.example"}, "ssh -L 9556"),
        ({"port": "9556"}, "must be a whole number"),
    ],
)
def test_what_cannot_be_attached_to_is_named(editor, arguments, expected):
    assert expected in editor.refused("attach", **arguments)


def test_attach_without_a_name_says_which_kernels_run(editor, kernel):
    assert editor.refused("attach").endswith("these kernels run: one")


def test_kernel_list_shows_what_an_editor_attaches_to(run, kernel, tmp_path):
    stale = tmp_path / "home" / "kernels" / "stale.json"
    stale.write_bytes((tmp_path / "home" / "kernels" / "one.json").read_bytes())
    content = json.loads(stale.read_text()) | dict.fromkeys(("control_port", "shell_port", "hb_port"), 1)
    stale.write_text(json.dumps(content))
    stale.chmod(0o600)
    out, _ = run("kernel", "list", "--format", "json").communicate(timeout=PATIENCE_S)

    (row,) = json.loads(out)
    assert (row["id"], row["cwd"]) == ("one", str(tmp_path))
    assert row["connection_file"] == str(tmp_path / "home" / "kernels" / "one.json")


def test_a_session_for_python_is_offered_through_the_adapter(run, tmp_path):
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "double.py"
    tool.write_text("import llmspell\n\n\n@llmspell.tool(name='double')\ndef double(*, n: int) -> int:\n"
                    "    '''Double it.\n\n    Args:\n        n: What.\n    '''\n    return 2 * n\n")  # fmt: skip
    (tmp_path / "script.lua").write_text("print(Tool.execute('double', {n = 21}))\n")
    process = run("debug", "script.lua", "--wait", "--tools-dir", "tools")
    editor = DapClient.process(run("debug-adapter"))
    offers = queue.Queue()
    editor.answer_requests = offers.put
    editor.request("initialize", adapterID="llmspell", supportsStartDebuggingRequest=True)
    editor.request("attach", port=port_of(process), pythonDebugging="child", stopOnEntry=True)
    editor.event("initialized")
    editor.request("configurationDone")
    editor.stop("entry")
    editor.go("stepIn")
    offer = offers.get(timeout=PATIENCE_S)

    assert offer["command"] == "startDebugging"
    assert offer["arguments"]["request"] == "attach"
