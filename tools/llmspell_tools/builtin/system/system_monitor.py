"""system-monitor: how busy this machine is: processors, memory, disks, uptime, processes.

Measured by psutil. The processor's use is a real measurement, not the load average of the Rust original: what was busy
since the last call, or during a tenth of a second where there was none lately.
"""

from __future__ import annotations

from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import ToolUnavailable
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, mapping, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from llmspell_tools.returns import Short
    from llmspell_tools.types import JsonObject

#: A difference to an earlier measurement says something between these ages; seconds.
_YOUNGEST_S, _OLDEST_S = 0.1, 60.0
#: File systems whose size is another machine's business and whose answer may never come.
_REMOTE = ("nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "afs", "ceph", "9p", "fuse.sshfs", "autofs")
_DISK_COLUMNS = ("filesystem", "total_bytes", "used_bytes", "available_bytes", "usage_percent")
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")

_last: tuple[float, float, float] | None = None

_CPU: Mapping[str, Short] = {"cpu_usage_percent": "number", "cpu_count": "integer", "load_average": ["number"]}
_MEMORY: Mapping[str, Short] = {
    "total_memory_bytes": "integer", "used_memory_bytes": "integer", "available_memory_bytes": "integer",
    "memory_usage_percent": "number",
}  # fmt: skip
_NAMES = ("total_memory", "used_memory", "available_memory")
_DISK: Mapping[str, Short] = {
    "disk_usage": mapping(
        record(
            {
                "total_bytes": "integer", "available_bytes": "integer", "used_bytes": "integer",
                "usage_percent": "number", "filesystem": "string",
            }
        )
    )
}  # fmt: skip


@tool(
    name="system-monitor",
    category="system",
    level="safe",
    parameter_aliases={"action": "operation"},
    annotations={"read_only": True, "destructive": False, "idempotent": False, "open_world": False},
    examples=(
        {
            "description": "Everything at once",
            "params": {},
            "result": {"operation": "all", "success": True},
        },
        {
            "description": "Memory only",
            "params": {"operation": "memory"},
            "result": {"operation": "memory", "success": True},
        },
        {"description": "Disks only", "params": {"operation": "disk"}, "result": {"operation": "disk"}},
        {"description": "Processors only", "params": {"operation": "cpu"}, "result": {"operation": "cpu"}},
        {"description": "Another name of all", "params": {"operation": "stats"}, "result": {"operation": "all"}},
    ),
    returns=envelope_schema(
        {
            "all": record(
                {
                    **_CPU, **_MEMORY, **_DISK, "uptime_seconds": "integer", "process_count": "integer",
                    "formatted": record(dict.fromkeys(_NAMES, "string")),
                }
            ),
            "cpu": record(_CPU),
            "memory": record({**_MEMORY, **{f"{name}_formatted": "string" for name in _NAMES}}),
            "disk": record(_DISK),
        }
    ),
)  # fmt: skip
def system_monitor(
    context: ToolContext, *, operation: Literal["all", "stats", "cpu", "memory", "disk"] = "all"
) -> JsonObject | ToolResult:
    """Tell how busy this machine is: processors, memory, disks, uptime, processes.

    Args:
        operation: What to tell; stats is another name of all.
    """
    try:
        import psutil
    except ImportError:
        raise ToolUnavailable("system-monitor needs psutil; install it with: pip install psutil") from None
    if operation == "cpu":
        return envelope("cpu", _cpu(psutil, context))
    if operation == "memory":
        memory = _memory(psutil)
        return envelope(
            "memory", {**memory, **{f"{name}_formatted": text for name, text in _formatted(memory).items()}}
        )
    if operation == "disk":
        return ToolResult(envelope("disk", _disk(psutil)), media=table("result.disk_usage", "mount", *_DISK_COLUMNS))
    memory = _memory(psutil)
    return envelope(
        "all",
        {
            **_cpu(psutil, context),
            **memory,
            **_disk(psutil),
            "uptime_seconds": _uptime(psutil),
            "process_count": len(psutil.pids()),
            "formatted": {**_formatted(memory)},
        },
    )


def _cpu(psutil: Any, context: ToolContext) -> JsonObject:
    import os

    try:
        load = [round(value, 2) for value in os.getloadavg()]
    except (AttributeError, OSError):
        load = []  # Windows has none
    return {
        "cpu_usage_percent": _usage(psutil, context),
        "cpu_count": psutil.cpu_count() or 1,
        "load_average": [*load],
    }


def _usage(psutil: Any, context: ToolContext) -> float:
    """Return the percentage of the processors' time that was not idle."""
    global _last  # noqa: PLW0603  # one number for the process; a lost update only costs an old measurement
    from time import monotonic, sleep

    before, now = _last, _measured(psutil, monotonic())
    if before is None or not _YOUNGEST_S <= now[0] - before[0] <= _OLDEST_S:
        before = now
        remaining = context.remaining_s()
        sleep(_YOUNGEST_S if remaining is None else min(_YOUNGEST_S, remaining))
        context.check()
        now = _measured(psutil, monotonic())
    _last = now
    total = now[1] - before[1]
    return round(min(100.0, max(0.0, 100.0 * (now[2] - before[2]) / total)), 1) if total > 0 else 0.0


def _measured(psutil: Any, moment: float) -> tuple[float, float, float]:
    """Return the moment, all processor time and the busy part of it; seconds."""
    times = psutil.cpu_times()
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # counted in user already
    return moment, total, total - times.idle - getattr(times, "iowait", 0.0)


def _memory(psutil: Any) -> JsonObject:
    memory = psutil.virtual_memory()
    used = memory.total - memory.available
    return {
        "total_memory_bytes": memory.total,
        "used_memory_bytes": used,
        "available_memory_bytes": memory.available,
        "memory_usage_percent": round(100.0 * used / memory.total, 1) if memory.total else 0.0,
    }


def _formatted(memory: JsonObject) -> dict[str, str]:
    return {name: _size(memory[f"{name}_bytes"]) for name in _NAMES}


def _size(value: Any) -> str:
    number, unit = float(value), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.2f} {_UNITS[unit]}" if unit else f"{int(number)} B"


def _disk(psutil: Any) -> JsonObject:
    found: JsonObject = {}
    mounts = {"/": ""} if _has_root() else {}
    mounts.update({part.mountpoint: part.fstype for part in psutil.disk_partitions(all=False)})
    for mount, kind in mounts.items():
        if kind in _REMOTE:
            continue
        try:
            usage = psutil.disk_usage(mount)
        except OSError:
            continue  # an empty drive, or not for this user
        found[mount.encode("utf-8", "backslashreplace").decode()] = {
            "total_bytes": usage.total,
            "available_bytes": usage.free,
            "used_bytes": usage.used,
            "usage_percent": usage.percent,
            "filesystem": kind,
        }
    return {"disk_usage": found}


def _has_root() -> bool:
    import os

    return os.sep == "/"


def _uptime(psutil: Any) -> int:
    from time import time

    return max(0, int(time() - psutil.boot_time()))
