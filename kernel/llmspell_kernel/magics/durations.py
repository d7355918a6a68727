"""Times in words, as IPython's `%time` and `%timeit` put them. Numbers in, text out."""

from __future__ import annotations

from math import floor, log10, sqrt

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_RUNS = 7
_MOST_LOOPS = 10**9
_MOST_RUNS = 100
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "μs"), (1e-9, "ns"))


def elapsed(wall_s: float, busy_s: float) -> str:
    """Return a line with the time on the clock and the processor time of this process."""
    return f"CPU time: {duration(busy_s)}, wall time: {duration(wall_s)}\n"


def spread(loops: int, seconds: Sequence[float]) -> str:
    """Return a line with mean and standard deviation of one loop.

    Args:
        loops: Of each run.
        seconds: How long each run took.
    """
    each = [taken / loops for taken in seconds]
    mean = sum(each) / len(each)
    deviation = sqrt(sum((one - mean) ** 2 for one in each) / len(each))
    runs = f"{len(each)} run{'s' if len(each) != 1 else ''}"
    loop = f"{loops:,} loop{'s' if loops != 1 else ''}"
    return f"{duration(mean)} ± {duration(deviation)} per loop (mean ± std. dev. of {runs}, {loop} each)\n"


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h {minutes}min {rest}s" if hours else f"{minutes}min {rest}s"
    factor, unit = next((each for each in _UNITS if seconds >= each[0] * 0.9995), _UNITS[-1])
    scaled = seconds / factor
    digits = max(0, 2 - floor(log10(scaled))) if scaled >= 0.001 else 0
    return f"{scaled:.{min(digits, 2)}f}".rstrip("0").rstrip(".") + f" {unit}" if digits else f"{scaled:.0f} {unit}"


def wanted_loops(options: str) -> tuple[int, int]:
    """Return loops (0 where they are to be found out) and runs of `-n LOOPS -r RUNS`.

    Raises:
        InvalidParameters: An option is none, or no whole number in its range follows it.
    """
    words = options.replace("-n", " -n ").replace("-r", " -r ").split()
    loops, runs = 0, _RUNS
    for option, value in zip(words[::2], [*words[1::2], ""], strict=False):
        most = {"-n": _MOST_LOOPS, "-r": _MOST_RUNS}.get(option)
        if most is None:
            raise InvalidParameters(f"%timeit has no option {option}; it has -n LOOPS and -r RUNS")
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise InvalidParameters(f"%timeit: a whole number from 1 to {most:,} must follow {option}")
        if option == "-n":
            loops = int(value)
        else:
            runs = int(value)
    return loops, runs
