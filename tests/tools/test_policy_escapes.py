"""Attempts to get out of the roots through every tool that takes a path; nothing outside is read or written."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile

import pytest

from llmspell_tools.errors import LlmspellError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

SECRET = "topsecret_4711"
CONTENTS = {
    "secret.csv": f"name,value\n{SECRET},1\n",
    "secret.json": json.dumps({"value": SECRET}),
    "secret.graph": json.dumps({"nodes": [{"id": SECRET}]}),
    "secret.bib": f"@book{{{SECRET}, title={{T}}, author={{A, B}}, publisher={{P}}, year=2020}}",
    "secret.yaml": f"value: {SECRET}\n",
    "secret.jsonl": json.dumps({"value": SECRET}) + "\n",
}

#: One way to hand a path to a tool: tool, parameter that takes it, the other parameters, file to aim at.
READERS = [
    ("file-operations", "path", {"operation": "read"}, "secret.csv"),
    ("file-operations", "source_path", {"operation": "copy", "target_path": "stolen"}, "secret.csv"),
    ("file-operations", "source_path", {"operation": "move", "target_path": "stolen"}, "secret.csv"),
    ("file-operations", "path", {"operation": "metadata"}, "secret.csv"),
    ("file-operations", "path", {"operation": "exists"}, "secret.csv"),
    ("file-operations", "path", {"operation": "list_dir"}, ""),
    ("csv-analyzer", "input_file", {"operation": "analyze"}, "secret.csv"),
    ("csv-analyzer", "input_file", {"operation": "convert", "options": {"format": "json"}}, "secret.csv"),
    ("csv-analyzer", "input_file", {"operation": "sample", "output_file": "stolen"}, "secret.csv"),
    ("csv-analyzer", "input_file", {"operation": "filter", "options": {"filter": "value == 1"}}, "secret.csv"),
    ("csv-analyzer", "input_file", {"operation": "validate", "options": {"rules": {"name": "email"}}}, "secret.csv"),
    ("csv-analyzer", "input_file", {"operation": "transform", "options": {}}, "secret.csv"),
    ("json-processor", "input_file", {"operation": "query", "query": "."}, "secret.json"),
    ("json-processor", "input_file", {"operation": "stream", "query": "."}, "secret.jsonl"),
    ("json-processor", "input_file", {"operation": "validate", "schema": {"type": "number"}}, "secret.json"),
    ("json-processor", "input_file", {"operation": "query", "query": ".", "output_file": "stolen"}, "secret.json"),
    ("json-processor", "input_file", {"operation": "jmespath", "query": "@"}, "secret.yaml"),
    ("graph-builder", "input_file", {"operation": "import_json"}, "secret.graph"),
    ("graph-builder", "input_file", {"operation": "add_node", "node_id": "n"}, "secret.graph"),
    ("graph-builder", "input_file", {"operation": "components", "output_file": "stolen"}, "secret.graph"),
    ("citation-formatter", "input_file", {"operation": "format_citation", "format": "bibtex"}, "secret.bib"),
    ("citation-formatter", "input_file", {"operation": "validate_bibliography", "format": "bibtex"}, "secret.bib"),
    ("hash-calculator", "file", {"operation": "hash"}, "secret.csv"),
    ("hash-calculator", "file", {"operation": "hash", "input_type": "file"}, "secret.csv"),
    ("hash-calculator", "file", {"operation": "verify", "expected_hash": "00"}, "secret.csv"),
    ("archive-handler", "path", {"operation": "list"}, "secret.zip"),
    ("archive-handler", "path", {"operation": "extract", "target_path": "stolen-too"}, "secret.zip"),
    (
        "file-converter",
        "path",
        {"operation": "encoding", "to_encoding": "utf-8", "target_path": "stolen"},
        "secret.csv",
    ),
    ("file-converter", "path", {"operation": "indentation"}, "secret.csv"),
    ("process-executor", "working_directory", {"executable": "ls"}, ""),
    ("file-search", "path", {"pattern": "topsecret"}, "secret.csv"),
    ("file-search", "path", {"pattern": "top.ecret", "use_regex": True}, "secret.csv"),
    ("file-search", "path", {"pattern": "topsecret", "recursive": True}, ""),
    ("base64-encoder", "input_file", {"operation": "encode"}, "secret.csv"),
    ("base64-encoder", "input_file", {"operation": "encode", "output_file": "stolen"}, "secret.csv"),
    ("data-validator", "input_file", {"rules": {"rules": [{"type": "type", "expected": "object"}]}}, "secret.json"),
    ("diff-calculator", "old_file", {"new_file": "good.csv"}, "secret.csv"),
    ("diff-calculator", "new_file", {"old_file": "good.csv"}, "secret.csv"),
    ("template-creator", "input_file", {"context": {}}, "secret.csv"),
    ("template-creator", "context_file", {"input": "{{ value }}"}, "secret.json"),
    ("text-manipulator", "input_file", {"operation": "uppercase"}, "secret.csv"),
]
WRITERS = [
    ("file-operations", "path", {"operation": "write", "input": "overwritten"}),
    ("file-operations", "path", {"operation": "append", "input": "overwritten"}),
    ("file-operations", "path", {"operation": "delete"}),
    ("file-operations", "path", {"operation": "create_dir"}),
    ("file-operations", "path", {"operation": "create_dir", "recursive": True}),
    ("file-operations", "target_path", {"operation": "copy", "source_path": "good.csv"}),
    ("file-operations", "target_path", {"operation": "move", "source_path": "good.csv"}),
    ("file-operations", "source_path", {"operation": "move", "target_path": "stolen"}),
    ("csv-analyzer", "output_file", {"operation": "convert", "input_file": "good.csv", "options": {"format": "json"}}),
    ("csv-analyzer", "output_file", {"operation": "sample", "input": "a,b\n1,2\n"}),
    ("json-processor", "output_file", {"operation": "query", "query": ".", "input": {"a": 1}}),
    ("json-processor", "output_file", {"query": ".", "input": [1], "output_format": "yaml"}),
    ("data-validator", "output_file", {"input": 1, "rules": []}),
    ("graph-builder", "output_file", {"operation": "create_graph"}),
    ("citation-formatter", "output_file", {"operation": "list_styles"}),
    ("archive-handler", "path", {"operation": "create", "input": ["good.csv"]}),
    ("file-converter", "target_path", {"operation": "indentation", "path": "good.csv"}),
    ("archive-handler", "target_path", {"operation": "extract", "path": "good.zip"}),
    ("json-processor", "output_file", {"operation": "stream", "query": ".", "input": '{"a": 1}'}),
    ("base64-encoder", "output_file", {"operation": "decode", "input": "aGVsbG8="}),
    ("diff-calculator", "output_file", {"old_text": "a\n", "new_text": "b\n"}),
    ("template-creator", "output_file", {"input": "hello"}),
    ("text-manipulator", "output_file", {"operation": "uppercase", "input": "hello"}),
]
#: How to name something outside from the current folder; `{out}` is the outside folder.
ROUTES = [
    "{out}/{name}",
    "../outside/{name}",
    "sub/../../outside/{name}",
    "./../root/../outside/{name}",
    "doorway/{name}",
    "sub/doorway/{name}",
    "doorway/../outside/{name}",
    "chain/{name}",
    "/proc/self/cwd/../outside/{name}",
    "/proc/self/root{out}/{name}",
    "/../..{out}/{name}",
    "//{out}/{name}",
    "link-{name}",
    "../rootsibling/{name}",
    "~/{name}",
    "file://{out}/{name}",
]


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A root (the current folder) full of doors to a folder outside it."""
    root, out, sibling = tmp_path / "root", tmp_path / "outside", tmp_path / "rootsibling"
    for folder in (root / "sub", out, sibling):
        folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (out / name).write_text(content)
        (sibling / name).write_text(content)
        os.symlink(f"../outside/{name}", root / f"link-{name}")
    (root / "good.csv").write_text("a,b\n1,2\n")
    for folder in (out, sibling, root):
        with zipfile.ZipFile(folder / ("good.zip" if folder == root else "secret.zip"), "w") as archive:
            archive.writestr(f"{SECRET}.txt", SECRET)
    os.symlink("../outside/secret.zip", root / "link-secret.zip")
    os.symlink(out, root / "doorway")
    os.symlink("../doorway", root / "sub/doorway")
    os.symlink("sub/doorway", root / "chain")
    monkeypatch.setenv("HOME", str(out))
    monkeypatch.chdir(root)
    return out


