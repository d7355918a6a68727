"""Scripts in the style of the original's own examples run on every built-in tool: each verb, each spelling of a name.

Source: the original's table of tool names, and its Lua API: what a result table holds whichever form made it.
"""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import json

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

#: Name, category and old names of what the original registers, as far as it is here.
TOOLS = {
    "base64-encoder": ("utility", "base64_encoder"),
    "calculator": ("utility", "calculator"),
    "citation-formatter": ("utility", "citation-formatter"),
    "data-validator": ("utility", "data_validation"),
    "datetime-handler": ("utility", "date_time_handler"),
    "diff-calculator": ("utility", "diff_calculator"),
    "hash-calculator": ("utility", "hash_calculator"),
    "template-creator": ("utility", "template_engine"),
    "text-manipulator": ("utility", "text_manipulator"),
    "uuid-generator": ("utility", "uuid_generator"),
    "csv-analyzer": ("data", "csv_analyzer"),
    "graph-builder": ("data", "graph-builder"),
    "json-processor": ("data", "json_processor"),
    "url-analyzer": ("data", "url-analyzer"),
    "archive-handler": ("filesystem", "archive_handler"),
    "file-converter": ("filesystem", "file_converter"),
    "file-operations": ("filesystem", "file_operations"),
    "file-search": ("filesystem", "file_search"),
    "file-watcher": ("filesystem", "file_watcher"),
    "environment-reader": ("system", "environment_reader"),
    "process-executor": ("system", "process_executor"),
    "service-checker": ("system", "service_checker"),
    "system-monitor": ("system", "system_monitor"),
}
#: What a tool is given here; its scripts of the original have such lines.
CALLS = {
    "base64-encoder": {"operation": "encode", "input": "Hello"},
    "calculator": {"operation": "evaluate", "input": "2 + 3 * 4"},
    "citation-formatter": {"operation": "list_styles"},
    "data-validator": {"input": "a@b.org", "rules": {"rules": [{"type": "required"}, {"type": "email"}]}},
    "datetime-handler": {"operation": "parse", "input": "2024-01-15T10:30:00Z"},
    "diff-calculator": {"type": "text", "old_text": "a\n", "new_text": "b\n", "format": "unified"},
    "hash-calculator": {"operation": "hash", "algorithm": "sha256", "input": "Hello"},
    "template-creator": {"input": "Hello {{name}}!", "context": {"name": "you"}, "engine": "handlebars"},
    "text-manipulator": {"operation": "replace", "input": "a b", "options": {"from": "b", "to": "c"}},
    "uuid-generator": {"operation": "generate", "version": "v4", "format": "hyphenated"},
    "csv-analyzer": {"operation": "analyze", "input": "a,b\n1,2\n"},
    "graph-builder": {"operation": "create_graph", "graph_type": "directed"},
    "json-processor": {"operation": "query", "input": '{"a": [1, 2]}', "query": ".a"},
    "url-analyzer": {"input": "https://example.org/a?b=1"},
    "archive-handler": {"operation": "create", "path": "a.zip", "input": ["a.txt"]},
    "file-converter": {"operation": "line_endings", "path": "a.txt", "target_path": "b.txt", "line_ending": "crlf"},
    "file-operations": {"operation": "read", "path": "a.txt"},
    "file-search": {"pattern": "one", "path": ".", "recursive": False},
    "file-watcher": {"operation": "config"},
    "environment-reader": {"operation": "get", "variable_name": "HOME"},
    "process-executor": {"executable": "echo", "arguments": ["hi"]},
    "service-checker": {"target": "localhost:80", "check_type": "dns"},
    "system-monitor": {"operation": "memory"},
}
#: Tools whose text is no JSON envelope: the envelope stands under `metadata.response` (and, in ours, in the table too).
OWN_TEXT = {"archive-handler", "csv-analyzer", "file-converter", "file-operations", "file-search", "json-processor"}
#: Their answers differ from call to call.
VOLATILE = {"calculator", "process-executor", "system-monitor", "service-checker", "uuid-generator", "graph-builder"}
FORMS = [
    "Tool.execute(NAME, params)",
    "Tool.invoke(NAME, params)",
    "Tool.get(NAME):execute(params)",
    "Tool[NAME]:execute(params)",
]


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    with LuaEngine(ToolRegistry(policy=Policy.default()), write=lambda stream, text: None) as engine:
        yield engine


def run(engine, code, *args):
    return engine.execute(code, name="@script.lua", mode="script", args=args, timeout_s=20).values


