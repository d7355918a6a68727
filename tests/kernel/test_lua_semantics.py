"""Ordinary Lua 5.4 through the engine: the sandbox, the guards and the tracked coroutines change nothing in it.

Source: Lua 5.4 reference manual, section by section.
"""

# ruff: noqa: E501 - one case a line, however long

from __future__ import annotations

import math

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ScriptError, ScriptSyntaxError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


@pytest.fixture(scope="module")
def engine():
    made = LuaEngine(ToolRegistry(policy=Policy.default()), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, source):
    return engine.execute(source, name="@script.lua", mode="script").values


def check(engine, source, expected):
    actual = run(engine, source)
    assert expected == actual
    assert [type(value) for value in expected] == [type(value) for value in actual]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("7 // 2, -7 // 2, 7 // -2, 7.0 // 2, -7 % 3, 7 % -3, 5.5 % 2", [3, -4, -4, 3.0, 2, -2, 1.5]),
        ("1 / 2, 4 / 2, 2 ^ 10, 2 ^ 0.5 == math.sqrt(2)", [0.5, 2.0, 1024.0, True]),
        ("5 & 3, 5 | 3, 5 ~ 3, ~0, 1 << 62, 1 << 64, -1 >> 63", [1, 7, 6, -1, 1 << 62, 0, 1]),
        ("math.maxinteger + 1 == math.mininteger, math.maxinteger * 2", [True, -2]),
        ("10 == 10.0, '10' == 10, 1 < 1.5, 'a' < 'b', 'Z' < 'a'", [True, False, True, True, True]),
        ("'10' + 5, '3' * '4', '0x10' + 0, 10 .. 20, '1.5' + 1", [15, 12, 16, "1020", 2.5]),
        ("not nil, nil and 1, false or 'x', 1 and 2, nil == false", [True, None, "x", 2, False]),
        (
            "tostring(1e15), tostring(1e100), tostring(-0.0), 2^53, 1e15 // 1",
            ["1e+15", "1e+100", "-0.0", 2.0**53, 1e15],
        ),
        (
            "tostring(3.0), tostring(0.1), tostring(1/3), tostring(100000000000000)",
            ["3.0", "0.1", "0.33333333333333", "1" + "0" * 14],
        ),
        ("tostring(1/0), tostring(-1/0), tostring(0/0):gsub('-', '')", ["inf", "-inf", "nan", 1]),
        ("0x7fffffffffffffff, 0xffffffffffffffff, 0x.8p1, 1e2", [2**63 - 1, -1, 1.0, 100.0]),
        ("#'abc', #{1, 2, 3}, #'\\u{48}\\x41\\65\\z  \n  b'", [3, 3, 4]),
        (
            "math.type(1), math.type(1.0), math.type('1'), math.tointeger(3.0), math.tointeger(3.5)",
            ["integer", "float", None, 3, None],
        ),
        (
            "tonumber('  0x1p4  '), tonumber('z', 36), tonumber('8', 8), tonumber('1e1'), tonumber('')",
            [16.0, 35, None, 10.0, None],
        ),
    ],
)
def test_arithmetic_and_comparison(engine, source, expected):
    check(engine, "return " + source, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("('x'):rep(3, ','), ('abc'):reverse(), ('aBc'):upper(), ('aBc'):lower(), ('abc'):len()", ["x,x,x", "cba", "ABC", "abc", 3]),
        ("('hello'):sub(2, -2), ('hello'):sub(-3), ('hello'):byte(1, 3)", ["ell", "llo", 104, 101, 108]),
        ("string.char(72, 105), ('%d'):format(42), ('a'):byte(10)", ["Hi", "42"]),
        ("('key = value'):match('^(%w+)%s*=%s*(%w+)$')", ["key", "value"]),
        ("('hello world'):find('o w'), ('a.b'):find('.', 1, true), ('abc'):find('b', -1)", [5, 2, None]),
        ("('hello'):find('l'), ('x'):find('')", [3, 1, 0]),
        ("('abc'):gsub('%w', '%0%0'), ('abc'):gsub('', '-')", ["aabbcc", "-a-b-c-", 4]),
        ("('$name is $age'):gsub('%$(%w+)', {name = 'Lua', age = 30})", ["Lua is 30", 2]),
        ("('abc'):gsub('.', function(c) if c == 'b' then return false end return c:upper() end)", ["AbC", 3]),
        ("('THE (quick) fox'):find('%((%a+)%)')", [5, 11, "quick"]),
        ("('f(a(b)c)d'):match('%b()'), ('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)", ["(a(b)c)", "the (quick) fox", 3]),
        ("('2024-02-29'):match('(%d+)-(%d+)-(%d+)')", ["2024", "02", "29"]),
        ("('  trim me  '):match('^%s*(.-)%s*$'), ('abc'):match('()b()')", ["trim me", 2, 3]),
        ("('%5.2f|%-5s|%05d|%x|%q|%g|%i|%c|%%|%s|%a'):format(3.14159, 'ab', 42, 255, 'a\\nb', 0.1, 7, 65, nil, 1)",
         [' 3.14|ab   |00042|ff|"a\\\nb"|0.1|7|A|%|nil|0x1p+0']),
        ("('%q'):format(1/3), ('%q'):format(math.mininteger), ('%10.3s|'):format('abcdef')", ["0x1.5555555555555p-2", "0x8000000000000000", "       abc|"]),
        ("string.pack('<i4', 100):byte(1, -1)", [100, 0, 0, 0]),
        ("string.unpack('<i4', string.pack('<i4', -2))", [-2, 5]),
        ("('abc') < ('abd'), 'a\\0b' == 'a\\0b', #'a\\0b', ('x'):rep(0), ('x'):rep(-1)", [True, True, 3, "", ""]),
        ("utf8.char(233, 8364, 128512), utf8.len('h\u00e9llo'), utf8.codepoint('\u00e9', 1)", ["\u00e9\u20ac\U0001f600", 5, 233]),
        ("utf8.offset('a\u00e9b', 3), utf8.len('\\xff'), ('a\u00e9'):len()", [4, None, 3]),
    ],
)  # fmt: skip
def test_strings(engine, source, expected):
    check(engine, "return " + source, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("local t = {} for w in ('one two three'):gmatch('%a+') do t[#t + 1] = w end return t", [["one", "two", "three"]]),
        ("local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[k] = v end return t", [{"a": "1", "b": "2"}]),
        ("local t = {} for p, c in utf8.codes('a\u00e9') do t[#t + 1] = p .. ':' .. c end return t", [["1:97", "2:233"]]),
        ("local t = {5, 2, 8, 1} table.sort(t) local u = {3, 1, 2} table.sort(u, function(a, b) return a > b end) return t, u",
         [[1, 2, 5, 8], [3, 2, 1]]),
        ("local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0) return t, table.remove(t), table.remove(t, 1), #t",
         [[1, 2, 3], 4, 0, 3]),
        ("return table.concat({1, 2.5, 'x'}, '-'), table.concat({}, ','), table.concat({1, 2, 3}, ',', 2, 3)", ["1-2.5-x", "", "2,3"]),
        ("return table.unpack({1, 2, 3}, 2), table.pack(1, nil, 3).n, select('#', nil, nil), select(-1, 1, 2)", [2, 3, 2, 2]),
        ("return table.move({1, 2, 3}, 1, 3, 2), #table.move({1, 2}, 1, 2, 1, {})", [[1, 1, 2, 3], 2]),
        ("local t = setmetatable({}, {__index = function(t, k) return k * 2 end}) return t[21], rawget(t, 21)", [42, None]),
        ("local t = {n = 0} setmetatable(t, {__newindex = function(t, k, v) rawset(t, k, v * 2) end}) t.x = 4 return t.x", [8]),
        ("local t = {10, 20, 30, x = 1} local s, n = 0, 0 for i, v in ipairs(t) do s = s + i * v end for k in pairs(t) do n = n + 1 end "
         "return s, n, next({}), rawlen(t), rawequal(t, t)", [140, 4, None, 3, True]),
        ("local t = setmetatable({}, {__pairs = function() return function(_, k) if not k then return 1, 'one' end end end}) "
         "for k, v in pairs(t) do return k, v end", [1, "one"]),
        ("local t = {1, 2, 3, nil, 5} t[#t + 1] = 6 return t[6], #'x'", [6, 1]),
    ],
)  # fmt: skip
def test_tables_and_iteration(engine, source, expected):
    check(engine, source, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "math.floor(-3.5), math.ceil(3.2), math.fmod(-7, 3), math.abs(-4), math.max(1, 2.5), math.min(3, 2)",
            [-4, 4, -1, 4, 2.5, 2],
        ),
        ("math.pi, math.huge == 1/0, math.ult(1, -1), math.modf(3.7)", [math.pi, True, True, 3, 3.7 - 3]),
        ("math.sqrt(16), math.sin(0), math.exp(0), math.log(8, 2), math.log(100, 10)", [4.0, 0.0, 1.0, 3.0, 2.0]),
    ],
)
def test_math(engine, source, expected):
    check(engine, "return " + source, expected)


