"""`llmspell_tools.definition`: schemas that are text or a function until somebody asks for them."""

from __future__ import annotations

import sys

import pytest

from llmspell_tools import jsontext
from llmspell_tools.definition import Tool, tool
from llmspell_tools.manifest import TOOLS
from llmspell_tools.registry import ToolRegistry

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
EXAMPLE = {"description": "d", "params": {"a": 1}, "result": {"b": 2}}


def made(**values):
    return Tool(name="one", category="custom", function=lambda **_: 1, description="d", **values)


def test_text_is_decoded_once_when_it_is_asked_for():
    one = made(parameters=jsontext.dumps(SCHEMA), returns=jsontext.dumps(SCHEMA), examples=jsontext.dumps([EXAMPLE]))

    assert (one.parameters, one.returns, one.examples) == (SCHEMA, SCHEMA, (EXAMPLE,))
    assert one.parameters is one.parameters
    assert one.returns is one.returns
    assert one.examples is one.examples


def test_objects_are_taken_as_they_are():
    one = made(parameters=SCHEMA, returns=SCHEMA, examples=[EXAMPLE])

    assert one.parameters is SCHEMA
    assert one.returns is SCHEMA
    assert one.examples == (EXAMPLE,)


def test_what_is_not_given_is_empty():
    one = tool(name="one")(lambda: 1)

    assert (one.parameters["type"], one.returns, one.examples) == ("object", None, ())


def test_a_function_makes_the_output_schema_when_it_is_asked_for():
    asked = []

    def returns():
        asked.append(1)
        return SCHEMA

    one = tool(name="one", returns=returns)(lambda: 1)

    assert asked == []
    assert one.returns is one.returns is SCHEMA
    assert asked == [1]


def test_a_plug_ins_dicts_serve_a_call():
    registry = ToolRegistry()
    registry.register(made(parameters=SCHEMA, open_parameters=True))

    assert registry.invoke("one", {"a": 1}).output == 1


def test_listing_and_describing_built_in_tools_decodes_nothing(monkeypatch):
    def refuse(text):
        raise AssertionError("decoded")

    monkeypatch.setattr(jsontext, "loads", refuse)
    tools = ToolRegistry().list()

    assert [each.name for each in tools] == sorted(TOOLS)
    assert all(each.description and each.category and each.level for each in tools)


def test_a_call_decodes_the_parameters_of_its_tool_alone(monkeypatch):
    decoded = []
    loads = jsontext.loads
    monkeypatch.setattr(jsontext, "loads", lambda text: decoded.append(text) or loads(text))
    ToolRegistry().invoke("calculator", {"input": "1"})

    assert decoded == [TOOLS["calculator"]["parameters"]]


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_the_manifest_holds_what_the_tools_own_file_says(name):
    entry = TOOLS[name]
    listed = Tool(**entry)
    __import__(entry["module"])
    own = getattr(sys.modules[entry["module"]], name.replace("-", "_"))

    assert (listed.parameters, listed.returns) == (own.parameters, own.returns)
    assert jsontext.dumps(listed.examples) == jsontext.dumps(own.examples)
    for key in ("level", "levels", "requires", "annotations", "settings", "failure", "wants_context"):
        assert getattr(listed, key) == getattr(own, key)
