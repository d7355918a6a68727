"""The real kernel in a process of its own, over real sockets, with jupyter_client; every message checked by the spec.

Spec: Jupyter messaging 5.5, through the schemas of jupyter_kernel_test (5.1 with later additions allowed).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import zmq
from jupyter_client import BlockingKernelClient
from jupyter_kernel_test.msgspec_v5 import msg_structure_validator, validate_message

pytestmark = pytest.mark.subprocess
WAIT_S = 5.0
OUR_TYPES = {"tool_reply", "iopub_welcome", "bogus_reply", "shutdown_request_reply"}


class Kernel:
    """A kernel process and a client of it."""

    def __init__(self, folder, **environment):
        self.file = str(folder / "connection.json")
        self.environment = {
            **os.environ, "LLMSPELL_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1", **environment
        }  # fmt: skip
        self.environment.pop("JPY_PARENT_PID", None)
        self.environment.update(environment)
        self.folder = folder
        self.process = None
        self.client = None

    def start(self, command=None):
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "llmspell", "kernel", "start", "-f", self.file],
            env=self.environment, cwd=self.folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(lambda: os.path.exists(self.file))
        return self.connect()

    def connect(self):
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)
        while self.client.iopub_channel.msg_ready():
            self.client.get_iopub_msg(timeout=WAIT_S)
        return self

    def stop(self):
        if self.client is not None:
            self.client.stop_channels()
            self.client.context.destroy(0)
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.communicate(timeout=WAIT_S)

    # --- talking ---

    def ask(self, msg_type, channel="shell", **content):
        """Send a request and return its reply's content, validated."""
        sock = getattr(self.client, f"{channel}_channel")
        message = self.client.session.msg(msg_type, content)
        sock.send(message)
        return self.reply_to(message["header"]["msg_id"], sock)

    def run(self, code, **options):
        """Run a cell and return (reply content, [(message type, content)] from iopub)."""
        msg_id = self.client.execute(code, **options)
        return self.reply_to(msg_id), self.published_by(msg_id)

    def reply_to(self, msg_id, sock=None):
        """Return the reply's content; only what `wait_for_ready` asked more than once may come before it."""
        while True:
            reply = checked((sock or self.client.shell_channel).get_msg(timeout=WAIT_S))
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]
            assert reply["msg_type"] == "kernel_info_reply"

    def published_by(self, msg_id):
        seen = []
        while not seen or seen[-1] != ("status", {"execution_state": "idle"}):
            message = checked(self.client.get_iopub_msg(timeout=WAIT_S))
            if message["parent_header"].get("msg_id") == msg_id:
                seen.append((message["msg_type"], message["content"]))
        return seen

    def text_of(self, code):
        """Run a cell and return its result's text."""
        reply, published = self.run(code)
        assert reply["status"] == "ok", reply
        return next(content["data"]["text/plain"] for name, content in published if name == "execute_result")

    def wait_until_running(self, msg_id):
        """Return once a cell that prints first has printed."""
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT_S)
            if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == msg_id:
                return


def checked(message):
    if message["msg_type"] in OUR_TYPES or message["content"].get("status") == "aborted":
        msg_structure_validator.validate(message)
    else:
        validate_message(message)
    assert message["header"]["version"] == "5.5"
    return message


def until(condition, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.01)


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    started = Kernel(tmp_path_factory.mktemp("kernel")).start()
    yield started
    started.stop()


@pytest.fixture
def own_kernel(tmp_path):
    made = Kernel(tmp_path)
    yield made
    made.stop()


LOOP = "print('on') while true do end"


# --- cells ----------------------------------------------------------------------------------------------------------


def test_a_cell_prints_and_gives_its_value(kernel):
    reply, published = kernel.run("print('hello') x = 20")

    assert reply["status"] == "ok"
    names = [name for name, _ in published]
    assert names == ["status", "execute_input", "stream", "status"]
    assert published[2][1] == {"name": "stdout", "text": "hello\n"}
    assert kernel.text_of("x + 22") == "42"


def test_an_error_has_its_place_and_traceback(kernel):
    reply, published = kernel.run("local function inner()\n  error('boom')\nend\ninner()")

    assert reply["status"] == "error"
    assert reply["ename"] == "ScriptError"
    assert "]:2: boom" in reply["evalue"]
    assert any("inner" in line for line in reply["traceback"])
    shown = next(content for name, content in published if name == "error")
    assert shown["evalue"] == reply["evalue"]


