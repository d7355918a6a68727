"""csv-analyzer: every operation on text and files, against independent computation, and malformed input."""

from __future__ import annotations

import base64
import contextlib
import csv
import importlib.util
import io
import json
import math
import os
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    PermissionDenied,
    ToolExecutionError,
    ToolUnavailable,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

WEATHER = Path(__file__).resolve().parents[2] / "scripts/examples/data/seattle-weather.csv"
REGISTRY = ToolRegistry(policy=Policy.strict())


def run(operation, text=None, registry=REGISTRY, **parameters):
    if text is not None:
        parameters["input"] = text
    return registry.invoke("csv-analyzer", {"operation": operation, **parameters})


def analyzed(text, **parameters):
    return run("analyze", text, **parameters).output["result"]


def column(text, name, **parameters):
    return next(each for each in analyzed(text, **parameters)["columns"] if each["name"] == name)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A registry that may read and write `tmp_path`, the current folder."""
    monkeypatch.chdir(tmp_path)
    listed = [str(tmp_path)]
    reading = [*listed, str(WEATHER.parent)]
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": reading, "write": listed}})
    return ToolRegistry(policy=policy)


# --- analyze ---------------------------------------------------------------------------------------------------------


def test_analyze_describes_a_real_file(files):
    """The weather of Seattle, against `csv` and `statistics`."""
    with WEATHER.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    answer = run("analyze", registry=files, input_file=str(WEATHER))
    got = answer.output["result"]

    assert json.loads(answer.text) == got == answer.metadata["analysis_result"]
    assert answer.metadata["response"] == answer.output
    assert (got["row_count"], got["column_count"], got["delimiter"], got["encoding"]) == (1461, 6, ",", "UTF-8")
    assert got["has_headers"] is True
    assert got["file_size_bytes"] == WEATHER.stat().st_size
    assert got["parse_errors"] == []
    assert [each["data_type"] for each in got["columns"]] == ["date", *["float"] * 4, "string"]
    for each in got["columns"][1:5]:
        numbers = [float(row[each["name"]]) for row in rows]
        assert each["mean"] == pytest.approx(statistics.fmean(numbers))
        assert each["median"] == statistics.median(numbers)
        assert each["std_dev"] == pytest.approx(statistics.pstdev(numbers))
        assert (float(each["min_value"]), float(each["max_value"])) == (min(numbers), max(numbers))
        assert each["unique_count"] == len({row[each["name"]] for row in rows})
    kinds = got["columns"][5]
    assert kinds["unique_count"] == len({row["weather"] for row in rows})
    assert (kinds["min_value"], kinds["mean"], kinds["median"], kinds["std_dev"]) == ("drizzle", None, None, None)
    assert kinds["sample_values"] == [row["weather"] for row in rows[:5]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "+3"], "integer"),
        (["1", "2.5"], "float"),
        (["1e3", ".5", "5."], "float"),
        (["true", "False", "yes", "n"], "boolean"),
        (["2024-01-15", "2024/01/16"], "date"),
        (["2024-01-15", "2024-01-15T10:00:00Z"], "datetime"),
        (["a", "b"], "string"),
        (["007", "008"], "string"),
        (["1_000", "2_000"], "string"),
        (["nan", "inf"], "string"),
        (["1e999"], "string"),
        (["12345678901234567890"], "string"),
        (["2024-02-30"], "string"),
        (["1", "a"], "mixed"),
        (["1", "true"], "mixed"),
        (["", " "], "string"),
        (["1", "", " 2 "], "integer"),
    ],
)
def test_the_type_is_that_of_all_values(values, expected):
    text = "x,y\n" + "".join(f"{value},1\n" for value in values)

    assert column(text, "x")["data_type"] == expected


def test_blank_fields_are_null_and_count_nowhere_else():
    got = column("x,y\n4,1\n,1\n  ,1\n2,1\n", "x")

    assert (got["null_count"], got["unique_count"], got["mean"], got["median"]) == (2, 2, 3.0, 3.0)
    assert (got["min_value"], got["max_value"], got["sample_values"]) == ("2", "4", ["4", "2"])


def test_numbers_are_compared_as_numbers():
    got = column("x,y\n10,1\n9,1\n", "x")

    assert (got["min_value"], got["max_value"]) == ("9", "10")


def test_a_mixed_column_has_the_figures_of_its_numbers():
    got = column("x,y\n10,1\nn/a,1\n9,1\n", "x")

    assert (got["data_type"], got["mean"], got["min_value"], got["max_value"]) == ("mixed", 9.5, "9", "10")


def test_numbers_near_the_end_of_the_range_give_no_infinity():
    got = column("x,y\n1e308,1\n1e308,1\n1e308,1\n", "x")

    assert got["mean"] is None or math.isfinite(got["mean"])
    json.loads(run("analyze", "x,y\n1e308,1\n-1e308,1\n1e308,1\n").text)


def test_close_numbers_keep_their_deviation():
    """The textbook formula loses all digits here."""
    numbers = [1e9 + each for each in (4, 7, 13, 16)]
    got = column("x,y\n" + "".join(f"{number},1\n" for number in numbers), "x")

    assert got["std_dev"] == pytest.approx(statistics.pstdev(numbers), rel=1e-12)


def test_many_different_values_are_counted_approximately_and_marked():
    text = "id,even\n" + "".join(f"{number},{number % 2}\n" for number in range(150_000))

    ids = column(text, "id")
    even = column(text, "even")

    assert ids["unique_count_is_approximate"] is True
    assert ids["unique_count"] == pytest.approx(150_000, rel=0.03)
    assert (ids["median"], ids["median_is_approximate"]) == (74_999.5, False)
    assert (even["unique_count"], even["unique_count_is_approximate"]) == (2, False)


def test_a_median_beyond_the_bound_is_close_and_marked():
    from llmspell_tools.builtin.data.csv_sketches import Median

    sketch = Median(1000)
    for start in range(0, 100_000, 500):
        sketch.add([float(each * 7919 % 100_003) for each in range(start, start + 500)])
    exact = statistics.median(each * 7919 % 100_003 for each in range(100_000))

    assert not sketch.is_exact
    assert sketch.value() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("char", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_line_ends_end_lines(char):
    """Python's `splitlines` splits at more characters than CSV does."""
    got = analyzed(f"name,note\nx,one{char}two\ny,three\n")

    assert got["row_count"] == 2
    assert got["columns"][1]["sample_values"] == [f"one{char}two", "three"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_guessed(delimiter):
    text = f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}3\n4{delimiter}5{delimiter}6\n"

    got = analyzed(text)

    assert (got["delimiter"], got["column_count"]) == (delimiter, 3)


