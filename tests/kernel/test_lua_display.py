"""`display` and rich results by themselves: an engine, a front that notes what it is asked, no kernel.

Issue 4: display_data, update_display_data, clear_output, MIME bundles, tables, images, charts, progress bars.
"""

from __future__ import annotations

import base64
import re

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.definition import Tool, ToolContext, ToolResult
from llmspell_tools.errors import ScriptError, ToolExecutionError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
VEGALITE = "application/vnd.vegalite.v5+json"


class Front:
    """Notes everything."""

    has_comms = True
    has_input = False
    can_ask = False
    parent_id = "parent"

    def __init__(self):
        self.shown = []
        self.cleared = []
        self.reports = []

    def display(self, data, metadata, display_id, *, update):
        self.shown.append((data, metadata, display_id, update))

    def clear_output(self, *, wait):
        self.cleared.append(wait)

    def progress(self, work, done, total, message, state, since):
        self.reports.append((work, done, total, message, state, since))

    def input(self, prompt, *, password, context):
        raise ToolExecutionError("nobody")

    def comm(self, kind, content, metadata, buffers):
        pass


class Lua:
    def __init__(self, registry=None):
        self.front = Front()
        self.written = []
        self.engine = LuaEngine(
            registry or ToolRegistry(policy=Policy.default()),
            write=lambda stream, text: self.written.append((stream, text)),
            front=self.front,
        )

    def run(self, code):
        return self.engine.execute(code, name="=In[1]", mode="cell")

    def shows(self, code):
        """Run a cell and return the data of the one bundle that it displays."""
        self.front.shown.clear()
        self.run(code)
        assert len(self.front.shown) == 1
        return self.front.shown[0][0]

    def fails(self, code):
        with pytest.raises(ScriptError) as caught:
            self.run(code)
        return caught.value.message

    @property
    def stderr(self):
        return "".join(text for stream, text in self.written if stream == "stderr")


@pytest.fixture
def lua():
    made = Lua()
    yield made
    made.engine.close()


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"), [("42", "42"), ("'a'", '"a"'), ("nil", "nil"), ("{1, 2}", "{1, 2}"), ("{x = 1}", "{x = 1}")]
)
def test_a_plain_value_is_shown_as_its_text(lua, value, text):
    assert lua.shows(f"display({value})") == {"text/plain": text}
    execution = lua.run(value)
    assert (execution.text, execution.data) == (text, None)


def test_rows_get_a_table_of_escaped_html_beside_their_text(lua):
    execution = lua.run("{{name = '<b>', n = 1}, {name = 'x'}}")

    assert execution.text == '{{n = 1, name = "<b>"}, {name = "x"}}'
    assert execution.data["text/plain"] == execution.text
    assert "&lt;b&gt;" in execution.data["text/html"]
    assert "<b>" not in execution.data["text/html"]
    assert lua.shows("display{{a = 1}}")["text/html"].startswith("<table")


@pytest.mark.parametrize(
    "value",
    [
        "{}",
        "{{}}",
        "{{1, 2}}",
        "{{a = 1}, 2}",
        "{{a = 1}, {[2] = 1}}",
        "{{a = 1}, x = 1}",
        "{setmetatable({a = 1}, {})}",
    ],
)
def test_what_is_no_list_of_records_stays_text(lua, value):
    assert lua.run(value).data is None


def test_a_list_that_is_marked_as_one_is_rows_too(lua):
    assert "<table" in lua.run("JSON.array{{a = 1}}").data["text/html"]
    assert "<table" in lua.run("JSON.parse('[{\"a\": 1}]')").data["text/html"]


def test_a_table_of_a_million_rows_shows_some_and_says_so(lua):
    data = lua.shows("rows = {} for i = 1, 1000000 do rows[i] = {i = i} end display(rows)")

    assert "200 of 1000000 rows" in data["text/html"]
    assert data["text/html"].count("<tr>") == 201
    assert len(data["text/plain"]) < 20_000


