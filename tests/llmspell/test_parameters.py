"""`key=value` and its kin, and `--params`: HTTPie's spelling, read by the tool's schema."""

from __future__ import annotations

import io

import pytest

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.parameters import read

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "options": {"type": "object"},
        "either": {"type": ["string", "integer"]},
        "union": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "anything": {},
    },
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["text=5"], {"text": "5"}),
        (["text=a=b"], {"text": "a=b"}),
        (["text="], {"text": ""}),
        (["text=\\@home"], {"text": "@home"}),
        (["count=5"], {"count": 5}),
        (["count=5.0"], {"count": 5.0}),
        (["count=five"], {"count": "five"}),
        (["ratio=1e3"], {"ratio": 1000.0}),
        (["flag=true"], {"flag": True}),
        (["flag=yes"], {"flag": "yes"}),
        (["either=5"], {"either": "5"}),
        (["union=5"], {"union": 5}),
        (["anything=5"], {"anything": "5"}),
        (["unknown=5"], {"unknown": "5"}),
        (["count:=5"], {"count": 5}),
        (["text:=5"], {"text": 5}),
        (['options:={"a": [1]}'], {"options": {"a": [1]}}),
        (['options={"a": 1}'], {"options": {"a": 1}}),
        (["tags=a"], {"tags": ["a"]}),
        (["tags=a", "tags=b"], {"tags": ["a", "b"]}),
        (['tags=["a", "b"]'], {"tags": ["a", "b"]}),
        (['tags:=["a"]', "tags=b"], {"tags": ["a", "b"]}),
        (["number=7"], {"number": 7}),
    ],
)
def test_words_become_values_that_the_schema_wants(words, expected):
    assert expected == read(None, words, SCHEMA, {"number": "count"})


@pytest.mark.parametrize(
    ("params", "words", "says"),
    [
        (None, ["plain"], "'plain' is no parameter; write key=value"),
        (None, ['{"a": 1}'], "--params takes JSON"),
        (None, ["=5"], "is no parameter"),
        (None, [":=5"], "is no parameter"),
        (None, ["text=a", "text=b"], "'text' is given twice"),
        (None, ["count:=five"], "count: JSON syntax error at line 1 column 1"),
        (None, ["text=@missing.txt"], "cannot read 'missing.txt': No such file"),
        (None, ["text=@."], "cannot read '.': Is a directory"),
        ('{"a": 1', [], "--params: JSON syntax error at line 1 column 8"),
        ("[1]", [], "--params: parameters are a JSON object {...}, not an array"),
        ("null", [], "not null"),
        ("3", [], "not 3"),
        ('"x"', [], "not a string"),
        ("@missing.json", [], "cannot read 'missing.json'"),
        ("[" * 100_000, [], "--params: "),
    ],
)
def test_a_word_that_makes_no_sense_is_a_caller_fault(params, words, says):
    with pytest.raises(InvalidParameters) as caught:
        read(params, words, SCHEMA)

    assert says in caught.value.message
    assert caught.value.exit_status == 2


def test_files_give_text_and_json(project):
    (project / "a.txt").write_text("héllo\n", encoding="utf-8")
    (project / "b.json").write_text('{"k": [1, 2]}', encoding="utf-8")

    assert {"text": "héllo\n", "options": {"k": [1, 2]}} == read(None, ["text=@a.txt", "options:=@b.json"], SCHEMA)
    assert {"k": [1, 2], "count": 3} == read("@b.json", ["count=3"], SCHEMA)


def test_a_file_that_is_no_text_is_named(project):
    (project / "a.bin").write_bytes(b"ok\xff")

    with pytest.raises(InvalidParameters, match=r"'a.bin' is not UTF-8 text \(byte 2\)"):
        read(None, ["text=@a.bin"], SCHEMA)


@pytest.mark.parametrize(("params", "words"), [("-", []), (None, ["text:=@-"])])
def test_standard_input_gives_values(params, words, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "in"}')))

    value = read(params, words, SCHEMA)
    assert "in" in str(value)


@pytest.mark.parametrize(("params", "words"), [("-", []), (None, ["text=@-"])])
def test_standard_input_that_is_no_text_is_named(params, words, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ok\xff")))

    with pytest.raises(InvalidParameters, match=r"^standard input is not UTF-8 text \(byte 2\)"):
        read(params, words, SCHEMA)


def test_a_closed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)

    with pytest.raises(InvalidParameters, match="cannot read standard input: it is closed"):
        read("-", [], SCHEMA)


def test_words_go_over_what_params_gave():
    assert {"text": "new", "count": 1} == read('{"text": "old", "count": 1}', ["text=new"], SCHEMA)


def test_another_door_says_how_files_are_read():
    asked = []

    def read_text(path, key):
        asked.append((path, key))
        return "[1]"

    assert read(None, ["text=@a.txt", "count:=@b.json"], SCHEMA, read_text=read_text) == {"text": "[1]", "count": [1]}
    assert asked == [("a.txt", "text"), ("b.json", "count")]
