"""The composition in this process: a kernel on a thread with an engine that obeys the test, a raw client beside it."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest
import zmq

from llmspell_kernel import kernel as kernel_module
from llmspell_kernel.connection import Connection, read_connection, write_connection
from llmspell_kernel.errors import ConnectionFileError
from llmspell_kernel.kernel import Kernel, run_kernel
from llmspell_kernel.wire import Wire
from llmspell_tools.errors import Cancelled
from llmspell_tools.registry import ToolRegistry

WAIT_S = 5.0


class Ran:
    values: list = []  # noqa: RUF012 - read only
    text = "42"
    exit_code = None
    data = None
    metadata: dict = {}  # noqa: RUF012 - read only


class Engine:
    """Says 42, or waits for an interrupt where the code is `wait`."""

    def __init__(self, registry, write, front):
        self.write = write
        self.stopped = threading.Event()
        self.closed = False

    def execute(self, code, **options):
        self.write("stdout", "on")
        if code == "wait":
            assert self.stopped.wait(WAIT_S)
            raise Cancelled("the script was interrupted")
        return Ran()

    def is_complete(self, code):
        return "complete", ""

    def interrupt(self):
        self.stopped.set()

    def close(self):
        self.closed = True


class Client:
    """A raw client of the kernel that a connection file names."""

    def __init__(self, path):
        for _ in range(500):
            if os.path.exists(path):
                break
            time.sleep(0.01)
        self.connection = read_connection(path)
        self.wire = Wire(self.connection.key)
        self.context = zmq.Context()
        self.shell = self.connect(zmq.DEALER, "shell_port")
        self.control = self.connect(zmq.DEALER, "control_port")
        self.iopub = self.connect(zmq.SUB, "iopub_port")
        self.iopub.subscribe(b"")
        while self.next(self.iopub)[0] != "iopub_welcome":
            pass

    def connect(self, kind, port):
        sock = self.context.socket(kind)
        sock.linger = 0
        sock.rcvtimeo = int(WAIT_S * 1_000)
        sock.connect(self.connection.endpoint(self.connection.ports[port]))
        return sock

    def ask(self, sock, msg_type, **content):
        sock.send_multipart(self.wire.message([], msg_type, json.dumps(content).encode(), b"{}"))

    def next(self, sock):
        frames = sock.recv_multipart()
        frames = frames[frames.index(b"<IDS|MSG>") :]
        assert frames[1] == self.wire.sign(b"".join(frames[2:]))
        return json.loads(frames[2])["msg_type"], json.loads(frames[5])

    def published(self, until):
        """Return what comes up to a state; the kernel's own start may still be under way."""
        seen = []
        while not seen or seen[-1] != ("status", {"execution_state": until}):
            message = self.next(self.iopub)
            if message != ("status", {"execution_state": "starting"}):
                seen.append(message)
        return seen

    def close(self):
        self.context.destroy(0)


@pytest.fixture
def serving(tmp_path):
    """A kernel on a thread: its connection file, its client, and what it ended with."""
    path = str(tmp_path / "c.json")
    result: dict = {"log": [], "engines": []}

    def factory(registry, write, front):
        result["engines"].append(Engine(registry, write, front))
        return result["engines"][-1]

    def serve():
        result["status"] = run_kernel(path, registry=ToolRegistry(), engine_factory=factory, log=result["log"].append)

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client(path)
    yield path, client, result, thread
    if thread.is_alive():
        client.ask(client.control, "shutdown_request", restart=False)
        thread.join(WAIT_S)
    client.close()
    assert not thread.is_alive()


def test_a_cell_goes_through_the_whole_spine(serving):
    _, client, result, _ = serving
    client.ask(client.shell, "execute_request", code="x")

    assert client.next(client.shell)[1]["status"] == "ok"
    seen = client.published(until="idle")
    assert [name for name, _ in seen] == ["status", "execute_input", "stream", "execute_result", "status"]
    assert len(result["engines"]) == 1


