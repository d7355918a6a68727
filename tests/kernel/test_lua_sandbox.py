"""What a script must not reach or break; each attack is followed by a check that the engine still works.

Source: the attack list of the engine's research (os, bytecode, metatables, Python objects, memory, C stacks), and what
came up since. The risky ones run in a child process, where a crash is a failed test and not the end of pytest.
"""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import subprocess
import sys

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.runtime import new_runtime
from llmspell_tools.errors import LlmspellError, ScriptError
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def engine():
    made = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, code):
    return engine.execute(code, name="@a.lua", mode="script", timeout_s=5).values


def assert_usable(engine):
    assert run(engine, "return 1 + 1, ('x'):upper(), #string.rep('ab', 3), coroutine.wrap(function() return 4 end)()") == [
        2, "X", 6, 4,
    ]  # fmt: skip


def test_runtime_shows_no_python():
    """Builtins registered would be CVE-2026-34444; a runtime of ours has no door to Python but what is passed in."""
    runtime = new_runtime()

    assert runtime.execute("return python and (python.builtins or python.eval)") is None


@pytest.mark.parametrize(
    "name",
    ["python", "dofile", "loadfile", "debug.getinfo", "debug.sethook", "debug.getregistry", "debug.getlocal", "debug.setmetatable",
     "debug.getupvalue", "debug.setupvalue", "string.dump", "package.loadlib", "package.searchers", "warn"],
)  # fmt: skip
def test_name_is_not_there(engine, name):
    assert run(engine, f"local ok, value = pcall(function() return {name} end) return value") == [None]


@pytest.mark.parametrize(
    "code",
    [
        "os.execute('true')",
        "io.popen('ls')",
        "require('lfs')",
        "(''):dump()",
        "setmetatable({}, { __gc = function() end })",
        "setmetatable({}, { __gc = true })",
        "local m = {} local t = setmetatable({}, m) m.__gc = print setmetatable(t, m)",
        "setmetatable('', {})",
        "getmetatable('').__index.upper = nil",
        "setmetatable(Tool, {})",
        "setmetatable(Tool.invoke('calculator', { input = '1' }), {})",
        "JSON.null.x = 1",
        "collectgarbage('stop')",
        "local x = Tool.get('calculator').execute.__globals__",
        "string.rep('x', 1 << 40)",
        "('x'):rep(1e12)",
        "string.pack('c2000000000', 'x')",
        "os.date(('%c'):rep(1e5))",
        "string.format('%99999d', 1)",
        "table.unpack({}, 1, 1e8)",
        "local t = {} for i = 0, 61 do t[1 << i] = 1 end table.sort(t)",
        "error(setmetatable({}, { __tostring = function() error('x') end }))",
        "coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() coroutine.yield() end }) error('x') end)()",
    ],
)  # fmt: skip
def test_attempt_is_an_ordinary_error(engine, code):
    with pytest.raises(ScriptError):
        run(engine, code)

    assert_usable(engine)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        (r"return load('\27LuaS')", [None]),
        ("return load('return 1', 'x', 'b')", [None]),
        ("return load(string.rep('(', 1e5))", [None]),
        ("return load(function() return {} end)", [None]),
        ("return load('return os', 'x', 't', {})()", [None]),
        ("return load('return _G == ...')(_G)", [True]),
        ("return getmetatable('')", [False]),
        ("return getmetatable(Tool), getmetatable(JSON.null)", [False, False]),
        ("local ok, e = pcall(Tool.invoke, 'nope', {}) return type(e)", ["string"]),
        ("local ok, e = pcall(Tool.invoke, 'calculator', { x = 1 }) return type(e)", ["string"]),
        ("return coroutine.wrap(function() return _ENV == _G end)()", [True]),
        ("return string.rep('', 1 << 62), (''):rep(1 << 62, '')", ["", ""]),
        ("return pcall(string.rep)", [False]),
        ("local function f() return 1 + f() end return (pcall(f))", [False]),
        ("local function f() return (('x'):gsub('x', f)) end return (pcall(f))", [False]),
        ("local function f() local ok = pcall(f) return ok end return f()", [True]),
        ("local function f() return coroutine.wrap(f)() end return (pcall(f))", [False]),
        ("local t = setmetatable({}, {}) getmetatable(t).__index = t return (pcall(function() return t.x end))", [False]),
        ("local ok, e = xpcall(error, error, 'x') return ok", [False]),
        ("return (pcall(error, setmetatable({}, { __index = error })))", [False]),
    ],
)  # fmt: skip
def test_attempt_gives_nothing_away(engine, code, values):
    got = run(engine, code)

    assert got[: len(values)] == values


