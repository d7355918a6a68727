"""What each tool's call costs, the first in a fresh interpreter and the steady one, and how fast the heavy tools are.

- First: a new interpreter imports the registry, the tool's module and its libraries and makes one call, the tool's
  first example; beside `python -c pass` in the same rounds.
- Steady: the same call again and again in one process; beside `compile(expression, "", "eval", ast.PyCF_ONLY_AST)`, as
  in `invoke_bench`, so that a number says how many small parses a call is worth.

These have no bar: they are facts, to see what grew. What has a bar is in `throughput_bench` and `csv_bench`, which run
here, too.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import figure, median

from llmspell_tools.errors import ToolUnavailable
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST_ROUNDS = 3
#: Calls of one tool end after so many, or after so many seconds; after each, so many small parses are timed.
STEADY_CALLS = 200
STEADY_S = 0.3
LEAST_CALLS = 3
PARSES = 200

CALL_ONCE = """
import sys
from llmspell_tools.jsontext import loads
from llmspell_tools.registry import ToolRegistry
ToolRegistry().invoke(sys.argv[1], loads(sys.argv[2]))
"""


def run() -> list[dict[str, object]]:
    """Measure and return the figures, those with a bar last."""
    figures = [*_calls()]
    for name in ("throughput_bench", "csv_bench"):
        figures += importlib.import_module(name).run()
    return figures


def _calls() -> Iterator[dict[str, object]]:
    here = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="llmspell-bench-") as folder:
        os.chdir(folder)
        try:
            registry = ToolRegistry(policy=Policy.default())
            for tool in registry.list():
                params = _prepared(tool.examples[0], folder)
                try:
                    registry.invoke(tool.name, params)
                except ToolUnavailable as missing:
                    print(f"{tool.name} is left out: {missing.message}", file=sys.stderr)
                    continue
                yield _first(tool.name, params)
                yield _steady(registry, tool.name, params)
        finally:
            os.chdir(here)


def _first(name: str, params: object) -> dict[str, object]:
    bare: list[float] = []
    ours: list[float] = []
    for at in range(-1, FIRST_ROUNDS):  # one round fills the caches
        took = _process("pass"), _process(CALL_ONCE, name, json.dumps(params))
        if at >= 0:
            bare.append(took[0])
            ours.append(took[1])
    return figure(
        f"{name}, first call / python -c pass", median(ours) / median(bare),
        milliseconds=round(median(ours) * 1e3, 1), yardstick_milliseconds=round(median(bare) * 1e3, 1),
    )  # fmt: skip


def _process(*arguments: str) -> float:
    command = [sys.executable, "-c", *arguments]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, close_fds=False)
    return time.perf_counter() - started


def _steady(registry: ToolRegistry, name: str, params: Mapping[str, object]) -> dict[str, object]:
    numbers = itertools.count(100_000)
    parses: list[float] = []
    calls: list[float] = []
    end = time.perf_counter() + STEADY_S
    while len(calls) < STEADY_CALLS and (len(calls) < LEAST_CALLS or time.perf_counter() < end):
        texts = [f"{i} + {i + 1}" for i in itertools.islice(numbers, PARSES)]
        started = time.perf_counter()
        for text in texts:
            compile(text, "", "eval", ast.PyCF_ONLY_AST)
        parses.append((time.perf_counter() - started) / len(texts))
        started = time.perf_counter()
        registry.invoke(name, params)
        calls.append(time.perf_counter() - started)
    return figure(
        f"{name}, steady call / parse of a small expression", median(calls) / median(parses), calls=len(calls),
        microseconds=round(median(calls) * 1e6, 1), yardstick_microseconds=round(median(parses) * 1e6, 2),
    )  # fmt: skip


def _prepared(example: Mapping[str, object], folder: str) -> dict[str, object]:
    """Put an example's files in place; return its parameters, with the folder's path in them."""
    files = example.get("files")
    for name, text in files.items() if isinstance(files, dict) else ():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text), encoding="utf-8")
    given: dict[str, object] = json.loads(json.dumps(example["params"]).replace("{folder}", folder))
    return given


if __name__ == "__main__":
    for each in run():
        print(each, flush=True)