def test_an_interrupt_by_message_reaches_the_engine(serving):
    _, client, _, _ = serving
    client.ask(client.shell, "execute_request", code="wait")
    while client.next(client.iopub)[0] != "stream":
        pass
    client.ask(client.control, "interrupt_request")

    assert client.next(client.control)[1] == {"status": "ok"}
    assert client.next(client.shell)[1]["ename"] == "KeyboardInterrupt"


def test_shutdown_cleans_up_and_returns_zero(serving):
    path, client, result, thread = serving
    client.ask(client.shell, "execute_request", code="x")
    client.next(client.shell)
    client.ask(client.control, "shutdown_request", restart=False)
    assert client.next(client.control)[0] == "shutdown_reply"
    thread.join(WAIT_S)

    assert result["status"] == 0
    assert result["engines"][0].closed
    assert not os.path.exists(path)
    assert result["log"] == []


def test_a_shutdown_before_any_request_makes_no_engine(serving):
    _, client, result, thread = serving
    client.ask(client.control, "shutdown_request", restart=False)
    thread.join(WAIT_S)

    assert result["status"] == 0
    assert result["engines"] == []


def test_a_flood_of_forged_messages_is_logged_a_few_times_only(serving):
    _, client, result, _ = serving
    for _ in range(500):
        client.shell.send_multipart([b"<IDS|MSG>", b"0" * 64, b"{}", b"{}", b"{}", b"{}"])
    client.ask(client.shell, "kernel_info_request")

    assert client.next(client.shell)[0] == "kernel_info_reply"
    assert 1 <= len(result["log"]) <= 40


def test_an_engine_that_cannot_be_made_ends_the_kernel_with_its_error(tmp_path):
    path = str(tmp_path / "c.json")
    caught: list = []

    def factory(registry, write, front):
        raise RuntimeError("no engine")

    def serve():
        try:
            run_kernel(path, registry=ToolRegistry(), engine_factory=factory, log=caught.append)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client(path)
    client.ask(client.shell, "kernel_info_request")
    thread.join(WAIT_S)
    client.close()

    assert str(caught[-1]) == "no engine"
    assert not os.path.exists(path)


def test_ports_that_a_given_file_leaves_open_are_written_into_it(tmp_path):
    path = str(tmp_path / "c.json")
    write_connection(path, Connection(b"a given key", ports={"shell_port": 0}))
    thread = threading.Thread(
        target=run_kernel, args=(path,), kwargs={"registry": ToolRegistry(), "engine_factory": Engine}
    )
    thread.start()
    for _ in range(500):
        if read_connection(path).is_complete:
            break
        time.sleep(0.01)
    client = Client(path)
    client.ask(client.control, "shutdown_request", restart=False)
    thread.join(WAIT_S)
    client.close()

    assert not thread.is_alive()
    assert read_connection(path).key == b"a given key"


def test_an_address_that_others_reach_is_warned_of(tmp_path, monkeypatch):
    lines: list = []

    monkeypatch.setattr(Kernel, "serve", lambda *args, **options: None)

    run_kernel(str(tmp_path / "c.json"), registry=ToolRegistry(), ip="0.0.0.0", log=lines.append)

    assert len(lines) == 1
    assert "0.0.0.0" in lines[0]


def test_a_kernel_whose_ports_are_taken_leaves_nothing_open(tmp_path, serving):
    _, client, _, _ = serving
    before = set(os.listdir("/proc/self/fd"))
    write_connection(str(tmp_path / "second.json"), client.connection)

    with pytest.raises(ConnectionFileError, match="in use"):
        run_kernel(str(tmp_path / "second.json"), registry=ToolRegistry(), engine_factory=Engine)

    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1  # the listing itself


def test_a_kernel_that_does_not_stop_is_ended_by_force(tmp_path, monkeypatch):
    ended: list = []
    path = str(tmp_path / "c.json")
    connection = Connection(b"key")
    write_connection(path, connection)
    monkeypatch.setattr(kernel_module.os, "_exit", ended.append)

    kernel_module._end_by_force(path, connection, is_ours=True)

    assert ended == [1]
    assert not os.path.exists(path)
