"""JSON-like values across the Lua boundary, both ways."""

from __future__ import annotations

import math

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.definition import Tool, ToolResult
from llmspell_tools.errors import ScriptError
from llmspell_tools.registry import ToolRegistry


class Echo:
    """An engine with a tool that keeps what it got and gives back what it is told."""

    def __init__(self):
        self.got = None
        self.give = None
        registry = ToolRegistry()
        registry.register(
            Tool(
                name="echo-back",
                category="custom",
                description="Give back.",
                parameters={"type": "object"},
                open_parameters=True,
                wants_context=False,
                function=self._function,
            )
        )
        self.engine = LuaEngine(registry, write=lambda stream, text: None)

    def _function(self, **parameters):
        self.got = parameters
        return ToolResult({"operation": "echo", "success": True, "result": self.give})

    def run(self, code):
        return self.engine.execute(code, name="@c.lua", mode="script", timeout_s=5).values


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.engine.close()


@pytest.mark.parametrize(
    ("lua", "expected"),
    [
        ("'plain'", "plain"),
        ("'äöü €'", "äöü €"),
        (r"'\xff\x00'", b"\xff\x00"),
        ("''", ""),
        ("1", 1),
        ("-0.5", -0.5),
        ("5.0", 5.0),
        ("math.maxinteger", 2**63 - 1),
        ("math.mininteger", -(2**63)),
        ("2^53", 2.0**53),
        ("true", True),
        ("{}", {}),
        ("JSON.array()", []),
        ("{ 1, 2, 3 }", [1, 2, 3]),
        ("{ { 1 }, {} , { a = { 'b' } } }", [[1], {}, {"a": ["b"]}]),
        ("{ a = JSON.null }", {"a": None}),
        ("{ 1, JSON.null, 3 }", [1, None, 3]),
        ("{ [10] = 'x', [20] = 'y' }", {"10": "x", "20": "y"}),
        ("{ ['ключ'] = 1 }", {"ключ": 1}),
        ("(function() local t = {} for i = 1, 5000 do t[i] = i end return t end)()", list(range(1, 5001))),
        ("setmetatable({ a = 1 }, { __index = { b = 2 }, __pairs = error })", {"a": 1}),
    ],
)
def test_lua_values_reach_python(echo, lua, expected):
    echo.run(f"Tool.invoke('echo-back', {{ value = {lua} }})")

    assert echo.got == {"value": expected}
    assert type(echo.got["value"]) is type(expected)


@pytest.mark.parametrize(
    ("lua", "part"),
    [
        ("{ deep = { 1, 2, x = 3 } }", "'value.deep'"),
        ("{ 1, nil, 3 }", "'value'"),
        ("{ [1.5] = 1 }", "'value'"),
        ("{ [true] = 1 }", "boolean"),
        ("{ a = 1, [5] = 2 }", "string and number"),
        ("0/0", "'value'"),
        ("math.huge", "inf"),
        ("{ list = { 1, -math.huge } }", r"'value.list\[2\]'"),
        ("print", "function"),
        ("coroutine.create(print)", "thread"),
    ],
)
def test_values_without_json_form_are_refused_with_their_place(echo, lua, part):
    with pytest.raises(ScriptError, match=part) as caught:
        echo.run(f"Tool.invoke('echo-back', {{ value = {lua} }})")

    assert "Validation error" in caught.value.message
    assert echo.got is None


def test_cycle_is_refused_naming_the_path(echo):
    with pytest.raises(ScriptError, match=r"'value.inner.back' contains itself"):
        echo.run("local t = { inner = {} } t.inner.back = t Tool.invoke('echo-back', { value = t })")


def test_table_met_twice_is_no_cycle(echo):
    echo.run("local t = { 1 } Tool.invoke('echo-back', { a = t, b = t })")

    assert echo.got == {"a": [1], "b": [1]}


def test_nesting_is_capped(echo):
    code = "local t = {} for i = 1, %d do t = { t } end Tool.invoke('echo-back', { value = t })"
    echo.run(code % 100)

    with pytest.raises(ScriptError, match="nested more than"):
        echo.run(code % 1000)


@pytest.mark.parametrize(
    ("given", "lua", "expected"),
    [
        ({"a": 1, "b": 2.5, "c": "x", "d": True}, "v.a, v.b, v.c, v.d, math.type(v.a), math.type(v.b)",
         [1, 2.5, "x", True, "integer", "float"]),
        ([1, 2, 3], "#v, v[1], v[3]", [3, 1, 3]),
        ({"text": "äöü €"}, "v.text, #v.text", ["äöü €", 10]),
        ({"ключ": 1}, "v['ключ']", [1]),
        ({"nothing": None, "some": 1}, "v.nothing == nil, v.some", [True, 1]),
        ({"raw": b"\xff\x00"}, "#v.raw, v.raw:byte(1)", [2, 255]),
        ({"big": 2**70}, "v.big", [str(2**70)]),
        ({"edge": 2**63 - 1}, "v.edge == math.maxinteger", [True]),
        ({"empty": [], "none": {}}, "JSON.stringify(v)", ['{"empty":[],"none":{}}']),
        ([[], [[1]]], "JSON.stringify(v)", ["[[],[[1]]]"]),
        ({"deep": {"deeper": {"list": [{"x": 1}]}}}, "v.deep.deeper.list[1].x", [1]),
        ({"f": 1e300}, "v.f", [1e300]),
    ],
)  # fmt: skip
def test_python_values_reach_lua(echo, given, lua, expected):
    """Three times: the first results of a shape cross as tables, later ones by their constructor."""
    echo.give = given
    values = [echo.run(f"local v = Tool.invoke('echo-back', {{}}).result return {lua}") for _ in range(3)]

    assert values == [expected] * 3


def test_large_values_cross_both_ways(echo):
    echo.give = {"rows": [{"id": i, "name": f"row {i}"} for i in range(2000)]}

    echo.run("local r = Tool.invoke('echo-back', {}).result Tool.invoke('echo-back', r)")

    assert echo.got == echo.give


def test_floats_keep_every_bit(echo):
    numbers = [0.1, 1 / 3, math.pi, 5e-324, 1.7976931348623157e308, -0.0]
    echo.give = {"numbers": numbers}

    echo.run("Tool.invoke('echo-back', { v = Tool.invoke('echo-back', {}).result.numbers })")

    assert [number.hex() for number in echo.got["v"]] == [number.hex() for number in numbers]


def test_file_name_that_is_not_utf8_round_trips_through_text(echo):
    echo.give = {"name": b"caf\xe9".decode("utf-8", "surrogateescape")}

    assert echo.run(r"return Tool.invoke('echo-back', {}).result.name == 'caf\xe9'") == [True]
