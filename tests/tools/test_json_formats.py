"""json-processor: JMESPath, and YAML, TOML and JSON lines in and out; what such documents must not do."""

from __future__ import annotations

import json
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.builtin.documents import parse_document, render_document
from llmspell_tools.errors import InvalidParameters, LimitExceeded, LlmspellError, ToolExecutionError, ToolUnavailable
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())
PEOPLE = {"people": [{"name": "Ada", "born": 1815}, {"name": "Alan", "born": 1912}]}


def call(**parameters):
    return REGISTRY.invoke("json-processor", parameters)


def value_of(text, format, query="."):
    return call(input=text, input_format=format, query=query).output["result"]


# --- JMESPath --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("people[0].name", "Ada"),
        ("people[*].born", [1815, 1912]),
        ("people[?born > `1900`].name | [0]", "Alan"),
        ("length(people)", 2),
        ("nothing", None),
        ("max_by(people, &born).{who: name}", {"who": "Alan"}),
    ],
)
@pytest.mark.parametrize("how", [{"operation": "jmespath"}, {"operation": "query", "language": "jmespath"}])
def test_jmespath_expressions_run(expression, expected, how):
    result = call(input=PEOPLE, query=expression, **how)

    assert result.output["result"] == expected
    assert result.output["operation"] == "query"


def test_jmespath_runs_on_each_line():
    got = call(operation="stream", language="jmespath", input='{"a": 1}\n{"a": 2}', query="a")

    assert got.output["result"] == [1, 2]


def test_jmespath_stream_without_a_program_gives_the_values():
    assert call(operation="stream", language="jmespath", input="1\n2").output["result"] == [1, 2]


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("people[", InvalidParameters),
        ("", InvalidParameters),
        ("nope(@)", LlmspellError),
        ("a.`", InvalidParameters),
        ("abs('x')", ToolExecutionError),
        ("&a", LlmspellError),
        ("(" * 100_000, LlmspellError),
    ],
)
def test_a_wrong_expression_is_refused(expression, kind):
    with pytest.raises(kind) as caught:
        call(operation="jmespath", input=PEOPLE, query=expression)
    assert "Traceback" not in caught.value.message


def test_the_language_and_the_operation_may_not_differ():
    with pytest.raises(InvalidParameters) as caught:
        call(operation="jq", language="jmespath", input=1, query="a")
    assert caught.value.field == "language"


def test_words_that_jq_may_not_use_are_fields_in_jmespath():
    assert call(operation="jmespath", input={"env": 1}, query="env").output["result"] == 1


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "format", "expected"),
    [
        ("a: 1\nb: [x, y]\n", "yaml", {"a": 1, "b": ["x", "y"]}),
        ("\ufeffa: 1", "yaml", {"a": 1}),
        ("", "yaml", None),
        ("2: x\ntrue: y\nnull: z\n2024-01-02: d\n", "yaml", {"2": "x", "true": "y", "null": "z", "2024-01-02": "d"}),
        ("d: 2024-01-02\nt: 2024-01-02T03:04:05Z\n", "yaml", {"d": "2024-01-02", "t": "2024-01-02T03:04:05+00:00"}),
        ("base: &b {x: 1}\nother:\n  <<: *b\n  x: 2\n", "yaml", {"base": {"x": 1}, "other": {"x": 2}}),
        ("b: !!binary aGk=\n", "yaml", {"b": "aGk="}),
        ("s: !!set {a, b}\n", "yaml", {"s": ["a", "b"]}),
        ("a = 1\n[t]\nd = 2024-01-02\nh = 07:32:00\n", "toml", {"a": 1, "t": {"d": "2024-01-02", "h": "07:32:00"}}),
        ("\ufeffa = [1, {b = true}]", "toml", {"a": [1, {"b": True}]}),
        ('{"a": 1}\n\n[2]\n', "jsonl", [{"a": 1}, [2]]),
        ("", "jsonl", []),
    ],
)
def test_documents_are_read(text, format, expected):
    got = value_of(text, format)

    assert (sorted(got["s"]) if format == "yaml" and got and "s" in got else got) == (
        expected["s"] if isinstance(expected, dict) and "s" in expected else expected
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.yaml", "a: [1, 2]\n"),
        ("in.YML", "a: [1, 2]\n"),
        ("in.toml", "a = [1, 2]\n"),
        ("in.json", '{"a": [1, 2]}'),
        ("in.txt", '{"a": [1, 2]}'),
    ],
)
@pytest.mark.parametrize("target", ["out.yaml", "out.toml", "out.json"])
def test_the_formats_are_told_by_the_endings(tmp_path, name, content, target):
    (tmp_path / name).write_text(content)

    call(query=".", input_file=str(tmp_path / name), output_file=str(tmp_path / target))

    text = (tmp_path / target).read_text()
    read = {"out.yaml": yaml.safe_load, "out.toml": tomllib.loads, "out.json": json.loads}[target]
    assert read(text) == {"a": [1, 2]}
    assert ("{" in text) == (target == "out.json")


