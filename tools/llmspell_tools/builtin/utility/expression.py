"""The calculator's language: text to a program in postfix order, and the program to one float.

    expression := operand (operator operand)*
    operand    := ("-" | "+" | "!")* (number | variable | function "(" arguments? ")" | "(" expression ")")

From the loosest: ``||``, ``&&``, ``== != < <= > >=``, ``+ -``, ``* / %``, the signs and ``!``, ``^`` (right to left,
and tighter than a sign on its left: -2^2 is -4, as in Lua and on paper). Every value is a float. A comparison gives 1
or 0; ``a && b`` is `a` where `a` is 0, else `b`; ``a || b`` is `a` where `a` is not 0, else `b`.

Parsed by operator precedence with explicit stacks, so that no text, however nested, can exhaust Python's own stack;
time and memory grow with the length of the text alone. Each character is looked at once by one scanner, without `re`,
whose import costs more than a thousand evaluations. The functions are those of `arithmetic.py`.
"""

from __future__ import annotations

from _operator import add, mul, sub

from llmspell_tools.builtin.utility.arithmetic import CONSTANTS, FUNCTIONS, divide, power, remainder
from llmspell_tools.errors import InvalidParameters, LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    #: A number, the name of a variable, or (how many arguments, function).
    Step: TypeAlias = float | str | tuple[int, Callable[..., float]]

_DIGITS = frozenset("0123456789.")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _LETTERS | frozenset("0123456789")
_SPACES = frozenset(" \t\r\n")
_END = "\n"  # closes every scan, so that none needs to compare with the length

_BRACKET = 0
_SIGN = 7


def _both(left: float, right: float) -> float:
    return right if left != 0.0 else left


def _either(left: float, right: float) -> float:
    return left if left != 0.0 else right


def _not(value: float) -> float:
    return 1.0 if value == 0.0 else 0.0


def _negative(value: float) -> float:
    return -value


def _equal(left: float, right: float) -> float:
    return 1.0 if left == right else 0.0


def _unequal(left: float, right: float) -> float:
    return 1.0 if left != right else 0.0


def _at_most(left: float, right: float) -> float:
    return 1.0 if left <= right else 0.0


def _at_least(left: float, right: float) -> float:
    return 1.0 if left >= right else 0.0


def _less(left: float, right: float) -> float:
    return 1.0 if left < right else 0.0


def _greater(left: float, right: float) -> float:
    return 1.0 if left > right else 0.0


#: By spelling: how tightly it binds, what an operator before it must bind to be applied first, its step.
_OPERATORS: dict[str, tuple[int, int, Step]] = {
    "||": (1, 1, (2, _either)),
    "&&": (2, 2, (2, _both)),
    "==": (3, 3, (2, _equal)),
    "!=": (3, 3, (2, _unequal)),
    "<=": (3, 3, (2, _at_most)),
    ">=": (3, 3, (2, _at_least)),
    "<": (3, 3, (2, _less)),
    ">": (3, 3, (2, _greater)),
    "+": (4, 4, (2, add)),
    "-": (4, 4, (2, sub)),
    "*": (5, 5, (2, mul)),
    "/": (5, 5, (2, divide)),
    "%": (5, 5, (2, remainder)),
    "^": (8, 9, (2, power)),
}
_TAILS = frozenset("=*")  # the second character of `<=`, `>=`, and of `**`, which is refused by name
_SIGNS: dict[str, Step] = {"-": (1, _negative), "!": (1, _not)}
_INSTEAD = {"**": "^", "=": "==", "&": "&&", "|": "||"}


