"""Counting different values and finding the median in one pass and bounded memory.

Both are exact until their bound is reached and good estimates after it, and both say which. No randomness: the same
input gives the same answer.
"""

from __future__ import annotations

from array import array
from itertools import compress
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


#: Of a CRC's four bytes three are used: the lowest bits are the most regular ones for numbered names.
_HASH_BYTES = array("I").itemsize
_MOST_LEVELS = 24
#: By number of bits, which of the 256 bytes end in so many zeros.
_ENDS_IN_ZEROS = tuple(bytes(not byte & ((1 << bits) - 1) for byte in range(256)) for bits in range(9))
#: Up to so many numbers are sorted to find their median; of more, a sample of so many says where to look.
_SORTED_WHOLE, _SAMPLE = 10_000, 2_000


class Distinct:
    """How many different texts there are: exact up to `limit` texts and `max_chars` characters of them.

    Beyond, adaptive sampling (Wegman; Flajolet 1990): only texts whose hash ends in `level` zero bits are kept, and
    each stands for ``2 ** level`` texts. The standard error is about ``1.2 / sqrt(limit)``, 0.4 % for 100,000.
    """

    __slots__ = ("_chars", "_level", "_limit", "_max_chars", "_seen")

    def __init__(self, limit: int, max_chars: int) -> None:
        self._limit = limit
        self._max_chars = max_chars
        self._seen: set[str] = set()
        self._chars = 0
        self._level = 0

    def unseen(self, batch: Sequence[str]) -> Collection[str]:
        """Return the texts of a batch that were never added, as far as that is known."""
        return set(batch) - self._seen if self._level == 0 else batch

    def add(self, batch: Collection[str]) -> None:
        """Take a batch of texts."""
        kept = batch if self._level == 0 else self._sampled(batch)
        self._seen.update(kept)
        self._chars += len("".join(kept))
        if self._chars > self._max_chars:  # at most, since some were there before: count
            self._chars = sum(map(len, self._seen))
        while (len(self._seen) > self._limit or self._chars > self._max_chars) and self._level < _MOST_LEVELS:
            self._level += 1
            self._seen = set(self._sampled(self._seen))
            self._chars = sum(map(len, self._seen))

    def _sampled(self, values: Collection[str]) -> list[str]:
        """Return the texts that this level keeps; a few C calls for all of them, none for each."""
        texts = list(values)
        for byte, level in enumerate(range(self._level, 0, -8), 1):
            try:
                encoded = list(map(str.encode, texts))
            except UnicodeEncodeError:
                encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
            hashes = array("I", map(crc32, encoded)).tobytes()
            texts = list(compress(texts, hashes[byte::_HASH_BYTES].translate(_ENDS_IN_ZEROS[min(level, 8)])))
        return texts

    @property
    def count(self) -> int:
        """How many different texts there are, or an estimate."""
        return len(self._seen) << self._level

    @property
    def is_exact(self) -> bool:
        """Whether `count` is no estimate."""
        return self._level == 0


class Median:
    """The median of numbers: exact up to `capacity` numbers.

    Beyond, a full buffer is sorted and every other number moves to the next buffer, where it counts for two
    (Manku, Rajagopalan and Lindsay 1998; Karnin, Lang and Liberty 2016). It is thinned by rank, never by position, so
    repeating data is no trap. The rank error is at most about ``log2(n / capacity) / capacity``.
    """

    __slots__ = ("_buffers", "_capacity", "_odd")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._buffers: list[array[float]] = [array("d")]
        self._odd = False

    def add(self, numbers: Sequence[float]) -> None:
        """Take a batch of numbers."""
        self._buffers[0].extend(numbers)
        level = 0
        while level < len(self._buffers) and len(self._buffers[level]) > self._capacity:
            self._thin(level)
            level += 1

    def _thin(self, level: int) -> None:
        ordered = sorted(self._buffers[level])
        kept = [ordered.pop()] if len(ordered) % 2 else []
        if level + 1 == len(self._buffers):
            self._buffers.append(array("d"))
        self._buffers[level + 1].extend(ordered[self._odd :: 2])
        self._odd = not self._odd
        self._buffers[level] = array("d", kept)

    @property
    def is_exact(self) -> bool:
        """Whether `value` is no estimate."""
        return len(self._buffers) == 1

    def value(self) -> float | None:
        """Return the median, the mean of the two middle numbers of an even count; None of no numbers."""
        if self.is_exact:
            return _median(self._buffers[0])
        weighted = sorted((number, 1 << level) for level, buffer in enumerate(self._buffers) for number in buffer)
        half = sum(weight for _, weight in weighted) / 2
        passed = 0
        for number, weight in weighted:
            passed += weight
            if passed >= half:
                return number
        return None


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
    return first if lower == upper else first / 2 + second / 2