def test_a_format_that_is_named_counts_more_than_the_ending(tmp_path):
    (tmp_path / "in.json").write_text("a: 1")

    call(query=".", input_file=str(tmp_path / "in.json"), input_format="yaml", output_file=str(tmp_path / "out.json"),
         output_format="toml")  # fmt: skip

    assert (tmp_path / "out.json").read_text() == "a = 1\n"


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("yaml", "- a: é\n- '2024-01-02'\n- 'yes'\n- null\n"),
        ("jsonl", '{"a": "é"}\n"2024-01-02"\n"yes"\nnull\n'),
        ("json", '[\n  {\n    "a": "é"\n  },\n  "2024-01-02",\n  "yes",\n  null\n]\n'),
    ],
)
def test_the_answers_text_is_in_the_format_asked_for(format, text):
    value = [{"a": "é"}, "2024-01-02", "yes", None]

    got = call(input=value, query=".", output_format=format)

    assert got.output["result"] == value
    assert got.text.replace('{"a":"é"}', '{"a": "é"}').rstrip("\n") == text.rstrip("\n")


def test_a_file_of_lines_is_an_array_to_a_query(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n{"a": 2}\n')

    assert call(input_file=str(tmp_path / "in.jsonl"), query="map(.a)").output["result"] == [1, 2]


def test_validation_takes_yaml(tmp_path):
    schema = {"properties": {"age": {"minimum": 0}}}
    got = call(operation="validate", input="age: -1", input_format="yaml", schema=schema).output["result"]

    assert [error["path"] for error in got["errors"]] == ["/age"]


def test_a_yaml_stream_is_run_on_document_by_document(tmp_path):
    (tmp_path / "in.yaml").write_text("a: 1\n---\na: 2\n...\n")

    got = call(operation="stream", input_file=str(tmp_path / "in.yaml"), query=".a")
    call(operation="stream", input_file=str(tmp_path / "in.yaml"), output_file=str(tmp_path / "out.yaml"))

    assert got.output["result"] == [1, 2]
    assert list(yaml.safe_load_all((tmp_path / "out.yaml").read_text())) == [{"a": 1}, {"a": 2}]


def test_several_documents_are_no_single_one():
    with pytest.raises(InvalidParameters, match="2 documents"):
        value_of("a: 1\n---\nb: 2\n", "yaml")


@pytest.mark.parametrize("value", [[1], "text", None, {"a": None}, {"a": [1, None]}])
def test_what_toml_cannot_hold_is_refused(tmp_path, value):
    target = tmp_path / "out.toml"

    with pytest.raises(InvalidParameters, match="TOML"):
        call(input={"v": value}, query=".v", output_file=str(target))
    assert not target.exists()


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"operation": "stream", "input": "a: 1", "input_format": "toml"}, "input_format"),
        ({"operation": "stream", "input": "1", "output_format": "toml"}, "output_format"),
        ({"query": ".", "input": {"a": 1}, "input_format": "yaml"}, "input_format"),
        ({"query": ".", "input": "a: 1", "input_format": "xml"}, "input_format"),
    ],
)
def test_formats_that_do_not_fit_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        call(**parameters)
    assert caught.value.field == field


