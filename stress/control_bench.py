"""What a kernel does beside the cell that runs: replies on control, interrupts, requests on a subshell.

Control: kernel_info on the control channel while a pure Lua loop runs, against the same while nothing runs. Interrupts:
from the request on control to the reply of the cell that it stopped, over loops, `pcall`, coroutines, a tool that
sleeps in a system call and a tool in a process of its own; after each the variables are looked at. Subshells: a cell on
one while another loops, and a cell on main once a reader thread stands before the shell socket.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import figure, median
from raw_client import Client, Process, receive, send

ASKS = 300
TRIES = 200
SEED = 20_25

START = """
import sys, time
from llmspell_kernel.kernel import run_kernel
from llmspell_tools.definition import tool
from llmspell_tools.registry import ToolRegistry

@tool(name="deaf-tool", category="utility", blocking=True)
def deaf_tool() -> str:
    \"\"\"Sleep without looking up.\"\"\"
    time.sleep(60)
    return "slept"

registry = ToolRegistry()
registry.register(deaf_tool)
sys.exit(run_kernel(sys.argv[1], registry=registry))
"""
LOOP = "print('on') while true do end"
WORKLOADS = {
    "loop": LOOP,
    "pcall": "print('on') while true do pcall(function() while true do end end) end",
    "coroutine": "print('on') local co = coroutine.wrap(function() while true do end end) while true do co() end",
    "blocking tool": "print('on') while true do pcall(Tool.invoke, 'deaf-tool', {}) end",
    "isolated tool": "print('on') while true do pcall(Tool.invoke, 'json-processor', "
    "{operation = 'query', input = '1', query = 'last(range(1e12))'}) end",
}


def run(python: str = sys.executable) -> list[dict[str, Any]]:
    """Measure and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "start.py"
        script.write_text(START, encoding="utf-8")
        process = Process([python, str(script)], Path(folder) / "connection.json")
        client = Client(process.connection)
        try:
            client.wait_until_ready()
            idle, busy = _control(client)
            return [
                figure(
                    "kernel: reply on control while Lua loops / while nothing runs",
                    median(busy) / median(idle),
                    at_most=2,
                    busy_microseconds=round(median(busy) * 1e6, 1),
                    idle_microseconds=round(median(idle) * 1e6, 1),
                ),
                *_interrupts(client),
                *_subshells(client),
            ]
        finally:
            client.close()
            process.stop()


def _control(client: Client) -> tuple[list[float], list[float]]:
    """Return the seconds of asks while nothing runs, and while a cell loops, a few of each in turn."""
    idle, busy = [], []
    for _ in range(3):
        idle += _asks(client, ASKS // 3)
        cell = _start(client, LOOP)
        busy += _asks(client, ASKS // 3)
        _interrupt(client, cell)
    return idle, busy


def _asks(client: Client, count: int) -> list[float]:
    times = []
    for _ in range(count):
        msg_id, frames = client.request("kernel_info_request", {})
        started = time.perf_counter()
        send(client.control, frames)
        reply = receive(client.control)
        times.append(time.perf_counter() - started)
        assert client.read(reply)["parent"] == msg_id
    return times


def _start(client: Client, code: str) -> str:
    """Run a cell and return its id once it has printed."""
    msg_id, frames = client.execute_request(code)
    send(client.shell, frames)
    while True:
        message = client.read(receive(client.iopub))
        if message["parent"] == msg_id and message["header"]["msg_type"] == "stream":
            return msg_id


def _interrupt(client: Client, cell: str) -> float:
    """Interrupt a cell; return the seconds until its reply."""
    _, frames = client.request("interrupt_request", {})
    started = time.perf_counter()
    send(client.control, frames)
    if not client.shell.poll(20_000):
        raise AssertionError("an interrupt did not stop the cell")
    frames = receive(client.shell)
    spent = time.perf_counter() - started
    receive(client.control)
    reply = client.read(frames)
    assert reply["parent"] == cell, "a reply of another cell"
    assert reply["content"]["ename"] == "KeyboardInterrupt", reply["content"]
    client.until_idle(cell.encode("ascii"))
    return spent


def _run(client: Client, code: str, subshell: str | None = None) -> tuple[float, str]:
    """Run a cell; return the seconds to its idle, and its result's text."""
    msg_id, frames = client.execute_request(code, subshell=subshell)
    started = time.perf_counter()
    send(client.shell, frames)
    published = client.until_idle(msg_id.encode("ascii"))
    spent = time.perf_counter() - started
    reply = client.read(receive(client.shell))
    assert reply["parent"] == msg_id, "a reply of another cell"
    assert reply["content"]["status"] == "ok", reply["content"]
    results = [client.read(each) for each in published if b'"execute_result"' in each[-4]]
    return spent, results[-1]["content"]["data"]["text/plain"] if results else ""


def _interrupts(client: Client) -> list[dict[str, Any]]:
    source = random.Random(SEED)
    times: dict[str, list[float]] = {name: [] for name in WORKLOADS}
    for number in range(TRIES):
        name = list(WORKLOADS)[number % len(WORKLOADS)]
        _run(client, f"kept = {number}")
        cell = _start(client, WORKLOADS[name])
        time.sleep(source.uniform(0.0, 0.02))
        times[name].append(_interrupt(client, cell))
        assert _run(client, "kept")[1] == str(number), "a variable is lost"
    every = sorted(value for values in times.values() for value in values)
    facts = {f"{name.replace(' ', '_')}_median_ms": round(median(values) * 1e3, 2) for name, values in times.items()}
    worst = {f"{name.replace(' ', '_')}_most_ms": round(max(values) * 1e3, 2) for name, values in times.items()}
    at = every[min(len(every) - 1, len(every) * 99 // 100)]
    return [
        figure(f"kernel: interrupt to the cell's reply, p99 of {TRIES}, ms", at * 1e3, at_most=100, **facts, **worst)
    ]


def _subshells(client: Client) -> list[dict[str, Any]]:
    direct = [_run(client, f"x={number}")[0] for number in range(ASKS)]
    _, frames = client.request("create_subshell_request", {})
    send(client.control, frames)
    subshell = client.read(receive(client.control))["content"]["subshell_id"]
    relayed = [_run(client, f"x={number}")[0] for number in range(ASKS)]
    idle = [_run(client, f"x={number}", subshell)[0] for number in range(ASKS)]
    cell = _start(client, LOOP)
    nested = [_run(client, f"x={number}", subshell)[0] for number in range(ASKS)]
    _interrupt(client, cell)
    facts = {
        "direct_microseconds": round(median(direct) * 1e6, 1),
        "relayed_microseconds": round(median(relayed) * 1e6, 1),
        "subshell_microseconds": round(median(idle) * 1e6, 1),
    }
    return [
        figure("kernel: cell on main with subshells / without", median(relayed) / median(direct), **facts),
        figure("kernel: cell on a subshell while another loops, median, ms", median(nested) * 1e3),
    ]


if __name__ == "__main__":
    for each in run():
        print(each)
