"""A measured figure and its bar, the shape that every benchmark here returns and `bench.py` prints and saves."""

from __future__ import annotations


def figure(
    name: str, value: float, *, at_most: float | None = None, at_least: float | None = None, **facts: object
) -> dict[str, object]:
    """Return one figure.

    Args:
        name: What was measured, against what.
        value: Mostly a ratio of two medians of one run.
        at_most: The bar that the value must not pass, or None.
        at_least: The bar that the value must reach, or None.
        facts: Whatever helps to read it later: medians with their units, rounds, sizes.
    """
    met = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
    bar = f"<= {at_most:g}" if at_most is not None else f">= {at_least:g}" if at_least is not None else ""
    return {"name": name, "value": round(value, 4), "bar": bar, "met": met, **facts}


def median(values: list[float]) -> float:
    """Return the median; the mean of the middle two for an even count."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
