"""csv-analyzer reads workbooks that LibreOffice and openpyxl wrote, and Parquet files that pyarrow wrote."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import zipfile
from pathlib import Path

import pytest

from llmspell_tools.errors import InvalidParameters, LimitExceeded, LlmspellError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("python_calamine")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

#: Workbooks and tables know no zone.
MOMENT = dt.datetime(2024, 2, 29, 13, 5, 7)  # noqa: DTZ001
SHEETS = Path(__file__).resolve().parents[1] / "data/sheets"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    allow = {"read": [str(tmp_path), str(SHEETS)], "write": [str(tmp_path)]}
    return ToolRegistry(policy=Policy.from_json({"ceiling": "privileged", "allow": allow}))


def run(registry, path, operation="analyze", **parameters):
    return registry.invoke("csv-analyzer", {"operation": operation, "input_file": str(path), **parameters})


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


@pytest.mark.parametrize("suffix", ["xlsx", "ods", "xls"])
def test_a_workbook_of_libreoffice_is_the_table_it_was_made_from(registry, suffix):
    got = run(registry, SHEETS / f"towns.{suffix}", "sample")

    assert got.text == (SHEETS / "towns.csv").read_text(encoding="utf-8")
    assert got.metadata["source"] == {"format": suffix, "sheet": "towns", "sheets": ["towns"]}


@pytest.mark.parametrize("suffix", ["xlsx", "ods", "xls"])
def test_a_workbook_is_described_as_its_csv_is(registry, suffix):
    got = run(registry, SHEETS / f"towns.{suffix}").output["result"]
    of_csv = run(registry, SHEETS / "towns.csv").output["result"]

    assert got["columns"] == of_csv["columns"]
    assert got["file_size_bytes"] == (SHEETS / f"towns.{suffix}").stat().st_size


def test_cells_are_texts_of_their_values(registry):
    rows = [
        ["whole", "broken", "flag", "day", "moment", "text", "formula"],
        [3, 2.5, True, dt.date(2024, 2, 29), MOMENT, '"a",\nb', "=1+1"],
        [None, 1e300, False, None, None, None, None],
    ]
    workbook("book.xlsx", Sheet=rows)

    got = run(registry, "book.xlsx", "convert", options={"format": "json"}).output["result"]

    assert got[0] == {
        "whole": 3, "broken": 2.5, "flag": True, "day": "2024-02-29", "moment": "2024-02-29T13:05:07",
        "text": '"a",\nb', "formula": None,
    }  # fmt: skip
    assert (got[1]["broken"], got[1]["flag"], got[1]["whole"]) == (1e300, False, None)


@pytest.mark.parametrize(("sheet", "found"), [(None, 1), ("second", 2), (2, 2), (1, 1), ("first", 1)])
def test_a_sheet_is_chosen_by_name_or_number(registry, sheet, found):
    workbook("book.xlsx", first=[["n"], [1]], second=[["n"], [2]])
    options = {} if sheet is None else {"sheet": sheet}

    got = run(registry, "book.xlsx", "convert", options={"format": "json", **options})

    assert got.output["result"] == [{"n": found}]


@pytest.mark.parametrize("sheet", ["secnd", 3, 0, -1])
def test_an_unknown_sheet_is_refused_with_those_there_are(registry, sheet):
    workbook("book.xlsx", first=[["n"], [1]], second=[["n"], [2]])

    with pytest.raises(InvalidParameters, match="second") as caught:
        run(registry, "book.xlsx", options={"sheet": sheet})
    assert caught.value.details["field"] == "options.sheet"


def test_a_csv_file_has_no_sheets(registry):
    Path("a.csv").write_text("a\n1\n")

    with pytest.raises(InvalidParameters, match="workbook"):
        run(registry, "a.csv", options={"sheet": 1})


@pytest.mark.parametrize(
    ("operation", "options", "expected"),
    [
        ("filter", {"filter": "people > 500000"}, ["Oslo", "Lima"]),
        ("transform", {"rename_columns": {"town": "city"}}, ["Oslo", "Zürich", "Lima"]),
        ("sample", {"size": 1}, ["Oslo"]),
        ("convert", {"format": "tsv"}, ["Oslo", "Zürich", "Lima"]),
    ],
)
def test_every_operation_takes_a_workbook_and_writes_a_file(registry, operation, options, expected):
    run(registry, SHEETS / "towns.xlsx", operation, options=options, output_file="out.csv")

    lines = Path("out.csv").read_text(encoding="utf-8").splitlines()
    assert [line.replace("\t", ",").split(",")[0] for line in lines[1:]] == expected


def test_a_workbook_can_be_validated(registry):
    rules = {"people": "range:0-1000000"}
    got = run(registry, SHEETS / "towns.xlsx", "validate", options={"rules": rules}).output["result"]

    assert [(error["row"], error["value"]) for error in got["errors"]] == [(3, "10151000")]


def test_a_workbook_becomes_parquet_and_that_is_read_again(registry):
    run(registry, SHEETS / "towns.xlsx", "convert", options={"format": "parquet"}, output_file="t.parquet")

    got = run(registry, "t.parquet", "sample")

    assert got.metadata["source"] == {"format": "parquet"}
    assert got.text.splitlines()[1] == 'Oslo,709037,454.12,2001-03-04,true,"fjord, hills"'


def test_parquet_types_are_texts_of_their_values(registry):
    columns = {
        "whole": arrow.array([2**62, None]),
        "text": arrow.array(['a,"b"\n', "ä"]),
        "kind": arrow.array(["x", "y"]).dictionary_encode(),
        "day": arrow.array([dt.date(2024, 2, 29), None]),
        "moment": arrow.array([MOMENT, None]),
        "price": arrow.array([decimal.Decimal("1.50"), None]),
        "list": arrow.array([[1, 2], None]),
        "bytes": arrow.array([b"\xff\x00", None]),
        "nothing": arrow.nulls(2),
    }
    parquet.write_table(arrow.table(columns), "t.parquet")

    rows = run(registry, "t.parquet", "convert", options={"format": "json"}).output["result"]

    assert rows[0] == {
        "whole": "4611686018427387904", "text": 'a,"b"\n', "kind": "x", "day": "2024-02-29",
        "moment": "2024-02-29T13:05:07", "price": 1.5, "list": "[1, 2]", "bytes": "/wA=", "nothing": None,
    }  # fmt: skip
    assert rows[1]["text"] == "ä"


def damaged():
    buffer = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.save(buffer)
    whole = buffer.getvalue()
    table = io.BytesIO()
    parquet.write_table(arrow.table({"a": [1, 2]}), table)
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000 + "EncryptedPackage".encode("utf-16le") + b"\0" * 99
    return {
        "half.xlsx": (whole[: len(whole) // 2], "cannot be read"),
        "mangled.xlsx": (whole[:60] + b"\xff" * (len(whole) - 1_200) + whole[-1_140:], "cannot be read"),
        "text.xlsx": (b"a,b\n1,2\n", "not an Excel"),
        "empty.ods": (b"", "not an Excel"),
        "any.zip": (b"PK\x03\x04" + b"x" * 100, "cannot be read"),
        "secret.xlsx": (encrypted, "encrypted"),
        "short.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "cannot be read"),
        "half.parquet": (table.getvalue()[:-20], "cannot be read"),
        "text.parquet": (b"a,b\n1,2\n", "not a Parquet"),
        "secret.parquet": (b"PARE" + table.getvalue()[4:-4] + b"PARE", "encrypted"),
        "mangled.parquet": (b"PAR1" + b"\xff" * 500 + b"PAR1", "cannot be read"),
    }


@pytest.mark.parametrize("name", damaged())
def test_a_damaged_file_is_refused_in_words(registry, name):
    content, said = damaged()[name]
    Path(name).write_bytes(content)

    with pytest.raises(InvalidParameters, match=said) as caught:
        run(registry, name, "sample", output_file="out.csv")
    assert caught.value.details["field"] == "input_file"
    assert not Path("out.csv").exists()


def bomb(path, megabytes):
    """A workbook whose one sheet is zeros that unpack to so many megabytes."""
    workbook("small.xlsx", Sheet=[["a"]])
    with zipfile.ZipFile("small.xlsx") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "xl/worksheets/sheet1.xml":
                start, _, end = content.partition(b"<sheetData>")
                rows = b'<row><c t="inlineStr"><is><t>' + b"0" * 1_000_000 + b"</t></is></c></row>"
                content = start + b"<sheetData>" + rows * megabytes + end
            new.writestr(entry, content)


def test_a_zip_bomb_is_refused_by_what_it_says_of_itself(registry):
    bomb("bomb.xlsx", 80)

    with pytest.raises(LimitExceeded, match="times its size"):
        run(registry, "bomb.xlsx")


def test_a_table_that_unpacks_to_too_much_is_refused(registry, tmp_path):
    bomb("bomb.xlsx", 40)
    settings = {"csv-analyzer": {"max_unpacked_bytes": 5_000_000}}
    limited = ToolRegistry(policy=registry.policy, settings=settings)

    with pytest.raises(LimitExceeded, match="max_unpacked_bytes"):
        run(limited, "bomb.xlsx")


def test_memory_of_the_child_is_bounded(registry):
    bomb("bomb.xlsx", 45)
    limited = ToolRegistry(policy=registry.policy, settings={"csv-analyzer": {"max_memory_bytes": 120_000_000}})

    with pytest.raises(LlmspellError) as caught:
        run(limited, "bomb.xlsx")
    assert caught.value.code in ("limit_exceeded", "execution_error")


def test_a_file_over_the_limit_is_not_read(registry):
    limited = ToolRegistry(policy=registry.policy, settings={"csv-analyzer": {"max_sheet_bytes": 100}})

    with pytest.raises(LimitExceeded, match="max_sheet_bytes"):
        run(limited, SHEETS / "towns.xlsx")


def test_a_workbook_without_rows_is_an_empty_table(registry):
    workbook("book.xlsx", Sheet=[])

    with pytest.raises(InvalidParameters, match="empty"):
        run(registry, "book.xlsx")
