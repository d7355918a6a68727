"""Interrupts, deadlines and memory limits stop everything that Lua can do, and the engine goes on afterwards.

Each workload never ends by itself; `timeout_s` bounds the wait where it is not what is tested.
"""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_kernel.lua import native as native_module
from llmspell_tools.definition import Tool, ToolContext
from llmspell_tools.errors import Cancelled, LimitExceeded, ScriptError, ToolTimeout
from llmspell_tools.registry import ToolRegistry

FOREVER = {
    "loop": "while true do end",
    "goto": "::again:: goto again",
    "tail calls": "local function f() return f() end f()",
    "pcall loop": "while true do pcall(function() while true do end end) end",
    "xpcall whose handler spins": "xpcall(function() while true do end end, function() while true do end end)",
    "xpcall handler alone": "xpcall(error, function() while true do end end, 'x')",
    "coroutine": "coroutine.wrap(function() while true do end end)()",
    "resume in a loop": "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "deep coroutines": "local function f(n) if n == 0 then while true do end end coroutine.wrap(f)(n - 1) end f(20)",
    "switching": "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
    "close": "local x <close> = setmetatable({}, { __close = function() while true do end end })",
    "close in a coroutine": """local co = coroutine.create(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end)
        coroutine.resume(co) coroutine.close(co)""",
    "close after an error in wrap": """coroutine.wrap(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x') end)()""",
    "gsub callback": "('x'):gsub('x', function() while true do end end)",
    "gsub loop": "while true do ('x'):rep(100):gsub('x', function() end) end",
    "sort callback": "table.sort({ 3, 2, 1 }, function() while true do end end)",
    "metamethod": "local t = setmetatable({}, { __index = function() while true do end end }) local x = t.a",
    "tostring": "print(setmetatable({}, { __tostring = function() while true do end end }))",
    "iterator": "for _ in function() while true do end end do end",
    "load reader": "load(function() while true do end end)",
    "hostile pattern": "string.find(('a'):rep(300), ('a*'):rep(6) .. 'b')",
    "optional pattern": "string.find(('a'):rep(28), ('a?'):rep(28) .. ('a'):rep(28))",
    "balanced pattern": "string.find(('('):rep(250000), '%b()') while true do end",
    "plain find": "string.find(('a'):rep(1e6), ('a'):rep(5e5) .. 'b', 1, true) while true do end",
    "insert into a table that lies": "local t = {} for i = 0, 61 do t[1 << i] = 1 end while true do table.insert(t, 1, 1) end",
    "insert by __len": "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 'x')",
    "remove by __len": "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
    "move": "table.move({}, 1, 1 << 60, 2)",
    "ipairs without end": "for _ in ipairs(setmetatable({}, { __index = function(_, i) return i end })) do end",
    "concat without end": """table.concat(setmetatable({}, { __len = function() return 1 << 60 end,
        __index = function() return '' end }))""",
    "tool calls": "while true do Tool.calculator:execute({ input = '1 + 1' }) end",
    "tool calls in pcall": "while true do pcall(Tool.invoke, 'calculator', { input = '1 + 1' }) end",
    "lua tool": "Tool.register{ name = 'spin-in-loop', execute = function() while true do end end } Tool.invoke('spin-in-loop')",
    "lua tool in pcall": """Tool.register{ name = 'spin-in-pcall', execute = function() while true do end end }
        while true do pcall(Tool.invoke, 'spin-in-pcall', {}) end""",
    "lua tool in a coroutine": """Tool.register{ name = 'spin-in-coroutine', execute = function() while true do end end }
        coroutine.wrap(function() Tool.invoke('spin-in-coroutine', {}) end)()""",
    "prints": "while true do print('x') end",
    "json": "local t = {} for i = 1, 1000 do t[i] = i end while true do JSON.parse(JSON.stringify(t)) end",
    "compiling": "while true do load('return 1') end",
    "collecting": "while true do local t = { {}, {} } end",
}


