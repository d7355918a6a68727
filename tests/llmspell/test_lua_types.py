"""`llmspell lua-types`: the file says what an engine has and what every tool takes and gives, in a form LuaLS reads."""

from __future__ import annotations

import re

import pytest
import tree_sitter
import tree_sitter_lua

from llmspell.actions.lua_types import render
from llmspell.actions.lua_types_schema import Classes, comment, field_name
from llmspell.launch import main
from llmspell_kernel.lua import LuaEngine
from llmspell_tools.registry import ToolRegistry

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_lua.language()))
#: Types that LuaLS has itself.
BUILT_IN = {"any", "nil", "boolean", "string", "number", "integer", "function", "table", "thread", "userdata", "true",
            "false", "T", "K", "V"}  # fmt: skip
#: Asks an engine for its globals and their members: "name" and "library.name", one a line.
ENUMERATE = """
local names = {}
for name, value in pairs(_G) do
  names[#names + 1] = name
  if type(value) == "table" and name ~= "_G" and name ~= "ARGS" and name ~= "arg" then
    for member in pairs(value) do names[#names + 1] = name .. "." .. tostring(member) end
  end
end
return table.concat(names, "\\n")
"""


@pytest.fixture(scope="module")
def text():
    return render(ToolRegistry().list())


class Types:
    """Reads LuaLS types by their grammar; fails where a text is none, and collects the names in it."""

    TOKEN = re.compile(r"\s*(?:(\"[^\"]*\"|'[^']*')|(\.\.\.)|([A-Za-z_][\w.]*)|(-?\d+)|(\[\]|[|(){}<>\[\]:,?`]))")

    def __init__(self, text):
        self.text, self.at, self.names = text, 0, []

    def peek(self):
        found = self.TOKEN.match(self.text, self.at)
        return found.group().strip() if found else ""

    def take(self, wanted=None):
        token = self.peek()
        assert token in ({token} if wanted is None else {wanted}) - {""}, f"{self.text!r} at {self.at}: {wanted!r}"
        self.at = self.TOKEN.match(self.text, self.at).end()
        return token

    def maybe(self, token):
        return bool(self.peek() == token and self.take())

    def union(self):
        self.single()
        while self.maybe("|"):
            self.single()

    def single(self):
        if self.maybe("("):
            self.union()
            self.take(")")
        elif self.maybe("{"):
            while not self.maybe("}"):
                self.take()
                self.maybe("?")
                self.take(":")
                self.union()
                self.maybe(",")
        elif self.peek() == "fun":
            self.function()
        else:
            self.names.append(self.take())
            if self.maybe("<"):
                self.union()
                while self.maybe(","):
                    self.union()
                self.take(">")
        while self.peek() in {"[]", "?"}:
            self.take()

    def function(self):
        self.take("fun")
        self.take("(")
        while not self.maybe(")"):
            self.take()
            self.maybe("?")
            self.take(":")
            self.union()
            self.maybe(",")
        if self.maybe(":"):
            self.union()
            while self.maybe(","):
                self.union()


def types(text):
    """Yield the type of every annotation, and the line."""
    head = re.compile(
        r"---@(?:field (?:\[[^]]+\]|[\w]+)\??|param (?:[\w]+|\.\.\.)\??|return|type|overload|alias [\w.]+) (.+)"
    )
    for line in text.splitlines():
        found = head.fullmatch(line)
        if found:
            reader = Types(found.group(1))
            reader.union()
            yield reader, line


def members(text):
    """Return what the file says there is: names of globals and "library.member"."""
    found, own = set(), {}
    block = []
    for line in text.splitlines():
        block.append(line)
        name = re.match(r"(?:function )?([A-Za-z_][\w.]*)(?: = |\()", line)
        if name:
            found.add(name.group(1))
            for kind in re.findall(r"---@class ([\w.]+)", "\n".join(block)):
                own[kind] = name.group(1)
        if not line or name:
            block = []
    kind = None
    for line in text.splitlines():
        new = re.match(r"---@class ([\w.]+)", line)
        kind = new.group(1) if new else kind
        field = re.match(r"---@field ([\w]+)", line)
        if field and kind in own:
            found.add(f"{own[kind]}.{field.group(1)}")
    return found


def test_the_file_is_lua(text):
    assert text.startswith("---@meta\n")
    assert not PARSER.parse(text.encode()).root_node.has_error


def test_every_type_reads_and_every_class_is_there(text):
    classes = re.findall(r"---@(?:class|alias) ([\w.]+)", text)
    known = {*classes} | BUILT_IN
    kinds = ("---@field", "---@param", "---@return", "---@overload")
    annotations = sum(line.startswith(kinds) for line in text.splitlines())
    read = [*types(text)]

    assert len(read) >= annotations
    for reader, line in read:
        for name in reader.names:
            assert name in known or name[0] in "\"'-0123456789", line
    for base in re.findall(r"---@class [\w.]+: ([\w.]+)", text):
        assert base in known


def test_no_class_of_a_tool_is_written_twice(text):
    classes = re.findall(r"---@class (llmspell\.(?:params|result|tool)\.[\w.]+)", text)

    assert len(classes) == len({*classes})


