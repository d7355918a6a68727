"""The mode "value": a cell's one value for Python beside the cell's text."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ScriptError
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def engine():
    with LuaEngine(ToolRegistry(), write=lambda _stream, _text: None) as made:
        yield made


def value(engine, code):
    execution = engine.execute(code, name="=In[1]", mode="value")
    return execution.values, execution.text


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("1 + 1", 2),
        ("x = 2; x * 1.5", 3.0),
        ("nil", None),
        ("'é'", "é"),
        ("'\\xff\\0'", b"\xff\0"),
        ("{a = 1, b = {2, 3}}", {"a": 1, "b": [2, 3]}),
        ("local t = {} for i = 1, 1000 do t[i] = {n = i} end return t", [{"n": i} for i in range(1, 1001)]),
    ],
)
def test_a_plain_value_comes_as_python_has_it(engine, code, wanted):
    assert value(engine, code)[0] == [wanted]


@pytest.mark.parametrize("code", ["print", "{f = print}", "local t = {} t.t = t return t", "1, 2", "{1, nil, 3}"])
def test_what_is_no_plain_value_has_its_text_alone(engine, code):
    values, text = value(engine, code)

    assert values == []
    assert text


def test_statements_have_neither(engine):
    assert value(engine, "x = 1") == ([], None)


def test_an_error_is_that_of_a_cell(engine):
    with pytest.raises(ScriptError, match="boom"):
        value(engine, "error('boom')")

    assert value(engine, "1")[0] == [1]
