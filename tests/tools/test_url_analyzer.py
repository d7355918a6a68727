"""url-analyzer and its way to the network (`surface.md` 4.7; security, 3, "http"); real servers on 127.0.0.1."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.builtin import checked_http
from llmspell_tools.builtin.data.urls import Url
from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import Cancelled, InvalidParameters, PermissionDenied
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

OPEN = Policy.default().with_rules(allow={"net": ["127.0.0.1"]}, origin="test")


def answer(url, policy=None, settings=None, **parameters):
    registry = ToolRegistry(policy=policy or Policy.default(), settings={"url-analyzer": settings or {}})
    return registry.invoke("url-analyzer", {"input": url, **parameters}).output


def fetched(url, policy=OPEN, **settings):
    return answer(url, policy, settings, fetch_metadata=True)["result"]


def test_a_url_is_taken_apart():
    assert answer("https://Example.ORG:8443/a%20b/c?q=1&q=2&n=x+y&flag#top") == {
        "operation": "analyze",
        "success": True,
        "result": {
            "valid": True,
            "original": "https://Example.ORG:8443/a%20b/c?q=1&q=2&n=x+y&flag#top",
            "normalized": "https://example.org:8443/a%20b/c?q=1&q=2&n=x+y&flag#top",
            "scheme": "https",
            "host": "example.org",
            "port": 8443,
            "path": "/a%20b/c",
            "query": "q=1&q=2&n=x+y&flag",
            "fragment": "top",
            "query_params": {"q": ["1", "2"], "n": "x y", "flag": ""},
            "host_details": {"type": "domain", "value": "example.org", "is_ip": False},
        },
    }


def test_parts_that_are_not_there_are_null():
    result = answer("http://example.org")["result"]

    assert (result["port"], result["query"], result["fragment"], result["path"]) == (None, None, None, "/")
    assert result["query_params"] == {}


def test_credentials_are_told():
    result = answer("https://us%40er:pa:ss@example.org/")["result"]

    assert (result["username"], result["has_auth"], result["has_password"]) == ("us%40er", True, True)
    assert answer("https://user@example.org/")["result"]["has_password"] is False
    assert "has_auth" not in answer("https://example.org/")["result"]


def test_parameters_may_stay_encoded():
    assert answer("http://a.de/?n=x%20y", decode_params=False)["result"]["query_params"] == {"n": "x%20y"}


@pytest.mark.parametrize(
    ("url", "normalized", "kind"),
    [
        ("HTTP://EXAMPLE.org:80/", "http://example.org/", "domain"),
        ("https://example.org:443", "https://example.org/", "domain"),
        ("http://example.org:/a/./b/../c/%2e%2E/d", "http://example.org/a/d", "domain"),
        ("http://example.org/../..", "http://example.org/", "domain"),
        ("http://example.org/ä?ö#ü", "http://example.org/%C3%A4?%C3%B6#%C3%BC", "domain"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/", "domain"),
        ("http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/", "domain"),
        ("http://\u0430pple.com/", "http://xn--pple-43d.com/", "domain"),
        ("http://example.org./", "http://example.org/", "domain"),
        ("http://2130706433", "http://127.0.0.1/", "ipv4"),
        ("http://0x7f.1", "http://127.0.0.1/", "ipv4"),
        ("http://017700000001", "http://127.0.0.1/", "ipv4"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/", "ipv6"),
        ("http://[::ffff:169.254.169.254]/", None, "ipv6"),
    ],
)
def test_urls_have_one_normal_form(url, normalized, kind):
    result = answer(url)["result"]

    assert result["host_details"]["type"] == kind
    assert result["host_details"]["is_ip"] is (kind != "domain")
    if normalized is not None:
        assert result["normalized"] == normalized
    assert answer(result["normalized"])["result"]["normalized"] == result["normalized"]


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "//example.org", "file:///etc/passwd", "gopher://example.org", "javascript:alert(1)",
        "http://", "http:///path", "http://a\\@b/", "http://a.de/\r\nX: y", "http://a b/", "http://a.de/\0", "http://a..b/",
        "http://.a/", "http://a:99999/", "http://a:x/", "http://a:-1/", "http://[::1", "http://[fe80::1%25eth0]/",
        "http://[1.2.3.4]/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://0xgg/", "http://a%00b/", "http://a%2fb/",
        "http://" + "a" * 64 + ".de/", "http://" + "a." * 200 + "de/", "http://a.de/" + "x" * 70_000, "http://\uff0561/\u2028",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused(url):
    with pytest.raises(InvalidParameters) as caught:
        answer(url)

    assert caught.value.field == "input"


@pytest.mark.parametrize("url", ["http://", "http://h:99999/", "http://[::1", "http://%ff/", "http://1.2.3.999/"])
def test_the_refused_url_is_named_whole(url):
    with pytest.raises(InvalidParameters, match=f"'{re.escape(url)}' is no URL"):
        answer(url)


@pytest.mark.parametrize("parameters", [{}, {"input": 5}, {"input": "http://a.de", "fetch": True},
                                        {"input": "http://a.de", "fetch_metadata": "yes"}])  # fmt: skip
def test_wrong_parameters_are_refused(parameters):
    with pytest.raises(InvalidParameters):
        ToolRegistry(policy=Policy.default()).invoke("url-analyzer", parameters)


@given(st.text(max_size=30))
def test_any_text_is_a_url_or_a_typed_error(text):
    try:
        url = Url("http://example.org/" + text)
    except InvalidParameters:
        return

    assert Url(url.normalized).normalized == url.normalized


def test_an_analysis_needs_no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)

    assert answer("http://127.0.0.1/")["result"]["valid"]


# --- what a server says ----------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Answers by the path; keeps what was asked."""

    seen: list[tuple[str, str, str | None]] = []  # noqa: RUF012 - of the test's server

    def do_HEAD(self):
        self.seen.append((self.command, self.path, self.headers["host"]))
        if self.path.startswith("/to/"):
            self.redirect(self.path.removeprefix("/to/"))
        elif self.path == "/loop":
            self.redirect("/loop")
        elif self.path.startswith("/down/"):
            left = int(self.path.removeprefix("/down/"))
            self.redirect(f"/down/{left - 1}" if left else "/")
        else:
            self.send_response(200 if self.path == "/" else 404)
            for name, value in {"Content-Type": "text/plain", "Content-Length": "5", "ETag": '"e"',
                                "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}.items():  # fmt: skip
                self.send_header(name, value)
            self.end_headers()

    def redirect(self, target):
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def version_string(self):
        return "test"

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join(5)


def test_a_server_is_asked_by_head(server):
    result = fetched(server)

    assert result["metadata"] == {
        "status_code": 200,
        "status_text": "OK",
        "is_success": True,
        "is_redirect": False,
        "content_type": "text/plain",
        "content_length": 5,
        "server": "test",
        "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        "etag": '"e"',
    }
    assert [("HEAD", "/", server.removeprefix("http://"))] == Handler.seen


def test_an_error_status_is_metadata(server):
    metadata = fetched(f"{server}/none")["metadata"]

    assert (metadata["status_code"], metadata["is_success"]) == (404, False)


def test_redirects_are_followed_five_times(server):
    metadata = fetched(f"{server}/down/4")["metadata"]

    assert metadata["status_code"] == 200
    assert metadata["final_url"] == f"{server}/"
    assert "5 times" in fetched(f"{server}/down/5")["metadata_error"]
    assert "5 times" in fetched(f"{server}/loop")["metadata_error"]


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "http://localhost/", "file:///etc/passwd",
               "gopher://a.de/", "http://0x7f.2/", "http://metadata.google.internal/"]
)  # fmt: skip
def test_a_redirect_to_a_refused_place_is_refused(server, target):
    with pytest.raises(PermissionDenied):
        fetched(f"{server}/to/{target}")

    assert len(Handler.seen) == 1