def test_a_syntax_error_names_its_line(kernel):
    reply, _ = kernel.run("x = 1\nx = = 2")

    assert reply["ename"] == "ScriptSyntaxError"
    assert "]:2:" in reply["evalue"]


def test_a_nil_that_was_a_local_in_an_earlier_cell_is_explained(kernel):
    kernel.run("local forgotten = {1}")
    reply, _ = kernel.run("return forgotten[1]")

    assert reply["status"] == "error"
    assert "local" in reply["evalue"]
    assert "In[" in reply["evalue"]


def test_is_complete(kernel):
    assert kernel.ask("is_complete_request", code="x = 1") == {"status": "complete"}
    assert kernel.ask("is_complete_request", code="for i = 1, 3 do")["status"] == "incomplete"
    assert kernel.ask("is_complete_request", code="x = )")["status"] == "invalid"


def test_kernel_info_on_shell_and_control(kernel):
    for channel in ("shell", "control"):
        info = kernel.ask("kernel_info_request", channel)

        assert info["status"] == "ok"
        assert info["protocol_version"] == "5.5"
        assert info["language_info"]["name"] == "lua"


def test_comm_info_and_unknown_requests_are_answered(kernel):
    assert kernel.ask("comm_info_request") == {"status": "ok", "comms": {}}
    assert kernel.ask("bogus_request")["status"] == "error"


def test_silent_code_is_not_heard(kernel):
    _, published = kernel.run("print('x') y = 1", silent=True)

    assert [name for name, _ in published] == ["status", "status"]


def test_user_expressions(kernel):
    reply, _ = kernel.run("z = 3", user_expressions={"double": "z * 2", "broken": "z ("})

    assert reply["user_expressions"]["double"]["data"] == {"text/plain": "6"}
    assert reply["user_expressions"]["broken"]["status"] == "error"


def test_a_failed_cell_aborts_what_is_queued_and_nothing_later(kernel):
    first = kernel.client.execute("print('on') local n = 0 for i = 1, 3e7 do n = n + 1 end error('stop')")
    kernel.wait_until_running(first)
    queued = [kernel.client.execute("should_not_run = true") for _ in range(3)]

    assert kernel.reply_to(first)["status"] == "error"
    assert [kernel.reply_to(msg_id)["status"] for msg_id in queued] == ["aborted"] * 3
    assert kernel.run("z = 1")[0]["status"] == "ok"
    assert kernel.text_of("tostring(should_not_run)") in ("nil", '"nil"')


def test_a_print_is_shown_while_the_cell_goes_on(kernel):
    msg_id = kernel.client.execute(LOOP)
    kernel.wait_until_running(msg_id)
    kernel.ask("interrupt_request", "control")

    assert kernel.reply_to(msg_id)["ename"] == "KeyboardInterrupt"


# --- interrupts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        LOOP,
        "print('on') while true do pcall(function() while true do end end) end",
        "print('on') local co = coroutine.wrap(function() while true do end end) co()",
    ],
)
def test_an_interrupt_stops_the_cell_and_keeps_the_variables(kernel, code):
    kernel.run("kept = 'here'")
    msg_id = kernel.client.execute(code)
    kernel.wait_until_running(msg_id)

    assert kernel.ask("interrupt_request", "control") == {"status": "ok"}

    reply = kernel.reply_to(msg_id)
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert "here" in kernel.text_of("kept")


def test_sigint_stops_the_cell_like_a_message(kernel):
    msg_id = kernel.client.execute(LOOP)
    kernel.wait_until_running(msg_id)
    kernel.process.send_signal(signal.SIGINT)

    assert kernel.reply_to(msg_id)["ename"] == "KeyboardInterrupt"


def test_an_interrupt_while_nothing_runs_has_no_effect(kernel):
    kernel.ask("interrupt_request", "control")
    kernel.process.send_signal(signal.SIGINT)

    assert kernel.run("w = 1")[0]["status"] == "ok"
    assert kernel.process.poll() is None


