"""csv-analyzer's analyze of 100 MB, against polars computing the same statistics, and against `csv.reader` alone.

The yardsticks run in the same process, in interleaved rounds, wall clock. polars is imported before the clock starts
and finds the types by its own inference; it computes, for each column, the count of nulls, the exact count of different
values, minimum and maximum, and mean, median and deviation of numbers. The peak memory is that of a process that does
nothing but one analysis. The answers are compared after the clock stops.
"""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import figure, median

from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE_BYTES = 100_000_000
ROUNDS = 5
SEED = 3
PEAK = """
import sys
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry
registry = ToolRegistry(policy=Policy.from_json({"ceiling": "privileged", "allow": {"read": ["/"]}}),
                        settings={"csv-analyzer": {"engine": sys.argv[1]}})
registry.invoke("csv-analyzer", {"input_file": sys.argv[2]}, timeout_s=600)
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""


def run() -> list[dict[str, object]]:
    """Measure and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.csv")
        rows = make_table(path, SIZE_BYTES)
        return [*_speed(path, rows), *_memory(path)]


def make_table(path: str, size: int) -> int:
    """Write a table of eight columns with whole numbers, decimals, dates, flags, names, quotes and blanks.

    Returns:
        How many rows it has.
    """
    chosen = random.Random(SEED)
    cities = ["Oslo", "Rome", '"New York, NY"', "Lima", "Kyiv", "Zürich", "Cairo"]
    row = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("id,name,city,amount,count,day,active,note\n")
        while file.tell() < size:
            for _ in range(10_000):
                row += 1
                day = f"20{chosen.randrange(10, 25)}-{chosen.randrange(1, 13):02}-{chosen.randrange(1, 28):02}"
                file.write(
                    f"{row},user{chosen.randrange(60_000)},{chosen.choice(cities)},{chosen.random() * 1000:.2f},"
                    f"{chosen.randrange(100)},{day},{'true' if row % 2 else 'false'},"
                    f"{'' if row % 3 else f'note {chosen.randrange(5000)}'}\n"
                )
    return row


def _speed(path: str, rows: int) -> list[dict[str, object]]:
    reading: list[float] = []
    library: list[float] = []
    other: list[float] = []
    ours: dict[str, list[float]] = {"python": [], "polars": []}
    answers: dict[str, Any] = {}
    engines = ("python", "polars") if _has("polars") else ("python",)
    for engine in engines:
        _analyze(engine, path, "sample")  # imports what it needs
    for _ in range(ROUNDS):
        reading.append(_timed(lambda: _read(path))[0])
        if _has("polars"):
            library.append(_timed(lambda: _with_polars(path))[0])
        if _has("duckdb"):
            other.append(_timed(lambda: _with_duckdb(path))[0])
        for engine in engines:
            spent, answers[engine] = _timed(lambda engine=engine: _analyze(engine, path))
            ours[engine].append(spent)
    for answer in answers.values():
        assert answer["row_count"] == rows, answer["row_count"]
        assert answer["columns"][1]["unique_count"] == 60_000, answer["columns"][1]
    base = median(reading)
    figures = [
        figure("csv-analyzer analyze 100 MB, standard library / csv.reader", median(ours["python"]) / base, at_most=6,
               seconds=round(median(ours["python"]), 2), csv_reader_seconds=round(base, 2)),
    ]  # fmt: skip
    if _has("polars"):
        fastest = min(median(library), median(other) if other else median(library))
        figures.append(
            figure("csv-analyzer analyze 100 MB, polars / the fastest library itself", median(ours["polars"]) / fastest,
                   at_most=1.5, seconds=round(median(ours["polars"]), 2), polars_seconds=round(median(library), 2),
                   duckdb_seconds=round(median(other), 2) if other else None)
        )  # fmt: skip
    return figures


def _memory(path: str) -> list[dict[str, object]]:
    engines = ("python", "polars") if _has("polars") else ("python",)
    figures: list[dict[str, object]] = []
    for engine in engines:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, engine, path], check=True, capture_output=True, text=True, timeout=600
        )
        figures.append(figure(f"csv-analyzer analyze 100 MB, {engine}, peak RSS in MB", int(done.stdout), at_most=300))
    return figures


def _has(library: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(library) is not None


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _analyze(engine: str, path: str, operation: str = "analyze") -> Any:
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": [str(Path(path).parent)]}})
    registry = ToolRegistry(policy=policy, settings={"csv-analyzer": {"engine": engine}})
    done: Any = registry.invoke("csv-analyzer", {"operation": operation, "input_file": path}, timeout_s=600)
    return done.output["result"]


def _read(path: str) -> None:
    with open(path, newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass


def _with_polars(path: str) -> None:
    import polars as pl

    table = pl.scan_csv(path, try_parse_dates=True)
    wanted: list[Any] = [pl.len()]
    for name, kind in table.collect_schema().items():
        column = pl.col(name)
        wanted += [column.null_count().alias(f"{name} nulls"), column.n_unique().alias(f"{name} values"),
                   column.min().alias(f"{name} least"), column.max().alias(f"{name} most")]  # fmt: skip
        if kind.is_numeric():
            wanted += [column.mean().alias(f"{name} mean"), column.median().alias(f"{name} median"),
                       column.std(ddof=0).alias(f"{name} deviation")]  # fmt: skip
    table.select(wanted).collect()


def _with_duckdb(path: str) -> None:
    import duckdb

    source = "read_csv(?)"
    base = duckdb.connect()
    wanted = ["count(*)"]
    for name, kind, *_ in base.execute(f"describe select * from {source}", [path]).fetchall():
        wanted += [f'count("{name}")', f'count(distinct "{name}")', f'min("{name}")', f'max("{name}")']
        if kind in ("BIGINT", "DOUBLE"):
            wanted += [f'avg("{name}")', f'median("{name}")', f'stddev_pop("{name}")']
    base.execute(f"select {', '.join(wanted)} from {source}", [path]).fetchall()


if __name__ == "__main__":
    for each in run():
        print(each)
