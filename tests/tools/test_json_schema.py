"""The JSON Schema validator of json-processor, against the reference library `jsonschema` and by its own promises."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.builtin.data.json_schema import Validator
from llmspell_tools.errors import InvalidParameters

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {DRAFT_7: jsonschema.Draft7Validator, DRAFT_2020: jsonschema.Draft202012Validator}


def errors(schema, value):
    return Validator(schema).errors(value)


def agrees(draft, schema, value):
    """Our verdict is the reference's, for one schema and value."""
    schema = {"$schema": draft, **schema} if isinstance(schema, dict) else schema
    ours = not Validator(schema).errors(value)
    theirs = REFERENCE[draft](schema).is_valid(value)
    return ours == theirs


VALUES = [
    None, True, False, 0, 1, 1.0, -1, 2.5, 3, 10, 1e308, "", "a", "ab", "abc", "1", "a\n", [], [1], [1, 2], [1, 1.0],
    [True, 1], ["a", 1, None], [[1], [1.0]], [{"a": 1}, {"a": 1}], [1, 2, 3, 4], {}, {"a": 1}, {"a": "x"}, {"b": 2},
    {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"foo": 1}, {"a": {"b": {"c": []}}}, {"x-1": 1, "y": "z"},
    {"a": None}, {"kind": "dog", "bark": True}, {"kind": "cat"}, {"a/b": 1, "c~d": 2},
]  # fmt: skip

