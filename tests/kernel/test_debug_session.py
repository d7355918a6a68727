"""Sessions of the Debug Adapter Protocol against an adapter in this process, over TCP."""

import os
import threading

import pytest
from dap_client import DapClient

from llmspell_kernel.debug.capabilities import capabilities
from llmspell_kernel.debug.requests import HANDLERS
from llmspell_kernel.debug.session import DebugSession

CODE = """local function area(w, h)
  local a = w * h
  return a
end
local total = 0
for i = 1, 3 do
  total = total + area(i, 2)
end
print(total)
"""


def test_a_program_runs_to_its_end(dap, script):
    dap.start(program=script("print('hi')\nio.stderr:write('oops\\n')\nreturn 5"))

    assert dap.end() == 0
    assert dap.output("stdout") == "hi\n5\n"
    assert dap.output("stderr") == "oops\n"


def test_a_breakpoint_is_hit_with_stack_and_variables(dap, script):
    path = script(CODE)
    points = dap.start(program=path, lines={path: [2]})
    assert [(point["verified"], point["line"]) for point in points] == [(True, 2)]

    assert dap.stop("breakpoint") == [("area", 2), ("main chunk", 7)]
    assert dap.stopped["hitBreakpointIds"] == [points[0]["id"]]
    assert dap.stopped["allThreadsStopped"] is True
    assert dap.stack[0]["source"] == {"name": "script.lua", "path": path}
    assert dap.variables("Locals") == {"w": "1", "h": "2"}
    assert dap.variables("Locals", 1)["total"] == "0"
    assert dap.evaluate("w + h") == "3"
    assert dap.evaluate("total", 1) == "0"


def test_steps_and_continue(dap, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [7]})
    dap.stop("breakpoint")

    assert dap.lines_after("stepIn", "next", "stepOut") == [2, 3, 7]
    assert dap.stopped["reason"] == "step"

    dap.request("setBreakpoints", source={"path": path}, breakpoints=[])
    assert dap.request("continue", threadId=1) == {"allThreadsContinued": True}
    assert dap.end() == 0
    assert dap.output() == "12\n"


def test_conditions_hits_and_log_points(dap, script):
    path = script(CODE)
    dap.start(
        program=path,
        lines={path: [{"line": 2, "condition": "w == 2"}, {"line": 3, "hitCondition": "3"},
                      {"line": 9, "logMessage": "total is {total}"}]},
    )  # fmt: skip
    dap.stop("breakpoint")
    assert dap.variables("Locals")["w"] == "2"
    dap.go()
    assert dap.stop("breakpoint")[0] == ("area", 3)
    dap.go()

    assert dap.end() == 0
    assert dap.output("console") == "total is 12\n"


def test_a_hit_condition_that_is_none_says_so(dap, script):
    path = script("print(1)\nprint(2)")
    points = dap.start(
        program=path, lines={path: [{"line": 1, "hitCondition": "often"}, {"line": 2, "hitCondition": "9"}]}
    )

    assert "'often' is none" in points[0]["message"]
    assert "message" not in points[1]
    dap.stop("breakpoint")
    dap.go()
    assert dap.end() == 0


def test_function_breakpoints(dap, script):
    path = script(CODE)
    points = dap.start(program=path, functions=["area", "nosuch"])
    assert [point["verified"] for point in points] == [False, False]
    assert dap.event("breakpoint")["breakpoint"]["line"] == 2

    assert dap.stop("function breakpoint")[0] == ("area", 2)


def test_stop_on_entry(dap, script):
    dap.start(program=script("\nlocal x = 1\nprint(x)"), stopOnEntry=True)

    assert dap.stop("entry") == [("main chunk", 2)]


def test_no_debug_only_runs(dap, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [2]}, noDebug=True, stopOnEntry=True, filters=["all"])

    assert dap.end() == 0
    assert dap.output() == "12\n"


def test_arguments_folder_and_environment_reach_the_program(dap, script, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "here.txt").write_text("found")
    path = script("print(ARGS[1], ARGS.kind, io.open('here.txt'):read('a'))")

    dap.start(program=path, args=["one", "--kind", "two"], cwd=str(tmp_path / "sub"), env={"LLMSPELL_TEST_X": "y"})

    assert dap.end() == 0
    assert dap.output() == "one\ttwo\tfound\n"
    assert "LLMSPELL_TEST_X" not in os.environ