def test_a_quoted_comma_does_not_mislead_the_guess():
    assert analyzed('a;b\n"x,y";1\n"z,w";2\n')["delimiter"] == ";"


def test_one_column_needs_no_delimiter():
    assert analyzed("a\n1\n2\n")["column_count"] == 1


def test_the_delimiter_can_be_named():
    assert analyzed("a:b\n1:2\n", options={"delimiter": ":"})["column_count"] == 2


# --- convert ---------------------------------------------------------------------------------------------------------


def test_json_has_typed_values():
    text = 'name,n,x,flag,zip,empty\n"A ""b""",1,2.50,true,01234,\nÜ,-3,1e2,false,5,x\n'

    answer = run("convert", text, options={"format": "json"})

    assert answer.output["result"] == [
        {"name": 'A "b"', "n": 1, "x": 2.5, "flag": True, "zip": "01234", "empty": None},
        {"name": "Ü", "n": -3, "x": 100.0, "flag": False, "zip": 5, "empty": "x"},
    ]
    assert json.loads(answer.text) == answer.output["result"]


def test_the_weather_as_json_is_the_weather(files):
    answer = run("convert", registry=files, input_file=str(WEATHER), options={"format": "json"})

    with WEATHER.open(encoding="utf-8", newline="") as stream:
        for got, row in zip(json.loads(answer.text), csv.DictReader(stream), strict=True):
            assert {name: str(value) for name, value in got.items()} == row
    assert type(answer.output["result"][0]["temp_max"]) is float


