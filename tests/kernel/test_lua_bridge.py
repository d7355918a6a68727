"""The boundary's own promises: what callbacks raise, what large values may do, what is misuse."""

from __future__ import annotations

import enum

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_kernel.lua.convert import Encoder, from_lua_text, human_text, to_lua_text
from llmspell_kernel.lua.loader import line_of
from llmspell_kernel.lua.memory import Memory
from llmspell_tools.errors import InternalError, InvalidParameters, ToolExecutionError
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def engine():
    made = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, code):
    return engine.execute(code, name="@b.lua", mode="script", timeout_s=5).values


def give_callback(engine, function):
    """Make `callback()` a global of scripts that calls a guarded Python function."""
    library = engine._prelude.run(
        "local native, host = ... return { callback = function(...) return native.check(host.callback(...)) end }",
        {"callback": engine._bridge.guard(function)},
    )
    engine._bridge.put("callback", library["callback"])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ToolExecutionError("disk full"), "disk full"),
        (ValueError("a bug"), "internal error: ValueError: a bug"),
        (RecursionError(), "stack overflow"),
        (MemoryError(), "not enough memory"),
        (SystemExit(3), "internal error: SystemExit"),
        (ToolExecutionError("ü€"), "ü€"),
    ],
)
def test_exception_of_a_callback_is_a_lua_string(engine, error, text):
    def fail():
        raise error

    give_callback(engine, fail)

    kind, message = run(engine, "local ok, e = pcall(callback) return type(e), e")
    assert kind == "string"
    assert text in message


def test_callback_may_answer_none_one_or_many(engine):
    answers = iter([None, 1, (1, None, "x"), ()])
    give_callback(engine, lambda: next(answers))

    code = "local t = {} for i = 1, 4 do t[i] = select('#', callback()) end return t"
    assert run(engine, code) == [[1, 1, 3, 0]]


def test_keyboard_interrupt_in_a_callback_ends_the_run(engine):
    def interrupt():
        raise KeyboardInterrupt

    give_callback(engine, interrupt)

    with pytest.raises(Exception, match="interrupted"):
        run(engine, "while true do pcall(callback) end")
    assert run(engine, "return 1") == [1]


def test_python_exception_that_slips_through_is_a_string_too(engine):
    """lupa would hand over the exception object; every pcall and resume turns it into text."""

    def fail():
        raise ValueError("slipped")

    library = engine._prelude.run("local _, host = ... return { f = function() return host.f() end }", {"f": fail})
    engine._bridge.put("unguarded", library["f"])

    code = """local ok, e = pcall(unguarded) local ok2, e2 = coroutine.resume(coroutine.create(unguarded))
        local ok3, e3 = xpcall(unguarded, function(m) return m end) return { type(e), type(e2), type(e3) }, e"""
    kinds, text = run(engine, code)
    assert kinds == ["string"] * 3
    assert "slipped" in text


def test_engine_takes_one_script_at_a_time(engine):
    caught = []

    def again():
        try:
            engine.execute("return 1", name="@inner", mode="script")
        except InternalError as error:
            caught.append(error)

    give_callback(engine, again)
    run(engine, "callback()")

    assert len(caught) == 1


def test_closed_engine_says_so():
    engine = LuaEngine(ToolRegistry(), write=lambda stream, text: None)
    engine.close()

    with pytest.raises(InternalError, match="closed"):
        run(engine, "return 1")


def test_bytes_in_results_show_as_replacement(engine):
    assert run(engine, r"return '\xff', { '\xff', { k = '\xfe' } }") == ["\ufffd", ["\ufffd", {"k": "\ufffd"}]]


