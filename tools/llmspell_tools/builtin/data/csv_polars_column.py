"""A column's statistics by polars; the same figures as `csv_column.Column`, which see."""

from __future__ import annotations

from math import isfinite

from llmspell_tools.builtin.data.csv_column import SAMPLES, Column
from llmspell_tools.builtin.data.csv_sketches import FIRST_PLACE, random_bits
from llmspell_tools.builtin.data.csv_values import kinds_of, number_of

TYPE_CHECKING = False
if not TYPE_CHECKING:
    try:
        import polars as pl
    except ImportError:  # scripts/manifest looks into every module; nobody else imports this one without it
        pl = None
if TYPE_CHECKING:
    from typing import Any

    import polars as pl  # noqa: TC004 - at run time it is imported above

#: As `number_of` has it, but for whole numbers of more than 18 digits and infinity.
_NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_TOO_LONG = r"^[+-]?[0-9]{19,}$"
_BROKEN = r"[.eE]"
#: What `str.isspace` takes for space; Rust's `\s` leaves out the last four.
_SPACE = r"[\s\x1c-\x1f]"
_SPECIAL = rf"^(?:{_SPACE}|[0-9+\-.]|[^\x00-\x7f]|(?i:true|false|yes|no|y|n){_SPACE}*$)"
_DATE_TIME = (
    r"^[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9](?:\.(?:[0-9]{3}|[0-9]{6}))?)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?$"
)
#: Fewer texts than this are looked at in Python: an expression costs as much to set up.
_FEW = 500
_TOO_LARGE = 1e18
#: Different numbers that may wait to be counted, by the number that is counted exactly.
_WAITING_SHARE = 8
_NO_NUMBERS = frozenset(("boolean", "date", "datetime", "string"))


class PolarsColumn(Column):
    """See `Column`; takes series of texts."""

    __slots__ = ()

    def __init__(self, name: str, of: int) -> None:
        super().__init__(name, of)
        self._distinct: Any = _Distinct(self._distinct.limit, self._distinct.max_chars)
        self._median: Any = _Median(self._median.capacity)

    def add_series(self, texts: pl.Series) -> None:
        """Take a batch of fields; null or blank is null."""
        present = texts.drop_nulls()
        if len(present) and (present == "").any():
            present = present.filter(present != "")
        self.nulls += len(texts) - len(present)
        if not len(present):
            return
        numbers = self._all_numbers(present)
        fresh = present
        if numbers is None:
            fresh = self._distinct.unseen(present)
            blank = _blanks(fresh)  # is never noted as seen
            if len(blank):
                found = len(present)
                present = present.filter(~present.is_in(blank.implode()))
                self.nulls += found - len(present)
                if not len(present):
                    return
                fresh = fresh.filter(~fresh.is_in(blank.implode()))
                numbers = self._all_numbers(present)
        if len(self._samples) < SAMPLES:
            self._take_samples(present.head(SAMPLES).to_list())
        if numbers is not None:
            self._distinct.add_numbers(numbers)
            self._add_number_series(numbers, present)
        else:
            self._add_mixed_series(present, fresh)

    def settle(self) -> None:
        """Count what waits to be counted, and find the median; `as_json` is quick then."""
        self._distinct.merge()
        self._median.value()

    def _all_numbers(self, texts: pl.Series) -> pl.Series | None:
        """Return the numbers of texts that are all plain numbers, without spaces; notes their kind.

        polars takes no spaces and no underscores, but 007 and nan; that is cheaper to look for than a number is.
        """
        if number_of(str(texts[0])) is None:
            return None
        if self._were_whole:
            whole = texts.cast(pl.Int64, strict=False)
            if not whole.null_count() and _are_plain(texts) and _is_below(whole, 10**18):
                self._kinds.add("integer")
                return whole
        numbers = texts.cast(pl.Float64, strict=False)
        if numbers.null_count() or not numbers.is_finite().all() or not _are_plain(texts):
            return None
        if not _is_below(numbers, _TOO_LARGE) and texts.str.contains(_TOO_LONG).any():
            return None
        self._were_whole = "float" not in self._kinds and not texts.str.contains(_BROKEN).any()
        self._kinds.add("integer" if self._were_whole else "float")
        return numbers

    def _add_mixed_series(self, texts: pl.Series, fresh: pl.Series) -> None:
        """Take texts that are not all numbers, and not blank; `fresh` are those never seen, each once."""
        self._were_whole = False
        if not self._kinds <= _NO_NUMBERS or (len(fresh) and _numbers_among(fresh) is not None):
            numbers = _numbers_among(texts.unique())
            if numbers is not None:
                self._add_numbers_among(texts, *numbers)
                fresh = fresh.filter(~fresh.is_in(numbers[0].implode()))
        if not len(fresh):
            return
        self._add_kinds(fresh)
        self._distinct.add(fresh)
        first, last = str(fresh.min()), str(fresh.max())
        self._first = first if self._first is None else min(first, self._first)
        self._last = last if self._last is None else max(last, self._last)

    def _add_numbers_among(self, texts: pl.Series, keys: pl.Series, values: pl.Series) -> None:
        """Take the numbers of a batch that has other texts, too; each key's value is known."""
        broken = keys.str.contains(_BROKEN)
        if not broken.all():
            self._kinds.add("integer")
        if broken.any():
            self._kinds.add("float")
        found = texts.to_frame("key").join(
            pl.DataFrame({"key": keys, "value": values}), on="key", how="inner", maintain_order="left"
        )
        self._distinct.add_numbers(values)
        self._add_number_series(found["value"], found["key"])

    def _add_kinds(self, texts: pl.Series) -> None:
        """Note the kinds of texts that are no numbers."""
        if len(texts) <= _FEW:
            self._kinds |= kinds_of(texts.to_list())
            return
        is_special = texts.str.contains(_SPECIAL)
        if not is_special.all():
            self._kinds.add("string")
        special = texts.filter(is_special)
        if not len(special):
            return
        is_time = special.str.contains(_DATE_TIME)
        times = special.filter(is_time)
        days = times.str.head(10).unique().to_list()
        if times.len() and kinds_of(days) == {"date"}:
            self._kinds.add("datetime")
            special = special.filter(~is_time)
        self._kinds |= kinds_of(special.to_list())

    def _add_number_series(self, numbers: pl.Series, texts: pl.Series) -> None:
        numbers = numbers.cast(pl.Float64)
        low: Any = numbers.arg_min()
        high: Any = numbers.arg_max()
        if numbers[low] < self._lowest[0]:
            self._lowest = (numbers[low], texts[low])
        if numbers[high] > self._highest[0]:
            self._highest = (numbers[high], texts[high])
        self._median.add(numbers)
        total = float(numbers.sum())
        spread: Any = numbers.var(ddof=0)
        if not isfinite(total) or not isfinite(spread):
            self._add_figures(numbers.to_list())
        else:
            self._join_figures(len(numbers), total, float(spread) * len(numbers))


