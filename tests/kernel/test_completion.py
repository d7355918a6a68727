"""Completion of cells, through the engine: what is offered where, and that nothing of a script runs for it."""

from __future__ import annotations

import os

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

SETUP = """
cfg = {host = "a", port = 1, ["odd key"] = 2, nested = {deep = {deeper = 1}}, [1] = "one", __private = 1}
obj = setmetatable({own = 1}, {__index = {inherited = function(self, a, b) end, other = 2}})
s = "text"
t = Tool.get("calculator")
f = io.tmpfile()
r = Tool.execute("calculator", {input = "1 + 1"})
runs = 0
local function ran() runs = runs + 1 error("ran") end
trap = setmetatable({}, {__index = ran, __len = ran, __pairs = ran, __tostring = ran, __call = ran, __eq = ran})
chain = setmetatable({}, {__index = setmetatable({}, {__index = ran})})
loop = {}
setmetatable(loop, {__index = loop})
"""


@pytest.fixture(scope="module")
def engine():
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        engine.execute(SETUP, name="=In[1]", mode="cell")
        yield engine


def complete(engine, marked):
    """Complete at the mark `|`; return the matches by text."""
    cursor = marked.index("|")
    completion = engine.complete(marked[:cursor] + marked[cursor + 1 :], cursor)
    assert 0 <= completion.start <= completion.end == cursor
    return {match.text: match for match in completion.matches}


OFFERED = [
    # keywords, locals, globals
    ("elsei|", {"elseif"}),
    ("pri|", {"print"}),
    ("local count = 1\ncoun|", {"count"}),
    ("function area(width, height)\n  hei|", {"height"}),
    ("function area(width, height)\nend\nare|", {"area"}),
    ("for key, value in pairs(cfg) do\n  val|", {"value"}),
    ("repeat local done = f() until don|", {"done"}),
    ("local x <co|", {"const"}),
    ("local func|", {"function"}),
    ("goto do|\n::done::", {"done"}),
    # fields and methods
    ("cfg.|", {"host", "port", "nested"}),
    ("cfg.__|", {"__private"}),
    ("cfg.nested.deep.|", {"deeper"}),
    ('cfg["nested"].|', {"deep"}),
    ('cfg["|', {"host", "port", "nested", "odd key", "__private"}),
    ("_G.cf|", {"cfg"}),
    ("obj.|", {"own", "inherited", "other"}),
    ("obj:|", {"inherited"}),
    ("loop.|", set()),
    ("s:up|", {"upper"}),
    ('("x"):up|', {"upper"}),
    ("s:lower():up|", {"upper"}),
    ("local n = tostring(4)\nn:up|", {"upper"}),
    ("local m = string\nm.up|", {"upper"}),
    ("s.|", set()),
    ("f:wr|", {"write"}),
    ('local g = io.open("x")\ng:wr|', {"write"}),
    ('f:seek("|', {"set", "cur", "end"}),
    ("local tt = {aa = 1, bb = function(x) end}\ntt.|", {"aa", "bb"}),
    ("local tt = {aa = 1, bb = function(x) end}\ntt:|", {"bb"}),
    ("local tt = {aa = {bb = 1}}\ntt.aa.|", {"bb"}),
    # tools
    ('Tool.execute("calc|', {"calculator"}),
    ("Tool.get('file_op|", {"file-operations"}),
    ('Tool["calc|', {"calculator"}),
    ("Tool.get[[calc|", {"calculator"}),
    ("Tool.file_op|", {"file_operations"}),
    ("t:|", {"execute", "getSchema"}),
    ("Tool.calculator:|", {"execute", "getSchema"}),
    ('Tool.execute("calculator", { |', {"input = ", "operation = ", "variables = "}),
    ('Tool.execute("calculator", { | = 1 }', {"input", "operation", "variables"}),
    ('Tool.execute("calculator", { input = "1", op|', {"operation = "}),
    ("t:execute { op|", {"operation = "}),
    ("Tool.calculator:execute({ op|", {"operation = "}),
    ('local h = Tool.get("hash-calculator")\nh:execute{ algo|', {"algorithm = "}),
    ('Tool.execute("calculator", { operation = "e|', {"evaluate"}),
    ('Tool.execute("calculator", { operation = "|', {"evaluate", "validate", "functions"}),
    ("local res = t:execute{input = '1'}\nres.resu|", {"result"}),
    ("r.result.resu|", {"result", "result_type"}),
    ("r.te|", {"text"}),
    ('Tool.register{ name = "x", exec|', {"execute = "}),
    # nothing
    ("-- pri|", set()),
    ("--[[ pri|", set()),
    ('"pri|', set()),
    ("1.|", set()),
    ("local nam|", set()),
    ("for inde|", set()),
    ("nothing.here.|", set()),
    ("trap.|", set()),
    ("chain.|", set()),
    ("trap:|", set()),
]


@pytest.mark.parametrize(("marked", "texts"), OFFERED, ids=[row[0] for row in OFFERED])
def test_what_fits_the_place_is_offered(engine, marked, texts):
    offered = complete(engine, marked)

    assert set(offered) == texts


def test_nothing_of_a_script_runs(engine):
    for marked, _ in OFFERED:
        complete(engine, marked)

    assert engine.execute("return runs", name="=In[2]", mode="cell").text == "0"


