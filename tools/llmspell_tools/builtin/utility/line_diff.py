"""Which lines of two texts are the same: an edit script in time that no input can make long.

The whole is split at the lines that occur once on both sides, in their longest common order, as patience diff does,
where such lines are many. What is small between them is solved exactly, by the longest common subsequence with a row of
bits a line (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004), where Python's integers are the rows. In
what is large, the nearest place is looked for where both texts go on alike (Myers, "An O(ND) difference algorithm",
1986, up to a few differences); where there is none, it is split at what few single lines it has. A very large stretch
without any (10^5 lines of `}`) is cut in proportion: the script is then right but perhaps not the shortest. Pure: knows
no file and no format.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    #: Old lines [i1, i2) are replaced by new lines [j1, j2), 0-based; one side may be empty.
    Edit: TypeAlias = tuple[int, int, int, int]
    #: Old lines from the first index on equal new ones from the second on, as many as the third says.
    _Run: TypeAlias = tuple[int, int, int]
    _Pairs: TypeAlias = list[tuple[int, int]]
    #: Places in the old text, and those in the new one that they belong to.
    _Places: TypeAlias = tuple[list[int], list[int]]

#: In the place of a line that the old text has not.
_UNKNOWN = -1
#: Above this many pairs of lines a stretch is large.
_LARGE = 62_500
#: How many differences to look past, and how many equal lines are enough to go on from.
_NEAR = 24
_ALIKE = 5
#: Lines that occur once are few when they are less than one in so many of the new text's.
_FEW = 4
#: Above this many, an exact answer would take too much memory (a bit each) and time.
_EXACT = 100_000_000


def edits(old: Sequence[str], new: Sequence[str], check: Callable[[], None]) -> list[Edit]:
    """Return what must be replaced to make `new` of `old`, in order, none touching the next.

    Args:
        old: Lines.
        new: Lines.
        check: Called now and then; what it raises ends the work.
    """
    start = _equal_start(old, new, 0, len(old), 0, len(new))
    end = _equal_end(old, new, start, len(old), start, len(new))
    a, b = _numbered(old[start : len(old) - end], new[start : len(new) - end])
    found: list[Edit] = []
    at_old = at_new = start
    runs = [(start + i, start + j, count) for i, j, count in _Solver(a, b, check).runs()]
    for i, j, count in [*runs, (len(old) - end, len(new) - end, 0)]:
        if i != at_old or j != at_new:
            found.append((at_old, i, at_new, j))
        at_old, at_new = i + count, j + count
    return found


class _Solver:
    """The runs of equal lines of two texts."""

    __slots__ = ("_a", "_b", "_check", "_new", "_runs")

    def __init__(self, a: list[int], b: list[int], check: Callable[[], None]) -> None:
        self._a = a
        self._b = b
        self._check = check
        self._runs: list[_Run] = []
        self._new = {*b}

    def runs(self) -> list[_Run]:
        """Return runs in their order; both indexes rise."""
        waiting = self._first()
        while waiting:
            self._check()
            waiting.extend(self._step(*waiting.pop()))
        self._runs.sort()
        return self._runs

    def _step(self, i1: int, i2: int, j1: int, j2: int) -> list[Edit]:
        """Solve a stretch, or return the smaller ones that it falls into."""
        a, b = self._a, self._b
        count = _equal_start(a, b, i1, i2, j1, j2)
        if count:
            self._runs.append((i1, j1, count))
            i1, j1 = i1 + count, j1 + count
        count = _equal_end(a, b, i1, i2, j1, j2)
        if count:
            i2, j2 = i2 - count, j2 - count
            self._runs.append((i2, j2, count))
        area = (i2 - i1) * (j2 - j1)
        if not area:
            return []
        if area > _LARGE:
            stretches = self._split(i1, i2, j1, j2)
            if stretches is not None:
                return stretches
        if area > _EXACT:
            i, j = (i1 + i2) // 2, (j1 + j2) // 2
            return [(i1, i, j1, j), (i, i2, j, j2)]
        self._runs.extend((i1 + i, j1 + j, 1) for i, j in _longest(a[i1:i2], b[j1:j2], self._check))
        return []

    def _first(self) -> list[Edit]:
        """Return what the whole text falls into."""
        a, b = self._a, self._b
        whole = (0, len(a), 0, len(b))
        if len(a) * len(b) > _LARGE:
            olds, news = _single(a, b)
            if len(olds) * _FEW > len(self._new):
                return self._between(*_in_order(olds, news), whole)
        return [whole]

    def _split(self, i1: int, i2: int, j1: int, j2: int) -> list[Edit] | None:
        """Return the stretches that a large one falls into; None where nothing says how to split it."""
        a, b = self._a, self._b
        place = _near(a, b, i1, i2, j1, j2)
        if place is not None:
            return [(i1, place[0], j1, place[1]), (place[0], i2, place[1], j2)]
        olds, news = _in_order(*_single(*_numbered(a[i1:i2], b[j1:j2])))
        if not olds:
            return None
        return self._between([i1 + i for i in olds], [j1 + j for j in news], (i1, i2, j1, j2))

    def _between(self, olds: list[int], news: list[int], within: Edit) -> list[Edit]:
        """Note the runs at pairs of equal lines inside a stretch; return what may have more of them between."""
        a, b, new = self._a, self._b, self._new
        first_i, end_i, first_j, end_j = within
        stretches: list[Edit] = []
        befores_i, befores_j = [first_i - 1, *olds], [first_j - 1, *news]
        olds.append(end_i)
        news.append(end_j)
        for before_i, i, before_j, j in zip(befores_i, olds, befores_j, news):  # noqa: B905  # hot
            at_i, at_j = before_i + 1, before_j + 1
            if at_i == i and at_j == j:
                continue
            between = a[at_i:i]
            if between == b[at_j:j]:
                continue
            if at_i > first_i:
                self._runs.append((first_i, first_j, at_i - first_i))
            if at_j < j and not new.isdisjoint(between):
                if at_i + 1 < i and at_j + 1 < j:
                    stretches.append((at_i, i, at_j, j))
                else:
                    self._match_one(between, at_i, b[at_j:j], at_j)
            first_i, first_j = i, j
        if first_i < end_i:
            self._runs.append((first_i, first_j, end_i - first_i))
        return stretches

    def _match_one(self, olds: list[int], i: int, news: list[int], j: int) -> None:
        """Note the one equal line, if there is one, of two stretches of which at least one is a single line."""
        line = olds[0] if len(olds) == 1 else news[0]
        if line in olds and line in news:
            self._runs.append((i + olds.index(line), j + news.index(line), 1))


def _equal_start(a: Sequence[object], b: Sequence[object], i1: int, i2: int, j1: int, j2: int) -> int:
    """Return how many lines are equal from the start on, comparing slices that grow and then shrink."""
    most = min(i2 - i1, j2 - j1)
    if not most or a[i1] != b[j1]:
        return 0
    count = 0
    step = 1
    while step:
        end = min(count + step, most)
        if end > count and a[i1 + count : i1 + end] == b[j1 + count : j1 + end]:
            count = end
            step *= 2
        else:
            step = min(step // 2, most - count)
    return count


def _equal_end(a: Sequence[object], b: Sequence[object], i1: int, i2: int, j1: int, j2: int) -> int:
    most = min(i2 - i1, j2 - j1)
    if not most or a[i2 - 1] != b[j2 - 1]:
        return 0
    count = 0
    step = 1
    while step:
        end = min(count + step, most)
        if end > count and a[i2 - end : i2 - count] == b[j2 - end : j2 - count]:
            count = end
            step *= 2
        else:
            step = min(step // 2, most - count)
    return count


def _near(a: list[int], b: list[int], i1: int, i2: int, j1: int, j2: int) -> tuple[int, int] | None:
    """Return the nearest place, by differences before it, from which `_ALIKE` lines are equal; None if it is far."""
    reached = {1: 0}  # by diagonal (old minus new lines), the old lines passed with so many differences
    for differences in range(_NEAR + 1):
        for diagonal in range(-differences, differences + 1, 2):
            down, right = reached.get(diagonal + 1, -1), reached.get(diagonal - 1, -2) + 1
            start = at = max(down, right)
            i, j = i1 + at, j1 + at - diagonal
            while i < i2 and j < j2 and a[i] == b[j]:
                i, j = i + 1, j + 1
                if i - i1 - start == _ALIKE:
                    return i - _ALIKE, j - _ALIKE
            reached[diagonal] = i - i1
    return None


def _numbered(old: Sequence[object], new: Sequence[object]) -> _Places:
    """Return a number for each line: its last place in the old text, which compares and hashes faster than a line."""
    from itertools import repeat

    number = dict(zip(old, range(len(old))))  # noqa: B905  # hot
    return [*map(number.__getitem__, old)], [*map(number.get, new, repeat(_UNKNOWN))]


def _single(a: list[int], b: list[int]) -> _Places:
    """Return the places of lines that occur once on both sides, those in `b` rising; lines are as `_numbered` says."""
    from collections import Counter
    from itertools import compress
    from operator import ne

    several = {line for line, count in Counter(b).items() if count > 1}
    several.update(compress(a, map(ne, a, range(len(a)))))
    several.add(_UNKNOWN)
    news = [at for at, line in enumerate(b) if line not in several]
    return [b[at] for at in news], news


def _in_order(olds: list[int], news: list[int]) -> _Places:
    """Return a longest part of the pairs whose first places rise, too (patience sorting)."""
    from bisect import bisect_left

    if olds == sorted(olds):
        return olds, news
    tops: list[int] = []
    at_top: list[int] = []
    before: list[int] = []
    for at, i in enumerate(olds):
        if not tops or i > tops[-1]:
            before.append(at_top[-1] if at_top else -1)
            tops.append(i)
            at_top.append(at)
            continue
        pile = bisect_left(tops, i)
        before.append(at_top[pile - 1] if pile else -1)
        tops[pile], at_top[pile] = i, at
    found: list[int] = []
    at = at_top[-1] if at_top else -1
    while at >= 0:
        found.append(at)
        at = before[at]
    found.reverse()
    return [olds[at] for at in found], [news[at] for at in found]


def _longest(a: list[int], b: list[int], check: Callable[[], None]) -> _Pairs:
    """Return a longest common subsequence as pairs, last first.

    Bit i of row j is 0 where the answer for a[:i + 1] and b[:j] is longer than that for a[:i] and b[:j]; lines that
    the other side has not are left out before.
    """
    here, there = set(a), set(b)
    left = [at for at, line in enumerate(a) if line in there]
    right = [at for at, line in enumerate(b) if line in here]
    masks: dict[int, int] = {}
    for place, at in enumerate(left):
        masks[a[at]] = masks.get(a[at], 0) | 1 << place
    full = (1 << len(left)) - 1
    row = full
    rows = [row]
    for place, at in enumerate(right):
        if not place & 255:
            check()
        same = row & masks[b[at]]
        row = ((row + same) | (row - same)) & full
        rows.append(row)
    pairs: _Pairs = []
    i, j = len(left), len(right)
    while i and j:
        if rows[j] >> (i - 1) & 1:
            i -= 1
        elif not rows[j - 1] >> (i - 1) & 1:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((left[i], right[j]))
    return pairs
