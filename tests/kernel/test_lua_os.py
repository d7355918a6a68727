"""Lua's os library through the engine."""

from __future__ import annotations

import os

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import ScriptError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = LuaEngine(ToolRegistry(policy=Policy.default()), write=lambda stream, text: None)
    yield made
    made.close()


def run(engine, source):
    return engine.execute(source, name="@script.lua", mode="script").values


def test_an_allowed_variable_is_read(engine, monkeypatch):
    monkeypatch.setenv("HOME", "/home/h\u00e9")

    assert ["/home/h\u00e9", None] == run(engine, "return os.getenv('HOME'), os.getenv('LLMSPELL_NO_SUCH')")


def test_a_refused_variable_reads_as_unset(engine, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    assert [None] == run(engine, "return os.getenv('AWS_SECRET_ACCESS_KEY')")


def test_remove_and_rename_work_inside_the_roots(engine, tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "empty").mkdir()

    assert [True, True, True] == run(engine, "return os.rename('a', 'b'), os.remove('b'), os.remove('empty')")
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("call", "code", "part"),
    [
        ("os.remove('missing')", 2, "missing: No such file or directory"),
        ("os.rename('missing', 'b')", 2, "missing: No such file or directory"),
        ("os.remove('/etc/hostname')", 13, "--allow-write"),
        ("os.rename('inside', '/etc/outside')", 13, "--allow-write"),
        ("os.remove('full')", 39, "full: Directory not empty"),
    ],
)
def test_failures_come_back_softly(engine, tmp_path, call, code, part):
    (tmp_path / "inside").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")

    ok, message, number = run(engine, f"local ok, message, code = {call} return ok, message, code")
    assert (None, code) == (ok, number)
    assert part in message
    assert (tmp_path / "inside").exists()


def test_tmpname_makes_a_file_of_its_own(engine):
    name, again = run(engine, "return os.tmpname(), os.tmpname()")

    assert name != again
    assert [True] == run(engine, f"return os.remove('{name}') and os.remove('{again}')")


def test_programs_are_started_by_the_tool_for_it(engine):
    with pytest.raises(ScriptError, match="process-executor"):
        run(engine, "os.execute('ls')")
    assert [False] == run(engine, "return os.execute()")


@pytest.mark.parametrize(("argument", "code"), [("", 0), ("3", 3), ("true", 0), ("false", 1), ("256 + 7", 7)])
def test_exit_ends_the_run_with_a_code(engine, argument, code):
    """Not even pcall goes on."""
    execution = engine.execute(
        f"pcall(os.exit, {argument}) error('went on')" if argument else "os.exit()", name="@s.lua", mode="script"
    )

    assert code == execution.exit_code


def test_time_date_clock_and_difftime_are_stock(engine):
    source = """
        local at = os.time({year = 2024, month = 2, day = 29, hour = 12, min = 30, sec = 15})
        local table = os.date('*t', at)
        return os.date('%Y-%m-%d %H:%M:%S', at), table.yday, table.isdst ~= nil, os.date('!%H:%M', 0),
          os.difftime(at + 5, at), math.type(os.time()), os.clock() >= 0, os.time({year = 2024, month = 14, day = 1})
            == os.time({year = 2025, month = 2, day = 1})
    """

    assert ["2024-02-29 12:30:15", 60, True, "00:00", 5.0, "integer", True, True] == run(engine, source)


def test_a_bad_date_format_is_an_error(engine):
    with pytest.raises(ScriptError, match="invalid conversion specifier '%Ez'"):
        run(engine, "return os.date('%Ez')")


def test_the_locale_is_not_a_script_s_to_change(engine):
    assert ["C", None] == run(engine, "return os.setlocale(), os.setlocale('de_DE')")


def test_arguments_are_checked(engine):
    with pytest.raises(ScriptError, match=r"script.lua:1: bad argument #1 to 'getenv' \(string expected, got nil\)"):
        run(engine, "return (os.getenv())")
