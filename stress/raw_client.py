"""A raw pyzmq client of a Jupyter kernel: requests are built and signed before a clock starts, answers checked after.

`Answers` knows the rules of the protocol: signature, parent, status, exactly one reply, one busy and one idle for each
request, replies in order. Used by the load programs of this folder only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import zmq

DELIMITER = b"<IDS|MSG>"
PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
_base_recv = zmq.backend.Socket.recv
_base_send = zmq.backend.Socket.send
_SNDMORE = int(zmq.SNDMORE)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def write_connection_file(path: Path) -> dict[str, Any]:
    """Write a connection file for its owner alone and return its content."""
    content: dict[str, Any] = {
        "transport": "tcp",
        "ip": "127.0.0.1",
        "key": os.urandom(32).hex(),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "bench",
        **dict(zip(PORTS, free_ports(5), strict=True)),
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), encoding="utf-8")
    return content


class Process:
    """A kernel process of ours in the folder of its connection file, without configuration; ended by its own id."""

    def __init__(self, command: list[str], connection_file: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment = {**kept, "HOME": str(connection_file.parent)}
        self.connection = write_connection_file(connection_file)
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, str(connection_file)],
            cwd=connection_file.parent,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid

    def cpu_s(self) -> float:
        """Return the seconds of CPU that the process and its children have used, by scheduler accounting."""
        return sum(_scheduled_ns(pid) for pid in self._tree()) / 1e9

    def rss_mb(self) -> float:
        """Return the resident memory of the process and its children in MB."""
        return sum(_resident_kb(pid) for pid in self._tree()) / 1024

    def _tree(self) -> list[int]:
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += map(int, (task / "children").read_text(encoding="ascii").split())
        return found

    def wait(self, seconds: float) -> int:
        """Wait for the process to end by itself and return its exit status."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


