"""The global Tool: every form, result tables, error texts, tools written in Lua. Source: the original's Lua API."""

# ruff: noqa: E501 - a line of Lua stays a line, however long

from __future__ import annotations

import sys
import threading

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.definition import Tool, ToolResult
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import Cancelled, ScriptError, ToolExecutionError, ToolTimeout
from llmspell_tools.examples import run_examples
from llmspell_tools.own_tools import OwnTools
from llmspell_tools.registry import ToolRegistry


def made(name, function, **options):
    return Tool(
        name=name,
        category="custom",
        description=options.pop("description", f"The tool {name}."),
        parameters=options.pop("parameters", {"type": "object"}),
        open_parameters=True,
        wants_context=False,
        function=function,
        **options,
    )


@pytest.fixture
def registry():
    return ToolRegistry()


@pytest.fixture
def engine(registry):
    engine = LuaEngine(registry, write=lambda stream, text: None)
    yield engine
    engine.close()


def run(engine, code):
    return engine.execute(code, name="@t.lua", mode="script", timeout_s=5).values


def give(registry, output, **options):
    registry.register(made("give-it", lambda **_: ToolResult(output, **options)))


CALLS = [
    "Tool.get('calculator'):execute({ input = '1 + 2' })",
    "Tool.invoke('calculator', { input = '1 + 2' })",
    "Tool.execute('calculator', { input = '1 + 2' })",
    "Tool['calculator']:execute({ input = '1 + 2' })",
    "Tool.calculator:execute({ input = '1 + 2' })",
    "Tool.get('calculator').execute(Tool.get('calculator'), { input = '1 + 2' })",
]


@pytest.mark.parametrize("call", CALLS)
def test_every_form_calls_the_tool(engine, call):
    assert run(engine, f"local r = {call} return r.result.result, r.success, r.operation, type(r.metadata)") == [
        3.0, True, "evaluate", "table",
    ]  # fmt: skip


def test_list_has_names_descriptions_versions(engine):
    tools = run(engine, "return Tool.list()")[0]

    assert "calculator" in {tool["name"] for tool in tools}
    assert all({"name", "description", "version"} <= set(tool) for tool in tools)


def test_exists_and_get_answer_for_unknown_names(engine):
    assert run(engine, "return Tool.exists('calculator'), Tool.exists('nope'), Tool.get('nope') == nil, Tool.nope == nil") == [
        True, False, True, True,
    ]  # fmt: skip


def test_categories_are_sorted(engine):
    categories = run(engine, "return Tool.categories()")[0]

    assert categories == sorted(categories)
    assert "utility" in categories


def test_discover_filters(engine):
    by_category = run(engine, "return Tool.discover({ category = 'utility' })")[0]
    by_words = run(engine, "return Tool.discover({ tag = 'EXPRESSION' })")[0]

    assert {tool["category"] for tool in by_category} == {"utility"}
    assert "calculator" in {tool["name"] for tool in by_words}
    assert len(run(engine, "return Tool.discover()")[0]) == len(run(engine, "return Tool.list()")[0])


def test_schema_lists_the_parameters(engine):
    schema = run(
        engine, "return Tool.get('calculator').schema, Tool.calculator.getSchema(), Tool.get_schema('calculator')"
    )

    parameter = next(each for each in schema[0]["parameters"] if each["name"] == "input")
    assert parameter["type"] == "string"
    assert {"description", "required"} <= set(parameter)
    assert schema[0] == schema[1] == schema[2]
    assert schema[0]["json_schema"]["type"] == "object"


