"""system-monitor: the fields of each operation, and that the numbers are this machine's."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from llmspell_tools.errors import InvalidParameters, ToolUnavailable
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


def run(**params):
    return ToolRegistry().invoke("system-monitor", params).output


@pytest.mark.parametrize("operation", ["all", "stats", None])
def test_all_has_every_field(operation):
    got = run(**({"operation": operation} if operation else {}))

    assert got["operation"] == "all"
    assert set(got["result"]) == {
        "cpu_usage_percent", "cpu_count", "load_average", "total_memory_bytes", "used_memory_bytes",
        "available_memory_bytes", "memory_usage_percent", "disk_usage", "uptime_seconds", "process_count", "formatted",
    }  # fmt: skip
    assert set(got["result"]["formatted"]) == {"total_memory", "used_memory", "available_memory"}
    assert got["result"]["process_count"] >= 1
    assert got["result"]["uptime_seconds"] > 0


def test_the_processors_are_counted_and_measured():
    got = run(operation="cpu")["result"]

    assert got["cpu_count"] == os.cpu_count()
    assert len(got["load_average"]) == 3
    assert 0 <= got["cpu_usage_percent"] <= 100


def test_memory_adds_up_and_is_written_for_people():
    got = run(operation="memory")["result"]

    assert got["used_memory_bytes"] + got["available_memory_bytes"] == got["total_memory_bytes"]
    assert 0 < got["memory_usage_percent"] <= 100
    assert got["total_memory_formatted"].endswith(("MB", "GB", "TB"))
    assert set(got) >= {"used_memory_formatted", "available_memory_formatted"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/meminfo")
def test_the_total_is_the_systems_own():
    with open("/proc/meminfo") as file:
        total = int(file.readline().split()[1]) * 1024

    assert run(operation="memory")["result"]["total_memory_bytes"] == total


def test_disks_are_those_of_the_system():
    got = run(operation="disk")["result"]["disk_usage"]["/"]

    assert set(got) == {"total_bytes", "available_bytes", "used_bytes", "usage_percent", "filesystem"}
    assert got["total_bytes"] == shutil.disk_usage("/").total


def test_it_needs_no_file_to_be_readable():
    registry = ToolRegistry(policy=Policy.strict())

    assert registry.invoke("system-monitor", {}).output["success"] is True


def test_a_second_call_measures_since_the_first():
    assert all(0 <= run(operation="cpu")["result"]["cpu_usage_percent"] <= 100 for _ in range(3))


@pytest.mark.parametrize("params", [{"operation": "gpu"}, {"operation": 5}, {"detail": True}])
def test_bad_parameters_are_refused(params):
    with pytest.raises(InvalidParameters):
        run(**params)


def test_without_psutil_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ToolUnavailable, match="pip install psutil"):
        run()
