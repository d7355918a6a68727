"""The small languages of breakpoints: log messages and hit conditions. Source: DAP, `SourceBreakpoint`."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HIT_CONDITION = re.compile(r"\s*(==|>=|<=|=|>|<|%)?\s*(\d{1,9})\s*")


def hit_condition(text: str) -> tuple[str, int]:
    """Return operator and number of a hit condition; a number alone means "from that hit on", as in VS Code.

    An unknown text gives ``("", 0)``, which always counts.
    """
    found = _HIT_CONDITION.fullmatch(text)
    if found is None:
        return "", 0
    operator = found.group(1) or ">="
    return "==" if operator == "=" else operator, int(found.group(2))


def counts(condition: str, hits: int) -> bool:
    """Whether a hit counts: ``5``, ``== 5``, ``>= 5``, ``> 5``, ``< 5``, ``<= 5``, ``% 5``; any other text always does.

    DAP leaves the language to the adapter; these are debugpy's and VS Code's.
    """
    operator, number = hit_condition(condition)
    if operator == "%":
        return number > 0 and hits % number == 0
    return {
        "==": hits == number, ">=": hits >= number, ">": hits > number, "<=": hits <= number, "<": hits < number,
    }.get(operator, True)  # fmt: skip


def parts(message: str) -> Iterator[tuple[str, str | None]]:
    """Yield text and the expression behind it, the last one without; ``{{`` and ``}}`` are single braces."""
    text: list[str] = []
    at = 0
    while at < len(message):
        letter = message[at]
        if message[at : at + 2] in ("{{", "}}"):
            text.append(letter)
            at += 2
        elif letter == "{" and (end := _end(message, at)) is not None:
            yield "".join(text), message[at + 1 : end].strip()
            text = []
            at = end + 1
        else:
            text.append(letter)
            at += 1
    yield "".join(text), None


def _end(message: str, start: int) -> int | None:
    """Return where the brace that opens at `start` closes; an expression may hold tables."""
    depth = 0
    for at in range(start, len(message)):
        depth += {"{": 1, "}": -1}.get(message[at], 0)
        if depth == 0:
            return at if message[start + 1 : at].strip() else None
    return None