def called(engine, form, name, params):
    """What is in the result table of a call: its keys (but `text`, which may be made when first read) and kinds."""
    code = f"""
        local params = JSON.parse(ARGS[1])
        local result = {form.replace("NAME", f"'{name}'")}
        local keys = {{}}
        for key in pairs(result) do if key ~= 'text' then keys[#keys + 1] = key end end
        table.sort(keys)
        return keys, type(result.text), type(result.metadata), result.success, result.metadata.response ~= nil
    """
    return run(engine, code, json.dumps(params))


@pytest.mark.parametrize("name", TOOLS)
def test_each_verb_and_each_spelling_gives_the_same_table(engine, name):
    spellings = dict.fromkeys((name, name.replace("-", "_"), TOOLS[name][1]))
    tables = [called(engine, form, spelling, CALLS[name]) for spelling in spellings for form in FORMS]

    assert [table for table in tables if table != tables[0]] == []
    keys, text, metadata, success, has_response = tables[0]
    assert (text, metadata) == ("string", "table")
    assert success is True
    assert "operation" in keys
    assert has_response is (name in OWN_TEXT)


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_found_and_described(engine, name):
    code = f"""
        local tool = Tool.get('{name}')
        local found = false
        for _, each in ipairs(Tool.discover({{ category = '{TOOLS[name][0]}' }})) do found = found or each.name == '{name}' end
        local listed = false
        for _, each in ipairs(Tool.list()) do listed = listed or (each.name == '{name}' and each.version:match('^%d+%.%d+%.%d+$')) end
        return Tool.exists('{name}'), tool.name, #tool.schema.parameters > 0, found, listed ~= false, #Tool['{name}'].getSchema().parameters
    """
    exists, given, has_parameters, found, listed, parameters = run(engine, code)

    assert (exists, given, has_parameters, found, listed) == (True, name, True, True, True)
    assert parameters > 0


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_parameter_raises_in_every_form(engine, name, form):
    code = f"""
        local params = JSON.parse(ARGS[1])
        params.no_such_parameter = 1
        local ok, problem = pcall(function() return {form.replace("NAME", f"'{name}'")} end)
        return ok, type(problem), problem
    """
    ok, kind, problem = run(engine, code, json.dumps(CALLS[name]))

    assert (ok, kind) == (False, "string")
    assert "execution failed" in problem
    assert "no_such_parameter" in problem


@pytest.mark.parametrize("name", sorted(set(TOOLS) - VOLATILE))
def test_the_text_is_the_same_at_each_call(engine, name):
    """A result that comes again crosses in a shorter way; nothing of the envelope is lost on it."""
    code = f"""
        local texts = {{}}
        for at = 1, 4 do texts[at] = Tool.execute('{name}', JSON.parse(ARGS[1]))._raw_text end
        return texts
    """
    texts = run(engine, code, json.dumps(CALLS[name]))[0]

    assert texts == [texts[0]] * 4


def test_the_envelopes_own_metadata_is_there_beside_the_calls(engine):
    shown = run(
        engine,
        """
        local check = Tool.execute('data-validator', { input = 'x', rules = { rules = { { type = 'required' } } } })
        local encoded = Tool.execute('base64-encoder', { operation = 'encode', input = 'x', output_file = 'out' })
        local written = Tool.execute('file-operations', { operation = 'write', path = 'out', input = 'abc' })
        return check.metadata.rule_count, encoded.metadata.file_path, encoded.metadata.file_size, written.metadata.operation, written.metadata.file_size
        """,
    )

    assert shown == [1, "out", 4, "write", 3]


def test_a_script_of_helpers_runs(engine):
    """The helpers that the original's examples begin with: they look at success, result, text and output in turn."""
    shown = run(
        engine,
        """
        local function use_tool(name, params)
            local result = Tool.execute(name, params)
            if result.success == false then return nil, result.error.message end
            if params.operation == "read" or params.operation == "write" then return result.text end
            return result.data or result.result or result.text
        end
        local files = use_tool("file_operations", { operation = "write", path = "out.txt", input = "1,2\\n" })
        local content = use_tool("file-operations", { operation = "read", path = "out.txt" })
        local failed, why = use_tool("calculator", { operation = "evaluate", input = "2 +" })
        local id = use_tool("uuid-generator", { operation = "validate", uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8" })
        local days = use_tool("json-processor", { operation = "query", input = { days = { 1, 2, 3 } }, query = ".days | length" })
        local refused = pcall(Tool.execute, "file-operations", { operation = "read", path = "/etc/passwd" })
        local written = Tool.execute("file-operations", { operation = "write", path = "/etc/new", input = "x" })
        return files, content, failed, type(why), id.valid, days, refused, written.text:match("^Operation 'write' failed"), written.metadata.response.result.error_type
        """,
    )

    assert shown == [
        "Wrote 4 bytes to out.txt", "1,2\n", None, "string", True, 3, False, "Operation 'write' failed", "security_violation",
    ]  # fmt: skip