def test_an_error_stops_and_is_described(dap, script):
    path = script("local function f()\n  local t\n  return t.x\nend\nf()\n")
    dap.start(program=path, filters=["uncaught"])

    assert dap.stop("exception") == [("f", 3), ("main chunk", 5)]
    assert "attempt to index a nil value" in dap.stopped["text"]
    info = dap.request("exceptionInfo", threadId=1)
    assert info["breakMode"] == "unhandled"
    assert info["details"]["stackTrace"].splitlines()[0].endswith("script.lua:3: in f")

    dap.go()
    assert dap.end() == 1
    assert "attempt to index a nil value" in dap.output("stderr")


def test_a_caught_error_stops_under_all_and_its_condition(dap, script):
    path = script("for i = 1, 3 do\n  pcall(error, 'e' .. i)\nend\n")
    dap.start(program=path, options=[{"filterId": "all", "condition": "i == 2"}])

    dap.stop("exception")
    assert dap.evaluate("i") == "2"
    assert dap.request("exceptionInfo", threadId=1)["breakMode"] == "always"
    dap.go()
    assert dap.end() == 0


def test_coroutines_are_threads(dap, script):
    path = script("local co = coroutine.wrap(function()\n  local x = 1\n  coroutine.yield(x)\nend)\nco()\nprint(1)\n")
    dap.start(program=path, lines={path: [2, 6]})

    dap.stop("breakpoint")
    assert dap.stopped["threadId"] == 2
    assert dap.event("thread") == {"reason": "started", "threadId": 2}
    names = {thread["id"]: thread["name"] for thread in dap.request("threads")["threads"]}
    assert names[1] == "main"
    assert "script.lua:2" in names[2]
    assert dap.frames(1)[0][1] == 5
    dap.go()
    assert dap.stop("breakpoint") == [("main chunk", 6)]
    assert "suspended" in dap.request("threads")["threads"][1]["name"]
    assert dap.frames(2)[0][1] == 3


def test_variables_are_paged(dap, script):
    path = script("local t = {}\nfor i = 1, 10000 do t[i] = i end\nt.name = 'n'\nprint(1)\n")
    dap.start(program=path, lines={path: [4]})
    dap.stop()
    body = dap.request("evaluate", expression="t", frameId=dap.stack[0]["id"])

    assert (body["indexedVariables"], body["namedVariables"]) == (10000, 1)
    page = dap.children(body["variablesReference"], filter="indexed", start=5000, count=100)
    assert [page[0]["name"], page[0]["value"], len(page)] == ["[5001]", "5001", 100]
    assert [each["name"] for each in dap.children(body["variablesReference"], filter="named")] == ["name"]
    assert page[0]["evaluateName"].endswith("[5001]")


def test_variables_and_expressions_are_set(dap, script):
    path = script("local x, t = 1, { y = 2 }\nprint(x, t.y)\nprint(x, t.y)\n")
    dap.start(program=path, lines={path: [2]})
    dap.stop()
    scopes = dap.request("scopes", frameId=dap.stack[0]["id"])["scopes"]

    answer = dap.request("setVariable", variablesReference=scopes[0]["variablesReference"], name="x", value="x + 4")
    assert (answer["value"], answer["type"]) == ("5", "integer")
    answer = dap.request("setExpression", expression="(t.y)", value="'six'", frameId=dap.stack[0]["id"])
    assert answer["value"] == '"six"'
    assert dap.evaluate("x = 7", context="repl") == ""

    dap.go()
    assert dap.end() == 0
    assert dap.output() == "7\tsix\n7\tsix\n"


