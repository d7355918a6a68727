"""calculator: one expression to one float, under limits.

The language and its parser are `expression.py`, the functions `arithmetic.py`. This module adds the limits, the
envelope and a small memory of formulas: one that is called again with other variables is not parsed again.
"""

from __future__ import annotations

from time import perf_counter, thread_time

from llmspell_tools.builtin.utility.expression import Expression
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope, failure
from llmspell_tools.errors import InvalidParameters, LimitExceeded, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from llmspell_tools.returns import Short
    from llmspell_tools.types import JsonObject

_REMEMBERED = 256
_formulas: dict[str, Expression] = {}
_INFINITY = float("inf")

_FUNCTIONS: JsonObject = {
    "arithmetic": ["+", "-", "*", "/", "%", "^"],
    "comparison": ["==", "!=", "<", ">", "<=", ">="],
    "logical": ["&&", "||", "!"],
    "trigonometric": ["sin(x)", "cos(x)", "tan(x)", "asin(x)", "acos(x)", "atan(x)"],
    "hyperbolic": ["sinh(x)", "cosh(x)", "tanh(x)", "asinh(x)", "acosh(x)", "atanh(x)"],
    "mathematical": [
        "sqrt(x)", "exp(x)", "ln(x)", "log(x)", "log(base, x)", "log2(x)", "pow(x, y)", "abs(x)", "sign(x)",
    ],
    "rounding": ["int(x)", "ceil(x)", "floor(x)", "round(x)", "round(step, x)"],
    "constants": ["pi()", "e()"],
    "utility": ["min(x, ...)", "max(x, ...)"],
    "examples": {
        "basic": "2 + 3 * 4",
        "variables": 'x^2 + y^2 with variables {"x": 3, "y": 4}',
        "functions": "sqrt(max(9, 16)) + ln(e())",
        "comparison": "(x > 3) && (x < 10)",
    },
    "note": (
        "Every value is a float; a comparison is 1 or 0; angles are radians; log(x) is to base 10; "
        "% has the sign of its left side; -2^2 is -4"
    ),
}  # fmt: skip


def _returns() -> JsonObject:
    from llmspell_tools.returns import choice, envelope_schema, mapping, record  # 2 % of a call from the shell

    value = record(
        {
            "input": "string",
            "result": ("number", choice("Infinity", "-Infinity", "NaN")),
            "result_type": choice("float", "special"),
            "variables": mapping("number"),
        }
    )
    lists: dict[str, Short] = {name: ["string"] for name in _FUNCTIONS if name not in ("examples", "note")}
    spent = record({"memory_bytes": "integer", "cpu_time_ms": "number", "operations_count": "integer"})
    return envelope_schema(
        {
            "evaluate": value,
            "validate": (
                record({"input": "string", "valid": choice(True)}),
                record({"input": "string", "valid": choice(False), "error": "string"}),
            ),
            "functions": record({**lists, "examples": mapping("string"), "note": "string"}),
        },
        {"resource_usage?": spent},
        failures={"evaluate": None},
    )


