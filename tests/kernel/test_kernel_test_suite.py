"""The published conformance suite, jupyter_kernel_test: all of its tests run, none is skipped.

Beside it: a session with every kind of request, in which each message that the kernel sends is checked against the
suite's schemas of the messaging spec, and against ours for what is newer than they are.
"""

from __future__ import annotations

import queue
from typing import Any

import pytest

jupyter_kernel_test = pytest.importorskip("jupyter_kernel_test")

from jsonschema import Draft202012Validator  # noqa: E402
from jupyter_client.manager import start_new_kernel  # noqa: E402
from jupyter_kernel_test.msgspec_v5 import schema_fragments, validate_message  # noqa: E402

from llmspell_kernel import kernelspec  # noqa: E402

pytestmark = pytest.mark.subprocess
WAIT_S = 15.0
TEXT = {"type": "string"}
#: Message types that the suite's schemas lack, or have wrong (`password` is a boolean), from Jupyter messaging 5.5.
NEWER = {
    "input_request": {
        "required": ["prompt", "password"],
        "properties": {"prompt": TEXT, "password": {"type": "boolean"}},
    },
    "comm_open": {"required": ["comm_id", "target_name", "data"], "properties": {"comm_id": TEXT, "target_name": TEXT}},
    "comm_msg": {"required": ["comm_id", "data"], "properties": {"comm_id": TEXT, "data": {"type": "object"}}},
    "comm_close": {"required": ["comm_id", "data"], "properties": {"comm_id": TEXT, "data": {"type": "object"}}},
    "iopub_welcome": {"required": ["subscription"], "properties": {"subscription": TEXT}},
}


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conformance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("LLMSPELL_HOME", str(folder / "home"))
        kernelspec.install(prefix=str(folder), name="lua-conformance")
        yield


class TestConformance(jupyter_kernel_test.KernelTests):
    kernel_name = "lua-conformance"
    language_name = "lua"
    file_extension = ".lua"
    code_hello_world = "print('hello, world')"
    code_stderr = "io.stderr:write('test\\n')"
    completion_samples = (
        {"text": "pri", "matches": {"print"}},
        {"text": "string.re", "matches": {"rep", "reverse"}},
        {"text": "('x'):up", "matches": {"upper"}},
        {"text": 'Tool.execute("calcul', "matches": {"calculator"}},
        {"text": 'Tool.execute("calculator", { op', "matches": {"operation = "}},
        {"text": 'Tool.execute("calculator", { operation = "', "matches": {"evaluate", "validate", "functions"}},
        {"text": "-- no", "matches": set()},
    )
    complete_code_samples = ("x = 1", "print('hello')", "function f(x)\n  return x * 2\nend\n\n", "1 + 1", "")
    incomplete_code_samples = ("print('hello'", "function f(x)\n  x = x * 2", "for i = 1, 3 do", "x = [[long")
    invalid_code_samples = ("import = 7q", "x = = 1", "end", "'no end")
    code_page_something = "print?"
    code_generate_error = "error('on purpose')"
    code_execute_result = (
        {"code": "6 * 7", "result": "42"},
        {"code": "'a' .. 'b'", "result": '"ab"'},
        {"code": "return 1 < 2", "result": "true"},
    )
    code_display_data = (
        {"code": "display('some text')", "mime": "text/plain"},
        {"code": "display({_mime_ = {['text/html'] = '<b>x</b>'}})", "mime": "text/html"},
    )
    code_history_pattern = "6 ? 7*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "string.rep"
    code_clear_output = "display.clear()"


class TestWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "lua-conformance"
    support_iopub_welcome = True


def test_all_thirteen_tests_of_the_suite_are_here():
    """A newer suite with more tests should not pass unnoticed."""
    theirs = [name for suite in (TestConformance, TestWelcome) for name in dir(suite) if name.startswith("test_")]

    assert len(theirs) == 13
    assert all(getattr(TestConformance, name, True) is not None for name in theirs)


# --- every message against the spec ---------------------------------------------------------------------------------