@pytest.fixture
def registry(outside):
    root = str(outside.parent / "root")
    policy = Policy.from_json(
        {"ceiling": "privileged", "allow": {"read": [root], "write": [root], "run": ["standard"]}}
    )
    return ToolRegistry(policy=policy)


def there(registry, table):
    """The rows of a table whose tool is installed."""
    return [row for row in table if registry.exists(row[0])]


def snapshot(folder):
    """Everything below a folder: names, kinds, contents, modification times."""
    found = {}
    for at, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(at, name)
            facts = os.lstat(path)
            content = b""
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
            found[path] = (facts.st_mode, facts.st_mtime_ns, content)
    return found


def attempt(registry, tool, params):
    """Everything that a call gives back, as one text; a failure envelope counts as a failure."""
    try:
        result = registry.invoke(tool, params)
    except LlmspellError as error:
        return False, f"{error.message} {error.details}"
    output = result.output
    succeeded = not (isinstance(output, dict) and output.get("success") is False)
    return succeeded, f"{result.text} {output} {result.metadata} {result.media}"


def test_the_attempts_below_would_work_where_they_are_allowed(outside):
    """The control: with the folder above as root the same calls read the secret and write outside."""
    top = str(outside.parent)
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": [top], "write": [top], "run": ["standard"]}})
    registry = ToolRegistry(policy=policy)
    for tool, parameter, params, name in there(registry, READERS):
        if params.get("operation") == "move":
            continue
        for route in ("{out}/{name}", "../outside/{name}", "doorway/{name}", "chain/{name}"):
            succeeded, said = attempt(registry, tool, {**params, parameter: route.format(out=outside, name=name)})
            assert succeeded, (tool, params, said)
    for at, (tool, parameter, params) in enumerate(there(registry, WRITERS)):
        if params.get("operation") != "delete" and parameter != "source_path" and params.get("operation") != "move":
            name = f"{at}.zip" if tool == "archive-handler" else str(at)
            succeeded, said = attempt(registry, tool, {**params, parameter: f"doorway/{name}"})
            assert succeeded, (tool, params, said)
            assert os.path.lexists(outside / name)


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_outside_is_read(registry, outside, route):
    before = snapshot(outside.parent)
    digests = [hashlib.sha256(content.encode()).hexdigest() for content in CONTENTS.values()]
    for tool, parameter, params, name in there(registry, READERS):
        if route.startswith("link") and params.get("operation") == "move":
            continue  # moves the link, not what it leads to
        path = route.format(out=outside, name=name)
        succeeded, said = attempt(registry, tool, {**params, parameter: path})

        assert not succeeded, (tool, params, path, said)
        assert SECRET not in said
        assert not any(digest in said for digest in digests)
    assert snapshot(outside.parent) == before


