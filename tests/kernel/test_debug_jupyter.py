"""The debugger as notebooks use it: debug_request to a running kernel, in the order in which JupyterLab sends them."""

import json

import pytest
from dap_client import DapClient
from jupyter_debug_client import CODE, KernelProcess

pytestmark = pytest.mark.subprocess


# --- cells ----------------------------------------------------------------------------------------------------------


def test_a_kernel_says_what_a_front_end_needs_before_anything_is_started(lab):
    info = lab.request("debugInfo")

    assert info["tmpFilePrefix"].endswith("/")
    assert isinstance(info["hashSeed"], int)
    assert {name: value for name, value in info.items() if name not in {"tmpFilePrefix", "hashSeed"}} == {
        "isStarted": False, "hashMethod": "Murmur2", "tmpFileSuffix": ".lua", "breakpoints": [], "stoppedThreads": [],
        "richRendering": True, "exceptionPaths": [], "copyToGlobals": True,
    }  # fmt: skip


def test_a_cell_stops_shows_its_variables_steps_and_ends(lab):
    points = lab.begin(CODE, [6])
    assert [(point["verified"], point["line"], point["source"]["path"]) for point in points] == [(True, 6, lab.path)]

    cell = lab.run(CODE)
    assert lab.stop("breakpoint") == [("main chunk", 6)]
    assert lab.stopped["threadId"] == 1
    assert lab.stopped["allThreadsStopped"]
    assert lab.parent["msg_type"] == "debug_request"
    assert lab.stack[0]["source"]["path"] == lab.path
    assert lab.variables("Locals") == {"t": "{1, 2}"}
    assert lab.lines_after("stepIn") == [3]
    assert lab.types("Locals") == {"x": "int"}  # by which JupyterLab shows values
    assert lab.variables("Locals") == {"x": "20"}
    assert lab.lines_after("next", "stepOut") == [4, 7]
    lab.go("next")

    assert lab.ended(cell)["status"] == "ok"
    assert lab.request("debugInfo")["stoppedThreads"] == []
    lab.said("40\n")


def test_every_movement_is_told_so_that_a_step_out_of_the_cell_is_seen(lab):
    lab.begin(CODE, [7])
    cell = lab.run(CODE)
    lab.stop("breakpoint")
    lab.go("next")

    assert lab.event("continued") == {"threadId": 1, "allThreadsContinued": True}
    assert lab.ended(cell)["status"] == "ok"


def test_a_cell_that_ran_before_the_debugger_came_stops_when_it_is_called(lab):
    lab.ended(lab.run(CODE))
    assert lab.begin(CODE, [3])[0]["verified"]
    cell = lab.run("double(1)")

    assert lab.stop("breakpoint")[0] == ("double", 3)
    assert lab.stack[0]["source"]["path"] == lab.path
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


@pytest.mark.parametrize("code", ["1 + 1", "x = 1", "print(1)", "return 5", "%%time\nx = 1"])
def test_a_cell_of_one_line_stops_at_its_first_run(lab, code):
    line = code.count("\n") + 1
    lab.begin(code, [line])
    cell = lab.run(code)

    assert lab.stop("breakpoint") == [("main chunk", line)]
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


def test_a_breakpoint_moves_to_a_statement_and_beyond_the_last_one_is_not_verified(lab):
    points = lab.begin(CODE, [5, 40])

    assert [(point["verified"], point["line"]) for point in points] == [(True, 6), (False, 40)]
    assert "no statement" in points[1]["message"]


def test_conditions_hit_counts_and_log_points_work_in_cells(lab):
    code = "for i = 1, 5 do\n  local s = i * i\nend"
    lab.begin(code, [{"line": 2, "condition": "i == 2"}, {"line": 2, "logMessage": "i is {i}"}])
    cell = lab.run(code)

    assert lab.stop("breakpoint")[0] == ("main chunk", 2)
    assert lab.variables("Locals") == {"i": "2"}
    lab.go()
    assert lab.event("output", output="i is 5\n")["category"] == "console"
    assert lab.ended(cell)["status"] == "ok"


def test_errors_name_the_cell_as_they_do_without_a_debugger(lab):
    lab.begin("error('boom')")
    reply = lab.ended(lab.run("\nerror('boom')"))

    assert reply["evalue"].startswith(f"In[{reply['execution_count']}]:2: boom")


def test_the_text_of_a_cell_is_given_by_its_path(lab):
    lab.begin(CODE, [1])

    assert lab.request("source", source={"path": lab.path}, sourceReference=0)["content"] == CODE
    assert "nowhere" in lab.refused("source", source={"path": "/nowhere.lua"})


