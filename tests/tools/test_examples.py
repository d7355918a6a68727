"""`llmspell_tools.examples`: every built-in tool does what its own examples say."""

from __future__ import annotations

import os

import pytest

from llmspell_tools.definition import tool
from llmspell_tools.errors import ToolUnavailable
from llmspell_tools.examples import contains, each_example, run_examples, shown
from llmspell_tools.manifest import TOOLS
from llmspell_tools.registry import ToolRegistry


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_a_built_in_tool_does_what_its_examples_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = ToolRegistry()
    results = run_examples(registry, registry.get(name))

    assert results
    assert [] == [result for result in results if not result["passed"]]
    assert [] == os.listdir(tmp_path)


def test_a_wrong_example_fails_with_what_came():
    registry = ToolRegistry()
    registry.register(
        tool(name="two", examples=({"description": "d", "params": {}, "result": {"n": 3}},))(lambda: {"n": 2})
    )

    assert run_examples(registry, registry.get("two")) == [{"description": "d", "passed": False, "output": {"n": 2}}]
    (outcome,) = each_example(registry, registry.get("two"))
    assert (outcome["params"], outcome["output"], outcome["expected"]) == ({}, {"n": 2}, {"n": 3})


def test_an_example_that_cannot_run_fails_with_the_error():
    registry = ToolRegistry()
    registry.register(tool(name="one", examples=({"params": {"x": 1}},))(lambda: 1))
    (result,) = run_examples(registry, registry.get("one"))

    assert not result["passed"]
    assert result["error"]["code"] == "validation_error"


def test_an_example_that_needs_a_missing_library_is_skipped():
    def call():
        raise ToolUnavailable("three needs sprockets; install it with: pip install sprockets")

    registry = ToolRegistry()
    registry.register(tool(name="three", examples=({"params": {}},))(call))
    (outcome,) = run_examples(registry, registry.get("three"))

    assert (outcome["passed"], outcome["skipped"], outcome["error"]["code"]) == (False, True, "unavailable")


def test_an_example_is_shown_relative_to_the_current_folder():
    assert shown({"params": {"paths": ["{folder}/a.txt"]}}) == {"params": {"paths": ["a.txt"]}}


@pytest.mark.parametrize(
    ("part", "inside"),
    [({"a": 1}, True), ({"a": 1, "b": [1, {"c": 2}]}, True), ({"b": [1]}, False), ({"x": None}, False), (1, False)],
)
def test_a_part_is_compared_by_its_named_members(part, inside):
    assert inside == contains({"a": 1, "b": [1, {"c": 2, "d": 3}]}, part)
