"""`llmspell_tools.schema`: the compiled check, compared with the reference implementation of JSON Schema."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.schema import compile_parameters, compile_value
from llmspell_tools.schema_values import Mismatch

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, -1.5, 2.25])
    | st.sampled_from("ab ")
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])


def _schemas(inner):
    return st.one_of(
        st.fixed_dictionaries({"type": TYPES}),
        st.fixed_dictionaries({"type": st.lists(TYPES, min_size=1, max_size=3, unique=True)}),
        st.fixed_dictionaries({"enum": st.lists(VALUES, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"const": VALUES}),
        st.fixed_dictionaries({"minimum": st.integers(-2, 2), "exclusiveMaximum": st.integers(-2, 4)}),
        st.fixed_dictionaries({"multipleOf": st.sampled_from([1, 2, 0.5])}),
        st.fixed_dictionaries({"minLength": st.integers(0, 2), "maxLength": st.integers(0, 3)}),
        st.fixed_dictionaries({"pattern": st.sampled_from(["^a", "b$", "[ab]+"])}),
        st.fixed_dictionaries({"items": inner, "minItems": st.integers(0, 2), "uniqueItems": st.booleans()}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, min_size=1, max_size=2), "maxItems": st.integers(0, 3)}),
        st.fixed_dictionaries(
            {
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
                "additionalProperties": st.booleans() | inner,
            }
        ),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"if": inner, "then": inner, "else": inner}),
    )


SCHEMAS = st.recursive(st.booleans() | st.just({}), _schemas, max_leaves=6)


@given(SCHEMAS, VALUES)
def test_the_verdict_is_the_reference_implementations(schema, value):
    """JSON Schema 2020-12, on values without the forms that are accepted on purpose (see the next tests)."""
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    try:
        compile_value(schema)(value)
        accepted = True
    except Mismatch:
        accepted = False

    assert expected == accepted


CALCULATOR = {
    "type": "object",
    "properties": {
        "operation": {"type": "string", "enum": ["evaluate", "validate"], "default": "evaluate"},
        "input": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "names": {"type": "array", "items": {"type": "string"}},
        "rules": {"type": "object", "properties": {"deep": {"type": "array", "items": {"type": "boolean"}}}},
    },
    "required": ["input"],
    "additionalProperties": False,
}


@pytest.fixture
def check():
    return compile_parameters(CALCULATOR, {"expression": "input", "query": "input"})


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ({"input": "1", "inptu": 1}, "inptu", "did you mean 'input'"),
        ({}, "input", "Missing required parameter 'input'"),
        ({"input": None}, "input", "Missing required parameter 'input'"),
        ({"input": 5}, "input", "expected string, got integer 5"),
        ({"input": b"\xff"}, "input", "not UTF-8"),
        ({"input": "1", "operation": "evalute"}, "operation", "did you mean 'evaluate'"),
        ({"input": "1", "count": True}, "count", "expected integer, got true"),
        ({"input": "1", "count": 1.5}, "count", "expected integer, got number 1.5"),
        ({"input": "1", "ratio": float("nan")}, "ratio", "expected number"),
        ({"input": "1", "names": ["a", 3]}, "names[1]", "expected string, got integer 3"),
        ({"input": "1", "rules": {"deep": [True, "x"]}}, "rules.deep[1]", "expected boolean"),
        ({"input": "1", "expression": "2"}, "input", "differ"),
        ({"expression": "1", "query": "2"}, "input", "differ"),
        ({"input": "1", 5: 1}, None, "parameter names are strings"),
    ],
)
def test_a_wrong_parameter_is_named(check, parameters, field, words):
    with pytest.raises(InvalidParameters) as caught:
        check(parameters)

    assert caught.value.field == field
    assert words in caught.value.message


@pytest.mark.parametrize("parameters", [[], "x", 5, None])
def test_parameters_that_are_no_object_are_refused(check, parameters):
    with pytest.raises(InvalidParameters):
        check(parameters)


@pytest.mark.parametrize(
    ("given_parameters", "arguments"),
    [
        ({"input": "1", "count": 2.0}, {"input": "1", "count": 2}),
        ({"input": "1", "names": {}}, {"input": "1", "names": []}),
        ({"input": "1", "names": ("a",)}, {"input": "1", "names": ["a"]}),
        ({"input": "1", "count": None}, {"input": "1"}),
        ({"expression": "1"}, {"input": "1"}),
        ({"expression": "1", "input": "1"}, {"input": "1"}),
    ],
)
def test_what_lua_cannot_say_better_is_accepted(check, given_parameters, arguments):
    """Whole floats, empty tables, nil and declared aliases: DESIGN, "Validation is strict and kind"."""
    assert arguments == check(given_parameters)


def test_an_integer_of_a_whole_float_is_an_int(check):
    assert type(check({"input": "1", "count": 2.0})["count"]) is int


def test_the_callers_parameters_are_not_changed(check):
    parameters = {"expression": "1", "count": 2.0, "names": {}}
    check(parameters)

    assert parameters == {"expression": "1", "count": 2.0, "names": {}}


REQUIRES = {
    "type": "object",
    "properties": {"operation": {"type": "string", "default": "a"}, "x": {}, "y": {}},
    "allOf": [
        {"if": {"properties": {"operation": {"const": "a"}}}, "then": {"required": ["x"]}},
        {"if": {"properties": {"operation": {"const": "b"}}, "required": ["operation"]}, "then": {"required": ["y"]}},
    ],
}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"x": 1},
        {"operation": "a"},
        {"operation": "a", "x": 1},
        {"operation": "b"},
        {"operation": "b", "y": 1},
        {"operation": "c"},
    ],
)
def test_required_by_operation_is_the_reference_implementations(parameters):
    """The look-up that replaces the chain of conditions decides as the conditions do."""
    expected = jsonschema.Draft202012Validator(REQUIRES).is_valid(parameters)
    try:
        compile_parameters(REQUIRES)(parameters)
        accepted = True
    except InvalidParameters:
        accepted = False

    assert expected == accepted


@pytest.mark.parametrize("schema", [{"$ref": "#/x"}, {"contains": {}}, {"type": "strnig"}, {"properties": []}, 5])
def test_a_schema_that_is_not_understood_is_refused_not_ignored(schema):
    with pytest.raises(ConfigurationError):
        compile_value(schema)