BOTH = [
    {}, {"type": "integer"}, {"type": "number"}, {"type": ["string", "null"]}, {"type": "boolean"}, {"type": "array"},
    {"type": "object"}, {"enum": [1, "a", [1], {"a": 1}, None]}, {"const": 1}, {"const": True}, {"const": [1]},
    {"minimum": 1}, {"maximum": 2.5}, {"exclusiveMinimum": 1}, {"exclusiveMaximum": 3}, {"multipleOf": 0.5},
    {"multipleOf": 3}, {"minLength": 2}, {"maxLength": 1}, {"pattern": "^a"}, {"pattern": "b"}, {"minItems": 2},
    {"maxItems": 1}, {"uniqueItems": True}, {"uniqueItems": False}, {"required": ["a"]}, {"required": ["a", "b"]},
    {"minProperties": 2}, {"maxProperties": 1}, {"properties": {"a": {"type": "integer"}}},
    {"properties": {"a": False}}, {"patternProperties": {"^x-": {"type": "string"}, "y": True}},
    {"additionalProperties": False}, {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
    {"properties": {"a": True}, "patternProperties": {"^b": True}, "additionalProperties": False},
    {"propertyNames": {"maxLength": 1}}, {"propertyNames": False}, {"items": {"type": "integer"}}, {"items": False},
    {"contains": {"const": 1}}, {"contains": False}, {"allOf": [{"minimum": 1}, {"maximum": 2}]},
    {"anyOf": [{"type": "string"}, {"minimum": 2}]}, {"oneOf": [{"type": "integer"}, {"minimum": 2}]},
    {"not": {"type": "array"}}, {"if": {"type": "integer"}, "then": {"minimum": 1}, "else": {"type": "string"}},
    {"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {"if": True, "then": {"type": "string"}},
    {"then": {"type": "string"}}, {"$ref": "#/definitions/d", "definitions": {"d": {"type": "string"}}},
    {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
    {"definitions": {"a/b": {"type": "integer"}, "c%d": False}, "properties": {"a": {"$ref": "#/definitions/a~1b"}}},
    {"definitions": {"c%d": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/c%25d"}}},
    {"dependencies": {"a": ["b"]}}, {"dependencies": {"a": {"required": ["b"]}}},
    {"$id": "http://x.test/root.json", "properties": {"a": {"$ref": "root.json#/definitions/n"}},
     "definitions": {"n": {"type": "integer"}}},
    {"$id": "http://x.test/root.json", "properties": {"a": {"$ref": "item.json"}},
     "definitions": {"i": {"$id": "item.json", "type": "integer"}}},
    {"$id": "http://x.test/root.json", "properties": {"a": {"$ref": "sub/item.json"}},
     "definitions": {"i": {"$id": "sub/item.json", "allOf": [{"$ref": "#/definitions/n"}],
                           "definitions": {"n": {"type": "null"}}}}},
    {"format": "email"}, {"contentEncoding": "base64"}, {"unknownKeyword": 7},
]  # fmt: skip

ONLY_7 = [
    {"items": [{"type": "integer"}, {"type": "string"}]},
    {"items": [{"type": "integer"}], "additionalItems": False},
    {"items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
    {"additionalItems": False}, {"items": {}, "additionalItems": False}, {"items": []},
    {"$ref": "#/definitions/d", "minimum": 5, "definitions": {"d": {"type": "integer"}}},
    {"properties": {"a": {"$ref": "#named"}}, "definitions": {"n": {"$id": "#named", "type": "integer"}}},
]  # fmt: skip

ONLY_2020 = [
    {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
    {"prefixItems": [{"type": "integer"}], "items": False},
    {"prefixItems": [{"type": "integer"}], "items": {"type": "string"}},
    {"contains": {"type": "integer"}, "minContains": 2}, {"contains": {"type": "integer"}, "maxContains": 1},
    {"contains": {"type": "integer"}, "minContains": 0}, {"minContains": 2},
    {"dependentRequired": {"a": ["b"]}}, {"dependentSchemas": {"a": {"required": ["b"]}}},
    {"$ref": "#/$defs/d", "minimum": 1, "$defs": {"d": {"type": "integer"}}},
    {"properties": {"a": {"$ref": "#named"}}, "$defs": {"n": {"$anchor": "named", "type": "integer"}}},
    {"properties": {"a": True}, "unevaluatedProperties": False},
    {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
    {"anyOf": [{"required": ["a"], "properties": {"a": True}}, {"properties": {"b": True}, "required": ["b"]}],
     "unevaluatedProperties": False},
    {"oneOf": [{"required": ["a"], "properties": {"a": True}}, {"properties": {"b": True}, "required": ["b"]}],
     "unevaluatedProperties": {"type": "string"}},
    {"not": {"properties": {"a": {"type": "string"}}, "required": ["a"]}, "unevaluatedProperties": False},
    {"if": {"required": ["a"], "properties": {"a": True}}, "then": {"properties": {"b": True}},
     "else": {"properties": {"c": True}}, "unevaluatedProperties": False},
    {"dependentSchemas": {"a": {"properties": {"b": True, "a": True}}}, "unevaluatedProperties": False},
    {"$ref": "#/$defs/d", "$defs": {"d": {"properties": {"a": True}}}, "unevaluatedProperties": False},
    {"patternProperties": {"^x": True}, "unevaluatedProperties": False},
    {"additionalProperties": True, "unevaluatedProperties": False},
    {"unevaluatedItems": False}, {"prefixItems": [True], "unevaluatedItems": False},
    {"allOf": [{"prefixItems": [True, True]}], "unevaluatedItems": False},
    {"contains": {"type": "integer"}, "unevaluatedItems": {"type": "string"}},
    {"items": {"type": "integer"}, "unevaluatedItems": False},
    {"anyOf": [{"prefixItems": [True, {"const": 2}]}, {"prefixItems": [True]}], "unevaluatedItems": False},
    {"$id": "http://x.test/tree", "$dynamicAnchor": "node", "type": ["object", "integer", "null"],
     "properties": {"a": {"$dynamicRef": "#node"}}},
    {"$id": "http://x.test/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False,
     "$defs": {"tree": {"$id": "tree", "$dynamicAnchor": "node", "properties": {"a": {"$dynamicRef": "#node"}}}}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("draft", "schema"),
    [(draft, schema) for draft in REFERENCE for schema in BOTH]
    + [(DRAFT_7, schema) for schema in ONLY_7]
    + [(DRAFT_2020, schema) for schema in ONLY_2020],
)
def test_a_keyword_judges_as_the_reference_does(draft, schema):
    wrong = [value for value in VALUES if not agrees(draft, schema, value)]

    assert wrong == []


_leaves = st.sampled_from([schema for schema in BOTH if "$ref" not in str(schema) and "$id" not in schema])


def _combine(schemas):
    names = st.sampled_from(["a", "b", "foo"])
    return st.one_of(
        st.lists(schemas, min_size=1, max_size=3).map(lambda subs: {"allOf": subs}),
        st.lists(schemas, min_size=1, max_size=3).map(lambda subs: {"anyOf": subs}),
        st.lists(schemas, min_size=1, max_size=3).map(lambda subs: {"oneOf": subs}),
        schemas.map(lambda sub: {"not": sub}),
        st.dictionaries(names, schemas, min_size=1).map(lambda subs: {"properties": subs}),
        st.tuples(schemas, schemas, schemas).map(lambda subs: dict(zip(("if", "then", "else"), subs, strict=True))),
        schemas.map(lambda sub: {"items": sub}),
        schemas.map(lambda sub: {"additionalProperties": sub}),
        st.tuples(schemas, schemas).map(lambda subs: {**subs[0], **subs[1]}),
        st.tuples(schemas, schemas).map(lambda subs: {**subs[0], "unevaluatedProperties": subs[1]}),
        st.tuples(schemas, schemas).map(lambda subs: {**subs[0], "unevaluatedItems": subs[1]}),
    )


@given(st.recursive(_leaves, _combine, max_leaves=6), st.sampled_from(VALUES), st.sampled_from([DRAFT_7, DRAFT_2020]))
@settings(max_examples=400, deadline=None)
def test_combined_schemas_judge_as_the_reference_does(schema, value, draft):
    assert agrees(draft, schema, value)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 1, [("", "type", "1 is not string")]),
        ({"required": ["a", "b"]}, {}, [("", "required", 'required: "a", "b"')]),
        (
            {"properties": {"a": {"items": {"minimum": 0}}}},
            {"a": [1, -1, -2]},
            [("/a/1", "minimum", "-1 is less than 0"), ("/a/2", "minimum", "-2 is less than 0")],
        ),
        (
            {"additionalProperties": False},
            {"a/b": 1},
            [("/a~1b", "additionalProperties", 'property "a/b" is not allowed')],
        ),
        ({"enum": [1, 2]}, 3, [("", "enum", "3 is none of [1,2]")]),
        ({"anyOf": [{"type": "null"}]}, 3, [("", "anyOf", "3 fits no schema of anyOf")]),
        ({"oneOf": [True, True]}, 3, [("", "oneOf", "3 fits 2 schemas of oneOf, not one")]),
        ({"allOf": [{"type": "null"}, {"const": 1}]}, 3, [("", "type", "3 is not null"), ("", "const", "3 is not 1")]),
        ({"items": False}, [1], [("/0", "false", "no value is allowed here")]),
        (False, 1, [("", "false", "no value is allowed here")]),
        ({"maxLength": 2}, "x" * 200, [("", "maxLength", f'"{"x" * 76}... is longer than 2 characters')]),
    ],
)
def test_every_error_has_path_keyword_and_message(schema, value, expected):
    found = [(error["path"], error["keyword"], error["message"]) for error in errors(schema, value)]

    assert found == expected


def test_a_draft_ignores_the_keywords_of_the_other():
    """A schema that names its draft means that draft's keywords only."""
    assert errors({"$schema": DRAFT_7, "prefixItems": [False], "dependentRequired": {"a": ["b"]}}, [1]) == []
    assert errors({"$schema": DRAFT_7, "prefixItems": [True], "items": {"type": "string"}}, [1]) != []
    assert errors({"$schema": DRAFT_2020, "dependencies": {"a": ["b"]}}, {"a": 1}) == []


def test_a_schema_without_a_draft_is_7_unless_it_uses_2020():
    assert Validator({"items": [{"type": "string"}]}).is_draft_7 is True
    assert Validator({"prefixItems": [{"type": "string"}]}).is_draft_7 is False


def test_decimal_fractions_are_multiples_exactly():
    assert errors({"multipleOf": 0.0001}, 0.0075) == []
    assert errors({"multipleOf": 0.1}, 0.35) != []


def test_an_end_anchor_is_the_very_end():
    """ECMA 262: `$` does not match before a line end, as Python's does."""
    assert errors({"pattern": "^a$"}, "a\n") != []
    assert errors({"pattern": r"^\$[$]$"}, "$$") == []


def test_digits_are_ascii():
    assert errors({"pattern": r"^\d$"}, "\u0663") != []


@pytest.mark.parametrize(
    "schema",
    [
        7, "text", None, [], {"type": "strin"}, {"type": 3}, {"type": ["string", 3]}, {"properties": []},
        {"properties": {"a": 3}}, {"items": 3}, {"required": "a"}, {"minimum": "1"}, {"pattern": "("},
        {"$ref": "#/definitions/none"}, {"$ref": "http://example.test/other.json"}, {"$ref": "#none"}, {"$ref": 3},
        {"$schema": "http://json-schema.org/draft-04/schema#"}, {"allOf": {}}, {"allOf": [3]}, {"minLength": 1.5},
        {"$defs": {"a": {"type": "nope"}}}, {"dependencies": {"a": 3}}, {"patternProperties": {"(": True}},
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused_as_such(schema):
    with pytest.raises(InvalidParameters) as caught:
        errors(schema, {"a": "a"}) or errors(schema, "a")

    assert caught.value.field == "schema"


def test_a_reference_to_itself_ends():
    with pytest.raises((InvalidParameters, RecursionError)):
        errors({"$ref": "#"}, 1)


def test_no_more_errors_than_asked_for():
    assert len(Validator({"items": {"type": "string"}}).errors([1] * 50, 10)) == 10
