"""csv_sketches: exact up to a bound, close to it beyond, and never slower to say so than it must be."""

from __future__ import annotations

import random
import statistics
from zlib import crc32

import pytest

from llmspell_tools.builtin.data.csv_sketches import Distinct, Median

SEED = 20240715


def numbers_in_some_order(order):
    chosen = random.Random(SEED)
    numbers = [chosen.gauss(0, 1000) for _ in range(20_001)]
    return {
        "random": numbers,
        "rising": sorted(numbers),
        "falling": sorted(numbers, reverse=True),
        "two values": [1.0] * 10_000 + [2.0] * 10_000,
        "one value but one": [0.0] * 20_000 + [1.0],
        # Every tenth number is what the sample sees: huge ones only.
        "sample misleads": [1e300 if index % 10 == 0 else float(index) for index in range(20_000)],
        "as large as numbers get": [1e308, -1e308, 1.5e308] * 5_000 + [1e308],
    }[order]


@pytest.mark.parametrize(
    "order",
    [
        "random", "rising", "falling", "two values", "one value but one", "sample misleads", "as large as numbers get",
    ],
)  # fmt: skip
def test_the_median_of_many_numbers_is_exact_in_any_order(order):
    numbers = numbers_in_some_order(order)
    sketch = Median(50_000)
    sketch.add(numbers)

    assert sketch.is_exact
    assert sketch.value() == pytest.approx(statistics.median(numbers), rel=1e-15)


def test_long_texts_cost_the_count_no_more_accuracy_than_their_bound_asks_for():
    """Only what is kept counts against the bound on characters, not all that passed by."""
    sketch = Distinct(10_000, 400_000)
    for start in range(0, 200_000, 500):
        sketch.add([f"customer-number-{number:08}" for number in range(start, start + 500)])

    assert not sketch.is_exact
    assert sketch.count == pytest.approx(200_000, rel=0.02)


def test_what_was_seen_before_is_not_fresh():
    sketch = Distinct(10, 1_000)

    sketch.add(["a", "b", "a"])

    assert set(sketch.unseen({"b", "c"})) == {"c"}
    assert sketch.count == 2


def test_a_single_text_over_the_bound_does_not_hold_up_the_count():
    """Its hash is all zeros where levels look, so that no level leaves it out."""
    text = "024370102"
    assert crc32(text.encode()) >> 8 == 0
    sketch = Distinct(10, 5)
    sketch.add([text, "a"])

    assert sketch.count > 0


def test_texts_with_half_a_surrogate_pair_are_counted_too():
    sketch = Distinct(10, 1_000)
    sketch.add([f"\ud800{number}" for number in range(1_000)])

    assert not sketch.is_exact
    assert sketch.count > 100
