"""What the debugger costs a script, by CPU time of the thread, and how fast it answers, over a real TCP session.

Costs are ratios of medians taken in turns in one process: never attached, attached with a breakpoint in another file,
detached again, and a hot line that carries a breakpoint's check with nothing to stop for. Answers come from an adapter
in a process of its own, from request to `stopped` event or response.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import figure, median

WORKLOADS = {
    "loop": "local n = 0 for i = 1, 3000000 do n = n + i % 7 end return n",
    "calls": "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(24)",
    "tables": """
        local t = {}
        for i = 1, 30000 do t[i] = (i * 7919) % 10007 end
        table.sort(t, function(a, b) return a < b end)
        return t[1]""",
    "strings": """
        local parts = {}
        for i = 1, 30000 do parts[#parts + 1] = ("%d:%s"):format(i, tostring(i):rep(3)) end
        return #table.concat(parts, ",")""",
}
HOT = "function work()\n  local n = 0\n  for i = 1, 1000000 do\n    n = n + i\n    n = n - 1\n  end\n  return n\nend\n"
HOT_LINE = 4
ROUNDS = 25
STEPS = "local n = 0\nfor i = 1, 100000 do\n  n = n + i\n  n = n - 1\nend\n"
BUSY = "while true do\n  local x = 1\nend\n"
TABLE = "local t = {}\nfor i = 1, 10000 do t['key' .. i] = { i } t[i] = { i } end\nprint(#t)\n"
DEEP = "local function f(n)\n  if n == 0 then\n    return 0\n  end\n  return 1 + f(n - 1)\nend\nprint(f(10000))\n"


def run() -> list[dict[str, Any]]:
    """Measure and return the figures."""
    return [*_costs(), *_answers()]


class Silent:
    """A listener that hears nothing."""

    # ruff: noqa: D102 - as `Listener` and the protocol say

    def stopped(self, stop: object) -> None:
        raise AssertionError(f"nothing should stop: {stop}")

    def resumed(self, mode: str) -> None: ...
    def logged(self, text: str) -> None: ...
    def point_changed(self, point: object) -> None: ...
    def loaded(self, name: str) -> None: ...


def _costs() -> list[dict[str, Any]]:
    from llmspell_kernel.lua.debugger.debugger import LuaDebugger
    from llmspell_kernel.lua.debugger.points import Wish

    never, attached, detached = _engine(), _engine(), _engine()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other.lua"
        other.write_text("print(1)\n", encoding="utf-8")
        debugger, former = LuaDebugger(attached), LuaDebugger(detached)
        for each in (debugger, former):
            each.attach(Silent())
            each.set_lines(str(other), [Wish(1)])
            each.set_exceptions({"uncaught": None})
        detached.execute("return 1", name="=warm", mode="cell")
        former.detach()
        figures: list[dict[str, Any]] = []
        for name, code in WORKLOADS.items():
            times = _in_turns({"never": never, "attached": attached, "detached": detached}, code)
            base = median(times["never"])
            figures += [
                figure(f"{name}: detached again / never attached, CPU", median(times["detached"]) / base, at_most=1.03),
                figure(f"{name}: attached, nothing hit / never attached, CPU", median(times["attached"]) / base,
                       at_most=1.05, never_ms=base * 1000),
            ]  # fmt: skip
        figures.append(_hot(never, attached, debugger))
    for each in (never, attached, detached):
        each.close()
    return figures


def _hot(never: Any, attached: Any, debugger: Any) -> dict[str, Any]:
    """Return what a line in a loop costs that was compiled with a breakpoint which is gone again."""
    from llmspell_kernel.lua.debugger.points import Wish

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hot.lua"
        path.write_text(HOT, encoding="utf-8")
        debugger.set_lines(str(path), [Wish(HOT_LINE)])
        for engine in (never, attached):
            engine.execute(HOT, name=f"@{path}", mode="script")
        debugger.set_lines(str(path), [])
        times = _in_turns({"never": never, "attached": attached}, "return work()")
    ratio = median(times["attached"]) / median(times["never"])
    return figure("hot line with a breakpoint's check / without, CPU", ratio, at_most=3.5)


def _engine() -> Any:
    from llmspell_kernel.lua import LuaEngine
    from llmspell_tools.registry import ToolRegistry

    return LuaEngine(ToolRegistry(), write=lambda *_: None)


def _in_turns(engines: dict[str, Any], code: str) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in engines}
    for at in range(ROUNDS + 1):
        for name, engine in engines.items():
            engine.execute("collectgarbage()", name="=workload", mode="script")
            started = time.thread_time()
            engine.execute(code, name="=workload", mode="script")
            if at:  # the first round warms up
                times[name].append(time.thread_time() - started)
    return times