@pytest.mark.parametrize("format", ["jsonl", "jsonlines"])
def test_json_lines_are_one_object_a_line(format):
    assert run("convert", "a,b%s\n1,x\n2,\n", options={"format": format}).text == (
        '{"a":1,"b%s":"x"}\n{"a":2,"b%s":null}\n'
    )


def test_tabs_are_written():
    assert run("convert", 'a,b\n"x\ty",2\n', options={"format": "tsv"}).text == 'a\tb\n"x\ty"\t2\n'


def test_no_rows_are_an_empty_array():
    answer = run("convert", "a,b\n", options={"format": "json"})

    assert (answer.text, answer.output["result"]) == ("[]", [])


def test_names_that_repeat_or_lack_are_told_apart():
    got = run("convert", "a,a,,a_2\n1,2,3,4\n", options={"format": "json"}).output["result"]

    assert got == [{"a": 1, "a_3": 2, "Column_3": 3, "a_2": 4}]


@pytest.mark.parametrize(("format", "package"), [("parquet", "pyarrow"), ("excel", "openpyxl"), ("xlsx", "openpyxl")])
def test_a_missing_library_is_named_with_its_install_line(format, package, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)

    with pytest.raises(ToolUnavailable, match=f"pip install {package}"):
        run("convert", "a\n1\n", options={"format": format})


TABLE = 'n,x,flag,text\n1,2.5,true,=1+1\n2,,no,"a,b"\n'


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is optional")
def test_parquet_is_written_with_types():
    import pyarrow.parquet

    got = run("convert", TABLE, options={"format": "parquet"}).output["result"]
    data = base64.b64decode(got["data"])
    table = pyarrow.parquet.read_table(io.BytesIO(data))

    assert (got["format"], got["encoding"], got["size_bytes"]) == ("parquet", "base64", len(data))
    assert [str(field.type) for field in table.schema] == ["int64", "double", "bool", "string"]
    assert table.to_pylist() == [
        {"n": 1, "x": 2.5, "flag": True, "text": "=1+1"},
        {"n": 2, "x": None, "flag": False, "text": "a,b"},
    ]


@pytest.mark.skipif(importlib.util.find_spec("openpyxl") is None, reason="openpyxl is optional")
def test_excel_is_written_and_no_text_becomes_a_formula(files):
    import openpyxl

    run("convert", TABLE, registry=files, options={"format": "xlsx"}, output_file="out.xlsx")
    sheet = openpyxl.load_workbook("out.xlsx").active

    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["n", "x", "flag", "text"], [1, 2.5, True, "=1+1"], [2, None, "no", "a,b"],
    ]  # fmt: skip
    assert sheet["D2"].data_type == "s"


# --- filter, sample, transform, validate ------------------------------------------------------------------------------

CITIES = "city,days,note\nOslo,3,\nNew York,12,a b\nRome,5,x\n"


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("days == 5", ["Rome"]),
        ("days == 5.0", ["Rome"]),
        ("days != 5", ["Oslo", "New York"]),
        ("days > 3", ["New York", "Rome"]),
        ("days >= 3", ["Oslo", "New York", "Rome"]),
        ("days < 12", ["Oslo", "Rome"]),
        ("days <= 3", ["Oslo"]),
        ('city == "New York"', ["New York"]),
        ("city == 'New York'", ["New York"]),
        ("city > Oslo", ["Rome"]),
        ('note == ""', ["Oslo"]),
        ('note != ""', ["New York", "Rome"]),
        ("note > 1", ["New York", "Rome"]),
        ("days > 100", []),
    ],
)
def test_filter_keeps_the_rows_that_fit(expression, kept):
    text = run("filter", CITIES, options={"filter": expression}).text

    assert text.startswith("city,days,note\n")
    assert [row["city"] for row in csv.DictReader(io.StringIO(text))] == kept