def test_random_numbers_repeat_with_their_seed(engine):
    source = """
        math.randomseed(42) local a, b, c = math.random(), math.random(10), math.random(5, 6)
        math.randomseed(42)
        return a == math.random() and b == math.random(10) and c == math.random(5, 6), a >= 0 and a < 1, b >= 1 and b <= 10
    """

    assert [True, True, True] == run(engine, source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("local t = {} for i = 1, 3 do for j = 1, 3 do if j == 2 then goto next end t[#t + 1] = i * j ::next:: end end return t",
         [[1, 3, 2, 6, 3, 9]]),
        ("local t = {} for i = 10, 1, -3 do t[#t + 1] = i end for i = 1.0, 2, 0.5 do t[#t + 1] = i end return t",
         [[10, 7, 4, 1, 1.0, 1.5, 2.0]]),
        ("local i = 0 repeat local done = i >= 3 i = i + 1 until done return i", [4]),
        ("local n = 0 while true do n = n + 1 if n > 5 then break end end return n", [6]),
        ("local function f(...) local a, b = ... return select('#', ...), a, b, ... end return f(1, nil, 3)", [3, 1, None, 1, None, 3]),
        ("local function f(...) return (...) end return f(7, 8)", [7]),
        ("local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end return fs[1](), fs[1](), fs[2]()", [2, 3, 3]),
        ("local function count() local n = 0 return function() n = n + 1 return n end end local a, b = count(), count() "
         "return a(), a(), b()", [1, 2, 1]),
        ("local function loop(n) if n == 0 then return 'done' end return loop(n - 1) end return loop(200000)", ["done"]),
        ("local x <const> = 5 local log = {} do local a <close> = setmetatable({}, {__close = function() log[#log + 1] = 'a' end}) "
         "local b <close> = setmetatable({}, {__close = function() log[#log + 1] = 'b' end}) end return x, log", [5, ["b", "a"]]),
        ("local log = {} pcall(function() local c <close> = setmetatable({}, {__close = function(_, e) log[1] = tostring(e) end}) "
         "error('why', 0) end) return log", [["why"]]),
        ("local a = {} function a.b(x) return x end function a:c(x) return self == a, x end return a.b(1), a:c(2)", [1, True, 2]),
        ("return (function(a, b, ...) return b end)(1, 2, 3), [==[long ]] string]==], 'tab\\tnew'", [2, "long ]] string", "tab\tnew"]),
        ("global_name = 5 local _ENV <const> = {x = 1} return x, global_name", [1, None]),
        ("local function f() local _ENV = {y = 2} return y end return f()", [2]),
    ],
)  # fmt: skip
def test_control_flow_and_functions(engine, source, expected):
    check(engine, source, expected)


