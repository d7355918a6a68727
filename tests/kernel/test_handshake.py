"""The ways a kernel is told where to listen: registration files (JEP 66), encryption and ipc by jupyter_client."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest
import zmq
from jupyter_client import KernelManager

from llmspell_kernel.connection import Connection, Registration, read_connection, read_startup
from llmspell_kernel.errors import ConnectionFileError, HandshakeFailed
from llmspell_kernel.handshake import register
from llmspell_kernel.kernelspec import install
from llmspell_kernel.wire import DELIMITER, Wire

KEY = "a0436f6c-1916-498b-8eb9-e81ab9368e84"
WAIT_MS = 5_000


class Launcher:
    """Listens as a registration service does."""

    def __init__(self, folder):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.file = folder / "registration.json"
        content = {
            "kernel_id": "one/two", "transport": "tcp", "registration_ip": "127.0.0.1", "registration_port": self.port,
            "signature_scheme": "hmac-sha256", "key": KEY,
        }  # fmt: skip
        self.file.touch(0o600)
        self.file.write_text(json.dumps(content))

    def next(self):
        assert self.socket.poll(WAIT_MS)
        identity, delimiter, signature, content = self.socket.recv_multipart()
        assert delimiter == DELIMITER
        assert signature == Wire(KEY.encode()).sign(content)
        return identity, json.loads(content)

    def acknowledge(self, identity, key=KEY):
        self.socket.send_multipart([identity, DELIMITER, Wire(key.encode()).sign(b"{}"), b"{}"])


@pytest.fixture
def launcher(tmp_path):
    made = Launcher(tmp_path)
    yield made
    made.context.destroy(0)


def test_a_registration_file_is_told_from_a_connection_file(launcher):
    connection, registration = read_startup(str(launcher.file))
    assert registration.endpoint() == f"tcp://127.0.0.1:{launcher.port}"
    assert (connection.key, connection.ip, connection.is_complete) == (KEY.encode(), "127.0.0.1", False)


@pytest.mark.parametrize(
    "change", [{"kernel_id": 3}, {"registration_port": "x"}, {"registration_ip": None}, {"key": ""}]
)
def test_a_registration_file_that_cannot_be_used_is_refused(launcher, change):
    launcher.file.write_text(json.dumps(json.loads(launcher.file.read_text()) | change))
    with pytest.raises(ConnectionFileError):
        read_startup(str(launcher.file))


def test_a_registration_file_that_others_may_read_is_refused(launcher):
    launcher.file.chmod(0o644)
    with pytest.raises(ConnectionFileError, match="chmod 600"):
        read_startup(str(launcher.file))


def test_silence_and_a_forged_acknowledgement_end_the_start(launcher):
    connection = Connection(KEY.encode(), ports={"shell_port": 1})
    registration = Registration("k", "tcp", "127.0.0.1", launcher.port)
    with pytest.raises(HandshakeFailed):
        register(registration, connection, Wire(KEY.encode()), wait_s=0.05)
    identity, _ = launcher.next()
    launcher.acknowledge(identity, key="another")
    with pytest.raises(HandshakeFailed):
        register(registration, connection, Wire(KEY.encode()), wait_s=0.05)


@pytest.mark.subprocess
def test_a_kernel_tells_its_ports_and_writes_its_own_file(launcher, tmp_path):
    environment = {**os.environ, "LLMSPELL_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [sys.executable, "-m", "llmspell", "kernel", "start", "-f", str(launcher.file)], env=environment, cwd=tmp_path
    )
    try:
        identity, content = launcher.next()
        launcher.acknowledge(identity)
        written = tmp_path / "kernel-one_two.json"
        connection = read_connection(str(written))
        assert content == {"kernel_id": "one/two"} | {name: str(port) for name, port in connection.ports.items()}
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        heart = launcher.context.socket(zmq.REQ)
        heart.linger = 0
        heart.connect(connection.endpoint(connection.ports["hb_port"]))
        heart.send(b"beat")
        assert heart.poll(WAIT_MS)
        heart.close()
        process.terminate()
        assert process.wait(5) == 0
        assert (written.exists(), launcher.file.exists()) == (False, True)
    finally:
        process.kill()
        process.wait(5)


@pytest.mark.subprocess
@pytest.mark.parametrize(("transport", "encryption"), [("tcp", "required"), ("tcp", "auto"), ("ipc", "disabled")])
def test_jupyter_client_starts_the_kernel_encrypted_and_by_ipc(tmp_path, monkeypatch, transport, encryption):
    """jupyter_client 8.9 and later take `supported_encryption` from the kernelspec."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    install(user=True)
    options = {"transport_encryption": encryption} if hasattr(KernelManager, "transport_encryption") else {}
    manager = KernelManager(kernel_name="llmspell", transport=transport, **options)
    if transport == "ipc":
        manager.ip = str(tmp_path / "socket")
    manager.start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=30)
        said = []
        reply = client.execute_interactive("print(6 * 7)", output_hook=said.append, timeout=5)
        assert reply["content"]["status"] == "ok"
        assert [each["content"].get("text") for each in said if each["msg_type"] == "stream"] == ["42\n"]
        encrypted = getattr(manager, "curve_publickey", None) is not None
        assert encrypted == (bool(options) and encryption != "disabled")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)
        client.context.destroy(0)
        manager.cleanup_resources()