def test_filter_keeps_the_delimiter_and_quotes():
    assert run("filter", 'a;b\n"x;1";2\n', options={"filter": "b == 2"}).text == 'a;b\n"x;1";2\n'


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("days=5", "has 1 parts"),
        ("days > 5 and city == Rome", "has 7 parts"),
        ("days => 5", "unknown operator"),
        ("day > 5", "did you mean 'days'"),
        ("zzz > 5", "the columns are: city, days, note"),
        ('city == "Rome', "never closed"),
        ("", "has 0 parts"),
    ],
)
def test_a_wrong_filter_is_explained(expression, said):
    with pytest.raises(InvalidParameters, match=said) as caught:
        run("filter", CITIES, options={"filter": expression})

    assert caught.value.details["field"] == "options.filter"


@pytest.mark.parametrize(("options", "rows"), [({}, 10), ({"size": 3}, 3), ({"size": 0}, 0), ({"size": 99}, 20)])
def test_sample_gives_the_first_rows(options, rows):
    text = "a,b\n" + "".join(f"{number},x\n" for number in range(20))

    got = run("sample", text, options=options).text

    assert got == "a,b\n" + "".join(f"{number},x\n" for number in range(rows))


def test_columns_are_added_and_renamed():
    answer = run(
        "transform",
        "price,count\n1.5,4\n,4\nx,1\n",
        options={
            "add_columns": {
                "total": "price * count", "more": "count + 1", "less": "count - price", "each": "price / 0",
                "half": "count / 2", "source": "shop A",
            },
            "rename_columns": {"count": "pieces"},
        },
    )  # fmt: skip

    assert answer.text == (
        "price,pieces,total,more,less,each,half,source\n"
        "1.5,4,6.00,5.00,2.50,,2.00,shop A\n"
        ",4,,5.00,,,2.00,shop A\n"
        "x,1,,2.00,,,0.50,shop A\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rename_columns": {"citty": "x"}}, "did you mean 'city'"),
        ({"rename_columns": {"city": "days"}}, "two columns would be named"),
        ({"add_columns": {"days": "1"}}, "exists already"),
        ({"add_columns": {"x": 5}}, "expected string"),
    ],
)
def test_a_wrong_transform_is_explained(options, said):
    with pytest.raises(InvalidParameters, match=said):
        run("transform", CITIES, options=options)


def test_rules_are_checked():
    text = "mail,age\na@b.org,30\nnobody,150\nx@y,\n"

    answer = run("validate", text, options={"rules": {"mail": "email", "age": "range:0-120"}})

    assert answer.output["result"] == answer.metadata["validation_result"] == json.loads(answer.text)
    assert answer.output["result"] == {
        "valid": False,
        "errors": [
            {"row": 2, "column": "mail", "value": "nobody", "error": "Invalid email format"},
            {"row": 2, "column": "age", "value": "150", "error": "Value 150 is outside range 0-120"},
            {"row": 3, "column": "mail", "value": "x@y", "error": "Invalid email format"},
            {"row": 3, "column": "age", "value": "", "error": "Value is not a valid number"},
        ],
        "total_rows": 3,
        "error_count": 4,
    }


@pytest.mark.parametrize(("rule", "good", "bad"), [("range:-10-30", "-10", "-10.1"), ("range:-5--1", "-1", "0"),
                                                   ("range:0.5-1e2", "100", "100.5")])  # fmt: skip