def test_the_last_of_several_values_is_text_as_before(lua):
    assert lua.run("return {{a = 1}}, 2").data is None


def test_a_front_without_html_prints_the_text():
    written = []
    with LuaEngine(ToolRegistry(), write=lambda stream, text: written.append(text)) as engine:
        engine.execute("display{{a = 1}} display.html('<i>x</i>')", name="=exec", mode="cell")

    assert "".join(written) == "{{a = 1}}\n<i>x</i>\n"


# --- bundles of a script's own --------------------------------------------------------------------------------------


def test_a_mime_field_or_metamethod_gives_the_bundle(lua):
    assert lua.run("{_mime_ = {['text/markdown'] = '# hi'}}").data["text/markdown"] == "# hi"
    lua.run("Html = {__mime = function(v) return {['text/html'] = '<b>' .. v.n} end}")
    assert lua.shows("display(setmetatable({n = 2}, Html))")["text/html"] == "<b>2"
    assert lua.run("Class = {_mime_ = function(v) return {['text/latex'] = v.tex} end} Class.__index = Class "
                   "return setmetatable({tex = 'x^2'}, Class)").data["text/latex"] == "x^2"  # fmt: skip


def test_a_bundle_without_text_names_its_types_unless_the_value_has_a_text(lua):
    assert lua.run("{_mime_ = {['text/html'] = 'x'}}").text == "<text/html>"
    assert lua.run("{_mime_ = {['text/plain'] = 'own', ['text/html'] = 'x'}}").text == "own"
    lua.run(
        "Named = {__tostring = function() return 'named' end, __mime = function() return {['text/html'] = 'x'} end}"
    )
    assert lua.run("setmetatable({}, Named)").data == {"text/html": "x", "text/plain": "named"}


def test_metadata_and_json_data_keep_their_shape(lua):
    execution = lua.run("{_mime_ = function() return {['application/json'] = {a = {1, 2}}}, {note = 'x'} end}")

    assert execution.data["application/json"] == {"a": [1, 2]}
    assert execution.metadata == {"note": "x"}


def test_bytes_of_a_picture_are_sent_as_base64(lua):
    literal = "".join(f"\\{byte}" for byte in PNG)
    assert base64.b64decode(lua.run(f"{{_mime_ = {{['image/png'] = '{literal}'}}}}").data["image/png"]) == PNG


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("function() error('boom') end", "boom"),
        ("function() return 5 end", "gave a number"),
        ("{['text/html'] = {}}", "must be a string"),
        ("{html = 'x'}", "is no MIME type"),
        ("{['text/html'] = '\\xff'}", "not UTF-8"),
        ("function(v) return {['application/json'] = {f = print}} end", "function"),
    ],
)
def test_a_wrong_bundle_is_reported_and_the_text_shown(lua, own, said):
    execution = lua.run(f"{{_mime_ = {own}}}")

    assert said in lua.stderr
    assert execution.data is None
    assert execution.text.startswith("{_mime_ =")


def test_what_a_mime_function_says_of_its_failure_is_bounded(lua):
    lua.run("{_mime_ = function() error(('x'):rep(1e6)) end}")

    assert len(lua.stderr) < 2_000


def test_a_wrong_bundle_given_to_display_is_an_error_with_its_place(lua):
    assert lua.fails("x = 1\ndisplay({_mime_ = {html = 'x'}})").startswith("In[1]:2: 'html' is no MIME type")


def test_a_mime_of_false_shows_nothing(lua):
    lua.run("display({_mime_ = false})")
    execution = lua.run("{_mime_ = function() return false end}")

    assert lua.front.shown == []
    assert (execution.text, execution.data) == (None, None)


# --- kinds ----------------------------------------------------------------------------------------------------------


