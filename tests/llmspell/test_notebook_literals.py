"""Parameters as Lua source: exact, and what a cell of parameters declares."""

from __future__ import annotations

import pytest

from llmspell.notebook.lua_literals import MAX_DEPTH, assignments, declared, kind_of, literal
from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.registry import ToolRegistry


@pytest.fixture(scope="module")
def engine():
    with LuaEngine(ToolRegistry(), write=lambda _stream, _text: None) as made:
        yield made


def evaluated(engine, source):
    (value,) = engine.execute(f"return {source}", name="=test", mode="value").values
    return value


EXACT = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 1.0, -0.0, 0.1, 1e16, 1e300, 5e-324, 2.0**53, "", "plain",
    "quotes \" ' \\ [[ ]] --", "\n\r\t\0\x01\x7f\x1b", "1\0001", "é 😀 \u2028\x85", "%d {x} $y", b"\xff\xfe\0",
    [1, 2.5, "x", [True, [0]]], {"end": 1, "a b": {"c": [1]}, "_ok": "y", "é": 2}, {"1": "text key"},
]  # fmt: skip


@pytest.mark.parametrize("value", EXACT, ids=ascii)
def test_a_literal_is_the_value(engine, value):
    found = evaluated(engine, literal(value))

    assert found == value
    assert isinstance(value, dict) or repr(found) == repr(value)  # 1 is no 1.0, 0.0 no -0.0


def test_what_lua_has_no_integer_for_is_its_text(engine):
    """The rule of every value that crosses to Lua (`llmspell_kernel.lua.convert`)."""
    assert evaluated(engine, literal(2**63)) == str(2**63)
    assert evaluated(engine, literal(-(10**30))) == str(-(10**30))


def test_nil_in_a_table_is_left_out(engine):
    assert evaluated(engine, literal({"a": None, "b": 1})) == {"b": 1}
    assert evaluated(engine, f"({literal([1, None, 3])})[3]") == 3


def test_integer_keys_stay_integers(engine):
    assert evaluated(engine, f"({literal({2: 'two', 3: 'three'})})[2]") == "two"


def test_deep_tables_compile(engine):
    value = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]

    assert evaluated(engine, f"#{literal(value)}") == 1


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), {1}, object(), {(1, 2): 3}, {1.5: 1}])
def test_what_has_no_form_is_refused_by_name(value):
    with pytest.raises(InvalidParameters, match="rate"):
        literal(value, "rate")


def test_nesting_without_end_is_refused():
    loop = []
    loop.append(loop)

    with pytest.raises(InvalidParameters, match="nested"):
        literal(loop)


def test_assignments_are_globals_under_a_comment():
    assert assignments({"n": 1, "name": 'a"b'}, "Parameters") == '-- Parameters\nn = 1\nname = "a\\"b"\n'


@pytest.mark.parametrize("name", ["end", "1a", "a-b", "a.b", "é", "", "a b", "x=1--"])
def test_a_name_that_lua_has_none_of_is_refused(name):
    with pytest.raises(InvalidParameters, match="Lua"):
        assignments({name: 1})


CELL = """
-- what this notebook takes
n = 10          -- how many
local name <const> = "x -- y"   -- a name
kinds = {
  "rain", "snow", -- two of them
}
options = { limit = 1, ["b"] = 2 }
ratio = -1.5e3; flag = false
long = [[
  x = 1
]]
made = function()
  inner = 3
end
if n == 10 then m = 4 end
empty = nil
x, y = 1, 2
--[[ z = 1 ]]
"""


def test_a_cell_declares_what_it_sets_outside_of_blocks():
    found = {each.name: (each.default, each.kind, each.help) for each in declared(CELL)}

    assert found == {
        "n": ("10", "number", "how many"),
        "name": ('"x -- y"', "string", "a name"),
        "kinds": ('{\n  "rain", "snow", \n}', "array", "two of them"),
        "options": ('{ limit = 1, ["b"] = 2 }', "object", ""),
        "ratio": ("-1.5e3", "number", ""),
        "flag": ("false", "boolean", ""),
        "long": ("[[\n  x = 1\n]]", "string", ""),
        "made": ("function()\n  inner = 3\nend", "", ""),
        "empty": ("nil", "", ""),
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [("'x'", "string"), ("[==[x]==]", "string"), ("True", "boolean"), ("0x1F", "number"), (".5", "number"),
     ("-3", "number"), ("[1, 2]", "array"), ("{'a': 1}", "object"), ("{1, 2}", "array"), ("{}", ""), ("None", ""),
     ("1 + 2", ""), ("{[1] = 2}", "object"), ("{[[x]]}", "array"), ("{a == 1}", "array")],
)  # fmt: skip
def test_the_kind_of_a_default_is_read_from_its_text(text, kind):
    assert kind_of(text) == kind
