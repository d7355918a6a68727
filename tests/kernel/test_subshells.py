"""Subshells of the real kernel: what a client asks on one is answered while a cell loops on the main shell."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import pytest
import zmq

from llmspell_kernel.connection import new_connection, read_connection, write_connection
from llmspell_kernel.errors import KernelStopping
from llmspell_kernel.kernel import Kernel as InProcess
from llmspell_kernel.subshells import Subshells
from llmspell_kernel.wire import Wire
from llmspell_tools.registry import ToolRegistry

pytestmark = pytest.mark.subprocess
WAIT_MS = 5_000
LOOP = "done = false print('on') while not done do end return 'over'"


class Kernel:
    """A kernel process and a raw client of it that can name subshells."""

    def __init__(self, folder):
        file = str(folder / "connection.json")
        connection = new_connection()
        write_connection(file, connection)
        environment = {**os.environ, "LLMSPELL_HOME": str(folder / "home")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", "kernel", "start", "-f", file], env=environment, cwd=folder
        )
        while not all((connection := read_connection(file)).ports.values()):
            assert self.process.poll() is None
        self.wire = Wire(connection.key)
        self.context = zmq.Context()
        self.sockets = {}
        for name, kind in (("shell", zmq.DEALER), ("control", zmq.DEALER), ("iopub", zmq.SUB)):
            sock = self.sockets[name] = self.context.socket(kind)
            sock.linger = 0
            if name == "iopub":
                sock.subscribe(b"")
            sock.connect(connection.endpoint(connection.ports[f"{name}_port"]))
        self.next("iopub")
        self.numbers = itertools.count()
        self.ask("kernel_info_request")
        self.drain()

    def send(self, msg_type, channel="shell", subshell=None, **content):
        msg_id = f"m{next(self.numbers)}"
        header = {"msg_id": msg_id, "session": "test", "msg_type": msg_type, "date": f"2026-01-01T00:00:{len(msg_id)}Z"}
        if subshell is not None:
            header["subshell_id"] = subshell
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        self.sockets[channel].send_multipart([b"<IDS|MSG>", self.wire.sign(b"".join(parts)), *parts])
        return msg_id

    def next(self, channel):
        assert self.sockets[channel].poll(WAIT_MS), f"nothing came on {channel}"
        frames = self.sockets[channel].recv_multipart()
        header, parent, _, content = map(json.loads, frames[frames.index(b"<IDS|MSG>") + 2 :][:4])
        return header["msg_type"], parent, content

    def ask(self, msg_type, channel="shell", **content):
        """Send a request and return its reply, which is the next on its channel."""
        msg_id = self.send(msg_type, channel, **content)
        _, parent, reply = self.next(channel)
        assert parent["msg_id"] == msg_id
        return reply

    def execute(self, code, subshell=None):
        return self.send("execute_request", subshell=subshell, code=code)

    def published(self, msg_id):
        """Return what was published for a request, to its idle."""
        seen = []
        while not seen or seen[-1] != ("status", {"execution_state": "idle"}):
            msg_type, parent, content = self.next("iopub")
            if parent.get("msg_id") == msg_id:
                seen.append((msg_type, content))
        return seen

    def start_loop(self, code=LOOP):
        """Run a cell that loops; return its id once it does."""
        msg_id = self.execute(code)
        self.wait_for_stream(msg_id)
        return msg_id

    def wait_for_stream(self, msg_id):
        """Return once a request has printed."""
        while True:
            msg_type, parent, _ = self.next("iopub")
            if msg_type == "stream" and parent.get("msg_id") == msg_id:
                return

    def new_subshell(self):
        return self.ask("create_subshell_request", "control")["subshell_id"]

    def drain(self):
        while self.sockets["iopub"].poll(50):
            self.sockets["iopub"].recv_multipart()

    def stop(self):
        self.context.destroy(0)
        self.process.terminate()
        self.process.wait(5)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    started = Kernel(tmp_path_factory.mktemp("subshells"))
    yield started
    started.stop()


def text_of(published):
    return "".join(content["text"] for msg_type, content in published if msg_type == "stream")


def test_a_kernel_says_that_it_has_subshells(kernel):
    assert "kernel subshells" in kernel.ask("kernel_info_request")["supported_features"]


def test_an_unknown_subshell_gets_an_error_before_there_are_any(kernel):
    msg_id = kernel.execute("x = 1", subshell="nobody")
    _, _, reply = kernel.next("shell")
    assert reply["ename"] == "UnknownSubshell"
    assert [content["execution_state"] for _, content in kernel.published(msg_id)] == ["busy", "idle"]


def test_subshells_are_made_listed_and_deleted(kernel):
    first, second = kernel.new_subshell(), kernel.new_subshell()
    assert kernel.ask("list_subshell_request", "control")["subshell_id"][-2:] == [first, second]
    assert kernel.ask("delete_subshell_request", "control", subshell_id=first) == {"status": "ok"}
    assert first not in kernel.ask("list_subshell_request", "control")["subshell_id"]
    assert kernel.ask("delete_subshell_request", "control", subshell_id=first)["ename"] == "UnknownSubshell"
    kernel.execute("x = 1", subshell=first)
    assert kernel.next("shell")[2]["ename"] == "UnknownSubshell"


def test_the_first_subshell_can_be_made_while_a_cell_loops(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        loop = kernel.start_loop()
        subshell = kernel.new_subshell()
        quick = kernel.execute("done = true", subshell=subshell)
        replies = [kernel.next("shell") for _ in range(2)]
    finally:
        kernel.stop()
    assert [(parent["msg_id"], content["status"]) for _, parent, content in replies] == [(quick, "ok"), (loop, "ok")]


@pytest.mark.parametrize("code", [
    LOOP,
    "done = false print('on') coroutine.wrap(function() while not done do pcall(function() end) end end)()",
    "done = false print('on') while not done do Tool.invoke('calculator', {input = '1+2'}) JSON.stringify({1, 2}) end",
    "done = false print('on') while not done do ('a b'):gsub('%w', function(c) return c end) end",
])  # fmt: skip
def test_a_cell_on_a_subshell_runs_while_another_loops(kernel, code):
    subshell = kernel.new_subshell()
    loop = kernel.start_loop(code)
    kernel.execute("print('quick') done = true return 6 * 7", subshell=subshell)
    _, parent, reply = kernel.next("shell")
    assert (reply["status"], reply["execution_count"], parent["subshell_id"]) == ("ok", 1, subshell)
    published = kernel.published(parent["msg_id"])
    assert text_of(published) == "quick\n"
    assert any(msg_type == "execute_result" for msg_type, _ in published)
    _, parent, reply = kernel.next("shell")
    assert (parent["msg_id"], reply["status"]) == (loop, "ok")
    kernel.drain()


def test_what_a_loop_prints_after_another_cell_still_belongs_to_it(kernel):
    subshell = kernel.new_subshell()
    loop = kernel.start_loop("done = false print('on') while not done do end print('end')")
    kernel.execute("print('quick') done = true", subshell=subshell)
    assert text_of(kernel.published(loop)) == "end\n"
    kernel.next("shell"), kernel.next("shell")


def test_a_failing_cell_on_a_subshell_leaves_the_loop_alone(kernel):
    subshell = kernel.new_subshell()
    loop = kernel.start_loop()
    kernel.execute("error('broken')", subshell=subshell)
    assert kernel.next("shell")[2]["evalue"].endswith("broken")
    kernel.execute("done = true", subshell=subshell)
    assert kernel.next("shell")[2]["status"] == "ok"
    assert kernel.next("shell")[1]["msg_id"] == loop
    kernel.drain()


def test_requests_of_one_subshell_are_answered_in_order(kernel):
    subshell = kernel.new_subshell()
    kernel.start_loop()
    sent = [kernel.execute(f"y = {number}", subshell=subshell) for number in range(50)]
    sent.append(kernel.execute("done = true", subshell=subshell))
    assert [kernel.next("shell")[1]["msg_id"] for _ in sent] == sent
    kernel.next("shell")
    kernel.drain()


def test_three_shells_nest(kernel):
    one, two = kernel.new_subshell(), kernel.new_subshell()
    main = kernel.start_loop("a = false print('on') while not a do end")
    first = kernel.execute("b = false print('in') while not b do end", subshell=one)
    kernel.wait_for_stream(first)
    second = kernel.execute("b = true a = true", subshell=two)
    assert [kernel.next("shell")[1]["msg_id"] for _ in range(3)] == [second, first, main]
    kernel.drain()


def test_completion_and_tools_answer_while_a_cell_loops(kernel):
    subshell = kernel.new_subshell()
    kernel.start_loop("done = false print('on') coroutine.wrap(function() while not done do end end)()")
    assert "string" in kernel.ask("complete_request", subshell=subshell, code="stri", cursor_pos=4)["matches"]
    assert kernel.ask("kernel_info_request", subshell=subshell)["status"] == "ok"
    asked = {"command": "invoke", "name": "calculator", "params": {"input": "6*7"}}
    assert kernel.ask("tool_request", subshell=subshell, **asked)["result"]["output"]["result"]["result"] == 42
    kernel.execute("done = true", subshell=subshell)
    kernel.next("shell"), kernel.next("shell")
    kernel.drain()


def test_an_interrupt_stops_the_loop_and_what_runs_in_its_middle(kernel):
    subshell = kernel.new_subshell()
    kernel.execute("kept = 7")
    kernel.next("shell")
    main = kernel.start_loop()
    inner = kernel.execute("print('in') while true do end", subshell=subshell)
    kernel.wait_for_stream(inner)
    assert kernel.ask("interrupt_request", "control") == {"status": "ok"}
    replies = [kernel.next("shell") for _ in range(2)]
    assert [(parent["msg_id"], content["ename"]) for _, parent, content in replies] == [
        (inner, "KeyboardInterrupt"), (main, "KeyboardInterrupt"),
    ]  # fmt: skip
    assert kernel.ask("execute_request", code="return kept")["status"] == "ok"
    kernel.drain()


def test_a_buttons_callback_runs_while_a_cell_loops(kernel):
    subshell = kernel.new_subshell()
    kernel.execute(
        "button = widgets.button{ description = 'Stop' } display(button)"
        "button:on_click(function() done = true print('hit') end)"
    )
    opened = None
    assert kernel.next("shell")[2]["status"] == "ok"
    while opened is None:
        msg_type, _, content = kernel.next("iopub")
        if msg_type == "comm_open" and content["data"]["state"].get("_model_name") == "ButtonModel":
            opened = content["comm_id"]
    loop = kernel.start_loop()
    data = {"method": "custom", "content": {"event": "click"}}
    click = kernel.send("comm_msg", subshell=subshell, comm_id=opened, data=data)
    assert text_of(kernel.published(click)) == "hit\n"
    assert kernel.next("shell")[1]["msg_id"] == loop
    kernel.drain()


def test_a_kernel_stops_while_shells_are_nested(tmp_path):
    kernel = Kernel(tmp_path)
    subshell = kernel.new_subshell()
    kernel.start_loop()
    kernel.execute("while true do end", subshell=subshell)
    kernel.execute("x = 1", subshell=subshell)
    assert kernel.ask("shutdown_request", "control", restart=False)["status"] == "ok"
    assert kernel.process.wait(5) == 0
    kernel.stop()


def test_a_kernel_that_has_stopped_serving_makes_no_subshell():
    """Nobody would end its reader thread: the process hung or crashed when its sockets were closed."""
    kernel = InProcess(new_connection(), log=lambda _line: None)
    try:
        kernel.lifecycle.stop("test")
        kernel.serve(ToolRegistry(), None, cell_timeout_s=None, end_by_force=lambda: None)

        with pytest.raises(KernelStopping):
            kernel._begin_subshells(None, None, None)
    finally:
        kernel.close()


def test_usage_is_measured(kernel):
    kernel.ask("usage_request", "control")
    usage = kernel.ask("usage_request", "control")
    assert usage["pid"] == kernel.process.pid
    assert usage["kernel_memory"] > 1_000_000
    assert {"kernel_cpu", "host_cpu_percent", "cpu_count", "hostname"} <= usage.keys()
    assert {"total", "available"} <= usage["host_virtual_memory"].keys()


def test_what_came_before_anybody_was_busy_is_served_in_the_middle_of_the_first():
    """Both messages have arrived when the main thread wakes up: nobody would ask for a safe point any more."""
    posted, taken = [], []

    class Shells:
        def take_or_log(self, frames, _shell):
            taken.append((frames, len(posted)))

    shells = Subshells(Shells(), Shells, None, nested=lambda serve: serve(), post_work=posted.append)
    shells.main.is_busy = False
    subshell = shells.create()
    shells.put([b"loops"], None)
    shells.put([b"waits"], subshell)
    assert posted == []

    shells._serve_next()
    posted[0]()

    assert taken == [([b"loops"], 1), ([b"waits"], 1)]