def test_each_kind_of_text_has_its_type(lua):
    assert lua.shows("display.html('<b>x</b>')") == {"text/html": "<b>x</b>", "text/plain": "<b>x</b>"}
    assert lua.shows("display.markdown('# x')")["text/markdown"] == "# x"
    assert lua.shows("display.latex('$x$')")["text/latex"] == "$x$"
    assert lua.shows("display.svg('<svg/>')") == {"image/svg+xml": "<svg/>", "text/plain": "<image/svg+xml>"}
    assert lua.shows("display.json{a = {1}, b = JSON.null}")["application/json"] == {"a": [1], "b": None}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("display()", "a value was expected"),
        ("display.html{}", "display.html: a string was expected, got table"),
        ("display(1, 2)", "options must be a table"),
        ("display(1, {id = 3})", "'id' must be a string or true"),
        ("display(1, {update = true})", "'update' needs an 'id'"),
        ("display.json(print)", "function"),
        ("display.table(3)", "a list of rows was expected"),
        ("display.table({{a = 1}}, {columns = {1}})", "'columns' must be a list of names"),
        ("display.table({{a = 1}}, {max_rows = 0})", "max_rows"),
        ("display.update(nil, 1)", "an id was expected"),
        ("display.progress('x')", "a number was expected"),
        ("display.image('no such file')", "no such file"),
        ("display.chart({{a = 1}}, {x = 'b'})", "'x' names no column"),
        ("display.chart({{a = 1}}, {mark = 'blob'})", "'mark' is none of"),
        ("display.chart({})", "no rows"),
    ],
)
def test_a_wrong_argument_is_named(lua, code, said):
    message = lua.fails(code)

    assert said in message
    assert message.startswith("In[1]:1: ")


def test_a_table_takes_records_arrays_and_values(lua):
    assert lua.shows("display.table{{a = 1, b = 'x'}}")["text/plain"] == "a  b\n-  -\n1  x"
    assert lua.shows("display.table({{b = 'x', a = 1}}, {columns = {'b', 'a'}, title = 'T'})")["text/plain"] == (
        "T\nb  a\n-  -\nx  1"
    )
    assert lua.shows("display.table{{1, 2}, {3}}")["text/plain"] == "1  2\n-  -\n1  2\n3"
    assert "<td" in lua.shows("display.table{'x', 'y'}")["text/html"]
    assert "no rows" in lua.shows("display.table{}")["text/plain"]


def test_a_picture_comes_from_bytes_or_from_a_file_that_the_policy_allows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dot.png").write_bytes(PNG)
    lua = Lua(ToolRegistry(policy=Policy.default(cwd=str(tmp_path))))
    data = lua.shows("display.image('dot.png', {width = 20})")

    assert base64.b64decode(data["image/png"]) == PNG
    assert data["text/plain"] == f"<dot.png: image/png, 1x1, {len(PNG)} bytes>"
    assert lua.front.shown[0][1] == {"image/png": {"width": 20, "alt": "dot.png"}}
    assert "--allow-read" in lua.fails("display.image('/etc/passwd')")
    assert lua.shows("display.image('<svg xmlns=\"x\"></svg>')")["image/svg+xml"].startswith("<svg")
    lua.engine.close()


def test_an_id_and_a_name_are_a_tables_first_columns(lua):
    html = lua.shows("display{{born = 1815, name = 'Ada', id = 7, age = 36}}")["text/html"]

    assert re.findall(r"<th[^>]*>(\w+)</th>", html) == ["id", "name", "age", "born"]


# --- charts ---------------------------------------------------------------------------------------------------------


def test_a_chart_is_vega_lite_with_bars_of_text(lua):
    data = lua.shows(
        "display.chart({{city = 'Rome', t = 20}, {city = 'Oslo', t = 5}}, {x = 'city', y = 't', title = 'T'})"
    )
    chart = data[VEGALITE]

    assert chart["data"]["values"] == [{"city": "Rome", "t": 20}, {"city": "Oslo", "t": 5}]
    assert chart["mark"]["type"] == "bar"
    assert chart["encoding"]["x"] == {
        "field": "city", "type": "nominal", "title": "city", "sort": None, "axis": {"labelAngle": 0},
    }  # fmt: skip
    assert (chart["width"], chart["height"]) == ({"step": 60}, 280)
    assert chart["encoding"]["y"]["type"] == "quantitative"
    assert chart["title"] == {"text": "T"}
    assert data["text/plain"].split("\n") == ["T", "city | t", f"Rome | {'█' * 40} 20", f"Oslo | {'█' * 10} 5"]


