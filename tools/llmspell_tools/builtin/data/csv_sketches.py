"""Counting different values and finding the median in one pass and bounded memory.

Both are exact until their bound is reached and good estimates after it, and both say which. No randomness: the same
input gives the same answer.
"""

from __future__ import annotations

from array import array
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


#: The lowest bits of a CRC are the most regular ones for numbered names.
_HASH_SHIFT = 8


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

    def add(self, batch: set[str]) -> set[str]:
        """Take the different texts of a batch; return those that were never seen before, as far as that is known."""
        if self._level == 0:
            fresh = batch - self._seen
            self._seen |= fresh
        else:
            fresh = batch
            self._seen.update(self._sampled(batch))
        self._chars += sum(map(len, fresh))
        while len(self._seen) > self._limit or (self._chars > self._max_chars and self._seen):
            self._level += 1
            self._seen = self._sampled(self._seen)
            self._chars = sum(map(len, self._seen))
        return fresh

    def _sampled(self, values: set[str]) -> set[str]:
        mask = ((1 << self._level) - 1) << _HASH_SHIFT
        texts = list(values)
        try:
            hashes = map(crc32, list(map(str.encode, texts)))
        except UnicodeEncodeError:
            hashes = map(crc32, [text.encode("utf-8", "surrogatepass") for text in texts])
        return {text for text, number in zip(texts, hashes, strict=True) if not number & mask}

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
            ordered = sorted(self._buffers[0])
            if not ordered:
                return None
            middle = len(ordered) // 2
            return ordered[middle] if len(ordered) % 2 else ordered[middle - 1] / 2 + ordered[middle] / 2
        weighted = sorted((number, 1 << level) for level, buffer in enumerate(self._buffers) for number in buffer)
        half = sum(weight for _, weight in weighted) / 2
        passed = 0
        for number, weight in weighted:
            passed += weight
            if passed >= half:
                return number
        return None
