"""Lua and Python in one session: scripts that call Python tools, debugged in both, against one adapter process.

The adapter is a process of its own, since debugpy comes into a process once and stays; its sessions follow each other.
"""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dap_client import PATIENCE_S, DapClient, Refused
from jupyter_debug_client import KernelProcess

from llmspell_kernel.debug.python.limit import Limit, TookTooLongError
from llmspell_kernel.debug.python.tracer import visit

pytestmark = pytest.mark.subprocess

GREET = '''from llmspell_tools.definition import tool


def shout(text):
    loud = text.upper()
    return loud + "!"


@tool(name="greet", category="utility")
def greet(name: str = "you") -> str:
    """Greet.

    Args:
        name: Whom.
    """
    words = "hello " + name
    answer = shout(words)
    return answer
'''
MORE = '''import sys
import time

from llmspell_tools.definition import ToolContext, tool


@tool(name="fail", category="utility")
def fail(kind: str = "x") -> str:
    """Fail.

    Args:
        kind: What.
    """
    try:
        int("none")
    except ValueError:
        pass
    raise KeyError(kind)


@tool(name="spin", category="utility")
def spin(context: ToolContext) -> str:
    """Spin until interrupted."""
    while True:
        context.check()
        time.sleep(0.001)


@tool(name="has-debugpy", category="utility")
def has_debugpy() -> str:
    """Tell."""
    return "debugpy" if "debugpy" in sys.modules or sys.gettrace() else "none"
'''
CALLS = """local function call(who)
  local greeting = "for " .. who
  local result = Tool.execute("greet", {name = who})
  return result.text
end
print(call("ann"))
print(call("bob"))
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A folder of tools."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "greet.py").write_text(GREET)
    (folder / "more.py").write_text(MORE)
    return folder


@pytest.fixture(scope="module")
def adapter(tools):
    """The port of an adapter process; the first test finds it without debugpy."""
    command = [sys.executable, "-m", "llmspell", "debug-adapter", "--tools-dir", str(tools), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tools)
    yield int(process.stdout.readline().decode().rpartition(":")[2])
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def dap(adapter):
    """A session of that adapter; over when the test is."""
    client = DapClient.tcp(adapter)
    yield client
    client.close()


@pytest.fixture
def greet(tools):
    return tools / "greet.py"


@pytest.fixture
def calls(script):
    """A script that calls the tool from a function, on line 3, twice."""
    return script(CALLS)


def test_a_session_in_lua_alone_imports_no_debugpy(dap, script):
    path = script("local x = 1\nprint(Tool.execute('has-debugpy', {}).text)\nprint(x)")
    dap.start(program=path, lines={path: [1]}, filters=["uncaught"])
    dap.stop("breakpoint")

    assert dap.lines_after("next", "next") == [2, 3]
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "none\n1\n"


def test_a_breakpoint_in_a_tool_stops_with_the_frames_of_both_languages(dap, calls, greet):
    points = dap.start(program=calls, lines={greet: [5]})
    assert [(point["verified"], point["line"]) for point in points] == [(True, 5)]

    assert dap.stop("breakpoint") == [("shout", 5), ("greet", 17), ("call", 3), ("main chunk", 6)]
    assert dap.stopped["hitBreakpointIds"] == [points[0]["id"]]
    assert [frame["source"]["path"] for frame in dap.stack] == [str(greet), str(greet), calls, calls]
    assert dap.variables("Locals", 0) == {"text": "'hello ann'"}
    assert dap.variables("Locals", 2) == {"who": '"ann"', "greeting": '"for ann"'}
    dap.go()
    dap.stop("breakpoint")
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "HELLO ANN!\nHELLO BOB!\n"


def test_the_stack_of_both_languages_comes_in_pages(dap, calls, greet):
    dap.start(program=calls, lines={greet: [5]})
    whole = dap.stop("breakpoint")

    pages = [
        dap.request("stackTrace", threadId=1, startFrame=first, levels=size)
        for first, size in ((0, 1), (1, 2), (2, 1), (3, 5))
    ]
    names = [[frame["name"] for frame in page["stackFrames"]] for page in pages]
    assert names == [["shout"], ["greet", "call"], ["call"], ["main chunk"]]
    assert [page["totalFrames"] > at for at, page in enumerate(pages, 1)] == [True, True, True, False]
    assert len(whole) == 4


def test_steps_go_from_lua_into_the_tool_and_back(dap, calls, greet):
    dap.start(program=calls, lines={calls: [3]})
    dap.stop("breakpoint")
    dap.request("setBreakpoints", source={"path": calls}, breakpoints=[])

    dap.go("stepIn")
    assert dap.stop("step") == [("greet", 16), ("call", 3), ("main chunk", 6)]
    assert dap.lines_after("next", "stepIn", "stepOut", "next") == [17, 5, 17, 18]
    dap.go("next")
    assert dap.stop("step") == [("call", 3), ("main chunk", 6)]
    assert dap.lines_after("next") == [4]


def test_a_step_out_of_a_tool_comes_back_to_the_line_that_called_it(dap, calls):
    dap.start(program=calls, lines={calls: [3]})
    dap.stop("breakpoint")
    dap.go("stepIn")
    assert dap.stop("step")[0] == ("greet", 16)
    dap.go("stepOut")

    assert dap.stop("step")[0] == ("call", 3)
    assert dap.variables("Locals") == {"who": '"ann"', "greeting": '"for ann"'}
    dap.go()
    assert dap.stop("breakpoint")[0] == ("call", 3)


def test_a_step_over_a_tool_stays_in_lua(dap, calls):
    dap.start(program=calls, lines={calls: [3]})
    dap.stop("breakpoint")

    assert dap.lines_after("next") == [4]


def test_a_step_goes_into_a_built_in_tool(dap, script):
    path = script("local r = Tool.execute('calculator', {input = '2 + 3'})\nprint(r.result)")
    dap.start(program=path, stopOnEntry=True)
    dap.stop("entry")
    dap.go("stepIn")

    name, _ = dap.stop("step")[0]
    assert name == "calculator"
    assert dap.stack[0]["source"]["name"] == "calculator.py"
    assert dap.evaluate("input") == "'2 + 3'"


def test_a_step_into_a_call_that_is_refused_stays_in_lua(dap, script):
    path = script("local ok = pcall(Tool.execute, 'greet', {nobody = 1})\nprint(ok)")
    dap.start(program=path, stopOnEntry=True)
    dap.stop("entry")

    assert dap.lines_after("stepIn") == [2]


def test_conditions_hits_and_log_points_are_pythons(dap, calls, greet):
    dap.start(
        program=calls,
        lines={greet: [{"line": 5, "condition": "text.endswith('bob')"}, {"line": 17, "logMessage": "to {name}"},
                       {"line": 6, "hitCondition": "2"}]},
    )  # fmt: skip

    assert dap.stop("breakpoint")[0] == ("shout", 5)
    assert dap.variables("Locals", 2)["who"] == '"bob"'
    dap.go()
    assert dap.stop("breakpoint")[0] == ("shout", 6)
    assert dap.output("console") == "to ann\nto bob\n"


def test_each_frame_evaluates_and_assigns_in_its_own_language(dap, calls, greet):
    dap.start(program=calls, lines={greet: [5]})
    dap.stop("breakpoint")

    assert dap.evaluate("len(text) + 1") == "10"
    assert dap.evaluate("#who + 1", 2) == "4"
    assert dap.evaluate("text = 'new ' + text", context="repl") == ""
    assert dap.evaluate("who = 'lua ' .. who", 2, context="repl") == ""
    scope = dap.request("scopes", frameId=dap.stack[1]["id"])["scopes"][0]["variablesReference"]
    assert dap.request("setVariable", variablesReference=scope, name="words", value="'set'")["value"] == "'set'"
    assert dap.evaluate("text") == "'new hello ann'"
    assert (dap.evaluate("words", 1), dap.evaluate("who", 2)) == ("'set'", '"lua ann"')
    assert "NameError" in dap.refused("evaluate", expression="nosuch", frameId=dap.stack[0]["id"])
    targets = dap.request("completions", frameId=dap.stack[0]["id"], text="text.upp", column=9)["targets"]
    assert [(each["label"], each["start"], each["length"]) for each in targets] == [("upper", 6, 3)]


def test_breakpoints_of_both_languages_are_changed_while_a_tool_is_stopped(dap, calls, greet):
    dap.start(program=calls, lines={greet: [5]})
    dap.stop("breakpoint")
    dap.request("setBreakpoints", source={"path": calls}, breakpoints=[{"line": 4}])
    dap.request("setBreakpoints", source={"path": str(greet)}, breakpoints=[{"line": 18}])

    dap.go()
    assert dap.stop("breakpoint")[0] == ("greet", 18)
    dap.request("setBreakpoints", source={"path": str(greet)}, breakpoints=[])
    dap.go()
    assert dap.stop("breakpoint")[0] == ("call", 4)
    dap.go()
    assert dap.stop("breakpoint")[0] == ("call", 4)
    dap.go()
    assert dap.end() == 0


def test_a_tool_called_in_a_coroutine_stops_on_that_thread(dap, script, greet):
    path = script(
        "local function work(n)\n  local mine = n * 2\n"
        "  local ok, result = pcall(Tool.execute, 'greet', {name = 'c' .. mine})\n"
        "  coroutine.yield(result.text)\n  return mine\nend\n"
        "local co = coroutine.wrap(work)\nprint(co(4))\nprint(co())\nco = nil\ncollectgarbage()\nprint('over')\n"
    )
    dap.start(program=path, lines={greet: [5]})

    assert [line for _, line in dap.stop("breakpoint")] == [5, 17, 3]
    assert dap.stopped["threadId"] != 1
    assert dap.evaluate("mine + 1", 2) == "9"
    assert dap.frames(1) == [("main chunk", 8)]
    assert dap.lines_after("stepOut", "stepOut", "next") == [17, 3, 4]
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "HELLO C8!\n8\nover\n"


def test_exceptions_that_leave_a_tool_stop_where_they_are_raised(dap, script):
    path = script("print((pcall(Tool.execute, 'fail', {kind = 'boo'})))")
    dap.start(program=path, filters=["pythonUncaught"])

    assert dap.stop("exception") == [("fail", 18), ("main chunk", 1)]
    assert dap.stopped["text"] == "KeyError: 'boo'"
    assert dap.request("exceptionInfo", threadId=1)["exceptionId"] == "KeyError"
    assert dap.variables("Locals")["kind"] == "'boo'"
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "false\n"


def test_raised_exceptions_stop_though_the_tool_catches_them(dap, script):
    dap.start(program=script("pcall(Tool.execute, 'fail', {})"), filters=["pythonRaised"])

    assert dap.stop("exception")[0] == ("fail", 15)
    assert dap.stopped["text"].startswith("ValueError: ")


def test_a_tool_that_loops_is_paused(dap, script, greet):
    path = script("Tool.execute('has-debugpy', {})\nprint('on') Tool.execute('spin', {})")
    dap.start(program=path, lines={greet: [5]})
    dap.event("output", category="stdout")
    dap.request("pause", threadId=1)

    assert [name for name, _ in dap.stop("pause")] == ["spin", "main chunk"]
    dap.go("next")
    assert dap.stop("step")


def test_a_script_is_terminated_while_a_tool_is_stopped(dap, calls, greet):
    dap.start(program=calls, lines={greet: [5]})
    dap.stop("breakpoint")
    dap.request("terminate")

    assert dap.end() == 130
    assert dap.output() == ""


def test_a_script_is_restarted_while_a_tool_is_stopped(dap, calls, greet):
    dap.start(program=calls, lines={greet: [{"line": 5, "condition": "text == 'hello ann'"}]})
    dap.stop("breakpoint")
    dap.request("restart")

    assert dap.stop("breakpoint")[0] == ("shout", 5)
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "HELLO ANN!\nHELLO BOB!\n"


@pytest.mark.parametrize(
    ("path", "line", "reason"),
    [
        ("nowhere.py", 1, "cannot be read"),
        ("greet.py", 99, "there is no code"),
        ("broken.py", 1, "is no Python"),
        ("json_worker.py", 20, "child process"),
    ],
)
def test_a_breakpoint_that_cannot_stop_says_why(dap, calls, tools, path, line, reason):
    (tools / "broken.py").write_text("def (")
    whole = tools / path
    if path == "json_worker.py":
        from llmspell_tools.builtin.data import json_worker

        whole = Path(json_worker.__file__)
    points = dap.start(program=calls, lines={whole: [line]})
    (tools / "broken.py").unlink()

    assert not points[0]["verified"]
    assert reason in points[0]["message"]
    assert dap.end() == 0


def test_an_expression_that_loops_in_a_tool_is_ended(dap, calls, greet):
    dap.start(program=calls, lines={greet: [{"line": 5, "condition": "text == 'hello ann'"}]})
    dap.stop("breakpoint")

    endless = "while True: pass"
    assert "took longer" in dap.refused("evaluate", expression=endless, frameId=dap.stack[0]["id"], context="repl")
    assert dap.evaluate("text") == "'hello ann'"
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "HELLO ANN!\nHELLO BOB!\n"


def test_a_condition_that_loops_is_ended(monkeypatch):
    monkeypatch.setattr("llmspell_kernel.debug.python.limit.LIMIT_S", 0.01)
    bounded = Limit("/nowhere/debugpy", visit.__code__).bound(lambda numbers: [each + 0 for each in numbers])

    assert bounded(range(3)) == [0, 1, 2]
    with pytest.raises(TookTooLongError, match=r"longer than 0\.01 s"):
        bounded(iter(int, 1))


def test_lines_where_a_python_file_can_stop_are_told(dap, calls, greet):
    dap.start(program=calls, stopOnEntry=True)
    found = dap.request("breakpointLocations", source={"path": str(greet)}, line=2, endLine=7)

    assert [each["line"] for each in found["breakpoints"]] == [4, 5, 6]


def test_python_is_left_alone_if_the_client_wants_that(dap, calls, greet):
    points = dap.start(program=calls, lines={greet: [5]}, pythonDebugging="off")

    assert points[0]["message"] == "Python is not debugged in this session (pythonDebugging: off)"
    assert dap.end() == 0


def test_a_wrong_choice_is_refused(dap, calls):
    dap.request("initialize", adapterID="llmspell")

    assert "must be one of merged, child, off" in dap.refused("launch", program=calls, pythonDebugging="both")


class Editor:
    """A client that opens the Python session that it is offered, and sets one breakpoint there."""

    def __init__(self, dap, path, line, token=None):
        self.dap, self.path, self.line, self.token = dap, path, line, token
        self.opened, self.python = threading.Event(), None
        dap.answer_requests = lambda request: threading.Thread(target=self._open, args=(request,)).start()
        dap.request("initialize", adapterID="llmspell", supportsStartDebuggingRequest=True)

    def _open(self, request):
        self.dap.send({"type": "response", "request_seq": request["seq"], "command": request["command"],
                       "seq": 1000, "success": True})  # fmt: skip
        self.configuration = request["arguments"]["configuration"]
        python = DapClient.tcp(self.configuration["connect"]["port"])
        self.python = python
        try:
            python.request("initialize", adapterID="debugpy", clientID="test")
            python.request("attach", **{**self.configuration, "token": self.token or self.configuration["token"]})
            python.event("initialized")
            points = [] if self.line is None else [{"line": self.line}]
            python.request("setBreakpoints", source={"path": str(self.path)}, breakpoints=points)
            python.request("configurationDone")
        except Refused as refused:
            self.refused = refused.response["message"]
        self.opened.set()

    def launch(self, program, lines):
        """Launch, with the same breakpoints in this session, as editors set them in all."""
        self.dap.request("launch", program=program, pythonDebugging="child")
        self.dap.event("initialized")
        answers = [
            self.dap.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])["breakpoints"]
            for path, line in lines.items()
        ]
        self.dap.request("configurationDone")
        return [answer[0] for answer in answers]


def test_a_client_may_have_a_session_of_pythons_own(dap, calls, greet):
    editor = Editor(dap, greet, 5)
    points = editor.launch(calls, {greet: 5, calls: 4})
    assert [point["verified"] for point in points] == [False, True]
    assert "Python session" in points[0]["message"]
    assert editor.opened.wait(PATIENCE_S)
    python = editor.python

    assert [frame[0] for frame in python.stop("breakpoint")][:2] == ["shout", "greet"]
    assert python.variables("Locals") == {"text": "'hello ann'"}
    python.go("stepOut")
    assert python.stop("step")[0] == ("greet", 17)
    python.go("stepOut")
    assert dap.stop("step")[0] == ("call", 3)
    dap.go()
    assert dap.stop("breakpoint")[0] == ("call", 4)
    dap.go()
    assert python.stop("breakpoint")[0] == ("shout", 5)
    python.request("disconnect")
    assert dap.stop("breakpoint")[0] == ("call", 4)
    dap.go()
    assert dap.end() == 0
    assert dap.output() == "HELLO ANN!\nHELLO BOB!\n"
    python.close()


def test_a_step_into_a_tool_stops_in_pythons_own_session(dap, calls, greet):
    editor = Editor(dap, greet, None)
    editor.launch(calls, {calls: 3})
    dap.stop("breakpoint")
    dap.go("stepIn")
    assert editor.opened.wait(PATIENCE_S)

    assert editor.python.stop()[0] == ("greet", 16)
    dap.request("terminate")
    assert dap.end() == 130
    editor.python.event("terminated")
    assert editor.python.is_closed()
    editor.python.close()


def test_pythons_own_session_wants_the_token_of_the_offer(dap, calls, greet):
    editor = Editor(dap, greet, 5, token="wrong")
    editor.launch(calls, {greet: 5})
    assert editor.opened.wait(PATIENCE_S)

    assert editor.refused == "attach needs the token of the offer"
    with pytest.raises(Refused, match="initialize and attach"):
        editor.python.request("evaluate", expression="1")
    editor.python.close()
    assert dap.end() == 0


def test_a_client_that_refuses_pythons_own_session_is_not_waited_for(dap, calls, greet):
    def refuse(request):
        dap.send({"type": "response", "request_seq": request["seq"], "command": request["command"],
                  "seq": 1000, "success": False, "message": "no debugger of type debugpy"})  # fmt: skip

    dap.answer_requests = refuse
    dap.request("initialize", adapterID="llmspell", supportsStartDebuggingRequest=True)
    dap.request("launch", program=calls, pythonDebugging="child")
    dap.request("setBreakpoints", source={"path": str(greet)}, breakpoints=[{"line": 5}])
    dap.request("configurationDone")

    assert dap.end() == 0
    assert "no debugger of type debugpy" in dap.output("console")
    assert dap.output() == "HELLO ANN!\nHELLO BOB!\n"


def test_a_client_that_opens_no_other_sessions_gets_one_for_both(dap, calls, greet):
    dap.start(program=calls, lines={greet: [5]}, pythonDebugging="child")

    assert dap.stop("breakpoint")[0] == ("shout", 5)


# --- processes of their own ------------------------------------------------------------------------------------------


@pytest.fixture
def running(tools, script):
    """`llmspell debug` on the script, waiting for a client: the process and its port."""
    processes = []

    def start(code, *words):
        command = [sys.executable, "-m", "llmspell", "debug", script(code), "--tools-dir", str(tools), *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tools)
        processes.append(process)
        note = process.stderr.readline().decode()
        assert note.startswith("Debugger on 127.0.0.1:"), note
        return process, int(note.partition("127.0.0.1:")[2].partition(";")[0])

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_client_that_vanishes_while_a_tool_is_stopped_lets_it_go_on(running, greet):
    process, port = running(CALLS, "--wait")
    client = DapClient.tcp(port)
    client.start("attach", lines={greet: [5]})
    client.stop("breakpoint")
    client.close()

    assert process.communicate(timeout=PATIENCE_S)[0] == b"HELLO ANN!\nHELLO BOB!\n"
    assert process.returncode == 0


def test_an_interrupt_ends_a_script_whose_tool_is_stopped(running, greet):
    import signal

    process, port = running(CALLS, "--wait")
    client = DapClient.tcp(port)
    client.start("attach", lines={greet: [5]})
    client.stop("breakpoint")
    process.send_signal(signal.SIGINT)

    assert client.end() == 130
    assert process.wait(PATIENCE_S) == 130
    client.close()


def test_a_tools_line_stops_by_break_at_before_a_client_comes(running, greet):
    process, port = running(CALLS, "--break-at", f"{greet}:5", "--watch", "text")
    notes = [process.stderr.readline().decode() for _ in range(2)]
    client = DapClient.tcp(port)
    client.start("attach")

    assert notes[0].startswith(f"Stopped at {greet}:5 (breakpoint)")
    assert notes[1] == "  text = 'hello ann'\n"
    assert client.stop("breakpoint")[0] == ("shout", 5)
    client.request("setBreakpoints", source={"path": str(greet)}, breakpoints=[])
    client.go()
    assert client.end() == 0
    assert process.communicate(timeout=PATIENCE_S)[0] == b"HELLO ANN!\nHELLO BOB!\n"
    client.close()


# --- notebooks -------------------------------------------------------------------------------------------------------

CELL = "local r = Tool.execute('calculator', {input = '40 + 2'})\nprint(r.operation)\n"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A running kernel."""
    kernel = KernelProcess(tmp_path_factory.mktemp("kernel"))
    yield kernel
    kernel.close()


@pytest.fixture
def lab(notebook):
    """A front end that debugs it."""
    client = notebook.client()
    yield client
    client.request("disconnect", restart=False, terminateDebuggee=False)


def test_a_notebooks_step_goes_from_a_cell_into_a_tool_and_back(lab):
    lab.begin(CELL, [1])
    cell = lab.run(CELL)
    lab.stop("breakpoint")
    lab.go("stepIn")

    assert [name for name, _ in lab.stop("step")] == ["calculator", "main chunk"]
    assert lab.variables("Locals")["input"] == "'40 + 2'"
    assert lab.stack[1]["source"]["path"] == lab.path
    lab.go("stepOut")
    assert lab.stop("step") == [("main chunk", 1)]
    lab.go()
    assert lab.ended(cell)["status"] == "ok"
    lab.said("evaluate\n")


def test_an_interrupt_ends_a_cell_whose_tool_is_stopped(lab):
    lab.begin(CELL, [1])
    cell = lab.run(CELL)
    lab.stop("breakpoint")
    lab.go("stepIn")
    lab.stop("step")
    lab.interrupt()

    assert lab.ended(cell)["ename"] == "KeyboardInterrupt"