def test_a_chart_finds_axes_types_and_mark(lua):
    points = lua.shows("display.chart{{x = 1, y = 2}, {x = 2, y = 4}}")[VEGALITE]
    line = lua.shows("display.chart{{day = '2026-01-01', n = 1}, {day = '2026-01-02', n = 2}}")[VEGALITE]
    odd = lua.shows("display.chart({{['a.b'] = 1, c = 'x'}}, {x = 'c', y = 'a.b', mark = 'arc'})")[VEGALITE]

    assert points["mark"]["type"] == "point"
    assert (line["mark"]["type"], line["encoding"]["x"]["type"]) == ("line", "temporal")
    assert odd["encoding"]["theta"]["field"] == "a\\.b"
    assert odd["encoding"]["color"]["field"] == "c"


def test_many_long_names_stand_on_their_side_in_narrow_columns(lua):
    code = "rows = {} for i = 1, 40 do rows[i] = {name = 'a long name ' .. i, v = i} end display.chart(rows, %s)"
    chart = lua.shows(code % "{x = 'name', y = 'v'}")[VEGALITE]
    given = lua.shows(code % "{x = 'name', y = 'v', width = 6000, height = 90}")[VEGALITE]

    assert chart["width"] == {"step": 18}
    assert "axis" not in chart["encoding"]["x"]
    assert (given["width"], given["height"]) == (6000, 90)
    assert given["encoding"]["x"]["axis"] == {"labelAngle": 0}


def test_a_chart_of_very_many_rows_draws_the_first_and_says_so(lua):
    data = lua.shows("rows = {} for i = 1, 6000 do rows[i] = {i = i, v = i % 7} end display.chart(rows, {y = 'v'})")

    assert len(data[VEGALITE]["data"]["values"]) == 5_000
    assert data[VEGALITE]["title"]["subtitle"] == "the first 5000 of 6000 rows"
    assert "the first 30 of 6000 rows" in data["text/plain"]


# --- what changes ---------------------------------------------------------------------------------------------------


def test_an_id_or_a_handle_changes_what_was_shown(lua):
    lua.run("display(1, {id = 'a'}) display.update('a', 2) h = display(3, {id = true}) h:update(4) "
            "display.html('<i>', {id = 'a', update = true})")  # fmt: skip
    ids = [(data["text/plain"], display_id, update) for data, _, display_id, update in lua.front.shown]

    assert ids[:2] == [("1", "a", False), ("2", "a", True)]
    assert ids[2][1] == ids[3][1] != "a"
    assert [update for _, _, update in ids] == [False, True, False, True, True]
    assert lua.run("h").text is None


def test_clear_says_whether_to_wait(lua):
    lua.run("display.clear() display.clear{wait = true}")

    assert lua.front.cleared == [False, True]


def test_prints_come_before_what_is_displayed_after_them(lua):
    order = []
    lua.front.display = lambda data, *_, **__: order.append(data["text/plain"])
    lua.written = order
    lua.run("print('a') print('b') display(1) print('c')")

    texts = "".join(part if isinstance(part, str) else part[1] for part in order)
    assert texts == "a\nb\n1c\n"


def test_a_bar_reports_and_ends(lua):
    lua.run("local b <close> = display.progress(4, {message = 'load'}) b:add() b:update(3, 'half')")
    states = [(done, total, message, state) for _, done, total, message, state, _ in lua.front.reports]

    assert states == [
        (0, 4, "load", "running"), (1, 4, "load", "running"), (3, 4, "half", "running"), (3, 4, "half", "done"),
    ]  # fmt: skip