def test_ranges_may_be_negative_and_broken(rule, good, bad):
    def valid(value):
        return run("validate", f"x,y\n{value},1\n", options={"rules": {"x": rule}}).output["result"]["valid"]

    assert valid(good)
    assert not valid(bad)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"city": "mail"}, "the rules are"),
        ({"city": "range:5"}, "is no range"),
        ({"city": "range:9-1"}, "is empty"),
        ({"citi": "email"}, "did you mean 'city'"),
    ],
)
def test_a_wrong_rule_is_explained(rules, said):
    with pytest.raises(InvalidParameters, match=said):
        run("validate", CITIES, options={"rules": rules})


def test_many_errors_are_counted_and_some_listed():
    text = "n,m\n" + "x,1\n" * 1500

    got = run("validate", text, options={"rules": {"n": "range:0-1"}}).output["result"]

    assert (len(got["errors"]), got["error_count"]) == (1000, 1500)


# --- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "input"),
        ({"input": "a\n", "input_file": "b"}, "input"),
        ({"input": "a\n", "operation": "convert"}, "options"),
        ({"input": "a\n", "operation": "convert", "options": {}}, "options.format"),
        ({"input": "a\n", "operation": "convert", "options": {"format": "xml"}}, "options.format"),
        ({"input": "a\n", "operation": "convert", "options": {"fromat": "json"}}, "options"),
        ({"input": "a\n", "options": {"size": 3}}, "options.size"),
        ({"input": "a\n", "options": {"encoding": "ascii"}}, "options.encoding"),
        ({"input": "a\n", "options": {"delimiter": "::"}}, "options.delimiter"),
        ({"input": "a\n", "options": {"delimiter": '"'}}, "options.delimiter"),
        ({"input": "a\n", "options": {"delimiter": "\n"}}, "options.delimiter"),
        ({"input": "a\n", "operation": "sample", "options": {"size": -1}}, "options.size"),
        ({"input": "a\n", "operation": "count"}, "operation"),
    ],
)
def test_a_wrong_parameter_is_named(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        REGISTRY.invoke("csv-analyzer", parameters)

    assert caught.value.details["field"] == field


def test_the_old_name_of_the_input_works():
    assert REGISTRY.invoke("csv_analyzer", {"content": "a,b\n1,2\n"}).output["result"]["row_count"] == 1


# --- malformed input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows", "errors"),
    [
        ("a,b\n1,2\n3\n4,5,6\n7,8\n", 2,
         ["line 3: 1 field where the header has 2", "line 4: 3 fields where the header has 2"]),
        ('a,b\n1,2\n3,"x\n4,5\n', 1, ["line 3: a quote is never closed"]),
        ('a,b\n1,2\n"x"y,3\n4,5\n', 2, ["line 3: text after a closing quote"]),
        ('a,b\n"two\nlines",2\n3\n', 1, ["line 4: 1 field where the header has 2"]),
        ("a,b\r\n\r\n1,2\r\n\r\n3\r\n", 1, ["line 5: 1 field where the header has 2"]),
        ("a,b\r1,2\r3\r", 1, ["line 3: 1 field where the header has 2"]),
    ],
)  # fmt: skip
def test_malformed_rows_are_left_out_and_listed_with_their_line(text, rows, errors):
    got = analyzed(text)

    assert (got["row_count"], got["parse_errors"]) == (rows, errors)


def test_only_the_first_malformed_rows_are_listed():
    got = analyzed("a,b\n" + "1\n" * 25)

    assert len(got["parse_errors"]) == 11
    assert got["parse_errors"][-1] == "... and 15 more"


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("convert", {"format": "json"}), ("convert", {"format": "jsonl"}), ("convert", {"format": "tsv"}),
        ("filter", {"filter": "a == 1"}), ("transform", {"add_columns": {"c": "a * b"}}), ("sample", {"size": 5}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["a,b\n1,2\n3\n", 'a,b\n1,2\n"3,4\n', 'a,b\n1,2\n"3"x,4\n'])
