"""Counting different values and finding the median in one pass and bounded memory.

Both are exact until their bound is reached and good estimates after it, and both say which. No randomness: the same
input gives the same answer.
"""

from __future__ import annotations

from array import array
from itertools import compress, repeat
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


#: Of a CRC's four bytes three are used: the lowest bits are the most regular ones for numbered names.
_CRC_BYTES = array("I").itemsize
#: Of a tuple's hash, three of the higher ones.
_HASH_BYTES = array("q").itemsize
_MOST_LEVELS = 24
#: What makes the hash of a tuple a good one: on whole numbers, cents, thousandths and times, no byte of it is further
#: off than chance has it.
_SALT = 0x13C6EF372FE94F82
#: By number of bits, which of the 256 bytes end in so many zeros.
_ENDS_IN_ZEROS = tuple(bytes(not byte & ((1 << bits) - 1) for byte in range(256)) for bits in range(9))
#: Up to so many numbers are sorted to find their median; of more, a sample of so many says where to look.
_SORTED_WHOLE, _SAMPLE = 10_000, 2_000
#: Where each halving of `Median` begins in its table, so that they differ.
FIRST_PLACE = 7_919


class Distinct:
    """How many different values there are, texts and numbers: exact up to `limit` values and `max_chars` characters.

    Beyond, adaptive sampling (Wegman; Flajolet 1990): only values whose hash ends in `level` zero bits are kept, and
    each stands for ``2 ** level`` values. The standard error is about ``1.2 / sqrt(limit)``, 0.4 % for 100,000.
    """

    __slots__ = ("_chars", "_level", "_numbers", "_texts", "limit", "max_chars")

    def __init__(self, limit: int, max_chars: int) -> None:
        self.limit = limit
        self.max_chars = max_chars
        self._texts: set[str] = set()
        self._numbers: set[float] = set()
        self._chars = 0
        self._level = 0

    def unseen(self, texts: set[str]) -> set[str]:
        """Return the texts of a batch that were never added, as far as that is known."""
        return texts - self._texts if self._level == 0 else texts

    def add(self, texts: Collection[str]) -> None:
        """Take a batch of texts, each once."""
        kept = texts if self._level == 0 else self._sampled(texts)
        before = len(self._texts)
        self._texts.update(kept)
        added = "".join(kept) if len(self._texts) > before else ""
        self._chars += len(added)
        if self._chars > self.max_chars:  # at most, since some were there before: count
            self._chars = sum(map(len, self._texts))
        self._shrink()

    def add_numbers(self, numbers: Collection[float]) -> None:
        """Take a batch of numbers."""
        self._numbers.update(numbers if self._level == 0 else self._sampled_numbers(numbers))
        self._shrink()

    def _shrink(self) -> None:
        while self._is_full() and self._level < _MOST_LEVELS:
            self._level += 1
            self._texts = set(self._sampled(self._texts))
            self._numbers = set(self._sampled_numbers(self._numbers))
            self._chars = sum(map(len, self._texts))

    def _is_full(self) -> bool:
        return len(self._texts) + len(self._numbers) > self.limit or self._chars > self.max_chars

    def _sampled(self, values: Collection[str]) -> list[str]:
        """Return the texts that this level keeps; a few C calls for all of them, none for each."""
        texts = list(values)
        for byte, bits in enumerate(_bits_by_byte(self._level), 1):
            try:
                encoded = list(map(str.encode, texts))
            except UnicodeEncodeError:
                encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
            hashes = array("I", map(crc32, encoded)).tobytes()
            texts = list(compress(texts, hashes[byte::_CRC_BYTES].translate(_ENDS_IN_ZEROS[bits])))
        return texts

    def _sampled_numbers(self, values: Collection[float]) -> list[float]:
        """Return the numbers that this level keeps, by a hash that is the same in every process."""
        numbers = list(values)
        for byte, bits in enumerate(_bits_by_byte(self._level), _HASH_BYTES // 2):
            hashes = array("q", map(hash, zip(numbers, repeat(_SALT), numbers, strict=False))).tobytes()
            numbers = list(compress(numbers, hashes[byte::_HASH_BYTES].translate(_ENDS_IN_ZEROS[bits])))
        return numbers

    @property
    def count(self) -> int:
        """How many different values there are, or an estimate."""
        return (len(self._texts) + len(self._numbers)) << self._level

    @property
    def is_exact(self) -> bool:
        """Whether `count` is no estimate."""
        return self._level == 0


def _bits_by_byte(level: int) -> list[int]:
    return [min(rest, 8) for rest in range(level, 0, -8)]


class Median:
    """The median of numbers: exact up to `capacity` numbers.

    Beyond, a random half of the numbers is kept, then half of these, and so on. What is kept depends on how many came
    before and a fixed table of random bits, so neither order nor batches matter and repeating data is no trap. The rank
    error is about ``0.7 / sqrt(capacity)``: 0.07 % for a million.
    """

    __slots__ = ("_kept", "_places", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: array[float] = array("d")
        #: For each time that half was kept, the place in the table of the next number that comes so far.
        self._places: list[int] = []

    def add(self, numbers: Sequence[float]) -> None:
        """Take a batch of numbers."""
        for level in range(len(self._places)):
            numbers = self._half(level, numbers)
        self._kept.fromlist(numbers if isinstance(numbers, list) else [*numbers])
        while len(self._kept) > self.capacity:
            self._places.append(FIRST_PLACE * len(self._places))
            self._kept = array("d", self._half(len(self._places) - 1, self._kept))

    def _half(self, level: int, numbers: Sequence[float]) -> list[float]:
        bits = random_bits()
        start = self._places[level]
        end = start + len(numbers)
        self._places[level] = end % len(bits)
        return list(compress(numbers, (bits * (end // len(bits) + 1))[start:end]))

    @property
    def is_exact(self) -> bool:
        """Whether `value` is no estimate."""
        return not self._places

    def value(self) -> float | None:
        """Return the median, the mean of the two middle numbers of an even count; None of no numbers."""
        return _median(self._kept)


_bits: list[bytes] = []


def random_bits() -> bytes:
    """Return the table: a prime number of bytes that are 0 or 1, the same in every process."""
    if not _bits:
        from hashlib import shake_128

        _bits.append(shake_128(b"csv-analyzer").digest(65_537).translate(b"\0\1" * 128))
    return _bits[0]


def _median(numbers: array[float]) -> float | None:
    """Return the exact median, without sorting all of many numbers: it lies between two quantiles of a sample.

    Where it does not (the numbers are in an order that makes the sample a bad one), everything is sorted.
    """
    count = len(numbers)
    if not count:
        return None
    upper = count // 2
    lower = upper - 1 + count % 2
    near: Sequence[float] = numbers
    below = 0
    if count > _SORTED_WHOLE:
        sample = sorted(numbers[:: count // _SAMPLE])
        low, high = sample[len(sample) * 9 // 20], sample[len(sample) * 11 // 20]
        below = sum(map(low.__gt__, numbers))
        near = [number for number in numbers if low <= number <= high]
        if not below <= lower <= upper < below + len(near):
            near, below = numbers, 0
    ordered = sorted(near)
    first, second = ordered[lower - below], ordered[upper - below]
    return first if first == second else first / 2 + second / 2
