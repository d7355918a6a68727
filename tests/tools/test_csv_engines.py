"""csv-analyzer's two engines, the standard library and polars, describe the same CSV in the same way."""

from __future__ import annotations

import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.errors import Cancelled, InvalidParameters, LimitExceeded, LlmspellError, ToolUnavailable
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

pl = pytest.importorskip("polars")

REGISTRIES = {
    engine: ToolRegistry(policy=Policy.strict(), settings={"csv-analyzer": {"engine": engine}})
    for engine in ("python", "polars")
}


def described(engine, text, **options):
    """The analysis, or the error's class and message."""
    try:
        parameters = {"input": text, "options": {"delimiter": ",", **options}}
        return REGISTRIES[engine].invoke("csv-analyzer", parameters).output["result"]
    except LlmspellError as error:
        return type(error), error.message


def same(text, **options):
    python, polars = described("python", text, **options), described("polars", text, **options)
    if isinstance(python, tuple) or isinstance(polars, tuple):
        assert python == polars
        return python
    for one, other in zip(python["columns"], polars["columns"], strict=True):
        for key in ("mean", "std_dev"):
            if one[key] is not None and other[key] is not None:
                scale = 1e-9 * max(1.0, *(abs(float(one[key].strip())) for key in ("min_value", "max_value")))
                assert other.pop(key) == pytest.approx(one.pop(key), rel=1e-9, abs=scale)
    assert python == polars
    return python


def table(*columns, header=None):
    rows = max(map(len, columns))
    lines = [",".join(header or [f"c{at}" for at in range(len(columns))])]
    lines += [",".join(column[row % len(column)] for column in columns) for row in range(rows)]
    return "\n".join(lines) + "\n"


COLUMNS = {
    "whole numbers": ["1", "20", "-3", "0", "999999999999999999"],
    "more than 2^63": ["1", "9223372036854775808", "18446744073709551616"],
    "18 and 19 digits": ["123456789012345678", "1234567890123456789"],
    "floats": ["1.5", "2", "-0.25", "1e3", "5.", ".5", "1E-7", "+2.5"],
    "infinity": ["1e999", "1", "-1e999"],
    "large numbers": ["1e308", "-1e308", "1.5e308"],
    "NaN": ["nan", "NaN", "1", "inf", "-Infinity"],
    "leading zeros": ["007", "01", "-00", "00.5", "0", "-0", "0.5"],
    "underscores": ["1_000", "1", "2"],
    "odd numbers": ["0x10", "1e", "e1", "+-1", "--1", ".", "-", "+", "1..2", "1.2.3", "٣"],
    "spaces": [" 1", "2 ", " 3 ", "\t4", "4"],
    "blank": ["", " ", "\t", "\x1c", "\u00a0", "\u3000"],
    "blank and number": ["", "1", " ", "2.5"],
    "blank and text": ["", "a", " ", "b"],
    "booleans": ["true", "FALSE", "yes", "No", "y", "N"],
    "booleans in spaces": [" true", "false "],
    "nearly booleans": ["trues", "nope", "yess", "tRuE"],
    "dates": ["2024-01-15", "2024/02/29", "1999-12-31"],
    "no dates": ["2024-02-30", "2024-13-01", "2024-1-1", "2024-01/15"],
    "times": ["2024-01-15T10:00:00", "2024-01-15 23:59:59.123", "2024-01-15t10:00Z", "2024-01-15T10:00:00+05:30"],
    "no times": ["2024-01-15T25:00:00", "2024-02-30T10:00:00", "2024-01-15 10:00:00 ", "2024-01-15x10:00"],
    "dates and times": ["2024-01-15", "2024-01-15T10:00:00"],
    "mixed": ["1", "a", "true", "2024-01-15", "2.5", ""],
    "numbers by value": ["1", "1.0", "1e0", "+1", "2", "2.00"],
    "text": ["a", "b", "ä", "日本", "🎉", "a b"],
    "long text": ["x" * 3000, "y"],
    "quoted": ['"a,b"', '"say ""hi"""', '""', '"x"', '"1"', '" 2"'],
    "lines in quotes": ['"a\nb"', '"c\r\nd"', "e"],
    "formulas": ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"],
    "control characters": ["a\x0bb", "c\x0cd", "e\x1cf", "\x1d1", "g\u2028h", "\x85"],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_the_same_to_both(name):
    same(table(COLUMNS[name], ["k"], ["1", "2.5", ""]))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_single_column_is_the_same_to_both(name):
    same(table(COLUMNS[name]))


@pytest.mark.parametrize(
    "text",
    [
        "", "\n",  "a,b\n", "a,b", "a,b\n1,2", "a,b\r\n1,2\r\n", "a,b\r1,2\r3,4\r", "a,b\n1,2\r3,4\n",
        "\n\na,b\n\n1,2\n",
        "a,b\n1\n2,3\n", "a,b\n1,2,3\n4,5\n", "a,b\n1\n1,2,3\n4,5\n", "a,b\n,\n,,\n", "a\n\n1\n\n2\n", "a\n1\n2,3\n",
        'a,b\n"1,2\n', 'a,b\n1,"2\n3"\n4,5\n', 'a,b\n"1"x,2\n3,4\n', 'a,b\n1"x,2\n3,4\n', 'a,b\n1"x",2\n3,4\n',
        'a,b\n"x,"y",2\n3",4\n', 'a,b\n1, "2"\n3,4\n', 'a,b\n"","\n"\n', '"a","b"\n"1","2"\n', '"a\nb",c\n1,2\n',
        "a,a\n1,2\n", "a,,a_2,a\n1,2,3,4\n", "\ufeffa,b\n1,2\n", "a,b\n\ufeff1,2\n", "a,b\n1,\0\n", "a,b\n\ud800,1\n",
        'a,b\n"\ud800",1\n2,3\n', "a,b\n1,2\n\n\n\n", "a,b\n1,2\n \n", 'a\n""\n"1"\n', 'a,b\r\n"1\r\n2",3\r\n4,5',
    ],
)  # fmt: skip
def test_a_text_of_odd_form_is_the_same_to_both(text):
    same(text)


FIELDS = st.one_of(
    st.sampled_from([field for column in COLUMNS.values() for field in column if '"' not in field]),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(-1e150, 1e150).map(repr),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_table_is_the_same_to_both(data):
    width = data.draw(st.integers(1, 4))
    rows = data.draw(st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=10))
    style = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    buffer = io.StringIO()
    csv.writer(buffer, quoting=style, lineterminator=end).writerows([[f"c{at}" for at in range(width)], *rows])

    same(buffer.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='ab1",\n\r ;', max_size=40))