def test_malformed_rows_stop_every_other_operation(operation, options, text):
    with pytest.raises(InvalidParameters, match="line 3") as caught:
        run(operation, text, options=options)

    assert caught.value.details["line"] == 3


def test_validate_reports_malformed_rows():
    got = run("validate", "a,b\n1,2\n3\n", options={"rules": {"a": "range:0-9"}}).output["result"]

    assert (got["valid"], got["total_rows"], got["errors"][0]["line"]) == (False, 2, 3)


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_nothing_is_no_csv(text):
    with pytest.raises(InvalidParameters, match="empty"):
        analyzed(text)


def test_a_nul_character_is_refused_with_its_line():
    with pytest.raises(InvalidParameters, match="line 3: a NUL"):
        analyzed("a,b\n1,2\n3,\0\n")


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert analyzed("\ufeffa,b\n1,2\n")["columns"][0]["name"] == "a"


def test_a_hundred_thousand_columns_are_over_the_limit():
    with pytest.raises(LimitExceeded, match=r"\[tools.csv_analyzer\] max_columns"):
        analyzed(",".join(map(str, range(100_000))) + "\n")


def test_ten_thousand_columns_are_not():
    names = ",".join(map(str, range(10_000)))

    assert analyzed(names + "\n" + names + "\n")["column_count"] == 10_000


def test_a_huge_field_is_shortened_where_it_is_shown():
    got = column("a,b\n1," + "x" * 1_000_000 + "\n", "b")

    assert len(got["max_value"]) == len(got["sample_values"][0]) == 1000


def test_formula_cells_stay_text():
    """Data is handed on as it is; a formula is only ever text."""
    text = "a,b\n=1+1,@SUM(1)\n"

    assert run("filter", text, options={"filter": "a != 0"}).text == text


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("max_rows", 2, "a,b\n1,2\n3,4\n5,6\n"),
        ("max_file_bytes", 10, "a,b\n1,2\n3,4\n5,6\n"),
        ("max_columns", 1, "a,b\n1,2\n"),
        ("max_line_chars", 300_000, "a,b\n1,2\n" + "x" * 400_000 + ",1\n"),
        ("max_output_bytes", 5, "a,b\n1,2\n"),
    ],
)
def test_a_limit_names_its_key(setting, value, text):
    small = ToolRegistry(policy=Policy.strict(), settings={"csv-analyzer": {setting: value}})

    with pytest.raises(LimitExceeded, match=rf"\[tools.csv_analyzer\] {setting}"):
        run("convert", text, registry=small, options={"format": "jsonl"})


def test_a_long_analysis_can_be_cancelled():
    context = REGISTRY.context()
    context.signal.set()

    with pytest.raises(Cancelled):
        REGISTRY.invoke("csv-analyzer", {"input": "a\n1\n"}, context=context)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_result_goes_into_a_file(files):
    answer = run("filter", registry=files, input_file=str(WEATHER), output_file="snow.csv",
                 options={"filter": "weather == snow"})  # fmt: skip
    text = Path("snow.csv").read_text()

    snow = WEATHER.read_text(encoding="utf-8").count("snow")
    assert len(text.splitlines()) == snow + 1
    assert answer.output["result"] == {"output_file": "snow.csv", "rows": snow, "size_bytes": len(text)}
    assert answer.text == f"Wrote {snow} rows ({len(text)} bytes) to snow.csv"


def test_json_into_a_file_is_the_same_json(files):
    kept = run("convert", registry=files, input_file=str(WEATHER), options={"format": "json"}).text
    run("convert", registry=files, input_file=str(WEATHER), options={"format": "json"}, output_file="w.json")

    assert Path("w.json").read_text() == kept


def test_an_analysis_is_written_and_answered(files):
    answer = run("analyze", "a,b\n1,2\n", registry=files, output_file="a.json")

    assert json.loads(Path("a.json").read_text()) == answer.output["result"]


