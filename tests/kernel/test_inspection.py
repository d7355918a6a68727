"""Inspection of cells, through the engine: what is said of tools, functions and values; and nothing runs for it."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_kernel.lua.inspection_manual import entries
from llmspell_tools.registry import ToolRegistry

SETUP = """
cfg = {host = "a", nested = {deep = 1}}
t = Tool.get("calculator")
s = "häl"
--- Add two numbers.
-- @param a the <first>
function add(a, b)
  return a + b
end
--[[ Multiply. ]]
function cfg.times(x, ...) return x end
runs = 0
local function ran() runs = runs + 1 error("ran") end
trap = setmetatable({}, {__index = ran, __len = ran, __pairs = ran, __tostring = ran, __eq = ran, __name = "Trap"})
co = coroutine.create(function() end)
"""


@pytest.fixture(scope="module")
def engine():
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        engine.execute(SETUP, name="=In[1]", mode="cell")
        yield engine


def inspect(engine, marked, detail=0):
    """Inspect at the mark `|`; return the MIME bundle."""
    cursor = marked.index("|")
    return engine.inspect(marked[:cursor] + marked[cursor + 1 :], cursor, detail)


SHOWN = [
    ("ad|d", "function add(a, b)"),
    ("|add(1)", "function add(a, b)"),
    ("add(1, |", "function add(a, b)"),
    ("print(add(|", "function add(a, b)"),
    ("cfg.times|", "function cfg.times(x, ...)"),
    ("string.re|p", "string.rep(s, n [, sep]) -> string"),
    ("s:up|per()", "string.upper(s) -> string"),
    ("local rep = string.rep\nrep|", "string.rep(s, n [, sep]) -> string"),
    ("io.stdout:wri|te('x')", "file:write(...) -> file"),
    ("cfg|", "cfg: table"),
    ("cfg.hos|t", "cfg.host: string"),
    ("math.pi|", "math.pi: float"),
    ("co|", "co: thread"),
    ("t|", 'Tool.execute("calculator", params)'),
    ("Tool.calculator|", 'Tool.execute("calculator", params)'),
    ('Tool.execute("calc|ulator")', 'Tool.execute("calculator", params)'),
    ("Tool.get 'calc|ulator'", 'Tool.execute("calculator", params)'),
    ('Tool["calc|ulator"]', 'Tool.execute("calculator", params)'),
    ('Tool.execute("calculator", { |', 'Tool.execute("calculator", params)'),
    ("t:execute|", 'Tool.execute("calculator", params)'),
    ('Tool.execute("calculator", { inp|ut = "1" })', "input: string"),
    ('Tool.execute("calculator", { operation = "eva|luate" })', 'operation: "evaluate" | "validate" | "functions"'),
    ("local function q(z)\n  return z\nend\nq|", "function q(z)"),
    ("local x = 3\nx|", "x"),
    ('local res = Tool.execute("calculator", {})\nres.result|', "res.result: object"),
]


@pytest.mark.parametrize(("marked", "first_line"), SHOWN, ids=[row[0] for row in SHOWN])
def test_what_stands_at_the_place_is_told(engine, marked, first_line):
    bundle = inspect(engine, marked)

    assert bundle["text/plain"].split("\n")[0] == first_line
    assert set(bundle) == {"text/plain", "text/markdown", "text/html"}


@pytest.mark.parametrize("marked", ["nope|", "-- ad|d", "whi|le", "|", "x = 5 + |", "'ad|d'", "nope.nope.nope|", "5|"])
def test_where_nothing_is_known_nothing_is_found(engine, marked):
    assert inspect(engine, marked) == {}


def test_nothing_of_a_script_runs(engine):
    for marked in ("trap|", "trap.x|", "trap:y|", "trap(|"):
        inspect(engine, marked, 1)

    assert engine.execute("return runs", name="=In[2]", mode="cell").text == "0"
    assert "Trap" in inspect(engine, "trap|")["text/plain"]


def test_the_comment_above_a_function_is_its_text(engine):
    assert "Add two numbers.\n@param a the <first>" in inspect(engine, "add|")["text/plain"]
    assert "Multiply." in inspect(engine, "cfg.times|")["text/plain"]
    assert "Subtract." in inspect(engine, "-- Subtract.\nlocal function sub() end\nsub|")["text/plain"]


def test_the_source_comes_with_detail_level_1(engine):
    source = "function add(a, b)\n    return a + b\n  end"

    assert source not in inspect(engine, "add|", 0)["text/plain"]
    assert source in inspect(engine, "add|", 1)["text/plain"]
    assert "In[1]:7" in inspect(engine, "add|")["text/plain"]
    assert "return z" in inspect(engine, "local function q(z)\n  return z\nend\nq|", 1)["text/plain"]


def test_a_modules_function_shows_its_file(tmp_path):
    (tmp_path / "shapes.lua").write_text(
        "local M = {}\n--- The area.\nfunction M.area(w, h) return w * h end\nreturn M\n"
    )
    settings = EngineSettings(script_dir=str(tmp_path))
    with LuaEngine(ToolRegistry(), write=lambda *_: None, settings=settings) as engine:
        engine.execute("shapes = require 'shapes'", name="=In[1]", mode="cell")

        page = inspect(engine, "shapes.area|", 1)["text/plain"]

    assert "shapes.lua:3" in page
    assert "The area." in page
    assert "return w * h" in page


def test_a_tool_is_described_whole(engine):
    bundle = inspect(engine, "Tool.hash_calculator|")
    page = bundle["text/plain"]

    assert all(words in page for words in ("Category: utility", "Level:", "expected_hash", "for verify", "sha256"))
    assert 'Tool.execute("hash-calculator", {operation = "hash", input = "hello"})' in page
    assert "| expected_hash | string | for verify |" in bundle["text/markdown"]
    assert "```lua\nTool.execute" in bundle["text/markdown"]
    assert "<table" in bundle["text/html"]


def test_values_show_type_size_and_a_part(engine):
    assert "4 bytes, 3 characters" in inspect(engine, "s|")["text/plain"]
    assert '{host = "a", nested = {deep = 1}, times = function}' in inspect(engine, "cfg|")["text/plain"]


def test_a_huge_value_shows_in_part(engine):
    engine.execute("big = {} for i = 1, 1e6 do big['k' .. i] = i end", name="=In[3]", mode="cell")
    engine.execute("text = ('x'):rep(1e6) list = {} for i = 1, 1e6 do list[i] = i end", name="=In[4]", mode="cell")

    assert len(inspect(engine, "big|")["text/plain"]) < 1_000
    assert "at least" in inspect(engine, "big|")["text/plain"]
    assert "1000000" in inspect(engine, "list|")["text/plain"]
    assert len(inspect(engine, "text|")["text/plain"]) < 1_000


def test_markup_in_code_stays_text(engine):
    engine.execute('evil = "<img src=x onerror=alert(1)>`` ```"', name="=In[5]", mode="cell")
    bundle = inspect(engine, "evil|")

    assert "<img" not in bundle["text/html"]
    assert '````"<img' in bundle["text/markdown"]  # inside of more backticks than the text has
    assert "<first>" not in inspect(engine, "add|")["text/html"]


def test_plain_text_has_no_control_characters(engine):
    engine.execute('colour = "\\27[31mred" -- \x1b[0m\nfunction red() end', name="=In[6]", mode="cell")
    engine.execute("-- \x1b[31m\nfunction red() end", name="=In[7]", mode="cell")

    for marked, _ in [*SHOWN, ("colour|", ""), ("red|", "")]:
        assert "\x1b" not in inspect(engine, marked, 1)["text/plain"]


def test_the_manual_has_every_name_of_the_library_and_no_other():
    """A new global function needs a line in `inspection_manual.py`."""
    names = []
    with LuaEngine(ToolRegistry(), write=lambda stream, text: names.append(text)) as engine:
        engine.execute(
            """for name, value in pairs(_G) do
              if type(value) == "table" and value ~= _G then
                for member in pairs(value) do print(name .. "." .. member) end
              else print(name) end
            end""",
            name="=In[1]", mode="cell",
        )  # fmt: skip
    have = set("".join(names).split())
    documented = {name for name in entries() if ":" not in name}

    assert have - documented == set()
    assert {name for name in documented - have if "." in name} == set()
