"""What notebooks are shown of variables: while a cell is stopped, while one runs, and while none does."""

import pytest
from jupyter_debug_client import CODE

pytestmark = pytest.mark.subprocess


def test_globals_are_shown_while_the_kernel_is_idle(lab):
    lab.begin()
    lab.ended(lab.run("shown = {a = {1, 2}}; print = print"))
    found = next(each for each in lab.request("inspectVariables")["variables"] if each["name"] == "shown")

    assert found["value"] == "{a = {…}}"
    assert [each["name"] for each in lab.children(found["variablesReference"])] == ["a"]
    assert "print" not in lab.globals()


def test_jupyterlab_is_given_types_by_which_its_tree_shows_values(lab):
    lab.ended(lab.run("typed = {1, 2.5, true, 'é', {}, print, 2^53, 1 << 60, 0/0}"))
    lab.begin()
    shown = next(each for each in lab.request("inspectVariables")["variables"] if each["name"] == "typed")

    types = [each.get("type") for each in lab.children(shown["variablesReference"])]
    assert types == ["int", "float", "bool", "str", None, None, None, None, None]
    lab.request("initialize", clientID="another")
    types = [each.get("type") for each in lab.children(shown["variablesReference"])]
    assert types[:5] == ["integer", "float", "boolean", "string", "table"]


def test_of_very_many_globals_the_first_are_shown(lab):
    lab.begin()
    lab.ended(lab.run("for i = 1, 20000 do _G['many' .. i] = i end"))
    shown = lab.request("inspectVariables")["variables"]
    lab.ended(lab.run("for i = 1, 20000 do _G['many' .. i] = nil end"))

    assert len(shown) == 501
    assert shown[-1]["value"].endswith(" more")


def test_globals_are_shown_while_a_cell_runs(lab):
    lab.begin()
    cell = lab.run("running, done = 0, false\nprint('on')\nwhile not done do running = running + 1 end")
    lab.said("on\n")

    assert int(lab.globals()["running"]) > 0
    assert lab.evaluate("running > 0", frame=None) == "true"
    assert lab.evaluate("done = true", frame=None) == ""
    assert lab.ended(cell)["status"] == "ok"


def test_while_a_tool_blocks_the_last_globals_are_shown_and_the_kernel_is_not_held_up(lab):
    lab.begin()
    lab.ended(lab.run("before = 1"))
    lab.globals()
    cell = lab.run("waiting = io.read()", allow_stdin=True)
    lab.kernel.get_stdin_msg(timeout=5)
    question = lab.post("inspectVariables")
    assert lab.control("kernel_info_request")["status"] == "ok"

    names = {each["name"] for each in lab.answer(question)["variables"]}
    assert "before" in names
    assert "waiting" not in names
    assert "busy" in lab.refused("evaluate", expression="before", context="repl")
    lab.kernel.input("x")
    assert lab.ended(cell)["status"] == "ok"


def test_a_rich_variable_is_shown_as_the_notebook_shows_it(lab):
    lab.begin()
    lab.ended(lab.run("rows = {{a = 1, b = 'x'}, {a = 2, b = 'é'}}\nshown = {_mime_ = {['text/html'] = '<b>hi</b>'}}"))

    rows = lab.request("richInspectVariables", variableName="rows")
    assert "<table" in rows["data"]["text/html"]
    assert "é" in rows["data"]["text/plain"]
    assert lab.request("richInspectVariables", variableName="shown")["data"]["text/html"] == "<b>hi</b>"
    assert lab.request("richInspectVariables", variableName="rows[1].b")["data"] == {"text/plain": '"x"'}


@pytest.mark.parametrize("name", ["", "f()", "a = 1", "(metatable)", "[1]", "no.such.thing", "a b"])
def test_what_is_no_variable_has_an_empty_bundle(lab, name):
    assert lab.request("richInspectVariables", variableName=name) == {"data": {}, "metadata": {}}


def test_a_local_is_rendered_and_copied_to_the_globals_while_stopped(lab):
    code = "local kept = {{a = 1}}\nlocal z = kept"
    lab.begin(code, [2])
    cell = lab.run(code)
    lab.stop("breakpoint")
    frame = lab.stack[0]["id"]

    assert "<table" in lab.request("richInspectVariables", variableName="kept", frameId=frame)["data"]["text/html"]
    lab.request("copyToGlobals", srcVariableName="kept", dstVariableName="kept", srcFrameId=frame)
    assert lab.globals()["kept"] == "{{…}}" == lab.variables("Globals")["kept"]
    assert "names" in lab.refused("copyToGlobals", srcVariableName="f()", dstVariableName="x", srcFrameId=frame)
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


def test_a_stopped_cell_is_evaluated_in_its_frame(lab):
    lab.begin(CODE, [3])
    cell = lab.run(CODE)
    lab.stop("breakpoint")

    assert lab.evaluate("x + 1", context="repl") == "21"
    assert lab.evaluate("x = 5", context="repl") == ""
    lab.evaluate("made_here = {1}", context="repl")
    assert lab.variables("Globals")["made_here"] == "{1}"
    lab.go()
    lab.ended(cell)
    lab.said("10\n")


def test_what_an_idle_expression_prints_is_output_of_its_request(lab):
    lab.begin()

    assert lab.evaluate("print('said', 1)", frame=None, context="repl") == ""
    lab.said("said\t1\n")


def test_an_expression_that_loops_is_stopped_while_idle_too(lab):
    lab.begin()

    assert "longer than" in lab.refused("evaluate", expression="(function() while true do end end)()")
    assert lab.evaluate("1 + 1", frame=None) == "2"
