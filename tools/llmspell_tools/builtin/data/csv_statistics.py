"""Statistics of every column in one pass: types, nulls, different values, extremes, mean, median, deviation.

A batch of rows is turned into columns, and a column takes a batch with a few C calls; a column of plain numbers never
looks at a single value in Python. Memory is bounded by `csv_sketches`: a column keeps 100,000 different texts and
1,000,000 numbers at most, fewer where there are many columns.

What the figures mean: blank fields are null and count nowhere else. `data_type` is the one type of all values
(integers and floats together are float, dates and datetimes datetime), else mixed. mean, median, std_dev (of the
population), min_value and max_value are of the values that are numbers; of a column without numbers, min_value and
max_value are the first and last text in code point order. Both stand there as they stand in the file.
"""

from __future__ import annotations

from math import dist, fsum, inf, isfinite, sqrt

from llmspell_tools.builtin.data.csv_sketches import Distinct, Median
from llmspell_tools.builtin.data.csv_values import kind_of, number_of, numbers_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.builtin.data.csv_reading import CsvSource
    from llmspell_tools.types import JsonObject, JsonValue

#: Values that a column keeps as samples, and problems that are listed, as the Rust original has them.
_SAMPLES = 5
_LISTED_PROBLEMS = 10
#: Longer texts are shortened where they are shown.
_SHOWN_CHARS = 1000
#: Bounds of one column, and of all columns together.
_MAX_DISTINCT, _ALL_DISTINCT = 100_000, 1_000_000
_MAX_NUMBERS, _ALL_NUMBERS = 1_000_000, 8_000_000
_MAX_CHARS, _ALL_CHARS = 8_000_000, 64_000_000


def analyze(source: CsvSource) -> JsonObject:
    """Read a CSV input to its end and describe it.

    Returns:
        ``{row_count, column_count, encoding, delimiter, has_headers, columns, file_size_bytes, parse_errors}``;
        rows that are no CSV are left out of the figures and listed in ``parse_errors``, the first ten of them.
    """
    columns = [Column(name, len(source.header)) for name in source.names]
    rows = 0
    errors: list[JsonValue] = []
    left_out = 0

    def note(line: int, message: str) -> None:
        nonlocal left_out
        if len(errors) < _LISTED_PROBLEMS:
            errors.append(f"line {line}: {message}")
        else:
            left_out += 1

    for batch in source.batches(note):
        rows += len(batch)
        for column, values in zip(columns, zip(*batch, strict=True), strict=True):
            column.add(values)
    if left_out:
        errors.append(f"... and {left_out} more")
    return {
        "row_count": rows,
        "column_count": len(columns),
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "has_headers": True,
        "columns": [column.as_json() for column in columns],
        "file_size_bytes": source.size_bytes,
        "parse_errors": errors,
    }


class Column:
    """What is known of a column so far.

    Args:
        name: Of the column.
        of: Number of columns that share the memory.
    """

    __slots__ = (
        "_distinct", "_first", "_highest", "_kinds", "_last", "_lowest", "_mean", "_median", "_numbers", "_samples",
        "_squares", "_total", "name", "nulls",
    )  # fmt: skip

    def __init__(self, name: str, of: int) -> None:
        self.name = name
        self.nulls = 0
        self._kinds: set[str] = set()
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
        found = numbers_in(values)
        if found is None and ("" in values or any(map(str.isspace, values))):
            present = [text for text in values if text and not text.isspace()]
            self.nulls += len(values) - len(present)
            if not present:
                return
            values = present
            found = numbers_in(values)
        if len(self._samples) < _SAMPLES:
            self._samples.extend(map(_shown, values[: _SAMPLES - len(self._samples)]))
        if found is None:
            self._add_mixed(values)
        else:
            self._distinct.add(values)
            self._kinds.add("integer" if found.are_whole else "float")
            self._add_numbers(found.values, values, found.low, found.high)

    def _add_mixed(self, values: Sequence[str]) -> None:
        fresh = self._distinct.unseen(values)
        if fresh:
            self._distinct.add(fresh)
            self._kinds.update(map(kind_of, fresh))
            first, last = min(fresh), max(fresh)
            self._first = first if self._first is None else min(first, self._first)
            self._last = last if self._last is None else max(last, self._last)
        if "integer" in self._kinds or "float" in self._kinds:
            pairs = [(float(number), text) for text in values if (number := number_of(text)) is not None]
            if pairs:
                numbers = [number for number, _ in pairs]
                self._add_numbers(numbers, [text for _, text in pairs], min(numbers), max(numbers))

    def _add_numbers(self, numbers: list[float], texts: Sequence[str], low: float, high: float) -> None:
        if low < self._lowest[0]:
            self._lowest = (low, texts[numbers.index(low)])
        if high > self._highest[0]:
            self._highest = (high, texts[numbers.index(high)])
        self._median.add(numbers)
        count = len(numbers)
        try:
            total = fsum(numbers)
        except OverflowError:  # numbers near 1e308: there is no mean to tell
            total = inf
        mean = total / count
        distance = dist(numbers, (mean,) * count)
        # Chan, Golub and LeVeque 1979: joins two groups without the cancellation of "squares minus squared mean".
        both = self._numbers + count
        away = mean - self._mean
        self._squares += distance * distance + away * away * self._numbers * count / both
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


def column_types(source: CsvSource) -> list[str]:
    """Read a CSV input to its end and return only each column's `data_type`; for exports that need it beforehand."""
    columns = [Column(name, len(source.header)) for name in source.names]

    for batch in source.batches():
        for column, values in zip(columns, zip(*batch, strict=True), strict=True):
            column.add(values)
    return [column.data_type for column in columns]