REFUSED = [
    "http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://[::1]/",
    "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::7f00:1]/", "http://169.254.169.254/", "http://10.1.2.3/",
    "http://metadata.google.internal/", "http://0.0.0.0/", "http://localhost./", "http://192.168.0.1/", "http://[fd00::1]/",
    "http://x.localhost/", "http://printer.local/", "http://example.org:22/", "http://example.org:6379/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_private_places_are_refused_before_anything_is_sent(monkeypatch, url):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved"))

    with pytest.raises(PermissionDenied) as caught:
        fetched(url, Policy.default())
    assert caught.value.details


def resolving(monkeypatch, *addresses):
    """Let every name have these addresses; return the names asked for."""
    asked = []

    def resolve(host, port, *_, **__):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(checked_http.socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("169.254.169.254",), ("10.0.0.1",)]
)
def test_a_public_name_with_a_private_address_is_refused(monkeypatch, addresses):
    resolving(monkeypatch, *addresses)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))

    with pytest.raises(PermissionDenied):
        fetched("http://rebind.example.org/", Policy.default())


def test_a_name_is_resolved_once_and_its_checked_address_is_connected_to(monkeypatch, server):
    plain, connected = socket.create_connection, []

    def connect(address, *rest, **named):
        connected.append(address)
        return plain(address, *rest, **named)

    asked = resolving(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(socket, "create_connection", connect)
    port = server.rpartition(":")[2]
    policy = Policy.default().with_rules(allow={"net": ["intranet.example.org"]}, origin="test")
    metadata = fetched(f"http://intranet.example.org:{port}/", policy)["metadata"]

    assert metadata["status_code"] == 200
    assert [name for name in asked if name != "127.0.0.1"] == ["intranet.example.org"]
    assert [address[0] for address in connected] == ["127.0.0.1"]
    assert Handler.seen[0][2] == f"intranet.example.org:{port}"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch, server):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert fetched(server)["metadata"]["status_code"] == 200


