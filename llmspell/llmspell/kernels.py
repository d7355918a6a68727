"""Which kernels run on this machine, and which of them an address means: ID, FILE or HOST:PORT.

A kernel is found by its connection file: `kernels/` in the home, where `llmspell kernel start` writes it, and Jupyter's
runtime folder, where JupyterLab and others do. Its id is the file's name without `kernel-` and `.json`; any beginning
of it will do that no other has. HOST:PORT is the shell port of a kernel whose five ports follow each other, as
`kernel start --port N` lays them out: shell N, iopub N+1, stdin N+2, control N+3, heartbeat N+4; its key comes from
the connection file if one of this machine names that port, else from the caller.
"""

from __future__ import annotations

import os

from llmspell import places
from llmspell_kernel.connection import PORTS, Connection, read_connection
from llmspell_kernel.errors import ConnectionFileError, KernelDied, KernelNotFound, KernelUnreachable
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmspell_tools.types import JsonObject

#: Holds the key for HOST:PORT where `--key` is not given; a command line can be read by others, an environment not.
KEY_VARIABLE = "LLMSPELL_KERNEL_KEY"
#: What our kernels say that they are, in `kernel_info_reply`.
IMPLEMENTATION = "llmspell"
#: Seconds that a kernel has to show that it is there, where all are looked at.
_LOOK_S = 1.0
#: Of a file that is given, so much is looked at.
_MAX_FILE_BYTES = 65_536
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Found:
    """A kernel that a connection file or an address names; whether it runs is another question.

    Attributes:
        id: Its id; the address itself where it has no file.
        path: Of its connection file, or None.
        connection: Where it is, and its key.
        info: What it says of itself (`kernel_info_reply`); empty where nobody has asked it.
        usage: The same for `usage_reply`: pid, kernel_cpu, kernel_memory.
    """

    __slots__ = ("connection", "id", "info", "path", "usage")

    def __init__(self, id: str, path: str | None, connection: Connection) -> None:
        self.id = id
        self.path = path
        self.connection = connection
        self.info: JsonObject = {}
        self.usage: JsonObject = {}

    @property
    def pid(self) -> int | None:
        """Its process, as it says."""
        pid = self.usage.get("pid")
        return pid if isinstance(pid, int) else None

    @property
    def cwd(self) -> str | None:
        """The folder that it runs in; None where that cannot be seen."""
        if self.pid is None:
            return None
        import psutil  # only where kernels are listed

        try:
            return str(psutil.Process(self.pid).cwd())
        except psutil.Error:
            return None

    @property
    def has_debugger(self) -> bool:
        """Whether it answers debug_request."""
        features = self.info.get("supported_features")
        return isinstance(features, list) and "debugger" in features

    def as_json(self) -> JsonObject:
        """Return what `kernel list` prints."""
        return {"id": self.id, "pid": self.pid, "cwd": self.cwd, "connection_file": self.path,
                "has_debugger": self.has_debugger}  # fmt: skip


def find(address: str | None, *, key: str | None = None) -> Found:
    """Return the kernel that an address means; without one the only kernel that runs.

    Args:
        address: ID, FILE or HOST:PORT, also written tcp://HOST:PORT.
        key: For HOST:PORT; `LLMSPELL_KERNEL_KEY` if left out.

    Raises:
        KernelNotFound: There is none, or there are several; the message names them.
        ConnectionFileError: The file cannot be used.
        InvalidParameters: HOST:PORT of a kernel whose key is not known.
    """
    if address is None:
        return _only_one()
    if address.endswith(".json") or os.sep in address.removeprefix("tcp://"):
        return _of_file(address)
    if ":" in address:
        return _of_place(address, key)
    try:
        return _of_id(address)
    except KernelNotFound:
        if os.path.exists(address):
            return _of_file(address)
        raise


def running() -> list[Found]:
    """Return the llmspell kernels that answer, newest first; what answers nothing, or is no llmspell, is left out."""
    from concurrent.futures import ThreadPoolExecutor  # only where kernels are looked for

    kernels = known()
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="llmspell-look") as pool:
        answers = list(pool.map(_looks_alive, kernels))
    alive = [kernel for kernel, answers_us in zip(kernels, answers, strict=True) if answers_us]
    return sorted(alive, key=lambda kernel: _age_of(kernel.path or ""), reverse=True)


def running_at(path: str) -> Found | None:
    """Return the llmspell kernel of a connection file if it answers."""
    found = next(_usable([path]), None)
    return found if found is not None and _looks_alive(found) else None


def _looks_alive(kernel: Found) -> bool:
    """Ask a kernel what it is, and its process; tell whether it is one of ours that answers."""
    from llmspell_kernel.client import KernelClient  # imports zmq

    client = KernelClient(kernel.connection, kernel.id)
    try:
        client.look(_LOOK_S)
        kernel.info = client.info
        if kernel.info.get("implementation") != IMPLEMENTATION:
            return False
        kernel.usage = client.control("usage_request", {}, _LOOK_S)
    except (KernelUnreachable, KernelDied):
        return False
    finally:
        client.close()
    return True


