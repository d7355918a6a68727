"""`llmspell_tools.returns`, and what every built-in tool promises to give."""

from __future__ import annotations

import jsonschema
import pytest

from llmspell_tools.examples import run_examples
from llmspell_tools.manifest import TOOLS
from llmspell_tools.registry import ToolRegistry
from llmspell_tools.returns import envelope_schema, record


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_a_tools_output_schema_is_a_schema(name):
    schema = ToolRegistry().get(name).returns

    assert schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_what_the_examples_give_fits_the_output_schema(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = ToolRegistry()
    tool = registry.get(name)
    for result in run_examples(registry, tool):
        jsonschema.validate(result["output"], tool.returns, jsonschema.Draft202012Validator)


SCHEMA = envelope_schema({"hash": record({"hash": "string", "note?": ("string", "null")}), "delete": None})


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"operation": "hash", "success": True, "result": {"hash": "ab"}}, True),
        ({"operation": "hash", "success": True, "result": {"hash": "ab", "note": None}}, True),
        ({"operation": "hash", "success": True, "result": {"hash": 5}}, False),
        ({"operation": "hash", "success": True}, False),
        ({"operation": "hash", "success": False, "error": {"code": "c", "message": "m", "details": {}}}, True),
        ({"operation": "delete", "success": True}, True),
        ({"operation": "other", "success": True}, False),
    ],
)
def test_an_envelope_schema_knows_the_result_of_each_operation(value, fits):
    assert fits == jsonschema.Draft202012Validator(SCHEMA).is_valid(value)