def test_a_text_given_to_load_is_shown_but_takes_no_breakpoints(lab):
    lab.begin()
    cell = lab.run("local f = load('local inside = 1\\nDebug.breakpoint()\\nreturn inside')\nf()")
    lab.stop("breakpoint")
    path = lab.stack[0]["source"]["path"]

    assert "inside = 1" in lab.request("source", source={"path": path})["content"]
    point = lab.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": 3}])["breakpoints"][0]
    assert (point["verified"], point["line"]) == (False, 3)
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


def test_an_error_that_nobody_catches_stops_where_it_is_raised(lab):
    lab.begin()
    lab.request("setExceptionBreakpoints", filters=["uncaught"])
    cell = lab.run("local why = 'boom'\nerror(why)")

    assert lab.stop("exception")[0] == ("main chunk", 2)
    assert lab.stopped["text"].endswith("boom")
    lab.go()
    assert lab.ended(cell)["status"] == "error"


def test_a_busy_loop_can_be_paused_and_interrupted(lab):
    lab.begin()
    cell = lab.run("local n = 0\nprint('on')\nwhile true do\n  n = n + 1\nend")
    lab.said("on\n")
    lab.request("pause", threadId=1)
    lab.stop("pause")
    lab.interrupt()

    assert lab.ended(cell)["ename"] == "KeyboardInterrupt"
    assert lab.event("continued")
    assert lab.request("debugInfo")["stoppedThreads"] == []


def test_a_silent_cell_and_a_cell_of_another_session_stop_too(lab_kernel, lab):
    lab.begin(CODE, [6])
    other = lab_kernel.client()
    cell = other.run(CODE, silent=True)

    assert lab.stop("breakpoint") == [("main chunk", 6)]
    lab.go()
    assert other.ended(cell)["status"] == "ok"


def test_modules_that_cells_require_are_listed_and_stop_too(lab_kernel, lab):
    path = lab_kernel.folder / "weather.lua"
    path.write_text("local m = {}\nfunction m.rain()\n  return 7\nend\nreturn m\n")
    lab.ended(lab.run("weather = require('weather')"))
    lab.begin()

    module = next(each for each in lab.request("modules")["modules"] if each["name"] == "weather.lua")
    assert module["path"] == str(path)
    lab.request("setBreakpoints", source={"path": module["path"]}, breakpoints=[{"line": 3}])
    cell = lab.run("weather.rain()")
    assert lab.stop("breakpoint")[0][1] == 3
    assert lab.stack[0]["source"]["path"] == str(path)
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


# --- front ends that come and go --------------------------------------------------------------------------------------


def test_a_page_that_is_loaded_again_finds_the_cell_stopped(lab_kernel, lab):
    again = lab_kernel.client()
    lab.begin(CODE, [6])
    cell = lab.run(CODE)
    lab.stop("breakpoint")
    info = again.request("debugInfo")

    assert info["isStarted"]
    assert info["stoppedThreads"] == [1]
    assert info["breakpoints"] == [{"source": lab.path, "breakpoints": [{"line": 6}]}]
    assert again.request("initialize", clientID="jupyterlab")["supportsModulesRequest"]
    again.request("attach")
    again.stopped = {"threadId": 1}
    assert again.frames() == [("main chunk", 6)]
    assert again.variables("Locals") == {"t": "{1, 2}"}
    again.go()
    assert lab.ended(cell)["status"] == "ok"
    assert lab.event("continued")


def test_a_front_end_that_gets_no_further_than_initialize_leaves_the_next_one_a_working_debugger(lab_kernel, lab):
    lab.request("initialize")
    again = lab_kernel.client()

    assert again.request("debugInfo")["isStarted"]
    assert again.breakpoints(CODE, [6])[0]["verified"]
    cell = again.run(CODE)
    again.stop("breakpoint")
    again.go()
    assert again.ended(cell)["status"] == "ok"


def test_two_front_ends_that_count_alike_get_their_own_answers(lab_kernel, lab):
    other = lab_kernel.client()
    lab.begin()
    first = lab.post("evaluate", expression="'first'")
    other._seq = lab._seq - 1
    second = other.post("evaluate", expression="'second'")

    assert (lab.answer(first)["result"], other.answer(second)["result"]) == ('"first"', '"second"')


def test_disconnect_lets_a_stopped_cell_go_on_and_frees_the_debugger(lab):
    lab.begin(CODE, [6])
    cell = lab.run(CODE)
    lab.stop("breakpoint")
    gone = lab.post("disconnect", restart=False, terminateDebuggee=False)
    at_once = lab.post("debugInfo")

    assert lab.answer(gone) == {}
    assert lab.event("continued")
    assert lab.ended(cell)["status"] == "ok"
    assert (lab.answer(at_once)["isStarted"], lab.request("debugInfo")["breakpoints"]) == (False, [])
    lab.begin(CODE, [7])
    cell = lab.run(CODE)
    assert lab.stop("breakpoint") == [("main chunk", 7)]
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