def test_control_and_heartbeat_answer_while_a_cell_spins(kernel):
    msg_id = kernel.client.execute(LOOP)
    kernel.wait_until_running(msg_id)

    assert kernel.ask("kernel_info_request", "control")["status"] == "ok"
    with zmq.Context() as context, context.socket(zmq.REQ) as beat:
        beat.linger = 0
        beat.connect(f"tcp://127.0.0.1:{kernel.client.hb_port}")
        beat.send(b"ping")
        assert beat.poll(int(WAIT_S * 1_000))
        assert beat.recv() == b"ping"
    kernel.ask("interrupt_request", "control")
    assert kernel.reply_to(msg_id)["status"] == "error"


# --- tools ----------------------------------------------------------------------------------------------------------


def test_tools_by_message(kernel):
    reply = kernel.ask("tool_request", command="invoke", name="calculator", params={"input": "2+2"})

    assert reply["status"] == "ok"
    assert reply["result"]["output"]["result"]["result"] == 4
    assert "calculator" in kernel.ask("tool_request", command="list")["tools"]
    assert kernel.ask("tool_request", command="search", query="calc")["matches"][0] == "calculator"
    assert kernel.ask("tool_request", command="info", name="calculator")["security_level"] == "safe"
    assert kernel.ask("tool_request", command="test", name="calculator")["success"] is True
    assert kernel.ask("tool_request", command="invoke", name="calculater")["error_type"] == "not_found"
    assert kernel.ask("tool_request")["status"] == "error"


def test_a_tool_that_a_cell_registered_can_be_called_by_message(kernel):
    reply, _ = kernel.run(
        "Tool.register{name='lua-adder', description='Add.', parameters={type='object', properties="
        "{a={type='number'}, b={type='number'}}}, execute=function(p) return p.a + p.b end}"
    )
    assert reply["status"] == "ok", reply

    called = kernel.ask("tool_request", command="invoke", name="lua-adder", params={"a": 1, "b": 2})

    assert called["status"] == "ok", called
    assert called["result"]["output"] == 3


DEAF = """
import time
from llmspell_tools.definition import tool

@tool(name="deaf-tool", blocking=True)
def deaf_tool() -> str:
    \"\"\"Sleep without looking up.\"\"\"
    time.sleep(60)
    return "slept"
"""


@pytest.fixture(scope="module")
def deaf_kernel(tmp_path_factory):
    """A kernel with a tool that sits in a system call and checks nothing."""
    folder = tmp_path_factory.mktemp("deaf")
    (folder / "deaf.py").write_text(DEAF, encoding="utf-8")
    (folder / "start.py").write_text(
        "import sys, deaf\n"
        "from llmspell_kernel.kernel import run_kernel\n"
        "from llmspell_tools.registry import ToolRegistry\n"
        "registry = ToolRegistry()\n"
        "registry.register(deaf.deaf_tool)\n"
        "sys.exit(run_kernel(sys.argv[1], registry=registry))\n",
        encoding="utf-8",
    )
    made = Kernel(folder)
    yield made.start([sys.executable, str(folder / "start.py"), made.file])
    made.stop()


@pytest.mark.parametrize("how", ["message", "signal"])
def test_an_interrupt_breaks_a_tool_that_does_not_listen(deaf_kernel, how):
    message = deaf_kernel.client.session.msg("tool_request", {"command": "invoke", "name": "deaf-tool"})
    deaf_kernel.client.shell_channel.send(message)
    while deaf_kernel.client.get_iopub_msg(timeout=WAIT_S)["parent_header"].get("msg_id") != message["msg_id"]:
        pass
    if how == "message":
        deaf_kernel.ask("interrupt_request", "control")
    else:
        deaf_kernel.process.send_signal(signal.SIGINT)

    assert deaf_kernel.client.get_shell_msg(timeout=WAIT_S)["content"]["error_type"] == "cancelled"
    assert deaf_kernel.run("after = 1")[0]["status"] == "ok"


def test_a_deadline_breaks_a_tool_that_does_not_listen(deaf_kernel):
    reply = deaf_kernel.ask("tool_request", command="invoke", name="deaf-tool", timeout=0.1)

    assert reply["error_type"] == "timeout"
    assert deaf_kernel.run("after = 2")[0]["status"] == "ok"


# --- bad input ------------------------------------------------------------------------------------------------------

GARBAGE = [
    b"",
    b"\0" * 10,
    b"GET / HTTP/1.1\r\n\r\n",
    os.urandom(300),
    b"\xff" + b"\0" * 8 + b"\x7f" + b"\3" + b"x" * 99,
]