def _blanks(unique: pl.Series) -> pl.Series:
    """Return those of some different texts that are only spaces."""
    if len(unique) <= _FEW:
        return pl.Series("", [text for text in unique.to_list() if text.isspace()], dtype=pl.String)
    return unique.filter(unique.str.contains(rf"^{_SPACE}+$"))


def _is_below(numbers: pl.Series, limit: float) -> bool:
    least: Any = numbers.min()
    most: Any = numbers.max()
    return bool(-limit < least and most < limit)


def _are_plain(texts: pl.Series) -> bool:
    """Tell whether texts that polars takes for numbers are some here, too; only those that begin oddly may not be."""
    first = str(texts.min())  # "+" < "-" < "." < "0" < "1"
    if first >= "1":
        return True
    if first >= "0":
        return bool(texts.filter(texts < "1").str.contains(_NUMBER).all())
    for start in ("+", "0", "-0"):
        begins = texts.str.starts_with(start)
        if begins.any() and not texts.filter(begins).str.contains(_NUMBER).all():
            return False
    return True


def _as_floats(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count():  # a spelling that polars does not know
        return pl.Series(texts.name, [float(text) for text in texts.to_list()], dtype=pl.Float64)
    return numbers


def _numbers_among(texts: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Return which of some different texts are numbers, and their values; None if none is."""
    if len(texts) <= _FEW and not any(number_of(text) is not None for text in texts.to_list()):
        return None
    plain = texts.filter(texts.str.contains(_NUMBER) & ~texts.str.contains(_TOO_LONG))
    spaced = texts.filter(texts.str.contains(rf"^{_SPACE}|{_SPACE}$"))
    values = _as_floats(plain)
    plain, values = plain.filter(values.is_finite()), values.filter(values.is_finite())
    odd = [(text, float(number)) for text in spaced.to_list() if (number := number_of(text)) is not None]
    if odd:
        plain = pl.concat([plain, pl.Series(plain.name, [text for text, _ in odd])])
        values = pl.concat([values, pl.Series(values.name, [value for _, value in odd], dtype=pl.Float64)])
    return (plain, values) if len(plain) else None


class _Distinct:
    """How many different values there are; see `csv_sketches.Distinct`."""

    __slots__ = ("_level", "_numbers", "_texts", "_waiting", "limit", "max_chars")

    def __init__(self, limit: int, max_chars: int) -> None:
        self.limit = limit
        self.max_chars = max_chars
        self._texts = pl.Series("", [], dtype=pl.String)
        self._numbers = pl.Series("", [], dtype=pl.Int64)
        #: Batches of different numbers that are not among the others yet.
        self._waiting: list[pl.Series] = []
        self._level = 0

    def unseen(self, texts: pl.Series) -> pl.Series:
        """Return those of some texts that were never added, as far as that is known, each once."""
        if self._level or not len(self._texts):
            return texts.unique()
        if len(self._texts) <= _FEW:  # of few, most are found again and again
            texts = texts.unique()
            return texts.filter(~texts.is_in(self._texts.implode()))
        return texts.filter(~texts.is_in(self._texts.implode())).unique()

    def add(self, texts: pl.Series) -> None:
        """Take texts that `unseen` gave."""
        self._texts = pl.concat([self._texts, self._sampled(texts).alias("")])
        if self._level:
            self._texts = self._texts.unique()
        self._shrink()

    def add_numbers(self, numbers: pl.Series) -> None:
        """Take numbers, whole ones or floats."""
        self._waiting.append(self._sampled(numbers).unique().alias(""))
        if sum(map(len, self._waiting)) > _WAITING_SHARE * self.limit:
            self.merge()

    def merge(self) -> None:
        """Count what waits to be counted."""
        if self._waiting:
            kinds = {batch.dtype for batch in (self._numbers, *self._waiting)}
            common = pl.Int64 if kinds == {pl.Int64} else pl.Float64
            batches = [batch.cast(common) for batch in (self._numbers, *self._waiting) if len(batch)]
            self._waiting = []
            self._numbers = pl.concat(batches).unique() if batches else self._numbers
        self._shrink()

    def _shrink(self) -> None:
        while self._is_full() and self._level < 24:
            self._level += 1
            self._texts, self._numbers = self._sampled(self._texts), self._sampled(self._numbers)

    def _is_full(self) -> bool:
        if len(self._texts) + len(self._numbers) > self.limit:
            return True
        return len(self._texts) > 0 and int(self._texts.str.len_chars().sum()) > self.max_chars

    def _sampled(self, values: pl.Series) -> pl.Series:
        if not self._level or not len(values):
            return values
        hashed = values.cast(pl.Float64) if values.dtype == pl.Int64 else values
        return values.filter(hashed.hash(0) % (1 << self._level) == 0)

    @property
    def count(self) -> int:
        """How many different values there are, or an estimate."""
        self.merge()
        return (len(self._texts) + len(self._numbers)) << self._level

    @property
    def is_exact(self) -> bool:
        """Whether `count` is no estimate."""
        self.merge()
        return self._level == 0


class _Median:
    """The median of numbers; see `csv_sketches.Median`, which keeps the same ones."""

    __slots__ = ("_found", "_kept", "_places", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept = pl.Series("", [], dtype=pl.Float64)
        #: What `value` found, until more numbers come.
        self._found: float | None = None
        self._places: list[int] = []

    def add(self, numbers: pl.Series) -> None:
        """Take a batch of numbers."""
        self._found = None
        for level in range(len(self._places)):
            numbers = self._half(level, numbers)
        self._kept = pl.concat([self._kept, numbers.alias("")], rechunk=False)
        while len(self._kept) > self.capacity:
            self._places.append(FIRST_PLACE * len(self._places))
            self._kept = self._half(len(self._places) - 1, self._kept)

    def _half(self, level: int, numbers: pl.Series) -> pl.Series:
        bits = _bits()
        start = self._places[level]
        end = start + len(numbers)
        self._places[level] = end % len(bits)
        return numbers.filter(pl.concat([bits] * (end // len(bits) + 1)).slice(start, len(numbers)))

    @property
    def is_exact(self) -> bool:
        """Whether `value` is no estimate."""
        return not self._places

    def value(self) -> float | None:
        """Return the median, the mean of the two middle numbers of an even count; None of no numbers."""
        if self._found is None and len(self._kept):
            first: Any = self._kept.quantile(0.5, "lower")
            second: Any = first
            if 2 * int((self._kept <= first).sum()) == len(self._kept):
                second = self._kept.filter(self._kept > first).min()
            self._found = float(first if first == second else first / 2 + second / 2)
        return self._found


_tables: list[pl.Series] = []


def _bits() -> pl.Series:
    if not _tables:
        _tables.append(pl.Series("", list(random_bits()), dtype=pl.UInt8).cast(pl.Boolean))
    return _tables[0]
