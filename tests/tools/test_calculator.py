"""calculator: its language, limits and bad input (`surface.md` 4.3, "calculator"; security matrix, "math/eval")."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.builtin.utility import calculator as module
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.strict())


def answer(expression, registry=REGISTRY, **parameters):
    return registry.invoke("calculator", {"input": expression, **parameters}).output


def value(expression, **variables):
    output = answer(expression, variables=variables) if variables else answer(expression)
    assert output["success"], output
    return output["result"]["result"]


def failure(expression, registry=REGISTRY, **parameters):
    output = answer(expression, registry, **parameters)
    assert output["success"] is False
    assert output["operation"] == "evaluate"
    return output["error"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 + 2", 4.0),
        ("2+3*4", 14.0),
        ("(2+3)*4", 20.0),
        ("(10 + 5) * 3 - 8 / 2", 41.0),
        ("7 / 2", 3.5),
        ("-7 % 3", -1.0),
        ("7 % -3", 1.0),
        ("5.5 % 2", 1.5),
        ("2 ^ 10", 1024.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("(-2) ^ 2", 4.0),
        ("2 ^ -1", 0.5),
        ("2 ^ -2 ^ 2", 0.0625),
        ("2 * -3 + 1", -5.0),
        ("--3", 3.0),
        ("+3 - +4", -1.0),
        ("10 - 4 - 3", 3.0),
        ("100 / 10 / 2", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (".5 + 5.", 5.5),
        ("1e+2", 100.0),
        ("\t1\n+ 2 ", 3.0),
        ("12345678901 + 1", 12345678902.0),
        ("((((1))))", 1.0),
    ],
)
def test_arithmetic_follows_the_usual_order(expression, expected):
    result = answer(expression)["result"]

    assert result == {"input": expression, "result": expected, "result_type": "float", "variables": {}}
    assert isinstance(result["result"], float)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 < 2", 1.0),
        ("2 <= 1", 0.0),
        ("2 > 1", 1.0),
        ("1 >= 2", 0.0),
        ("1 == 1.0", 1.0),
        ("1 != 1", 0.0),
        ("1<2==1", 1.0),
        ("1 + 1 == 2", 1.0),
        ("3 > 2 && 2 > 1", 1.0),
        ("0 || 5", 5.0),
        ("3 || 5", 3.0),
        ("3 && 5", 5.0),
        ("0 && 5", 0.0),
        ("1 || 0 && 0", 1.0),
        ("!0", 1.0),
        ("!3", 0.0),
        ("!0 + 1", 2.0),
        ("!(1 > 2)", 1.0),
        ("5<-2", 0.0),
    ],
)
def test_comparisons_are_one_or_zero_and_logic_keeps_the_deciding_value(expression, expected):
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sin(0)", 0.0),
        ("cos(0)", 1.0),
        ("tan(pi()/4)", 1.0),
        ("asin(1)", math.pi / 2),
        ("acos(1)", 0.0),
        ("atan(1)", math.pi / 4),
        ("sinh(1)", math.sinh(1)),
        ("cosh(1)", math.cosh(1)),
        ("tanh(1)", math.tanh(1)),
        ("asinh(1)", math.asinh(1)),
        ("acosh(2)", math.acosh(2)),
        ("atanh(0.5)", math.atanh(0.5)),
        ("sqrt(2)", math.sqrt(2)),
        ("exp(1)", math.e),
        ("ln(e())", 1.0),
        ("log(1000)", 3.0),
        ("log(2, 8)", 3.0),
        ("log(3, 81)", 4.0),
        ("log2(1024)", 10.0),
        ("pow(2, 8)", 256.0),
        ("abs(-3)", 3.0),
        ("sign(-2)", -1.0),
        ("sign(0)", 0.0),
        ("int(-2.7)", -2.0),
        ("ceil(2.1)", 3.0),
        ("ceil(-2.1)", -2.0),
        ("floor(-2.1)", -3.0),
        ("floor(2.9)", 2.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("round(0.49999999999999994)", 0.0),
        ("round(5, 12)", 10.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3)", 3.0),
        ("pi()", math.pi),
        ("2 * pi", 2 * math.pi),
        ("e", math.e),
        ("max(1, 2 * (3 + min(4, 5)), sqrt(abs(-9)))", 14.0),
        ("sqrt((1 + 2) * 3)", 3.0),
        ("sqrt (16)", 4.0),
    ],
)
def test_functions_take_nested_arguments(expression, expected):
    assert value(expression) == pytest.approx(expected, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 / 0", "Infinity"),
        ("-1 / 0", "-Infinity"),
        ("1 / -0.0", "-Infinity"),
        ("0 / 0", "NaN"),
        ("5 % 0", "NaN"),
        ("sqrt(-1)", "NaN"),
        ("asin(2)", "NaN"),
        ("ln(0)", "-Infinity"),
        ("log(0)", "-Infinity"),
        ("log2(-1)", "NaN"),
        ("exp(1000)", "Infinity"),
        ("sinh(-1000)", "-Infinity"),
        ("cosh(1000)", "Infinity"),
        ("atanh(1)", "Infinity"),
        ("(-8) ^ (1/3)", "NaN"),
        ("0 ^ -1", "Infinity"),
        ("1e10 ^ 100", "Infinity"),
        ("(-1e10) ^ 99", "-Infinity"),
        ("1e999", "Infinity"),
        ("sin(1e999)", "NaN"),
        ("floor(1/0)", "Infinity"),
        ("round(0/0)", "NaN"),
        ("min(1, 0/0)", "NaN"),
        ("max(0/0, 1)", "NaN"),
    ],
)
def test_values_that_are_no_number_are_named(expression, expected):
    result = answer(expression)["result"]

    assert (result["result"], result["result_type"]) == (expected, "special")


def test_variables_are_floats_and_come_back_as_given():
    result = answer("x^2 + y^2", variables={"x": 3, "y": 4.0})["result"]

    assert result["result"] == 25.0
    assert result["variables"] == {"x": 3, "y": 4.0}


def test_a_variable_comes_before_a_constant_of_its_name():
    assert value("e + pi", e=1, pi=2) == 3.0


def test_a_formula_called_again_takes_the_new_variables():
    assert [value("k * 2 + 1", k=number) for number in (1, 2, 3)] == [3.0, 5.0, 7.0]


def test_many_formulas_are_not_kept_for_ever():
    for number in range(600):
        assert value(f"k + {number}", k=1) == number + 1.0

    assert len(module._formulas) <= 256


def test_a_whole_number_beyond_floats_is_infinite():
    assert value("x", x=10**400) == "Infinity"


@pytest.mark.parametrize(
    ("expression", "says", "position"),
    [
        ("", "found the end", 1),
        ("   ", "found the end", 4),
        ("1 +", "found the end", 4),
        ("* 2", "expected a number", 1),
        ("(1", "never closed", 1),
        ("1)", "closes nothing", 2),
        ("2 3", "expected an operator", 3),
        ("2x", "directly after a number", 2),
        ("1e", "directly after a number", 2),
        ("1e+", "directly after a number", 2),
        ("1.2.3", "is not a number", 1),
        (".", "is not a number", 1),
        ("()", "expected a number", 2),
        ("max(1,)", "expected a number", 7),
        ("max(,1)", "expected a number", 5),
        ("1, 2", "outside the brackets", 2),
        ("(1, 2)", "outside the brackets", 3),
        ("sin()", "takes 1 argument, not 0", 4),
        ("sin(1, 2)", "takes 1 argument, not 2", 4),
        ("log(1, 2, 3)", "takes 1 or 2 arguments, not 3", 4),
        ("min()", "takes at least 1 argument", 4),
        ("pi(1)", "takes 0 arguments, not 1", 3),
        ("sine(1)", "did you mean 'sin'?", 1),
        ("factorial(10^9)", "no function 'factorial'", 1),
        ("9**9**9", "write ^", 2),
        ("1 = 1", "write ==", 3),
        ("1 & 2", "write &&", 3),
        ("1 | -2", "write ||", 3),
        ("__import__('os')", "no function '__import__'", 1),
        ("().__class__", "expected a number", 2),
        ("'a'", "expected a number", 1),
        ("1 ? 2 : 3", "expected an operator", 3),
        ("٣ + ٤", "expected a number", 1),
        ("1_000", "directly after a number", 2),
        ("0x10", "directly after a number", 2),
        ("²", "expected a number", 1),
        ("1\0", "expected an operator", 2),
    ],
)
def test_a_wrong_expression_is_a_failure_envelope_with_its_place(expression, says, position):
    error = failure(expression)

    assert error["code"] == "validation_error"
    assert says in error["message"]
    assert error["details"]["position"] == position


def test_an_unknown_variable_is_named_with_the_nearest():
    error = failure("widht * 2", variables={"width": 3})

    assert "'widht' has no value; did you mean 'width'?" in error["message"]


def test_a_variable_name_that_cannot_be_written_is_refused():
    error = failure("1", variables={"a b": 1})

    assert error["details"]["field"] == "variables.a b"


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("1+" * 600 + "1", "max_chars"),
        ("[" * 100_000, "max_chars"),
        ("(" * 100_000 + "1" + ")" * 100_000, "max_chars"),
        ("(" * 21 + "1" + ")" * 21, "max_depth"),
        ("1+" * 101 + "1", "max_operations"),
        ("-" * 101 + "1", "max_operations"),
        ("+".join(["sin(1)"] * 51), "max_operations"),
        ("9^9^9", "max_exponent"),
        ("2^-101", "max_exponent"),
        ("pow(2, 1e308)", "max_exponent"),
    ],
)
def test_a_limit_names_its_key(expression, key):
    error = failure(expression)

    assert error["code"] == "limit_exceeded"
    assert error["details"]["key"] == f"[tools.calculator] {key}"
    assert key in error["message"]


def test_calls_and_variables_have_limits_of_their_own():
    registry = ToolRegistry(settings={"calculator": {"max_calls": 2, "max_variables": 1}})

    assert failure("abs(1)+abs(2)+abs(3)", registry)["details"]["key"] == "[tools.calculator] max_calls"
    assert failure("1", registry, variables={"a": 1, "b": 2})["details"]["key"] == "[tools.calculator] max_variables"


def test_limits_are_settings():
    registry = ToolRegistry(settings={"calculator": {"max_chars": 5_000, "max_operations": 5_000, "max_depth": 400}})

    assert answer("1+" * 2_000 + "1", registry)["result"]["result"] == 2001.0
    assert answer("(" * 400 + "1" + ")" * 400, registry)["result"]["result"] == 1.0


def test_brackets_by_the_hundred_thousand_do_not_exhaust_the_stack():
    registry = ToolRegistry(
        settings={
            "calculator": {"max_chars": 10**6, "max_depth": 10**6, "max_time_ms": 60_000, "max_operations": 10**6}
        }
    )

    assert answer("(" * 100_000 + "1" + ")" * 100_000, registry)["result"]["result"] == 1.0
    assert answer("-" * 100_000 + "1", registry)["result"]["result"] == 1.0
    assert answer("1^" * 100_000 + "1", registry)["result"]["result"] == 1.0


def test_an_expression_that_takes_too_long_is_a_failure():
    registry = ToolRegistry(settings={"calculator": {"max_time_ms": 0}})

    assert failure("1 + 1", registry)["details"]["key"] == "[tools.calculator] max_time_ms"


def test_a_thread_that_had_to_wait_is_no_slow_expression(monkeypatch):
    """The limit is on the work: a loaded machine may hold a thread for longer than that."""
    clock = itertools.count(0, 10)
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(clock)))

    assert answer("1 + 1")["result"]["result"] == 2.0


def test_validate_tells_without_computing():
    good = answer("1 / nowhere", operation="validate")
    bad = answer("1 +", operation="validate")

    assert good == {
        "operation": "validate",
        "success": True,
        "result": {"input": "1 / nowhere", "valid": True},
    }
    assert bad["success"] is True
    assert bad["result"]["valid"] is False
    assert "found the end" in bad["result"]["error"]


def test_validate_applies_the_limits():
    assert answer("(" * 21 + "1" + ")" * 21, operation="validate")["result"]["valid"] is False


def test_functions_lists_the_whole_language():
    result = REGISTRY.invoke("calculator", {"operation": "functions"}).output["result"]

    assert list(result) == [
        "arithmetic", "comparison", "logical", "trigonometric", "hyperbolic", "mathematical", "rounding",
        "constants", "utility", "examples", "note",
    ]  # fmt: skip


def test_every_listed_function_exists():
    result = REGISTRY.invoke("calculator", {"operation": "functions"}).output["result"]
    groups = ("trigonometric", "hyperbolic", "mathematical", "rounding", "constants", "utility")

    for call in [call for group in groups for call in result[group]]:
        assert value(call.replace(", ...", ""), x=0.5, y=2, base=2, step=2) is not None


def test_resource_usage_is_told():
    usage = answer("1 + 2 * 3")["resource_usage"]

    assert usage["operations_count"] == 2
    assert usage["memory_bytes"] > 0
    assert usage["cpu_time_ms"] >= 0


@pytest.mark.parametrize("name", ["input", "expression", "query"])
def test_the_expression_has_three_names(name):
    assert REGISTRY.invoke("calculator", {name: "6*7"}).output["result"]["result"] == 42.0


def test_action_is_operation():
    assert REGISTRY.invoke("calculator", {"action": "validate", "input": "1"}).output["operation"] == "validate"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "input"),
        ({"operation": "validate"}, "input"),
        ({"input": 7}, "input"),
        ({"input": "1", "variables": {"x": "3"}}, "variables.x"),
        ({"input": "1", "variables": {"x": True}}, "variables.x"),
        ({"input": "1", "operation": "solve"}, "operation"),
        ({"input": "1", "inputs": "2"}, "inputs"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        REGISTRY.invoke("calculator", parameters)

    assert caught.value.field == field


def test_the_examples_hold():
    for example in REGISTRY.get("calculator").examples:
        output = REGISTRY.invoke("calculator", example["params"]).output
        assert _is_part(example["result"], output), example["description"]


def _is_part(expected, found):
    if isinstance(expected, dict):
        return all(name in found and _is_part(part, found[name]) for name, part in expected.items())
    return expected == found


def test_the_module_imports_nothing_heavy():
    """STYLE.md, the lean path: not re, not ast."""
    code = (
        "import sys, llmspell_tools.builtin.utility.calculator; "
        "print(sorted({'re', 'ast', 'json', 'enum', 'functools', 'typing', 'inspect'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, check=True, timeout=60, env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip

    assert found.stdout == "[]\n"


# --- against Python itself

# Each strategy gives the same expression twice: for the calculator, and for Python with floats throughout.
_numbers = st.one_of(
    st.integers(0, 10**6).map(lambda number: (str(number), f"{number}.0")),
    st.floats(0, 1e6, allow_nan=False).map(lambda number: (f"{number:.6f}",) * 2),
    st.floats(1e-8, 1e8).map(lambda number: (f"{number:e}",) * 2),
)


def _grow(expressions):
    return st.one_of(
        st.tuples(expressions, st.sampled_from(["+", " - ", "*", " / ", "/"]), expressions).map(
            lambda parts: (parts[0][0] + parts[1] + parts[2][0], parts[0][1] + parts[1] + parts[2][1])
        ),
        st.tuples(expressions, st.sampled_from(["<", " <= ", "==", "!=", " > ", ">="]), expressions).map(
            lambda parts: (
                f"({parts[0][0]}{parts[1]}{parts[2][0]})",
                f"float({parts[0][1]}{parts[1]}{parts[2][1]})",
            )
        ),
        expressions.map(lambda pair: (f"-{pair[0]}", f"-{pair[1]}")),
        expressions.map(lambda pair: (f"( {pair[0]})", f"({pair[1]})")),
        st.tuples(expressions, st.integers(0, 4)).map(
            lambda parts: (f"({parts[0][0]})^{parts[1]}", f"({parts[0][1]})**{parts[1]}")
        ),
    )


@given(st.recursive(_numbers, _grow, max_leaves=8))
@settings(max_examples=300, deadline=None)
def test_generated_arithmetic_has_the_value_that_python_finds(pair):
    ours, theirs = pair
    try:
        expected = eval(theirs)
    except (ZeroDivisionError, OverflowError):
        assert answer(ours)["success"] is True  # Python raises where a float is infinite
        return

    found = answer(ours)["result"]

    assert found["result"] == expected or (found["result_type"] == "special" and not math.isfinite(expected))


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_parser(text):
    output = answer(text)

    assert output["success"] in (True, False)


@given(st.text(alphabet="0123456789.+-*/%^()<>=!&|,eEpisncoqrtmax ", max_size=40))
@settings(max_examples=500, deadline=None)
def test_no_text_of_the_language_breaks_the_parser(text):
    output = answer(text)

    assert output["success"] is True or output["error"]["code"] in ("validation_error", "limit_exceeded")