class Session:
    """A client that checks whatever the kernel sends."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="lua-conformance", startup_timeout=30)
        self.kinds: set[str] = set()

    def check(self, message: dict[str, Any]) -> dict[str, Any]:
        kind = message["msg_type"]
        self.kinds.add(kind)
        if kind in NEWER:
            Draft202012Validator({"type": "object", **NEWER[kind]}).validate(message["content"])
        elif kind in schema_fragments:
            validate_message(message)
        else:
            assert message["content"]["status"] in {"ok", "error"}, kind
        assert message["header"]["version"].startswith("5.")
        return message["content"]

    def ask(self, kind: str, answers: tuple[str, ...] = (), *, control: bool = False, **content: Any) -> dict[str, Any]:
        """Send a request, check its broadcasts up to idle, and return the content of its reply."""
        channel = self.client.control_channel if control else self.client.shell_channel
        message = self.client.session.msg(kind, content)
        channel.send(message)
        msg_id = message["header"]["msg_id"]
        for answer in answers:
            self.check(self.client.get_stdin_msg(timeout=WAIT_S))
            self.client.input(answer)
        reply = self.check(channel.get_msg(timeout=WAIT_S)) if kind.endswith("_request") else {}
        while True:
            heard = self.client.get_iopub_msg(timeout=WAIT_S)
            state = self.check(heard).get("execution_state")
            if state == "idle" and heard["parent_header"].get("msg_id") == msg_id:
                return reply

    def execute(self, code: str, answers: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
        content = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": bool(answers)}
        return self.ask("execute_request", answers, code=code, **(content | options))

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def session():
    session = Session()
    yield session
    session.close()


def test_every_message_fits_the_spec(session):
    for code in (
        "print('x')", "1 + 1", "error('x')", "x = (", "io.stderr:write('e')", "display('x')",
        "display.clear{wait = true}",
        "local h = display('x', {id = 'one'}) display('y', {id = 'one', update = true})", "nothing_known?", "print??",
        "Tool.list()", "os.exit()", "{1, 2, {a = 'b'}}",
        "c = comm.open('target', {a = 1}) c:send({b = 2}) c:close()",
    ):  # fmt: skip
        session.execute(code)
    session.execute("io.read()", answers=("line",))
    session.execute("1", user_expressions={"a": "1 + 1", "b": "error('x')"})
    session.execute("x", silent=True)
    for kind, content in (
        ("kernel_info_request", {}),
        ("comm_info_request", {}),
        ("complete_request", {"code": "pri", "cursor_pos": 3}),
        ("complete_request", {"code": 5, "cursor_pos": 3}),
        ("inspect_request", {"code": "print", "cursor_pos": 3, "detail_level": 1}),
        ("inspect_request", {"code": "nothing", "cursor_pos": 3, "detail_level": 0}),
        ("is_complete_request", {"code": "for"}),
        ("history_request", {"output": True, "raw": True, "hist_access_type": "tail", "n": 5}),
        ("history_request", {"output": False, "raw": True, "hist_access_type": "dance"}),
        ("tool_request", {"command": "list"}),
        ("unknown_request", {}),
        ("comm_open", {"comm_id": "a", "target_name": "nobody", "data": {}}),
    ):
        session.ask(kind, **content)
    session.ask("kernel_info_request", control=True)
    session.ask("interrupt_request", control=True)

    wanted = {
        "stream", "execute_result", "display_data", "update_display_data", "clear_output", "error", "status",
        "execute_input", "input_request", "execute_reply", "complete_reply", "inspect_reply", "history_reply",
        "comm_open", "comm_msg", "comm_close",
    }  # fmt: skip
    assert wanted <= session.kinds


# --- history, completion and questions as a client sees them --------------------------------------------------------


def test_history_survives_a_restart_of_the_kernel(session):
    session.execute("marker_of_this_test = 1")
    session.manager.restart_kernel(now=False)
    session.client.wait_for_ready(timeout=30)

    found = session.ask("history_request", hist_access_type="search", pattern="marker_of_this*", output=False, raw=True)

    assert [row[2] for row in found["history"]] == ["marker_of_this_test = 1"]


def test_silent_and_unstored_cells_are_not_remembered(session):
    session.execute("silent_cell = 1", silent=True)
    session.execute("unstored_cell = 1", store_history=False)
    session.execute("stored_cell = 1")

    found = session.ask("history_request", hist_access_type="range", session=0, start=1, output=False, raw=True)

    assert [row[2] for row in found["history"]] == ["stored_cell = 1"]


def test_results_are_remembered(session):
    session.execute("6 * 7")

    found = session.ask("history_request", hist_access_type="tail", n=1, output=True, raw=True)

    assert found["history"][0][2] == ["6 * 7", "42"]


def test_completion_counts_code_points_and_names_types(session):
    session.execute("text = 'x'")
    code = 'x = "🦆🦆" .. text:up'

    reply = session.ask("complete_request", code=code, cursor_pos=len(code))

    assert reply["matches"] == ["upper"]
    assert code[reply["cursor_start"] : reply["cursor_end"]] == "up"
    (kind,) = reply["metadata"]["_jupyter_types_experimental"]
    assert (kind["text"], kind["type"], kind["signature"]) == ("upper", "method", "(s) -> string")


def test_a_question_is_answered_in_the_pager(session):
    reply = session.execute("Tool.calculator?")

    (page,) = reply["payload"]
    assert page["source"] == "page"
    assert "Parameters:" in page["data"]["text/plain"]
    assert {"text/markdown", "text/html"} <= set(page["data"])
    assert session.execute("nothing_known?")["payload"] == []


def test_asking_changes_nothing(session):
    """Completion, inspection and completeness run no code and count no cell."""
    before = session.execute("hits = 0 trap = setmetatable({}, {__index = function() hits = hits + 1 end})")
    for code in ("trap.x.", "trap:", "hits = hits + 1", "(function() hits = 9 end)()."):
        session.ask("complete_request", code=code, cursor_pos=len(code))
        session.ask("inspect_request", code=code, cursor_pos=len(code), detail_level=1)
        session.ask("is_complete_request", code=code)
    after = session.execute("assert(hits == 0)")

    assert after["status"] == "ok"
    assert after["execution_count"] == before["execution_count"] + 1
    with pytest.raises(queue.Empty):
        session.client.get_iopub_msg(timeout=0)
