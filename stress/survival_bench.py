"""`kernel_survival` among the benchmarks: how long each part took, and its other figures, where no rule was broken."""

from __future__ import annotations

from typing import Any

import kernel_survival
from figures import figure


def run() -> list[dict[str, Any]]:
    """Do all of it to one kernel and return the figures.

    Raises:
        AssertionError: A rule is broken.
    """
    parts = kernel_survival.run()
    seed = parts.pop("seed")
    return [
        figure(f"survival: {name}, seconds", facts.pop("took_s"), seed=seed, **facts) for name, facts in parts.items()
    ]


if __name__ == "__main__":
    for each in run():
        print(each)
