"""Fuzz the pattern guard: the same answers as C, and no call that goes straight to C takes long.

    python stress/patterns_fuzz.py [--seed N] [--count N]

Two parts. *Answers*: generated patterns and subjects go through string.find, match, gmatch and gsub in C and through
the guard, on each of its ways. *Bounds*: generated patterns over one or two letters, the worst for back-tracking, get
the longest subject that the guard would hand to C in one piece (at most 10^6 bytes); the slowest call is printed, and
more than `SLOWEST_S` fails. The seed is printed; nothing runs longer than the count says.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import random
import sys
import time
from pathlib import Path

#: The guard's budget is meant as about 0.1 s of C; a machine that does other things may take longer.
SLOWEST_S = 1.0
_TEST = Path(__file__).parent.parent / "tests" / "kernel" / "test_lua_patterns.py"

spec = importlib.util.spec_from_file_location("test_lua_patterns", _TEST)
assert spec is not None
assert spec.loader is not None
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def compare_answers(seed: int, count: int) -> int:
    """Return how many generated calls the guard answers differently from C."""
    different = 0
    for budget in (None, -1, 40, 300, 3000):
        _, native = cases.load(budget)
        compare = native["load"](cases.COMPARE, "@compare.lua", "t", native)(native)
        for call in cases.generated(seed, count):
            expected, actual = compare(*call)
            if expected != actual:
                different += 1
                print("different:", budget, call, "\n C  ", expected, "\n Lua", actual)
    return different


def slowest_straight(seed: int, count: int) -> tuple[float, str, int]:
    """Return the slowest single C call that the guard would allow: seconds, pattern, length of the subject."""
    source = random.Random(seed)
    _, native = cases.load()
    find, repeat = native["string"]["find"], native["string"]["rep"]
    slowest = (0.0, "", 0)
    for _ in range(count):
        atoms = ["a", "a", "[ab]", ".", "b", "(a", "a)", "%b()", "%f[b]", "[^b]", "$"]
        pattern = "".join(
            source.choice(atoms) + source.choice(["*", "+", "-", "?", ""]) for _ in range(source.randint(1, 7))
        )
        plan = native["pattern_plan"](pattern)
        for way, text in (("straight", pattern), ("stepped", plan["source"])):
            length = int(min(plan[way], 10**6))
            if length < 1:
                continue
            for unit in ("a", "(", "ab"):
                subject = repeat(unit, length // len(unit))
                began = time.perf_counter()
                find(subject, text)
                slowest = max(slowest, (time.perf_counter() - began, f"{way} {text}", length))
    return slowest


def main() -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description="fuzz the pattern guard")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=5000)
    chosen = parser.parse_args()
    print("seed", chosen.seed)
    faulthandler.dump_traceback_later(600, exit=True)
    different = compare_answers(chosen.seed, chosen.count)
    print(f"answers: {5 * chosen.count} calls, {different} different")
    seconds, pattern, length = slowest_straight(chosen.seed, min(chosen.count, 2000))
    print(f"slowest single C call: {seconds:.3f} s, {pattern!r} on {length} bytes")
    return 1 if different or seconds > SLOWEST_S else 0


if __name__ == "__main__":
    sys.exit(main())
