"""Random sessions over scripts and the Python tools they call: the adapter may not crash, hang or refuse the next one.

    python stress/debug_python_chaos.py [SECONDS] [SEED]

One adapter process serves session after session, each with random breakpoints in both languages, filters, steps and
questions; some end in the middle. Coroutines come and go, tools are written in Lua too. The seed is printed.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/kernel"))

TOOLS = '''from llmspell_tools.definition import tool


def shout(text):
    loud = text.upper()
    return loud + "!"


@tool(name="greet", category="utility")
def greet(name: str = "you") -> str:
    """Greet."""
    words = "hello " + name
    answer = shout(words)
    return answer


@tool(name="fail", category="utility")
def fail(kind: str = "x") -> str:
    """Fail."""
    try:
        int("none")
    except ValueError:
        pass
    raise KeyError(kind)
'''
TOOL_LINES = (5, 6, 12, 13, 14, 21, 24)
SCRIPT = """Tool.register({name = "lua-inner", description = "d", execute = function(p)
  local r = Tool.execute("greet", {name = "inner"})
  local co = coroutine.wrap(function() coroutine.yield(Tool.execute("greet", {name = "deep"}).text) end)
  return {text = r.text .. co()}
end})
local function work(n)
  local made = {}
  for i = 1, n do
    local co = coroutine.create(function(a)
      local ok = i % 2 == 0 and pcall(Tool.execute, "greet", {name = "n" .. i}) or pcall(Tool.execute, "fail", {})
      local b = coroutine.yield(ok)
      Tool.execute("lua-inner", {})
      return a + b
    end)
    made[i] = co
    coroutine.resume(co, 1)
    if i % 3 == 0 then
      made[i - 1] = nil
      collectgarbage()
    end
  end
  for _, co in pairs(made) do
    coroutine.resume(co, 2)
  end
  made = nil
  collectgarbage()
end
for round = 1, 3 do
  work(4)
  table.sort({3, 1, 2}, function(a, b)
    return Tool.execute("greet", {name = "s"}).text ~= "" and a < b
  end)
end
"""
SCRIPT_LINES = (2, 3, 10, 12, 16, 25, 34)
FILTERS = ("pythonRaised", "pythonUncaught", "all", "uncaught")
STEPS = ("continue", "next", "stepIn", "stepIn", "stepOut")
MOST_STOPS = 60


def session(client: Any, chance: random.Random, script: Path, tools: Path) -> int:
    """Debug the script once; returns how often it stopped."""
    client.start(
        program=str(script),
        lines={tools: chance.sample(TOOL_LINES, chance.randrange(3)),
               script: chance.sample(SCRIPT_LINES, chance.randrange(3))},
        filters=chance.sample(FILTERS, chance.randrange(3)),
        stopOnEntry=chance.random() < 0.5, justMyCode=chance.random() < 0.8,
    )  # fmt: skip
    stops = 0
    while True:
        event = client._take(lambda each: each.get("event") in {"stopped", "terminated"})
        if event["event"] == "terminated":
            return stops
        stops += 1
        client.stopped = event["body"]
        ask(client, chance, tools)
        dice = chance.random()
        if stops > MOST_STOPS or dice < 0.01:
            return stops  # and leave it as it is
        if dice < 0.02:
            client.request(chance.choice(("terminate", "restart")))
        else:
            client.go(chance.choice(STEPS))


def ask(client: Any, chance: random.Random, tools: Path) -> None:
    """Ask about some frames of the stack, and now and then change the breakpoints; frames of ours refuse."""
    from dap_client import Refused

    client.frames()
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(client.stack))
        with contextlib.suppress(Refused, StopIteration):
            what = chance.randrange(4)
            if what == 0:
                client.variables("Locals", at)
            elif what == 1:
                client.evaluate(chance.choice(("1 + 1", "nosuch.x", "{1}")), at)
            elif what == 2:
                client.request("threads")
            else:
                lines = [{"line": line} for line in chance.sample(TOOL_LINES, chance.randrange(3))]
                client.request("setBreakpoints", source={"path": str(tools)}, breakpoints=lines)


def connected(port: int) -> Any:
    """Return a client; the session before may still be ending."""
    from dap_client import DapClient, Refused

    while True:
        client = DapClient.tcp(port)
        try:
            client.request("initialize", adapterID="stress")
            client.request("disconnect")
            client.close()
            return DapClient.tcp(port)
        except Refused:
            client.close()
            time.sleep(0.02)


def main() -> None:
    """Run sessions until the time is over."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print("seed", seed)
    chance, sessions, stops = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        tools, script = Path(folder) / "tools/both.py", Path(folder) / "chaos.lua"
        tools.parent.mkdir()
        tools.write_text(TOOLS, encoding="utf-8")
        script.write_text(SCRIPT, encoding="utf-8")
        words = [
            "-X",
            "faulthandler",
            "-m",
            "llmspell",
            "debug-adapter",
            "--tools-dir",
            str(tools.parent),
            "--port",
            "0",
        ]
        adapter = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, cwd=folder)
        try:
            assert adapter.stdout is not None
            port = int(adapter.stdout.readline().decode().rpartition(":")[2])
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                client = connected(port)
                stops += session(client, chance, script, tools)
                client.close()
                sessions += 1
            assert adapter.poll() is None, f"the adapter died: {adapter.returncode}"
        except AssertionError:
            adapter.send_signal(signal.SIGABRT)  # faulthandler says where every thread is
            adapter.wait(5)
            raise
        finally:
            adapter.kill()
            adapter.wait()
    print(f"{sessions} sessions, {stops} stops")


if __name__ == "__main__":
    main()