METAMETHODS = """
local V = {} V.__index = V
local function new(x) return setmetatable({x = x}, V) end
local function raw(v) return type(v) == 'table' and v.x or v end
V.__add = function(a, b) return new(raw(a) + raw(b)) end
V.__unm = function(a) return new(-a.x) end
V.__idiv = function(a, b) return raw(a) // raw(b) end
V.__band = function(a, b) return raw(a) & raw(b) end
V.__concat = function(a, b) return raw(a) .. '&' .. raw(b) end
V.__eq = function(a, b) return a.x == b.x end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__len = function(a) return a.x end
V.__call = function(self, y) return self.x * y end
V.__tostring = function(a) return 'V(' .. a.x .. ')' end
V.__name = 'Vector'
local a, b = new(3), new(4)
return (a + b).x, (a + 1).x, (-a).x, b // 2, a & 1, a .. b, 'x' .. a, a == new(3), a < b, a >= b, #b, a(10), tostring(a)
"""


def test_metamethods(engine):
    check(engine, METAMETHODS, [7, 4, -3, 2, 1, "3&4", "x&3", True, True, False, 4, 30, "V(3)"])


def test_inheritance(engine):
    source = """
        local Animal = {} Animal.__index = Animal
        function Animal.new(name) return setmetatable({name = name}, Animal) end
        function Animal:speak() return self.name .. ' makes a sound' end
        local Dog = setmetatable({}, {__index = Animal}) Dog.__index = Dog
        function Dog.new(name) return setmetatable(Animal.new(name), Dog) end
        function Dog:speak() return Animal.speak(self) .. ': woof' end
        return Dog.new('Rex'):speak(), getmetatable(Dog.new('x')) == Dog, getmetatable('x')
    """

    check(engine, source, ["Rex makes a sound: woof", True, False])


