"""Advice for what other languages, and older Luas, write otherwise: true Lua errors, of the real compiler."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ScriptError, ScriptSyntaxError
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def fails():
    engine = LuaEngine(ToolRegistry(), write=lambda *_: None)

    def run(code, kind):
        with pytest.raises(kind) as caught:
            engine.execute(code, name="@script.lua", mode="script")
        return caught.value.message

    yield run
    engine.close()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("if a != b then end", "'not equal' is ~= in Lua"),
        ("x = a <> b", "'not equal' is ~= in Lua"),
        ("x = !y", "negation is the word 'not' in Lua"),
        ("if a && b then end", "in Lua it is the word 'and'"),
        ("if a || b then end", "in Lua it is the word 'or'"),
        ("i++", "Lua has no ++; write i = i + 1"),
        ("total += 1", "Lua has no +=; write total = total + ..."),
        ("s ..= 'a'", "Lua has no ..=; write s = s .. ..."),
        ("t.n++", "Lua has no ++; write t.n = t.n + 1"),
        ("t.a[i] -= 2", "Lua has no -=; write t.a[i] = t.a[i] - ..."),
        ("if a => b then end", "in Lua it is >= and <="),
        ("while a =< b do end", "in Lua it is >= and <="),
        ("if x = 1 then end", "a comparison is == in Lua"),
        ("x = a === b", "equality is == in Lua"),
        ("x = a ? 1 : 2", "Lua has no ?; write: condition and a or b"),
        ("x = [1, 2]", "a list is written {1, 2} in Lua"),
        ('x = {"a": 1}', 'a table is written {key = 1} or {["key"] = 1} in Lua'),
        ("x := 1", "an assignment is = in Lua"),
        ('x = "a" . "b"', "strings are joined by .. in Lua"),
        ("// note", "a comment begins with -- in Lua"),
        ("/* note */", "a comment begins with -- in Lua"),
        ("while true {\n}", "a block begins with 'then' or 'do' and ends with 'end' in Lua"),
        ("if a then\nelif b then\nend", "in Lua it is 'elseif'"),
        ("let x = 1", "a variable is declared by 'local' in Lua"),
        ("def f() end", "a function is declared by 'function' in Lua"),
        ("f(x => x)", "a function is written function(x) return x end"),
    ],
)
def test_a_syntax_error_says_what_lua_writes(code, advice, fails):
    assert fails(code, ScriptSyntaxError).endswith(f"; {advice}")


@pytest.mark.parametrize(
    "code",
    [
        "x = ",
        "x = (1",
        "for i = 1 do end",
        "x = 'a",
        "x = 1 2",
        "goto nowhere",
        "x = 3 % % 2",
        f"t = {{{'1, ' * 500_000}}} t += 1",
    ],
)
def test_other_syntax_errors_stay_as_lua_words_them(code, fails):
    assert ";" not in fails(code, ScriptSyntaxError)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("dofile('a.lua')", "use require for modules in Lua"),
        ("unpack({1})", "since Lua 5.2 it is table.unpack"),
        ("loadstring('x')", "since Lua 5.2 it is load"),
        ("math.pow(2, 3)", "a power is x ^ y"),
        ("table.getn({})", "the length of a table t is #t"),
    ],
)
def test_a_call_of_what_lua_does_not_have_says_what_it_has(code, advice, fails):
    assert fails(code, ScriptError).endswith(f"; {advice}")


def test_fields_of_the_scripts_own_tables_are_no_business_of_ours(fails):
    assert ";" not in fails("own = {} own.pow(2)", ScriptError)


def test_a_json_module_is_pointed_to_the_global(fails):
    assert "JSON needs no module: JSON.parse and JSON.stringify are there" in fails("require('json')", ScriptError)