class Expression:
    """A parsed expression.

    Args:
        text: As the caller wrote it.

    Raises:
        InvalidParameters: The text is not an expression; ``details`` has the 1-based `position`.
    """

    # While the text is read, `_waiting` holds (binding, step) of what waits for its right operand, and `_brackets`, per
    # open bracket, the function or "", its complete arguments and where it stands.
    __slots__ = ("_brackets", "_length", "_text", "_waiting", "calls", "depth", "operations", "steps")

    def __init__(self, text: str) -> None:
        self._length = length = len(text)
        self._text = text = text + _END
        self.steps: list[Step] = []
        self._waiting: list[tuple[int, Step]] = [(-1, 0.0)]
        self._brackets: list[tuple[str, int, int]] = []
        self.operations = self.calls = self.depth = 0
        operand_next = True
        position = 0
        while position < length:
            char = text[position]
            if char in _SPACES:
                position += 1
            elif not operand_next:
                operator = _OPERATORS.get(char)
                if operator is None or text[position + 1] in _TAILS:
                    position, operand_next = self._other_operator(char, position)
                else:
                    self._take_operator(operator)
                    position += 1
                    operand_next = True
            elif char in _DIGITS:
                position = self._number(position)
                operand_next = False
            else:
                position, operand_next = self._other_operand(char, position)
        self._end(operand_next)

    def run(self, variables: Mapping[str, float], max_exponent: float) -> float:
        """Compute the value.

        Args:
            variables: Floats by name.
            max_exponent: Largest exponent, by magnitude.

        Raises:
            InvalidParameters: A variable has no value.
            LimitExceeded: An exponent is too large.
        """
        stack: list[float] = []
        for step in self.steps:
            if isinstance(step, tuple):
                count, function = step
                if count == 2:
                    right = stack.pop()
                    if function is power and abs(right) > max_exponent:
                        raise _exponent_exceeded(right, max_exponent)
                    stack[-1] = function(stack[-1], right)
                elif count == 1:
                    stack[-1] = function(stack[-1])
                else:
                    start = len(stack) - count
                    stack[start:] = [function(*stack[start:])]
            else:
                stack.append(_value(step, variables) if isinstance(step, str) else step)
        return stack[0]

    def _end(self, operand_next: bool) -> None:
        if operand_next:
            raise self._unexpected(self._length, "a number, a name or '('")
        if self._brackets:
            raise self._wrong(self._brackets[-1][2], "'(' is never closed")
        self._apply(_BRACKET)
        self.operations += self.calls

    def _apply(self, binding: int) -> None:
        waiting = self._waiting
        while waiting[-1][0] >= binding:
            self.steps.append(waiting.pop()[1])

    def _take_operator(self, operator: tuple[int, int, Step]) -> None:
        binding, first, step = operator
        waiting = self._waiting
        while waiting[-1][0] >= first:
            self.steps.append(waiting.pop()[1])
        waiting.append((binding, step))
        self.operations += 1

    def _number(self, position: int) -> int:
        text = self._text
        end = position + 1
        while text[end] in _DIGITS:
            end += 1
        if text[end] in _NAME:
            end = self._exponent(end)
        try:
            self.steps.append(float(text[position:end]))
        except ValueError:
            raise self._wrong(position, f"'{text[position:end]}' is not a number") from None
        return end

    def _exponent(self, start: int) -> int:
        text = self._text
        end = start + 2 if text[start + 1] in "+-" else start + 1
        if text[start] in "eE" and text[end] in _DIGITS:
            while text[end] in _DIGITS:
                end += 1
            start = end
        if text[start] in _NAME:
            raise self._wrong(start, f"'{text[start]}' directly after a number; is an operator missing?")
        return start

    def _other_operand(self, char: str, position: int) -> tuple[int, bool]:
        if char in _LETTERS:
            return self._name(position)
        if char == "(":
            self._open("", position)
        elif char in _SIGNS:
            self._waiting.append((_SIGN, _SIGNS[char]))
            self.operations += 1
        elif char == ")" and self._brackets and self._is_empty_call(position):
            return self._close(position), False
        elif char != "+":
            raise self._unexpected(position, "a number, a name or '('")
        return position + 1, True

    def _name(self, position: int) -> tuple[int, bool]:
        text = self._text
        end = position + 1
        while text[end] in _NAME:
            end += 1
        name = text[position:end]
        bracket = end
        while text[bracket] in _SPACES and bracket < self._length:
            bracket += 1
        if text[bracket] != "(":
            self.steps.append(name)
            return end, False
        if name not in FUNCTIONS:
            raise self._wrong(position, f"there is no function '{name}'{_near(name, FUNCTIONS)}")
        self.calls += 1
        self._open(name, bracket)
        return bracket + 1, True

    def _open(self, name: str, position: int) -> None:
        self._waiting.append((_BRACKET - 1, 0.0))
        self._brackets.append((name, 0, position))
        self.depth = max(self.depth, len(self._brackets))

    def _is_empty_call(self, position: int) -> bool:
        name, complete, opened = self._brackets[-1]
        return name != "" and complete == 0 and not self._text[opened + 1 : position].strip()

    def _other_operator(self, char: str, position: int) -> tuple[int, bool]:
        spelling = self._text[position : position + 2]
        if spelling not in _OPERATORS and spelling not in _INSTEAD:
            spelling = char
        operator = _OPERATORS.get(spelling)
        if operator is not None:
            self._take_operator(operator)
            return position + len(spelling), True
        if char in "),":
            return self._end_argument(char, position)
        instead = _INSTEAD.get(spelling)
        if instead is not None:
            raise self._wrong(position, f"'{spelling}' is not an operator here; write {instead}")
        raise self._unexpected(position, "an operator or the end")

    def _end_argument(self, char: str, position: int) -> tuple[int, bool]:
        if char == "," and not (self._brackets and self._brackets[-1][0]):
            raise self._wrong(position, "',' outside the brackets of a function")
        if not self._brackets:
            raise self._wrong(position, "')' closes nothing")
        name, complete, opened = self._brackets[-1]
        self._brackets[-1] = (name, complete + 1, opened)
        if char == ")":
            return self._close(position), False
        self._apply(_BRACKET)
        return position + 1, True

    def _close(self, position: int) -> int:
        self._apply(_BRACKET)
        self._waiting.pop()
        name, count, opened = self._brackets.pop()
        if name:
            fewest, most, function = FUNCTIONS[name]
            if count < fewest or (most is not None and count > most):
                raise self._wrong(opened, f"{name}() takes {_arity(fewest, most)}, not {count}")
            self.steps.append((count, function))
        return position + 1

    def _unexpected(self, position: int, wanted: str) -> InvalidParameters:
        found = repr(self._text[position]) if position < self._length else "the end"
        return self._wrong(position, f"expected {wanted}, found {found}")

    def _wrong(self, position: int, what: str) -> InvalidParameters:
        return InvalidParameters(
            f"expression: {what} (position {position + 1})", field="input", details={"position": position + 1}
        )


def _value(name: str, variables: Mapping[str, float]) -> float:
    value = variables.get(name)
    if value is None:
        value = CONSTANTS.get(name)
        if value is None:
            near = _near(name, [*variables, *CONSTANTS])
            raise InvalidParameters(f"variable '{name}' has no value{near}; give it in 'variables'", field="input")
    return value


def _near(name: str, known: Iterable[str]) -> str:
    from llmspell_tools.nearest import did_you_mean  # only failures pay for it

    return did_you_mean(name, known)


def _exponent_exceeded(exponent: float, limit: float) -> LimitExceeded:
    return LimitExceeded(
        f"exponent {exponent:g} is larger than {limit:g} ([tools.calculator] max_exponent)",
        details={"key": "[tools.calculator] max_exponent", "limit": limit},
    )


def _arity(fewest: int, most: int | None) -> str:
    if most is None:
        return f"at least {fewest} argument{'s' if fewest != 1 else ''}"
    if fewest == most:
        return f"{fewest} argument{'s' if fewest != 1 else ''}"
    return f"{fewest} or {most} arguments"
