"""What the kernel uses of the machine: the numbers of usage_reply, as ipykernel names them.

psutil is imported when somebody asks. CPU percentages are those since the question before, so the first one is 0.
Control thread only.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject


class Usage:
    """The kernel's process and its children."""

    __slots__ = ("_processes",)

    def __init__(self) -> None:
        self._processes: dict[int, Any] = {}

    def measure(self) -> JsonObject:
        """Return pid, hostname, kernel_cpu (percent of one core), kernel_memory (bytes) and numbers of the host."""
        import socket

        content: JsonObject = {"hostname": socket.gethostname(), "pid": os.getpid(), "cpu_count": os.cpu_count()}
        try:
            import psutil
        except ImportError:
            return content
        own = psutil.Process()
        found = {process.pid: process for process in (own, *own.children(recursive=True))}
        # A process object counts its CPU time from the question before.
        self._processes = {pid: self._processes.get(pid, process) for pid, process in found.items()}
        cpu, memory = 0.0, 0
        for process in self._processes.values():
            try:
                cpu += process.cpu_percent()
                memory += _memory(process)
            except psutil.Error:
                continue  # it has ended meanwhile
        content["kernel_cpu"], content["kernel_memory"] = cpu, memory
        content["host_cpu_percent"] = psutil.cpu_percent()
        content["host_virtual_memory"] = {**psutil.virtual_memory()._asdict()}
        return content


def _memory(process: Any) -> int:
    """Return its share of what it has in memory; pages that several processes use count once among them."""
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))
