"""The global JSON: parse, stringify, pretty, null, array. Source: the original's Lua API."""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ScriptError
from llmspell_tools.registry import ToolRegistry


@pytest.fixture(scope="module")
def engine():
    made = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, code, *args):
    return engine.execute(code, name="@j.lua", mode="script", args=list(args), timeout_s=5).values


@pytest.mark.parametrize(
    ("lua", "text"),
    [
        ("{ b = 1, a = { c = 2, ['a b'] = 3 } }", '{"a":{"a b":3,"c":2},"b":1}'),
        ("{ 1, 2.0, 'x', true, JSON.null }", '[1,2.0,"x",true,null]'),
        ("'ä\\n\"'", '"ä\\n\\""'),
        ("{}", "{}"),
        ("JSON.array()", "[]"),
        ("nil", "null"),
        ("JSON.null", "null"),
    ],
)
def test_stringify_is_compact_with_sorted_keys(engine, lua, text):
    assert run(engine, f"return JSON.stringify({lua})") == [text]


def test_pretty_indents_by_two(engine):
    assert run(engine, "return JSON.pretty({ a = { 1 } })") == ['{\n  "a": [\n    1\n  ]\n}']


def test_null_is_nil_unless_asked_for(engine):
    code = "local t = JSON.parse(ARGS[1]) local k = JSON.parse(ARGS[1], { null = true }) return t.a == nil, k.a == JSON.null, JSON.stringify(k)"

    assert run(engine, code, '{"a":null}') == [True, True, '{"a":null}']


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", "1 2", "NaN", "'x'", "[" * 100_000])
def test_parse_errors_say_so(engine, text):
    with pytest.raises(ScriptError, match="JSON parse error: "):
        run(engine, "JSON.parse(ARGS[1])", text)


def test_parse_error_is_a_string_with_the_script_line(engine):
    values = run(engine, "\nlocal ok, message = pcall(JSON.parse, '{') return ok, type(message), message")

    assert values[:2] == [False, "string"]
    assert "JSON parse error: JSON syntax error at line 1 column 2" in values[2]


@pytest.mark.parametrize("lua", ["{ 1, x = 2 }", "print", "0/0", r"'\xff'", "{ f = coroutine.create(print) }"])
def test_stringify_errors_say_so(engine, lua):
    with pytest.raises(ScriptError, match="JSON stringify error: "):
        run(engine, f"JSON.stringify({lua})")


@pytest.mark.parametrize("lua", ["nil", "1", "{}", "print"])
def test_parse_wants_text(engine, lua):
    with pytest.raises(ScriptError, match="JSON parse error: a string was expected"):
        run(engine, f"JSON.parse({lua})")


SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(value=VALUES)
def test_any_json_round_trips(value):
    """Except null, which is nil: a key or place with it is not there."""
    text = json.dumps(value, ensure_ascii=False)

    back = run(ENGINE, "return JSON.stringify(JSON.parse(ARGS[1]))", text)[0]

    assert json.loads(back) == value


ENGINE = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
