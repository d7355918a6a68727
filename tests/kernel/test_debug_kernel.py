"""A debugger attached to the cells of a running kernel: `kernel start --dap-port`."""

import json
import os
import subprocess
import sys

import pytest
from dap_client import DapClient
from jupyter_client import BlockingKernelClient

pytestmark = pytest.mark.subprocess


@pytest.fixture
def kernel(tmp_path):
    """A kernel process with a Jupyter client; `.dap` is the port of its debug server."""
    path = tmp_path / "connection.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "llmspell", "kernel", "start", "-f", str(path), "--dap-port", "0"],
        cwd=tmp_path, stderr=subprocess.PIPE, env={**os.environ, "LLMSPELL_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    client = BlockingKernelClient(connection_file=str(path))
    try:
        line = next(line for line in process.stderr if line.startswith(b"Debugger on "))
        client.dap = int(line.rpartition(b":")[2])
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=10)
        client.key = json.loads(path.read_text())["key"]
        yield client
    finally:
        client.stop_channels()
        client.context.destroy(0)
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def debugger(kernel):
    client = DapClient.tcp(kernel.dap)
    yield client
    client.close()


def reply(kernel, number):
    while True:
        message = kernel.get_shell_msg(timeout=5)
        if message["parent_header"]["msg_id"] == number:
            return message["content"]


@pytest.mark.parametrize("key", [None, "", "wrong", "ü"])
def test_attach_needs_the_key_of_the_connection_file(kernel, debugger, key):
    debugger.request("initialize", adapterID="llmspell")

    assert "key" in debugger.refused("attach", **({} if key is None else {"key": key}))
    assert debugger.request("attach", key=kernel.key) == {}


def test_a_cell_stops_at_a_breakpoint_and_steps(kernel, debugger):
    debugger.start("attach", key=kernel.key)
    assert reply(kernel, kernel.execute("function f(x)\n  local y = x + 1\n  return y\nend"))["status"] == "ok"
    cell = next(each for each in debugger.request("loadedSources")["sources"] if each["name"] == "In[1]")
    points = debugger.request("setBreakpoints", source=cell, breakpoints=[{"line": 2}])["breakpoints"]
    assert points[0]["verified"]

    number = kernel.execute("print(f(20))\nf(1) + 40")
    assert debugger.stop("breakpoint")[0] == ("f", 2)
    assert debugger.variables("Locals") == {"x": "20"}
    assert debugger.lines_after("next") == [3]
    debugger.go()
    assert debugger.stop("breakpoint")[0] == ("f", 2)
    debugger.go()

    assert reply(kernel, number)["status"] == "ok"
    assert debugger.output() == "21\n"


def test_an_interrupt_ends_a_stopped_cell(kernel, debugger):
    debugger.start("attach", key=kernel.key)
    number = kernel.execute("Debug.breakpoint()\nprint('never')")
    debugger.stop("breakpoint")
    message = kernel.session.msg("interrupt_request", {})
    kernel.control_channel.send(message)

    assert reply(kernel, number)["ename"] == "KeyboardInterrupt"
    assert debugger.event("continued")


def test_a_debugger_that_goes_lets_the_cell_go_on(kernel, debugger):
    debugger.start("attach", key=kernel.key)
    number = kernel.execute("Debug.breakpoint()\nprint('on')")
    debugger.stop("breakpoint")
    debugger.close()

    assert reply(kernel, number)["status"] == "ok"


def test_a_shutdown_while_stopped_ends_session_and_kernel(kernel, debugger):
    debugger.start("attach", key=kernel.key)
    kernel.execute("Debug.breakpoint()")
    debugger.stop("breakpoint")
    kernel.shutdown()

    assert debugger.is_closed()


def test_a_kernel_cannot_be_restarted_by_its_debugger(kernel, debugger):
    debugger.start("attach", key=kernel.key)

    assert "restart" in debugger.refused("restart")


def test_terminate_ends_the_cell_and_the_session_but_not_the_kernel(kernel, debugger):
    debugger.start("attach", key=kernel.key)
    number = kernel.execute("print('on') while true do end")
    debugger.event("output")
    debugger.request("terminate")
    debugger.event("terminated")

    assert reply(kernel, number)["status"] == "error"
    assert reply(kernel, kernel.execute("1 + 1"))["status"] == "ok"
