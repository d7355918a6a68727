"""`require` of Lua modules: where they are found, what is refused, and what errors say."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.errors import ScriptError, ToolTimeout
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The script's folder, which is not the current one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    return scripts


def new_engine(folder, *module_paths):
    policy = Policy.default(script_dir=None if folder is None else str(folder))
    settings = EngineSettings(script_dir=None if folder is None else str(folder), module_paths=module_paths)
    return LuaEngine(ToolRegistry(policy=policy), write=lambda stream, text: None, settings=settings)


def run(folder, source, *module_paths):
    with new_engine(folder, *map(str, module_paths)) as engine:
        return engine.execute(source, name="@script.lua", mode="script").values


def test_a_module_is_loaded_once(folder):
    (folder / "counter.lua").write_text("loads = (loads or 0) + 1 return {n = loads, name = ...}")

    source = """
        local a, b = require('counter'), require 'counter'
        return rawequal(a, b), a.n, a.name, package.loaded.counter == a
    """
    assert [True, 1, "counter", True] == run(folder, source)


def test_the_path_comes_as_second_result_and_argument(folder):
    (folder / "where.lua").write_text("return {path = select(2, ...)}")

    path = str(folder / "where.lua")
    assert [path, path] == run(folder, "local m, p = require('where') return m.path, p")


def test_dots_are_folders_and_init_is_found(folder):
    (folder / "shapes").mkdir()
    (folder / "shapes" / "circle.lua").write_text("return 'circle'")
    (folder / "shapes" / "init.lua").write_text("return 'all, with ' .. require('shapes.circle')")

    assert ["all, with circle"] == run(folder, "return (require('shapes'))")


def test_module_paths_come_after_the_script_s_folder(folder, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    (library / "both.lua").write_text("return 'library'")
    (library / "only.lua").write_text("return 'library'")
    (folder / "both.lua").write_text("return 'script'")

    assert ["script", "library"] == run(folder, "return (require 'both'), (require 'only')", library)


def test_a_module_without_a_result_is_true(folder):
    (folder / "nothing.lua").write_text("answer = 42")

    assert [True, 42] == run(folder, "return (require('nothing')), answer")


def test_preload_comes_first(folder):
    (folder / "m.lua").write_text("return 'file'")

    source = "package.preload.m = function(name, extra) return name .. extra end return (require('m'))"
    assert ["m:preload:"] == run(folder, source)


def test_standard_libraries_can_be_required(folder):
    assert [True, True] == run(folder, "return require('string') == string, require('io') == io")


def test_a_loop_names_its_way_round(folder):
    (folder / "a.lua").write_text("return require('b')")
    (folder / "b.lua").write_text("return require('a')")

    with pytest.raises(ScriptError, match="module 'a' requires itself: a -> b -> a"):
        run(folder, "require('a')")


def test_a_module_that_failed_can_be_required_again(folder):
    (folder / "flaky.lua").write_text("tries = (tries or 0) + 1 if tries == 1 then error('not yet') end return tries")

    source = """
        local ok, message = pcall(require, 'flaky')
        return ok, message:match('flaky.lua:1: not yet') ~= nil, (require('flaky'))
    """
    assert [False, True, 2] == run(folder, source)


def test_an_interrupted_load_leaves_no_trace(folder):
    (folder / "slow.lua").write_text("if not fast then while true do end end return 'fast'")

    with new_engine(folder) as engine:
        with pytest.raises(ToolTimeout):
            engine.execute("require('slow')", name="@script.lua", mode="script", timeout_s=0.05)
        assert ["fast"] == engine.execute("fast = true return (require('slow'))", name="@s.lua", mode="script").values


@pytest.mark.parametrize(
    "name", ["../secret", "a/b", "/etc/x", "..", "a..b", ".a", "a.", "", "a\\0b", "a\\\\b", "..secret"]
)
def test_names_that_could_leave_the_folder_are_refused(folder, name):
    (folder.parent / "secret.lua").write_text("return 'read'")

    with pytest.raises(ScriptError, match="is refused: names are words joined by dots"):
        run(folder, f"return require('{name}')")


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere" / "secret.lua").write_text("return 'read'")
    (folder / "out.lua").symlink_to(tmp_path / "elsewhere" / "secret.lua")

    with pytest.raises(ScriptError, match="not allowed"):
        run(folder, "return require('out')")


def test_the_current_folder_is_not_searched(folder, tmp_path):
    (tmp_path / "elsewhere" / "here.lua").write_text("return 'read'")

    with pytest.raises(ScriptError, match="module 'here' not found"):
        run(folder, "return require('here')")


def test_a_c_module_is_refused_by_name(folder):
    (folder / "lfs.so").write_bytes(b"\x7fELF")

    with pytest.raises(ScriptError, match=r"module 'lfs' is a C module \('.*lfs.so'\); only modules written in Lua"):
        run(folder, "return require('lfs')")


def test_a_missing_module_says_where_it_was_looked_for(folder):
    with pytest.raises(ScriptError) as caught:
        run(folder, "\nrequire('shapes.square')")

    message = caught.value.message
    assert message.startswith("script.lua:2: module 'shapes.square' not found:")
    assert f"no file '{folder}/shapes/square.lua'" in message
    assert f"no file '{folder}/shapes/square/init.lua'" in message


def test_a_script_without_a_folder_is_told_what_to_set():
    with pytest.raises(ScriptError, match=r"name folders in \[lua\] module_paths"):
        run(None, "require('anything')")


def test_a_syntax_error_names_the_module_s_file_and_line(folder):
    (folder / "broken.lua").write_text("return 1\nlocal = 2")

    with pytest.raises(ScriptError, match=r"error loading module 'broken' from file '.*':\n\t.*broken.lua:2: "):
        run(folder, "require('broken')")


def test_an_error_in_a_module_names_its_own_line(folder):
    (folder / "failing.lua").write_text("local function f()\n  error('here')\nend\nreturn f")

    with pytest.raises(ScriptError, match=r"^\S*failing.lua:2: here") as caught:
        run(folder, "local f = require('failing') f()")
    assert any("failing.lua:2:" in line for line in caught.value.details["traceback"])


def test_binary_chunks_are_refused(folder):
    (folder / "bytecode.lua").write_bytes(b"\x1bLua\x54\x00")

    with pytest.raises(ScriptError, match="error loading module 'bytecode'"):
        run(folder, "require('bytecode')")


def test_a_shebang_and_a_byte_order_mark_are_skipped(folder):
    (folder / "tool.lua").write_text("#!/usr/bin/env lua\nreturn 'ran'")
    (folder / "mark.lua").write_text("\ufeffreturn 'read'", encoding="utf-8")

    assert ["ran", "read"] == run(folder, "return (require('tool')), (require('mark'))")


def test_package_path_tells_where_modules_come_from(folder):
    assert [f"{folder}/?.lua;{folder}/?/init.lua", ""] == run(folder, "return package.path, package.cpath")


def test_a_module_sees_the_script_s_globals_and_no_more(folder):
    (folder / "peek.lua").write_text("return {shared, debug.getinfo, loadfile, dofile, package.loadlib, python}")

    assert [["yes"]] == run(folder, "shared = 'yes' return (require('peek'))")


def test_require_inside_a_coroutine(folder):
    (folder / "m.lua").write_text("coroutine.yield('from the module') return 'loaded'")

    source = "local co = coroutine.wrap(function() return (require('m')) end) return co(), co()"
    assert ["from the module", "loaded"] == run(folder, source)
