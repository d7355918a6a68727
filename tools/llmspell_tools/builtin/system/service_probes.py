"""The checks of service-checker: resolve, connect, speak HTTP; each under one deadline that a slow peer cannot stretch.

A check runs on a thread of its own, since neither a resolver nor a peer that sends one byte a second can be interrupted
otherwise; when the time is up its socket is shut down, which ends it. The policy is asked for the name, then for all
addresses that it has, and one of those is connected to, not the name again. Redirects are told, not followed.
"""

from __future__ import annotations

import socket
import threading
from time import monotonic

from llmspell_tools.errors import LlmspellError, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject

_LOOK_S = 0.05
#: The policy's question for a name that is only resolved.
_DNS_PORT = 443


class Finding:
    """What a check found.

    Args:
        available: Whether the service answered as it should.
        status: A word, or the HTTP status line.
        error: What went wrong, None if nothing.
        metadata: Facts by the way.
    """

    __slots__ = ("available", "error", "metadata", "response_time_ms", "status")

    def __init__(self, available: bool, status: str, error: str | None, metadata: JsonObject) -> None:
        self.available = available
        self.status = status
        self.error = error
        self.metadata = metadata
        self.response_time_ms = 0.0


class Probe:
    """One check of one service.

    Args:
        context: Of the call.
        host: Without brackets.
        port: 1 to 65535.
        timeout_s: For everything.
    """

    def __init__(self, context: ToolContext, host: str, port: int, timeout_s: float) -> None:
        self._context = context
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._deadline = monotonic() + timeout_s
        self._socket: socket.socket | None = None
        self._is_given_up = False

    def tcp(self) -> Finding:
        """Connect, and hang up."""
        return self._run(self._tcp)

    def dns(self) -> Finding:
        """Resolve the name; the tool's own list of hosts does not hold, the general one does."""
        return self._run(self._dns)

    def http(self, path: str, *, secure: bool) -> Finding:
        """Ask for a path and read the answer's head."""
        return self._run(lambda: self._http(path, secure=secure))

    def _run(self, work: Callable[[], Finding]) -> Finding:
        found: list[Finding | BaseException] = []
        done = threading.Event()

        def target() -> None:
            try:
                found.append(work())
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which decides
                found.append(error)
            done.set()

        started = monotonic()
        threading.Thread(target=target, name="service-checker", daemon=True).start()
        try:
            while not done.wait(_LOOK_S):
                self._context.check()
                self._context.progress(0, None, "waiting for the answer")
                if monotonic() >= self._deadline:
                    break
            # Before the socket is shut down: the thread would take that for the peer's hanging up.
            answer = found[0] if found else TimeoutError()
        finally:
            self._give_up()
        finding = self._finding(answer)
        finding.response_time_ms = round((monotonic() - started) * 1000.0, 3)
        return finding

    def _finding(self, answer: Finding | BaseException) -> Finding:
        if isinstance(answer, Finding):
            return answer
        if isinstance(answer, TimeoutError):
            return Finding(False, "timeout", f"no answer within {self._timeout_s:g} s", {})
        if isinstance(answer, ConnectionRefusedError):
            return Finding(False, "refused", "the connection was refused", {})
        if isinstance(answer, socket.gaierror):
            return Finding(False, "unresolved", f"'{self._host}' has no address ({answer.strerror})", {})
        if isinstance(answer, UnicodeError):
            return Finding(False, "unresolved", f"'{self._host}' is no name that a host can have", {})
        if isinstance(answer, OSError):
            return Finding(False, "failed", answer.strerror or str(answer), {})
        if isinstance(answer, LlmspellError) or not isinstance(answer, Exception):
            raise answer
        return Finding(False, "failed", f"no answer that is HTTP ({type(answer).__name__}: {answer})"[:300], {})

    def _give_up(self) -> None:
        self._is_given_up = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was not connected, or is closed
            self._socket.close()

    def _tcp(self) -> Finding:
        address = self._connect()
        return Finding(True, "open", None, {"address": address, "port": self._port})

    def _dns(self) -> Finding:
        policy, tool = self._context.policy, self._context.tool
        try:
            policy.check_net(self._host, self._port, tool)
        except PermissionDenied:
            policy.check_net(self._host, _DNS_PORT, "")
        addresses = self._resolve()
        return Finding(True, "resolved", None, {"address_count": len(addresses), "first_address": addresses[0]})

    def _http(self, path: str, *, secure: bool) -> Finding:
        import http.client

        metadata: JsonObject = {"address": self._connect(), "port": self._port}
        assert self._socket is not None
        if secure:
            import ssl

            try:
                wrapped = ssl.create_default_context().wrap_socket(self._socket, server_hostname=self._host)
            except ssl.SSLCertVerificationError as error:
                return Finding(False, "bad certificate", error.verify_message or str(error), metadata)
            except ssl.SSLError as error:
                return Finding(False, "no TLS", error.reason or str(error), metadata)
            self._socket = wrapped
            metadata["tls"] = _tls_facts(wrapped)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        connection.sock = self._socket
        connection.request("GET", path, headers={"User-Agent": "llmspell service-checker", "Connection": "close"})
        response = connection.getresponse()
        metadata["status_code"] = response.status
        for name in ("server", "content-type", "location"):
            value = response.getheader(name)
            if value:
                metadata[name.replace("-", "_")] = value[:500]
        ok = 200 <= response.status < 400
        line = f"{response.status} {response.reason}".strip()[:200]
        return Finding(ok, line, None if ok else f"HTTP status {line}", metadata)

    def _connect(self) -> str:
        """Connect to the first address that answers; return it."""
        policy, tool = self._context.policy, self._context.tool
        policy.check_net(self._host, self._port, tool)
        addresses = self._resolve()
        policy.check_net(self._host, self._port, tool, addresses)
        failure: OSError = TimeoutError()
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            if self._is_given_up:  # before there was a socket to shut down
                self._socket.close()
                raise TimeoutError
            self._socket.settimeout(max(0.001, self._deadline - monotonic()))
            try:
                self._socket.connect((address, self._port))
                return address
            except OSError as error:
                self._socket.close()
                failure = error
        raise failure

    def _resolve(self) -> list[str]:
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(info[4][0]) for info in found))


def _tls_facts(wrapped: object) -> JsonObject:
    import ssl

    assert isinstance(wrapped, ssl.SSLSocket)
    facts: JsonObject = {"version": wrapped.version()}
    certificate = wrapped.getpeercert() or {}
    expires = certificate.get("notAfter")
    if isinstance(expires, str):
        from datetime import UTC, datetime

        moment = datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC)
        facts["expires"] = moment.isoformat()
        facts["days_left"] = (moment - datetime.now(UTC)).days
    return facts
