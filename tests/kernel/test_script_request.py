"""script_request: what `run --connect` sends; and the kernel without sockets that answers it here.

Issue 4: `run --connect` in a fresh environment unless `--shared`, with the arguments, streams and end of `run`.
"""

from __future__ import annotations

import json
import os
import threading

import pytest

from llmspell_kernel.embedded import EmbeddedKernel
from llmspell_kernel.errors import UnknownMessage
from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

WAIT_S = 5


class Hearer:
    """Hears what a request publishes and answers what it asks."""

    def __init__(self, *answers):
        self.answers = [*answers]
        self.messages = []
        self.asked_for = []
        self.on_text = lambda text: None

    def published(self, msg_type, content):
        self.messages.append((msg_type, content))
        if msg_type == "stream":
            self.on_text(content["text"])

    def asked(self, prompt, *, password):
        self.asked_for.append((prompt, password))
        return self.answers.pop(0) if self.answers else None

    def text(self, stream):
        return "".join(each["text"] for kind, each in self.messages if kind == "stream" and each["name"] == stream)


def engine(registry, write, front, /, *, script_dir=None):
    return LuaEngine(registry, write=write, front=front, settings=EngineSettings(script_dir=script_dir))


@pytest.fixture
def kernel():
    """A kernel in this process."""
    logged = []
    made = EmbeddedKernel(ToolRegistry(), engine, log=logged.append)
    yield made
    made.close()
    assert [] == logged


def script(kernel, code, hearer=None, **fields):
    return kernel.request("script_request", {"code": code, **fields}, hearer or Hearer())


def test_a_script_gives_its_values_and_its_exit_code(kernel):
    assert {"status": "ok", "values": [1, {"a": [True]}], "text": None, "exit_code": None} == script(
        kernel, "return 1, {a = {true}}"
    )
    assert 7 == script(kernel, "os.exit(7)")["exit_code"]


def test_a_cell_gives_its_text(kernel):
    assert "42" == script(kernel, "6 * 7", mode="cell")["text"]


def test_arguments_reach_the_script(kernel):
    assert ["a", "v", "s.lua"] == script(
        kernel, "return ARGS[1], ARGS.k, arg[0]", name="@s.lua", args=["a", "--k", "v"]
    )["values"]


def test_streams_are_published_apart_and_nothing_is_counted(kernel):
    hearer = Hearer()
    script(kernel, "print('out') io.stderr:write('err')", hearer)
    reply = kernel.request("execute_request", {"code": "1"}, Hearer())

    assert ("out\n", "err") == (hearer.text("stdout"), hearer.text("stderr"))
    assert 1 == reply["execution_count"]


def test_only_a_shared_script_sees_the_cells(kernel):
    kernel.request("execute_request", {"code": "x = 1"}, Hearer())
    script(kernel, "x = 2 y = 3")
    fresh = script(kernel, "return x or 'nothing', y or 'nothing'")["values"]
    shared = script(kernel, "x = x + 1 return x, y or 'nothing'", shared=True)["values"]

    assert (["nothing", "nothing"], [2, "nothing"]) == (fresh, shared)


def test_a_failure_has_its_code_and_its_place(kernel):
    reply = script(kernel, "\nerror('no')", name="@s.lua")

    assert ("error", "script_error", "s.lua:2: no") == (reply["status"], reply["error_type"], reply["error"])
    assert 2 == reply["details"]["line"]
    assert "syntax_error" == script(kernel, "1 +")["error_type"]
    assert "timeout" == script(kernel, "while true do end", timeout=0.05)["error_type"]


def test_a_failure_aborts_no_cell(kernel):
    script(kernel, "error('no')")

    assert "ok" == kernel.request("execute_request", {"code": "1"}, Hearer())["status"]


@pytest.mark.parametrize("shared", [True, False])
def test_an_interrupt_stops_the_script_and_nothing_later(kernel, shared):
    hearer = Hearer()
    hearer.on_text = lambda _: threading.Thread(target=kernel.interrupt).start()
    reply = script(kernel, "print('on') while true do end", hearer, shared=shared)

    assert "cancelled" == reply["error_type"]
    assert [1] == script(kernel, "return 1", shared=shared)["values"]


def test_a_script_asks_whoever_sent_it(kernel):
    hearer = Hearer("one", "two words")
    reply = script(kernel, "return io.read(), io.read('a')", hearer, allow_stdin=True)

    assert ["one", "two words\n"] == reply["values"]
    assert "asks for input" in script(kernel, "io.read()")["error"]


def test_modules_come_from_the_scripts_folder_if_the_policy_lets_it_be_read(kernel, tmp_path):
    (tmp_path / "part.lua").write_text("return {v = 42}")
    policy = Policy.default().with_rules(deny={"read": [str(tmp_path)]}, origin="a test")
    strict = EmbeddedKernel(ToolRegistry(policy=policy), engine, log=print)
    code = "return require('part').v"
    allowed = script(kernel, code, folder=str(tmp_path))
    refused = script(strict, code, folder=str(tmp_path))
    strict.close()

    assert [42] == allowed["values"]
    assert "script_error" == refused["error_type"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("code", None), ("code", 1), ("name", "s.lua"), ("name", 1), ("mode", "other"), ("args", "a"), ("args", [1]),
     ("timeout", 0), ("timeout", True), ("timeout", "1"), ("folder", 1)],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(kernel, field, value):
    reply = kernel.request("script_request", {"code": "x = 1", field: value}, Hearer())

    assert "validation_error" == reply["error_type"]
    assert field == reply["details"]["field"]


# --- the kernel without sockets ------------------------------------------------------------------------------------


def test_requests_are_answered_as_over_sockets(kernel):
    info = kernel.request("kernel_info_request", {}, Hearer())
    names = kernel.request("complete_request", {"code": "Tool.exi", "cursor_pos": 8}, Hearer())["matches"]
    unknown = kernel.request("bogus_request", {}, Hearer())

    assert "llmspell" == info["implementation"]
    assert ["exists"] == names
    assert "not_found" == unknown["error_type"]


def test_control_knows_the_debugger_only(kernel):
    with pytest.raises(UnknownMessage):
        kernel.control("interrupt_request", {})
    message = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}

    assert kernel.control("debug_request", message)["body"]["isStarted"] is False


def test_definitions_of_tools_are_told_whole(kernel):
    reply = kernel.request("tool_request", {"command": "list", "detailed": True}, Hearer())
    one = kernel.request("tool_request", {"command": "info", "name": "calculator", "detailed": True}, Hearer())

    assert reply["tools"] == [each["name"] for each in reply["definitions"]]
    assert one["definition"] in reply["definitions"]
    assert json.loads(json.dumps(one["definition"]))["parameters"]["type"] == "object"


def test_history_survives_the_kernel(tmp_path):
    file = str(tmp_path / "history.sqlite")
    first = EmbeddedKernel(ToolRegistry(), engine, history_file=file, log=print)
    first.request("execute_request", {"code": "kept = 1"}, Hearer())
    first.close()
    second = EmbeddedKernel(ToolRegistry(), engine, history_file=file, log=print)
    found = second.request("history_request", {"hist_access_type": "tail", "n": 5}, Hearer())["history"]
    second.close()

    assert ["kept = 1"] == [row[2] for row in found]
    assert os.path.exists(file)
