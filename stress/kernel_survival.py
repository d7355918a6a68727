"""What a kernel must survive: the original's stress workloads, many clients at once, hostile bytes, signals.

    .venv/bin/python stress/kernel_survival.py [--small] [--seed N]

Every request must get exactly one right answer, in order for each client; the process must stay the same and its memory
flat; at the end SIGTERM must end it in order. Each part prints one line; the exit status is 1 at the first broken rule.
`--small` is a hundredth of it, for the tests.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import zmq
from figures import median
from raw_client import PORTS, Answers, Client, Process, our_command, receive, send

WORDS = ("calc", "file", "time", "uuid", "text", "data", "web", "sys")
CLIENTS = 20
IN_FLIGHT = 200
BIG_BYTES = 100 * 1024 * 1024


class Survival:
    """One kernel, what is done to it, and one calm client that looks after it."""

    def __init__(self, folder: Path, *, small: bool, seed: int) -> None:
        self.scale = 100 if small else 1
        self.source = random.Random(seed)
        self.process = Process(our_command(), folder / "connection.json")
        self.client = Client(self.process.connection)
        self.client.wait_until_ready()

    def count(self, whole: int) -> int:
        """Return how many of so many operations are done."""
        return max(2, whole // self.scale)

    # --- the original's workloads, one after another ---

    def workloads(self) -> dict[str, Any]:
        """15,201 operations on tools, each answer looked at: surface, "Stress tests"."""
        names = self._call({"command": "list"})["tools"]
        big = {"command": "info", "name": names[0], "extra": "x" * 1_000_000}
        rss = self.process.rss_mb()
        rates = [
            self._many(self.count(1_000), lambda _: {"command": "list"}, lambda _, reply: reply["tools"] == names),
            self._many(
                self.count(3_000),
                lambda number: {"command": "info", "name": names[number % len(names)]},
                lambda number, reply: reply["name"] == names[number % len(names)] and reply["description"],
            ),
            self._many(
                self.count(500),
                lambda number: {
                    "command": "invoke", "name": "calculator", "params": {"input": f"{number} + ({number} + 1)"},
                },
                lambda number, reply: reply["result"]["output"]["result"]["result"] == 2 * number + 1,
            ),
            self._many(1, lambda _: big, lambda _, reply: reply["name"] == names[0]),
            self._many(
                self.count(200),
                lambda number: {"command": "invoke"} if number % 2 else {"command": "list"},
                lambda number, reply: reply["status"] == ("error" if number % 2 else "ok"),
            ),
            self._many(self.count(10_000), lambda _: {"command": "list"}, lambda _, reply: reply["tools"] == names),
            self._many(
                self.count(500),
                lambda number: {"command": "search", "query": [WORDS[number % 8]]},
                lambda _, reply: reply["status"] == "ok",
            ),
        ]  # fmt: skip
        grown = self.process.rss_mb() - rss
        assert grown < 15, f"memory grew by {grown:.1f} MB"
        return {
            "operations": sum(count for count, _, _ in rates),
            "per_second": [round(rate) for _, rate, _ in rates],
            "slowdown_of_sustained": round(rates[5][2], 2),
            "rss_grown_mb": round(grown, 1),
        }

    def _many(self, count: int, content: Any, is_right: Any) -> tuple[int, float, float]:
        """Return the count, the rate, and how much slower the last fifth was than the first."""
        times = []
        for number in range(count):
            started = time.perf_counter()
            reply = self._call(content(number))
            times.append(time.perf_counter() - started)
            assert is_right(number, reply), f"a wrong answer: {reply}"
        fifth = max(1, count // 5)
        return count, count / sum(times), median(times[-fifth:]) / median(times[:fifth])

    def _call(self, content: dict[str, Any]) -> dict[str, Any]:
        msg_id, frames = self.client.request("tool_request", content)
        send(self.client.shell, frames)
        assert self.client.shell.poll(20_000), "no reply"
        reply = self.client.read(receive(self.client.shell))
        assert reply["parent"] == msg_id, "a reply to something else"
        while self.client.iopub.poll(0):
            receive(self.client.iopub)
        found: dict[str, Any] = reply["content"]
        return found

    # --- many at once ---

    def clients(self) -> dict[str, Any]:
        """10^5 requests pipelined from 20 clients."""
        each = self.count(100_000) // CLIENTS or 1
        failures: list[str] = []
        started = time.perf_counter()
        threads = [threading.Thread(target=self._pipeline, args=(each, failures)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        return {"requests": each * CLIENTS, "per_second": round(each * CLIENTS / (time.perf_counter() - started))}

    def _pipeline(self, count: int, failures: list[str]) -> None:
        client = Client(self.process.connection)
        client.iopub.close(0)
        try:
            asked = [
                client.request("tool_request", {
                    "command": "invoke", "name": "calculator", "params": {"input": f"{number} * 2"},
                })
                for number in range(count)
            ]  # fmt: skip
            answers = Answers(client)
            for number in range(count + IN_FLIGHT):
                if number < count:
                    send(client.shell, asked[number][1])
                if number >= IN_FLIGHT and len(answers.replies) < count:
                    answers.replies.append(self._next(client))
            while len(answers.replies) < count:
                answers.replies.append(self._next(client))
            replies = answers.check([msg_id for msg_id, _ in asked], complete_iopub=False)
            values = [reply["content"]["result"]["output"]["result"]["result"] for reply in replies]
            assert values == [2 * number for number in range(count)], "a wrong answer"
            assert not client.shell.poll(50), "more replies than requests"
        except AssertionError as error:
            failures.append(str(error))
        finally:
            client.close()

    @staticmethod
    def _next(client: Client) -> list[bytes]:
        assert client.shell.poll(60_000), "a reply is missing"
        return receive(client.shell)

    def relayed(self) -> dict[str, Any]:
        """The same with a reader thread before the shell socket, while a subshell works too."""
        _, frames = self.client.request("create_subshell_request", {})
        send(self.client.control, frames)
        assert self.client.control.poll(5_000), "no subshell"
        subshell = self.client.read(receive(self.client.control))["content"]["subshell_id"]
        done = threading.Event()
        beside: list[int] = []
        worker = threading.Thread(target=self._on_subshell, args=(subshell, done, beside))
        worker.start()
        try:
            measured = self.clients()
        finally:
            done.set()
            worker.join()
        assert beside, "the subshell was never served"
        return {**measured, "on_subshell": len(beside)}

    def _on_subshell(self, subshell: str, done: threading.Event, beside: list[int]) -> None:
        client = Client(self.process.connection)
        client.iopub.close(0)
        while not done.is_set() or not beside:
            msg_id, frames = client.execute_request("return 1", subshell)
            send(client.shell, frames)
            if not client.shell.poll(30_000) or client.read(receive(client.shell))["parent"] != msg_id:
                break
            beside.append(1)
        client.close()

    def burst(self) -> dict[str, Any]:
        """2,000 kernel_info_requests at once; ipykernel answers 564 of them a second."""
        asked = [self.client.request("kernel_info_request", {}) for _ in range(self.count(2_000))]
        answers = Answers(self.client)
        started = time.perf_counter()
        for _, frames in asked:
            send(self.client.shell, frames)
        answers.replies = [self._next(self.client) for _ in asked]
        spent = time.perf_counter() - started
        answers.published = self.client.until_idle(asked[-1][0].encode("ascii"))
        answers.check([msg_id for msg_id, _ in asked])
        return {"requests": len(asked), "per_second": round(len(asked) / spent)}

    # --- hostile ---

    def forged(self) -> dict[str, Any]:
        """Malformed and forged frames on all five ports, and replays of a message that was good."""
        msg_id, good = self.client.execute_request("forged = (forged or 0) + 1")
        send(self.client.shell, good)
        self._next(self.client)
        self.client.until_idle(msg_id.encode("ascii"))
        sockets = {port: self._socket(port) for port in PORTS}
        sent = self.count(20_000)
        for number in range(sent):
            for port, sock in sockets.items():
                frames = good if number % 50 == 0 and port != "iopub_port" else self._garbage(good)
                try:
                    sock.send_multipart(frames, zmq.NOBLOCK)
                except zmq.Again:
                    continue
        for sock in sockets.values():
            sock.close(0)
        self._settle()
        assert self._text("forged") == "1", "a replayed or forged message had an effect"
        return {"messages": sent * len(PORTS)}

    def _garbage(self, good: list[bytes]) -> list[bytes]:
        frames = list(good)
        kind = self.source.randrange(4)
        if kind == 0:
            return [self.source.randbytes(self.source.randrange(1, 60)) for _ in range(self.source.randrange(1, 9))]
        if kind == 1:
            return frames[: self.source.randrange(1, len(frames))]
        at = self.source.randrange(1, len(frames))
        if kind == 2:
            frames[at] = frames[at][:-1] + bytes([frames[at][-1] ^ 1])
        else:
            frames[1] = self.source.randbytes(32).hex().encode("ascii")
        return frames

    def _socket(self, port: str) -> zmq.Socket[bytes]:
        sock: zmq.Socket[bytes] = self.client.context.socket(zmq.XSUB if port == "iopub_port" else zmq.DEALER)
        sock.setsockopt(zmq.LINGER, 0)
        sock.connect(f"tcp://{self.process.connection['ip']}:{self.process.connection[port]}")
        return sock

    def vanishing(self) -> dict[str, Any]:
        """Clients that ask and are gone before the answer."""
        before, count = self._descriptors(), self.count(500)
        for _ in range(count):
            client = Client(self.process.connection)
            send(client.shell, client.execute_request("x = 1")[1])
            if self.source.random() < 0.5:
                client.shell.poll(5)
            client.close()
        self._settle()
        end = time.perf_counter() + 5
        while self._descriptors() > before + 3 and time.perf_counter() < end:
            time.sleep(0.05)
        assert self._descriptors() <= before + 3, "descriptors are left open"
        return {"clients": count, "descriptors": self._descriptors()}

    def slow_subscriber(self) -> dict[str, Any]:
        """A subscriber that never reads, while much is printed."""
        slow = Client(self.process.connection, receive_high_water=10)
        slow.iopub.setsockopt(zmq.RCVHWM, 10)
        rss, count = self.process.rss_mb(), self.count(20_000)
        started = time.perf_counter()
        for number in range(count):
            msg_id, frames = self.client.execute_request(f"print({number})")
            send(self.client.shell, frames)
            self._next(self.client)
            self.client.until_idle(msg_id.encode("ascii"))
        spent, grown = time.perf_counter() - started, self.process.rss_mb() - rss
        slow.close()
        assert grown < 50, f"memory grew by {grown:.1f} MB"
        return {"cells": count, "per_second": round(count / spent), "rss_grown_mb": round(grown, 1)}

    def large(self) -> dict[str, Any]:
        """Messages of 40 MB get an error, those over 100 MB cost their sender the connection."""
        rss = self.process.rss_mb()
        for size in (BIG_BYTES * 4 // 10, BIG_BYTES + 1_000):
            client = Client(self.process.connection)
            client.iopub.close(0)
            send(client.shell, client.execute_request("--" + "x" * size)[1])
            if size < BIG_BYTES:
                reply = client.read(self._next(client))
                assert reply["content"]["error_type"] == "limit_exceeded", reply["content"]
            else:
                assert not client.shell.poll(1_000), "an oversized message was answered"
            client.close()
        self._settle()
        end = time.perf_counter() + 5
        while self.process.rss_mb() > rss + 50 and time.perf_counter() < end:
            time.sleep(0.05)
        grown = self.process.rss_mb() - rss
        assert grown < 50, f"memory grew by {grown:.1f} MB"
        return {"rss_grown_mb": round(grown, 1)}

    def signals(self) -> dict[str, Any]:
        """SIGINT and SIGPIPE while idle have no effect; SIGSTOP and SIGCONT only take time."""
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGSTOP, signal.SIGCONT, signal.SIGINT):
            os.kill(self.process.pid, number)
            time.sleep(0.02)
        self._settle()
        return {"signals": 5}

    # --- looking after it ---

    def _descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def _settle(self) -> None:
        """Wait until the kernel has handled what was sent to it before."""
        msg_id, frames = self.client.request("kernel_info_request", {})
        send(self.client.shell, frames)
        assert self.client.read(self._next(self.client))["parent"] == msg_id
        self.client.until_idle(msg_id.encode("ascii"))

    def _text(self, code: str) -> str:
        msg_id, frames = self.client.execute_request(code)
        send(self.client.shell, frames)
        self._next(self.client)
        published = self.client.until_idle(msg_id.encode("ascii"))
        results = [self.client.read(each) for each in published if b'"execute_result"' in each[-4]]
        return str(results[-1]["content"]["data"]["text/plain"])

    def end(self) -> dict[str, Any]:
        """SIGTERM while a cell loops: an orderly end."""
        send(self.client.shell, self.client.execute_request("print('on') while true do end")[1])
        time.sleep(0.1)
        started = time.perf_counter()
        os.kill(self.process.pid, signal.SIGTERM)
        status = self.process.wait(10)
        assert status == 0, f"exit status {status}"
        return {"seconds": round(time.perf_counter() - started, 2)}


PARTS = (
    "burst",
    "workloads",
    "clients",
    "forged",
    "vanishing",
    "slow_subscriber",
    "large",
    "signals",
    "relayed",
    "end",
)


def run(*, small: bool = False, seed: int | None = None, parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
    """Do all of it to one kernel and return the figures by part.

    Raises:
        AssertionError: A rule is broken; the message says which.
    """
    chosen = random.randrange(2**32) if seed is None else seed
    figures: dict[str, Any] = {"seed": chosen}
    with tempfile.TemporaryDirectory() as folder:
        survival = Survival(Path(folder), small=small, seed=chosen)
        try:
            for part in parts:
                started = time.perf_counter()
                figures[part] = {**getattr(survival, part)(), "took_s": round(time.perf_counter() - started, 1)}
                print(f"{part:16} {figures[part]}", flush=True)
        finally:
            survival.client.close()
            survival.process.stop()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    options = parser.parse_args()
    try:
        print(run(small=options.small, seed=options.seed, parts=tuple(options.part) or PARTS)["seed"])
    except AssertionError as error:
        sys.exit(f"BROKEN: {error}")
