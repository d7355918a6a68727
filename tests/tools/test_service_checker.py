"""service-checker: real servers on this machine, slow and broken ones, and what the policy refuses."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import Cancelled, InvalidParameters, PermissionDenied, ToolTimeout
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


def check(target, check_type, registry=None, **more):
    registry = registry or ToolRegistry()
    params = {"target": target, "check_type": check_type, **more}
    return registry.invoke("service-checker", params).output["result"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = {"/ok": 200, "/moved": 302, "/broken": 500}.get(self.path.partition("?")[0], 404)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Type", "text/plain")
        self.end_headers()

    def log_message(self, *_):
        pass


def serve(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def web():
    yield from serve(http.server.HTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.fixture
def secure_web(certificate):
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serve(server)


@pytest.fixture
def raw():
    """A server that does with each connection what it is told."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    actions = []

    def run():
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    actions[0](connection, stop)
                except OSError:
                    pass

    thread = threading.Thread(target=run)
    thread.start()

    def start(action):
        actions.append(action)
        return listener.getsockname()[1]

    yield start
    stop.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST."])
def test_an_open_port_is_available(web, host):
    got = check(f"{host}:{web}", "tcp")

    assert got["response_time_ms"] >= 0
    del got["response_time_ms"]
    assert got == {
        "target": f"{host}:{web}", "check_type": "tcp", "available": True, "status": "open", "error": None,
        "metadata": {"address": "127.0.0.1", "port": web}, "timeout_seconds": 5,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["tcp", "http", "https"])
def test_a_closed_port_is_a_result(kind):
    got = check(f"127.0.0.1:{closed_port()}", kind)

    assert (got["available"], got["status"]) == (False, "refused")


@pytest.mark.parametrize(
    ("path", "available", "status"),
    [
        ("/ok", True, "200 OK"),
        ("/ok?x=ä", True, "200 OK"),
        ("/moved", True, "302 Found"),
        ("/broken", False, "500 Internal Server Error"),
        ("", False, "404 Not Found"),
        ("/missing#part", False, "404 Not Found"),
    ],
)
def test_http_tells_the_status_and_follows_nothing(web, path, available, status):
    got = check(f"http://127.0.0.1:{web}{path}", "http")

    assert (got["available"], got["status"]) == (available, status)
    assert got["metadata"]["status_code"] == int(status[:3])


def test_http_takes_host_and_port_as_well(web):
    assert check(f"localhost:{web}/ok", "http")["available"] is True


def test_https_verifies_the_certificate(secure_web, certificate, monkeypatch):
    assert check(f"localhost:{secure_web}/ok", "https")["status"] == "bad certificate"

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    got = check(f"https://localhost:{secure_web}/ok", "https")
    assert got["available"] is True
    assert got["metadata"]["tls"]["version"].startswith("TLSv1.")
    assert 28 <= got["metadata"]["tls"]["days_left"] <= 30
    assert check(f"https://127.0.0.1:{secure_web}/ok", "https")["status"] == "bad certificate"


def test_a_server_without_tls_says_so(web):
    got = check(f"localhost:{web}", "https", timeout_seconds=3)

    assert got["available"] is False
    assert got["status"] in ("no TLS", "failed")


def test_dns_resolves(monkeypatch):
    got = check("localhost:80", "dns")

    assert got["status"] == "resolved"
    assert got["metadata"]["address_count"] >= 1
    assert got["metadata"]["first_address"] in ("127.0.0.1", "::1")


@pytest.mark.parametrize("kind", ["tcp", "http", "dns"])
def test_a_name_that_no_host_can_have_is_unresolved(kind):
    got = check(f"{'a' * 64}.localhost:80", kind)

    assert got["status"] == "unresolved"
    assert "HTTP" not in got["error"]


