"""Media of a result: tables named by where they stand in the output, and media made only when a door asks."""

from __future__ import annotations

import pytest

from llmspell_tools import media, reply
from llmspell_tools.definition import ToolResult, tool
from llmspell_tools.errors import ToolExecutionError
from llmspell_tools.registry import ToolRegistry

OUTPUT = {
    "result": {
        "matches": [{"path": "a", "line": 1, "stats": {"size": 3}}, {"path": "b"}],
        "sizes": {"/": {"total": 1, "free": 2}, "/home": {"total": 3}},
        "scores": {"x": 0.5, "y": 1},
        "csv": 'n;text\n1;"two\nlines"\n\n2;b;c\n3\n',
        "pairs": [[1, 2], [3]],
        "words": ["one", "two"],
        "with.dot": [{"a": 1}],
    }
}


@pytest.mark.parametrize(
    ("item", "columns", "rows"),
    [
        ({"columns": ["a", "b"], "rows": [[1, 2], [3]]}, ["a", "b"], [[1, 2], [3, None]]),
        ({"columns": ["line", "path"], "source": "result.matches"}, ["line", "path"], [[1, "a"], [None, "b"]]),
        ({"columns": ["path", "stats.size"], "source": "result.matches"}, ["path", "stats.size"],
         [["a", 3], ["b", None]]),
        ({"source": "result.matches"}, ["path", "line", "stats"], [["a", 1, {"size": 3}], ["b", None, None]]),
        ({"columns": ["mount", "free"], "source": "result.sizes"}, ["mount", "free"],
         [["/", 2], ["/home", None]]),
        ({"columns": ["mount", "total", "free"], "source": "result.sizes"}, ["mount", "total", "free"],
         [["/", 1, 2], ["/home", 3, None]]),
        ({"columns": ["node", "score"], "source": "result.scores"}, ["node", "score"], [["x", 0.5], ["y", 1]]),
        ({"source": "result.csv", "format": "csv", "delimiter": ";"}, ["n", "text"],
         [["1", "two\nlines"], ["2", "b"], ["3", None]]),
        ({"source": "result.pairs"}, ["1", "2"], [[1, 2], [3, None]]),
        ({"source": "result.words"}, ["value"], [["one"], ["two"]]),
        ({"columns": ["word"], "source": "result.words"}, ["word"], [["one"], ["two"]]),
    ],
    ids=str,
)  # fmt: skip
def test_a_table_is_what_stands_at_its_source(item, columns, rows):
    table = media.resolve({"type": "table", **item}, OUTPUT)

    assert table is not None
    assert (table.columns, table.rows) == (columns, rows)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "table", "source": "result.nothing", "columns": ["a"]},
        {"type": "table", "source": "result.csv", "columns": ["a"]},
        {"type": "table", "source": "result.matches.path"},
        {"type": "table"},
        {"type": "image", "format": "png", "base64": ""},
        {},
    ],
    ids=str,
)
def test_what_is_no_table_gives_none(item):
    assert media.resolve(item, OUTPUT) is None


def test_a_table_may_hold_only_a_part_of_its_rows():
    table = media.resolve({"type": "table", "columns": ["a"], "rows": [[1]], "total_rows": 10, "title": "T"}, None)

    assert table is not None
    assert (table.total_rows, table.title) == (10, "T")


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        ([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]]),
        ({"a": 1, "b": {"c": [1], "d": {}}}, ["field", "value"], [["a", 1], ["b.c", [1]], ["b.d", {}]]),
        ({"x": {"n": 1}, "y": {"n": 2}}, ["field", "n"], [["x", 1], ["y", 2]]),
        ([1, "a", None], ["value"], [[1], ["a"], [None]]),
        ([], ["value"], []),
        ({}, ["field", "value"], []),
        ("text", ["value"], [["text"]]),
        (None, ["value"], [[None]]),
    ],
    ids=str,
)
def test_any_value_makes_a_table(value, columns, rows):
    table = media.derive(value)

    assert (table.columns, table.rows) == (columns, rows)


def test_media_are_made_when_a_door_asks_and_once():
    made = []

    def make():
        made.append(True)
        return [{"type": "image"}]

    result = ToolResult("x", media=make)
    assert result.has_media
    assert not made

    assert result.media == result.media == [{"type": "image"}]
    assert len(made) == 1


def test_a_reply_names_tables_without_copying_them():
    result = ToolResult({"rows": [1]}, media=media.table("rows", "value"))

    body = reply.ok("x", result, 1.0)["result"]
    assert body["media"] == [{"type": "table", "columns": ["value"], "source": "rows"}]
    assert "media" not in reply.ok("x", ToolResult(1), 1.0)["result"]


def test_an_own_tools_media_are_asked_for_late_and_checked_then():
    @tool(name="late")
    def late(*, broken: bool = False) -> ToolResult:
        """Give media late."""
        return ToolResult("x", media=lambda: [{"type": "table", "rows": [{1} if broken else 1]}])

    registry = ToolRegistry()
    registry.register(late)

    assert registry.invoke("late").media == [{"type": "table", "rows": [1]}]
    result = registry.invoke("late", {"broken": True})
    with pytest.raises(ToolExecutionError):
        _ = result.media


def test_an_own_tools_media_must_be_json():
    @tool(name="wrong")
    def wrong() -> ToolResult:
        """Give no JSON."""
        return ToolResult("x", media=[{"type": {1}}])

    registry = ToolRegistry()
    registry.register(wrong)

    with pytest.raises(ToolExecutionError):
        registry.invoke("wrong")
