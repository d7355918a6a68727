"""Our kernel beside ipykernel in one run: latency, throughput, CPU, start, memory, output; tool calls beside an echo.

Both kernels get the same raw client, the same kind of cell (`x=1`) and fresh processes in every round; rounds are
interleaved and medians compared. Every answer is verified after the clock stops (`raw_client.Answers`). The echo is a
bare pyzmq ROUTER in a process of its own that returns a tool_request's frames by `send_multipart`. All run from one
compiled, non-editable install; `LLMSPELL_BENCH_PYTHON=/path/to/python` names one that is there already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import zmq
from cli_bench import install
from control_bench import run as run_control
from figures import figure, median
from raw_client import Answers, Client, Process, free_ports, our_command, receive, send

ROUNDS = 5
#: Extra starts in each round: one start is over in a moment that something else may have taken.
STARTS = 2
SEQUENTIAL = {"llmspell": 300, "ipykernel": 60}
PIPELINED = {"llmspell": 3_000, "ipykernel": 300}
QUEUED = {"llmspell": 2_000, "ipykernel": 200}
IN_FLIGHT = 100
#: A kernel that used less CPU than this in a quarter of a second has nothing left to do.
SETTLED_S = 0.004
PRINT_ROUNDS = 5
TOOL_CALLS = 500
PRINTS = {"llmspell": "for i = 0, 999 do print(i) end", "ipykernel": "for i in range(1000): print(i)"}

ECHO = """
import sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind("tcp://127.0.0.1:" + sys.argv[1])
while True:
    socket.send_multipart(socket.recv_multipart())
"""


def run() -> list[dict[str, Any]]:
    """Measure and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        python = os.environ.get("LLMSPELL_BENCH_PYTHON") or install(Path(folder) / "env")
        commands = {"llmspell": our_command(python), "ipykernel": [python, "-m", "ipykernel_launcher", "-f"]}
        results: dict[str, dict[str, list[float]]] = {name: {} for name in commands}
        for number in range(ROUNDS):
            for name, command in commands.items():
                measured = _measure(name, command, Path(folder) / f"{name}-{number}.json")
                for key, value in measured.items():
                    results[name].setdefault(key, []).append(value)
        beside = run_control(python)
    medians = {name: {key: median(values) for key, values in rows.items()} for name, rows in results.items()}
    return _figures(medians) + beside


def _measure(name: str, command: list[str], connection_file: Path) -> dict[str, float]:
    starts = [_start(command, connection_file.with_suffix(f".{number}")) for number in range(STARTS)]
    process = Process(command, connection_file)
    client = Client(process.connection)
    try:
        starts.append(client.wait_until_ready() - process.started)
        measured = {"start_s": median(starts)}
        _sequential(client, 1)
        measured["rss_mb"] = process.rss_mb()
        _sequential(client, 20)
        measured["idle_s"] = median(_sequential(client, SEQUENTIAL[name]))
        measured["per_second"] = _pipelined(client, PIPELINED[name])
        measured["cpu_s"] = _cpu(client, process, QUEUED[name])
        measured["prints_s"] = median([_prints(client, PRINTS[name]) for _ in range(PRINT_ROUNDS)])
        if name == "llmspell":
            measured["tool_s"], measured["echo_s"] = _tool_calls(client)
        return measured
    finally:
        client.close()
        process.stop()


def _start(command: list[str], connection_file: Path) -> float:
    """Return the seconds from the start of a process to its first reply."""
    process = Process(command, connection_file)
    client = Client(process.connection)
    try:
        return client.wait_until_ready() - process.started
    finally:
        client.close()
        process.stop()


def _sequential(client: Client, count: int) -> list[float]:
    requests = [client.execute_request(f"x={number}") for number in range(count)]
    answers, times = Answers(client), []
    for msg_id, frames in requests:
        mark = msg_id.encode("ascii")
        started = time.perf_counter()
        send(client.shell, frames)
        answers.published += client.until_idle(mark)
        times.append(time.perf_counter() - started)
        answers.replies.append(receive(client.shell))
    answers.check([msg_id for msg_id, _ in requests])
    return times


def _pipelined(client: Client, count: int) -> float:
    """Return executes per second, to the last idle."""
    requests = [client.execute_request(f"x={number}") for number in range(count)]
    answers = Answers(client)
    last = requests[-1][0]
    started = time.perf_counter()
    for _, frames in requests[:IN_FLIGHT]:
        send(client.shell, frames)
    for _, frames in requests[IN_FLIGHT:]:
        answers.replies.append(receive(client.shell))
        send(client.shell, frames)
    for _ in range(min(IN_FLIGHT, count)):
        answers.replies.append(receive(client.shell))
    answers.published = client.until_idle(last.encode("ascii"))
    wall = time.perf_counter() - started
    answers.check([msg_id for msg_id, _ in requests])
    return count / wall


