"""How long the command line takes, against a bare interpreter, in one run.

Rows are run in shuffled rounds, so that what else the machine does falls on all of them alike; medians of wall time;
answers are checked after the clock has stopped. The install is a compiled, non-editable one in a fresh environment,
without a configuration file. `python stress/cli_bench.py [ROUNDS]` prints the table;
`LLMSPELL_BENCH_PYTHON=/path/to/python` measures an installation that is there already.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
YARDSTICK = "python -c pass"
LEAN_RATIO, CLICK_RATIO = 1.5, 5.5
#: row → (words after `llmspell`, expected exit status, text that stdout or stderr has, largest ratio)
ROWS: dict[str, tuple[list[str], int, str, float]] = {
    "tool invoke": (["tool", "invoke", "calculator", "--params", '{"input":"2+2"}'], 0, '"success": true', LEAN_RATIO),
    "tool list": (["tool", "list"], 0, "calculator\n", LEAN_RATIO),
    "tool info": (["tool", "info", "calculator"], 0, "calculator - ", CLICK_RATIO),
    "--help": (["--help"], 0, "Usage: llmspell", CLICK_RATIO),
    "tool invoke --help": (["tool", "invoke", "--help"], 0, "Usage: llmspell tool invoke", CLICK_RATIO),
    "usage error": (["tool", "lits"], 2, "did you mean 'list'?", CLICK_RATIO),
    "version": (["version"], 0, "llmspell ", CLICK_RATIO),
    "tool list (click)": (["--output", "json", "tool", "list"], 0, '"calculator"', CLICK_RATIO),
    "tool invoke (click)": (["tool", "invoke", "calculator", "input=2+2", "--yes"], 0, '"success": true', CLICK_RATIO),
    "config show": (["config", "show", "lua"], 0, "[lua]", CLICK_RATIO),
    "config validate": (["config", "validate"], 1, "no configuration file", CLICK_RATIO),
    "run script.lua": (["run", "script.lua"], 0, "42\n", float("inf")),
}


def run(rounds: int = 40, seed: int | None = None) -> dict[str, object]:
    """Measure and return `{name, rows: {row: {median_ms, ratio, limit, passed}}, ...}`."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="llmspell-bench-") as folder:
        given = os.environ.get("LLMSPELL_BENCH_PYTHON")
        python = given or install(Path(folder) / "env")
        work = Path(folder) / "work"
        work.mkdir()
        (work / ".git").mkdir()
        (work / "script.lua").write_text("print(6 * 7)\n", encoding="utf-8")
        times, answers = measure(python, str(work), environment(folder), rounds, random.Random(seed))
    return report(times, answers, rounds, seed)


def install(folder: Path) -> str:
    """Make an environment with the product in it, compiled; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile", str(ROOT)],
        check=True,
        env=clean,
        stdout=subprocess.DEVNULL,
    )
    return python


def environment(home: str) -> dict[str, str]:
    """Return the variables of every measured process: no configuration, nothing that slows Python down."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": home, "COLUMNS": "80"}


def measure(
    python: str, work: str, env: dict[str, str], rounds: int, shuffle: random.Random
) -> tuple[dict[str, list[float]], dict[str, list[tuple[int, str]]]]:
    """Return milliseconds and answers by row."""
    launcher = str(Path(python).parent / "llmspell")
    commands = {YARDSTICK: [python, "-c", "pass"]}
    commands.update({name: [python, launcher, *words] for name, (words, _, _, _) in ROWS.items()})
    times: dict[str, list[float]] = {name: [] for name in commands}
    answers: dict[str, list[tuple[int, str]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        order = list(commands)
        shuffle.shuffle(order)
        for name in order:
            begin = time.perf_counter()
            done = subprocess.run(commands[name], cwd=work, env=env, capture_output=True, text=True, check=False)
            spent = (time.perf_counter() - begin) * 1000
            if number:  # the first round fills the caches of the file system
                times[name].append(spent)
                answers[name].append((done.returncode, done.stdout + done.stderr))
    return times, answers


def report(
    times: dict[str, list[float]], answers: dict[str, list[tuple[int, str]]], rounds: int, seed: int
) -> dict[str, object]:
    """Check the answers and put the figures together."""
    base = statistics.median(times[YARDSTICK])
    rows: dict[str, object] = {YARDSTICK: {"median_ms": round(base, 2), "ratio": 1.0}}
    for name, (_, status, text, limit) in ROWS.items():
        wrong = [answer for answer in answers[name] if answer[0] != status or text not in answer[1]]
        if wrong:
            rows[name] = {"error": f"exit {wrong[0][0]}: {wrong[0][1][-300:]}", "passed": False}
            continue
        median = statistics.median(times[name])
        ratio = median / base
        row: dict[str, object] = {"median_ms": round(median, 2), "ratio": round(ratio, 2)}
        if limit != float("inf"):
            row.update(limit=limit, passed=ratio <= limit)
        rows[name] = row
    passed = all(row.get("passed", True) for row in rows.values() if isinstance(row, dict))
    return {"name": "cli", "yardstick": YARDSTICK, "rounds": rounds, "seed": seed, "rows": rows, "passed": passed}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else 40), indent=2))
