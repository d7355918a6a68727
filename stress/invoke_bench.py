"""What a tool call costs in process: from Python and from Lua, against Python's own parser on the same expressions.

Yardstick: `compile(expression, "", "eval", ast.PyCF_ONLY_AST)`. All candidates are timed by thread CPU time, in
interleaved rounds, on expressions never seen before; the answers are checked after the clock stops.
"""

from __future__ import annotations

import ast
import itertools
import time
from typing import TYPE_CHECKING

from figures import figure, median

from llmspell_tools.registry import ToolRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15
CALLS = 10_000
PYTHON_CALLS = 4_000

LUA = """
local calc = Tool.get("calculator")
local first, count = ...
local last
local started = os.clock()
for i = {first}, {last} do
  last = calc:execute({{input = i .. " + " .. (i + 1)}}).result.result
end
return last
"""


def run() -> list[dict[str, object]]:
    """Measure and return the figures."""
    registry = ToolRegistry()
    numbers = itertools.count(100_000)
    yardstick: list[float] = []
    python: list[float] = []
    lua: list[float] = []
    walls: list[float] = []
    execute = _engine(registry)
    for _ in range(ROUNDS):
        texts = [f"{i} + {i + 1}" for i in itertools.islice(numbers, PYTHON_CALLS)]
        yardstick.append(_timed(lambda texts=texts: [_parse(text) for text in texts])[0] / PYTHON_CALLS)
        texts = [f"{i} + {i + 1}" for i in itertools.islice(numbers, PYTHON_CALLS)]
        spent, results = _timed(lambda texts=texts: [registry.invoke("calculator", {"input": text}) for text in texts])
        python.append(spent / PYTHON_CALLS)
        wrong = [
            text for text, done in zip(texts, results, strict=True) if done.output["result"]["result"] != eval(text)
        ]
        assert not wrong, wrong[:3]
        first = next(numbers)
        numbers = itertools.count(first + CALLS)
        spent, wall, value = execute(first, first + CALLS - 1)
        lua.append(spent / CALLS)
        walls.append(wall / CALLS)
        assert value == 2 * (first + CALLS - 1) + 1, value
    base = median(yardstick)
    return [
        figure("ToolRegistry.invoke(calculator) from Python / yardstick", median(python) / base, at_most=3,
               microseconds=round(median(python) * 1e6, 2), yardstick_microseconds=round(base * 1e6, 2)),
        figure("Lua loop of 10,000 calculator calls, per call / yardstick", median(lua) / base, at_most=4,
               microseconds=round(median(lua) * 1e6, 2)),
        figure("Lua loop of calculator calls, best calls per second (wall)", 1 / min(walls), at_least=50_000,
               median_calls_per_second=round(1 / median(walls)), note="a bar for a quiet machine"),
    ]  # fmt: skip


def _parse(text: str) -> object:
    return compile(text, "", "eval", ast.PyCF_ONLY_AST)


def _timed(work: Callable[[], list[object]]) -> tuple[float, list[object]]:
    started = time.thread_time()
    result = work()
    return time.thread_time() - started, result


def _engine(registry: ToolRegistry) -> Callable[[int, int], tuple[float, float, object]]:
    from llmspell_kernel.lua import LuaEngine

    engine = LuaEngine(registry, write=lambda _stream, text: print(text, end=""))

    def execute(first: int, last: int) -> tuple[float, float, object]:
        code = LUA.format(first=first, last=last)
        wall, started = time.perf_counter(), time.thread_time()
        done = engine.execute(code, name="@bench.lua", mode="script")
        return time.thread_time() - started, time.perf_counter() - wall, done.values[0]

    return execute


if __name__ == "__main__":
    for each in run():
        print(each)