def test_a_bar_left_by_an_error_has_failed(lua):
    lua.fails("local b <close> = display.progress(4) error('x')")

    assert lua.front.reports[-1][4] == "failed"


# --- tools ----------------------------------------------------------------------------------------------------------


def _working(context: ToolContext) -> str:
    context.progress(1, 4, "working")
    context.progress(2, 4, "working")
    return "ok"


def _failing(context: ToolContext) -> str:
    context.progress(1)
    raise ToolExecutionError("no")


def _pictured() -> ToolResult:
    return ToolResult({"rows": [{"a": 1, "b": "<x>"}]}, media=lambda: [{"type": "table", "source": "rows"}])


@pytest.fixture
def tools():
    registry = ToolRegistry(policy=Policy.default())
    for name, function in (("working", _working), ("failing", _failing), ("pictured", _pictured)):
        registry.register(
            Tool(name=name, category="utility", function=function, description="d", parameters={"type": "object"})
        )
    made = Lua(registry)
    yield made
    made.engine.close()


def test_what_a_tool_reports_is_one_piece_of_work_that_ends_with_it(tools):
    tools.run("Tool.execute('working') Tool.execute('working')")
    works = [report[0] for report in tools.front.reports]

    assert [(done, state) for _, done, _, _, state, _ in tools.front.reports[:3]] == [
        (1, "running"), (2, "running"), (0, "done"),
    ]  # fmt: skip
    assert len(set(works[:3])) == len(set(works[3:])) == 1
    assert works[0] != works[3]


def test_a_tool_that_fails_ends_its_bar(tools):
    tools.run("pcall(Tool.execute, 'failing')")

    assert [report[4] for report in tools.front.reports] == ["running", "failed"]


def test_a_tools_table_is_shown_as_html(tools):
    execution = tools.run("Tool.execute('pictured')")

    assert "&lt;x&gt;" in execution.data["text/html"]
    assert execution.data["text/plain"] == execution.text
    assert "<table" in tools.shows("display(Tool.execute('pictured'))")["text/html"]


def test_a_results_media_can_be_read_and_are_made_then(tools):
    assert tools.run("return Tool.execute('pictured').media[1].source").text == '"rows"'
    assert tools.run("return Tool.execute('working').media").text == "nil"


ANSWERS = [("y", True), ("Yes ", True), ("n", False), ("", False), (None, False)]


@pytest.mark.parametrize(("answer", "allowed"), ANSWERS)
def test_the_policy_asks_the_person_at_the_door(answer, allowed):
    policy = Policy.default().with_approvals({"destructive": "ask"}, origin="test")
    registry = ToolRegistry(policy=policy)
    registry.register(
        Tool(name="burn", category="utility", function=lambda: "done", description="d", parameters={"type": "object"},
             annotations={"destructive": True})
    )  # fmt: skip
    lua = Lua(registry)
    lua.front.can_ask = True
    lua.front.input = lambda prompt, *, password, context: lua.written.append(("asked", prompt)) or answer

    assert lua.run("return (pcall(Tool.execute, 'burn'))").text == str(allowed).lower()
    assert "burn" in lua.written[0][1]
    lua.front.can_ask = False
    assert "--yes" in lua.fails("Tool.execute('burn')")
    lua.engine.close()


# --- sandbox --------------------------------------------------------------------------------------------------------


def test_the_libraries_show_no_python_and_cannot_be_opened(lua):
    assert lua.run("return getmetatable(display), pcall(setmetatable, display, {})").text.startswith("false\nfalse")
    for name in ("display", "comm", "widgets"):
        text = lua.run(f"local kinds = {{}} for k, v in pairs({name}) do kinds[type(v)] = true end return kinds").text
        assert text == '{["function"] = true}'


def test_display_works_inside_a_coroutine(lua):
    lua.run("local co = coroutine.wrap(function() display{{a = 1}} coroutine.yield() display.html('x') end) co() co()")

    assert [sorted(data) for data, *_ in lua.front.shown] == [["text/html", "text/plain"]] * 2
