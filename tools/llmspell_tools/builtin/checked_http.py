"""The one way to the network by HTTP: every host and every address is asked of the policy before it is connected to.

`open_client` returns an `httpx.Client` whose connections are made here: the name is checked, resolved once, all its
addresses are checked, and one of those is connected to, not the name again; TLS still verifies the name. A redirect is
a new request and so checked anew (at most five). Nothing from the environment is used: no proxy, no `.netrc`. One
deadline holds for the whole exchange, however slowly bytes drip, and a cancel is noticed within a quarter second.
Bodies are the caller's business: stream them, and count what comes out of decompression.

Threads: resolving, connecting and the TLS handshake cannot be interrupted, so each runs on a short-lived thread of its
own while the caller's looks up now and then; one that is given up ends by itself and closes what it opened. Importing
this module imports httpx, so tools do it when they first need the network.
"""

from __future__ import annotations

import socket
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore
import httpx

from llmspell_tools.errors import PermissionDenied, ToolExecutionError, ToolTimeout
from llmspell_tools.version import __version__

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from llmspell_tools.definition import ToolContext

T = TypeVar("T")
MAX_REDIRECTS = 5
_SLICE_S = 0.25
USER_AGENT = f"llmspell/{__version__}"


def open_client(context: ToolContext, timeout_s: float) -> httpx.Client:
    """Return a client for one call of a tool; use it in a `with`.

    Args:
        context: Of the tool that runs: its policy, deadline and signal.
        timeout_s: For everything that is done with the client.

    Requests raise:
        PermissionDenied: The policy refuses the host or one of its addresses, or a redirect leaves http and https.
        ToolExecutionError: No connection, bad TLS, a broken answer; ``details["reason"]`` says which.
        ToolTimeout, Cancelled: As everywhere.
    """
    return httpx.Client(
        transport=_CheckedTransport(_Clock(context, timeout_s)),
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        timeout=timeout_s,
        trust_env=False,
        headers={"user-agent": USER_AGENT},
    )


class _Clock:
    """The time that an exchange has left."""

    def __init__(self, context: ToolContext, timeout_s: float) -> None:
        self.context = context
        self._timeout_s = timeout_s
        self._end = monotonic() + timeout_s

    def left(self, timeout_s: float | None = None) -> float:
        """Return seconds left, at most `timeout_s`."""
        self.context.check()
        left = self._end - monotonic()
        if left <= 0:
            raise ToolTimeout(
                f"the exchange took longer than {self._timeout_s:g} s", details={"limit": self._timeout_s}
            )
        return left if timeout_s is None else min(left, timeout_s)


class _CheckedTransport(httpx.BaseTransport):
    """httpx's side: requests in, responses out, httpcore's failures as ours."""

    def __init__(self, clock: _Clock) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=_CheckedBackend(clock),
            max_keepalive_connections=0,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, the body still to be read."""
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise PermissionDenied(
                f"'{request.url}' is refused: only http and https are spoken",
                details={"resource": str(request.url), "rule": "http and https only"},
            )
        stream: Any = request.stream
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=stream,
            extensions=request.extensions,
        )
        try:
            answer = self._pool.handle_request(asked)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _failed(request.url.host, error) from error
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """A response's body, with httpcore's failures as ours."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        stream: Any = self._answer.stream
        try:
            yield from stream
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise _failed("the server", error) from error

    def close(self) -> None:
        """Close the connection."""
        self._answer.close()


class _CheckedBackend(httpcore.NetworkBackend):
    """httpcore's side: a connection to a host, once the policy agrees to it."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Check, resolve, check, and connect to the first checked address that answers."""
        context = self._clock.context
        context.policy.check_net(host, port, context.tool)
        addresses = _resolve(host, port, self._clock)
        context.policy.check_net(host, port, context.tool, addresses)
        last: Exception | None = None
        for address in addresses:
            try:
                stream = _apart(
                    self._clock,
                    partial(
                        self._plain.connect_tcp,
                        address,
                        port,
                        self._clock.left(timeout),
                        local_address,
                        socket_options,
                    ),
                )
                return _TimedStream(stream, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last if last is not None else httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        """Never asked: nothing here retries."""
        raise NotImplementedError


class _TimedStream(httpcore.NetworkStream):
    """A connection that looks up now and then while it waits."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is."""
        while True:
            try:
                return self._stream.read(max_bytes, self._clock.left(_SLICE_S))
            except httpcore.ReadTimeout:
                self._clock.left(timeout)  # raises when it is over

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        self._stream.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on."""
        begin = partial(self._stream.start_tls, ssl_context, server_hostname, self._clock.left(timeout))
        return _TimedStream(_apart(self._clock, begin), self._clock)

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int, clock: _Clock) -> list[str]:
    """Return the addresses of a host, each once, in the system's order."""
    try:
        found = _apart(clock, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise ToolExecutionError(
            f"'{host}' was not found: {getattr(error, 'strerror', None) or error}",
            details={"host": host, "reason": "name resolution"},
        ) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _apart(clock: _Clock, work: Callable[[], T]) -> T:
    """Run what cannot be interrupted on a thread of its own, and wait for it as long as the clock lets us."""
    done: list[T] = []
    failure: list[Exception] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:  # noqa: BLE001 - raised again on the caller's thread
            failure.append(error)
        if given_up.is_set():
            _close_late(done)

    thread = threading.Thread(target=run, name="llmspell-net", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(clock.left(_SLICE_S))
    except BaseException:
        given_up.set()
        if not thread.is_alive():
            _close_late(done)
        raise
    if failure:
        raise failure[0]
    return done[0]


def _close_late(done: list[Any]) -> None:
    """Close a connection that nobody waits for any more; whoever takes it out of the list does."""
    try:
        late = done.pop()
    except IndexError:
        return
    if isinstance(late, httpcore.NetworkStream):
        late.close()


def _failed(host: str, error: Exception) -> ToolExecutionError | ToolTimeout:
    if isinstance(error, httpcore.TimeoutException):
        return ToolTimeout(f"{host} did not answer in time", details={"host": host})
    reason = "connection" if isinstance(error, httpcore.NetworkError) else "protocol"
    if "CERTIFICATE" in str(error) or "SSL" in str(error):
        reason = "tls"
    return ToolExecutionError(f"{host}: {error or type(error).__name__}", details={"host": host, "reason": reason})