def test_credentials_are_not_sent(server):
    with pytest.raises(InvalidParameters):
        fetched(server.replace("http://", "http://user:pass@"))

    assert Handler.seen == []


@pytest.fixture
def raw_server():
    """A server that runs a function on each connection; returns a way to start it."""
    stop = threading.Event()
    threads, sockets = [], []

    def start(behave):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    behave(connection, stop)
                except OSError:
                    pass  # the client went away

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append(thread)
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    stop.set()
    for each in sockets:
        each.shutdown(socket.SHUT_RDWR)
        each.close()
    for thread in threads:
        thread.join(5)


def drip(connection, stop):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.wait(0.02):
        connection.sendall(b"a")


def silence(connection, stop):
    connection.recv(1000)
    stop.wait(5)


def endless_headers(connection, stop):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.is_set():
        connection.sendall(b"x-a: " + b"a" * 1000 + b"\r\n")


def nonsense(connection, stop):
    connection.recv(1000)
    connection.sendall(b"\x00\x01 no http\r\n\r\n")


def hang_up(connection, stop):
    connection.recv(1000)


@pytest.mark.parametrize("behave", [drip, silence, endless_headers, nonsense, hang_up])
def test_a_bad_server_is_a_metadata_error(raw_server, behave):
    result = fetched(raw_server(behave), timeout_s=0.4)

    assert result["metadata_error"]
    assert "metadata" not in result
    assert result["valid"] is True


def test_a_dead_port_and_an_unknown_name_are_metadata_errors(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in fetched(f"http://127.0.0.1:{port}/")["metadata_error"]

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(checked_http.socket, "getaddrinfo", unknown)
    assert "was not found" in fetched("http://nowhere.example.org/")["metadata_error"]


def test_plain_http_on_a_tls_port_is_a_metadata_error(server):
    assert fetched(server.replace("http://", "https://"))["metadata_error"]


def test_a_cancelled_run_stops_waiting(raw_server):
    signal = CancelSignal()
    url = raw_server(lambda connection, stop: (connection.recv(1000), signal.set(), stop.wait(5)))
    registry = ToolRegistry(policy=OPEN)

    with pytest.raises(Cancelled):
        registry.invoke("url-analyzer", {"input": url, "fetch_metadata": True}, context=registry.context(signal=signal))


def test_a_name_that_is_looked_for_too_long_is_given_up(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(checked_http.socket, "getaddrinfo", lambda *_, **__: release.wait(5) and [])
    try:
        assert "longer than 0.3 s" in fetched("http://slow.example.org/", timeout_s=0.3)["metadata_error"]
    finally:
        release.set()


def test_a_connection_that_comes_too_late_is_closed(monkeypatch, server):
    release, closed = threading.Event(), threading.Event()
    plain = checked_http.httpcore.SyncBackend.connect_tcp

    def connect(*arguments, **named):
        release.wait(5)
        stream = plain(*arguments, **named)
        close = stream.close
        stream.close = lambda: (close(), closed.set())
        return stream

    monkeypatch.setattr(checked_http.httpcore.SyncBackend, "connect_tcp", connect)

    assert "metadata_error" in fetched(server, timeout_s=0.2)
    release.set()
    assert closed.wait(5)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_a_metadata_error(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
         "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                settings.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        error = fetched(f"https://127.0.0.1:{listener.getsockname()[1]}/")["metadata_error"]
        thread.join(5)

    assert "CERTIFICATE_VERIFY_FAILED" in error