def test_evaluate_knows_its_contexts(dap, script):
    path = script("local t = { 1, { 2 } }\nlocal function f() t.called = true return 1 end\nprint(f)\n")
    dap.start(program=path, lines={path: [3]})
    dap.stop()

    assert dap.evaluate("t", context="hover") == "{1, {…}}"
    frame = dap.stack[0]["id"]
    assert "hover" in dap.refused("evaluate", expression="f()", frameId=frame, context="hover")
    assert "hover" in dap.refused("evaluate", expression="t.x = 1", frameId=frame, context="hover")
    assert dap.evaluate("t", context="clipboard") == "{1, {2}}"
    assert dap.evaluate("f()", context="repl") == "1"
    assert dap.evaluate("return 1, 2", context="repl") == "1, 2"
    assert dap.evaluate("print") == "function (built in)"
    assert dap.evaluate("1 + 1", frame=None) == "2"
    assert "attempt to index" in dap.refused("evaluate", expression="no.such", frameId=frame, context="watch")


def test_completions(dap, script):
    path = script("local measure = { width = 1, weight = 2 }\nprint(measure)\n")
    dap.start(program=path, lines={path: [2]})
    dap.stop()

    def complete(text):
        targets = dap.request("completions", text=text, column=len(text) + 1, frameId=dap.stack[0]["id"])["targets"]
        return [(each["label"], each["start"], each["length"]) for each in targets]

    assert complete("print(mea") == [("measure", 7, 3)]
    assert complete("measure.w") == [("weight", 9, 1), ("width", 9, 1)]
    assert ("upper", 1 + len("string."), 0) in complete("string.")


def test_a_function_without_a_name_is_called_by_its_file_and_line(dap, script):
    path = script("pcall(function()\n  local x = 1\n  return x\nend)\n")
    dap.start(program=path, lines={path: [2]})

    assert dap.stop() == [("function <script.lua:1>", 2), ("main chunk", 1)]


def test_a_deep_stack_comes_by_pages(dap, script):
    path = script(
        "local function f(n)\n  if n == 0 then\n    return 0\n  end\n  return 1 + f(n - 1)\nend\nprint(f(3000))\n"
    )
    dap.start(program=path, lines={path: [3]})
    dap.event("stopped")

    page = dap.request("stackTrace", threadId=1, startFrame=0, levels=20)
    assert (len(page["stackFrames"]), page["totalFrames"]) == (20, 21)
    last = dap.request("stackTrace", threadId=1, startFrame=2990, levels=100)
    assert (len(last["stackFrames"]), last["totalFrames"]) == (12, 3002)


def test_just_my_code_hides_our_frames(dap, script):
    path = script("pcall(function()\n  print(1)\nend)\n")
    dap.start(program=path, lines={path: [2]}, justMyCode=False)
    dap.stop()

    hints = [frame.get("presentationHint") for frame in dap.stack]
    assert "subtle" in hints
    assert hints[0] is None


def test_sources_without_a_file_have_text(dap, script):
    path = script("local f = load('local x = 1\\nreturn x', '=piece')\nlocal g = load('return 1')\nprint(f(), g())\n")
    dap.start(program=path, lines={path: [3]})
    dap.stop()
    sources = {each["name"]: each for each in dap.request("loadedSources")["sources"]}

    assert sources["script.lua"]["path"] == path
    piece = sources["piece"]
    assert dap.request("source", sourceReference=piece["sourceReference"])["content"] == "local x = 1\nreturn x"
    assert '[string "return 1"]' in sources
    assert dap.request("source", sourceReference=0, source={"path": path})["content"].startswith("local f")
    answer = dap.request("setBreakpoints", source=piece, breakpoints=[{"line": 2}])["breakpoints"]
    assert answer[0]["verified"]
    dap.go()
    assert dap.stop()[0][1] == 2
    assert dap.stack[0]["source"]["sourceReference"] == piece["sourceReference"]


def test_the_text_of_a_source_says_its_language(dap, script):
    path, tool = script("print(1)"), script("value = 1\n", "tool.py")
    dap.start(program=path, lines={path: [1]})
    dap.stop()

    assert dap.request("source", sourceReference=0, source={"path": path})["mimeType"] == "text/x-lua"
    assert dap.request("source", sourceReference=0, source={"path": tool}) == {
        "content": "value = 1\n", "mimeType": "text/x-python"
    }  # fmt: skip


