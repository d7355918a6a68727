"""The pattern guard: the same answers as C on every way it takes, and nothing that keeps C busy for long.

The chunks run here as the engine loads them, without an engine; `budget` moves the line between the C function, one
C call per start, and the matcher in Lua, so that short subjects walk all three.
"""

from __future__ import annotations

import random
from importlib import resources

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.runtime import LuaError, new_runtime
from llmspell_tools.errors import ToolTimeout
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

CHUNKS = ("arguments", "pattern_class", "pattern_parse", "pattern_cost", "pattern_matcher")
CHUNKS += ("pattern_replace", "patterns")

SCRIPT = {"name": "@script.lua", "mode": "script"}

COMPARE = r"""
local native = ...
local C, guarded = native.string, native.patterns
local function show(...)
  local shown = native.table.pack(...)
  for index = 1, shown.n do
    local value = shown[index]
    shown[index] = native.math.type(value) == "float" and "float " .. value
      or native.type(value) == "string" and native.string.format("%q", value) or native.tostring(value)
  end
  return native.table.concat(shown, "|")
end
local function attempt(f, ...)
  local packed = native.table.pack(...)
  return show(native.pcall(function() return (show(f(native.table.unpack(packed, 1, packed.n)))) end))
end
local function run(lib, s, p, init, repl, limit)
  local function first_of_two(a, b) return b or nil, a end
  local function every(...)
    local rows = {}
    for a, b, c in lib.gmatch(...) do rows[#rows + 1] = show(a, b, c) end
    return native.table.concat(rows, ";")
  end
  return native.table.concat({
    attempt(lib.find, s, p, init), attempt(lib.find, s, p, init, true), attempt(lib.match, s, p, init),
    attempt(every, s, p, init), attempt(lib.gsub, s, p, repl, limit),
    attempt(lib.gsub, s, p, { a = "X", b = 1, ab = false }, limit), attempt(lib.gsub, s, p, first_of_two),
  }, "\n")
end
return function(...) return run(C, ...), run(guarded, ...) end
"""

ATOMS = [*"aabb.()[]%^$-1 ", "%a", "%d", "%s", "%W", "[ab]", "[^a]", "[%a-]", "%(", "(", ")", "()", "(a", "b)", "%b()"]
ATOMS += [
    "%bab",
    "%f[%a]",
    "%f[^a]",
    "%1",
    "%2",
    "%-",
    "[]]",
    "[^]]",
    "%f",
    "%b",
    "%0",
    "\0",
    "%q",
    "[a-",
    "[%",
    "[1-9]",
]
QUANTIFIERS = ["", "", "", "*", "+", "-", "?"]


def load(budget=None):
    """The pattern library of a fresh runtime: (how to run trusted Lua, the table of trusted values)."""
    prelude = resources.files("llmspell_kernel.lua") / "prelude"
    runtime = new_runtime()
    load_prelude, _, native = runtime.execute((prelude / "boot.lua").read_text("utf-8"), name="=[llmspell]")
    native["pattern_budget"] = budget
    for name in CHUNKS:
        native[name] = load_prelude((prelude / f"{name}.lua").read_text("utf-8"), native)
    return load_prelude, native


def evaluate(source, budget=None):
    load_prelude, native = load(budget)
    return load_prelude(
        "local native = ...; local patterns, string = native.patterns, native.string\n" + source, native
    )


def generated(seed, count):
    """`count` calls: subject, pattern, init, replacement, limit."""
    source = random.Random(seed)
    for _ in range(count):
        pattern = "".join(source.choice(ATOMS) + source.choice(QUANTIFIERS) for _ in range(source.randint(0, 6)))
        if source.random() < 0.2:
            pattern = "^" + pattern
        if source.random() < 0.2:
            pattern += "$"
        if source.random() < 0.3:
            pattern = f"({pattern})"
        subject = "".join(source.choice("aaabb(1) -\0") for _ in range(source.randint(0, 12)))
        init = source.choice([None, None, 1, 2, -1, -3, 5, 0, 20, 3.0, "2"])
        replacement = source.choice(["x", "%0", "%1", "<%1%2>", "%%", "%", "%z", "", 7])
        yield subject, pattern, init, replacement, source.choice([None, None, 0, 1, 2, -1])


@pytest.mark.parametrize("budget", [None, -1, 40, 300])
def test_every_way_answers_as_c_does(budget):
    """2,500 generated calls of each function: identical results, or identical errors at the same line."""
    _, native = load(budget)
    compare = native["load"](COMPARE, "@compare.lua", "t", native)(native)

    for call in generated(seed=20240611, count=2500):
        expected, actual = compare(*call)
        assert expected == actual, call


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("patterns.find('a', '[')", "malformed pattern (missing ']')"),
        ("patterns.gsub('a', 'a', '%2')", "invalid capture index %2"),
        ("patterns.find(nil, 'a')", "bad argument #1 to 'find' (string expected, got nil)"),
        ("patterns.match('a', {})", "bad argument #2 to 'match' (string expected, got table)"),
        ("patterns.find('a', 'a', {})", "bad argument #3 to 'find' (number expected, got table)"),
        ("patterns.find('a', 'a', 1.5)", "bad argument #3 to 'find' (number has no integer representation)"),
        ("patterns.gsub('a', 'a')", "bad argument #3 to 'gsub' (string/function/table expected, got nil)"),
        ("patterns.find(('a'):rep(300), ('a?'):rep(300))", "pattern too complex"),
    ],
)
def test_an_error_names_the_line_of_the_script(call, expected):
    _, native = load()
    run = native["load"](f"local patterns = ...\nlocal x = {call}", "@script.lua")
    native["string_metatable"]["__index"] = native["string"]

    with pytest.raises(LuaError) as caught:
        run(native["patterns"])

    assert f"script.lua:2: {expected}" == str(caught.value).partition("\nstack traceback")[0]