def _cpu(client: Client, process: Process, count: int) -> float:
    """Return the CPU seconds per execute of a kernel that works through a queue while the client sleeps.

    A client that is busy on the other core would make each instruction of the kernel dearer, and more so for the
    kernel that answers faster.
    """
    requests = [client.execute_request(f"x={number}") for number in range(count)]
    answers = Answers(client)
    before = process.cpu_s()
    for _, frames in requests:
        send(client.shell, frames)
    used, earlier = process.cpu_s(), -1.0
    while used - earlier > SETTLED_S:
        time.sleep(0.25)
        used, earlier = process.cpu_s(), used
    answers.replies = [receive(client.shell) for _ in requests]
    answers.published = client.until_idle(requests[-1][0].encode("ascii"))
    answers.check([msg_id for msg_id, _ in requests])
    return (used - before) / count


def _prints(client: Client, code: str) -> float:
    msg_id, frames = client.execute_request(code)
    answers = Answers(client)
    started = time.perf_counter()
    send(client.shell, frames)
    answers.published = client.until_idle(msg_id.encode("ascii"))
    spent = time.perf_counter() - started
    answers.replies.append(receive(client.shell))
    answers.check([msg_id])
    streams = [client.read(each) for each in answers.published if b'"stream"' in each[-4]]
    text = "".join(stream["content"]["text"] for stream in streams)
    assert text == "".join(f"{number}\n" for number in range(1_000)), "the printed text differs"
    return spent


def _tool_calls(client: Client) -> tuple[float, float]:
    """Return the median seconds of a tool_request to its reply, and of the same frames through the echo."""
    port = free_ports(1)[0]
    echo = subprocess.Popen([sys.executable, "-c", ECHO, str(port)])
    raw: zmq.Socket[bytes] = client.context.socket(zmq.DEALER)
    raw.setsockopt(zmq.RECONNECT_IVL, 1)
    raw.connect(f"tcp://127.0.0.1:{port}")
    try:
        requests = [
            client.request("tool_request", {
                "command": "invoke", "name": "calculator", "params": {"input": f"{number} + {number + 1}"},
            })
            for number in range(TOOL_CALLS)
        ]  # fmt: skip
        _round_trips(raw, requests[:20])
        echoes, _ = _round_trips(raw, requests)
        tools, replies = _round_trips(client.shell, requests)
        answers = Answers(client)
        answers.replies = replies
        for number, reply in enumerate(answers.check([msg_id for msg_id, _ in requests], complete_iopub=False)):
            value = reply["content"]["result"]["output"]["result"]["result"]
            assert value == 2 * number + 1, f"calculator said {value} for request {number}"
        while client.iopub.poll(100):
            receive(client.iopub)
        return median(tools), median(echoes)
    finally:
        raw.close(0)
        echo.kill()
        echo.wait(5)


def _round_trips(
    sock: zmq.Socket[bytes], requests: list[tuple[str, list[bytes]]]
) -> tuple[list[float], list[list[bytes]]]:
    times, replies = [], []
    for _, frames in requests:
        started = time.perf_counter()
        send(sock, frames)
        replies.append(receive(sock))
        times.append(time.perf_counter() - started)
    return times, replies


def _figures(medians: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    ours, theirs = medians["llmspell"], medians["ipykernel"]

    def ratio(name: str, key: str, scale: float, unit: str, **bar: float) -> dict[str, Any]:
        facts = {f"llmspell_{unit}": round(ours[key] * scale, 3), f"ipykernel_{unit}": round(theirs[key] * scale, 3)}
        return figure(f"{name} / ipykernel", ours[key] / theirs[key], **bar, **facts)  # type: ignore[arg-type]

    return [
        ratio("kernel: execute to idle", "idle_s", 1e3, "ms", at_most=1 / 10),
        ratio("kernel: pipelined executes per second", "per_second", 1, "per_second", at_least=25),
        ratio("kernel: CPU per execute", "cpu_s", 1e6, "microseconds", at_most=1 / 30),
        ratio("kernel: start to first reply", "start_s", 1e3, "ms", at_most=1 / 4),
        ratio("kernel: memory after the first cell", "rss_mb", 1, "mb", at_most=1 / 2),
        ratio("kernel: cell of 1,000 prints", "prints_s", 1e3, "ms", at_most=1 / 3),
        figure(
            "kernel: tool_request to its reply / raw send_multipart echo",
            ours["tool_s"] / ours["echo_s"],
            at_most=5,
            tool_microseconds=round(ours["tool_s"] * 1e6, 1),
            echo_microseconds=round(ours["echo_s"] * 1e6, 1),
        ),
    ]


if __name__ == "__main__":
    for each in run():
        print(each)
