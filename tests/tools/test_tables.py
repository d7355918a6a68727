"""Tables as people see them: in a terminal, in Markdown, in a notebook."""

from __future__ import annotations

import base64

import pytest

from llmspell_tools import media, tables
from llmspell_tools.cells import cut, harmless, text_of, width
from llmspell_tools.definition import ToolResult
from llmspell_tools.media import Table

PEOPLE = Table(["name", "age", "note"], [["Ada", 36, None], ["日本 太郎", 7, "x" * 40], ["Grace", 85.5, True]])


def lines(table, columns=None, encoding="utf-8"):
    return "\n".join(tables.text(table, columns, encoding)).split("\n")


def test_columns_are_aligned_and_numbers_stand_to_the_right():
    assert lines(PEOPLE) == [
        "name        age  note",
        "---------  ----  ----------------------------------------",
        "Ada          36",
        "日本 太郎     7  " + "x" * 40,
        "Grace      85.5  true",
    ]


def test_a_wide_text_is_cut_to_the_terminal_and_says_so():
    shown = lines(PEOPLE, 40)

    assert shown[3] == "日本 太郎     7  xxxxxxxxxxxxxxxxxxxxxx…"
    assert max(map(width, shown)) == 40


def test_a_number_is_never_cut():
    table = Table(["identifier", "text"], [[12345678901234567890, "y" * 50]])

    assert lines(table, 40)[2] == "12345678901234567890  yyyyyyyyyyyyyyyyy…"


def test_rows_become_records_where_columns_do_not_fit():
    table = Table(["alpha", "beta", "gamma"], [["a" * 20, "b" * 20, "c c c " * 8], ["d", "", 1]])

    assert lines(table, 30) == [
        "alpha  aaaaaaaaaaaaaaaaaaaa",
        "beta   bbbbbbbbbbbbbbbbbbbb",
        "gamma  c c c c c c c c c c c",
        "       c c c c c c c c c c c",
        "       c c",
        "",
        "alpha  d",
        "beta",
        "gamma  1",
    ]


def test_no_line_is_wider_than_the_terminal():
    table = Table(["a" * 30, "日本語の列"], [["x" * 500, "日本語" * 100], ["y z " * 50, -1.5e300]], title="t" * 200)
    for columns in range(20, 100):
        assert max(map(width, lines(table, columns))) <= columns


def test_without_a_width_nothing_is_cut_and_no_row_is_filled_up_endlessly():
    table = Table(["a", "b"], [["x" * 100_000, 1]] + [["y", 2]] * 1_000)
    shown = lines(table)

    assert shown[2] == "x" * 100_000 + "  1"
    assert sum(map(len, shown)) < 300_000


@pytest.mark.parametrize("columns", [None, 80, 20])
def test_an_empty_table_says_that_it_is(columns):
    assert lines(Table(["a", "b"], []), columns)[-1] == "(no rows)"


def test_a_part_of_a_table_says_of_how_many_rows():
    assert lines(Table(["a"], [[1]], total_rows=9))[-1] == "(1 of 9 rows)"
    assert "".join(tables.markdown(Table(["a"], [[1]], total_rows=9))).endswith("(1 of 9 rows)")


def test_what_the_encoding_cannot_write_is_escaped_before_it_is_measured():
    assert lines(Table(["a", "b"], [["é日", 1]]), 80, "latin-1") == ["a        b", "-------  -", "é\\u65e5  1"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本 👩\u200d🚀", "plain é 日本 👩\u200d🚀"),
        ("\x1b[2J\x07\x9b1m", "\\x1b[2J\\x07\\x9b1m"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\u202eevil\u2066\u2028", "\\u202eevil\\u2066\\u2028"),
        ("bad\udc80", "bad\\udc80"),
        ("nbsp\u00a0", "nbsp\u00a0"),
    ],
)
def test_what_moves_a_cursor_or_turns_a_line_is_shown_and_not_obeyed(text, shown):
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("ｶﾅ", 2), ("\uff26", 2), ("👩\u200d🚀", 4), ("한글", 4)],
)
def test_width_is_what_a_terminal_shows(text, columns):
    assert width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("abc", 1, "…"),
        ("a日本", 2, "a…"),
        ("ab", 2, "ab"),
    ],
)
def test_a_cut_never_splits_a_wide_letter(text, columns, shown):
    assert cut(text, columns, "…") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "true"), (1 / 3, "0.3333333333"), (4.0, "4"), (1e300, "1e+300"), ([1, "a"], "1, a"),
     ([{"a": None}], '[{"a":null}]'), ({}, "{}"), (float("nan"), "nan")],
)  # fmt: skip
def test_a_value_is_shown_as_people_write_it(value, shown):
    assert text_of(value) == shown