def test_info_has_the_level(engine):
    info = run(engine, "return Tool.get_info('calculator')")[0]

    assert info["security_level"] == "safe"
    assert info["name"] == "calculator"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("Tool.invoke('nope', {})", "Tool 'nope' not found"),
        ("Tool.execute('nope', {})", "Tool 'nope' not found"),
        ("Tool.invoke('calculator', { inptu = 'x' })", "Tool execution failed: Validation error: "),
        ("Tool.calculator:execute({ inptu = 'x' })", "Tool 'calculator' execution failed: Validation error: "),
        ("Tool.calculator:execute({})", "Tool 'calculator' execution failed: Validation error: "),
        ("Tool.calculator.execute({ input = '1' })", "call execute with a colon"),
        ("Tool.calculator:execute('1+1')", "parameters must be a table"),
        ("Tool.invoke('calculator', { 1, 2 })", "Validation error: parameters must be a table with names"),
        ("Tool.invoke(nil, {})", "a tool's name was expected"),
    ],
)
def test_error_texts_are_the_originals_with_the_script_line(engine, call, text):
    values = run(engine, f"\nlocal ok, e = pcall(function()\n{call}\nend) return ok, type(e), e")

    assert values[:2] == [False, "string"]
    assert text in values[2]
    assert values[2].startswith("t.lua:3: ")


def test_failing_tool_raises_with_its_own_text(registry, engine):
    def fail(**_):
        raise ToolExecutionError("disk full", details={"path": "/x"})

    registry.register(made("fail-always", fail))

    with pytest.raises(ScriptError, match="Tool execution failed: Tool execution error: disk full"):
        run(engine, "Tool.invoke('fail-always', {})")
    assert run(engine, "return Tool.last_error()") == [
        {"code": "execution_error", "message": "disk full", "details": {"path": "/x"}}
    ]


def test_bug_of_a_tool_is_the_tools_failure(registry, engine):
    registry.register(made("bug-inside", lambda **_: 1 // 0))

    with pytest.raises(ScriptError, match=r"Tool execution error: .*ZeroDivisionError"):
        run(engine, "Tool.invoke('bug-inside', {})")


def test_last_error_is_nil_at_first(engine):
    assert run(engine, "return Tool.last_error() == nil") == [True]


OUTPUT = {"operation": "x", "success": True, "zeta": 1, "result": {"b": 2, "a": "t"}}


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_text_is_the_indented_json_in_the_tools_own_order(registry, engine, rounds):
    """Made late: from the ToolResult while the shape is new, from the fields afterwards; the same text."""
    give(registry, OUTPUT)
    for _ in range(rounds - 1):
        run(engine, "Tool.invoke('give-it', {})")

    text, again = run(engine, "local r = Tool.invoke('give-it', {}) return r.text, r._raw_text")

    assert text == again == ToolResult(OUTPUT).text


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_own_text_stays(registry, engine, rounds):
    give(registry, OUTPUT, text="ä: all done", metadata={"operation": "x", "response": {"n": [1]}})
    for _ in range(rounds - 1):
        run(engine, "Tool.invoke('give-it', {})")

    code = "local r = Tool.invoke('give-it', {}) return r.text, r._raw_text, r.metadata.response.n[1], r.data == nil, r.result.b"
    assert run(engine, code) == ["ä: all done", "ä: all done", 1, True, 2]


def test_a_result_has_the_same_fields_however_often_its_shape_has_come(registry, engine):
    """The text of a tool's own is made when it is read, the first time as later."""
    give(registry, OUTPUT, text="all done", metadata={"operation": "x"})
    code = "local keys = {} for key in pairs(Tool.invoke('give-it', {})) do keys[#keys + 1] = key end return keys"

    first, second, third = (sorted(run(engine, code)[0]) for _ in range(3))

    assert first == second == third == sorted([*OUTPUT, "metadata"])


@pytest.mark.parametrize(
    ("output", "written"),
    [
        ({"valid": False}, '{"data":{"valid":false},"metadata":{}}'),
        ([1, 2], '{"data":[1,2],"metadata":{}}'),
        (8, '{"data":8,"metadata":{}}'),
        ("words", '{"metadata":{},"text":"words"}'),
        (None, '{"metadata":{}}'),
    ],
)
def test_a_result_that_is_no_envelope_is_written_whole(registry, engine, output, written):
    give(registry, output)

    assert run(engine, "return JSON.stringify(Tool.execute('give-it', {}))") == [written]


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ({"result": 8, "unit": "m"}, [8, "m"]),
        ({"success": True, "unit": "m"}, [None, "m"]),
        ({"operation": "x", "result": [1]}, [[1], None]),
        ({"unit": "m"}, [None, None]),
    ],
)
def test_an_object_with_a_field_of_envelopes_is_read_like_one(registry, engine, output, read):
    give(registry, output)

    assert run(engine, "local r = Tool.execute('give-it', {}) return r.result, r.unit") == read
    assert run(engine, "return Tool.execute('give-it', {}).data") == [output]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_data_is_the_decoded_text_unless_it_is_the_envelope(registry, engine, rounds):
    give(registry, OUTPUT, text='{"rows":[1,2]}')
    for _ in range(rounds - 1):
        run(engine, "Tool.invoke('give-it', {})")

    assert run(engine, "return Tool.invoke('give-it', {}).data.rows[2]") == [2]