@pytest.mark.parametrize("name", ["secret.csv", "fresh", "fresh/deep/er", ""])
@pytest.mark.parametrize("route", ROUTES)
def test_nothing_outside_is_written(registry, outside, route, name):
    before = snapshot(outside)
    sibling = snapshot(outside.parent / "rootsibling")
    for tool, parameter, params in there(registry, WRITERS):
        if route == "link-{name}" and (name != "secret.csv" or params.get("operation") in ("delete", "move", "copy")):
            continue  # links of that name stand only for the files there are, and acting on a link itself is fine
        attempt(registry, tool, {**params, parameter: route.format(out=outside, name=name)})

    assert snapshot(outside) == before
    assert snapshot(outside.parent / "rootsibling") == sibling


@pytest.mark.parametrize("path", ["good.csv/../../outside/secret.csv", "missing/../../outside/secret.csv"])
def test_dots_after_a_file_or_a_missing_folder_lead_nowhere(registry, outside, path):
    for tool, parameter, params, _ in there(registry, READERS):
        succeeded, said = attempt(registry, tool, {**params, parameter: path})

        assert not succeeded or params.get("operation") == "exists", (tool, said)
        assert SECRET not in said


@pytest.mark.parametrize(
    "path",
    [
        "",
        "\0",
        "secret.csv\0",
        "x" * 5000,
        "x" * 300,
        "~",
        "~root/x",
        "a\nb\n",
        "\udcff",
        ".",
        "sub",
        "pipe",
        "/dev/zero",
    ],
)
def test_odd_paths_end_in_typed_errors_at_once(registry, outside, path):
    """Not in a hang (pipe, /dev/zero), nor in an error that is not ours."""
    os.mkfifo("pipe")
    for tool, parameter, params, _ in there(registry, READERS):
        takes_folders = tool in ("file-search", "process-executor") and path in (".", "sub")
        if params.get("operation") not in ("metadata", "exists", "list_dir", "move") and not takes_folders:
            succeeded, _ = attempt(registry, tool, {**params, parameter: path})
            assert not succeeded, (tool, params)
    for tool, parameter, params in there(registry, WRITERS):
        takes_folders = params.get("operation") == "extract" and path == "."
        if path not in ("sub", "pipe") and params.get("operation") != "create_dir" and not takes_folders:
            succeeded, said = attempt(registry, tool, {**params, parameter: path})
            assert not succeeded, (tool, params, said)


