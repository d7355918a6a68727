"""Connection files: where a kernel listens and with which key. Knows files; no socket and no message.

A file that is given is used as it is (it must be ours alone: mode 0600, not empty of a key); a file that we write gets
a new random key, mode 0600, and appears whole or not at all. Ports of 0 mean "the system chooses" and are filled in
after binding. Spec: https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files.
"""

from __future__ import annotations

import errno
import os
import stat

from llmspell_kernel.errors import ConnectionFileError
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_tools.types import JsonObject

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
SIGNATURE_SCHEME = "hmac-sha256"
_TRANSPORTS = ("tcp", "ipc")
_MAX_FILE_BYTES = 65_536


class Connection:
    """What a connection file says.

    Args:
        key: The HMAC key, as the bytes of the file's text.
        ip: Address to bind; with transport ipc the path that the socket files start with.
        transport: tcp or ipc.
        ports: Port of each name in `PORTS`; 0 or missing lets the system choose.
        extra: Whatever else a given file holds; written back unchanged.

    Raises:
        ConnectionFileError: `extra` has curve keys that are none.
    """

    __slots__ = ("curve", "extra", "ip", "key", "ports", "transport")

    def __init__(
        self,
        key: bytes,
        *,
        ip: str = "127.0.0.1",
        transport: str = "tcp",
        ports: Mapping[str, int] | None = None,
        extra: JsonObject | None = None,
    ) -> None:
        self.key = key
        self.ip = ip
        self.transport = transport
        self.ports = dict.fromkeys(PORTS, 0) | dict(ports or {})
        self.extra: JsonObject = extra or {}
        #: Public and secret CurveZMQ key (Z85 text), or None for plain sockets.
        self.curve = _curve_keys(self.extra)

    @property
    def is_complete(self) -> bool:
        """Whether every port is known."""
        return all(self.ports.values())

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect, or only those who have the file."""
        if self.transport == "ipc" or self.curve is not None:
            return True
        return self.ip == "::1" or self.ip.startswith("127.") or self.ip == "localhost"

    def endpoint(self, port: int) -> str:
        """Return the zmq endpoint of a port; tcp port 0 lets the system choose."""
        if self.transport == "ipc":
            return f"ipc://{self.ip}-{port}"
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"tcp://{host}:{port}"

    def as_json(self) -> JsonObject:
        """Return the file's content."""
        return {
            **self.extra,
            "transport": self.transport,
            "ip": self.ip,
            **self.ports,
            "key": self.key.decode("utf-8"),
            "signature_scheme": SIGNATURE_SCHEME,
        }


class Registration:
    """What a registration file says: where to tell the ports that the kernel has chosen.

    Args:
        kernel_id: What the launcher calls the kernel.
        transport: tcp or ipc.
        ip: Where the launcher listens.
        port: The same.
    """

    __slots__ = ("ip", "kernel_id", "port", "transport")

    def __init__(self, kernel_id: str, transport: str, ip: str, port: int) -> None:
        self.kernel_id = kernel_id
        self.transport = transport
        self.ip = ip
        self.port = port

    def endpoint(self) -> str:
        """Return the zmq endpoint."""
        return Connection(b"-", ip=self.ip, transport=self.transport).endpoint(self.port)


def new_connection(ip: str = "127.0.0.1", first_port: int = 0) -> Connection:
    """Return a connection with a new key.

    Args:
        ip: Address to bind.
        first_port: shell gets this port, then iopub, stdin, control and heartbeat the next ones; 0 = system's choice.
    """
    ports = {name: first_port + index if first_port else 0 for index, name in enumerate(PORTS)}
    return Connection(os.urandom(32).hex().encode("ascii"), ip=ip, ports=ports, extra={"kernel_name": "llmspell"})


def read_connection(path: str) -> Connection:
    """Return what a connection file says; see `read_startup`."""
    return read_startup(path)[0]