@pytest.mark.parametrize(
    ("output", "data", "text"),
    [
        ([1, [2]], [1, [2]], ToolResult([1, [2]]).text),
        (5, 5, "5"),
        ({"plain": "object"}, {"plain": "object"}, ToolResult({"plain": "object"}).text),
        ("just text", None, "just text"),
        ('{"json": 1}', {"json": 1}, '{"json": 1}'),
        (None, None, "null"),
    ],
)
def test_output_that_is_no_envelope_is_data_and_text(registry, engine, output, data, text):
    give(registry, output)

    assert run(engine, "local r = Tool.invoke('give-it', {}) return r.data, r.text, type(r.metadata)") == [
        data,
        text,
        "table",
    ]


def test_media_and_failure_envelopes_pass_through(registry, engine):
    failed = {"operation": "x", "success": False, "error": {"code": "execution_error", "message": "m", "details": {}}}
    give(registry, failed, media=[{"base64": "AA==", "type": "image", "format": "png"}])

    code = "local r = Tool.invoke('give-it', {}) return r.success, r.error.message, r.media[1].format"
    assert run(engine, code) == [False, "m", "png"]


def test_shapes_do_not_mix_up(registry, engine):
    """The same keys with other nesting or types, in turn."""
    outputs = [
        envelope("x", {"a": 1, "b": {"c": "d"}}),
        envelope("x", {"a": "1", "b": {"c": 2.5}}),
        envelope("x", {"a": {"b": {"c": True}}}),
        envelope("x", {"a": None, "b": {"c": "ü"}}),
        envelope("x", {"a": [1], "b": {}}),
        envelope("x", {"b": {"c": 2**63}, "a": False}),
    ]
    turn = iter(outputs * 4)
    registry.register(made("turn-by-turn", lambda **_: ToolResult(next(turn))))

    for output in outputs * 4:
        got = run(engine, "local r = Tool.invoke('turn-by-turn', {}) return r.result, r.text")
        expected = {key: value for key, value in output["result"].items() if value is not None}
        if expected.get("b", {}).get("c") == 2**63:
            expected["b"] = {"c": str(2**63)}
        assert got == [expected, ToolResult(output).text]


def test_result_tables_belong_to_the_script(registry, engine):
    give(registry, OUTPUT)
    code = """for i = 1, 3 do local r = Tool.invoke('give-it', {}) r.result.a = 'changed' r.extra = 1 end
              local r = Tool.invoke('give-it', {}) return r.result.a, r.extra == nil"""

    assert run(engine, code) == ["t", True]


def test_register_makes_a_tool_of_a_function(registry, engine):
    code = """Tool.register{ name = 'add-up', description = 'Add.', parameters = {
                { name = 'a', type = 'number', description = 'first', required = true }, { name = 'b', type = 'number' } },
                execute = function(p) return { operation = 'add', success = true, result = { sum = p.a + (p.b or 0) } } end }
              return Tool.invoke('add-up', { a = 1, b = 2.5 }).result.sum, Tool.get('add_up').description"""

    assert run(engine, code) == [3.5, "Add."]
    assert not registry.exists("add-up")


def test_registered_tool_is_checked_like_any(engine):
    run(engine, "Tool.register{ name = 'typed', execute = function() end, parameters = { type = 'object',"
                " properties = { n = { type = 'integer' } }, required = { 'n' } } }")  # fmt: skip

    for parameters in ("{}", "{ n = 'x' }", "{ n = 1, m = 2 }"):
        with pytest.raises(ScriptError, match="Validation error"):
            run(engine, f"Tool.invoke('typed', {parameters})")


