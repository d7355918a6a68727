"""`llmspell debug` and `llmspell debug-adapter` as processes of their own."""

import os
import socket
import subprocess
import sys
import threading

import pytest
from dap_client import PATIENCE_S, DapClient, Refused

pytestmark = pytest.mark.subprocess

COUNT = "local total = 0\nfor i = 1, 3 do\n  total = total + i\nend\nprint(total)\n"


class Process:
    """A running llmspell; stderr is read line by line."""

    def __init__(self, *words, cwd, env=None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env,
        )  # fmt: skip

    def note(self, beginning):
        """Return the rest of the next line of stderr that begins so."""
        while line := self.process.stderr.readline().decode():
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError(f"no line begins with {beginning!r}")

    def port(self):
        return int(self.note("Debugger on 127.0.0.1:").partition(";")[0])

    def end(self):
        """Return exit status and standard output."""
        status = self.process.wait(PATIENCE_S)
        return status, self.process.stdout.read().decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass  # what was to be written has nobody to read it


@pytest.fixture
def start(tmp_path):
    running = []

    def run(*words, **more):
        running.append(Process(*words, cwd=tmp_path, **more))
        return running[-1]

    yield run
    for process in running:
        process.close()


@pytest.fixture
def connect():
    clients = []

    def to(target):
        client = DapClient.tcp(target) if isinstance(target, int) else DapClient.process(target.process)
        clients.append(client)
        return client

    yield to
    for client in clients:
        try:
            client.close()
        except OSError:
            pass  # the process has gone


def test_an_editor_launches_a_script_over_stdio(start, connect, script):
    path = script(COUNT + "io.stderr:write('done\\n')")
    adapter = start("debug-adapter")
    editor = connect(adapter)
    editor.start(program=path, lines={path: [5]})
    assert editor.stop("breakpoint") == [("main chunk", 5)]
    assert editor.variables("Locals")["total"] == "6"
    editor.go()

    assert editor.end() == 0
    assert (editor.output("stdout"), editor.output("stderr")) == ("6\n", "done\n")
    editor.request("disconnect")
    assert editor.is_closed()
    assert adapter.process.wait(PATIENCE_S) == 0


def test_what_else_writes_to_stdout_does_not_break_the_protocol(start, connect, script, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "noisy.py").write_text(
        "from llmspell_tools.definition import tool\n"
        "@tool(name='noisy', category='utility')\ndef noisy() -> dict:\n    '''Print.'''\n"
        "    import os\n    print('from Python')\n    os.write(1, b'from the system')\n    return {}\n"
    )
    adapter = start("debug-adapter", "--tools-dir", str(tmp_path / "own"))
    editor = connect(adapter)
    editor.start(program=script("Tool.execute('noisy', {}) print('from Lua')"))

    assert editor.end() == 0
    assert editor.output("stdout").endswith("from Lua\n")


def test_an_editor_that_dies_ends_what_it_launched(start, connect, script):
    adapter = start("debug-adapter")
    editor = connect(adapter)
    editor.start(program=script("print('on') while true do end"))
    editor.event("output", category="stdout")
    editor.close()

    assert adapter.process.wait(PATIENCE_S) == 0


def test_a_script_waits_for_a_client_to_attach(start, connect, script):
    path = script(COUNT + "print(ARGS[1])")
    running = start("debug", path, "--wait", "--", "one")
    client = connect(running.port())
    client.start("attach", lines={path: [3]})
    client.stop("breakpoint")
    assert client.evaluate("i") == "1"
    client.request("setBreakpoints", source={"path": path}, breakpoints=[])
    client.go()

    assert client.end() == 0
    assert client.output() == "6\none\n"
    assert running.end() == (0, "6\none\n")


def test_a_script_without_wait_runs_at_once(start, script):
    running = start("debug", script(COUNT))

    assert running.port() > 0
    assert running.end() == (0, "6\n")


def test_break_at_and_watch_wait_for_a_client(start, connect, script, tmp_path):
    path = script(COUNT)
    running = start("debug", path, "--break-at", "5", "--watch", "total", "--watch", "no.such")
    port = running.port()
    assert running.note("Stopped at ").startswith(f"{path}:5 (breakpoint); waiting for a debugger")
    assert running.note("  total = ") == "6"
    assert "attempt to index" in running.note("  no.such = ")
    client = connect(port)
    client.start("attach")
    assert client.stop("breakpoint") == [("main chunk", 5)]
    client.request("disconnect")

    assert running.end() == (0, "6\n")


def test_step_stops_at_the_first_line(start, connect, script):
    running = start("debug", script("\nprint(1)"), "--step")
    client = connect(running.port())
    client.start("attach")

    assert client.stop("entry") == [("main chunk", 2)]


def test_clients_come_one_after_another_while_a_script_runs(start, connect, script):
    path = script("go = true\nwhile go do\n  local x = 1\nend\nprint('off')")
    running = start("debug", path, "--wait")
    port = running.port()
    for _ in range(3):
        client = connect(port)
        client.start("attach", lines={path: [3]})
        client.stop("breakpoint")
        client.request("disconnect")
        assert client.is_closed()
    last = connect(port)
    last.start("attach", lines={path: [3]})
    last.stop("breakpoint")
    last.evaluate("go = false", context="repl")
    last.close()  # vanishes while the script is stopped: it goes on

    assert running.end() == (0, "off\n")