def test_matches_have_kinds_and_signatures(engine):
    def shown(marked, text):
        match = complete(engine, marked)[text]
        return match.kind, match.signature

    assert shown("string.re|", "rep") == ("function", "(s, n [, sep]) -> string")
    assert shown("s:re|", "rep") == ("method", "(s, n [, sep]) -> string")
    assert shown("obj:|", "inherited") == ("method", "(self, a, b)")
    assert shown("cfg.|", "port") == ("field", "integer")
    assert shown("function area(w, ...)\nend\nare|", "area") == ("function", "(w, ...)")
    assert shown("whi|", "while") == ("keyword", "")
    assert shown("mat|", "math") == ("module", "table")
    assert shown('Tool.get("calc|', "calculator")[0] == "tool"
    assert shown("t:execute{ |", "input = ") == ("param", "string")
    assert shown("t:execute{ |", "operation = ") == ("param", '"evaluate" | "validate" | "functions"?')


def test_values_that_are_no_strings_come_before_other_expressions(engine):
    assert list(complete(engine, "t:execute { operation = |"))[:3] == ['"evaluate"', '"validate"', '"functions"']
    assert list(complete(engine, 'Tool.execute("file-operations", { recursive = |'))[:2] == ["true", "false"]


def test_parameters_that_the_operation_needs_come_first(engine):
    first = next(iter(complete(engine, 'Tool.execute("hash-calculator", { operation = "verify", |')))

    assert first == "expected_hash = "


def test_positions_count_code_points(engine):
    code = 'x = "äöü🦆" string.re'

    completion = engine.complete(code, len(code))

    assert (completion.start, completion.end) == (len(code) - 2, len(code))
    assert code[completion.start : completion.end] == "re"


def test_locals_end_with_their_block(engine):
    assert "inner" not in complete(engine, "do local inner = 1 end\ninn|")
    assert "inner" in complete(engine, "do local inner = 1\ninn|")
    assert "arg1" not in complete(engine, "local function g(arg1) end\nar|")


def test_a_local_hides_the_global_of_its_name(engine):
    assert set(complete(engine, 'local cfg = Tool.get("calculator")\ncfg:|')) == {"execute", "getSchema"}


def test_a_global_that_the_cell_assigns_is_known_before_it_runs(engine):
    assert set(complete(engine, 'fresh = Tool.get("calculator")\nfresh:|')) == {"execute", "getSchema"}


def test_tools_written_in_lua_are_offered_with_their_parameters():
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        engine.execute(
            "Tool.register{name = 'greeter', parameters = {{name = 'who', type = 'string', required = true}},"
            " execute = function() end}",
            name="=In[1]", mode="cell",
        )  # fmt: skip

        assert "greeter" in complete(engine, 'Tool.get("gre|')
        assert set(complete(engine, "Tool.greeter:execute{ |")) == {"who = "}


def test_files_are_offered_where_a_path_belongs(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "nothing").mkdir()
    (tmp_path / ".hidden").write_text("x")
    monkeypatch.chdir(tmp_path)
    with LuaEngine(ToolRegistry(policy=Policy.default(cwd=str(tmp_path))), write=lambda *_: None) as engine:
        assert set(complete(engine, 'io.open("no|')) == {"notes.txt", "nothing/"}
        assert set(complete(engine, "io.lines'not|")) == {"notes.txt", "nothing/"}
        assert set(complete(engine, 'Tool.execute("file-operations", { path = "./note|')) == {"notes.txt"}
        assert set(complete(engine, 'Tool.execute("process-executor", { working_directory = "noth|')) == {"nothing/"}
        assert set(complete(engine, 'io.open(".h|')) == {".hidden"}
        assert set(complete(engine, f'x = "{tmp_path}/note|')) == {"notes.txt"}
        assert set(complete(engine, 'print("no|')) == set()


def test_files_that_may_not_be_read_are_not_offered(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "plan.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    policy = Policy.default(cwd=str(tmp_path)).with_rules(deny={"read": [str(secret)]}, origin="test")

    with LuaEngine(ToolRegistry(policy=policy), write=lambda *_: None) as engine:
        assert set(complete(engine, 'io.open("secret/|')) == set()


def test_modules_are_offered_to_require(tmp_path):
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "circle.lua").write_text("return {}")
    (tmp_path / "plain.lua").write_text("return {}")
    settings = EngineSettings(script_dir=str(tmp_path))

    with LuaEngine(ToolRegistry(), write=lambda *_: None, settings=settings) as engine:
        assert set(complete(engine, 'require("|')) == {"shapes", "plain"}
        assert set(complete(engine, 'require "shapes.c|')) == {"circle"}
        assert set(complete(engine, 'require("../|')) == set()


def test_a_table_of_a_million_keys_is_looked_at_in_part(engine):
    engine.execute("big = {} for i = 1, 1e6 do big['key' .. i] = i end", name="=In[3]", mode="cell")

    assert 0 < len(complete(engine, "big.key|")) <= 1_000
    assert "key999999" in complete(engine, "big.key999999|")


def test_names_behind_a_long_list_are_found(engine):
    engine.execute("list = {name = 'x'} for i = 1, 1e5 do list[i] = i end", name="=In[4]", mode="cell")

    assert set(complete(engine, "list.|")) == {"name"}


@pytest.mark.parametrize(
    "code",
    [
        "x = (" * 3_000,
        "local a = {" * 2_000,
        "function f() " * 2_000,
        "]" * 10_000 + "a.",
        "a" + ".b" * 20_000 + ".",
        "f(" * 5_000 + "a.",
        "'" * 9_999,
        "[[" * 5_000,
        "\x00\ud800\uffff.",
        "x = 1 " * 100_000 + "string.",
    ],
)
def test_broken_and_huge_code_is_completed_with_something(engine, code):
    engine.complete(code, len(code))


def test_every_place_of_a_program_can_be_completed(engine):
    path = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "examples", "weather_report.lua")
    with open(path, encoding="utf-8") as opened:
        code = opened.read()

    for cursor in range(0, len(code), 7):
        completion = engine.complete(code, cursor)
        assert completion.end == cursor