def test_loaded_sources_are_told(dap, script):
    path = script("print(1)")
    dap.start(program=path)

    assert dap.event("loadedSource")["source"]["path"] == path


def test_breakpoint_locations(dap, script):
    path = script(CODE)
    dap.start(program=path, stopOnEntry=True)
    dap.stop()

    found = dap.request("breakpointLocations", source={"path": path}, line=1, endLine=9)["breakpoints"]

    assert [each["line"] for each in found] == [1, 2, 3, 5, 6, 7, 9]
    assert "cannot be read" in dap.refused("breakpointLocations", source={"path": "/no/such.lua"}, line=1)


def test_a_breakpoint_in_a_missing_file_is_unverified_with_a_reason(dap, script):
    points = dap.start(program=script("print(1)"), lines={"/no/such/file.lua": [1]})

    assert points[0]["verified"] is False
    assert "cannot be read" in points[0]["message"]
    assert dap.end() == 0


def test_a_breakpoint_moves_and_says_so(dap, script):
    path = script("-- comment\n\nprint(1)\n")
    points = dap.start(program=path, lines={path: [1, 9]})

    assert [(point["verified"], point.get("line")) for point in points] == [(True, 3), (False, None)]
    assert points[1]["message"]


def test_a_link_keeps_the_clients_spelling(dap, script, tmp_path):
    path = script("print(1)")
    link = str(tmp_path / "link.lua")
    os.symlink(path, link)
    dap.start(program=path, lines={link: [1]})
    dap.stop("breakpoint")

    assert dap.stack[0]["source"]["path"] == link


def test_path_mappings(dap, script, tmp_path):
    path = script("print(1)")
    mapping = {"localRoot": "/editor/project", "remoteRoot": str(tmp_path)}
    dap.start(program=path, lines={"/editor/project/script.lua": [1]}, pathMappings=[mapping])
    dap.stop("breakpoint")

    assert dap.stack[0]["source"]["path"] == "/editor/project/script.lua"


def test_lines_may_count_from_zero_and_paths_may_be_uris(dap, script, tmp_path):
    path = script("local x = 1\nprint(x)\n")
    uri = tmp_path.joinpath("script.lua").as_uri()
    dap.request("initialize", adapterID="llmspell", linesStartAt1=False, columnsStartAt1=False, pathFormat="uri")
    dap.request("launch", program=path)
    dap.event("initialized")
    answer = dap.request("setBreakpoints", source={"path": uri}, breakpoints=[{"line": 1}])["breakpoints"]
    dap.request("configurationDone")
    frames = dap.stop("breakpoint")

    assert answer[0]["line"] == 1
    assert frames == [("main chunk", 1)]
    assert dap.stack[0]["column"] == 0
    assert dap.stack[0]["source"]["path"] == uri


def test_pause_and_resume_a_busy_loop(dap, script):
    dap.start(program=script("print('on')\ngo = true\nwhile go do end\nprint('off')"))
    dap.event("output", category="stdout")
    dap.request("pause", threadId=1)

    assert dap.stop("pause") == [("main chunk", 3)]
    dap.evaluate("go = false", context="repl")
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "on\noff\n"


def test_breakpoints_set_while_running_are_hit(dap, script):
    path = script("print('on')\ngo = true\nwhile go do\n  local x = 1\nend\n")
    dap.start(program=path)
    dap.event("output", category="stdout")
    dap.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": 4}])

    assert dap.stop("breakpoint") == [("main chunk", 4)]


def test_restart_runs_the_program_again_with_its_breakpoints(dap, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [9]})
    dap.stop("breakpoint")
    dap.request("restart")

    assert dap.stop("breakpoint") == [("main chunk", 9)]
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "12\n"


def test_restart_reads_the_script_again(dap, script):
    path = script("while true do\n  local x = 1\nend\n")
    dap.start(program=path, lines={path: [2]})
    dap.stop("breakpoint")
    script("print('new')\n")
    dap.request("setBreakpoints", source={"path": path}, breakpoints=[])
    dap.request("restart")

    assert dap.end() == 0
    assert dap.output() == "new\n"