def test_a_missing_library_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)

    with pytest.raises(ToolUnavailable, match="pip install"):
        render_document({"a": 1}, "toml")


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
_scalars = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _texts
_tables = st.dictionaries(
    _texts,
    st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3)),
    max_size=4,
)


@given(_tables)
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("kind", ["yaml", "toml", "json"])
def test_what_is_written_is_read_again(kind, value):
    assert parse_document(render_document(value, kind).encode(), kind, "input") == value


# --- bad input -------------------------------------------------------------------------------------------------------

LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{k{n}: 1, <<: [{','.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("[" * 100_000, "yaml"),
        ("[" * 100_000 + "]" * 100_000, "yaml"),
        ("{a: " * 100_000, "yaml"),
        ("- " * 100_000 + "x", "yaml"),
        ("? " * 100_000 + "x", "yaml"),
        ("a = " + "[" * 100_000, "toml"),
        ("a" + ".a" * 100_000 + " = 1", "toml"),
        ("[a" + ".a" * 100_000 + "]", "toml"),
        ("[" * 100_000, "jsonl"),
        (LAUGHS, "yaml"),
        ("a: &a [*a]", "yaml"),
        ("a: 1\na: 2\n", "yaml"),
        ("[{b: 1, b: 2}]", "yaml"),
        ("? {a: 1, a: 2}\n: x", "yaml"),
        ("a = 1\na = 2\n", "toml"),
        ("a: " + "9" * 1_000_000, "yaml"),
        ("a = " + "9" * 1_000_000, "toml"),
        ("9" * 1_000_000, "jsonl"),
        ("a: .nan", "yaml"),
        ("a: -.inf", "yaml"),
        ("a = nan", "toml"),
        ("a = inf", "toml"),
        ("NaN", "jsonl"),
        ("!!python/object/apply:os.system ['true']", "yaml"),
        ("!!python/name:os.system", "yaml"),
        ("a: !custom 1", "yaml"),
        ("a: \0", "yaml"),
        ("a = '\0'", "toml"),
        ("a: 2024-13-45", "yaml"),
        ("a: [", "yaml"),
        ("\tb", "yaml"),
        ("a: 'b", "yaml"),
        ("a", "toml"),
        ("*a", "yaml"),
        ("a: \ud800", "yaml"),
        ("[1, 2]: x", "yaml"),
    ],
)
def test_a_bad_document_is_an_error_that_says_so(text, format):
    with pytest.raises((InvalidParameters, LimitExceeded)) as caught:
        value_of(text, format)
    assert "Traceback" not in caught.value.message


def test_merges_that_multiply_are_ended():
    limited = ToolRegistry(
        settings={"json-processor": {"timeout_s": 2, "max_memory_bytes": 300_000_000}}, policy=Policy.default()
    )
    with pytest.raises(LlmspellError) as caught:
        limited.invoke("json-processor", {"input": MERGES, "input_format": "yaml", "query": "."})
    assert caught.value.code in ("limit_exceeded", "timeout")


def test_a_duplicate_key_is_named_with_its_line():
    with pytest.raises(InvalidParameters, match="'b' is there twice") as caught:
        value_of("a: 1\nb: 2\nb: 3\n", "yaml")
    assert caught.value.details["line"] == 3


def test_a_hundred_thousand_members_are_read():
    text = "".join(f"k{number}: {number}\n" for number in range(20_000))

    assert value_of(text, "yaml", "length") == 20_000
