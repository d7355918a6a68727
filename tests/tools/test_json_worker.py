"""The part of json-processor that runs in the child, called here in process: its answers and its errors."""

from __future__ import annotations

import json

import pytest

from llmspell_tools.builtin.data import json_worker
from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")  # the worker sets it; here it must be put back


def run(do, text, **args):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return json_worker.run({"do": do, "max_output_bytes": 10_000, "max_errors": 10, "line": 1, **args}, data)


@pytest.mark.parametrize(
    ("program", "expected"), [(".[0]", (1, "1")), (".[]", (2, "[1,2]")), ("empty", (0, "[]")), ("nan", (1, "null"))]
)
def test_a_query_answers_count_and_json(program, expected):
    found, answer = run("query", "[1, 2]", program=program)

    assert (found["count"], answer.decode()) == expected


@pytest.mark.parametrize(
    ("text", "program", "expected"),
    [
        ('{"id": 1234567890123456789}', ".", '{"id":1234567890123456789}'),
        ('{"id": 1234567890123456789}', ".id # the number", "1234567890123456789"),
        ("[9007199254740993, 1]", "sort", "[1,9007199254740993]"),
        ("9007199254740993", ". + 0", "9007199254740992"),
        ("1.5e300", ".", "1.5E+300"),
        ("3.0", "[., . * 1]", "[3.0,3]"),
        ('["1E+1000", -1e1000]', ".", '["1E+1000",-1.7976931348623157e+308]'),
    ],
)
def test_a_number_that_is_only_moved_keeps_its_digits(text, program, expected):
    assert run("query", text, program=program)[1].decode() == expected


@pytest.mark.parametrize("program", [". # c \\", "def tojson: 5; .", "module {}; . # c \\"])
def test_what_a_program_ends_with_or_defines_does_not_change_how_it_answers(program):
    assert run("query", "[1]", program=program)[1] == b"[1]"


@pytest.mark.parametrize("program", [".a as $x", "label $out", "1) | (2"])
def test_half_a_program_is_refused(program):
    with pytest.raises(InvalidParameters, match="jq program"):
        run("query", "{}", program=program)


def test_lines_answer_lines():
    found, answer = run("lines", "1\n\n2\n", program="., -.")

    assert found == {"count": 4, "lines": 4}
    assert answer == b"1\n-1\n2\n-2\n"


def test_lines_count_from_the_number_given():
    with pytest.raises(InvalidParameters) as caught:
        run("lines", "1\nx\n", program=".", line=101)

    assert caught.value.details["line"] == 102


def test_validation_answers_a_verdict():
    schema = {"items": {"type": "null"}}

    assert run("validate", "[null]", schema=schema) == ({"is_valid": True, "errors": []}, b"")
    found, _ = run("validate", json.dumps([1] * 20), schema=schema)
    assert (found["is_valid"], len(found["errors"]), found["errors_truncated"]) == (False, 10, True)


@pytest.mark.parametrize(
    ("text", "program", "kind", "says"),
    [
        ("{", ".", InvalidParameters, "input: JSON syntax error"),
        (b"\xff", ".", InvalidParameters, "not UTF-8"),
        ('"\\ud800"', ".", InvalidParameters, "input: Invalid"),
        ("1", ".a(", InvalidParameters, r"jq program: .* \(line 1 column 3\)"),
        ("1", ".a |", InvalidParameters, r"unexpected end of file"),
        ("1", "def f: 1;", InvalidParameters, "program not given"),
        ("1", ".a", ToolExecutionError, "jq program failed: Cannot index"),
        ("1", 'error("mine")', ToolExecutionError, "mine"),
        ("1", "range(100000)", LimitExceeded, "too much output"),
        ("0", "reduce range(4000) as $n (.; [.])", InvalidParameters, "nested too deeply"),
    ],
)
def test_what_goes_wrong_has_its_class(text, program, kind, says):
    with pytest.raises(kind, match=says):
        run("query", text, program=program)


def test_a_schema_that_refers_to_itself_for_ever_is_refused():
    with pytest.raises(LimitExceeded, match="never ends"):
        run("validate", "1", schema={"$ref": "#"})


def test_programs_are_remembered_up_to_a_number():
    for number in range(200):
        assert run("query", "1", program=f". + {number}")[1] == str(number + 1).encode()

    assert len(json_worker._programs) <= 64