def test_a_file_may_replace_itself(files):
    Path("a.csv").write_text("a,b\n1,2\n3,4\n")

    run("filter", registry=files, input_file="a.csv", output_file="a.csv", options={"filter": "a > 1"})

    assert Path("a.csv").read_text() == "a,b\n3,4\n"


def test_a_failure_leaves_the_old_output_whole(files):
    Path("out.csv").write_text("old")

    with pytest.raises(InvalidParameters):
        run("filter", "a,b\n1,2\n3\n", registry=files, output_file="out.csv", options={"filter": "a > 0"})

    assert Path("out.csv").read_text() == "old"
    assert os.listdir() == ["out.csv"]


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        ("a,b\nä,1\n".encode(), None, "UTF-8"),
        ("a,b\nä,1\n".encode("utf-8-sig"), None, "UTF-8"),
        ("a,b\nä,1\n".encode("utf-16"), None, "UTF-16"),
        ("a,b\nä,1\n".encode("utf-16-le"), "utf-16le", "UTF-16LE"),
        ("a,b\nä,1\n".encode("cp1252"), None, "windows-1252"),
        ("a,b\nä,1\n".encode("latin-1"), "iso-8859-1", "ISO-8859-1"),
    ],
)
def test_encodings_are_found_or_named(files, data, encoding, expected):
    Path("x.csv").write_bytes(data)
    options = {"encoding": encoding} if encoding else {}

    got = analyzed(None, registry=files, input_file="x.csv", options=options)

    assert (got["encoding"], got["columns"][0]["name"], got["columns"][0]["min_value"]) == (expected, "a", "ä")


def test_a_byte_that_is_no_text_is_named_with_its_line(files):
    Path("x.csv").write_bytes(b"a,b\n" + b"x,1\n" * 40_000 + b"\xe4,1\n")

    with pytest.raises(InvalidParameters, match=r"line 40002: byte 0xe4 is not UTF-8; .*options.encoding"):
        analyzed(None, registry=files, input_file="x.csv")


@pytest.mark.parametrize("path", ["../x.csv", "/etc/hostname", "/dev/zero", "link"])
def test_no_path_leads_out_of_the_roots(files, tmp_path, path):
    Path("link").symlink_to("/etc/hostname")

    with pytest.raises(PermissionDenied):
        analyzed(None, registry=files, input_file=path)


@pytest.mark.parametrize("path", ["none.csv", ".", "pipe", "x" * 300])
def test_what_is_no_file_is_refused(files, path):
    os.mkfifo("pipe")

    with pytest.raises((ToolExecutionError, InvalidParameters)):
        analyzed(None, registry=files, input_file=path)


def test_an_output_outside_the_roots_is_refused(files, tmp_path):
    with pytest.raises(PermissionDenied):
        run("sample", "a,b\n1,2\n", registry=files, output_file=str(tmp_path.parent / "out.csv"))

    assert not (tmp_path.parent / "out.csv").exists()


# --- properties -------------------------------------------------------------------------------------------------------

FIELDS = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(-1e150, 1e150).map(repr),
    st.sampled_from(
        ["", " ", "007", "-0", "+5", ".5", "5.", "1e5", "-00", "0x1", "1,5", "true", "2024-01-15", '"', "\r\n"]
    ),
)


@st.composite
def tables(draw):
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12))
    return [[f"c{number}" for number in range(width)], *rows]


def as_csv(table):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(table)
    return buffer.getvalue()