@pytest.mark.parametrize("code", ["while true do end", "pcall(function() while true do end end)"])
def test_terminate_ends_a_running_program(dap, script, code):
    dap.start(program=script(f"print('on')\n{code}"))
    dap.event("output", category="stdout")
    dap.request("terminate")

    assert dap.end() == 130


def test_terminate_ends_a_stopped_program(dap, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [2]})
    dap.stop()
    dap.request("terminate")

    assert dap.end() == 130


def test_disconnect_ends_a_launched_program_and_frees_the_server(dap, dap_port, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [2]})
    dap.stop()
    dap.request("disconnect")
    assert dap.is_closed()

    again = DapClient.tcp(dap_port)
    again.start(program=path)
    assert again.end() == 0
    again.close()


def test_a_client_that_vanishes_while_stopped_ends_what_it_launched(dap, dap_port, script):
    path = script(CODE)
    dap.start(program=path, lines={path: [2]})
    dap.stop()
    dap.close()
    assert dap.is_closed()

    again = DapClient.tcp(dap_port)
    again.start(program=path)
    assert again.end() == 0
    again.close()


def test_a_second_client_is_refused(dap, dap_port):
    dap.request("initialize", adapterID="llmspell")
    second = DapClient.tcp(dap_port)

    assert "another client" in second.refused("initialize", adapterID="llmspell")
    assert second.is_closed()
    second.close()


def test_requests_before_initialize_are_refused(dap):
    assert "initialize" in dap.refused("launch", program="x")
    assert "initialize" in dap.refused("threads")
    assert dap.request("initialize", adapterID="llmspell")["supportsConfigurationDoneRequest"] is True
    assert "already" in dap.refused("initialize", adapterID="llmspell")


def test_requests_without_a_program_are_refused(dap):
    dap.request("initialize", adapterID="llmspell")

    assert dap.request("threads") == {"threads": []}
    for command in ("stackTrace", "setBreakpoints", "continue", "pause", "configurationDone", "loadedSources"):
        dap.refused(command, threadId=1, source={"path": "x"}, breakpoints=[])


def test_an_unknown_request_is_refused(dap):
    assert "no request 'flyToTheMoon'" in dap.refused("flyToTheMoon")


def test_what_needs_a_stop_is_refused_while_running(dap, script):
    dap.start(program=script("print('on')\nwhile true do end"))
    dap.event("output", category="stdout")

    for command, arguments in (
        ("continue", {}), ("next", {}), ("stackTrace", {}), ("scopes", {"frameId": 1}),
        ("evaluate", {"expression": "1", "frameId": 1}), ("exceptionInfo", {}),
    ):  # fmt: skip
        number = dap.post(command, threadId=1, **arguments)
        response = dap._take(lambda each, number=number: each.get("request_seq") == number)
        assert response["success"] is False
        assert response["message"] == "notStopped"


def test_globals_are_seen_while_the_script_runs(dap, script):
    dap.start(program=script("total = { count = 41 }\nprint('on')\nwhile true do end"))
    dap.event("output", category="stdout")
    answer = dap.request("evaluate", expression="total", context="repl")

    assert dap.request("evaluate", expression="total.count + 1", context="repl")["result"] == "42"
    assert [each["value"] for each in dap.children(answer["variablesReference"])] == ["41"]
    assert {"total"} <= {each["label"] for each in dap.request("completions", text="tot", column=4)["targets"]}


def test_what_is_evaluated_while_the_script_runs_is_bounded(dap, script):
    dap.start(program=script("print('on')\nwhile true do end"))
    dap.event("output", category="stdout")

    endless = "(function() while true do end end)()"
    assert "longer than 2 s" in dap.refused("evaluate", expression=endless, context="repl")
    assert dap.request("evaluate", expression="1 + 1", context="repl")["result"] == "2"


def test_nothing_is_evaluated_before_the_script_begins_and_after_it_has_ended(dap, script):
    dap.request("initialize", adapterID="llmspell")
    dap.request("launch", program=script("return 1"))

    assert dap.refused("evaluate", expression="1", context="repl") == "nothing runs"
    dap.request("configurationDone")
    dap.event("terminated")
    assert dap.refused("evaluate", expression="1", context="repl") == "nothing runs"


