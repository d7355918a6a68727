"""The child side of `isolated.py`: read a call, run one function, write its answer, wait for the next call.

Started as ``python -I -S -c "..."`` with an empty environment. The first message says where modules are, which
function to serve and how much memory it may have; from then on each call is one message and one answer. Ends when the
pipe closes; the closing lifeline (Linux: SIGIO) or a call's own time (SIGALRM, SIGXCPU) ends the process even where C
code never looks up, so that nothing outlives a killed parent for long. Nothing here runs in the
parent but `encode` and `HEADER_BYTES`.

A message is 12 bytes (length of the JSON as 4 bytes, of the data as 8, both big endian), the JSON, the data.
"""

from __future__ import annotations

import os
import sys

from llmspell_tools.errors import LlmspellError
from llmspell_tools.isolated_process import LIFELINE
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import Any, NoReturn

    from llmspell_tools.types import JsonObject, JsonValue

if not TYPE_CHECKING:
    import _signal  # the C half: `signal` itself imports enum

HEADER_BYTES = 12
#: A worker that has needed more than this is replaced, since freed memory seldom goes back to the system.
_RETIRE_RSS_KB = 256 * 1024
_OPEN_FILES = 256


def encode(value: JsonValue, data: bytes) -> tuple[bytes, bytes]:
    """Return header with JSON, and the data, ready to be written one after the other."""
    text = dumps(value).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(4, "big") + len(data).to_bytes(8, "big") + text, data


def main() -> NoReturn:
    """Serve calls until the pipe closes."""
    requests, replies = _take_pipes()
    _end_with_parent()
    setup = _receive(requests)[0]
    sys.path[:] = setup["path"]
    limit_memory(setup["max_memory_bytes"])
    function = _load(setup["target"])
    while True:
        call, data = _receive(requests)
        _limit_time(call["timeout_s"])
        answer, payload = _answer(function, call, data)
        _set_alarm(0.0)
        answer["last"] = bool(answer.get("last")) or _is_bloated()
        for part in encode(answer, payload):
            _send(replies, part)
        if answer["last"]:
            os._exit(0)


def _take_pipes() -> tuple[int, int]:
    """Move the pipes off the standard descriptors, so that no library's output can reach the protocol."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.closerange(max(requests, replies) + 1, 1 << 20)
    os.chdir("/")
    return requests, replies


def _receive(fd: int) -> tuple[Any, bytes]:
    header = _read(fd, HEADER_BYTES)
    text = _read(fd, int.from_bytes(header[:4], "big"))
    data = _read(fd, int.from_bytes(header[4:], "big"))
    return loads(text.decode("utf-8", "surrogatepass")), data


def _read(fd: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            os._exit(0)  # the parent is gone or has no more work
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _send(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def limit_memory(max_memory_bytes: int) -> None:
    """Limit this process's memory, files and core dumps, and offer it first to the kernel's out-of-memory killer."""
    try:
        import resource
    except ImportError:
        return  # not a POSIX system: the parent's deadline is the only limit
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, max_memory_bytes),
    ):
        hard = resource.getrlimit(kind)[1]
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (wanted, wanted))
        except (ValueError, OSError):
            pass  # macOS refuses some; the deadline and the output cap still hold
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("500")
    except OSError:
        pass  # Linux only


def _load(target: str) -> Callable[[JsonValue, bytes], tuple[JsonValue, bytes]]:
    module, _, name = target.partition(":")
    __import__(module)
    function: Callable[[JsonValue, bytes], tuple[JsonValue, bytes]] = getattr(sys.modules[module], name)
    return function


def _end_with_parent() -> None:
    """Have the system end this process when the parent's end of the lifeline closes.

    A pipe of its own, because SIGIO also comes when something is written, and may come late: after the call that was
    written has been read.
    """
    try:
        import fcntl
        import select

        fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(LIFELINE, fcntl.F_SETFL, fcntl.fcntl(LIFELINE, fcntl.F_GETFL) | fcntl.FASYNC)
        if select.select([LIFELINE], [], [], 0)[0]:  # closed before the line above
            os._exit(0)
    except (ImportError, AttributeError, OSError):
        pass  # each call's time limit ends it


def _limit_time(timeout_s: float) -> None:
    """From here on, the end of the time ends the process."""
    try:
        import resource

        _set_alarm(timeout_s + 1.0)
        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(used.ru_utime + used.ru_stime + timeout_s) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (ImportError, AttributeError, ValueError, OSError):
        pass  # the parent's own deadline holds


def _set_alarm(seconds: float) -> None:
    if hasattr(_signal, "setitimer"):
        _signal.setitimer(_signal.ITIMER_REAL, seconds)


def _answer(
    function: Callable[[JsonValue, bytes], tuple[JsonValue, bytes]], call: JsonObject, data: bytes
) -> tuple[JsonObject, bytes]:
    limit = int(str(call["max_output_bytes"]))
    try:
        value, payload = function(call["args"], data)
        size = len(payload) + (len(dumps(value)) if value is not None else 0)
    except MemoryError:
        return {"failure": "memory", "last": True}, b""
    except LlmspellError as error:
        return {"failure": "error", "error": error.as_json()}, b""
    except Exception as error:  # noqa: BLE001 - a bug of the target is the tool's failure, not the worker's end
        return {"failure": "bug", "what": f"{type(error).__name__}: {error}", "traceback": _traceback(error)}, b""
    if size > limit:
        return {"failure": "output", "size": size}, b""
    return {"value": value}, payload


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))[-4000:]


def _is_bloated() -> bool:
    return _peak_rss_kb() > _RETIRE_RSS_KB


def _peak_rss_kb() -> int:
    """Return the most memory that this process has held, in KB; 0 where the system does not say."""
    try:
        # Linux's ru_maxrss begins at what the parent held when it started us: /proc counts from our own exec on.
        with open("/proc/self/status", "rb") as status:
            for row in status:
                if row.startswith(b"VmHWM:"):
                    return int(row.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