def test_markdown_shows_every_cell_as_it_is():
    table = Table(["a|b", "n"], [["x|y\nz", 1], ["<b>&lt; *s* `c` [l](u)", 2], ["snake_case _e_ __init__", None]])

    assert list(tables.markdown(table)) == [
        "| a\\|b | n |",
        "| --- | ---: |",
        "| x\\|y<br>z | 1 |\n"
        "| &lt;b>&amp;lt; \\*s\\* \\`c\\` \\[l\\](u) | 2 |\n"
        "| snake_case \\_e\\_ \\_\\_init\\_\\_ |  |",
    ]


def test_html_escapes_every_cell_and_shows_the_first_rows():
    table = Table(["<i>"], [[f"<script>{number}</script>\n'\""] for number in range(5)], title="<t>")
    shown = tables.html(table, max_rows=2)

    assert "<script>" not in shown
    assert shown.count("<tr>") == 3
    assert "&lt;script&gt;0&lt;/script&gt;<br>&#39;&quot;" in shown
    assert "<caption>&lt;t&gt;</caption>" in shown
    assert shown.endswith("<p>2 of 5 rows</p>")


def test_html_keeps_no_endless_cell():
    assert len(tables.html(Table(["a"], [["<" * 1_000_000]]))) < 10_000


def test_a_bundle_has_every_table_as_text_and_html():
    result = ToolResult({"rows": [{"a": 1}]}, media=media.table("rows", "a", title="Rows"))
    found = tables.bundle(result)

    assert found is not None
    assert found["text/plain"] == "Rows\na\n-\n1"
    assert found["text/html"].startswith('<table class="llmspell-table">\n<caption>Rows</caption>')


def test_a_bundle_of_many_rows_stays_small():
    result = ToolResult([{"a": number} for number in range(100_000)], media=media.table("", "a"))
    found = tables.bundle(result)

    assert found is not None
    assert found["text/plain"].endswith("(200 of 100000 rows)")
    assert found["text/html"].count("<tr>") == 201


def test_a_result_without_media_has_no_bundle():
    assert tables.bundle(ToolResult({"a": 1})) is None
    assert tables.bundle(ToolResult({"a": 1}, media=[{"type": "sound"}])) is None
    assert tables.bundle({"media": "no list"}) is None


def test_a_lone_image_has_its_own_type():
    data = base64.b64encode(b"PNG" * 4_000).decode()
    image = {"type": "image", "format": "png", "base64": data, "width": 640, "height": 480}

    assert tables.bundle(ToolResult("x", media=[image])) == {
        "image/png": data,
        "text/plain": "[image png 640x480, 12 KB]",
    }


def test_an_image_beside_a_table_is_in_the_html():
    image = {"type": "image", "format": "JPG", "base64": "QUJD", "width": 2, "height": "no"}
    found = tables.bundle(ToolResult("x", media=[image, {"type": "table", "columns": ["a"], "rows": [[1]]}]))

    assert found is not None
    assert found["text/html"].startswith('<img src="data:image/jpeg;base64,QUJD" width="2">\n<table')
    assert "image/jpeg" not in found


@pytest.mark.parametrize(
    "image",
    [
        {"format": "png", "base64": '"><script>alert(1)</script>'},
        {"format": 'png"><script>', "base64": "QUJD"},
        {"format": "html", "base64": "QUJD"},
        {"format": "png"},
    ],
    ids=str,
)
def test_what_is_no_image_gets_into_no_html(image):
    found = tables.bundle(ToolResult("x", media=[{"type": "image", **image}]))

    assert found is not None
    assert "<img" not in found["text/html"]
    assert "<script>" not in found["text/html"]
    assert set(found) == {"text/plain", "text/html"}


def test_an_svg_is_never_put_into_the_page_itself():
    found = tables.bundle(ToolResult("x", media=[{"type": "image", "format": "svg", "base64": "QUJD"}]))

    assert found is not None
    assert set(found) == {"text/plain", "text/html"}
    assert found["text/html"] == '<img src="data:image/svg+xml;base64,QUJD">'


@pytest.mark.parametrize(
    "value",
    [
        {"operation": "x", "success": True, "result": {"rows": [{"a": 1}]}, "media": media.table("result.rows", "a")},
        {"data": {"rows": [{"a": 1}]}, "text": "...", "media": media.table("rows", "a")},
        {"operation": "x", "success": True, "result": {"operation": "y", "success": True, "result": [{"a": 1}]}},
        [{"a": 1}],
    ],
    ids=str,
)
def test_a_result_that_was_in_lua_shows_the_same_table(value):
    (table,) = tables.of_value(value)

    assert (table.columns, table.rows) == (["a"], [[1]])


def test_a_number_without_end_is_no_error():
    assert text_of(10**5_000) == "?"
