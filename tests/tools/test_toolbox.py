"""`tools` as notebooks and the Python API have it: attributes with signatures, help and completion."""

from __future__ import annotations

import inspect
import traceback

import pytest

from llmspell_tools.definition import Tool, ToolResult
from llmspell_tools.errors import InvalidParameters, ToolNotFound
from llmspell_tools.registry import ToolRegistry
from llmspell_tools.toolbox import Toolbox


@pytest.fixture
def tools():
    registry = ToolRegistry()
    return Toolbox(lambda: registry)


def test_an_attribute_is_the_tool_as_a_function(tools):
    result = tools.hash_calculator(operation="hash", input="hello")

    assert isinstance(result, ToolResult)
    assert result.output["success"] is True


def test_any_spelling_and_alias_is_an_item(tools):
    assert tools["hash_calculator"].tool is tools["hash-calculator"].tool


def test_parameters_are_checked(tools):
    with pytest.raises(InvalidParameters):
        tools.calculator(inptu="1")


def test_a_wrong_name_is_an_attribute_error_and_a_wrong_item_says_the_nearest(tools):
    assert not hasattr(tools, "calculatr")
    with pytest.raises(ToolNotFound, match="did you mean 'calculator'"):
        tools["calculatr"]
    with pytest.raises(AttributeError, match="did you mean 'calculator'") as raised:
        _ = tools.calculatr
    assert "Did you mean" not in "".join(traceback.format_exception(raised.value))


def test_completion_sees_every_tool(tools):
    assert dir(tools) == [tool.name.replace("-", "_") for tool in tools()]
    assert "hash_calculator" in dir(tools)


def test_a_call_gives_definitions_as_before(tools):
    assert all(isinstance(tool, Tool) and tool.category == "filesystem" for tool in tools("filesystem"))
    assert len(tools) == len([*tools]) > len(tools("filesystem"))
    assert "calculator" in tools
    assert "nothing" not in tools


def test_the_signature_is_the_schemas(tools):
    signature = inspect.signature(tools.base64_encoder)

    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in signature.parameters.values())
    assert "'url-safe'" in signature.parameters["variant"].annotation


def test_every_tool_has_a_docstring_with_its_parameters(tools):
    for tool in tools:
        bound = tools[tool.name]
        properties = tool.parameters.get("properties", {})

        assert tool.description in inspect.getdoc(bound)
        assert all(f"    {name} (" in inspect.getdoc(bound) for name in properties)
        inspect.signature(bound)


def test_a_result_shows_its_tables_in_a_notebook(tools):
    result = tools.csv_analyzer(operation="analyze", input="a,b\n1,x\n2,y\n")

    bundle = result._repr_mimebundle_()

    assert "<table" in bundle["text/html"]
    assert bundle["text/plain"]


def test_a_result_without_media_shows_its_text(tools):
    result = tools.calculator(input="2 + 2")

    assert result._repr_mimebundle_() == {"text/plain": result.text}


def test_the_tools_themselves_show_as_a_table(tools):
    bundle = tools._repr_mimebundle_()

    assert "hash-calculator" in bundle["text/plain"]
    assert "<table" in bundle["text/html"]
