"""Run the benchmarks, print their figures beside their bars, and save them with the machine as JSON.

Every figure is a ratio of medians measured side by side in this one run, since absolute times of a shared machine
wander by a factor of two. A figure without a bar is a fact, to see what grew. The exit status is 1 when a bar is
missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

#: Name -> module, and what its `run` measures.
BENCHES = {
    "cli": ("cli_bench", "the command line beside `python -c pass`"),
    "completion": ("completion_bench", "completion, inspection and completeness of cells"),
    "debug": ("debug_bench", "what the debugger costs a script, and how fast it answers"),
    "invoke": ("invoke_bench", "a tool call from Python and from Lua"),
    "kernel": ("kernel_bench", "the kernel beside ipykernel and an echo, and `control`"),
    "tools": ("tools_bench", "every tool's first and steady call, and `throughput` and `csv`"),
}
#: The same, of what is a part of those above, or takes long: run where it is named.
PARTS = {
    "control": ("control_bench", "replies on control, interrupts and subshells while a cell runs"),
    "csv": ("csv_bench", "csv-analyzer on 100 MB beside polars and csv.reader"),
    "survival": ("survival_bench", "what a kernel must survive, answers checked; some minutes"),
    "throughput": ("throughput_bench", "the heavy tools beside grep, diff, sha256sum, tar and zip"),
}
RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, object]:
    """Return what a reader needs to know of the machine."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def read(arguments: list[str]) -> list[str]:
    """Return the benchmarks that a command line names, else those that are run without a name."""
    known = {**BENCHES, **PARTS}
    parser = argparse.ArgumentParser(
        prog="./scripts/bench",
        description=(__doc__ or "").strip(),
        epilog="benchmarks:\n"
        + "".join(f"  {name:<12}{about}\n" for name, (_, about) in BENCHES.items())
        + "only where they are named:\n"
        + "".join(f"  {name:<12}{about}\n" for name, (_, about) in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", help="a benchmark; all of the first list if left out")
    names: list[str] = parser.parse_args(arguments).name
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    return names or [*BENCHES]


def main(names: list[str]) -> int:
    """Run these benchmarks; return the exit status."""
    report: dict[str, object] = {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "machine": machine()}
    missed = 0
    print(f"{'figure':<78} {'value':>10}  {'bar':<9} met")
    for name in names:
        figures = importlib.import_module({**BENCHES, **PARTS}[name][0]).run()
        report[name] = figures
        for each in figures:
            missed += not each["met"]
            met = "" if not each["bar"] else "yes" if each["met"] else "NO"
            print(f"{each['name']:<78} {each['value']:>10}  {each['bar']:<9} {met}".rstrip(), flush=True)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / time.strftime("bench-%Y%m%d-%H%M%S.json")
    target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"saved to {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(read(sys.argv[1:])))