def test_every_global_of_an_engine_is_described(text):
    """A global or function that is new belongs into kernel/llmspell_kernel/lua/types/ as well."""
    engine = LuaEngine(ToolRegistry(), write=lambda *_: None)
    try:
        there = set(engine.execute(ENUMERATE, name="@enumerate", mode="script", args=[]).values[0].split("\n"))
    finally:
        engine.close()

    described = members(text)
    assert there - described == set(), "not described"
    assert {name for name in described if not name.startswith("Tool.")} - there == set(), "described and not there"


@pytest.mark.parametrize("tool", ToolRegistry().list(), ids=lambda tool: tool.name)
def test_every_tool_parameter_and_operation_is_in_the_file(text, tool):
    own = tool.name.replace("-", "_")
    block = text.partition(f"---@class llmspell.params.{own}\n")[2].partition("\n\n")[0]
    fields = {name.strip('[]"'): optional for name, optional in re.findall(r"---@field (\S+?)(\?)? ", block)}

    assert set(tool.parameters.get("properties", {})) | set(tool.parameter_aliases) == set(fields)
    for name in tool.parameters.get("required", []):
        assert fields[name] == ("?" if name in tool.parameter_aliases.values() else "")
    assert f'---@overload fun(name: "{tool.name}", params?: llmspell.params.{own}): llmspell.result.{own}' in text
    assert f'---@overload fun(name: "{tool.name}"): llmspell.tool.{own}' in text
    assert f"llmspell.tool.{own}" in text.partition("---@class llmspell.Tools\n---@field")[2]


def test_values_that_can_be_named_are_literals(text):
    block = text.partition("---@class llmspell.params.base64_encoder\n")[2].partition("\n\n")[0]

    assert '---@field variant? "standard"|"url-safe" The alphabet' in block
    assert 'Default: "standard".' in block
    assert "---@field action? " in block


def test_results_say_what_each_operation_gives(text):
    block = text.partition("---@class llmspell.result.calculator: llmspell.Result\n")[2].partition("\n\n")[0]

    assert '---@field operation "evaluate"|"validate"|"functions"' in block
    assert "llmspell.result.calculator.result.evaluate|" in block


def test_the_file_is_written_whole_or_not_at_all(project, capsys):
    assert main(["lua-types", "-o", "types.lua"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("wrote types.lua: the globals and ")
    assert '"workspace.library": ["types.lua"]' in (project / "types.lua").read_text()
    assert main(["lua-types", "-o", "missing/types.lua"]) == 1
    assert "cannot write 'missing/types.lua'" in capsys.readouterr().err
    assert sorted(path.name for path in project.iterdir()) == [".git", "types.lua"]


def test_own_tools_are_in_the_file(project, capsys):
    (project / "own").mkdir()
    (project / "own" / "greeter.py").write_text(
        "from typing import Literal\nfrom llmspell_tools.definition import tool\n"
        "@tool(name='my-greeter', aliases=('hello',))\n"
        "def my_greeter(*, name: str, loud: bool = False, tone: Literal['dry', 'warm'] = 'dry') -> str:\n"
        "    '''Greet somebody.\n\n    Args:\n        name: Who.\n    '''\n    return name\n"
    )
    assert main(["lua-types", "--tools-dir", "own"]) == 0
    text = capsys.readouterr().out

    assert "---@field name string Who.\n" in text
    assert '---@field tone? "dry"|"warm" Default: "dry".\n' in text
    assert "---@field hello llmspell.tool.my_greeter\n" in text
    assert '---@overload fun(name: "hello", params?: llmspell.params.my_greeter)' in text


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({}, "any"), (False, "nil"), ({"type": "string"}, "string"), ({"const": 'say "x"'}, "'say \"x\"'"),
        ({"enum": ["a", 1, True, None]}, '"a"|1|true|nil'), ({"type": ["string", "null"]}, "string|nil"),
        ({"type": "array"}, "any[]"),
        ({"type": "array", "items": {"type": ["string", "integer"]}}, "(string|integer)[]"),
        ({"type": "object"}, "table<string, any>"), ({"anyOf": [{"type": "string"}, {}]}, "any"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "table<string, number>"),
    ],
)  # fmt: skip
def test_a_schema_is_a_type(schema, type_):
    assert Classes().type_of(schema, "x") == type_


def test_an_object_inside_is_a_class_before_the_one_that_has_it():
    classes = Classes()
    inner = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    classes.type_of({"type": "object", "properties": {"a-b": inner}}, "outer")

    assert classes.lines == [
        "---@class outer.a_b",
        "---@field n integer",
        "",
        "---@class outer",
        '---@field ["a-b"]? outer.a_b',
        "",
    ]


def test_names_and_comments_that_would_not_read_are_written_otherwise():
    assert [field_name(name) for name in ("a", "end", "a b", "é")] == ["a", '["end"]', '["a b"]', '["é"]']
    assert [comment(text) for text in ("", "Why.", "[] or |")] == ["", " Why.", " # [] or |"]