class Client:
    """Just enough of the protocol."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        self._seq = 0

    def send(self, command: str, **arguments: Any) -> int:
        self._seq += 1
        content = json.dumps({"seq": self._seq, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        return self._seq

    def receive(self) -> dict[str, Any]:
        length = int(self._stream.readline().split()[1])
        self._stream.readline()
        message: dict[str, Any] = json.loads(self._stream.read(length))
        return message

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        number = self.send(command, **arguments)
        while (message := self.receive()).get("request_seq") != number:
            pass
        if not message["success"]:
            raise RuntimeError(message["message"])
        body: dict[str, Any] = message.get("body", {})
        return body

    def until(self, event: str) -> dict[str, Any]:
        while (message := self.receive()).get("event") != event:
            pass
        body: dict[str, Any] = message.get("body", {})
        return body

    def launch(self, path: str, lines: list[int]) -> None:
        self.ask("initialize", adapterID="llmspell")
        self.ask("launch", program=path)
        self.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line} for line in lines])
        self.ask("configurationDone")

    def close(self) -> None:
        self.ask("disconnect")
        self._stream.close()
        self._socket.close()


def _answers() -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "llmspell", "debug-adapter", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE) as adapter:
        try:
            assert adapter.stdout is not None
            port = int(adapter.stdout.readline().rpartition(b":")[2])
            figures = [_steps(port, folder), _pauses(port, folder), *_pages(port, folder), *_stack(port, folder)]
        finally:
            adapter.terminate()
    return figures


def _script(folder: str, text: str) -> str:
    path = Path(folder) / "script.lua"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _timed(times: list[float], action: Any) -> Any:
    started = time.perf_counter()
    answer = action()
    times.append((time.perf_counter() - started) * 1000)
    return answer


def _steps(port: int, folder: str) -> dict[str, Any]:
    client = Client(port)
    client.launch(_script(folder, STEPS), [3])
    client.until("stopped")
    client.ask("setBreakpoints", source={"path": _script(folder, STEPS)}, breakpoints=[])
    times: list[float] = []
    for command in ["next", "stepIn", "stepOut"][:2] * 100:
        _timed(times, lambda command=command: (client.send(command, threadId=1), client.until("stopped")))
    client.close()
    return figure("step, request to stopped, median ms", median(times), at_most=5, p95_ms=sorted(times)[-10])


def _pauses(port: int, folder: str) -> dict[str, Any]:
    client = Client(port)
    client.launch(_script(folder, BUSY), [])
    times: list[float] = []
    for _ in range(20):
        time.sleep(0.02)
        _timed(times, lambda: (client.send("pause", threadId=1), client.until("stopped")))
        client.ask("continue", threadId=1)
    client.close()
    return figure("pause of a busy loop, worst of 20, ms", max(times), at_most=50, median_ms=median(times))


def _pages(port: int, folder: str) -> list[dict[str, Any]]:
    client = Client(port)
    client.launch(_script(folder, TABLE), [3])
    client.until("stopped")
    frame = client.ask("stackTrace", threadId=1)["stackFrames"][0]["id"]
    opened: list[float] = []
    value = _timed(opened, lambda: client.ask("evaluate", expression="t", frameId=frame))
    figures = [figure("a table of 10,000 + 10,000 entries is first shown, ms", opened[0], at_most=50)]
    for kind in ("indexed", "named"):
        times: list[float] = []
        for start in range(0, 10000, 100):
            _timed(times, lambda start=start, kind=kind: client.ask(
                "variables", variablesReference=value["variablesReference"], filter=kind, start=start, count=100,
            ))  # fmt: skip
        name = f"a page of 100 of its 10,000 {kind} entries, worst of 100, ms"
        figures.append(figure(name, max(times), at_most=50, median_ms=median(times)))
    client.close()
    return figures


def _stack(port: int, folder: str) -> list[dict[str, Any]]:
    client = Client(port)
    client.launch(_script(folder, DEEP), [3])
    client.until("stopped")
    first: list[float] = []
    _timed(first, lambda: client.ask("stackTrace", threadId=1, startFrame=0, levels=20))
    times: list[float] = []
    for start in range(20, 10000, 500):
        _timed(times, lambda start=start: client.ask("stackTrace", threadId=1, startFrame=start, levels=20))
    client.close()
    return [
        figure("the first 20 of 10,000 frames, ms", first[0], at_most=50),
        figure("20 frames anywhere in 10,000, worst, ms", max(times), at_most=50, median_ms=median(times)),
    ]


if __name__ == "__main__":
    for each in run():
        print(each)
