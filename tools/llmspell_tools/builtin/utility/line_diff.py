"""Which lines of two texts are the same: an edit script in time that no input can make long.

A small stretch is solved exactly, by the longest common subsequence with a row of bits a line (Hyyrö, "Bit-parallel
LCS-length computation revisited", 2004), where Python's integers are the rows. In a large one the nearest place is
looked for where both texts go on alike (Myers, "An O(ND) difference algorithm", 1986, up to a few differences); where
there is none, it is split at lines that occur once on both sides, in their longest common order, as patience diff does.
A large stretch without a line of its own (10^5 lines of `}`) is cut in proportion: the script is then right but perhaps
not the shortest. Pure: knows no file and no format.
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

#: Above this many pairs of lines a stretch is large.
_LARGE = 62_500
#: How many differences to look past, and how many equal lines are enough to go on from.
_NEAR = 24
_ALIKE = 5
#: Above this many, an exact answer would take too much memory (a bit each) and time.
_EXACT = 100_000_000


def edits(old: Sequence[str], new: Sequence[str], check: Callable[[], None]) -> list[Edit]:
    """Return what must be replaced to make `new` of `old`, in order, none touching the next.

    Args:
        old: Lines.
        new: Lines.
        check: Called now and then; what it raises ends the work.
    """
    solver = _Solver([*old], [*new], check)
    found: list[Edit] = []
    at_old = at_new = 0
    for i, j, count in [*solver.runs(), (len(old), len(new), 0)]:
        if i != at_old or j != at_new:
            found.append((at_old, i, at_new, j))
        at_old, at_new = i + count, j + count
    return found


class _Solver:
    """The runs of equal lines of two texts."""

    __slots__ = ("_a", "_b", "_check", "_runs")

    def __init__(self, a: list[str], b: list[str], check: Callable[[], None]) -> None:
        self._a = a
        self._b = b
        self._check = check
        self._runs: list[_Run] = []

    def runs(self) -> list[_Run]:
        """Return runs in their order; both indexes rise."""
        waiting = [(0, len(self._a), 0, len(self._b))]
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
            place = _near(a, b, i1, i2, j1, j2)
            if place is not None:
                return [(i1, place[0], j1, place[1]), (place[0], i2, place[1], j2)]
            anchors = _in_order(_single(a[i1:i2], b[j1:j2]))
            if anchors:
                return self._between([(i1 + i, j1 + j) for i, j in anchors], i1, i2, j1, j2)
        if area > _EXACT:
            i, j = (i1 + i2) // 2, (j1 + j2) // 2
            return [(i1, i, j1, j), (i, i2, j, j2)]
        self._runs.extend((i1 + i, j1 + j, 1) for i, j in _longest(a[i1:i2], b[j1:j2], self._check))
        return []

    def _between(self, anchors: _Pairs, i1: int, i2: int, j1: int, j2: int) -> list[Edit]:
        """Note runs at anchors; return the stretches before, between and after them."""
        a, b = self._a, self._b
        stretches: list[Edit] = []
        first_i, first_j = at_i, at_j = i1, j1  # where the run that is being read began, and its end so far
        for i, j in [*anchors, (i2, j2)]:
            if i - at_i != j - at_j or a[at_i:i] != b[at_j:j]:
                if at_i > first_i:
                    self._runs.append((first_i, first_j, at_i - first_i))
                stretches.append((at_i, i, at_j, j))
                first_i, first_j = i, j
            at_i, at_j = i + 1, j + 1
        if first_i < i2:
            self._runs.append((first_i, first_j, i2 - first_i))
        return stretches


def _equal_start(a: list[str], b: list[str], i1: int, i2: int, j1: int, j2: int) -> int:
    """Return how many lines are equal from the start on, comparing slices that grow and then shrink."""
    most = min(i2 - i1, j2 - j1)
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


def _equal_end(a: list[str], b: list[str], i1: int, i2: int, j1: int, j2: int) -> int:
    most = min(i2 - i1, j2 - j1)
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


def _near(a: list[str], b: list[str], i1: int, i2: int, j1: int, j2: int) -> tuple[int, int] | None:
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


def _single(a: list[str], b: list[str]) -> _Pairs:
    """Return the places of lines that occur once on both sides, by the first index."""
    from collections import Counter

    counts, others = Counter(a), Counter(b)
    right = {line: at for at, line in enumerate(b)}
    once = {line for line, count in counts.items() if count == 1 and others.get(line) == 1}
    return [(at, right[line]) for at, line in enumerate(a) if line in once]


def _in_order(pairs: _Pairs) -> _Pairs:
    """Return a longest part of the pairs whose second indexes rise, too (patience sorting)."""
    from bisect import bisect_left

    tops: list[int] = []
    at_top: list[int] = []
    before: list[int] = []
    for at, (_, j) in enumerate(pairs):
        if not tops or j > tops[-1]:
            before.append(at_top[-1] if at_top else -1)
            tops.append(j)
            at_top.append(at)
            continue
        pile = bisect_left(tops, j)
        before.append(at_top[pile - 1] if pile else -1)
        tops[pile], at_top[pile] = j, at
    found: _Pairs = []
    at = at_top[-1] if at_top else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    found.reverse()
    return found


def _longest(a: list[str], b: list[str], check: Callable[[], None]) -> _Pairs:
    """Return a longest common subsequence as pairs, last first.

    Bit i of row j is 0 where the answer for a[:i + 1] and b[:j] is longer than that for a[:i] and b[:j]; lines that
    the other side has not are left out before.
    """
    here, there = set(a), set(b)
    left = [at for at, line in enumerate(a) if line in there]
    right = [at for at, line in enumerate(b) if line in here]
    masks: dict[str, int] = {}
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
