"""What the lean path may import: the start-up budget as a list (`reference`: click costs three bare interpreters)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = [str(ROOT / room) for room in ("llmspell", "kernel", "tools")]
SCRIPT = """
import os
import sys
sys.path[:0] = {paths!r}
before = set(sys.modules)
from llmspell.launch import main
status = main(sys.argv[1:])
print("|", status, *sorted(set(sys.modules) - before), file=sys.stderr)
"""

OURS = ("llmspell", "llmspell_tools")
#: Built-in or next to nothing; `math` and `_operator` serve the calculator's arithmetic.
STANDARD = {"__future__", "gc", "_json", "_operator", "math", "_thread", "time", "errno", "atexit", "_stat", "_locale"}
FORBIDDEN = {"re", "json", "typing", "dataclasses", "enum", "inspect", "logging", "functools", "collections", "click",
             "zmq", "lupa", "threading", "pathlib", "tomllib", "importlib.metadata"}  # fmt: skip


def imported(words):
    """Return the modules that a command line imports in an interpreter that has loaded nothing itself (-S: no site)."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SCRIPT.format(paths=PATHS), *words],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    status, *names = done.stderr.rpartition("|")[2].split()
    assert status == "0", done.stderr
    return set(names)


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "words",
    [
        ["tool", "invoke", "calculator", "--params", '{"input":"2+2"}'],
        ["tool", "invoke", "calculator", "input=2+2", "--raw"],
        ["tool", "invoke", "calculator", "input=2+2", "--output", "json"],
        ["tool", "list"],
        ["tool", "info", "calculator"],
        ["tool", "search", "hash"],
    ],
    ids=" ".join,
)
def test_the_lean_path_imports_only_cheap_modules(words, project):
    names = imported(words)

    foreign = {name for name in names if name.split(".")[0] not in OURS}
    assert foreign <= STANDARD, sorted(foreign - STANDARD)
    assert not names & FORBIDDEN


@pytest.mark.subprocess
@pytest.mark.parametrize("words", [["tool", "list"], ["tool", "info", "calculator"], ["tool", "search", "hash"]])
def test_listing_and_describing_imports_no_tool_and_nothing_that_calls_one(words, project):
    names = imported(words)

    assert not {name for name in names if name.startswith("llmspell_tools.builtin")}
    assert not names & {"llmspell_tools.invocation", "llmspell_tools.schema"}


@pytest.mark.subprocess
def test_the_python_api_imports_no_zmq_no_lupa_and_no_click(project):
    code = f"import sys; sys.path[:0] = {PATHS!r}; import llmspell; llmspell.invoke('calculator', input='1+1'); " + (
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'zmq', 'lupa', 'click', 'llmspell_kernel'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == ""
