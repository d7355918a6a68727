"""An editor attached to a running kernel through `llmspell debug-adapter`, without `--dap-port`: its cells stop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from dap_client import PATIENCE_S, DapClient

pytestmark = pytest.mark.subprocess
CELL = "local x = 6\nlocal y = x * 7\nprint(y)"
URI = "vscode-notebook-cell:/work/n.ipynb#W0sZmlsZQ=="


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "LLMSPELL_HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}


@pytest.fixture
def kernel(tmp_path, environment):
    """A Jupyter client of a kernel that was started as Jupyter starts it."""
    path = tmp_path / "runtime" / "kernel-abc123.json"
    path.parent.mkdir()
    write_connection_file(str(path), key=os.urandom(16).hex().encode())
    process = subprocess.Popen([sys.executable, "-m", "llmspell", "kernel", "start", "-f", str(path)], env=environment)
    client = BlockingKernelClient(connection_file=str(path))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=10)
    client.process = process
    yield client
    client.stop_channels()
    client.context.destroy(0)
    process.kill()
    process.wait()


@pytest.fixture
def start_editor(environment):
    """Start an adapter over stdio, as an editor does; returns its client."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", "debug-adapter"], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        client = DapClient.process(process)
        client.process_ = process
        return client

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


@pytest.fixture
def editor(start_editor):
    return start_editor()


def reply(kernel, number):
    while True:
        message = kernel.get_shell_msg(timeout=PATIENCE_S)
        if message["parent_header"]["msg_id"] == number:
            return message["content"]


def test_a_breakpoint_in_a_notebook_cell_is_hit(kernel, editor):
    (point,) = editor.start("attach", kernelId="abc", cells={URI: CELL}, lines={URI: [2]})
    number = kernel.execute(CELL)
    frames = editor.stop("breakpoint")

    assert point["verified"]
    assert frames == [("main chunk", 2)]
    assert editor.stack[0]["source"]["path"] == URI
    assert editor.variables("Locals") == {"x": "6"}
    assert editor.lines_after("next") == [3]
    editor.go()
    assert reply(kernel, number)["status"] == "ok"
    assert editor.event("output", category="stdout")["output"] == "42\n"


def test_the_editor_learns_what_a_kernel_cannot_do(kernel, editor):
    assert editor.request("initialize", adapterID="llmspell")["supportsRestartRequest"] is True
    editor.request("attach", kernelId="abc")

    assert editor.event("capabilities")["capabilities"]["supportsRestartRequest"] is False


def test_an_edited_cell_stops_where_its_breakpoint_has_moved(kernel, editor):
    editor.start("attach", kernelId="abc", cells={URI: CELL}, lines={URI: [2]})
    edited = f"-- a comment\n{CELL}"
    cell = {"uri": URI, "text": edited, "breakpoints": [{"line": 3}]}
    editor.request("llmspell/cells", cells=[cell])
    number = kernel.execute(edited)

    assert editor.stop("breakpoint")[0][1] == 3
    assert editor.stack[0]["source"]["path"] == URI
    editor.go()
    assert reply(kernel, number)["status"] == "ok"


def test_a_cell_that_the_editor_does_not_show_is_shown_by_its_text(kernel, editor):
    editor.start("attach", kernelId="abc")
    number = kernel.execute("local z = 1\nDebug.breakpoint()")
    editor.stop("breakpoint")
    source = editor.stack[0]["source"]
    text = editor.request("source", source=source, sourceReference=source["sourceReference"])["content"]
    editor.go()

    assert (source["name"], text) == ("In[1]", "local z = 1\nDebug.breakpoint()")
    assert reply(kernel, number)["status"] == "ok"


def test_cells_that_make_no_sense_are_refused(kernel, editor):
    editor.start("attach", kernelId="abc")

    assert "'cells[0].uri' is missing" in editor.refused("llmspell/cells", cells=[{"text": "x"}])


def test_an_editor_that_dies_lets_the_cell_go_on(kernel, editor):
    editor.start("attach", connectionFile=kernel.connection_file)
    number = kernel.execute("Debug.breakpoint()\nprint('on')")
    editor.stop("breakpoint")
    editor.close()

    assert reply(kernel, number)["status"] == "ok"


def test_a_kernel_is_debugged_by_one_editor_after_another(kernel, start_editor):
    for _ in range(2):
        editor = start_editor()
        editor.start("attach", kernelId="abc")
        number = kernel.execute("Debug.breakpoint()")
        editor.stop("breakpoint")
        editor.request("disconnect")
        assert editor.is_closed()
        assert reply(kernel, number)["status"] == "ok"


def test_a_kernel_that_shuts_down_ends_the_session(kernel, editor):
    editor.start("attach", kernelId="abc")
    kernel.shutdown()

    assert editor.event("terminated") is not None
    assert editor.is_closed()


def test_a_kernel_that_is_killed_ends_the_session(kernel, editor):
    editor.start("attach", kernelId="abc")
    kernel.process.kill()

    assert editor.event("terminated") is not None
    assert editor.process_.wait(PATIENCE_S) == 0
