"""Run the benchmarks, print their figures beside their bars, and save them with the machine as JSON.

    ./scripts/bench              everything
    ./scripts/bench cli invoke   some of it

Every figure is a ratio of medians measured side by side in this one run, since absolute times of a shared machine
wander by a factor of two. A figure without a bar is a fact, to see what grew. The exit status is 1 when a bar is
missed.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

BENCHES = {
    "cli": "cli_bench",
    "debug": "debug_bench",
    "invoke": "invoke_bench",
    "kernel": "kernel_bench",
    "tools": "tools_bench",
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


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all; return the exit status."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    report: dict[str, object] = {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "machine": machine()}
    missed = 0
    print(f"{'figure':<78} {'value':>10}  {'bar':<9} met")
    for name in names or BENCHES:
        figures = importlib.import_module(BENCHES[name]).run()
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
    sys.exit(main(sys.argv[1:]))
