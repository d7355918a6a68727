"""`llmspell_tools.plugins`: own tools from entry points and folders."""

from __future__ import annotations

import pytest

from llmspell_tools.errors import ConfigurationError
from llmspell_tools.plugins import discover, entry_points
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


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path with one installed plug-in."""
    package = tmp_path / "site"
    (package / "shouter-1.0.dist-info").mkdir(parents=True)
    (package / "shouter-1.0.dist-info" / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[llmspell.tools]\n# ours\nshout = shouter_plugin:shout\n", encoding="utf-8"
    )
    (package / "shouter_plugin.py").write_text(SOURCE.format(name="shout", function="shout"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(package))
    return package


def test_entry_points_of_the_group_are_found(site):
    assert list(entry_points([str(site)])) == [("shout", "shouter_plugin:shout")]


def test_an_installed_plugin_is_called_like_a_built_in_tool(site):
    registry = ToolRegistry(discover=lambda: discover(path=[str(site)]))

    assert registry.invoke("shout", {"input": "hey"}).output == "HEY"


def test_a_file_in_a_tool_folder_is_a_tool(tmp_path):
    (tmp_path / "whisper.py").write_text(SOURCE.format(name="whisper", function="whisper"), encoding="utf-8")
    registry = ToolRegistry(discover=lambda: discover([str(tmp_path)], path=[]))

    assert [tool.name for tool in registry.list("custom")] == ["whisper"]
    assert registry.get("whisper").parameters["required"] == ["input"]


def test_a_broken_plugin_is_reported_by_name_and_the_rest_works(tmp_path):
    (tmp_path / "bad.py").write_text("import no_such_module_anywhere", encoding="utf-8")
    (tmp_path / "empty.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "good.py").write_text(SOURCE.format(name="good", function="good"), encoding="utf-8")
    reported = []
    found = discover([str(tmp_path)], reported.append, path=[])

    assert [tool.name for tool in found] == ["good"]
    assert [error.code for error in reported] == ["configuration_error"] * 2
    assert "bad.py" in reported[0].message
    assert "defines no tool" in reported[1].message


def test_a_missing_tool_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError):
        discover([str(tmp_path / "nowhere")], path=[])


def test_built_in_tools_are_found_without_looking_for_plugins():
    def never():
        raise AssertionError("looked for plug-ins")

    assert ToolRegistry(discover=never).get("calculator").name == "calculator"


@pytest.mark.parametrize("target", ["shouter_plugin", "shouter_plugin:shout"])
def test_an_entry_point_names_a_tool_or_a_module_of_tools(site, target):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_text(f"[llmspell.tools]\nx = {target}\n", encoding="utf-8")

    assert [each.name for each in discover(path=[str(site)])] == ["shout"]


@pytest.mark.parametrize("target", ["shouter_plugin:__name__", "shouter_plugin:missing", "no_such_module:x"])
def test_an_entry_point_that_is_no_tool_is_reported(site, target):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_text(f"[llmspell.tools]\nx = {target}\n", encoding="utf-8")
    reported = []

    assert discover(report=reported.append, path=[str(site), str(site / "missing")]) == []
    assert [target in error.message for error in reported] == [True]


def test_entry_points_that_are_no_text_are_none(site):
    (site / "shouter-1.0.dist-info/entry_points.txt").write_bytes(b"\xff")

    assert list(entry_points([str(site)])) == []


def test_a_tool_file_that_exits_is_reported(tmp_path):
    (tmp_path / "leaver.py").write_text("raise SystemExit(3)", encoding="utf-8")
    reported = []

    assert discover([str(tmp_path)], reported.append, path=[]) == []
    assert "leaver.py" in reported[0].message
