"""`llmspell_tools.plugins` and `own_tools`: own tools from entry points and folders, and everything wrong with them."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from llmspell_tools.own_tools import OwnTools
from llmspell_tools.plugins import entry_points, load_file, tool_files
from llmspell_tools.registry import ToolRegistry

SOURCE = '''
from llmspell_tools.definition import tool

@tool(name="{name}")
def {function}(*, input: str) -> str:
    """Shout.

    Args:
        input: What to shout.
    """
    return input.upper()
'''


def source(name, answer=None):
    text = SOURCE.format(name=name, function=name.replace("-", "_"))
    return text if answer is None else text.replace("input.upper()", repr(answer))


class Own:
    """Folders of own tools, their registry, and what has been reported."""

    def __init__(self, *folders, path=(), **options):
        self.reported = []
        self.own = OwnTools([str(folder) for folder in folders], report=self.note, path=path, **options)
        self.registry = ToolRegistry(own=self.own)

    def note(self, problem):
        assert problem.code == "configuration_error"
        self.reported.append(problem.message)

    @property
    def names(self):
        return [tool.name for tool in self.registry.list("custom")]


@pytest.fixture(autouse=True)
def _leave_nothing_in_the_interpreter():
    path, modules = [*sys.path], {*sys.modules}
    yield
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if not name.startswith("llmspell_tools."):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "own"
    made.mkdir()
    return made


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path with one installed plug-in."""
    package = tmp_path / "site"
    (package / "shouter-1.0.dist-info").mkdir(parents=True)
    (package / "shouter-1.0.dist-info" / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[llmspell.tools]\n# ours\nshout = shouter_plugin:shout\n", encoding="utf-8"
    )
    (package / "shouter_plugin.py").write_text(source("shout"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(package))
    return package


# --- entry points -----------------------------------------------------------------------------------------------------


def test_entry_points_of_the_group_are_found(site):
    assert list(entry_points([str(site)])) == [("shout", "shouter_plugin:shout")]


def test_an_installed_plugin_is_called_like_a_built_in_tool(site):
    assert Own(path=[str(site)]).registry.invoke("shout", {"input": "hey"}).output == "HEY"


@pytest.mark.parametrize("target", ["shouter_plugin", "shouter_plugin:shout", "shouter_plugin:TOOLS"])
def test_an_entry_point_names_a_tool_or_several_or_a_module_of_tools(site, target):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_text(f"[llmspell.tools]\nx = {target}\n", encoding="utf-8")
    with (site / "shouter_plugin.py").open("a", encoding="utf-8") as file:
        file.write("\nTOOLS = [shout]\n")

    assert Own(path=[str(site)]).names == ["shout"]


@pytest.mark.parametrize("target", ["shouter_plugin:__name__", "shouter_plugin:missing", "no_such_module:x"])
def test_an_entry_point_that_is_no_tool_is_reported(site, target):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_text(f"[llmspell.tools]\nx = {target}\n", encoding="utf-8")
    own = Own(path=[str(site), str(site / "missing")])

    assert own.names == []
    assert [f"x = {target}" in message for message in own.reported] == [True]


def test_entry_points_that_are_no_text_are_none(site):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_bytes(b"\xff")

    assert list(entry_points([str(site)])) == []


def test_built_in_tools_are_found_without_looking_for_plugins():
    class Never:
        problems = ()

        def load(self, registry):
            raise AssertionError("looked for plug-ins")

        refresh = load

    assert ToolRegistry(own=Never()).get("calculator").name == "calculator"


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_file_in_a_tool_folder_is_a_tool(folder):
    (folder / "whisper.py").write_text(source("whisper"), encoding="utf-8")
    own = Own(folder)

    assert own.names == ["whisper"]
    assert own.registry.get("whisper").parameters["required"] == ["input"]
    assert own.own.source_of("whisper") == str(folder / "whisper.py")


def test_helpers_and_tests_are_no_tools():
    names = ["b.py", "a.py", "_a.py", ".a.py", "test_a.py", "a_test.py", "conftest.py", "a.txt", "__init__.py"]

    assert tool_files(names) == ["a.py", "b.py"]


def test_a_tool_may_import_helpers_that_stand_beside_it_but_none_that_hides_a_module(folder):
    (folder / "_words.py").write_text("WORD = 'helped'", encoding="utf-8")
    (folder / "json.py").write_text(source("json-own", "from json.py"), encoding="utf-8")
    text = "import json\nfrom _words import WORD\n" + source("helped").replace("input.upper()", "json.dumps([WORD])")
    (folder / "helped.py").write_text(text, encoding="utf-8")
    own = Own(folder)

    assert own.reported == []
    assert own.registry.invoke("helped", {"input": ""}).output == '["helped"]'
    assert own.registry.invoke("json-own", {"input": ""}).output == "from json.py"


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text(source(name), encoding="utf-8")
    tools = Own(tmp_path / "one", tmp_path / "two").own
    registry = ToolRegistry(own=tools)

    assert {tool.name for tool in registry.list("custom")} == {"one", "two"}
    assert len({tool.module for tool in tools.tools}) == 2


def test_a_tool_folder_is_left_as_it_was(folder):
    (folder / "_help.py").write_text("", encoding="utf-8")
    (folder / "whisper.py").write_text("import _help\n" + source("whisper"), encoding="utf-8")

    assert Own(folder).names == ["whisper"]
    assert sorted(os.listdir(folder)) == ["_help.py", "whisper.py"]


def test_a_file_s_tools_can_be_loaded_by_its_path(folder):
    (folder / "whisper.py").write_text(source("whisper"), encoding="utf-8")

    assert [tool.name for tool in load_file(folder / "whisper.py")] == ["whisper"]


# --- broken ones ------------------------------------------------------------------------------------------------------

HEAD = "from llmspell_tools.definition import tool\n"
BROKEN = {
    "syntax": ("def x(:", "line 1,", "SyntaxError"),
    "missing library": ("\nimport no_such_module_anywhere", "line 2,", "no_such_module_anywhere"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "skips like pytest": ("class Skip(BaseException): pass\nraise Skip('no')", "line 2,", "Skip: no"),
    "fails": ("\n\n1 / 0", "line 3,", "division by zero"),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
    "no tool": ("x = 1", "defines no tool", "@llmspell.tool(name=...)", "`_zbroken.py`"),
    "not UTF-8": (b"x = '\xff\xfe'", "SyntaxError"),
    "null byte": (b"x = 1\0", "null bytes"),
    "built-in's name": (source("calculator"), "'calculator' exists already"),
    "own tool's name": (source("good"), "'good' exists already", "good.py has it"),
    "bad name": (source("x").replace('"x"', '"x y"'), "no tool name"),
    "odd annotation": (source("x").replace("input: str", "input: bytes"), "bytes", "no JSON Schema form"),
    "unknown annotation": (source("x").replace("input: str", "input: Pth"), "Pth"),
    "bad pattern": (
        "from typing import Annotated\n" + source("x").replace("input: str", "input: Annotated[str, {'pattern': '('}]"),
        "no pattern",
    ),
    "async": (source("x").replace("def x", "async def x"), "write it with `def`"),
    "positional": (source("x").replace("*, input: str", "*input: str"), "cannot be given by name"),
    "bad level": (source("x").replace('name="x"', 'name="x", level="godlike"'), "godlike"),
    "asks": ("input('who are you?')", "RuntimeError"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_reported_once_by_name_and_the_rest_works(folder, kind):
    text, *parts = BROKEN[kind]
    (folder / "zbroken.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "good.py").write_text(source("good"), encoding="utf-8")
    own = Own(folder)

    assert own.names == ["good"]
    assert own.registry.exists("calculator")
    assert own.registry.invoke("good", {"input": "a"}).output == "A"
    assert len(own.reported) == 1
    assert [part for part in ("zbroken.py", *parts) if part not in own.reported[0]] == []
    problem = own.registry.problems[0]
    assert problem.details["source"] == str(folder / "zbroken.py")
    assert problem.details["severity"] == "error"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (HEAD + "@tool(name='bare')\ndef bare(*, x: str) -> str:\n    return x\n", "'bare' has no description"),
        (HEAD + "@tool(name='bare')\ndef bare(*, x):\n    '''Do it.'''\n    return x\n", "`x: str`"),
    ],
)
def test_a_tool_that_lacks_something_works_and_is_reported_with_the_remedy(folder, text, part):
    (folder / "bare.py").write_text(text, encoding="utf-8")
    own = Own(folder)

    assert own.registry.invoke("bare", {"x": "y"}).output == "y"
    assert len(own.reported) == 1
    assert "bare.py" in own.reported[0]
    assert part in own.reported[0]
    assert own.registry.problems[0].details["severity"] == "warning"


def test_a_slow_import_is_reported(folder):
    (folder / "slow.py").write_text(source("slow"), encoding="utf-8")
    own = Own(folder, slow_s=0.0)

    assert own.names == ["slow"]
    assert "slow.py: it took 0.0 s to load" in own.reported[0]


def test_what_a_file_prints_while_it_is_loaded_goes_to_stderr(folder, capfd):
    (folder / "loud.py").write_text("print('hello from loud')\n" + source("loud"), encoding="utf-8")

    assert Own(folder).names == ["loud"]
    assert capfd.readouterr() == ("", "hello from loud\n")


def test_a_missing_folder_is_reported_and_the_others_are_read(tmp_path, folder):
    (folder / "good.py").write_text(source("good"), encoding="utf-8")
    own = Own(tmp_path / "nowhere", folder / "good.py", folder)

    assert own.names == ["good"]
    assert [message.split("'")[2] for message in own.reported] == [
        " does not exist", " is a file; name the folder that it is in"
    ]  # fmt: skip


def test_a_folder_that_cannot_be_read_any_more_keeps_its_tools(folder, monkeypatch):
    (folder / "good.py").write_text(source("good"), encoding="utf-8")
    own = Own(folder)
    assert own.names == ["good"]

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    own.registry.refresh()

    assert own.names == ["good"]
    assert own.reported == [f"tool folder '{folder}' cannot be read: Permission denied"]


def test_a_link_to_nothing_is_reported(folder):
    (folder / "gone.py").symlink_to(folder / "nowhere")
    own = Own(folder)

    assert own.names == []
    assert "gone.py does not load: No such file" in own.reported[0]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_changed_added_and_removed_files_take_effect_at_a_refresh(folder):
    (folder / "one.py").write_text(source("one", 1), encoding="utf-8")
    own = Own(folder)
    registry = own.registry
    assert registry.invoke("one", {"input": ""}).output == 1

    (folder / "one.py").write_text(source("one", 22), encoding="utf-8")
    (folder / "two.py").write_text(source("two", 2), encoding="utf-8")
    assert registry.invoke("one", {"input": ""}).output == 1
    registry.refresh()
    assert registry.invoke("one", {"input": ""}).output == 22
    assert registry.invoke("two", {"input": ""}).output == 2
    (folder / "one.py").unlink()
    registry.refresh()
    assert own.names == ["two"]
    assert not registry.exists("one")
    assert own.reported == []


def test_a_file_of_the_same_length_and_second_is_a_changed_file(folder):
    file = folder / "one.py"
    file.write_text(source("one", 1), encoding="utf-8")
    own = Own(folder)
    assert own.registry.invoke("one", {"input": ""}).output == 1
    before = file.stat()
    file.write_text(source("one", 2), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    own.registry.refresh()

    assert own.registry.invoke("one", {"input": ""}).output == 2


def test_a_file_that_stops_loading_keeps_its_tool_and_is_reported_once(folder):
    file = folder / "one.py"
    file.write_text(source("one", 1), encoding="utf-8")
    own = Own(folder)
    assert own.names == ["one"]
    file.write_text("def broken(:", encoding="utf-8")
    own.registry.refresh()
    own.registry.refresh()

    assert own.registry.invoke("one", {"input": ""}).output == 1
    assert len(own.reported) == 1
    assert "what it defined before stays" in own.reported[0]
    (folder / "other.py").write_text(source("other"), encoding="utf-8")
    own.registry.refresh()
    assert len(own.reported) == 1
    file.write_text(source("one", 3), encoding="utf-8")
    own.registry.refresh()
    assert own.registry.invoke("one", {"input": ""}).output == 3
    assert own.registry.problems == []


def test_a_call_that_runs_while_its_file_changes_ends_on_the_old_code(folder):
    text = source("one").replace("return input.upper()", "import sys; sys.modules['_gate'].wait(); return WHICH")
    file = folder / "one.py"
    file.write_text(text + "\nWHICH = 'old'\n", encoding="utf-8")
    own = Own(folder)
    started, go_on, found = threading.Event(), threading.Event(), []

    class Gate:
        @staticmethod
        def wait():
            started.set()
            assert go_on.wait(5)

    sys.modules["_gate"] = Gate
    thread = threading.Thread(target=lambda: found.append(own.registry.invoke("one", {"input": ""}).output))
    thread.start()
    assert started.wait(5)
    file.write_text(text + "\nWHICH = 'the new one'\n", encoding="utf-8")
    own.registry.refresh()
    go_on.set()
    thread.join(5)

    assert found == ["old"]
    assert own.registry.invoke("one", {"input": ""}).output == "the new one"


def test_a_tool_may_move_to_another_file(folder):
    (folder / "b.py").write_text(source("one", "from b"), encoding="utf-8")
    own = Own(folder)
    assert own.names == ["one"]
    (folder / "b.py").write_text(source("two", "from b, too"), encoding="utf-8")
    (folder / "a.py").write_text(source("one", "from a"), encoding="utf-8")
    own.registry.refresh()

    assert own.registry.invoke("one", {"input": ""}).output == "from a"
    assert own.names == ["one", "two"]
    assert own.reported == []


def test_a_name_that_was_taken_is_given_when_it_is_free(folder):
    (folder / "a.py").write_text(source("one", "a"), encoding="utf-8")
    (folder / "b.py").write_text(source("one", "b"), encoding="utf-8")
    own = Own(folder)
    assert own.registry.invoke("one", {"input": ""}).output == "a"
    assert len(own.reported) == 1
    (folder / "a.py").unlink()
    own.registry.refresh()

    assert own.registry.invoke("one", {"input": ""}).output == "b"
    assert own.registry.problems == []


def test_a_changed_helper_changes_the_tools_that_use_it(folder):
    (folder / "_words.py").write_text("WORD = 'first'", encoding="utf-8")
    text = "from _words import WORD\n" + source("helped").replace("input.upper()", "WORD")
    (folder / "helped.py").write_text(text, encoding="utf-8")
    own = Own(folder)
    assert own.registry.invoke("helped", {"input": ""}).output == "first"
    (folder / "_words.py").write_text("WORD = 'the second'", encoding="utf-8")
    own.registry.refresh()

    assert own.registry.invoke("helped", {"input": ""}).output == "the second"


def test_a_helper_that_was_missing_makes_its_tools_load(folder):
    text = "from _late import WORD\n" + source("helped").replace("input.upper()", "WORD")
    (folder / "helped.py").write_text(text, encoding="utf-8")
    own = Own(folder)
    assert own.names == []
    (folder / "_late.py").write_text("WORD = 'there'", encoding="utf-8")
    own.registry.refresh()

    assert own.registry.invoke("helped", {"input": ""}).output == "there"
    assert own.registry.problems == []


def test_a_folder_may_come_and_go(folder):
    own = Own(folder / "later")
    assert own.names == []
    (folder / "later").mkdir()
    (folder / "later/one.py").write_text(source("one"), encoding="utf-8")
    own.registry.refresh()
    assert own.names == ["one"]
    assert own.registry.problems == []
    (folder / "later/one.py").unlink()
    (folder / "later").rmdir()
    own.registry.refresh()

    assert own.names == []
    assert len(own.reported) == 2


def test_nothing_is_looked_at_where_there_is_no_folder(monkeypatch):
    own = Own()
    assert own.names == []

    def never(*_):
        raise AssertionError("looked")

    monkeypatch.setattr(os, "scandir", never)
    monkeypatch.setattr(os, "stat", never)
    own.registry.refresh()