def read_startup(path: str) -> tuple[Connection, Registration | None]:
    """Return what a connection file or a registration file says; the latter leaves the ports open.

    Raises:
        FileNotFoundError: There is no such file.
        ConnectionFileError: It cannot be used; the message says why and what to do.
    """
    try:
        content = loads(_read_private(path))
    except InvalidParameters as error:
        raise ConnectionFileError(f"connection file {path} is broken: {error.message}; delete it") from None
    if not isinstance(content, dict):
        raise ConnectionFileError(f"connection file {path} does not hold a JSON object; delete it")
    key = content.pop("key", None)
    if not isinstance(key, str) or not key:
        raise ConnectionFileError(
            f"connection file {path} has no key, so messages could not be verified; delete it and start again"
        )
    scheme = content.pop("signature_scheme", SIGNATURE_SCHEME)
    if scheme != SIGNATURE_SCHEME:
        raise ConnectionFileError(f"connection file {path} asks for {scheme!r}; only {SIGNATURE_SCHEME} is supported")
    transport = content.pop("transport", "tcp")
    registration = _registration(path, content, transport) if "registration_port" in content else None
    ip = content.pop("ip", "127.0.0.1" if registration is None else registration.ip)
    if transport not in _TRANSPORTS or not isinstance(ip, str) or not isinstance(transport, str):
        raise ConnectionFileError(f"connection file {path}: transport must be tcp or ipc, and ip a text")
    ports = {name: _port(path, name, content.pop(name, 0)) for name in PORTS}
    connection = Connection(key.encode("utf-8"), ip=ip, transport=transport, ports=ports, extra=content)
    return connection, registration


def registered_path(path: str, registration: Registration) -> str:
    """Return where a kernel that was given the registration file `path` writes its connection file: beside it."""
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in registration.kernel_id)
    beside = os.path.join(os.path.dirname(path), f"kernel-{name}.json")
    return f"{beside[:-5]}-ports.json" if os.path.lexists(beside) else beside


def write_connection(path: str, connection: Connection) -> None:
    """Write a connection file whole or not at all, for its owner alone (mode 0600).

    Raises:
        ConnectionFileError: The folder does not exist or cannot be written.
    """
    text = dumps(connection.as_json(), 2) + "\n"
    draft = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(draft, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise ConnectionFileError(f"cannot write the connection file {path}: {error.strerror}") from error


def remove_connection(path: str, connection: Connection) -> None:
    """Delete the connection file if it still is the one that we wrote; otherwise leave it."""
    try:
        if read_connection(path).key == connection.key:
            os.unlink(path)
    except (OSError, ConnectionFileError):
        pass  # gone, or somebody else's by now


def _read_private(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConnectionFileError(f"cannot read the connection file {path}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConnectionFileError(f"connection file {path} is not a regular file")
        if os.name == "posix" and status.st_mode & 0o077:
            raise ConnectionFileError(
                f"connection file {path} holds the kernel's key but other users may read it "
                f"(mode {stat.S_IMODE(status.st_mode):04o}); run: chmod 600 {path}"
            )
        return os.read(descriptor, _MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _registration(path: str, content: JsonObject, transport: object) -> Registration:
    kernel_id, ip = content.pop("kernel_id", None), content.pop("registration_ip", "127.0.0.1")
    if not isinstance(kernel_id, str) or not kernel_id or not isinstance(ip, str):
        raise ConnectionFileError(f"registration file {path}: kernel_id and registration_ip must be texts")
    return Registration(
        kernel_id, str(transport), ip, _port(path, "registration_port", content.pop("registration_port"))
    )


def _port(path: str, name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65_535:
        raise ConnectionFileError(f"connection file {path}: {name} must be a port number from 0 to 65535")
    return value


def _curve_keys(extra: JsonObject) -> tuple[bytes, bytes] | None:
    keys = [extra.get(name) for name in ("curve_publickey", "curve_secretkey")]
    if keys == [None, None]:
        return None
    public, secret = keys
    if not isinstance(public, str) or not isinstance(secret, str) or len(public) != 40 or len(secret) != 40:
        raise ConnectionFileError(
            "curve_publickey and curve_secretkey of a connection file are two texts of 40 letters"
        )
    return public.encode("ascii", "replace"), secret.encode("ascii", "replace")


def bind_failure(endpoint: str, number: int | None, reason: str) -> ConnectionFileError:
    """Return the error for an endpoint that cannot be bound."""
    if number == errno.EADDRINUSE:
        return ConnectionFileError(f"{endpoint} is in use by another program; choose another port, or 0 for any")
    return ConnectionFileError(f"cannot listen on {endpoint}: {reason}")