@settings(max_examples=150, deadline=None)
@given(tables())
def test_statistics_agree_with_the_standard_library(table):
    got = analyzed(as_csv(table), options={"delimiter": ","})
    header, *rows = table

    assert got["row_count"] == len(rows)
    for index in range(len(header)):
        figures = got["columns"][index]
        values = [row[index] for row in rows if row[index].strip()]
        assert figures["null_count"] == len(rows) - len(values)
        assert figures["unique_count"] == len({text if as_number(text) is None else as_number(text) for text in values})
        numbers = [number for number in map(as_number, values) if number is not None]
        if numbers:
            assert figures["median"] == pytest.approx(statistics.median(numbers), rel=1e-12)
            assert (float(figures["min_value"]), float(figures["max_value"])) == (min(numbers), max(numbers))
        if numbers and max(map(abs, numbers)) < 1e140:
            assert figures["mean"] == pytest.approx(statistics.fmean(numbers), rel=1e-9, abs=1e-9)
            scale = max(map(abs, numbers)) * 1e-9 + 1e-150  # squares below that are zero
            assert figures["std_dev"] == pytest.approx(statistics.pstdev(numbers), rel=1e-6, abs=scale)
        if not numbers:
            assert figures["mean"] is figures["median"] is figures["std_dev"] is None


def as_number(text):
    """Our rule, said another way: JSON's grammar, with a sign, a bare dot and spaces allowed, 18 digits at most."""
    import re

    text = text.strip()
    if not re.fullmatch(r"[+-]?(0|[1-9][0-9]*|(?=\.[0-9]))(\.[0-9]*)?([eE][+-]?[0-9]+)?", text, re.ASCII):
        return None
    if re.fullmatch(r"[+-]?[0-9]{19,}", text, re.ASCII) or math.isinf(float(text)):
        return None
    return float(text)


@settings(max_examples=150, deadline=None)
@given(tables())
def test_json_has_every_field_in_its_place(table):
    answer = run("convert", as_csv(table), options={"format": "json", "delimiter": ","})
    header, *rows = table

    got = json.loads(answer.text)
    assert got == answer.output["result"]
    assert [list(row) for row in got] == [header] * len(rows)
    for row, fields in zip(got, rows, strict=True):
        for value, field in zip(row.values(), fields, strict=True):
            if isinstance(value, str):
                assert value == field
            elif isinstance(value, bool):
                assert field == str(value).lower()
            elif value is None:
                assert not field.strip()
            else:
                assert float(value) == as_number(field)


@settings(max_examples=100, deadline=None)
@given(tables())
def test_a_sample_of_everything_is_everything(table):
    text = run("sample", as_csv(table), options={"size": 100, "delimiter": ","}).text

    assert list(csv.reader(io.StringIO(text, newline=""))) == table


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='ab,"\n\r;1 \0\ud800', max_size=40), st.sampled_from(["analyze", "convert", "sample"]))
def test_any_text_is_answered_or_refused(text, operation):
    options = {"options": {"format": "json"}} if operation == "convert" else {}
    with contextlib.suppress(InvalidParameters):
        assert run(operation, text, **options).text


@pytest.mark.parametrize(
    ("content", "encoding", "line"),
    [
        (b"name,n\n" + b"abcd,1\n" * 100_000 + b"ab\xffd,1\n", None, 100_002),  # far behind what is looked at first
        (b"name,n\nab\xffd,1\n", "ascii", 2),
        (b"n\xff,m\n1,2\n", "utf-8", 1),
    ],
)
def test_a_byte_that_is_no_text_is_found_wherever_it_stands(files, tmp_path, content, encoding, line):
    (tmp_path / "bad.csv").write_bytes(content)
    options = {} if encoding is None else {"options": {"encoding": encoding}}

    with pytest.raises(InvalidParameters, match=r"options\.encoding") as caught:
        run("analyze", registry=files, input_file="bad.csv", **options)
    assert caught.value.details["line"] == line


def test_half_a_utf_16_character_is_no_text(files, tmp_path):
    (tmp_path / "odd.csv").write_bytes("a,b\n1,2\n".encode("utf-16le") + b"x")

    with pytest.raises(InvalidParameters, match="is not UTF-16LE"):
        run("analyze", registry=files, input_file="odd.csv", options={"encoding": "utf-16le"})