def test_weak_tables_let_go(engine):
    source = """
        local weak, strong = setmetatable({}, {__mode = 'k'}), {}
        weak[{}] = 1 weak[strong] = 2
        collectgarbage()
        local n = 0 for _ in pairs(weak) do n = n + 1 end
        return n, weak[strong], collectgarbage('count') > 0
    """

    check(engine, source, [1, 2, True])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) local d, e = coroutine.yield(c * 2) return d + e end) "
         "return select(2, coroutine.resume(co, 1, 2)), select(2, coroutine.resume(co, 10)), select(2, coroutine.resume(co, 3, 4)), "
         "coroutine.status(co), coroutine.resume(co)", [3, 20, 7, "dead", False, "cannot resume dead coroutine"]),
        ("local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return gen(), gen(), gen(), (gen())", [1, 2, 3, None]),
        ("local t = {} for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end) do t[#t + 1] = v end return t", [[1, 4, 9]]),
        ("return coroutine.isyieldable(), coroutine.wrap(function() return coroutine.isyieldable() end)(), select(2, coroutine.running())",
         [False, True, True]),
        ("local outer outer = coroutine.create(function() return coroutine.status(outer) end) local _, running = coroutine.resume(outer) "
         "local s = coroutine.create(print) return running, coroutine.status(s), coroutine.close(s), coroutine.status(s)",
         ["running", "suspended", True, "dead"]),
        ("local normal local a a = coroutine.create(function() local b = coroutine.create(function() normal = coroutine.status(a) end) "
         "coroutine.resume(b) end) coroutine.resume(a) return normal", ["normal"]),
        ("local co = coroutine.create(function() error({code = 7}) end) local ok, e = coroutine.resume(co) return ok, e.code, coroutine.status(co)",
         [False, 7, "dead"]),
        ("local co = coroutine.create(function() error('text') end) return coroutine.resume(co)", [False, "script.lua:1: text"]),
        ("local log = {} local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() log[1] = 'closed' end}) "
         "coroutine.yield() end) coroutine.resume(co) return coroutine.close(co), log", [True, ["closed"]]),
        ("local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() error('in close', 0) end}) "
         "coroutine.yield() end) coroutine.resume(co) return coroutine.close(co)", [False, "in close"]),
        ("local co = coroutine.wrap(function() local ok, v = pcall(function() local x = coroutine.yield(1) error('e' .. x, 0) end) "
         "coroutine.yield(v) return 'end' end) return co(), co('2'), co()", [1, "e2", "end"]),
        ("return pcall(function() local f = coroutine.wrap(function() error('w', 0) end) f() end)", [False, "script.lua:1: w"]),
        ("local co = coroutine.wrap(function() table.sort({3, 2, 1}, function(a, b) coroutine.yield() return a < b end) end) return (pcall(co))",
         [False]),
        ("local co = coroutine.wrap(function(...) local t = {...} while true do t = {coroutine.yield(#t)} end end) return co(1, 2), co(), co(1, nil, 3)",
         [2, 0, 3]),
        ("local function walk(t) if t then walk(t.l) coroutine.yield(t.v) walk(t.r) end end local out = {} "
         "for v in coroutine.wrap(function() walk({v = 2, l = {v = 1}, r = {v = 3}}) end) do out[#out + 1] = v end return out", [[1, 2, 3]]),
        ("local t = setmetatable({}, {__index = function(_, k) return coroutine.yield(k) end}) "
         "local co = coroutine.wrap(function() return t.name .. '!' end) return co(), co('value')", ["name", "value!"]),
    ],
)  # fmt: skip
def test_coroutines(engine, source, expected):
    check(engine, source, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return pcall(error, {code = 1})", [False, {"code": 1}]),
        ("return pcall(error, 'plain', 0)", [False, "plain"]),
        ("return pcall(error)", [False, None]),
        ("return pcall(function() error('here') end)", [False, "script.lua:1: here"]),
        ("local function f() error('caller', 2) end return pcall(function()\nf() end)", [False, "script.lua:2: caller"]),
        ("return pcall(function() local x = nil; return x.y end)", [False, "script.lua:1: attempt to index a nil value (local 'x')"]),
        ("return pcall(function() return #undefined_global end)", [False, "script.lua:1: attempt to get length of a nil value (global 'undefined_global')"]),
        ("return pcall(function() return 1 + {} end)", [False, "script.lua:1: attempt to perform arithmetic on a table value"]),
        ("return pcall(function() return {} < {} end)", [False, "script.lua:1: attempt to compare two table values"]),
        ("return pcall(function() return 1 // 0 end)", [False, "script.lua:1: attempt to divide by zero"]),
        ("return pcall(function() return 2^53 | 0.5 end)", [False, "script.lua:1: number has no integer representation"]),
        ("return pcall(function() local s = string.rep('x', {}) end)", [False, "script.lua:1: bad argument #2 to 'rep' (number expected, got table)"]),
        ("return pcall(function() local s = ('x'):find(nil) end)", [False, "script.lua:1: bad argument #1 to 'find' (string expected, got nil)"]),
        ("return pcall(function() string.gsub('x', 'x', '%9') end)", [False, "script.lua:1: invalid capture index %9"]),
        ("return pcall(function() table.concat({{}}) end)", [False, "script.lua:1: invalid value (table) at index 1 in table for 'concat'"]),
        ("return pcall(function() setmetatable(1, {}) end)", [False, "script.lua:1: bad argument #1 to 'setmetatable' (table expected, got number)"]),
        ("return pcall(next, {}, 'nokey')", [False, "invalid key to 'next'"]),
        ("return xpcall(function() error('e', 0) end, function(m) return m .. ' handled' end)", [False, "e handled"]),
        ("return xpcall(function(a, b) return a + b end, print, 1, 2)", [True, 3]),
        ("return (select(2, xpcall(function() local x = nil + 1 end, debug.traceback))):match('stack traceback:') ~= nil", [True]),
        ("return select(2, pcall(error, setmetatable({}, {__tostring = function() return 'obj' end}))) ~= nil", [True]),
        ("local ok, e = pcall(function() local t = setmetatable({}, {__index = function(t, k) error('no field ' .. k, 2) end}) return t.zip end) "
         "return e", ["script.lua:1: no field zip"]),
        ("return pcall(assert, false, 'message')", [False, "message"]),
        ("return pcall(assert, nil)", [False, "assertion failed!"]),
        ("return assert(1, 'unused')", [1, "unused"]),
        ("local function deep() return deep() + 1 end local ok, m = pcall(deep) return ok, m:match('stack overflow') ~= nil", [False, True]),
        ("return pcall(function() local s = string.format('%d', 1.5) end)", [False, "script.lua:1: bad argument #2 to 'format' (number has no integer representation)"]),
    ],
)  # fmt: skip
def test_errors(engine, source, expected):
    check(engine, source, expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return load('return 1 + 1')()", [2]),
        ("return load('x = 5 return x', 'chunk', 't', {})(), x_from_load", [5, None]),
        ("local env = {print = 1} return load('return print, string', 'c', 't', env)()", [1, None]),
        ("local n = 0 return load(function() n = n + 1 return ({'return ', '4', '2'})[n] end)()", [42]),
        ("local f, m = load('return +', '=chunk') return f, m", [None, "chunk:1: unexpected symbol near '+'"]),
        ("local f, m = load('x =', '@file.lua') return f, m", [None, "file.lua:1: unexpected symbol near <eof>"]),
        ("return load('return ...')(1, 2)", [1, 2]),
        ("return (load('\\27Lua'))", [None]),
        ("return pcall(load('error(\"inside\")', '=name'))", [False, "name:1: inside"]),
        ("y_from_load = nil load('y_from_load = 9')() return y_from_load", [9]),
    ],
)
def test_load(engine, source, expected):
    check(engine, source, expected)