def test_large_text_from_python_passes_the_hard_limit(monkeypatch):
    """lupa would abort the process; the limit is lifted, and the soft one ends the run."""
    settings = EngineSettings(max_memory_bytes=1024 * 1024)
    with LuaEngine(ToolRegistry(), write=lambda stream, text: None, settings=settings) as engine:
        give_callback(engine, lambda: "x" * 300_000_000)
        with pytest.raises(Exception, match="max_memory_bytes"):
            run(engine, "local text = callback() while true do end")

        assert run(engine, "return 1") == [1]


class FakeRuntime:
    def __init__(self, used):
        self.used = used
        self.limits = []

    def get_memory_used(self, total=False):
        return self.used

    def set_max_memory(self, limit, total=False):
        self.limits.append(limit)


def test_hard_limit_is_set_for_a_run_and_lifted_for_what_would_pass_it():
    runtime = FakeRuntime(used=1000)
    memory = Memory(runtime, 1_000_000)

    assert memory.begin_run() == 16 * 1024 * 1024 + 1000
    memory.make_room(1000)
    memory.make_room(1_000_000_000)
    memory.make_room(1_000_000_000)
    memory.begin_run()

    hard = 1_000_000 + 256 * 1024 * 1024
    assert runtime.limits == [hard, 0, hard]


def test_no_memory_limit_means_none():
    runtime = FakeRuntime(used=1000)
    memory = Memory(runtime, None)
    memory.make_room(10**12)

    assert memory.begin_run() is None
    assert runtime.limits == []


@pytest.mark.parametrize("text", ["", "plain", "äöü €", "\x00\x7f"])
def test_text_round_trips(text):
    assert from_lua_text(to_lua_text(text)) == text
    assert human_text(to_lua_text(text)) == text


@pytest.mark.parametrize("raw", [b"\xff", b"caf\xe9", bytes(range(256))])
def test_bytes_round_trip(raw):
    assert from_lua_text(to_lua_text(raw)) == raw


def test_surrogates_become_the_bytes_they_stand_for():
    assert to_lua_text("caf\udce9").encode("latin-1") == b"caf\xe9"
    assert to_lua_text("\ud800").encode("latin-1") == b"\xed\xa0\x80"


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


class Real(float):
    pass


@pytest.fixture
def encoder():
    return Encoder(lambda value, recursive: value, lambda: "EMPTY", "NULL", lambda size: None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Colour.RED, 1),
        (Text("ä"), to_lua_text("ä")),
        (Real(1.5), 1.5),
        (bytearray(b"\xff"), "\xff"),
        ((1, 2), [1, 2]),
        ([], "EMPTY"),
        ({1: "x"}, {1: "x"}),
        (-(2**63) - 1, str(-(2**63) - 1)),
        ([None], [None]),
    ],
)
def test_encoder_prepares(encoder, value, expected):
    assert encoder.to_lua(value) == expected


def test_encoder_keeps_null_where_asked(encoder):
    assert encoder.to_lua({"a": None}, keep_null=True) == {"a": "NULL"}


@pytest.mark.parametrize("value", [object(), {1.5: 1}, {True: 1}, {"a": {3}}, print])
def test_encoder_refuses_what_has_no_lua_form(encoder, value):
    with pytest.raises(InvalidParameters):
        encoder.to_lua(value)


def test_encoder_refuses_deep_nesting(encoder):
    value = []
    for _ in range(300):
        value = [value]

    with pytest.raises(InvalidParameters, match="nested"):
        encoder.to_lua(value)


def test_encoder_tells_the_size_of_large_values():
    sizes = []
    encoder = Encoder(lambda value, recursive: value, dict, None, sizes.append)
    encoder.to_lua({"small": 1})
    encoder.to_lua(["x" * 2_000_000])

    assert len(sizes) == 1
    assert sizes[0] > 2_000_000


@pytest.mark.parametrize(
    ("message", "line"),
    [("a.lua:12: boom", 12), ("C:\\x.lua:3: boom", 3), ("no position", None), ('[string "x"]:1: y', 1)],
)
def test_line_is_read_from_a_message(message, line):
    assert line_of(message) == line
