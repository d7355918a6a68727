"""`llmspell_tools.search`: what people ask for, and the tool that they want first."""

from __future__ import annotations

import pytest

from llmspell_tools.definition import tool
from llmspell_tools.registry import ToolRegistry
from llmspell_tools.search import corrected, find


def names(words):
    return [hit.tool.name for hit in find(ToolRegistry().list(), words)]


def made(name, description="Do nothing.", **settings):
    """Return a tool of one's own with these parameters."""
    properties = settings.pop("properties", {})
    parameters = {"type": "object", "properties": properties}
    own = tool(name=name, **settings)(lambda: None)
    own._parameters, own._description = parameters, description
    return own


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("hash file", "hash-calculator"), ("hashes of a file", "hash-calculator"), ("checksum", "hash-calculator"),
        ("sha256", "hash-calculator"), ("zip", "archive-handler"), ("unzip", "archive-handler"),
        ("csv", "csv-analyzer"), ("excel", "csv-analyzer"), ("delimiter", "csv-analyzer"), ("regex", "file-search"),
        ("grep", "file-search"), ("search text", "file-search"), ("encode", "base64-encoder"),
        ("guid", "uuid-generator"), ("random id", "uuid-generator"), ("date", "datetime-handler"),
        ("timezone", "datetime-handler"), ("math", "calculator"), ("json schema", "json-processor"),
        ("run a program", "process-executor"), ("diff two files", "diff-calculator"), ("parse url", "url-analyzer"),
        ("watch folder", "file-watcher"), ("replace text", "text-manipulator"), ("DNS", "service-checker"),
        ("cpu", "system-monitor"), ("bibliography", "citation-formatter"), ("jinja", "template-creator"),
    ],
)  # fmt: skip
def test_the_tool_that_is_wanted_comes_first(question, first):
    assert names(question.split())[0] == first
    assert names([question])[0] == first


def test_places_rank_from_name_to_value():
    word = {"type": "string"}
    tools = [
        made("a", properties={"x": {**word, "enum": ["needle", "other"]}}),
        made("b", properties={"x": {**word, "description": "How the needle lies."}}),
        made("c", properties={"needle": word}),
        made("d", "Find a needle."),
        made("e", aliases=("needle-finder",)),
        made("needle"),
    ]
    found = find(tools, ["needle"])

    assert [hit.tool.name for hit in found] == ["needle", "e", "d", "c", "b", "a"]
    assert [hit.matched[0]["in"] for hit in found] == [
        "name", "alias", "description", "parameter", "parameter", "value"
    ]  # fmt: skip
    assert found[-1].matched == [{"word": "needle", "in": "value", "text": "x=needle"}]


def test_a_word_itself_ranks_over_a_longer_one_and_one_inside():
    tools = [made("rehashed"), made("hashing-machine"), made("hash-machine"), made("hashtag")]

    found = [hit.tool.name for hit in find(tools, ["hash"])]
    assert found == ["hash-machine", "hashing-machine", "hashtag", "rehashed"]


def test_more_words_are_better_and_any_is_enough():
    tools = [made("red"), made("blue"), made("red-blue")]

    assert [hit.tool.name for hit in find(tools, ["red", "blue"])] == ["red-blue", "blue", "red"]


def test_options_inside_an_object_are_found():
    tools = [made("a", properties={"options": {"type": "object", "properties": {"needle": {"type": "string"}}}})]
    (hit,) = find(tools, ["needle"])

    assert hit.matched == [{"word": "needle", "in": "parameter", "text": "options.needle"}]


def test_another_name_of_a_parameter_is_found():
    tools = [made("a", properties={"input": {"type": "string"}}, parameter_aliases={"needle": "input"})]

    assert find(tools, ["needle"])[0].matched[0]["text"] == "input"


@pytest.mark.parametrize("words", [[], [""], ["   "], ["qqqqqq"], ["%$§"], ["x" * 100_000]])
def test_what_fits_nothing_finds_nothing(words):
    assert names(words) == []
    assert corrected(ToolRegistry().list(), words) == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("hsah", "hash"), ("cvs", "csv"), ("calcualtor", "calculator"), ("fiel", "file")]
)
def test_a_slip_of_the_hand_is_put_right(typed, meant):
    assert corrected(ToolRegistry().list(), [typed]) == [meant]