def test_any_text_is_the_same_to_both(text):
    same("x,y\n" + text)


def long_table(rows, spoil=None):
    """Rows of all kinds, over several blocks of either engine where there are many."""
    chosen = random.Random(7)
    lines = ["id,name,price,day,note"]
    for row in range(rows):
        note = chosen.choice(["", "plain", '"with, comma"', '"two\nlines"', '"a ""quote"""', " "])
        lines.append(f"{row},user{chosen.randrange(900)},{chosen.random():.3f},2024-01-{row % 28 + 1:02},{note}")
        if row == spoil:
            lines.append("too,few")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("spoil", [None, 10, 29_000])
def test_a_table_of_several_blocks_is_the_same_to_both(spoil, monkeypatch):
    from llmspell_tools.builtin.data import csv_polars

    monkeypatch.setattr(csv_polars, "_BLOCK_BYTES", 100_000)

    got = same(long_table(30_000, spoil))

    assert got["row_count"] == 30_000
    assert len(got["parse_errors"]) == (spoil is not None)


def test_a_stray_quote_does_not_change_what_follows_it(monkeypatch):
    """From a block whose rows cannot be told apart on, both read on as the reader does."""
    from llmspell_tools.builtin.data import csv_polars

    monkeypatch.setattr(csv_polars, "_BLOCK_BYTES", 10_000)
    text = long_table(3_000).replace("\n1500,", '\n1499,user 5" tall,0.5,2024-01-01,x\n1500,')

    got = same(text)

    assert got["row_count"] == 3_001


def test_different_values_are_exact_to_a_hundred_thousand_and_marked_beyond():
    exact = [f"{number},v{number}" for number in range(100_000)]
    for engine in REGISTRIES:
        columns = described(engine, "\n".join(["n,t", *exact]))["columns"]
        assert [(each["unique_count"], each["unique_count_is_approximate"]) for each in columns] == [
            (100_000, False),
            (100_000, False),
        ]
        columns = described(engine, "\n".join(["n,t", *exact, "100000,v100000"]))["columns"]
        assert [each["unique_count_is_approximate"] for each in columns] == [True, True]
        for each in columns:
            assert each["unique_count"] == pytest.approx(100_001, rel=0.02)


def test_limits_hold_for_both():
    for engine in REGISTRIES:
        settings = {"csv-analyzer": {"engine": engine, "max_rows": 10}}
        registry = ToolRegistry(policy=Policy.strict(), settings=settings)
        with pytest.raises(LimitExceeded, match="max_rows"):
            registry.invoke("csv-analyzer", {"input": "a,b\n" + "1,2\n" * 11})


def test_an_analysis_by_polars_can_be_cancelled(monkeypatch):
    from llmspell_tools.builtin.data import csv_polars

    monkeypatch.setattr(csv_polars, "_BLOCK_BYTES", 10_000)
    registry = REGISTRIES["polars"]
    context = registry.context()
    monkeypatch.setattr(csv_polars.PolarsColumn, "add_series", lambda self, texts: context.signal.set())

    with pytest.raises(Cancelled):
        registry.invoke("csv-analyzer", {"input": long_table(5_000)}, context=context)


def test_a_byte_that_is_no_text_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_bytes(b"a,b\n" + b"1,2\n" * 30_000 + b"\xff,2\n")
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": [str(tmp_path)]}})
    for engine in REGISTRIES:
        registry = ToolRegistry(policy=policy, settings={"csv-analyzer": {"engine": engine}})
        with pytest.raises(InvalidParameters) as caught:
            registry.invoke("csv-analyzer", {"input_file": "bad.csv", "options": {"encoding": "utf-8"}})
        assert caught.value.details["line"] == 30_002


def test_polars_is_named_where_it_is_asked_for_and_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)

    with pytest.raises(ToolUnavailable, match="pip install"):
        REGISTRIES["polars"].invoke("csv-analyzer", {"input": "a\n1\n"})
