"""The nearest right name to a wrong one, for messages that say "did you mean".

`difflib` is imported only here and only when something is already wrong.
"""

from __future__ import annotations

#: A longer name is no slip of the hand, and comparing takes time by the square.
_LONGEST = 100

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most like `name`, or None if none is like it."""
    found = nearest_all(name, candidates, 1)
    return found[0] if found else None


def nearest_all(name: str, candidates: Iterable[str], count: int) -> list[str]:
    """Return up to `count` candidates like `name`, best first; one with a word that begins so counts as like it."""
    if len(name) > _LONGEST:
        return []
    import difflib

    known = list(candidates)
    found = difflib.get_close_matches(name, known, count, 0.6)
    for candidate in known:
        if len(found) >= count:
            break
        if len(name) > 2 and _has_word(name, candidate) and candidate not in found:
            found.append(candidate)
    return found


def _has_word(begin: str, candidate: str) -> bool:
    """Tell whether a word of a name begins so: `file` is in `input_file`, `text` is not in `context_lines`."""
    return candidate.startswith(begin) or any(mark + begin in candidate for mark in "_-/. ")


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or an empty string."""
    found = nearest(name, candidates)
    return f"; did you mean '{found}'?" if found else ""