def test_launching_what_is_not_there_fails(dap, tmp_path):
    dap.request("initialize", adapterID="llmspell")

    assert "cannot read the script" in dap.refused("launch", program=str(tmp_path / "no.lua"))
    assert "'cwd' is no folder" in dap.refused("launch", program="x.lua", cwd=str(tmp_path / "no"))
    assert "'program' is missing" in dap.refused("launch")
    assert "use launch" in dap.refused("attach")


WRONG = [None, True, -1, 2**70, 1.5, "text", "\0\ud800", [], [1], {}, {"a": None}, "x" * 10000]


@pytest.mark.parametrize("command", sorted(set(HANDLERS) - {"disconnect", "terminate", "restart"}))
def test_wrong_types_are_refused_and_the_session_goes_on(dap, script, command):
    path = script(CODE)
    fields = [
        "threadId", "frameId", "variablesReference", "sourceReference", "name", "value", "expression", "context",
        "text", "column", "line", "source", "breakpoints", "filters", "filterOptions", "start", "count", "filter",
        "startFrame", "levels", "endLine", "program", "lines",
    ]  # fmt: skip
    dap.start(program=path, stopOnEntry=True)
    dap.stop()

    for wrong in WRONG:
        numbers = [dap.post(command, **{field: wrong}) for field in fields]
        numbers.append(dap.post(command, **dict.fromkeys(fields, wrong)))
        for number in numbers:
            response = dap._take(lambda each, number=number: each.get("request_seq") == number)
            assert "Traceback" not in str(response)
            assert response["success"] or response["body"]["error"]["id"] != 1000, response
        if command in {"continue", "next", "stepIn", "stepOut"}:
            break

    assert dap.request("threads")["threads"]


@pytest.mark.parametrize(
    "message",
    [
        [], "text", 5, None, {}, {"type": "request"}, {"type": "request", "seq": "x", "command": "threads"},
        {"type": "request", "seq": 1, "command": 5}, {"type": "event", "seq": 1},
        {"type": "response", "request_seq": 99},
        {"type": "request", "seq": 2000, "command": "threads", "arguments": "text"},
        {"type": "request", "seq": True, "command": "threads"},
    ],
)  # fmt: skip
def test_messages_that_are_no_requests_do_no_harm(dap, message):
    dap.request("initialize", adapterID="llmspell")
    dap.send(message)

    assert dap.request("threads") == {"threads": []}


def test_a_client_that_does_not_read_does_not_hold_the_program_for_ever(monkeypatch):
    """What it does not take is dropped, once the program has waited."""
    monkeypatch.setattr("llmspell_kernel.debug.outlet.MAX_WAITING", 100)
    monkeypatch.setattr("llmspell_kernel.debug.outlet.MAX_WAIT_S", 0.05)
    reading, sent = threading.Event(), []

    def send(message):
        reading.wait(5)
        sent.append(message)

    session = DebugSession(None, send)
    session.open()
    for number in range(50):
        session.wrote("stdout", f"{number:10}")
    reading.set()
    session.finish(5)

    assert 10 <= len(sent) < 50
    assert session.is_closed


def test_a_program_that_has_ended_is_not_restarted(dap, script):
    dap.start(program=script("print(1)"))
    dap.end()

    assert "start it again" in dap.refused("restart")


def test_every_capability_has_its_request():
    promised = capabilities()

    assert promised["supportsRestartRequest"] is True
    for name, command in {
        "supportsConfigurationDoneRequest": "configurationDone", "supportsSetVariable": "setVariable",
        "supportsSetExpression": "setExpression", "supportsCompletionsRequest": "completions",
        "supportsExceptionInfoRequest": "exceptionInfo", "supportsLoadedSourcesRequest": "loadedSources",
        "supportsBreakpointLocationsRequest": "breakpointLocations", "supportsRestartRequest": "restart",
        "supportsTerminateRequest": "terminate", "supportsFunctionBreakpoints": "setFunctionBreakpoints",
    }.items():  # fmt: skip
        assert promised[name] is True
        assert command in HANDLERS
    assert "supportsStepBack" not in promised
    assert "supportsGotoTargetsRequest" not in promised
