"""The pretty printer of a cell's last expression, loaded as the engine loads it, without an engine."""

from __future__ import annotations

from importlib import resources

import pytest

from llmspell_kernel.lua.runtime import new_runtime


def pretty(expression, **limits):
    prelude = resources.files("llmspell_kernel.lua") / "prelude"
    runtime = new_runtime()
    boot = (prelude / "boot.lua").read_text("utf-8")
    load_prelude, _, native = runtime.execute(boot, name="=[llmspell]")
    native["pretty"] = load_prelude((prelude / "pretty.lua").read_text("utf-8").encode().decode("latin-1"), native)
    native["string_metatable"]["__index"] = native["string"]
    source = f"local limits = ...\nlocal value = {expression}\nreturn pretty(value, limits)"
    call = native["load"](source.encode().decode("latin-1"), "@test", "t", native)
    return call(runtime.table_from(limits)).encode("latin-1").decode()


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("nil", "nil"),
        ("true", "true"),
        ("42", "42"),
        ("42.0", "42.0"),
        ("0.1", "0.1"),
        ("1/0", "inf"),
        ("2^63", "9.2233720368548e+18"),
        ("'text'", '"text"'),
        (r"'a\n\t\"\\\0'", r'"a\n\t\"\\\x00"'),
        ("'h\u00e9'", '"h\u00e9"'),
        (r"'\xff\xe9'", r'"\xff\xe9"'),
        ("{}", "{}"),
        ("{1, 2.0, '3'}", '{1, 2.0, "3"}'),
        ("{b = 1, a = {x = true}}", "{a = {x = true}, b = 1}"),
        (
            "{10, [2.5] = 'f', [-1] = 'm', [true] = 1, ['a b'] = 2, ['end'] = 3, z = 4}",
            '{10, [-1] = "m", [2.5] = "f", ["a b"] = 2, ["end"] = 3, z = 4, [true] = 1}',
        ),
        ("{1, nil, 3}", "{1, nil, 3}"),
        ("setmetatable({}, {__tostring = function() return 'me' end})", "me"),
        ("setmetatable({}, {__tostring = function() error('x') end})", "<table: __tostring failed>"),
        ("setmetatable({}, {__tostring = function() return {} end})", "<table: __tostring failed>"),
        ("setmetatable({1}, {__name = 'Point'})", "Point {1}"),
        ("setmetatable({}, {__index = function() error('x') end, __len = error, __pairs = error})", "{}"),
        ("{[{}] = 1}", "{[table] = 1}"),
    ],
)
def test_a_value_shows_as_lua_writes_it(expression, shown):
    assert shown == pretty(expression)


def test_functions_and_coroutines_show_their_address():
    assert pretty("print").startswith("function: ")
    assert pretty("coroutine.create(print)").startswith("thread: ")


def test_a_cycle_is_named():
    assert "{child = {parent = <cycle>}}" == pretty(
        "(function() local t = {child = {}} t.child.parent = t return t end)()"
    )


def test_a_table_that_appears_twice_is_no_cycle():
    assert "{{1}, {1}}" == pretty("(function() local t = {1} return {t, t} end)()")


def test_a_wide_table_takes_a_line_per_entry():
    shown = pretty("{name = 'a long name', values = {1, 2, 3}, inner = {deep = 'another long text'}}", width=40)

    assert (
        """{
  inner = {deep = "another long text"},
  name = "a long name",
  values = {1, 2, 3},
}"""
        == shown
    )


def test_depth_items_and_strings_are_limited():
    assert "{{…}}" == pretty("{{{1}}}", depth=1)
    assert "{1, 2, … (3 more)}" == pretty("{1, 2, 3, 4, 5}", items=2)
    assert "{a = 1, b = 2, … (2 more)}" == pretty("{a = 1, b = 2, c = 3, d = 4}", items=2)
    assert '{"aaa" … (7 more bytes)}' == pretty("{('a'):rep(10)}", string=3)
    assert '{"h" … (2 more bytes)}' == pretty("{'h\u00e9'}", string=2)


def test_all_tables_together_are_limited():
    shown = pretty("(function() local t = {} for i = 1, 10 do t[i] = {1, 2, 3} end return t end)()", total=6)

    assert "{{1, 2, 3}, {1, … (2 more)}, … (8 more)}" == shown


def test_a_large_table_is_shown_in_bounded_work():
    shown = pretty("(function() local t = {} for i = 1, 10^5 do t['k' .. i] = i end return t end)()")

    assert "… (99900 more)" in shown
