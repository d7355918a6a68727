"""How long the command line takes, against a bare interpreter, in one run.

Rows are run in shuffled rounds, so that what else the machine does falls on all of them alike; medians of wall time;
answers are checked after the clock has stopped. The install is a compiled, non-editable one in a fresh environment,
without a configuration file. `python stress/cli_bench.py [ROUNDS]` prints the table;
`LLMSPELL_BENCH_PYTHON=/path/to/python` measures an installation that is there already.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import figure, median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 40
YARDSTICK = "python -c pass"
LEAN_RATIO, CLICK_RATIO = 1.5, 5.5
#: row → (words after `llmspell`, expected exit status, text that stdout or stderr has, largest ratio or None)
ROWS: dict[str, tuple[list[str], int, str, float | None]] = {
    "tool invoke calculator --params ...": (
        ["tool", "invoke", "calculator", "--params", '{"input":"2+2"}'], 0, '"success": true', LEAN_RATIO,
    ),
    "tool list": (["tool", "list"], 0, "calculator\n", LEAN_RATIO),
    "tool info calculator": (["tool", "info", "calculator"], 0, "calculator - ", CLICK_RATIO),
    "--help": (["--help"], 0, "Usage: llmspell", CLICK_RATIO),
    "tool invoke --help": (["tool", "invoke", "--help"], 0, "Usage: llmspell tool invoke", CLICK_RATIO),
    "tool lits (a usage error)": (["tool", "lits"], 2, "did you mean 'list'?", CLICK_RATIO),
    "version": (["version"], 0, "llmspell ", CLICK_RATIO),
    "version --verbose": (["version", "--verbose"], 0, "interrupt: ", CLICK_RATIO),
    "--output json tool list": (["--output", "json", "tool", "list"], 0, '"calculator"', CLICK_RATIO),
    "tool invoke calculator ... --yes": (
        ["tool", "invoke", "calculator", "input=2+2", "--yes"], 0, '"success": true', CLICK_RATIO,
    ),
    "config show lua": (["config", "show", "lua"], 0, "[lua]", CLICK_RATIO),
    "config validate": (["config", "validate"], 1, "no configuration file", CLICK_RATIO),
    "kernel install --prefix ...": (["kernel", "install", "--prefix", "here"], 0, "Installed", CLICK_RATIO),
    "doctor": (["doctor"], 0, "interrupt by", CLICK_RATIO),
    "run script.lua": (["run", "script.lua"], 0, "42\n", None),
}  # fmt: skip


def run(rounds: int = ROUNDS, seed: int | None = None) -> list[dict[str, object]]:
    """Measure and return the figures."""
    seed = random.randrange(2**32) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="llmspell-bench-") as folder:
        python = os.environ.get("LLMSPELL_BENCH_PYTHON") or install(Path(folder) / "env")
        work = Path(folder) / "work"
        (work / ".git").mkdir(parents=True)
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
) -> list[dict[str, object]]:
    """Check the answers and put the figures together; a wrong answer is a missed bar."""
    base = median(times[YARDSTICK])
    figures: list[dict[str, object]] = []
    for name, (_, status, text, limit) in ROWS.items():
        wrong = [answer for answer in answers[name] if answer[0] != status or text not in answer[1]]
        spent = median(times[name])
        facts: dict[str, object] = {
            "median_ms": round(spent, 2), "yardstick_ms": round(base, 2), "rounds": rounds, "seed": seed,
        }  # fmt: skip
        if wrong:
            facts["error"] = f"exit {wrong[0][0]}: {wrong[0][1][-300:]}"
        value = float("inf") if wrong else spent / base
        title = f"llmspell {name}, against {YARDSTICK}"
        if limit is not None:
            figures.append(figure(title, value, at_most=limit, **facts))
        else:
            figures.append({"name": title, "value": round(value, 4), "bar": "", "met": not wrong, **facts})
    return figures


if __name__ == "__main__":
    for each in run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        print(f"{each['name']:<70} {each['value']:>8} {each['bar']:<7} {each['met']} {each.get('error', '')}")