@pytest.mark.parametrize(
    "source", ["x = = 1", "for i = 1 do end", "goto nowhere", "local x <const> = 1; x = 2", "'open"]
)
def test_a_syntax_error_names_its_line(engine, source):
    with pytest.raises(ScriptSyntaxError) as caught:
        run(engine, "\n" + source)

    assert 2 == caught.value.details["line"]
    assert caught.value.message.startswith("script.lua:2: ")


def test_an_error_that_nobody_catches_names_its_line_and_way(engine):
    with pytest.raises(ScriptError) as caught:
        run(engine, "local function inner()\n  error('broken')\nend\nlocal function outer()\n  inner()\nend\nouter()")

    assert "script.lua:2: broken" == caught.value.message
    assert [2, 5, 7] == [int(line.split(":")[1]) for line in caught.value.details["traceback"]]


def test_globals_stay_from_run_to_run(engine):
    run(engine, "kept_global = {1, 2}")

    assert [2] == run(engine, "return #kept_global")


def test_g_is_the_environment(engine):
    source = "via_g = 1 _G.other = 2 return _G.via_g, other, _G._G == _G, _VERSION, _ENV == _G, rawget(_G, 'via_g')"

    check(engine, source, [1, 2, True, "Lua 5.4", True, 1])


def test_what_a_script_reaches_is_the_list(engine):
    """Every global and library member of stock Lua is here, or left out on purpose."""
    stock = {
        "string": "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper",
        "table": "concat insert move pack remove sort unpack",
        "math": "abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random "
        "randomseed sin sqrt tan tointeger type ult",
        "utf8": "char charpattern codepoint codes len offset",
        "coroutine": "close create isyieldable resume running status wrap yield",
        "os": "clock date difftime execute exit getenv remove rename setlocale time tmpname",
        "io": "close input lines open output popen read stderr stdin stdout tmpfile type write",
        "_G": "assert collectgarbage error getmetatable ipairs load next pairs pcall print rawequal rawget rawlen rawset "
        "require select setmetatable tonumber tostring type xpcall",
    }
    for library, names in stock.items():
        missing = [name for name in names.split() if run(engine, f"return {library}.{name} ~= nil") != [True]]
        assert [] == missing, library
    for name in (
        "dofile",
        "loadfile",
        "string.dump",
        "debug.getregistry",
        "debug.sethook",
        "python",
        "package.loadlib",
    ):
        assert [None] == run(engine, f"return {name}"), name


