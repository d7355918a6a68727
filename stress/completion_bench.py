"""How fast a cell is completed, inspected and judged by the engine.

Milliseconds over many places of a real script and of made cells, warm, with a table of a million keys among the
globals; the first answer is that of a fresh process, imports included.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from figures import figure, median

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "examples" / "weather_report.lua"
SETUP = """
big = {} for i = 1, 1e6 do big["key" .. i] = i end
t = Tool.get("calculator") s = "text" cfg = {host = "a", nested = {deep = 1}}
"""
CELLS = (
    "pri", "", "string.re", "s:", "cfg.nested.", "big.key1", "big.", "t:execute{ ", 'Tool.execute("', "Tool.",
    'Tool.execute("file-operations", { operation = "re', "local r = t:execute{}\nr.result.", 'io.open("./',
)  # fmt: skip
ROUNDS = 20


def run() -> list[dict[str, Any]]:
    """Measure and return the figures."""
    from llmspell_kernel.lua import LuaEngine
    from llmspell_tools.registry import ToolRegistry

    with LuaEngine(ToolRegistry(), write=lambda *_: None) as engine:
        engine.execute(SETUP, name="=In[1]", mode="cell")
        started = time.perf_counter()
        engine.complete('Tool.execute("', 14)
        first = time.perf_counter() - started
        code = SCRIPT.read_text(encoding="utf-8")
        places = [(cell, len(cell)) for cell in CELLS] + [(code, cursor) for cursor in range(1, len(code), 25)]
        complete = _times(engine.complete, places)
        inspect = _times(lambda text, cursor: engine.inspect(text, cursor, 1), places)
        judge = _times(lambda text, cursor: engine.is_complete(text[:cursor]), places)
    rows = {"completion": complete, "inspection": inspect, "is_complete": judge}
    return [
        figure("first completion in a process, ms", first * 1_000, at_most=200),
        *(_p95(name, times) for name, times in rows.items()),
    ]


def _times(ask: Any, places: list[tuple[str, int]]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        for code, cursor in places:
            started = time.perf_counter()
            ask(code, cursor)
            times.append(time.perf_counter() - started)
    return sorted(times)


def _p95(name: str, times: list[float]) -> dict[str, Any]:
    return figure(
        f"{name}, p95 warm, ms",
        times[int(len(times) * 0.95)] * 1_000,
        at_most=20,
        median_ms=median(times) * 1_000,
        worst_ms=times[-1] * 1_000,
        asked=len(times),
    )


if __name__ == "__main__":
    for each in run():
        print(each)