def _scheduled_ns(pid: int) -> int:
    return sum(
        int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def receive(sock: zmq.Socket[bytes], flags: int = 0) -> list[bytes]:
    """Return the frames of one message, as cheaply as pyzmq can."""
    frame = _base_recv(sock, flags, False)
    frames = [frame.bytes]
    while frame.more:
        frame = _base_recv(sock, flags, False)
        frames.append(frame.bytes)
    return frames


def send(sock: zmq.Socket[bytes], frames: list[bytes]) -> None:
    """Send frames, as cheaply as pyzmq can."""
    for frame in frames[:-1]:
        _base_send(sock, frame, _SNDMORE)
    _base_send(sock, frames[-1], 0)


class Client:
    """One client with its shell and iopub sockets."""

    def __init__(self, connection: dict[str, Any], *, receive_high_water: int = 0) -> None:
        self.key = connection["key"].encode("ascii")
        self.session = uuid.uuid4().hex
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.shell = self._connect(zmq.DEALER, connection, "shell_port", receive_high_water)
        self.control = self._connect(zmq.DEALER, connection, "control_port", receive_high_water)
        self.iopub = self._connect(zmq.SUB, connection, "iopub_port", 0)
        self.iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self._count = 0

    def _connect(self, kind: int, connection: dict[str, Any], port: str, high_water: int) -> zmq.Socket[bytes]:
        sock: zmq.Socket[bytes] = self.context.socket(kind)
        sock.setsockopt(zmq.LINGER, 0)
        sock.setsockopt(zmq.RECONNECT_IVL, 1)
        sock.setsockopt(zmq.RCVHWM, high_water)
        sock.setsockopt(zmq.SNDHWM, 0)
        sock.connect(f"tcp://{connection['ip']}:{connection[port]}")
        return sock

    def close(self) -> None:
        """Close all sockets."""
        self.context.destroy(0)

    def request(self, msg_type: str, content: dict[str, Any], subshell: str | None = None) -> tuple[str, list[bytes]]:
        """Return a new request's id and signed frames."""
        self._count += 1
        msg_id = f"{self.session}_{self._count}"
        header = {
            "msg_id": msg_id,
            "session": self.session,
            "username": "bench",
            "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{self._count % 1_000_000:06d}Z",
            "msg_type": msg_type,
            "version": "5.3",
        }
        if subshell is not None:
            header["subshell_id"] = subshell
        frames = [json.dumps(part).encode("utf-8") for part in (header, {}, {}, content)]
        return msg_id, [DELIMITER, self._sign(frames), *frames]

    def execute_request(self, code: str, subshell: str | None = None) -> tuple[str, list[bytes]]:
        """Return an execute_request."""
        return self.request("execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        }, subshell)  # fmt: skip

    def _sign(self, frames: list[bytes]) -> bytes:
        return hmac.new(self.key, b"".join(frames), hashlib.sha256).hexdigest().encode("ascii")

    def read(self, frames: list[bytes]) -> dict[str, Any]:
        """Verify and parse a message.

        Raises:
            AssertionError: The signature is wrong.
        """
        start = frames.index(DELIMITER)
        signature, *parts = frames[start + 1 : start + 6]
        assert hmac.compare_digest(signature, self._sign(parts)), "a signature of the kernel's is wrong"
        header, parent, metadata, content = map(json.loads, parts)
        return {"header": header, "parent": parent.get("msg_id"), "metadata": metadata, "content": content}

    def wait_until_ready(self, timeout_s: float = 30.0) -> float:
        """Send kernel_info_request and subscribe until both channels work; return when the first reply came."""
        _, frames = self.request("kernel_info_request", {})
        send(self.shell, frames)
        if not self.shell.poll(int(timeout_s * 1_000)):
            raise TimeoutError("the kernel did not answer")
        receive(self.shell)
        first = time.perf_counter()
        while not self.iopub.poll(50):
            send(self.shell, self.request("kernel_info_request", {})[1])
        time.sleep(0.2)
        for sock in (self.shell, self.iopub):
            while sock.poll(20):
                receive(sock)
        return first

    def until_idle(self, msg_id: bytes) -> list[list[bytes]]:
        """Return the iopub messages up to the idle of one request; only bytes are looked at."""
        seen = []
        while True:
            frames = receive(self.iopub)
            seen.append(frames)
            if frames[-1].startswith(b'{"execution_state"') and b"idle" in frames[-1] and msg_id in frames[-3]:
                return seen


class Answers:
    """All that came back, judged after the clock has stopped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.replies: list[list[bytes]] = []
        self.published: list[list[bytes]] = []

    def check(self, sent: list[str], *, status: str = "ok", complete_iopub: bool = True) -> list[dict[str, Any]]:
        """Return the parsed replies.

        Args:
            sent: Ids of the requests, in the order of sending.
            status: What every reply must say.
            complete_iopub: Whether every busy and idle must have arrived.

        Raises:
            AssertionError: A rule is broken; the message says which.
        """
        replies = [self._client.read(frames) for frames in self.replies]
        assert [reply["parent"] for reply in replies] == sent, "replies are missing, doubled or out of order"
        wrong = [reply["content"] for reply in replies if reply["content"]["status"] != status]
        assert not wrong, f"{len(wrong)} replies are not {status}: {wrong[:1]}"
        states: dict[str, list[str]] = {msg_id: [] for msg_id in sent}
        for frames in self.published:
            message = self._client.read(frames)
            if message["header"]["msg_type"] == "status" and message["parent"] in states:
                states[message["parent"]].append(message["content"]["execution_state"])
        if complete_iopub:
            broken = [msg_id for msg_id, seen in states.items() if seen != ["busy", "idle"]]
            assert not broken, f"{len(broken)} requests without exactly one busy and one idle"
        return replies


def our_command(python: str = sys.executable) -> list[str]:
    """Return the command that starts our kernel; a connection file follows it."""
    return [python, "-m", "llmspell", "kernel", "start", "-f"]