def test_garbage_bytes_on_all_five_ports_have_no_effect(kernel):
    ports = [
        getattr(kernel.client, name) for name in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
    ]
    for port in ports:
        for data in GARBAGE:
            with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as line:
                line.sendall(data)

    assert kernel.run("g = 1")[0]["status"] == "ok"
    assert kernel.ask("kernel_info_request", "control")["status"] == "ok"


def test_malformed_messages_on_all_five_ports_have_no_effect(kernel):
    messages = [
        [b""], [b"x"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"], [b"\0" * 1_000] * 20,
        [b"<IDS|MSG>", b"0" * 64, b"{}", b"{}", b"{}", b"{}"], [b"<IDS|MSG>"] * 9,
    ]  # fmt: skip
    with zmq.Context() as context:
        for name, kind in (("shell", zmq.DEALER), ("control", zmq.DEALER), ("stdin", zmq.DEALER), ("hb", zmq.DEALER),
                           ("iopub", zmq.XSUB)):  # fmt: skip
            with context.socket(kind) as sock:
                sock.linger = 1_000
                sock.connect(f"tcp://127.0.0.1:{getattr(kernel.client, f'{name}_port')}")
                for message in messages:
                    sock.send_multipart(message)

    assert kernel.run("g = 2")[0]["status"] == "ok"
    assert kernel.ask("kernel_info_request", "control")["status"] == "ok"


def test_a_replayed_or_unsigned_request_does_not_run(kernel):
    session = kernel.client.session
    kernel.run("counter = 0")
    content = {"code": "counter = counter + 1", "silent": False}
    frames = session.serialize(session.msg("execute_request", content))
    unsigned = session.serialize(session.msg("execute_request", content))
    unsigned[1] = b"0" * 64
    with zmq.Context() as context:
        for channel in ("shell", "control"):
            with context.socket(zmq.DEALER) as thief:
                thief.linger = 1_000
                thief.connect(f"tcp://127.0.0.1:{getattr(kernel.client, f'{channel}_port')}")
                if channel == "shell":
                    thief.send_multipart(frames)
                    assert thief.poll(int(WAIT_S * 1_000))
                for again in (frames, unsigned, frames):
                    thief.send_multipart(again)
                assert thief.poll(0) == (zmq.POLLIN if channel == "shell" else 0)

    assert kernel.text_of("counter") == "1"


@pytest.mark.parametrize("text", ['{"code": ', "[]", '{"code": NaN}', '{"code": ' + "[" * 100_000])
def test_unusable_content_gets_an_error_reply(kernel, text):
    session = kernel.client.session
    frames = session.serialize(session.msg("execute_request", {}))
    frames[5] = text.encode()
    frames[1] = session.sign(frames[2:6])
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.linger = 0
        sock.connect(f"tcp://127.0.0.1:{kernel.client.shell_port}")
        sock.send_multipart(frames)
        assert sock.poll(int(WAIT_S * 1_000))
        assert json.loads(sock.recv_multipart()[5])["status"] == "error"

    assert kernel.run("g = 3")[0]["status"] == "ok"


def test_every_reply_arrives_when_the_reader_stalls(kernel):
    """The small form of stress/pipeline.py."""
    session, count = kernel.client.session, 3_000
    requests = [session.msg("execute_request", {"code": "", "silent": True}) for _ in range(count)]
    with zmq.Context() as context, context.socket(zmq.DEALER) as hasty:
        hasty.linger = 0
        hasty.rcvhwm = 10
        hasty.sndhwm = 0
        hasty.rcvbuf = 8_192
        hasty.connect(f"tcp://127.0.0.1:{kernel.client.shell_port}")
        for request in requests:
            hasty.send_multipart(session.serialize(request))
        for _ in range(3):  # another client is served meanwhile
            assert kernel.run("g = 4")[0]["status"] == "ok"
        parents = []
        while len(parents) < count:
            assert hasty.poll(int(WAIT_S * 1_000)), f"only {len(parents)} replies"
            frames = hasty.recv_multipart()
            parents.append(json.loads(frames[3])["msg_id"])

    assert parents == [request["header"]["msg_id"] for request in requests]


# --- life and death -------------------------------------------------------------------------------------------------


def test_a_new_connection_file_is_private_and_removed_at_the_end(own_kernel):
    own_kernel.start()

    assert stat.S_IMODE(os.stat(own_kernel.file).st_mode) == 0o600
    own_kernel.process.terminate()
    assert own_kernel.process.wait(WAIT_S) == 0
    assert not os.path.exists(own_kernel.file)


def test_a_given_connection_file_is_used_and_left(own_kernel):
    from jupyter_client.connect import write_connection_file

    write_connection_file(own_kernel.file, key=b"a given key")
    before = Path(own_kernel.file).read_text(encoding="utf-8")
    own_kernel.start()

    assert own_kernel.run("x = 1")[0]["status"] == "ok"
    assert own_kernel.ask("shutdown_request", "control", restart=False) == {"status": "ok", "restart": False}
    assert own_kernel.process.wait(WAIT_S) == 0
    assert Path(own_kernel.file).read_text(encoding="utf-8") == before


def test_an_encrypted_connection_works(own_kernel):
    """jupyter_client 8.9: `transport_encryption`."""
    from jupyter_client.connect import write_connection_file

    public, secret = zmq.curve_keypair()
    write_connection_file(own_kernel.file, key=b"a given key", curve_publickey=public, curve_secretkey=secret)
    own_kernel.start()

    assert own_kernel.text_of("6 * 7") == "42"


def test_shutdown_is_told_to_every_client(own_kernel):
    own_kernel.start()
    own_kernel.ask("shutdown_request", "control", restart=True)

    while True:
        message = own_kernel.client.get_iopub_msg(timeout=WAIT_S)
        if message["msg_type"] == "shutdown_reply":
            break
    assert message["content"] == {"status": "ok", "restart": True}
    assert own_kernel.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_a_spinning_kernel_in_order(own_kernel, number):
    own_kernel.start()
    msg_id = own_kernel.client.execute(LOOP)
    queued = own_kernel.client.execute("x = 1")
    own_kernel.wait_until_running(msg_id)
    own_kernel.process.send_signal(number)

    assert own_kernel.reply_to(msg_id)["ename"] == "KeyboardInterrupt"
    assert own_kernel.reply_to(queued)["status"] == "aborted"
    assert own_kernel.process.wait(WAIT_S) == 0
    assert not os.path.exists(own_kernel.file)


def test_a_killed_kernel_leaves_a_file_that_the_next_one_uses(own_kernel):
    own_kernel.start()
    own_kernel.process.kill()
    own_kernel.process.wait(WAIT_S)
    own_kernel.process.stderr.close()
    own_kernel.client.stop_channels()
    own_kernel.client.context.destroy(0)

    own_kernel.start()

    assert own_kernel.run("x = 1")[0]["status"] == "ok"


def test_the_kernel_ends_when_its_parent_does(own_kernel):
    starter = (
        "import os, subprocess, sys\n"
        "os.environ['JPY_PARENT_PID'] = str(os.getpid())\n"
        "kernel = subprocess.Popen(sys.argv[1:])\n"
        "print(kernel.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-m", "llmspell", "kernel", "start", "-f", own_kernel.file]
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, *command],
        env=own_kernel.environment, cwd=own_kernel.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    pid = int(parent.stdout.readline())
    until(lambda: os.path.exists(own_kernel.file))
    own_kernel.connect()
    own_kernel.client.execute(LOOP)
    parent.kill()
    parent.communicate(timeout=WAIT_S)

    until(lambda: has_ended(pid))
    until(lambda: not os.path.exists(own_kernel.file))


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ('{"key": "", "shell_port": 0}', 0o600, "no key"),
        ('{"key": "k"}', 0o644, "chmod 600"),
        ("{", 0o600, "broken"),
    ],
)
def test_a_bad_connection_file_is_refused_before_anything_is_bound(own_kernel, content, mode, words):
    with open(own_kernel.file, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(own_kernel.file, mode)

    done = subprocess.run(
        [sys.executable, "-m", "llmspell", "kernel", "start", "-f", own_kernel.file],
        env=own_kernel.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_kernel_process_imports_no_event_loop_and_no_other_kernel():
    """DESIGN: each of these costs 27 to 260 ms of start and 10 to 30 MB."""
    code = (
        "import sys, llmspell_kernel.kernel, llmspell_kernel.lua\n"
        "heavy = {'asyncio', 'tornado', 'jupyter_client', 'ipykernel', 'IPython', 'traitlets', 'debugpy',"
        " 'dataclasses', 'inspect', 'argparse', 'uuid', 'click'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == "[]"