def test_what_is_asked_behind_a_disconnect_is_for_the_next_session(lab):
    lab.begin(CODE, [6])
    asked = [lab.post("disconnect"), lab.post("initialize"), lab.post("attach"), lab.post("debugInfo")]
    answers = [lab.response(number) for number in asked]

    assert [answer["success"] for answer in answers] == [True] * 4
    assert answers[3]["body"]["isStarted"]
    assert lab.breakpoints(CODE, [6])[0]["verified"]


def test_behind_a_terminate_that_fails_the_session_goes_on(lab):
    lab.request("initialize")
    asked = [lab.post("terminate"), lab.post("threads"), lab.post("terminate"), lab.post("threads")]

    assert [lab.response(number)["success"] for number in asked] == [False, True, False, True]


def test_terminate_interrupts_the_cell_and_ends_the_session(lab):
    lab.begin(CODE, [6])
    cell = lab.run(CODE)
    lab.stop("breakpoint")
    lab.request("terminate")

    assert lab.ended(cell)["ename"] == "KeyboardInterrupt"
    lab.event("terminated")
    assert not lab.request("debugInfo")["isStarted"]


# --- what a kernel must survive ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        {}, {"seq": 1, "type": "response", "request_seq": 3}, {"seq": "x", "type": "request", "command": 5},
        {"seq": 1, "type": "request", "command": "noSuchThing"}, {"type": "event", "event": "stopped"},
        {"seq": 1, "type": "request", "command": "dumpCell"},
        {"seq": 1, "type": "request", "command": "dumpCell", "arguments": [1]},
        {"seq": 1, "type": "request", "command": "setBreakpoints", "arguments": {"source": {"path": "/x"}}},
        {"seq": 1, "type": "request", "command": "stackTrace", "arguments": {"threadId": 1}},
        {"seq": 1, "type": "request", "command": "copyToGlobals", "arguments": {}},
        {"seq": 1, "type": "request", "command": "launch", "arguments": {}},
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_a_failed_response(lab, content):
    response = lab.response(lab.send(content))

    assert (response["type"], response["success"]) == ("response", False)
    assert response["message"]
    assert response["request_seq"] == (content.get("seq") if content.get("seq") == 1 else 0)
    assert lab.request("debugInfo")["hashMethod"] == "Murmur2"


def test_an_interrupt_ends_a_stopped_cell_and_breakpoints_stay(lab):
    lab.begin(CODE, [6])
    cell = lab.run(CODE)
    lab.stop("breakpoint")
    lab.interrupt()
    assert lab.ended(cell)["ename"] == "KeyboardInterrupt"

    cell = lab.run(CODE)
    assert lab.stop("breakpoint") == [("main chunk", 6)]
    lab.go()
    assert lab.ended(cell)["status"] == "ok"


def test_subshells_do_not_keep_the_debugger_from_an_idle_kernel(tmp_path):
    kernel = KernelProcess(tmp_path)
    try:
        lab = kernel.client()
        lab.control("create_subshell_request")
        lab.begin(CODE, [6])
        lab.ended(lab.run("x = 1"))

        assert lab.globals() == {"x": "1"}
        cell = lab.run(CODE)
        lab.stop("breakpoint")
        lab.go()
        assert lab.ended(cell)["status"] == "ok"
    finally:
        kernel.close()


def test_a_shutdown_while_stopped_ends_the_kernel_and_tells_the_front_end(tmp_path):
    kernel = KernelProcess(tmp_path)
    try:
        lab = kernel.client()
        lab.begin(CODE, [6])
        lab.run(CODE)
        lab.stop("breakpoint")
        lab.kernel.shutdown()

        assert lab.event("terminated") == {}
        assert kernel.process.wait(5) == 0
    finally:
        kernel.close()


def test_of_a_notebook_and_an_editor_the_first_one_debugs(tmp_path):
    kernel = KernelProcess(tmp_path, "--dap-port", "0")
    editor = DapClient.tcp(kernel.dap_port)
    try:
        key = json.loads(kernel.path.read_text())["key"]
        lab = kernel.client()
        lab.begin(CODE, [6])
        editor.request("initialize", adapterID="llmspell")
        assert "another client" in editor.refused("attach", key=key)
        lab.request("disconnect")

        editor.request("attach", key=key)
        assert not lab.request("debugInfo")["isStarted"]
        assert "another client" in lab.refused("initialize")
        assert "another client" in lab.refused("inspectVariables")
        cell = lab.run("Debug.breakpoint()")
        editor.stop("breakpoint")
        editor.go()
        assert lab.ended(cell)["status"] == "ok"
    finally:
        editor.close()
        kernel.close()