def test_registered_tool_fails_as_lua_does(engine):
    run(engine, "Tool.register{ name = 'bad-one', execute = function() error('boom') end }"
                "Tool.register{ name = 'soft-one', execute = function() return nil, 'no luck' end }")  # fmt: skip

    with pytest.raises(ScriptError, match=r"Tool execution error: t\.lua:1: boom"):
        run(engine, "Tool.invoke('bad-one', {})")
    with pytest.raises(ScriptError, match="Tool execution error: no luck"):
        run(engine, "Tool.invoke('soft-one', {})")


@pytest.mark.parametrize(
    ("definition", "part"),
    [
        ("{}", "execute"),
        ("{ execute = print }", "name"),
        ("{ name = 'calculator', execute = print }", "exists already"),
        ("{ name = 'x y', execute = print }", "no tool name"),
        ("{ name = 'x', execute = print, colour = 'red' }", "colour"),
        ("{ name = 'x', execute = print, parameters = 5 }", "parameters"),
        ("{ name = 'x', execute = print, level = 'godlike' }", "level"),
        ("{ name = 'x', execute = print, parameters = { type = 'array' } }", "object"),
        ("{ name = 'x', execute = print, parameters = { a = 'string' } }", "list of"),
        ("{ name = 'x', execute = print, parameters = { a = { type = 'strnig' } } }", "strnig"),
        ("{ name = 'x', execute = print, parameters = { a = { type = 'string', pattern = '(' } } }", "no pattern"),
        ("{ name = 'x', execute = print, parameters = { type = 'object', properties = 5 } }", "properties"),
        ("{ name = 'x', execute = print, aliases = 'y' }", "aliases"),
        ("{ name = 'x', execute = print, aliases = { 'calculator' } }", "exists already"),
        ("{ name = 'x', execute = print, examples = { 1 } }", "examples"),
        ("{ name = 'größe', execute = print }", "no tool name"),
        ("{ 1, execute = print }", "needs a table"),
        ("5", "table"),
    ],
)
def test_wrong_registrations_are_refused(engine, definition, part):
    with pytest.raises(ScriptError, match=part):
        run(engine, f"Tool.register({definition})")


def test_registered_tool_works_in_coroutines_at_any_depth(engine):
    code = """Tool.register{ name = 'down-one', parameters = {}, execute = function(p)
                if p.n == 0 then return { at = 0 } end
                local inner = coroutine.wrap(function() return Tool.invoke('down-one', { n = p.n - 1 }).data.at end)
                return { at = 1 + inner() } end }
              local function deep(n) if n == 0 then return Tool.invoke('down-one', { n = 10 }).data.at end
                local co = coroutine.wrap(deep) return co(n - 1) end
              local here = 'kept' local at = deep(5) return at, here"""

    assert run(engine, code) == [10, "kept"]


def test_endless_recursion_of_tools_is_an_error(engine):
    with pytest.raises(ScriptError):
        run(engine, "Tool.register{ name = 'again', execute = function() return Tool.invoke('again', {}) end }"
                    "Tool.invoke('again', {})")  # fmt: skip

    assert run(engine, "return Tool.calculator:execute({ input = '1 + 1' }).result.result") == [2.0]


def test_registered_tool_refuses_another_thread(engine):
    run(engine, "Tool.register{ name = 'mine', execute = function() return 1 end }")
    errors = []

    def call():
        try:
            engine._bridge.registry.invoke("mine", {})
        except ToolExecutionError as error:
            errors.append(error.message)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(5)

    assert "own thread" in errors[0]


def test_prints_come_before_what_a_tool_writes(registry):
    order = []
    registry.register(made("note-it", lambda **_: order.append("tool")))
    with LuaEngine(registry, write=lambda stream, text: order.append(text)) as engine:
        run(engine, "print('first') print('second') Tool.invoke('note-it', {}) print('third')")

    assert "".join(order) == "first\nsecond\ntoolthird\n"


def test_registered_tool_can_be_called_while_no_script_runs(engine):
    run(engine, "Tool.register{ name = 'from-door', execute = function(p) print('called') return (p.n or 0) + 1 end }")

    assert engine.registry.invoke("from-door", {"n": 41}).output == 42
    assert run(engine, "return 1") == [1]