@pytest.fixture(autouse=True)
def sigint():
    """A shell's background job begins with SIGINT ignored, and an engine respects that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    door = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(door)
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def engine():
    made = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, code, **options):
    return engine.execute(code, name="@i.lua", mode="script", **{"timeout_s": 5, **options}).values


@pytest.mark.parametrize("workload", FOREVER)
def test_deadline_stops_it_and_the_engine_goes_on(engine, workload):
    with pytest.raises(ToolTimeout):
        run(engine, "kept = 'kept' " + FOREVER[workload], timeout_s=0.05)

    assert run(engine, "return kept, ('x'):rep(3), coroutine.wrap(function() return 1 end)()") == ["kept", "xxx", 1]


@pytest.mark.parametrize(
    "workload", ["loop", "pcall loop", "deep coroutines", "close", "hostile pattern", "lua tool in pcall"]
)
def test_interrupt_from_another_thread_stops_it(workload):
    started, ended = threading.Event(), threading.Event()

    def interrupt():
        started.wait(5)
        while not ended.wait(0.01):  # the first may come while the print is still being written
            engine.interrupt()

    engine = LuaEngine(ToolRegistry(), write=lambda stream, text: started.set())
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with engine, pytest.raises(Cancelled):
            run(engine, "print('started') " + FOREVER[workload], timeout_s=10)
    finally:
        ended.set()
        thread.join(5)


def test_interrupt_of_an_idle_engine_does_nothing(engine):
    engine.interrupt()

    assert run(engine, "return 1") == [1]


def test_interrupted_error_says_where(engine):
    with pytest.raises(ToolTimeout) as caught:
        run(engine, "local function spin()\n  while true do end\nend\nspin()", timeout_s=0.05)

    assert caught.value.details["line"] == 2
    assert caught.value.details["traceback"][-1] == "i.lua:4: in main chunk"


def test_error_text_that_looks_like_an_interrupt_is_none(engine):
    """Recognised by our flag, not by its text."""
    with pytest.raises(ScriptError):
        run(engine, "error('i.lua:1: \\3', 0)")
    assert run(engine, "local ok, e = xpcall(error, function(m) return 'handled' end, '\\3') return e") == ["handled"]


def test_coroutine_killed_by_an_interrupt_is_never_closed(engine):
    """Its __close would run with hooks off, where nothing could stop it."""
    with pytest.raises(ToolTimeout):
        run(engine, """co = coroutine.create(function()
              local x <close> = setmetatable({}, { __close = function() while true do end end })
              while true do end end)
            coroutine.resume(co)""", timeout_s=0.05)  # fmt: skip

    assert run(engine, "return coroutine.status(co), coroutine.close(co)") == [
        "dead",
        False,
        "the coroutine was interrupted",
    ]


def test_suspended_coroutine_survives_an_interrupt_elsewhere(engine):
    run(engine, "co2 = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) co2()")
    with pytest.raises(ToolTimeout):
        run(engine, "co2() while true do end", timeout_s=0.05)

    assert run(engine, "return co2()") == [3]


def test_earlier_deadline_of_the_context_holds():
    registry = ToolRegistry()
    context = registry.context(timeout_s=0.05)
    with LuaEngine(registry, write=lambda stream, text: None, context=context) as engine, pytest.raises(ToolTimeout):
        run(engine, "while true do end")


def test_signal_of_the_context_interrupts():
    registry = ToolRegistry()
    context = registry.context()
    engine = LuaEngine(registry, write=lambda stream, text: context.signal.set(), context=context)
    with engine, pytest.raises(Cancelled):
        run(engine, "print('go') while true do end")


# --- memory ----------------------------------------------------------------------------------------------------------

BOMBS = {
    "tables": "local t = {} for i = 1, math.huge do t[i] = { i } end",
    "strings": "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
    "doubling": "local s = 'x' while true do s = s .. s end",
    "pcall": "while true do pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end end) end",
    "coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
    "concat": "local s = ('x'):rep(1e7) local t = {} for i = 1, 1000 do t[i] = s end while true do s = table.concat(t) end",
    "one expression": "local s = ('x'):rep(1e7) while true do s = " + " .. ".join(["s"] * 60) + " end",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_memory_bomb_is_stopped_and_the_engine_goes_on(bomb):
    settings = EngineSettings(max_memory_bytes=32 * 1024 * 1024, max_string_bytes=16 * 1024 * 1024)
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None, settings=settings) as engine:
        with pytest.raises(LimitExceeded) as caught:
            run(engine, BOMBS[bomb], timeout_s=20)

        assert caught.value.details["key"] == "[lua] max_memory_bytes"
        assert run(engine, "return #('x'):rep(1000)") == [1000]


def test_state_above_the_limit_can_still_be_freed():
    settings = EngineSettings(max_memory_bytes=16 * 1024 * 1024)
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None, settings=settings) as engine:
        with pytest.raises(LimitExceeded):
            run(engine, "big = {} for i = 1, math.huge do big[i] = { i } end")

        assert run(engine, "big = nil return 1") == [1]


# --- tools that wait --------------------------------------------------------------------------------------------------


def waiting_tool(function, **options):
    return Tool(
        name="wait-here",
        category="custom",
        description="Wait.",
        parameters={"type": "object"},
        function=function,
        **options,
    )


def test_interrupt_reaches_a_tool_that_checks():
    inside = threading.Event()

    def wait(context: ToolContext):
        context.signal.on_set(inside.set)
        engine.interrupt()
        assert inside.wait(5)
        context.check()

    registry = ToolRegistry()
    registry.register(waiting_tool(wait))
    engine = LuaEngine(registry, write=lambda stream, text: None)
    with engine, pytest.raises(Cancelled):
        run(engine, "while true do pcall(Tool.invoke, 'wait-here', {}) end", timeout_s=30)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("how", ["deadline", "interrupt"])
def test_tool_that_blocks_on_main_is_broken(blocking, how):
    """At once if the tool says that it blocks, else after a moment's grace."""
    reader, writer = os.pipe()
    threads = []

    def wait():
        if how == "interrupt":
            threads.append(threading.Thread(target=engine.interrupt))
            threads[0].start()
        os.read(reader, 1)

    registry = ToolRegistry()
    registry.register(waiting_tool(wait, blocking=blocking, wants_context=False))
    engine = LuaEngine(registry, write=lambda stream, text: None)
    wanted = ToolTimeout if how == "deadline" else Cancelled
    before = signal.getsignal(signal.SIGINT)
    with engine, pytest.raises(wanted):
        run(
            engine, "while true do pcall(Tool.invoke, 'wait-here', {}) end", timeout_s=0.05 if how == "deadline" else 30
        )
    for each in threads:
        each.join(5)
    os.close(reader)
    os.close(writer)

    assert signal.getsignal(signal.SIGINT) is before