def _age_of(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def known() -> list[Found]:
    """Return what usable connection files there are, whether their kernels run or not; ours come first."""
    return [*_usable(_own_files()), *_usable(_jupyter_files())]


def _usable(paths: Iterable[str]) -> Iterator[Found]:
    for path in paths:
        try:
            connection = read_connection(path)
        except (OSError, ConnectionFileError):
            continue  # somebody else's, or gone by now
        if connection.is_complete:
            yield Found(_id_of(path), path, connection)


def _own_files() -> list[str]:
    base = places.home()
    return [] if base is None else _files_in(f"{base}/kernels")


def _jupyter_files() -> list[str]:
    from jupyter_core.paths import jupyter_runtime_dir  # costs a quarter of what connecting does

    return [path for path in _files_in(jupyter_runtime_dir()) if os.path.basename(path).startswith("kernel-")]


def _files_in(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [os.path.join(folder, name) for name in sorted(names) if name.endswith(".json")]


def _id_of(path: str) -> str:
    return os.path.basename(path).removesuffix(".json").removeprefix("kernel-")


def _only_one() -> Found:
    kernels = running()
    if not kernels:
        raise KernelNotFound("no kernel runs here; start one with: llmspell kernel start")
    if len(kernels) > 1:
        names = ", ".join(kernel.id for kernel in kernels)
        raise KernelNotFound(f"{len(kernels)} kernels run here; say which: {names}")
    return kernels[0]


def _of_file(path: str) -> Found:
    _refuse_other_file(path)
    try:
        connection = read_connection(path)
    except FileNotFoundError:
        raise KernelNotFound(f"there is no connection file '{path}'") from None
    if not connection.is_complete:
        raise ConnectionFileError(f"connection file {path} does not name its five ports yet; has the kernel started?")
    return Found(_id_of(path), path, connection)


def _refuse_other_file(path: str) -> None:
    """Say of a file that is anything else that it is no connection file; whether one is usable is told elsewhere."""
    try:
        if os.path.isdir(path):
            raise ConnectionFileError(f"'{path}' is a folder, no connection file of a kernel")
        if not os.path.isfile(path):
            return
        with open(path, "rb") as file:
            content = loads(file.read(_MAX_FILE_BYTES))
        if isinstance(content, dict) and any(name in content for name in (*PORTS, "key", "registration_port")):
            return
        reason = "it names no ports and no key"
    except OSError:
        return
    except InvalidParameters:
        reason = "it is no JSON"
    hint = f"; to run it: llmspell run {path}" if path.endswith(".lua") else ""
    raise ConnectionFileError(f"'{path}' is no connection file of a kernel: {reason}{hint}")


def _of_id(wanted: str) -> Found:
    short = wanted.removeprefix("kernel-")
    own = [kernel for kernel in _usable(_own_files()) if kernel.id == short]
    if own:
        return own[0]
    kernels = known()
    fitting = [kernel for kernel in kernels if kernel.id == short]
    if not fitting:
        _refuse_unusable(lambda name: name == short)
    fitting = fitting[:1] or [kernel for kernel in kernels if short and kernel.id.startswith(short)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(kernel.id for kernel in fitting)
        raise KernelNotFound(f"'{wanted}' is the beginning of {len(fitting)} kernel ids: {names}")
    _refuse_unusable(lambda name: bool(short) and name.startswith(short))
    from llmspell_tools.nearest import did_you_mean  # only for mistakes

    names = did_you_mean(wanted, [kernel.id for kernel in kernels])
    raise KernelNotFound(f"no kernel '{wanted}' is known here{names}; it can also be a FILE or HOST:PORT")


def _refuse_unusable(is_meant: Callable[[str], bool]) -> None:
    """Say what is wrong with the connection file of the kernel that is meant, if there is one that cannot be used."""
    for path in (*_own_files(), *_jupyter_files()):
        if is_meant(_id_of(path)):
            try:
                _of_file(path)
            except KernelNotFound:
                continue  # gone by now


def _of_place(address: str, key: str | None) -> Found:
    host, _, number = address.removeprefix("tcp://").rpartition(":")
    host = host.strip("[]")
    if not host or not number.isdecimal() or not 0 < int(number) <= 65_531:
        raise KernelNotFound(f"'{address}' is no HOST:PORT; the port is the first of the kernel's five")
    port = int(number)
    for kernel in known() if key is None else ():
        connection = kernel.connection
        same = connection.ip == host or (connection.ip in _LOOPBACK and host in _LOOPBACK)
        if connection.transport == "tcp" and connection.ports["shell_port"] == port and same:
            return kernel
    secret = key or os.environ.get(KEY_VARIABLE)
    if not secret:
        raise InvalidParameters(
            f"the key of the kernel at {address} is not known here: give --key KEY or set {KEY_VARIABLE} to the 'key' "
            "of its connection file, or use that FILE",
            field="key",
        )
    ports = {name: port + index for index, name in enumerate(PORTS)}
    return Found(address, None, Connection(secret.encode("utf-8"), ip=host, ports=ports))