def test_a_method_call_does_not_count_its_subject():
    _, native = load()
    native["string_metatable"]["__index"] = native["patterns"]
    run = native["load"]("local x = ('a'):find({})", "@script.lua")

    with pytest.raises(LuaError, match=r"bad argument #1 to 'find' \(string expected, got table\)"):
        run()


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        ("%d+", "straight"),
        ("[^,\\n]+", "straight"),
        ("^(%w+)%s*=%s*(%w+)$", "straight"),
        ("%f[%w]%w+", "straight"),
        ("(%w+)%s*=%s*(%w+)", "stepped"),
        ("%s+$", "stepped"),
        ("%b()", "stepped"),
        ("^%s*(.-)%s*$", "matched"),
        ("(a*)*b.-c-d", "matched"),
        ("a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?b", "matched"),
        ("a*[", "matched"),
    ],
)
def test_the_way_of_a_pattern_on_a_megabyte(pattern, way):
    """What the cost bound decides for a subject of 10^6 bytes; ordinary scans stay in C."""
    _, native = load()
    plan = native["pattern_plan"](pattern.replace("\\n", "\n"))

    taken = next((name for name in ("straight", "stepped") if plan[name] >= 10**6), "matched")
    assert way == taken


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # a plain search of 10^6 bytes for one that is nowhere: many windows
        ("return patterns.find(('a'):rep(10^6), ('a'):rep(2000) .. 'b', 1, true)", None),
        ("return (patterns.find(('a'):rep(10^6) .. 'ab', ('a'):rep(2000) .. 'b', 1, true))", 998002),
        ("return #patterns.match('  ' .. ('x y '):rep(2*10^5), '^%s*(.-)%s*$')", 799999),
        ("return select(2, patterns.gsub(('k = v\\n'):rep(10^4), '(%w+)%s*=%s*(%w+)', '%2'))", 10**4),
        ("local n = 0; for k in patterns.gmatch(('k = v\\n'):rep(10^4), '(%w+)%s*=') do n = n + 1 end return n", 10**4),
    ],
)
def test_large_subjects_are_matched_outside_of_c(source, expected):
    assert expected == evaluate("local select = native.select; native.string_metatable.__index = string\n" + source)


@pytest.mark.parametrize(
    "call",
    [
        "patterns.find(('a'):rep(28), ('a?'):rep(28) .. ('a'):rep(28))",
        "patterns.find(('a'):rep(300), ('a*'):rep(6) .. 'b')",
        "patterns.match(('a'):rep(10^5), '.-.-.-b')",
        "patterns.gsub(('a'):rep(10^5), '(a+)(a+)%1b', '')",
        "patterns.find(('('):rep(250000), '%b()')",
        "patterns.gmatch(('a'):rep(10^6), '%a+%d+')()",
        "patterns.find(('a'):rep(10^6), ('a'):rep(10^5) .. 'a*b')",
        "patterns.find(('a'):rep(300), ('a*'):rep(6) .. 'b[')",
        "patterns.find(('a'):rep(10^6), ('a'):rep(10^5) .. 'b', 1, true)",
        "patterns.find(('a'):rep(10^6), ('a'):rep(10^5) .. 'b')",
    ],
)
def test_a_hostile_call_can_be_stopped(call):
    """Each keeps C busy for seconds to years; a hook, which C never runs, ends each of ours."""
    instructions = 500 if "'b'" in call else 5000  # a plain search takes few: each of its C calls is long
    hooked = f"""
        native.string_metatable.__index = string
        native.debug.sethook(function() native.error("stopped", 0) end, "", {instructions})
        local ok, message = native.pcall(function() return ({call}) end)
        native.debug.sethook()
        return message
    """

    assert "stopped" == evaluate(hooked)


def test_a_replacement_that_multiplies_the_subject_is_refused():
    """10^6 matches of 10^6 bytes each would be 1 TB, written inside one C call."""
    with pytest.raises(LuaError, match="resulting string too large"):
        evaluate("return #patterns.gsub(string.rep('a', 10^6), 'a', string.rep('b', 10^6))")


def test_a_long_subject_reads_its_table_in_lua():
    assert "b" * 5000 == evaluate("return (patterns.gsub(string.rep('a', 5000), '.', { a = 'b' }))")


def test_gmatch_takes_a_caret_as_a_byte():
    assert "^a" == evaluate("return patterns.gmatch('x^a', '^a')()")
    assert "^aa" == evaluate("return patterns.gmatch('x^aa', '^a+$')()", budget=-1)


def test_many_patterns_do_not_grow_the_cache():
    assert 1 == evaluate("for i = 1, 5000 do patterns.find('a', 'a' .. i .. '*') end return (patterns.find('a', 'a'))")


@pytest.mark.parametrize("library", ["string.", "s:"])
@pytest.mark.parametrize(
    "pattern", ["('a?'):rep(28) .. ('a'):rep(28)", "('a*'):rep(6) .. 'b'", "'.-.-.-.-b'", "'^(a+)+b'"]
)
def test_the_engine_stops_a_hostile_pattern(pattern, library):
    """The whole way: scripts reach only the guarded functions, and the deadline ends them."""
    call = f"s:find({pattern})" if library == "s:" else f"string.find(s, {pattern})"
    with LuaEngine(ToolRegistry(policy=Policy.default()), write=lambda stream, text: None) as engine:
        with pytest.raises(ToolTimeout):
            engine.execute(f"local s = ('a'):rep(5000) while true do local x = {call} end", **SCRIPT, timeout_s=0.1)

        assert [3] == engine.execute("return (('abc'):find('c'))", **SCRIPT).values
