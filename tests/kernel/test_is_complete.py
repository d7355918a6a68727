"""Whether a cell is finished, and how far the next line is indented: Jupyter messaging 5.5, "Code completeness"."""

from __future__ import annotations

import pytest

from llmspell_kernel.dispatch import Request
from llmspell_kernel.handlers.complete import complete_request
from llmspell_kernel.handlers.inspect import inspect_request, question_of
from llmspell_kernel.handlers.is_complete import is_complete_request
from llmspell_kernel.language import Completion, Languages, Match
from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.completeness import guess
from llmspell_kernel.message import Message
from llmspell_kernel.wire import Wire
from llmspell_tools.errors import InvalidParameters
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
    "#{1, 2,",
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


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("for i = 1, 3 do", "incomplete", "  "),
        ("if x then\n  f(1,", "incomplete", "    "),
        ("x = [[ long", "incomplete", ""),
        ("for i = 1, 3 do f() end", "unknown", ""),
        ("x = 'a", "unknown", ""),
        ("", "unknown", ""),
    ],
)
def test_tokens_alone_tell_what_is_still_open(code, status, indent):
    assert guess(code) == (status, indent)


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


# --- the requests -----------------------------------------------------------------------------------------------------


class Percent:
    """A language that takes cells with a percent sign in front, and no others."""

    def complete(self, code, cursor):
        return Completion([Match("%time", "magic")], 0, cursor) if code.startswith("%") else None

    def inspect(self, code, cursor, detail):
        return {"text/plain": "a magic"} if code.startswith("%") else None

    def is_complete(self, code):
        return ("complete", "") if code.startswith("%") else None


def request(**content):
    header = {"msg_id": "m", "msg_type": "x_request", "session": "s"}
    return Request(Message([b"client"], header, b"{}", b"{}", content), Wire(b"key"), lambda frames: None)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("print?", "complete"),
        ("?print", "complete"),
    ],
)
def test_a_question_is_complete(engine, code, status):
    assert is_complete_request(engine, request(code=code))["status"] == status


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("print?", ("print", 0)),
        ("?print", ("print", 0)),
        (" Tool.calculator?? ", ("Tool.calculator", 1)),
        ("??print", ("print", 1)),
        ("x = 1", None),
        ("?", None),
        ("a?b?", None),
        ("x = 1\nprint?", None),
        ("-- really", None),
        ("%tool?", ("%tool", 0)),
        ("%tool calculator?", ("%tool calculator", 0)),
        ("%tool text-manipulator operation=uppercase input=why?", None),
    ],
)
def test_a_question_is_one_line_with_a_question_mark_at_an_end(code, question):
    assert question_of(code) == question


def test_the_first_language_that_knows_a_cell_answers(engine):
    languages = Languages(Percent(), engine)

    assert languages.inspect("%time", 2, 0) == {"text/plain": "a magic"}
    assert languages.complete("%ti", 3).matches[0].text == "%time"
    assert languages.complete("pri", 3).matches[0].text == "print"
    assert languages.is_complete("% no lua") == ("complete", "")
    assert languages.is_complete("x =")[0] == "incomplete"
    assert languages.inspect("print", 3, 0)["text/plain"].startswith("print(")


def test_where_no_language_knows_a_cell_nothing_is_offered():
    nobody = Languages(Percent())

    assert complete_request(nobody, request(code="x", cursor_pos=1))["matches"] == []
    assert inspect_request(nobody, request(code="x", cursor_pos=1))["found"] is False
    assert is_complete_request(nobody, request(code="x")) == {"status": "unknown"}


def test_a_cursor_outside_of_the_code_is_moved_to_its_end(engine):
    for cursor, start in ((99, 0), (-5, 0), (None, 0)):
        reply = complete_request(engine, request(code="prin", cursor_pos=cursor))
        assert reply["cursor_start"] == start
        assert reply["cursor_end"] <= 4


@pytest.mark.parametrize(
    "content", [{}, {"code": 5}, {"code": "x", "cursor_pos": "1"}, {"code": "x", "cursor_pos": True}]
)
def test_a_place_that_is_none_is_refused(engine, content):
    for ask in (complete_request, inspect_request):
        with pytest.raises(InvalidParameters):
            ask(engine, request(**content))
