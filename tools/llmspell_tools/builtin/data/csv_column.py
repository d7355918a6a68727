"""One column's statistics, batch by batch: type, nulls, different values, extremes, mean, median, deviation.

A batch costs a few C calls; of plain numbers no single value is looked at in Python. Memory is bounded by
`csv_sketches`: a column keeps 100,000 different values and 1,000,000 numbers at most, fewer where there are many
columns.

What the figures mean: blank fields are null and count nowhere else. `data_type` is the one type of all values
(integers and floats together are float, dates and datetimes datetime), else mixed. unique_count takes numbers by value,
all else by text. mean, median, std_dev (of the population), min_value and max_value are of the values that are numbers;
of a column without numbers, min_value and max_value are the first and last text in code point order. Both stand there
as they stand in the file.
"""

from __future__ import annotations

from math import dist, fsum, inf, isfinite, sqrt

from llmspell_tools.builtin.data.csv_sketches import Distinct, Median
from llmspell_tools.builtin.data.csv_values import kinds_of, may_be_number, number_of, numbers_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.types import JsonObject, JsonValue

#: Values that a column keeps as samples; as many as the Rust original has.
SAMPLES = 5
#: Longer texts are shortened where they are shown.
_SHOWN_CHARS = 1000
#: Bounds of one column, and of all columns together.
_MAX_DISTINCT, _ALL_DISTINCT = 100_000, 1_000_000
_MAX_NUMBERS, _ALL_NUMBERS = 1_000_000, 8_000_000
_MAX_CHARS, _ALL_CHARS = 8_000_000, 64_000_000


class Column:
    """What is known of a column so far.

    Args:
        name: Of the column.
        of: Number of columns that share the memory.
    """

    __slots__ = (
        "_distinct", "_first", "_highest", "_kinds", "_last", "_lowest", "_mean", "_median", "_numbers", "_samples",
        "_squares", "_total", "_were_whole", "name", "nulls",
    )  # fmt: skip

    def __init__(self, name: str, of: int) -> None:
        self.name = name
        self.nulls = 0
        self._kinds: set[str] = set()
        #: The last batch was whole numbers; the next one probably is, too.
        self._were_whole = True
        self._samples: list[JsonValue] = []
        self._distinct = Distinct(_share(_MAX_DISTINCT, _ALL_DISTINCT, of), _share(_MAX_CHARS, _ALL_CHARS, of))
        self._median = Median(_share(_MAX_NUMBERS, _ALL_NUMBERS, of))
        #: First and last text in code point order, smallest and largest number with its text.
        self._first: str | None = None
        self._last: str | None = None
        self._lowest: tuple[float, str] = (inf, "")
        self._highest: tuple[float, str] = (-inf, "")
        #: Count, sum, mean and sum of squared distances from the mean of the numbers.
        self._numbers = 0
        self._total = 0.0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values: Sequence[str]) -> None:
        """Take a batch of fields."""
        found = numbers_in(values, whole=self._were_whole)
        unique: set[str] = set()
        if found is None:
            unique = set(values)
            if "" in unique or any(map(str.isspace, unique)):
                blank = {text for text in unique if not text or text.isspace()}
                self.nulls += sum(map(values.count, blank))
                unique -= blank
                if not unique:
                    return
                values = self._present(values, unique)
                found = numbers_in(values, whole=self._were_whole)
        self._take_samples(values)
        if found is None:
            self._add_mixed(values, unique)
        else:
            self._were_whole = found.are_whole
            self._kinds.add("integer" if self._were_whole else "float")
            self._distinct.add_numbers(found.values)
            self._add_numbers(found.values, values, found.low, found.high)

    def _present(self, values: Sequence[str], unique: set[str]) -> Sequence[str]:
        """Return the fields that are not blank; of plain texts, whose number does not matter, each once will do."""
        if self._kinds <= {"string"} and len(self._samples) >= SAMPLES and not any(map(may_be_number, unique)):
            return list(unique)
        return [text for text in values if text in unique]

    def _take_samples(self, values: Sequence[str]) -> None:
        if len(self._samples) < SAMPLES:
            self._samples.extend(map(_shown, values[: SAMPLES - len(self._samples)]))

    def _add_mixed(self, values: Sequence[str], unique: set[str]) -> None:
        """Take fields that are not all numbers; `unique` are the same, each once."""
        self._were_whole = False
        fresh = self._distinct.unseen(unique)
        if fresh:
            self._kinds |= kinds_of(fresh)
            first, last = min(fresh), max(fresh)
            self._first = first if self._first is None else min(first, self._first)
            self._last = last if self._last is None else max(last, self._last)
        if "integer" in self._kinds or "float" in self._kinds:
            table = {text: float(number) for text in unique if (number := number_of(text)) is not None}
            texts = list(filter(table.__contains__, values))
            if texts:
                numbers = [table[text] for text in texts]
                self._distinct.add_numbers(table.values())
                self._add_numbers(numbers, texts, min(numbers), max(numbers))
                fresh -= table.keys()
        self._distinct.add(fresh)

    def _add_numbers(self, numbers: Sequence[float], texts: Sequence[str], low: float, high: float) -> None:
        if low < self._lowest[0]:
            self._lowest = (low, texts[numbers.index(low)])
        if high > self._highest[0]:
            self._highest = (high, texts[numbers.index(high)])
        self._median.add(numbers)
        self._add_figures(numbers)

    def _add_figures(self, numbers: Sequence[float]) -> None:
        count = len(numbers)
        try:
            total = fsum(numbers)
        except OverflowError:  # numbers near 1e308: there is no mean to tell
            total = inf
        distance = dist(numbers, (total / count,) * count)
        self._join_figures(count, total, distance * distance)

    def _join_figures(self, count: int, total: float, squares: float) -> None:
        """Join a group of numbers: its size, its sum and its sum of squared distances from its mean."""
        # Chan, Golub and LeVeque 1979: joins two groups without the cancellation of "squares minus squared mean".
        both = self._numbers + count
        away = total / count - self._mean
        self._squares += squares + away * away * self._numbers * count / both
        self._total += total
        self._mean = self._total / both
        self._numbers = both

    def as_json(self) -> JsonObject:
        """Return the column's figures."""
        kind = self.data_type
        counted = bool(self._numbers)
        return {
            "name": self.name,
            "data_type": kind,
            "null_count": self.nulls,
            "unique_count": self._distinct.count,
            "unique_count_is_approximate": not self._distinct.is_exact,
            "min_value": _shown(self._lowest[1] if counted else self._first),
            "max_value": _shown(self._highest[1] if counted else self._last),
            "mean": _finite(self._mean) if counted else None,
            "median": self._median.value(),
            "median_is_approximate": not self._median.is_exact,
            "std_dev": _finite(sqrt(self._squares / self._numbers)) if counted else None,
            "sample_values": self._samples,
        }

    @property
    def data_type(self) -> str:
        """integer, float, boolean, date, datetime, string or mixed; string of no values."""
        kinds = self._kinds
        if len(kinds) <= 1:
            return next(iter(kinds), "string")
        if kinds == {"integer", "float"}:
            return "float"
        return "datetime" if kinds == {"date", "datetime"} else "mixed"


def _share(most: int, total: int, columns: int) -> int:
    return max(256, min(most, total // columns))


def _shown(text: str | None) -> str | None:
    return text if text is None or len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None
