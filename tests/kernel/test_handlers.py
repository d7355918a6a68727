"""Handlers by themselves: a request in, the reply's content out, with a language engine that obeys the test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmspell_kernel.comms import Comms
from llmspell_kernel.dispatch import Request
from llmspell_kernel.engine import LateEngine
from llmspell_kernel.handlers.comm import comm_close, comm_info_request, comm_msg, comm_open
from llmspell_kernel.handlers.execute import Cells, execute_request
from llmspell_kernel.handlers.interrupt import interrupt_request
from llmspell_kernel.handlers.is_complete import is_complete_request
from llmspell_kernel.handlers.kernel_info import kernel_info_request
from llmspell_kernel.handlers.shutdown import shutdown_request
from llmspell_kernel.handlers.tool import ToolDesk, tool_request
from llmspell_kernel.lifecycle import Lifecycle
from llmspell_kernel.message import Message
from llmspell_kernel.output import Output
from llmspell_kernel.running import Running
from llmspell_kernel.wire import Wire
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.errors import Cancelled, InvalidParameters, LimitExceeded, ScriptError, ScriptSyntaxError
from llmspell_tools.registry import ToolRegistry


class Ran:
    def __init__(self, text: str | None = None, exit_code: int | None = None, data: Any = None) -> None:
        self.values: list[Any] = []
        self.text = text
        self.exit_code = exit_code
        self.data = data
        self.metadata: dict[str, Any] = {}


class Engine:
    """Runs a cell by looking its code up."""

    def __init__(self, output: Output, **cells: Any) -> None:
        self.output = output
        self.cells = cells
        self.names: list[str] = []
        self.interrupts = 0

    def execute(self, code: str, *, name: str, mode: str, args: Any = None, timeout_s: float | None = None) -> Ran:
        self.names.append(name)
        if code.startswith("print "):
            self.output.write("stdout", code[6:])
            return Ran()
        outcome = self.cells[code]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def is_complete(self, code: str) -> tuple[str, str]:
        return {"for": ("incomplete", "  "), "x": ("complete", ""), ")": ("invalid", "")}[code]

    def receive_comm(self, kind: str, content: Any, metadata: Any, buffers: Any, *, timeout_s: Any = None) -> bool:
        self.output.write("stdout", f"got {kind}")
        known = content.get("target_name") == "known" or content["comm_id"] == "c"
        if content.get("data") == "fails":
            raise ScriptError("the callback failed")
        return known

    def interrupt(self) -> None:
        self.interrupts += 1

    def close(self) -> None:
        pass


class Kernel:
    """What handlers need, with everything published noted."""

    def __init__(self, **cells: Any) -> None:
        self.wire = Wire(b"key")
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.output = Output()
        self.comms = Comms(self.wire, self._publish)
        self.running = Running()
        self.engine = Engine(self.output, **cells)
        self.cells = Cells(self.engine, self.output, self.running)

    def request(self, msg_type: str = "x_request", **content: Any) -> Request:
        header = {"msg_id": "m", "msg_type": msg_type, "session": "s"}
        message = Message([b"client"], header, b"{}", b"{}", content)
        return Request(message, self.wire, self._publish)

    def _publish(self, frames: list[bytes]) -> None:
        self.published.append((json.loads(frames[3])["msg_type"], json.loads(frames[6])))

    def execute(self, code: Any, **content: Any) -> dict[str, Any]:
        self.last = self.request("execute_request", code=code, **content)
        content = execute_request(self.cells, self.last)
        return json.loads(content) if isinstance(content, bytes) else content


# --- execute --------------------------------------------------------------------------------------------------------


def test_a_cell_is_echoed_counted_and_its_value_published():
    kernel = Kernel(a=Ran("42"), b=Ran())

    replies = [kernel.execute("a"), kernel.execute("b")]

    assert replies == [
        {"status": "ok", "execution_count": number, "user_expressions": {}, "payload": []} for number in (1, 2)
    ]
    assert kernel.published == [
        ("execute_input", {"code": "a", "execution_count": 1}),
        ("execute_result", {"execution_count": 1, "data": {"text/plain": "42"}, "metadata": {}}),
        ("execute_input", {"code": "b", "execution_count": 2}),
    ]


def test_prints_are_streams_of_the_cell():
    kernel = Kernel()

    kernel.execute("print hi 'ü'\n")

    assert kernel.published[1] == ("stream", {"name": "stdout", "text": "hi 'ü'\n"})


def test_a_silent_cell_is_neither_counted_nor_heard():
    """Jupyter messaging, "Execute": silent forces store_history to be false and broadcasts no output."""
    kernel = Kernel(a=Ran("42"), bad=ScriptError("boom"))

    kernel.execute("a", silent=True, store_history=True)
    kernel.execute("print x", silent=True)
    reply = kernel.execute("bad", silent=True)

    assert kernel.published == []
    assert reply["status"] == "error"
    assert kernel.cells.count == 0


def test_a_cell_that_is_not_stored_is_not_counted():
    kernel = Kernel(a=Ran("42"))

    kernel.execute("a")
    reply = kernel.execute("a", store_history=False)

    assert reply["execution_count"] == 1
    assert len(kernel.published) == 4


@pytest.mark.parametrize(
    ("error", "ename"),
    [
        (ScriptError("In[1]:1: boom", details={"traceback": ["stack traceback:", "  In[1]:1"]}), "ScriptError"),
        (ScriptSyntaxError("In[1]:1: unexpected"), "ScriptSyntaxError"),
        (LimitExceeded("too much memory"), "LimitExceeded"),
        (Cancelled("the cell was interrupted"), "KeyboardInterrupt"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_failed_cell_says_so_to_all_and_aborts_what_is_queued(error, ename):
    kernel = Kernel(bad=error)

    reply = kernel.execute("bad")

    assert reply["status"] == "error"
    assert reply["ename"] == ename
    assert reply["traceback"][0].startswith(f"{ename}: ")
    assert kernel.published[1] == ("error", {key: reply[key] for key in ("ename", "evalue", "traceback")})
    assert kernel.last.stops_queue


def test_a_lua_traceback_is_shown_after_the_message():
    kernel = Kernel(bad=ScriptError("In[1]:1: boom", details={"traceback": ["stack traceback:", "  In[1]:1"]}))

    assert kernel.execute("bad")["traceback"] == ["ScriptError: In[1]:1: boom", "stack traceback:", "  In[1]:1"]


def test_a_failure_stops_nothing_where_the_client_says_so():
    kernel = Kernel(bad=ScriptError("boom"))

    kernel.execute("bad", stop_on_error=False)

    assert not kernel.last.stops_queue


@pytest.mark.parametrize("code", [None, 5, ["x"]])
def test_code_must_be_text(code):
    with pytest.raises(InvalidParameters):
        Kernel().execute(code)


def test_user_expressions_are_evaluated_each_for_itself():
    kernel = Kernel(a=Ran(), b=Ran("7"), none=Ran(), bad=ScriptError("boom"))

    reply = kernel.execute("a", user_expressions={"x": "b", "y": "bad", "z": "none"})

    assert reply["status"] == "ok"
    assert reply["user_expressions"]["x"] == {"status": "ok", "data": {"text/plain": "7"}, "metadata": {}}
    assert reply["user_expressions"]["y"]["status"] == "error"
    assert reply["user_expressions"]["y"]["evalue"] == "boom"
    assert reply["user_expressions"]["z"]["data"] == {"text/plain": "nil"}


def test_os_exit_asks_the_client_to_close():
    payload = Kernel(a=Ran(exit_code=3)).execute("a")["payload"]

    assert payload == [{"source": "ask_exit", "keepkernel": False, "exit_code": 3}]


def test_exit_alone_asks_to_close_unless_it_is_a_global():
    asked = [{"source": "ask_exit", "keepkernel": False, "exit_code": 0}]
    kernel = Kernel(**{"quit": Ran("nil"), " exit\n": Ran("nil"), "exit": Ran("42")})

    assert kernel.execute("quit")["payload"] == kernel.execute(" exit\n")["payload"] == asked
    assert not [each for each in kernel.published if each[0] == "execute_result"]
    assert kernel.execute("exit")["payload"] == []


def test_an_interrupt_reaches_the_engine_only_while_a_cell_runs():
    kernel = Kernel()

    class Interrupting(Ran):
        def __init__(self) -> None:
            super().__init__()

    def interrupt_in_cell(*args: Any, **options: Any) -> Ran:
        assert interrupt_request(kernel.running, kernel.request()) == {"status": "ok"}
        return Ran()

    kernel.engine.execute = interrupt_in_cell  # type: ignore[method-assign]
    interrupt_request(kernel.running, kernel.request())
    kernel.execute("a")
    interrupt_request(kernel.running, kernel.request())

    assert kernel.engine.interrupts == 1


def test_text_printed_after_the_cell_goes_nowhere():
    kernel = Kernel(a=Ran())
    kernel.execute("a")

    kernel.output.write("stdout", "late")

    assert [name for name, _ in kernel.published] == ["execute_input"]


def test_an_engine_is_made_when_it_is_first_needed_and_once():
    made = []
    kernel = Kernel(a=Ran("42"))
    late = LateEngine(lambda: made.append(1) or kernel.engine)
    tools, with_cells = ToolRegistry(), ToolRegistry()

    late.interrupt()
    late.close()
    assert late.registry(tools) is tools
    assert made == []
    assert late.execute("a", name="=x", mode="cell").text == "42"
    assert late.is_complete("x") == ("complete", "")
    late.interrupt()
    kernel.engine.registry = with_cells
    assert late.registry(tools) is with_cells
    late.close()

    assert made == [1]
    assert kernel.engine.interrupts == 1


# --- the small ones -------------------------------------------------------------------------------------------------


def test_kernel_info_tells_what_jupyterlab_highlights_by():
    info = kernel_info_request(Kernel().request())

    assert info["status"] == "ok"
    assert info["protocol_version"] == "5.5"
    language = info["language_info"]
    assert {
        key: language[key] for key in ("name", "mimetype", "file_extension", "codemirror_mode", "pygments_lexer")
    } == {
        "name": "lua",
        "mimetype": "text/x-lua",
        "file_extension": ".lua",
        "codemirror_mode": "lua",
        "pygments_lexer": "lua",
    }
    assert info["supported_features"] == ["kernel subshells", "debugger"]


@pytest.mark.parametrize(
    ("code", "reply"),
    [("for", {"status": "incomplete", "indent": "  "}), ("x", {"status": "complete"}), (")", {"status": "invalid"})],
)
def test_is_complete(code, reply):
    kernel = Kernel()

    assert is_complete_request(kernel.engine, kernel.request(code=code)) == reply


def test_no_comms_are_open():
    kernel = Kernel()

    assert comm_info_request(kernel.comms, kernel.request()) == {"status": "ok", "comms": {}}


# --- comms ----------------------------------------------------------------------------------------------------------


def test_a_comm_for_a_known_target_stays_open_until_it_is_closed():
    kernel = Kernel()
    comm_open(kernel.cells, kernel.comms, kernel.request("comm_open", comm_id="c", target_name="known"))

    assert kernel.comms.listing("known") == {"c": {"target_name": "known"}}
    assert kernel.comms.listing("other") == {}
    comm_close(kernel.cells, kernel.comms, kernel.request("comm_close", comm_id="c"))
    assert kernel.comms.listing(None) == {}


def test_a_comm_for_an_unknown_target_is_closed_at_once():
    kernel = Kernel()
    comm_open(kernel.cells, kernel.comms, kernel.request("comm_open", comm_id="d", target_name="nobody"))

    assert kernel.published[-1] == ("comm_close", {"comm_id": "d", "data": {}})
    assert kernel.comms.listing(None) == {}


def test_what_a_callback_prints_and_its_error_belong_to_the_message():
    kernel = Kernel()
    comm_msg(kernel.cells, kernel.request("comm_msg", comm_id="c", data="fails"))

    assert kernel.published[0] == ("stream", {"name": "stdout", "text": "got comm_msg"})
    assert kernel.published[1][0] == "error"
    assert kernel.published[1][1]["evalue"] == "the callback failed"


def test_a_comm_message_has_its_topic_metadata_and_buffers():
    frames: list[list[bytes]] = []
    comms = Comms(Wire(b"key"), frames.append)
    comms.send("comm_open", {"comm_id": "c", "target_name": "t", "data": {}}, {"version": "2.1.0"}, [b"\xff\x00"])

    assert frames[0][0] == b"comm-c"
    assert json.loads(frames[0][5]) == {"version": "2.1.0"}
    assert frames[0][7] == b"\xff\x00"
    assert Wire(b"key").decode(frames[0], "shell").content["comm_id"] == "c"


def test_a_rich_result_is_sent_whole_also_of_a_user_expression():
    data = {"text/plain": "t", "text/html": "<b>t</b>"}
    kernel = Kernel(a=Ran("t", data=data))
    reply = kernel.execute("a", user_expressions={"e": "a"})

    assert ("execute_result", {"execution_count": 1, "data": data, "metadata": {}}) in kernel.published
    assert reply["user_expressions"] == {"e": {"status": "ok", "data": data, "metadata": {}}}


def test_shutdown_tells_all_clients_and_stops_after_its_reply():
    kernel = Kernel()
    lifecycle = Lifecycle(lambda: None, lambda: None)
    request = kernel.request("shutdown_request", restart=True)

    assert shutdown_request(lifecycle, request) == {"status": "ok", "restart": True}
    assert not lifecycle.is_stopping()
    request.finish()

    assert lifecycle.is_stopping()
    assert lifecycle.restart
    assert kernel.published == [("shutdown_reply", {"status": "ok", "restart": True})]


# --- tool_request ---------------------------------------------------------------------------------------------------


@tool(name="echo-tool", category="custom", annotations={"read_only": True}, aliases=("parrot",),
      examples=({"description": "says it", "params": {"text": "a"}, "result": {"said": "a"}},))  # fmt: skip
def echo_tool(*, text: str, times: int = 1) -> dict[str, Any]:
    """Say it again.

    Args:
        text: What to say.
        times: How often.
    """
    return {"said": text * times, "length": len(text)}


@tool(name="slow-tool", category="custom")
def slow_tool(context: ToolContext, *, why: int = 0) -> str:
    """Wait until told to stop."""
    for _ in range(10_000_000):
        context.check()
    return "done"


@pytest.fixture
def desk():
    registry = ToolRegistry()
    registry.register(echo_tool)
    registry.register(slow_tool)
    return ToolDesk(lambda: registry, Running())


def ask(desk: ToolDesk, **content: Any) -> dict[str, Any]:
    return tool_request(desk, Kernel().request("tool_request", **content))


def test_list_names_the_tools_and_counts_them(desk):
    reply = ask(desk, command="list")

    assert reply["status"] == "ok"
    assert {"calculator", "echo-tool"} <= set(reply["tools"])
    assert reply["count"] == len(reply["tools"])
    assert ask(desk, command="list", category="CUSTOM")["tools"] == ["echo-tool", "slow-tool"]
    assert ask(desk, command="list", category="media")["status"] == "ok"


def test_info_describes_a_tool_truly_and_its_schema_on_request(desk):
    reply = ask(desk, command="info", name="echo_tool")

    assert (reply["name"], reply["category"], reply["security_level"]) == ("echo-tool", "custom", "safe")
    assert reply["description"] == "Say it again."
    assert reply["aliases"] == ["parrot"]
    assert "schema" not in reply
    schema = ask(desk, command="info", name="parrot", show_schema=True)["schema"]
    assert list(schema["properties"]) == ["text", "times"]


def test_invoke_gives_the_result_one_level_deep(desk):
    reply = ask(desk, command="invoke", name="echo-tool", params={"text": "a", "times": 2}, streaming=False)

    assert reply["status"] == "ok"
    assert reply["tool"] == "echo-tool"
    assert reply["result"]["output"] == {"said": "aa", "length": 1}
    assert json.loads(reply["result"]["text"]) == {"said": "aa", "length": 1}
    assert reply["duration_ms"] >= 0


@pytest.mark.parametrize(
    ("content", "error_type", "words"),
    [
        ({}, "validation_error", "Missing tool command"),
        ({"command": "dance"}, "validation_error", "Unknown tool command: dance"),
        ({"command": ["list"]}, "validation_error", "Unknown tool command"),
        ({"command": None}, "validation_error", "Unknown tool command"),
        ({"command": "invoke"}, "validation_error", "Missing or invalid tool name"),
        ({"command": "invoke", "name": 5}, "validation_error", "Missing or invalid tool name"),
        ({"command": "info", "name": ""}, "validation_error", "Missing or invalid tool name"),
        ({"command": "invoke", "name": "ekko-tool"}, "not_found", "did you mean 'echo-tool'"),
        ({"command": "info", "name": "calculater"}, "not_found", "not found"),
        ({"command": "test", "name": "calculater"}, "not_found", "not found"),
        ({"command": "invoke", "name": "echo-tool", "params": [1]}, "validation_error", "params must be an object"),
        ({"command": "invoke", "name": "echo-tool", "params": None}, "validation_error", "text"),
        ({"command": "invoke", "name": "echo-tool", "params": {"text": 5}}, "validation_error", "text"),
        ({"command": "invoke", "name": "echo-tool", "params": {"text": "a", "tims": 2}}, "validation_error", "times"),
        (
            {"command": "invoke", "name": "echo-tool", "params": {"text": ""}, "timeout": 0},
            "validation_error",
            "timeout",
        ),
        ({"command": "invoke", "name": "slow-tool", "timeout": 0.01}, "timeout", "deadline"),
        ({"command": "list", "category": "nonsense"}, "validation_error", "category"),
        ({"command": "list", "category": 5}, "validation_error", "category"),
        ({"command": "search"}, "validation_error", "query"),
        ({"command": "search", "query": [1]}, "validation_error", "query"),
    ],
)
def test_every_failure_is_a_typed_reply(desk, content, error_type, words):
    reply = ask(desk, **content)

    assert reply["status"] == "error"
    assert reply["error_type"] == error_type
    assert words in reply["error"]
    assert ("tool" in reply) == isinstance(content.get("name"), str)
    assert {"ename", "evalue", "traceback", "duration_ms", "details"} <= set(reply)


@pytest.mark.parametrize("query", ["echo", ["echo"], "nothing-like-it echo", ["zzz", "echo"]])
def test_search_takes_a_text_or_an_array(desk, query):
    reply = ask(desk, command="search", query=query)

    assert reply["matches"][0] == "echo-tool"
    assert reply["query"] == (query.split() if isinstance(query, str) else query)


def test_test_runs_the_examples_and_shows_outputs_on_request(desk):
    reply = ask(desk, command="test", name="echo-tool")

    assert (reply["status"], reply["success"], reply["tool"]) == ("ok", True, "echo-tool")
    assert reply["details"] == [{"description": "says it", "passed": True}]
    verbose = ask(desk, command="test", name="parrot", verbose=True)
    assert verbose["details"][0]["output"] == {"said": "a", "length": 1}


@tool(name="lying-tool", examples=({"description": "lies", "params": {}, "result": {"said": "b"}},))
def lying_tool() -> dict[str, Any]:
    """Say something else than promised."""
    return {"said": "a"}


def test_test_says_when_an_example_does_not_hold(desk):
    desk.registry.register(lying_tool)

    reply = ask(desk, command="test", name="lying-tool")

    assert (reply["status"], reply["success"]) == ("ok", False)
    assert reply["details"] == [{"description": "lies", "passed": False}]


def test_an_interrupt_cancels_the_tool(desk):
    class Now:
        def begin_breakable(self, stop: Any, deadline: float | None) -> None:
            stop()

        def end(self) -> None:
            pass

    reply = ask(ToolDesk(lambda: desk.registry, Now()), command="invoke", name="slow-tool")

    assert reply["error_type"] == "cancelled"
    assert reply["ename"] == "KeyboardInterrupt"