def test_dns_may_ask_for_public_names_but_not_under_a_strict_policy(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert check("nothing.example.com", "dns")["status"] == "unresolved"
    for policy in (Policy.strict(), Policy.default().with_rules(deny={"net": ["example.com"]}, origin="test")):
        with pytest.raises(PermissionDenied):
            check("example.com:80", "dns", ToolRegistry(policy=policy))
    with pytest.raises(PermissionDenied):
        check("printer.internal", "dns")


@pytest.mark.parametrize(
    "target",
    [
        "example.com:80",
        "169.254.169.254:80",
        "10.0.0.1:80",
        "[fd00::1]:80",
        "0.0.0.0:80",
        "metadata.google.internal:80",
    ],
)
@pytest.mark.parametrize("kind", ["tcp", "http", "https"])
def test_other_machines_are_refused_by_default(target, kind):
    with pytest.raises(PermissionDenied):
        check(target, kind)


def test_a_name_is_checked_by_all_its_addresses(monkeypatch):
    """A name that the policy allows but that leads to the metadata service."""
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, 1, 6, "", (host, 80)) for host in ("127.0.0.1", "169.254.169.254")],
    )
    policy = Policy.default().with_rules(allow={"net": ["rebound.test"]}, origin="test")
    with pytest.raises(PermissionDenied):
        check("rebound.test:80", "tcp", ToolRegistry(policy=policy))


def test_a_policy_may_name_a_port(web):
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"net": [f"127.0.0.1:{web}"]}})
    registry = ToolRegistry(policy=policy)

    assert check(f"127.0.0.1:{web}", "tcp", registry)["available"] is True
    with pytest.raises(PermissionDenied):
        check("127.0.0.1:1", "tcp", registry)


def drip(connection, stop):
    connection.recv(1000)
    while not stop.wait(0.05):
        connection.sendall(b"H")


def endless_head(connection, stop):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.is_set():
        connection.sendall(b"X: " + b"y" * 1000 + b"\r\n")


def endless_continue(connection, stop):
    connection.recv(1000)
    while not stop.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def silence(connection, stop):
    stop.wait(5)


@pytest.mark.parametrize("action", [drip, silence, endless_continue])
def test_a_slow_server_does_not_stretch_the_time(raw, action):
    got = check(f"127.0.0.1:{raw(action)}", "http", timeout_seconds=0.4)

    assert (got["available"], got["status"]) == (False, "timeout")
    assert got["response_time_ms"] < 3000


@pytest.mark.parametrize(
    "action", [endless_head, lambda connection, stop: connection.sendall(b"SSH-2.0-x\r\n"), lambda *_: None]
)
def test_an_answer_that_is_no_http_is_a_result(raw, action):
    got = check(f"127.0.0.1:{raw(action)}", "http", timeout_seconds=3)

    assert (got["available"], got["status"]) == (False, "failed")


def test_a_resolver_that_hangs_does_not_hold_the_call(monkeypatch):
    stop = threading.Event()

    def hang(*_, **__):
        stop.wait(5)
        raise socket.gaierror(-3, "late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    got = check("localhost:80", "tcp", timeout_seconds=0.2)
    stop.set()

    assert got["status"] == "timeout"


def test_an_interrupt_and_the_runs_deadline_end_a_check(raw):
    port = raw(silence)
    registry = ToolRegistry()
    signal = CancelSignal()
    threading.Timer(0.1, signal.set).start()
    params = {"target": f"127.0.0.1:{port}", "check_type": "http"}
    with pytest.raises(Cancelled):
        registry.invoke("service-checker", params, context=registry.context(signal=signal))
    with pytest.raises(ToolTimeout):
        registry.invoke("service-checker", params, timeout_s=0.2)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("", "tcp"), ("localhost", "tcp"), ("localhost:0", "tcp"), ("localhost:65536", "tcp"), ("localhost:x", "tcp"),
        ("::1:80", "tcp"), ("http://localhost:1", "tcp"), ("file:///etc/passwd", "http"),
        ("gopher://localhost", "http"),
        ("http://localhost", "https"), ("user@localhost:80", "tcp"), ("http://a\\@localhost", "http"),
        ("localhost:80\r\nX: y", "http"), ("http://localhost/\r\nX: y", "http"), ("local host:80", "tcp"),
        ("a\0b:80", "tcp"), ("x" * 300 + ":80", "tcp"), ("localhost:80/x", "tcp"), ("localhost:٣", "tcp"),
    ],
)  # fmt: skip
def test_targets_that_are_none_are_refused(target, kind):
    with pytest.raises(InvalidParameters):
        check(target, kind)


@pytest.mark.parametrize(
    "more", [{"timeout_seconds": 31}, {"timeout_seconds": 0}, {"timeout_seconds": "5"}, {"port": 5}]
)
def test_bad_parameters_are_refused(more):
    with pytest.raises(InvalidParameters):
        check("localhost:80", "tcp", **more)
    with pytest.raises(InvalidParameters):
        check("localhost:80", "udp")
