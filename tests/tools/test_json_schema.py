"""The JSON Schema checks of json-processor: drafts, errors, references and wrong schemas (`surface.md` 4.4)."""

from __future__ import annotations

import pytest

from llmspell_tools.builtin.data import json_schema
from llmspell_tools.errors import InvalidParameters

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def errors(schema, value, most=100):
    return json_schema.errors(schema, value, most)


def places(schema, value):
    return [(error["path"], error["keyword"]) for error in errors(schema, value)]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 1, [("", "type")]),
        ({"type": "integer"}, 1.0, []),
        ({"type": "integer"}, True, [("", "type")]),
        ({"required": ["a", "b"]}, {}, [("", "required"), ("", "required")]),
        (
            {"properties": {"a": {"items": {"minimum": 0}}}},
            {"a": [1, -1, -2]},
            [("/a/1", "minimum"), ("/a/2", "minimum")],
        ),
        ({"additionalProperties": {"type": "null"}}, {"a/b": 1, "c~d": 1}, [("/a~1b", "type"), ("/c~0d", "type")]),
        ({"enum": [1, 2]}, 3, [("", "enum")]),
        ({"anyOf": [{"type": "null"}, {"minimum": 4}]}, 3, [("", "anyOf")]),
        ({"oneOf": [True, True]}, 3, [("", "oneOf")]),
        ({"if": {"const": 1}, "then": False, "else": {"minimum": 5}}, 3, [("", "minimum")]),
        ({"properties": {"a": False}}, {"a": 1}, [("", "false")]),
        (False, 1, [("", "false")]),
        (True, 1, []),
        ({"format": "email"}, "no mail", []),
        ({"$ref": "#/definitions/n", "definitions": {"n": {"type": "null"}}}, 1, [("", "type")]),
        ({"$ref": DRAFT_7}, {"type": "nope"}, [("/type", "anyOf")]),
        ({"items": [{"type": "null"}], "additionalItems": False}, [None, 1], [("", "additionalItems")]),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, [("", "dependencies")]),
    ],
)
def test_draft_7_tells_every_error_with_path_and_keyword(schema, value, expected):
    assert places(schema, value) == expected


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"prefixItems": [{"type": "null"}], "items": False}, [None, 1], [("", "items")]),
        ({"$ref": "#/$defs/n", "minimum": 5, "$defs": {"n": {"type": "integer"}}}, 1, [("", "minimum")]),
        (
            {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
            {"b": 1},
            [("", "unevaluatedProperties")],
        ),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [("", "dependentRequired")]),
        ({"contains": {"const": 1}, "minContains": 2}, [1], [("", "minContains")]),
        ({"$defs": {"n": {"$anchor": "n", "type": "null"}}, "items": {"$ref": "#n"}}, [1], [("/0", "type")]),
    ],
)
def test_2020_12_is_recognised_by_its_keywords(schema, value, expected):
    assert places(schema, value) == expected
    assert places({"$schema": DRAFT_2020, **schema}, value) == expected


def test_a_named_draft_ignores_the_keywords_of_others():
    assert errors({"$schema": DRAFT_7, "prefixItems": [False]}, [1]) == []
    assert errors({"$schema": DRAFT_2020, "dependencies": {"a": ["b"]}}, {"a": 1}) == []


@pytest.mark.parametrize("draft", ["draft-04/schema#", "draft-06/schema#", "draft-07/schema"])
def test_older_drafts_are_known_by_name(draft):
    assert places({"$schema": f"http://json-schema.org/{draft}", "type": "null"}, 1) == [("", "type")]


def test_a_message_of_a_large_value_is_cut():
    [error] = errors({"maxLength": 2}, "x" * 5000)

    assert len(error["message"]) == 300


def test_no_more_errors_than_asked_for():
    assert len(errors({"items": {"type": "string"}}, [1] * 50, 10)) == 10


@pytest.mark.parametrize(
    "schema",
    [
        7, "text", None, [], {"type": "strin"}, {"type": 3}, {"properties": []}, {"properties": {"a": 3}},
        {"required": "a"}, {"minimum": "1"}, {"pattern": "("}, {"patternProperties": {"(": True}},
        {"$ref": "#/definitions/none"}, {"$ref": "http://example.test/other.json"}, {"$ref": "#none"},
        {"$schema": "http://example.test/schema"}, {"$schema": 7}, {"allOf": {}}, {"minLength": 1.5},
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused_as_such(schema):
    with pytest.raises(InvalidParameters, match=r"^schema: ") as caught:
        errors(schema, {"a": "a"})

    assert caught.value.field == "schema"