def test_a_write_to_a_pipe_neither_hangs_nor_replaces_it(registry, outside):
    os.mkfifo("pipe")
    for tool, parameter, params in there(registry, WRITERS):
        if params.get("operation") in ("write", "append", "convert", "sample", "query", "stream", "copy"):
            succeeded, said = attempt(registry, tool, {**params, parameter: "pipe"})
            assert not succeeded, (tool, said)


@pytest.mark.parametrize(
    "name", ["llmspell.toml", ".llmspell.toml", "config/llmspell.toml", ".git/hooks/pre-commit", "LLMSPELL.TOML"]
)
def test_no_tool_writes_a_file_that_would_give_rights(registry, outside, name):
    os.makedirs("config")
    os.makedirs(".git/hooks")
    before = snapshot(".")
    for tool, parameter, params in there(registry, WRITERS):
        if params.get("operation") == "delete" or (params.get("operation") == "move" and parameter == "source_path"):
            continue
        succeeded, said = attempt(registry, tool, {**params, parameter: name})
        assert not succeeded, (tool, said)

    assert snapshot(".") == before


def test_a_project_file_cannot_be_brought_in_by_moving_a_folder(registry, outside):
    os.makedirs("stage/hooks")
    with open("stage/hooks/pre-commit", "w") as file:
        file.write("id")

    succeeded, _ = attempt(
        registry, "file-operations", {"operation": "move", "source_path": "stage", "target_path": ".git"}
    )

    assert not succeeded


def test_a_hard_link_is_never_written_through(registry, outside):
    os.link(outside / "secret.csv", "hard.csv")
    before = (outside / "secret.csv").read_text()
    for tool, parameter, params in there(registry, WRITERS):
        if not os.path.exists("hard.csv"):
            os.link(outside / "secret.csv", "hard.csv")
        attempt(registry, tool, {**params, parameter: "hard.csv"})

    assert (outside / "secret.csv").read_text() == before


@pytest.mark.parametrize("ceiling", ["safe", "restricted"])
def test_the_ceiling_holds_per_operation_and_under_every_name(outside, ceiling):
    root = str(outside.parent / "root")
    registry = ToolRegistry(policy=Policy.from_json({"ceiling": ceiling, "allow": {"read": [root], "write": [root]}}))
    for tool in ("file-operations", "file_operations"):
        for operation in ("write", "delete", "mkdir", "create_dir", "mv", "move", "rename", "cp", "append"):
            params = {"path": "good.csv", "input": "x", "source_path": "good.csv", "target_path": "n"}
            succeeded, said = attempt(registry, tool, {"operation": operation, **params})
            assert not succeeded, (operation, said)
            succeeded, said = attempt(registry, tool, {"action": operation, **params})
            assert not succeeded, (operation, said)
    assert attempt(registry, "file-operations", {"operation": "read", "path": "good.csv"})[0] == (ceiling != "safe")
    with open("good.csv") as file:
        assert file.read() == "a,b\n1,2\n"


def test_every_tool_that_takes_a_path_is_tried_here():
    """A tool added later with a parameter that looks like a path must join the tables above."""
    tried = {(tool, parameter) for tool, parameter, *_ in (*READERS, *WRITERS)}
    looks = ("path", "file", "folder", "director")
    for tool in ToolRegistry().list():
        for parameter in tool.parameters.get("properties", {}):
            if any(word in parameter for word in looks) and not parameter.startswith("max_"):
                assert (tool.name, parameter) in tried
