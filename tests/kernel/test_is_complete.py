"""Whether a cell is finished, and how far the next line is indented: Jupyter messaging 5.5, "Code completeness"."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.registry import ToolRegistry

COMPLETE = (
    "",
    "x = 1",
    "1 + 1",
    "x = 1\nx + 1",
    "return",
    "for i = 1, 3 do print(i) end",
    "--[[ done ]]",
    "-- a note",
    "x = [==[ a ]] ]==]",
    "'a \\\nb'",
    "#!/usr/bin/env llmspell\nx = 1",
    "::top::",
    "print 'é'",
)
INCOMPLETE = (
    "for i = 1, 3 do",
    "function f(x)\n  return x",
    "if x then\n  y()\nelse",
    "repeat\n  x()\nuntil",
    "x = ",
    "1 +",
    "{1, 2,",
    "x = 1\nx +",
    "print('a'",
    "f({\n  a = 1,",
    "x = [[ long",
    "--[==[ long",
    "a.b.",
    "'a \\",
    "'a \\z",
)
INVALID = (
    "end",
    "x = = 1",
    "'no end",
    "x = )",
    "break",
    "goto nowhere",
    "local x <const> = 1; x = 2",
    "é = 1",
    "x = \ud800",
)


@pytest.fixture(scope="module")
def engine():
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        yield engine


@pytest.mark.parametrize("code", COMPLETE)
def test_what_lua_takes_is_complete(engine, code):
    assert engine.is_complete(code) == ("complete", "")


@pytest.mark.parametrize("code", INCOMPLETE)
def test_what_goes_on_is_incomplete(engine, code):
    assert engine.is_complete(code)[0] == "incomplete"


@pytest.mark.parametrize("code", INVALID)
def test_what_no_further_line_mends_is_invalid(engine, code):
    assert engine.is_complete(code) == ("invalid", "")


@pytest.mark.parametrize(
    ("code", "indent"),
    [
        ("for i = 1, 3 do", "  "),
        ("if x then\n  for i = 1, 2 do", "    "),
        ("if x then\n  for i = 1, 2 do\n    f()\n  end", "  "),
        ("if x then\n    for i = 1, 2 do", "        "),
        ("if x then\n\ty()", "\t"),
        ("if x then\n  y()\nelse", "  "),
        ("if x then\n  y()\nelseif z then", "  "),
        ("f(function()", "  "),
        ("x = {\n  a = {", "    "),
        ("repeat\n  f()", "  "),
        ("x = ", "  "),
        ("x = [[\n  text", ""),
        ("--[[\n  text", ""),
        ("for i = 1, 3 do -- then", "  "),
        ("local s = 'do' .. (", "  "),
    ],
)
def test_the_next_line_is_indented_below_what_is_open(engine, code, indent):
    assert engine.is_complete(code) == ("incomplete", indent)


def test_nothing_is_run(engine):
    engine.execute("runs = 0", name="=In[1]", mode="cell")

    for code in ("runs = runs + 1", "(function() runs = runs + 1 end)()", "runs +"):
        engine.is_complete(code)

    assert engine.execute("return runs", name="=In[2]", mode="cell").text == "0"


def test_a_cell_beyond_the_size_limit_is_invalid(engine):
    assert engine.is_complete("x = 1 " * 2_000_000) == ("invalid", "")
