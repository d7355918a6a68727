"""`llmspell_tools.returns`, and what every built-in tool promises to give."""

from __future__ import annotations

import jsonschema
import pytest

from llmspell_tools.envelope import is_envelope, is_failure
from llmspell_tools.examples import run_examples
from llmspell_tools.manifest import TOOLS
from llmspell_tools.registry import ToolRegistry
from llmspell_tools.returns import choice, envelope_schema, mapping, record, short

CSV = "name,age,mail,since,ok\nAda,36,ada@example.org,1815-12-10,true\nBob,,bob,,false\n"
SORTED = {"type": "object", "properties": {"a": {"type": "integer"}}}

#: Calls, beside the examples, that together show every operation and every shape of what a tool gives. `{folder}` is a
#: temporary folder in which a.txt, a.csv and a.jsonl lie; the calls of one tool share it, in this order.
CALLS = {
    "calculator": [
        {"operation": "evaluate", "input": "-1/0"},
        {"input": "0/0"},
        {"input": "x*2", "variables": {"x": 1.5, "y": 3}},
        {"operation": "validate", "input": "1 + 1"},
        {"operation": "functions"},
        {"input": "2 +"},
        {"input": "x"},
        {"input": "2 ^ 1000"},
        {"input": "1" * 2000},
        {"input": "1", "variables": {"a b": 1}},
    ],
    "hash-calculator": [
        {"operation": "hash", "file": "{folder}/a.txt", "algorithm": "blake2b", "format": "base64"},
        {"operation": "verify", "input": "hello", "expected_hash": "00", "algorithm": "sha3_256"},
        {"operation": "verify", "input": "", "expected_hash": "d41d8cd98f00b204e9800998ecf8427e", "algorithm": "md5"},
    ],
    "uuid-generator": [
        *({"operation": "generate", "version": version} for version in ("v1", 4, "6", "V7")),
        *({"version": version, "name": "a"} for version in ("v3", 5)),
        *({"operation": "generate", "format": format} for format in ("standard", "hyphenated", "simple", "urn")),
        {"operation": "generate", "format": "braced"},
        {"operation": "component_id"},
        {"operation": "deterministic", "name": "a", "namespace": "tool"},
        {"operation": "custom", "prefix": "p", "suffix": "s", "timestamp": True, "short": True},
        {"operation": "custom"},
        {"operation": "validate", "uuid": "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
        {"operation": "validate", "uuid": "00000000-0000-0000-0000-000000000000"},
        {"operation": "validate", "uuid": "6ba7b810-9dad-11d1-e0b4-00c04fd430c8"},
        {"operation": "validate", "uuid": "no"},
    ],
    "text-manipulator": [
        *(
            {"operation": operation, "input": "  Some plain\n\n  text_here "}
            for operation in (
                "uppercase", "lowercase", "reverse", "trim", "split", "snake_case", "camel_case", "pascal_case",
                "sanitize", "truncate", "indent", "dedent", "normalize_whitespace", "word_wrap",
            )
        ),
        {"operation": "replace", "input": "a", "options": {"from": "a", "to": ""}},
        {"operation": "substring", "input": "abc", "options": {"start": 1, "end": 2}},
        {"operation": "join", "input": ["a", "b"]},
        {"operation": "join", "input": "[]"},
    ],
    "datetime-handler": [
        {"operation": "parse", "input": 86400},
        {"input": "Mon, 15 Jul 2024 10:30:00 +0200", "format": "%d.%m.%Y"},
        {"operation": "now"},
        {"operation": "now", "timezone": "+02:00", "format": "%Y"},
        {"operation": "convert_timezone", "input": 0, "target_timezone": "Asia/Tokyo"},
        {"operation": "add", "input": 0, "amount": 5, "unit": "h"},
        {"operation": "subtract", "input": "2024-03-01", "amount": 1, "unit": "week"},
        {"operation": "difference", "start": "2024-01-02", "end": 0},
        {"operation": "info", "input": "2024-02-29"},
        {"operation": "formats"},
    ],
    "json-processor": [
        {"operation": "query", "input": None, "input_file": "{folder}/a.jsonl", "query": "."},
        {"operation": "query", "input": {"a": None}, "query": ".a"},
        {"operation": "transform", "input": "[1]", "query": "map(.+1)"},
        {"operation": "jq", "input": [1, 2], "query": "empty"},
        {"operation": "query", "input": [1], "query": ".", "output_file": "{folder}/b.json"},
        {"operation": "validate", "input": {"a": 1}, "schema": SORTED},
        {"operation": "validate", "input": [{"a": "1"}], "schema": {"items": SORTED}},
        {"operation": "validate", "input": 1, "schema": False},
        {"operation": "validate", "input": 1, "schema": True, "output_file": "{folder}/b.json"},
        {"operation": "stream", "input": "1\n2\n"},
        {"operation": "stream", "input_file": "{folder}/a.jsonl", "output_file": "{folder}/b.jsonl"},
    ],
    "csv-analyzer": [
        {"operation": "analyze", "input": CSV},
        {"input": "a,b\n1,x\n2\n3,4,5\n\n", "output_file": "{folder}/b.json"},
        {"input_file": "{folder}/a.csv", "options": {"encoding": "iso-8859-1", "delimiter": ";"}},
        *(
            {"operation": "convert", "input": CSV, "options": {"format": format}}
            for format in ("json", "jsonl", "jsonlines", "tsv", "parquet", "excel", "xlsx")
        ),
        *(
            {"operation": "convert", "input": CSV, "options": {"format": format}, "output_file": "{folder}/b"}
            for format in ("json", "tsv", "parquet")
        ),
        {"operation": "filter", "input": CSV, "options": {"filter": "age > 3"}},
        {"operation": "filter", "input": CSV, "options": {"filter": "age > 3"}, "output_file": "{folder}/b.csv"},
        {"operation": "transform", "input": CSV, "options": {"rename_columns": {"age": "years"}}},
        {"operation": "transform", "input": CSV, "options": {}, "output_file": "{folder}/b.csv"},
        {"operation": "validate", "input": CSV, "options": {"rules": {"mail": "email", "age": "range:0-120"}}},
        {"operation": "validate", "input": "a\n1\n2,3\n", "options": {"rules": {"a": "range:0-5"}}},
        {"operation": "sample", "input": CSV, "options": {"size": 1}},
        {"operation": "sample", "input": CSV, "output_file": "{folder}/b.csv"},
    ],
    "file-operations": [
        {"operation": "append", "path": "{folder}/a.txt", "input": "é"},
        {"operation": "create_dir", "path": "{folder}/one"},
        {"operation": "mkdir", "path": "{folder}/one/two/three", "recursive": True},
        *({"operation": operation, "path": "{folder}"} for operation in ("list_dir", "ls", "dir")),
        *({"operation": operation, "path": "{folder}/a.txt"} for operation in ("metadata", "stat", "read")),
        {"operation": "info", "path": "{folder}"},
        {"operation": "exists", "path": "{folder}/none"},
        {"operation": "copy", "source_path": "{folder}/a.txt", "target_path": "{folder}/b.txt"},
        {"operation": "cp", "source_path": "{folder}/a.txt", "target_path": "{folder}/c.txt"},
        {"operation": "move", "source_path": "{folder}/b.txt", "target_path": "{folder}/d.txt"},
        {"operation": "mv", "source_path": "{folder}/d.txt", "target_path": "{folder}/e.txt"},
        {"operation": "rename", "source_path": "{folder}/e.txt", "target_path": "{folder}/f.txt"},
        {"operation": "delete", "path": "{folder}/c.txt"},
        {"operation": "write", "path": "{folder}/a.txt", "input": ""},
        {"operation": "write", "path": "{folder}/none/a.txt", "input": "x"},
        {"operation": "write", "path": "/usr/none.txt", "input": "x"},
        {"operation": "write", "path": "{folder}/a.txt", "input": "\ud800"},
    ],
}  # fmt: skip
#: Operations that exist to be refused: they never give anything.
REFUSED = {"environment-reader": {"set"}}


def outputs(name, folder):
    """Yield what the calls of a tool give, each after its parameters."""
    registry = ToolRegistry()
    (folder / "a.txt").write_text("hello", encoding="utf-8")
    (folder / "a.csv").write_text("a;b\n1;x\n", encoding="utf-8")
    (folder / "a.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    for params in CALLS.get(name, ()):
        placed = {
            key: value.replace("{folder}", str(folder)) if isinstance(value, str) else value
            for key, value in params.items()
        }
        yield params, registry.invoke(name, placed).output


def closed(schema):
    """Return a schema that allows no member that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if result.get("type") == "object" and isinstance(result.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    return result


def validator(schema):
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_a_tools_output_schema_is_a_schema_of_an_object(name):
    schema = ToolRegistry().get(name).returns

    assert schema["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_operation_is_called_here_or_in_an_example(name):
    tool = ToolRegistry().get(name)
    operation = tool.parameters["properties"].get("operation", {})
    calls = [*CALLS.get(name, ()), *(example["params"] for example in tool.examples)]

    assert set(operation.get("enum", ())) - REFUSED.get(name, set()) == {
        params.get("operation", operation.get("default")) for params in calls if operation
    }


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_what_the_examples_give_fits_the_output_schema(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = ToolRegistry()
    tool = registry.get(name)
    for result in run_examples(registry, tool):
        jsonschema.validate(result["output"], closed(tool.returns), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_a_call_gives_fits_the_output_schema_to_the_last_member(name, tmp_path):
    check = validator(closed(ToolRegistry().get(name).returns))
    for params, output in outputs(name, tmp_path):
        assert not [error.message for error in check.iter_errors(output)], (params, output)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_envelope_of_another_operation_or_without_a_verdict_does_not_fit(name, tmp_path):
    check = validator(ToolRegistry().get(name).returns)
    envelopes = [output for _, output in outputs(name, tmp_path) if is_envelope(output)]

    assert envelopes
    for output in envelopes:
        assert not check.is_valid({**output, "operation": "other"})
        assert not check.is_valid({**output, "success": "yes"})
        assert not check.is_valid({**output, "success": not output["success"]})


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_result_without_one_of_its_members_does_not_fit(name, tmp_path):
    check = validator(ToolRegistry().get(name).returns)
    for _, output in outputs(name, tmp_path):
        result = output.get("result")
        for member in result if isinstance(result, dict) and name != "json-processor" else ():
            less = {key: value for key, value in result.items() if key != member}
            assert not check.is_valid({**output, "result": less}), (output, member)
        if "result" in output and name not in ("json-processor", "text-manipulator"):  # it may be in a file
            assert not check.is_valid({key: value for key, value in output.items() if key != "result"}), output


def test_the_calls_show_failure_envelopes_where_tools_give_them(tmp_path):
    failed = {name: [output for _, output in outputs(name, tmp_path) if is_failure(output)] for name in CALLS}

    assert [len(found) for found in failed.values() if found] == [5, 3]
    assert {output["error"]["code"] for output in failed["calculator"]} == {"validation_error", "limit_exceeded"}
    assert {output["result"]["error_type"] for output in failed["file-operations"]} == {
        "security_violation", "validation_error", "execution_error",
    }  # fmt: skip
    for name in ("calculator", "file-operations"):
        for output in failed[name]:
            assert not validator(ToolRegistry().get(name).returns).is_valid({**output, "error": {"message": "m"}})


ANY = envelope_schema({"hash": record({"hash": "string", "note?": ("string", "null")}), "delete": None})
RAISES = envelope_schema({"hash?": ["integer"], "scan": None}, {"spent?": "number"}, failures={})
ALIKE = envelope_schema({"up": "string", "down": "string"}, failures={})
SOME = envelope_schema({"read": "string", "write": None}, failures={"write": record({"path": "string"})})
ERROR = {"code": "c", "message": "m", "details": {}}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (ANY, {"operation": "hash", "success": True, "result": {"hash": "ab"}}, True),
        (ANY, {"operation": "hash", "success": True, "result": {"hash": "ab", "note": None}}, True),
        (ANY, {"operation": "hash", "success": True, "result": {"hash": 5}}, False),
        (ANY, {"operation": "hash", "success": True}, False),
        (ANY, {"operation": "hash", "success": False, "error": ERROR}, True),
        (ANY, {"operation": "hash", "success": False, "error": ERROR, "result": 5}, True),
        (ANY, {"operation": "hash", "success": False}, False),
        (ANY, {"operation": "delete", "success": True}, True),
        (ANY, {"operation": "delete", "success": True, "result": 1}, False),
        (ANY, {"operation": "other", "success": True}, False),
        (RAISES, {"operation": "hash", "success": True}, True),
        (RAISES, {"operation": "hash", "success": True, "result": [1], "spent": 0.5}, True),
        (RAISES, {"operation": "hash", "success": True, "result": ["1"]}, False),
        (RAISES, {"operation": "hash", "success": True, "spent": "long"}, False),
        (RAISES, {"operation": "scan", "success": True, "result": 1}, False),
        (RAISES, {"operation": "scan", "success": False, "error": ERROR}, False),
        (ALIKE, {"operation": "up", "success": True, "result": "A"}, True),
        (ALIKE, {"operation": "down", "success": True, "result": 1}, False),
        (ALIKE, {"operation": "down", "success": True}, False),
        (SOME, {"operation": "write", "success": False, "error": ERROR, "result": {"path": "p"}}, True),
        (SOME, {"operation": "write", "success": False, "error": ERROR}, False),
        (SOME, {"operation": "write", "success": True}, True),
        (SOME, {"operation": "read", "success": False, "error": ERROR}, False),
        (SOME, {"operation": "read", "success": True, "result": "text"}, True),
    ],
)
def test_an_envelope_schema_knows_the_result_of_each_operation(schema, value, fits):
    assert fits == validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ("any", {}),
        ("string", {"type": "string"}),
        (("string", "null"), {"type": ["string", "null"]}),
        (["integer"], {"type": "array", "items": {"type": "integer"}}),
        ([], {"type": "array"}),
        (("number", choice("NaN")), {"anyOf": [{"type": "number"}, {"const": "NaN"}]}),
        (choice("a", "b"), {"enum": ["a", "b"]}),
        (mapping(["string"]), {"type": "object", "additionalProperties": {"type": "array", "items": short("string")}}),
        (record({"a?": "any"}), {"type": "object", "properties": {"a": {}}}),
    ],
)
def test_a_short_form_stands_for_a_schema(form, schema):
    assert short(form) == schema