@tool(
    name="calculator",
    category="utility",
    level="safe",
    parameter_aliases={"expression": "input", "query": "input", "action": "operation"},
    requires={"evaluate": ("input",), "validate": ("input",)},
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_chars": 1000,
        "max_depth": 20,
        "max_operations": 100,
        "max_calls": 50,
        "max_time_ms": 100,
        "max_exponent": 100,
        "max_variables": 50,
    },
    examples=(
        {
            "description": "Add two numbers; the result is a float",
            "params": {"input": "2 + 2"},
            "result": {"success": True, "result": {"result": 4.0, "result_type": "float"}},
        },
        {
            "description": "Use variables",
            "params": {"input": "sqrt(x^2 + y^2)", "variables": {"x": 3, "y": 4}},
            "result": {"result": {"result": 5.0, "variables": {"x": 3, "y": 4}}},
        },
        {
            "description": "A value that is no number is named, not an error",
            "params": {"input": "1 / 0"},
            "result": {"success": True, "result": {"result": "Infinity", "result_type": "special"}},
        },
        {
            "description": "Check an expression without computing it",
            "params": {"operation": "validate", "input": "2 +"},
            "result": {"success": True, "result": {"valid": False}},
        },
    ),
    failure="envelope",
    returns=_returns,
)
def calculator(
    context: ToolContext,
    *,
    operation: Literal["evaluate", "validate", "functions"] = "evaluate",
    input: str | None = None,
    variables: dict[str, float] | None = None,
) -> JsonObject:
    """Evaluate a mathematical expression with variables, functions, comparisons and logic.

    Args:
        operation: evaluate computes, validate only checks the expression, functions lists the language.
        input: The expression, as "sqrt(x^2 + 1) * 3".
        variables: Numbers by name, as {"x": 3}.
    """
    started = perf_counter()
    if operation == "functions":
        return envelope("functions", dict(_FUNCTIONS))
    if input is None:
        raise InvalidParameters(f"operation '{operation}' needs parameter 'input', the expression", field="input")
    settings: Mapping[str, Any] = context.settings
    if operation == "validate":
        return _validate(input, settings)
    try:
        if variables:
            numbers = _floats(variables, settings)
            expression = _parse(input, settings, is_formula=True)
        else:
            variables = numbers = {}
            expression = _parse(input, settings, is_formula=False)
        value = expression.run(numbers, settings["max_exponent"])
        elapsed_ms = (perf_counter() - started) * 1000.0
        if elapsed_ms > settings["max_time_ms"]:
            _confirm_slow(input, numbers, settings)
    except LlmspellError as error:
        return failure("evaluate", error)
    number = value - value == 0.0
    result: dict[str, Any] = {
        "input": input,
        "result": value if number else _special(value),
        "result_type": "float" if number else "special",
        "variables": variables,
    }
    return {  # an envelope, written out: this line runs a hundred thousand times a second
        "operation": "evaluate",
        "success": True,
        "result": result,
        "resource_usage": {
            # estimates: the text, and its steps with a float or a pair each; the elapsed time, which a call this
            # short spends on the CPU unless the thread is made to wait
            "memory_bytes": len(input) + 56 * len(expression.steps),
            "cpu_time_ms": elapsed_ms,
            "operations_count": expression.operations,
        },
    }


def _confirm_slow(text: str, numbers: Mapping[str, float], settings: Mapping[str, Any]) -> None:
    """Compute again by CPU time, and refuse what really takes too long; only limits that were raised let it.

    Reading the CPU clock costs a tenth of a call, so the first look is at the wall clock; but on a loaded machine a
    thread may stand still for longer than the limit.
    """
    started = thread_time()
    Expression(text).run(numbers, settings["max_exponent"])
    spent_ms = (thread_time() - started) * 1000.0
    if spent_ms > settings["max_time_ms"]:
        raise _exceeded("max_time_ms", settings, f"expression took {spent_ms:.0f} ms")


def _special(value: float) -> str:
    if value != value:
        return "NaN"
    return "Infinity" if value > 0.0 else "-Infinity"


def _validate(text: str, settings: Mapping[str, Any]) -> JsonObject:
    try:
        _parse(text, settings, is_formula=False)
    except LlmspellError as error:
        return envelope("validate", {"input": text, "valid": False, "error": error.message})
    return envelope("validate", {"input": text, "valid": True})


def _parse(text: str, settings: Mapping[str, Any], *, is_formula: bool) -> Expression:
    if len(text) > settings["max_chars"]:
        raise _exceeded("max_chars", settings, f"expression has {len(text)} characters")
    expression = _formulas.get(text) if is_formula else None
    if expression is None:
        expression = Expression(text)
        if is_formula:
            if len(_formulas) >= _REMEMBERED:
                _formulas.clear()
            _formulas[text] = expression
    if expression.operations > settings["max_operations"]:
        raise _exceeded("max_operations", settings, f"expression has {expression.operations} operations")
    if expression.depth:  # without a bracket there is no call either
        if expression.depth > settings["max_depth"]:
            raise _exceeded("max_depth", settings, f"expression has brackets {expression.depth} deep")
        if expression.calls > settings["max_calls"]:
            raise _exceeded("max_calls", settings, f"expression has {expression.calls} function calls")
    return expression


def _floats(variables: Mapping[str, float], settings: Mapping[str, Any]) -> dict[str, float]:
    if len(variables) > settings["max_variables"]:
        raise _exceeded("max_variables", settings, f"{len(variables)} variables are given")
    numbers: dict[str, float] = {}
    for name, value in variables.items():
        if not (name.isascii() and name.isidentifier()):
            raise InvalidParameters(
                f"variable name '{name}' cannot stand in an expression: letters, digits and _ only",
                field=f"variables.{name}",
            )
        try:
            numbers[name] = float(value)
        except OverflowError:
            numbers[name] = _INFINITY if value > 0 else -_INFINITY
    return numbers


def _exceeded(key: str, settings: Mapping[str, Any], what: str) -> LimitExceeded:
    return LimitExceeded(
        f"{what}; the limit is {settings[key]} ([tools.calculator] {key})",
        details={"key": f"[tools.calculator] {key}", "limit": settings[key]},
    )