@pytest.mark.parametrize(
    "code",
    [
        "debug = setmetatable({}, { __index = function() error('x') end })",
        "setmetatable(_G, { __index = function() error('x') end, __newindex = function() error('y') end })",
        "for name in pairs(_G) do _G[name] = nil end",
        "for _, library in ipairs({ string, table, math, coroutine, utf8, os, io }) do for k in pairs(library) do library[k] = error end end",
        "pcall, error, type, tostring, next, pairs, setmetatable, getmetatable = nil",
        "_ENV = {}",
        "Tool.get = error Tool.invoke = error JSON.parse = error",
    ],
)  # fmt: skip
def test_hostile_globals_spoil_only_the_script(code):
    """lupa looks up `debug.traceback` in the real globals before each call, unprotected: a script must not reach them."""
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        try:
            run(engine, code)
        except ScriptError:
            pass

        assert run(engine, "return 1") == [1]


def test_errors_of_callbacks_are_strings_with_no_python_in_them(engine):
    code = """local seen = {}
        for _, call in ipairs({ function() Tool.invoke('nope', {}) end, function() JSON.parse('{') end,
          function() Tool.register({}) end, function() require('x/y') end, function() io.lines('/nope') end }) do
          local ok, e = pcall(call) seen[#seen + 1] = type(e) end
        return seen"""

    assert run(engine, code) == [["string"] * 5]


RISKY = {
    "deep recursion": "local function f() return 1 + f() end return pcall(f)",
    "deep pcall": "local function f() return pcall(f) end return select('#', f())",
    "deep pcall in coroutines": "local function f() return coroutine.wrap(function() return pcall(f) end)() end return (f())",
    "gsub recursion": "local function f() return (('x'):gsub('x', f)) end return pcall(f)",
    "sort recursion": "local function f() table.sort({ 3, 2, 1 }, f) end return pcall(f)",
    "metamethod recursion": "local t = setmetatable({}, {}) getmetatable(t).__index = function(s, k) return s[k .. 'x'] end return t.x",
    "tostring recursion": "local t t = setmetatable({}, { __tostring = function() return tostring(t) end }) return tostring(t)",
    "close recursion": "local function f() local x <close> = setmetatable({}, { __close = f }) end f()",
    "error handler recursion": "local function h() error('again') end return xpcall(error, h)",
    "tool recursion": "Tool.register{ name = 'rec', execute = function() return Tool.invoke('rec', {}) end } Tool.invoke('rec', {})",
    "tool recursion in coroutines": """Tool.register{ name = 'rec', execute = function()
        return coroutine.wrap(function() return Tool.invoke('rec', {}) end)() end } Tool.invoke('rec', {})""",
    "yield through a tool": """Tool.register{ name = 'yielding', execute = function() coroutine.yield(1) end }
        coroutine.wrap(function() Tool.invoke('yielding', {}) end)()""",
    "load recursion": "local function f() return load(f) end return f()",
    "coroutine bomb": "local t = {} for i = 1, 200000 do t[i] = coroutine.create(print) end return #t",
    "nested coroutines": "local function f() return coroutine.resume(coroutine.create(f)) end return (f())",
    "closures": "local f = print for i = 1, 1e5 do local g = f f = function() return g() end end return (pcall(f))",
    "long chain of parentheses": "return load('return ' .. ('('):rep(1e6) .. '1' .. (')'):rep(1e6))",
    "many locals": "local t = {} for i = 1, 300 do t[i] = 'local a' .. i .. ' = 1' end return load(table.concat(t, '\\n'))",
    "deep JSON in": "return JSON.parse(('['):rep(1e5) .. (']'):rep(1e5))",
    "deep JSON out": "local t = {} for i = 1, 1e5 do t = { t } end return JSON.stringify(t)",
    "deep result": "local t = {} for i = 1, 1e5 do t = { t } end return t",
    "huge numbers": "return ('1'):rep(1e6) + 0, tonumber(('9'):rep(1e5), 10), math.tointeger('9' .. ('0'):rep(400))",
    "bytes": "return ('\\0\\255'):rep(1000)",
    "goto out of close": "do local x <close> = setmetatable({}, { __close = function() end }) goto out end ::out:: return 1",
}
CHILD = """
import sys
from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import LlmspellError
from llmspell_tools.registry import ToolRegistry
engine = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
try:
    engine.execute(sys.argv[1], name="@a.lua", mode="script", timeout_s=5)
except LlmspellError as error:
    print(type(error).__name__)
print(engine.execute("return 1 + 1, ('x'):upper()", name="@b.lua", mode="script").values)
print(engine.execute("local ok, e = pcall(error, 'x') return ok, e", name="@b.lua", mode="script").values)
engine.close()
"""


@pytest.mark.subprocess
@pytest.mark.parametrize("attack", RISKY)
def test_risky_attack_leaves_the_process_and_the_engine_alive(attack):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CHILD, RISKY[attack]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("[2, 'X']\n[False, 'x']\n")


def test_attacks_in_a_row_leave_one_engine_usable(engine):
    for code in RISKY.values():
        try:
            run(engine, code)
        except LlmspellError:
            pass

    assert_usable(engine)