def test_call_from_a_door_ends_at_its_deadline(engine):
    run(engine, "Tool.register{ name = 'never-ends', execute = function() while true do end end }")

    with pytest.raises(ToolTimeout):
        engine.registry.invoke("never-ends", {}, timeout_s=0.05)
    assert run(engine, "return 1") == [1]


def test_call_from_a_door_ends_with_its_signal(engine):
    context = engine.registry.context()
    engine.registry.register(made("set-signal", lambda **_: context.signal.set()))
    run(
        engine,
        "Tool.register{ name = 'never-ends', execute = function() Tool.invoke('set-signal', {}) while true do end end }",
    )

    with pytest.raises(Cancelled):
        engine.registry.invoke("never-ends", {}, context=context)


def test_registering_again_replaces_the_engine_s_own_tool(engine):
    """A notebook's cell is run again and again: the newest definition holds, by any spelling of the name."""
    define = "Tool.register{ name = '%s', description = '%s', execute = function() return '%s' end }"
    ask = "return Tool.invoke('my-own', {}).text, Tool.get('my_own').description, Tool.my_own:execute({}).text"
    run(engine, define % ("my-own", "first", 1))
    assert run(engine, ask) == ["1", "first", "1"]
    run(engine, define % ("My_Own", "second", 2))

    assert run(engine, ask) == ["2", "second", "2"]
    assert run(engine, define % ("my-own", "third", 3) + ask) == ["3", "third", "3"]
    assert [tool.name for tool in engine.registry.list("custom")] == ["my-own"]


def test_a_tool_that_replaces_itself_ends_as_it_began(engine):
    code = """Tool.register{ name = 'self', execute = function()
                Tool.register{ name = 'self', execute = function() return 'new' end } return 'old' end }
              return Tool.invoke('self', {}).text, Tool.invoke('self', {}).text"""

    assert run(engine, code) == ["old", "new"]


def test_a_refused_registration_leaves_the_earlier_tool(engine):
    run(engine, "Tool.register{ name = 'mine', execute = function() return 1 end }")
    with pytest.raises(ScriptError, match="exists already"):
        run(engine, "Tool.register{ name = 'mine', aliases = { 'calculator' }, execute = function() return 2 end }")

    assert run(engine, "return Tool.invoke('mine', {}).data") == [1]


def test_scripts_see_tools_that_were_replaced_under_them(registry, engine):
    old, new = made("turned", lambda **_: "old"), made("turned", lambda **_: "new")
    registry.register(old)
    assert run(engine, "h = Tool.turned return h:execute({}).text") == ["old"]
    registry.replace([old], [new])
    assert run(engine, "return h:execute({}).text") == ["old"]
    engine.registry.refresh()
    assert run(engine, "return h:execute({}).text, Tool.invoke('turned', {}).text") == ["new", "new"]
    registry.replace([new], [])
    engine.registry.refresh()

    assert run(engine, "return Tool.exists('turned')") == [False]


def test_a_lua_tool_s_examples_are_run(engine):
    run(engine, "Tool.register{ name = 'twice', parameters = { { name = 'n', type = 'number', required = true } },"
                " examples = { { description = 'doubles', params = { n = 2 }, result = 4 } },"
                " execute = function(p) return p.n * 2 end }")  # fmt: skip

    results = run_examples(engine.registry, engine.registry.get("twice"))
    assert [(each["description"], each["passed"]) for each in results] == [("doubles", True)]


def test_the_name_of_an_own_tool_of_a_file_is_taken_for_lua(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    text = "from llmspell_tools.definition import tool\n@tool(name='filed')\ndef filed() -> int:\n    'Do.'\n    return 1\n"
    (tmp_path / "filed.py").write_text(text, encoding="utf-8")
    registry = ToolRegistry(own=OwnTools([str(tmp_path)], path=[]))
    with LuaEngine(registry, write=lambda *_: None) as engine, pytest.raises(ScriptError, match="exists already"):
        run(engine, "Tool.register{ name = 'filed', execute = print }")