def test_tostring_and_type_of_everything(engine):
    source = """
        local function shape(v) return (tostring(v):gsub('0x%x+', 'ADDRESS'):gsub('builtin: ', '')) end
        return shape({}), shape(print), shape(function() end), shape(coroutine.create(print)), tostring(nil), tostring(true),
          type(nil), type(print), type(coroutine.create(print)), type(io.stdout)
    """

    expected = [
        "table: ADDRESS",
        "function: ADDRESS",
        "function: ADDRESS",
        "thread: ADDRESS",
        "nil",
        "true",
        "nil",
        "function",
    ]
    assert [*expected, "thread", "table"] == run(engine, source)


def test_text_reaches_tools_and_comes_back(engine):
    """UTF-8 crosses as text, bytes that are not UTF-8 never break a script."""
    source = r"""
        local text = 'h\u{e9}llo \u{1F600} \u{4e2d}'
        local back = JSON.parse(JSON.stringify({text = text, ['k\u{e9}y'] = 1}))
        return back.text == text, back['k\u{e9}y'], #back.text == #text, text
    """

    assert [True, 1, True, "h\u00e9llo \U0001f600 \u4e2d"] == run(engine, source)


def test_results_of_a_script_keep_their_numbers(engine):
    check(
        engine,
        "return 5, 5.0, -0.5, 9007199254740993, {1, 2.0}, {a = {b = {}}}",
        [5, 5.0, -0.5, 9007199254740993, [1, 2.0], {"a": {"b": {}}}],
    )


