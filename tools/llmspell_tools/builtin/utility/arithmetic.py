"""The calculator's functions and operators: floats in, one float out, never an exception.

As IEEE 754 and the C library say: 1/0 is infinite, the root of -1 is NaN; where Python's `math` raises instead,
the functions here give the value. Knows no syntax; `expression.py` stands above.
"""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INFINITY = math.inf
NAN = math.nan


def divide(left: float, right: float) -> float:
    """Return the quotient; x/0 is infinite with the sign of both, 0/0 is NaN."""
    try:
        return left / right
    except ZeroDivisionError:
        if left == 0.0 or left != left:
            return NAN
        return math.copysign(INFINITY, left) * math.copysign(1.0, right)


def remainder(left: float, right: float) -> float:
    """Return the remainder of the truncated quotient; its sign is that of `left` (as in C, Rust and `math.fmod`)."""
    try:
        return math.fmod(left, right)
    except ValueError:
        return NAN


def power(base: float, exponent: float) -> float:
    """Return base to the exponent; too large is infinite, a fractional power of a negative number is NaN."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -INFINITY if base < 0.0 and math.fmod(exponent, 2.0) != 0.0 else INFINITY
    except ValueError:
        if base != 0.0:
            return NAN
        odd = math.fmod(exponent, 2.0) in (1.0, -1.0)
        return math.copysign(INFINITY, base) if odd else INFINITY


def _quiet(function: Callable[..., float]) -> Callable[..., float]:
    def call(*arguments: float) -> float:
        try:
            return function(*arguments)
        except ValueError:  # outside the domain
            return NAN
        except OverflowError:
            return INFINITY

    return call


def natural_log(value: float) -> float:
    """Return the natural logarithm; that of 0 is minus infinity, that of a negative number NaN."""
    if value > 0.0:
        return math.log(value)
    return -INFINITY if value == 0.0 else NAN


def _log(*arguments: float) -> float:
    if len(arguments) == 1:
        value = arguments[0]
        return math.log10(value) if value > 0.0 else natural_log(value)
    base, value = arguments
    if value > 0.0 and base == 10.0:
        return math.log10(value)
    if value > 0.0 and base == 2.0:
        return math.log2(value)
    return divide(natural_log(value), natural_log(base))


def _log2(value: float) -> float:
    return math.log2(value) if value > 0.0 else natural_log(value)


def _sinh(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(INFINITY, value)


def _atanh(value: float) -> float:
    return math.copysign(INFINITY, value) if abs(value) == 1.0 else _inner_atanh(value)


def truncate(value: float) -> float:
    """Return the value without its fraction."""
    return math.modf(value)[1]


def _floor(value: float) -> float:
    whole = truncate(value)
    return whole - 1.0 if whole > value else whole


def _ceil(value: float) -> float:
    whole = truncate(value)
    return whole + 1.0 if whole < value else whole


def _sign(value: float) -> float:
    return value if value == 0.0 or value != value else math.copysign(1.0, value)


def _round(*arguments: float) -> float:
    if len(arguments) == 2:
        modulus, value = arguments
        return _nearest(divide(value, modulus)) * modulus
    return _nearest(arguments[0])


def _nearest(value: float) -> float:
    fraction, whole = math.modf(value)
    return whole + math.copysign(1.0, value) if abs(fraction) >= 0.5 else whole


def _least(*arguments: float) -> float:
    return NAN if any(value != value for value in arguments) else min(arguments)


def _greatest(*arguments: float) -> float:
    return NAN if any(value != value for value in arguments) else max(arguments)


_inner_atanh = _quiet(math.atanh)

#: By name: fewest arguments, most arguments (None for any number), the function.
FUNCTIONS: dict[str, tuple[int, int | None, Callable[..., float]]] = {
    "sin": (1, 1, _quiet(math.sin)),
    "cos": (1, 1, _quiet(math.cos)),
    "tan": (1, 1, _quiet(math.tan)),
    "asin": (1, 1, _quiet(math.asin)),
    "acos": (1, 1, _quiet(math.acos)),
    "atan": (1, 1, math.atan),
    "sinh": (1, 1, _sinh),
    "cosh": (1, 1, _quiet(math.cosh)),
    "tanh": (1, 1, math.tanh),
    "asinh": (1, 1, math.asinh),
    "acosh": (1, 1, _quiet(math.acosh)),
    "atanh": (1, 1, _atanh),
    "sqrt": (1, 1, _quiet(math.sqrt)),
    "exp": (1, 1, _quiet(math.exp)),
    "ln": (1, 1, natural_log),
    "log": (1, 2, _log),
    "log2": (1, 1, _log2),
    "pow": (2, 2, power),
    "abs": (1, 1, math.fabs),
    "sign": (1, 1, _sign),
    "int": (1, 1, truncate),
    "ceil": (1, 1, _ceil),
    "floor": (1, 1, _floor),
    "round": (1, 2, _round),
    "min": (1, None, _least),
    "max": (1, None, _greatest),
    "pi": (0, 0, lambda: math.pi),
    "e": (0, 0, lambda: math.e),
}

#: The constants may be written without their brackets; a variable of that name comes first.
CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