def test_disconnect_may_end_an_attached_program(start, connect, script):
    running = start("debug", script("while true do end"), "--wait")
    client = connect(running.port())
    client.start("attach")
    client.request("disconnect", terminateDebuggee=True)

    assert running.end()[0] == 130


def test_an_attached_script_restarts(start, connect, script):
    path = script(COUNT)
    running = start("debug", path, "--wait")
    client = connect(running.port())
    client.start("attach", lines={path: [5]})
    client.stop("breakpoint")
    client.request("restart")
    client.stop("breakpoint")
    client.go()

    assert client.end() == 0
    assert running.end() == (0, "6\n")


def test_a_failing_script_tells_client_and_terminal(start, connect, script):
    running = start("debug", script("error('no')"), "--wait")
    client = connect(running.port())
    client.start("attach", filters=["uncaught"])
    client.stop("exception")
    client.go()

    assert client.end() == 1
    assert "no" in client.output("stderr")
    assert running.end()[0] == 1


def test_launch_is_refused_where_a_script_runs_already(start, connect, script):
    running = start("debug", path := script("print(1)"), "--wait")
    client = connect(running.port())
    client.request("initialize", adapterID="llmspell")

    assert "use attach" in client.refused("launch", program=path)


@pytest.mark.parametrize("wrong", ["x", "0", "file.lua:", ":3", "file.lua:x"])
def test_a_wrong_break_at_is_a_usage_error(start, script, wrong):
    running = start("debug", script("print(1)"), "--break-at", wrong)

    assert "FILE:LINE" in running.note("Error: ")
    assert running.end()[0] == 2


def test_a_port_that_is_taken_is_an_error(start, script):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = start("debug", script("print(1)"), "--port", str(taken.getsockname()[1]))

        assert "cannot listen on port" in running.note("Error: ")
    assert running.end()[0] == 1


def test_ctrl_c_ends_a_script_that_waits_or_is_stopped(start, connect, script):
    import signal

    path = script(COUNT)
    waiting = start("debug", path, "--wait")
    waiting.port()
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.end()[0] == 130

    stopped = start("debug", path, "--break-at", "3")
    stopped.note("Stopped at ")
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.end()[0] == 130


@pytest.mark.parametrize("console", ["integratedTerminal", "externalTerminal"])
def test_a_script_runs_in_the_clients_terminal(start, connect, script, tmp_path, console):
    path = script("local line = io.read()\nprint(line, ARGS[1])\n")
    editor = connect(start("debug-adapter"))
    terminals = []

    def open_terminal(request):
        asked = request["arguments"]
        words = asked["args"]
        assert words[1:3] == ["-m", "llmspell"]
        terminals.append(start(*words[3:], env={**os.environ, **asked["env"]}))
        assert asked["kind"] == console.removesuffix("Terminal")
        editor.send({"seq": 999, "type": "response", "request_seq": request["seq"], "success": True,
                     "command": "runInTerminal", "body": {}})  # fmt: skip

    editor.answer_requests = open_terminal
    editor.request("initialize", adapterID="llmspell", supportsRunInTerminalRequest=True)
    editor.request("launch", program=path, args=["two"], console=console, cwd=str(tmp_path))
    editor.event("initialized")
    editor.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}])
    editor.request("configurationDone")
    terminal = terminals[0]
    terminal.process.stdin.write(b"typed\n")
    terminal.process.stdin.flush()

    assert editor.stop("breakpoint") == [("main chunk", 2)]
    assert editor.variables("Locals") == {"line": '"typed"'}
    editor.go()
    assert editor.end() == 0
    assert terminal.end() == (0, "typed\ttwo\n")


def test_a_terminal_that_does_not_open_fails_the_launch(start, connect, script):
    editor = connect(start("debug-adapter"))
    editor.answer_requests = lambda request: editor.send(
        {"seq": 9, "type": "response", "request_seq": request["seq"], "success": False, "command": "runInTerminal",
         "message": "no terminal here"}
    )  # fmt: skip
    editor.request("initialize", adapterID="llmspell", supportsRunInTerminalRequest=True)

    assert "no terminal here" in editor.refused("launch", program=script("print(1)"), console="integratedTerminal")


def test_a_client_may_leave_while_its_terminal_does_not_open(start, connect, script):
    adapter = start("debug-adapter")
    editor = connect(adapter)
    asked = threading.Event()
    editor.answer_requests = lambda _: asked.set()
    editor.request("initialize", adapterID="llmspell", supportsRunInTerminalRequest=True)
    launch = editor.post("launch", program=script("print(1)"), console="integratedTerminal")
    assert asked.wait(5)

    assert editor.request("disconnect") == {}
    with pytest.raises(Refused, match="it has gone"):
        editor.answer(launch)
    assert adapter.end() == (0, "")


def test_the_adapter_serves_tcp_clients_one_after_another(start, connect, script):
    path = script(COUNT)
    adapter = start("debug-adapter", "--port", "0")
    port = int(adapter.process.stdout.readline().rpartition(b":")[2])
    for _ in range(2):
        client = connect(port)
        client.start(program=path, lines={path: [5]})
        client.stop("breakpoint")
        client.go()
        assert client.end() == 0
        client.request("disconnect")
        assert client.is_closed()
