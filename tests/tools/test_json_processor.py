"""json-processor: every operation and its bad input (`surface.md` 4.4; security matrix, "json", "regex"; jq bombs)."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.builtin.data import json_processor as module
from llmspell_tools.builtin.data.jq_guard import refuse_unavailable
from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
    ToolTimeout,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())


def call(registry=REGISTRY, **parameters):
    return registry.invoke("json-processor", parameters)


def query(program, value, registry=REGISTRY):
    return call(registry, input=value, query=program).output["result"]


def with_settings(**overrides):
    return ToolRegistry(settings={"json-processor": overrides})


def test_an_answer_is_bare_in_the_text_and_whole_in_the_metadata():
    """`surface.md` 4.4: text is the bare result; envelope in `metadata.response`."""
    result = call(input={"a": {"b": [1, 2]}}, query=".a")

    envelope = {
        "operation": "query",
        "success": True,
        "message": "JSON query executed successfully",
        "result": {"b": [1, 2]},
    }
    assert result.output == envelope
    assert result.metadata == {"operation": "query", "response": envelope}
    assert result.text == '{\n  "b": [\n    1,\n    2\n  ]\n}'
    assert result.has_own_text


@pytest.mark.parametrize(
    ("program", "value", "expected"),
    [
        (".", {"b": 1, "a": [None, True, 1.5, "é"]}, {"b": 1, "a": [None, True, 1.5, "é"]}),
        (".[]", [1, 2], [1, 2]),
        (".[]", [1], 1),
        ("empty", 1, []),
        (".missing", {}, None),
        ("map(. * 2) | add", [1, 2, 3], 12),
        ("group_by(.k) | map({k: .[0].k, n: length})", [{"k": "a"}, {"k": "b"}, {"k": "a"}],
         [{"k": "a", "n": 2}, {"k": "b", "n": 1}]),
        (".[] | select(.age > 26) | .name", [{"name": "A", "age": 30}, {"name": "B", "age": 25}], "A"),
        ('test("^a.c$")', "abc", True),
        ("def f(x): x + 1; f(.)", 1, 2),
        ("reduce .[] as $n (0; . + $n)", [1, 2, 3], 6),
        ("[limit(3; repeat(1))]", None, [1, 1, 1]),
        ("@base64", "a", "YQ=="),
        ("{env: 1, input: .env}", {"env": "x"}, {"env": 1, "input": "x"}),
        ('"environment, /etc/passwd and \\"import\\""', 1, 'environment, /etc/passwd and "import"'),
        ("nan", 1, None),
    ],
)  # fmt: skip
def test_jq_programs_run(program, value, expected):
    assert call(input=json.dumps(value), query=program).output["result"] == expected


@pytest.mark.parametrize("operation", ["query", "transform", "jq"])
def test_query_has_three_names(operation):
    assert call(operation=operation, input=[1], query=".[0]").output["operation"] == "query"


def test_the_input_may_be_a_value_or_its_text():
    assert query(".a", {"a": 1}) == query(".a", '{"a": 1}') == query(".a", '\ufeff{"a": 1}') == 1


def test_validate_lists_every_error():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name", "mail"],
    }

    result = call(operation="validate", input={"name": 1, "age": -5}, schema=schema)

    assert result.output["result"] == {
        "is_valid": False,
        "errors": [
            {"path": "", "message": "'mail' is a required property", "keyword": "required"},
            {"path": "/age", "message": "-5 is less than the minimum of 0", "keyword": "minimum"},
            {"path": "/name", "message": "1 is not of type 'string'", "keyword": "type"},
        ],
    }
    assert json.loads(result.text) == result.output["result"]


def test_a_valid_value_has_no_errors():
    output = call(operation="validate", input="[1, 2]", schema='{"items": {"type": "integer"}}').output

    assert output["result"] == {"is_valid": True, "errors": []}


def test_errors_beyond_the_limit_are_cut_and_say_so():
    result = call(
        with_settings(max_errors=2), operation="validate", input=[1, 2, 3], schema={"items": {"type": "string"}}
    ).output["result"]

    assert len(result["errors"]) == 2
    assert result["errors_truncated"] is True


def test_stream_runs_on_each_line():
    result = call(operation="stream", input='{"a": 1}\r\n\n  {"a": 2}  \n{"a": [3, 4]}', query=".a")

    assert result.output["result"] == [1, 2, [3, 4]]
    assert result.output["message"] == "JSON stream processing completed"


def test_stream_without_a_program_gives_the_values():
    assert call(operation="stream", input="1\n2\n").output["result"] == [1, 2]


def test_stream_of_a_value_is_one_line():
    assert call(operation="stream", input={"a": 1}, query=".a").output["result"] == [1]


def test_stream_names_the_line_of_an_error():
    with pytest.raises(InvalidParameters) as broken:
        call(operation="stream", input='1\n{"a"\n', query=".")
    with pytest.raises(ToolExecutionError, match="in line 2: Cannot index") as failed:
        call(operation="stream", input='{"a": 1}\n[1]\n', query=".a")

    assert broken.value.details["line"] == 2
    assert failed.value.details == {"line": 2}


def test_files_are_read_and_written(tmp_path):
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text('{"a": [1, "é"]}', encoding="utf-8")

    result = call(input_file=str(source), output_file=str(target), query=".a")

    assert target.read_text(encoding="utf-8") == '[\n  1,\n  "é"\n]\n'
    assert result.text == f"Wrote {target.stat().st_size} bytes to {target}"
    assert result.output == {
        "operation": "query",
        "success": True,
        "message": result.text,
        "metadata": {"file_path": str(target), "file_size": target.stat().st_size},
    }


def test_lines_stream_from_file_to_file_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 1000)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(f'{{"n": {number}}}' for number in range(1000)), encoding="utf-8")

    call(operation="stream", input_file=str(source), output_file=str(target), query=".n * 2, -1")

    lines = target.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [n for number in range(1000) for n in (number * 2, -1)]


def test_a_line_number_counts_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 100)
    source = tmp_path / "in.jsonl"
    source.write_text("1\n" * 500 + "nope\n", encoding="utf-8")

    with pytest.raises(InvalidParameters) as caught:
        call(operation="stream", input_file=str(source))

    assert caught.value.details["line"] == 501


def test_a_failed_run_writes_nothing(tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old", encoding="utf-8")

    with pytest.raises(ToolExecutionError):
        call(operation="stream", input="{}\n1", output_file=str(target), query=".a")

    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["out.json"]


def test_files_outside_the_roots_are_denied(tmp_path):
    with pytest.raises(PermissionDenied):
        call(input_file="/etc/hostname", query=".")
    with pytest.raises(PermissionDenied):
        call(input=1, query=".", output_file="/etc/llmspell-test.json")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('{"a": ', 6), ("", 0), ("nope", 0), ("[1, 2", 5), ('{"a": 1,}', 7), ("1 2", 2), ("NaN", 0),
        ("[Infinity]", 1), ("'a'", 0), ('"\t"', 1),
    ],
)  # fmt: skip
def test_broken_json_is_refused_with_its_position(text, position):
    with pytest.raises(InvalidParameters, match=r"input: JSON|JSON has no") as caught:
        query(".", text)

    assert caught.value.field == "input"
    assert caught.value.details.get("position", position) in (position, position + 1)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000]
)
@pytest.mark.parametrize("parameters", [{"query": "."}, {"operation": "validate", "schema": {}}])
def test_json_nested_a_hundred_thousand_deep_is_refused(text, parameters):
    with pytest.raises(InvalidParameters, match="nested too deeply"):
        call(input=text, **parameters)


@pytest.mark.parametrize("text", ["1" * 10**6, '"\\ud800"', '["\ud800"]'])
def test_numbers_and_strings_that_have_no_form_are_refused(text):
    with pytest.raises(InvalidParameters):
        query(".", text)


def test_of_duplicate_keys_the_last_counts():
    assert query(".a", '{"a": 1, "a": 2}') == 2


def test_bytes_that_are_not_utf_8_are_refused(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'"\xe9"')

    with pytest.raises(InvalidParameters, match="not UTF-8: byte 1 is 0xe9"):
        call(input_file=str(path), query=".")


@pytest.mark.parametrize(
    ("program", "line", "column"),
    [(".a(", 1, 3), ("nothing_here", 1, 1), (".\n| foo(1)", 2, 3), ("{", 1, 1), ("break", 1, 1)],
)
def test_a_wrong_program_is_refused_with_its_place(program, line, column):
    with pytest.raises(InvalidParameters) as caught:
        query(program, 1)

    assert caught.value.field == "query"
    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)


def test_an_empty_program_is_refused():
    with pytest.raises(InvalidParameters, match="program not given"):
        query("", 1)


def test_a_program_that_fails_is_the_tools_failure():
    with pytest.raises(ToolExecutionError, match='Cannot index number with string \\("a"\\)'):
        query(".a", 1)


REFUSED = [
    "env", "$ENV", "$ ENV", ".a | env.HOME", "input", "[inputs]", "debug", "input_filename", "$__loc__", "stderr",
    'import "a" as a; .', 'include "a"; .', "modulemeta", "get_search_list", "halt", "halt_error",
    '"\\(env)"', '"a\\("b\\(input)")"', '@json "x\\(env)"', "{env}", "{a: env}", "{(env): 1}", ".[input:2]",
    ".[1:input]", '"\\\\" | env', "# comment\nenv", "#\\\nenv", "#\renv", "def env: 1; env", "{$ENV}",
    "if env then 1 else 2 end",
]  # fmt: skip

ALLOWED = [
    ".env", '."env"', '.["input"]', "{env: 1}", '{"a": 1, debug : 2}', '"env"', '"\\"env"', "# env\n.", "$__prog_args",
    ". as $env | $env", ".a.input_filename", "[.[]|{input: .input}]", "environment", "1e5", "builtins", ".. | .env?",
    '"/etc/passwd"', '"', '"\\', "}", ")",
]  # fmt: skip


@pytest.mark.parametrize("program", REFUSED)
def test_tokens_that_reach_outside_are_refused(program):
    with pytest.raises(InvalidParameters, match="is not available here") as caught:
        query(program, 1)

    assert caught.value.field == "query"
    assert caught.value.details["position"] > 0


@pytest.mark.parametrize("program", ALLOWED)
def test_the_same_words_elsewhere_are_just_words(program):
    refuse_unavailable(program)


@given(st.text(alphabet='env$ENV.input"\\()[]{}:,#\n 1|@', max_size=30))
@settings(max_examples=500, deadline=None)
def test_no_program_breaks_the_guard(program):
    try:
        refuse_unavailable(program)
    except InvalidParameters:
        pass  # the one error that it may raise


def test_the_environment_is_empty_even_past_the_guard(monkeypatch):
    monkeypatch.setenv("LLMSPELL_TEST_SECRET", "secret")
    monkeypatch.setattr(module, "refuse_unavailable", lambda program: None)
    module._workers.close()
    found = query("env", 1)

    assert found.pop("HOME") == "/nonexistent"  # so that no .jq of the user's is run
    assert set(found) <= {"LC_CTYPE"}


@pytest.mark.parametrize(
    "bomb",
    [
        "[range(1e9)]", "def f: f; f", "def f: 1 + f; f", "last(range(1e12))", "range(1e12)", '"x" * 1e9 | length',
        '[limit(1e9; repeat("x"))]', "reduce range(1e9) as $i ([]; . + [$i])", "def f: [f]; f", "[recurse(. + 1)]",
        "until(false; .)", "[range(1e5)] | [combinations(3)]",
    ],
)  # fmt: skip
def test_a_bomb_ends_with_an_error_of_its_kind(bomb):
    with pytest.raises((ToolTimeout, LimitExceeded)):
        query(bomb, 1, with_settings(timeout_s=0.3, max_memory_bytes=300_000_000))


def test_a_memory_bomb_names_the_key():
    with pytest.raises(LimitExceeded) as caught:
        query('"x" * 1e9', 1, with_settings(max_memory_bytes=300_000_000))

    assert caught.value.details["key"] == "[tools.json_processor] max_memory_bytes"


def test_endless_output_names_the_key():
    with pytest.raises(LimitExceeded) as caught:
        query("range(1e12)", 1, with_settings(max_output_bytes=10_000))

    assert caught.value.details["key"] == "[tools.json_processor] max_output_bytes"


def test_answers_of_all_lines_together_have_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 100)
    source = tmp_path / "in.jsonl"
    source.write_text("1\n" * 5000, encoding="utf-8")

    with pytest.raises(LimitExceeded, match="output_file"):
        call(with_settings(max_output_bytes=1000), operation="stream", input_file=str(source))


def test_input_beyond_the_limit_names_the_key(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('"' + "x" * 200 + '"', encoding="utf-8")
    registry = with_settings(max_input_bytes=100)

    for parameters in ({"input": "x" * 200}, {"input_file": str(path)}):
        with pytest.raises(LimitExceeded, match=r"\[tools.json_processor\] max_input_bytes"):
            call(registry, query=".", **parameters)
    with pytest.raises(LimitExceeded, match=r"\[tools.json_processor\] max_input_bytes"):
        call(registry, operation="stream", input_file=str(path))


@pytest.mark.parametrize(
    ("pattern", "value"),
    [("^(a+)+$", "a" * 64 + "!"), ("(a|a)*b", "a" * 64), ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 64)],
)
def test_a_pattern_that_backtracks_for_ever_is_ended(pattern, value):
    with pytest.raises(ToolTimeout):
        call(with_settings(timeout_s=0.3), operation="validate", input=json.dumps(value), schema={"pattern": pattern})


@pytest.mark.parametrize("schema", [{"pattern": "("}, {"pattern": "a{1000000000000}"}, '{"type": ', {"$ref": "#"}, 7])
def test_a_wrong_schema_is_refused(schema):
    with pytest.raises((InvalidParameters, LimitExceeded)) as caught:
        call(operation="validate", input='"a"', schema=schema)

    assert caught.value.details.get("field", "schema") == "schema"


def test_other_threads_run_on_while_a_program_hangs():
    registry = with_settings(timeout_s=20)
    hanging = registry.context()
    started = threading.Event()

    def hang():
        started.set()
        with pytest.raises(Cancelled):
            registry.invoke("json-processor", {"input": 1, "query": "def f: f; f"}, context=hanging)

    thread = threading.Thread(target=hang)
    thread.start()
    started.wait(5)

    assert [query(".", number, registry) for number in range(3)] == [0, 1, 2]
    assert registry.invoke("calculator", {"input": "1+1"}).output["success"]

    hanging.signal.set()
    thread.join(5)
    assert not thread.is_alive()


def test_the_tool_works_after_each_failure():
    for program in (".a", "nothing_here", "env"):
        with pytest.raises(LlmspellError):
            query(program, 1)
        assert query(".", 1) == 1


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "query"),
        ({"input": 1}, "query"),
        ({"query": "."}, "input"),
        ({"query": ".", "input": 1, "input_file": "a"}, "input"),
        ({"operation": "stream"}, "input"),
        ({"operation": "validate", "input": 1}, "schema"),
        ({"operation": "format", "input": 1}, "operation"),
        ({"input": 1, "query": 2}, "query"),
        ({"input": 1, "query": ".", "pretty": True}, "pretty"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        REGISTRY.invoke("json-processor", parameters)

    assert caught.value.field == field


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(_values)
@settings(max_examples=100, deadline=None)
def test_the_identity_gives_every_value_back(value):
    text = json.dumps(value)

    assert query(".", text) == value
    assert call(operation="stream", input=text).output["result"] == [value]


def test_the_examples_hold():
    for example in REGISTRY.get("json-processor").examples:
        output = REGISTRY.invoke("json-processor", example["params"]).output
        assert example["result"].items() <= output.items(), example["description"]
