"""100,000 pipelined requests with a reader that stalls: every reply must arrive, once, in order.

    .venv/bin/python stress/pipeline.py [requests] [stall in seconds]

The client sends everything as fast as it can and does not read its replies for the first seconds, with a small receive
queue, so that the kernel's socket fills up and replies have to wait in the kernel. A second client works beside it and
must not be held up. At the libzmq defaults 93,000 of 100,000 replies vanish in this situation.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import zmq
from figures import median
from raw_client import Answers, Client, Process, our_command, receive, send

REQUESTS = 100_000
STALL_S = 60.0


def run(requests: int = REQUESTS, stall_s: float = STALL_S) -> dict[str, Any]:
    """Run the load and return what was measured.

    Raises:
        AssertionError: A reply is missing, doubled, out of order or wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = Process(our_command(), Path(folder) / "connection.json")
        hasty, calm = Client(process.connection, receive_high_water=100), Client(process.connection)
        hasty.shell.setsockopt(zmq.RCVBUF, 65_536)
        try:
            hasty.iopub.close(0)  # iopub may drop for a subscriber that does not read; that is not what is tested here
            calm.wait_until_ready()
            return _load(process, hasty, calm, requests, stall_s)
        finally:
            hasty.close()
            calm.close()
            process.stop()


def _load(process: Process, hasty: Client, calm: Client, requests: int, stall_s: float) -> dict[str, Any]:
    prepared = [hasty.execute_request(f"x={number}") for number in range(requests)]
    rss_before = process.rss_mb()
    beside = _Beside(calm)
    started = time.perf_counter()
    sender = threading.Thread(target=_send_all, args=(hasty, [frames for _, frames in prepared]))
    sender.start()
    beside.start()
    sender.join()
    time.sleep(max(0.0, stall_s - (time.perf_counter() - started)))
    rss_stalled = process.rss_mb()
    answers = Answers(hasty)
    while len(answers.replies) < requests:
        if not hasty.shell.poll(30_000):
            raise AssertionError(f"only {len(answers.replies)} of {requests} replies arrived")
        answers.replies.append(receive(hasty.shell))
    wall = time.perf_counter() - started
    beside.stop()
    assert not hasty.shell.poll(200), "more replies than requests"
    replies = answers.check([msg_id for msg_id, _ in prepared], complete_iopub=False)
    counts = [reply["content"]["execution_count"] for reply in replies]
    assert counts == sorted(counts), "cells ran out of order"
    return {
        "requests": requests,
        "seconds": round(wall, 2),
        "stall_seconds": stall_s,
        "rss_mb_before": round(rss_before, 1),
        "rss_mb_stalled": round(rss_stalled, 1),
        "rss_mb_after": round(process.rss_mb(), 1),
        "other_client_requests": len(beside.times),
        "other_client_median_ms": round(median(beside.times) * 1e3, 2) if beside.times else None,
    }


def _send_all(client: Client, messages: list[list[bytes]]) -> None:
    for frames in messages:
        send(client.shell, frames)


class _Beside:
    """A second client that asks one thing at a time while the load goes on."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._done = False
        self._thread = threading.Thread(target=self._ask)
        self.times: list[float] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done = True
        self._thread.join()

    def _ask(self) -> None:
        while not self._done:
            _, frames = self._client.request("comm_info_request", {})
            started = time.perf_counter()
            send(self._client.shell, frames)
            receive(self._client.shell)
            self.times.append(time.perf_counter() - started)


if __name__ == "__main__":
    numbers = [float(word) for word in sys.argv[1:]]
    print(run(int(numbers[0]) if numbers else REQUESTS, numbers[1] if len(numbers) > 1 else STALL_S))