def test_sigint_stops_a_loop_on_main():
    """The C handler wakes the watch thread; Python's own handler would wait for Lua to return."""
    engine = LuaEngine(ToolRegistry(), write=lambda stream, text: os.kill(os.getpid(), signal.SIGINT))
    with engine, pytest.raises(Cancelled):
        run(engine, "print('go') while true do pcall(function() while true do end end) end")


def test_sigint_is_not_lost_to_a_door_that_has_gone():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    engine = LuaEngine(ToolRegistry(), write=lambda stream, text: os.kill(os.getpid(), signal.SIGINT))
    os.close(reader)
    os.close(writer)

    with engine, pytest.raises(Cancelled):
        run(engine, "print('go') while true do end")


def test_sigint_is_left_to_a_door_that_has_a_pipe_of_its_own():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    engine = LuaEngine(ToolRegistry(), write=lambda stream, text: os.kill(os.getpid(), signal.SIGINT))
    received = []

    def door():
        received.append(os.read(reader, 1))
        engine.interrupt()

    thread = threading.Thread(target=door)
    thread.start()
    try:
        with engine, pytest.raises(Cancelled):
            run(engine, "print('go') while true do end")
        thread.join(5)
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)

    assert received == [bytes([signal.SIGINT])]


@pytest.mark.subprocess
def test_ctrl_c_in_a_real_process_stops_a_script():
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import Cancelled
from llmspell_tools.registry import ToolRegistry
engine = LuaEngine(ToolRegistry(), write=lambda stream, text: print(text, end="", flush=True))
try:
    engine.execute("print('go') while true do end", name="@x", mode="script", timeout_s=20)
except Cancelled:
    print("cancelled", engine.execute("return 7", name="@y", mode="script").values)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "go\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    finally:
        process.kill()

    assert out == "cancelled [7]\n"


# --- where the native hook is missing ---------------------------------------------------------------------------------


@pytest.fixture
def polled(monkeypatch):
    def missing(*_):
        raise AttributeError("lua_sethook")

    monkeypatch.setattr(native_module, "NativeHook", missing)
    made = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    yield made
    made.close()


def test_mode_is_said(engine, polled):
    assert engine.interrupt_mode == "asynchronous hook"
    assert polled.interrupt_mode == "count hook"


@pytest.mark.parametrize("workload", ["loop", "pcall loop", "coroutine", "resume in a loop", "gsub callback", "hostile pattern",
                                      "close", "lua tool", "tool calls in pcall", "xpcall whose handler spins"])  # fmt: skip
def test_count_hook_stops_it_too(polled, workload):
    for _ in range(2):
        with pytest.raises(ToolTimeout):
            run(polled, FOREVER[workload].replace("spin-in-loop", f"spin-{_}"), timeout_s=0.1)

    assert run(polled, "local s = 0 for i = 1, 100000 do s = s + 1 end return s") == [100000]