def test_a_larger_program(engine):
    """Sieve, n-queens, string building and a JSON-like printer: ordinary programs run as they do in stock Lua."""
    source = """
        local function sieve(n)
          local composite, primes = {}, {}
          for i = 2, n do
            if not composite[i] then
              primes[#primes + 1] = i
              for j = i * i, n, i do composite[j] = true end
            end
          end
          return primes
        end
        local function queens(n)
          local count, columns, up, down = 0, {}, {}, {}
          local function place(row)
            if row > n then count = count + 1 return end
            for c = 1, n do
              if not (columns[c] or up[row + c] or down[row - c]) then
                columns[c], up[row + c], down[row - c] = true, true, true
                place(row + 1)
                columns[c], up[row + c], down[row - c] = nil, nil, nil
              end
            end
          end
          place(1)
          return count
        end
        local function show(value)
          if type(value) ~= 'table' then return tostring(value) end
          local keys = {}
          for key in pairs(value) do keys[#keys + 1] = key end
          table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
          for i, key in ipairs(keys) do keys[i] = key .. '=' .. show(value[key]) end
          return '{' .. table.concat(keys, ',') .. '}'
        end
        local primes = sieve(1000)
        local words = {}
        for word in ('the cat the dog the end'):gmatch('%a+') do words[word] = (words[word] or 0) + 1 end
        return #primes, primes[#primes], queens(6), show(words), show({a = {b = {c = 1}}, 7})
    """

    assert [168, 997, 4, "{cat=1,dog=1,end=1,the=3}", "{1=7,a={b={c=1}}}"] == run(engine, source)
