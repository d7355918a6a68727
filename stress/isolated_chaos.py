"""The child runner under six threads that cancel at random moments: nothing hangs, lies or stays behind.

.venv/bin/python stress/isolated_chaos.py [--seed N] [--calls N]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
from collections import Counter
from pathlib import Path

from llmspell_tools.errors import Cancelled, LlmspellError
from llmspell_tools.registry import ToolRegistry

THREADS = 6
QUERIES = (".+1", ".+1", ".+1", '"a" * 1000 | length', "def f: f; f")


def main() -> int:
    """Run, print counts, and return 1 on a wrong answer, an unexpected error or a leak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--calls", type=int, default=40, help="per thread")
    options = parser.parse_args()
    registry = ToolRegistry()
    registry.invoke("json-processor", {"input": 1, "query": "."})
    open_before = _open_files()
    outcomes: Counter[str] = Counter()
    threads = [
        threading.Thread(target=_work, args=(registry, options.seed + n, n, options.calls, outcomes))
        for n in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leaked = _open_files() - open_before
    print(f"seed {options.seed}: {dict(outcomes)}; open files {open_before} -> {open_before + leaked}")
    return 0 if set(outcomes) <= {"right", "cancelled"} and leaked <= 12 else 1  # 4 warm children, 3 pipes each


def _work(registry: ToolRegistry, seed: int, thread: int, calls: int, outcomes: Counter[str]) -> None:
    chance = random.Random(seed)
    for call in range(calls):
        context = registry.context()
        query, number = chance.choice(QUERIES), thread * 100_000 + call
        endless = query.startswith("def")
        timer = (
            threading.Timer(chance.random() * 0.05, context.signal.set) if endless or chance.random() < 0.5 else None
        )
        if timer is not None:
            timer.start()
        try:
            output = registry.invoke("json-processor", {"input": number, "query": query}, context=context).output
            wanted = number + 1 if query == ".+1" else 1000
            outcomes["right" if output["result"] == wanted else "wrong"] += 1
        except Cancelled:
            outcomes["cancelled"] += 1
        except LlmspellError as error:
            outcomes[f"{error.code}: {error.message[:60]}"] += 1
        if timer is not None:
            timer.join()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if os.path.isdir("/proc/self/fd") else 0


if __name__ == "__main__":
    sys.exit(main())
