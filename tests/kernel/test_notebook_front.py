"""What cells show, ask and hear, through a real kernel process and jupyter_client; every message checked by the spec.

Issue 4: display_data, update_display_data, clear_output, input_request, comms, ipywidgets' protocol, progress bars.
Spec: Jupyter messaging 5.5, through the schemas of jupyter_kernel_test.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import threading
import time

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_kernel_test.msgspec_v5 import msg_structure_validator, validate_message

from llmspell_kernel import kernelspec

pytestmark = pytest.mark.subprocess
WAIT_S = 5.0
#: The schemas know no comm messages; their structure is checked, and their content here.
COMM_FIELDS = {
    "comm_open": {"comm_id", "data", "target_name"},
    "comm_msg": {"comm_id", "data"},
    "comm_close": {"comm_id", "data"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Notebook:
    """A kernel process, and a client that says what it has seen."""

    def __init__(self, folder):
        self.file = str(folder / "connection.json")
        environment = {**os.environ, "LLMSPELL_HOME": str(folder / "home")}
        environment.pop("JPY_PARENT_PID", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", "kernel", "start", "-f", self.file],
            env=environment, cwd=folder, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait_for_file()
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def _wait_for_file(self):
        end = time.monotonic() + WAIT_S
        while not os.path.exists(self.file):
            if time.monotonic() >= end or self.process.poll() is not None:
                self.process.kill()
                self.process.wait(WAIT_S)
                pytest.fail("the kernel did not start")
            threading.Event().wait(0.01)

    def stop(self):
        self.client.stop_channels()
        self.client.context.destroy(0)
        self.process.kill()
        self.process.wait(WAIT_S)

    def published(self, msg_id):
        """Return (type, content) of everything between busy and idle of one message."""
        seen = []
        while True:
            message = checked(self.client.get_iopub_msg(timeout=WAIT_S))
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if message["content"] == {"execution_state": "idle"}:
                return [each for each in seen if each[0] not in {"status", "execute_input"}]
            seen.append((message["msg_type"], message["content"]))

    def reply(self, msg_id):
        while True:
            reply = checked(self.client.get_shell_msg(timeout=WAIT_S))
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]

    def run(self, code, *, answers=None, **options):
        """Run a cell and return its reply and what it published; `answers` are given one to each question."""
        msg_id = self.client.execute(code, allow_stdin=answers is not None, **options)
        self.questions = []
        for answer in answers or ():
            question = checked(self.client.get_stdin_msg(timeout=WAIT_S))
            assert question["parent_header"]["msg_id"] == msg_id
            self.questions.append(question["content"])
            self.client.input(answer)
        return self.reply(msg_id), self.published(msg_id)

    def value(self, code, **options):
        reply, published = self.run(code, **options)
        assert reply["status"] == "ok", reply
        return next(content["data"] for name, content in published if name == "execute_result")

    def send(self, msg_type, buffers=None, **content):
        """Send a comm message and return what was published while it was handled."""
        message = self.client.session.msg(msg_type, content)
        self.client.session.send(self.client.shell_channel.socket, message, buffers=buffers)
        return self.published(message["header"]["msg_id"])

    def text(self, published):
        return "".join(content["text"] for name, content in published if name == "stream")


def checked(message):
    kind = message["msg_type"]
    if kind in COMM_FIELDS:
        msg_structure_validator.validate(message)
        assert set(message["content"]) == COMM_FIELDS[kind]
    elif kind == "input_request":  # the schema wants `password` to be a number; the spec, a boolean
        assert isinstance(message["content"]["password"], bool)
        as_number = copy.deepcopy(message)
        as_number["content"]["password"] = 0
        validate_message(as_number)
    else:
        validate_message(message)
    return message


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "home").mkdir(mode=0o700)
    made = Notebook(folder)
    yield made
    made.stop()


# --- display --------------------------------------------------------------------------------------------------------


def test_what_is_displayed_can_be_changed_and_cleared(notebook):
    _, published = notebook.run(
        "display{{a = 1}} display('x', {id = 'q'}) display.update('q', 'y') display.clear{wait=true}"
    )

    assert [name for name, _ in published] == ["display_data", "display_data", "update_display_data", "clear_output"]
    assert published[0][1]["data"]["text/html"].startswith("<table")
    assert published[0][1]["transient"] == {}
    assert published[1][1]["transient"] == published[2][1]["transient"] == {"display_id": "q"}
    assert published[2][1]["data"] == {"text/plain": '"y"'}
    assert published[3][1] == {"wait": True}


def test_a_result_and_a_user_expression_have_the_same_rich_bundle(notebook):
    reply, published = notebook.run("{{a = 1}}", user_expressions={"rows": "{{a = 1}}", "plain": "1 + 1"})
    data = published[0][1]["data"]

    assert set(data) == {"text/plain", "text/html"}
    assert reply["user_expressions"]["rows"]["data"] == data
    assert reply["user_expressions"]["plain"]["data"] == {"text/plain": "2"}


def test_a_silent_cell_shows_nothing(notebook):
    assert notebook.run("display(1) display.clear() print('x')", silent=True)[1] == []


def test_a_tools_result_shows_as_a_table(notebook):
    data = notebook.value("Tool.execute('csv-analyzer', {input = 'city,t\\nRome,20\\nOslo,5\\n'})")

    assert "<table" in data["text/html"]


def test_a_bar_of_the_script_is_one_display_that_changes(notebook):
    _, published = notebook.run(
        "local bar <close> = display.progress(3, {message = 'work'}) for i = 1, 3 do bar:add() end"
    )
    ids = {content["transient"]["display_id"] for _, content in published}

    assert [name for name, _ in published] == ["display_data", "update_display_data"]
    assert published[-1][1]["data"]["text/plain"] == "[####################] 100% work"
    assert len(ids) == 1


def test_a_bar_that_goes_on_in_another_cell_shows_how_far_it_is(notebook):
    """Changes follow each other too quickly to be shown; the last of a cell is."""
    _, published = notebook.run("bar = display.progress(4) for i = 1, 3 do bar:add() end")
    _, later = notebook.run("bar:update(4)")

    assert "75%" in published[-1][1]["data"]["text/plain"]
    assert [name for name, _ in later] == ["update_display_data"]
    assert "100%" in later[0][1]["data"]["text/plain"]


SLOW_TOOL = """
from time import monotonic
from llmspell_tools.definition import ToolContext, tool

@tool(name="slow-count", category="utility")
def slow_count(context: ToolContext, *, seconds: float, fails: bool = False) -> str:
    \"\"\"Report progress for some time.

    Args:
        seconds: How long.
        fails: Whether to fail then.
    \"\"\"
    begin = monotonic()
    while (spent := monotonic() - begin) < seconds:
        context.check()
        context.progress(spent, seconds, "<counting>")
    if fails:
        raise RuntimeError("on purpose")
    return "counted"
"""


def test_only_a_long_tool_shows_a_bar_and_it_ends_with_the_tool(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "slow_count.py").write_text(SLOW_TOOL, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(f"[tools]\ndirectories = ['{tools}']\n", encoding="utf-8")
    made = Notebook(tmp_path)
    try:
        short = made.run("Tool.execute('slow-count', {seconds = 0.1}) return nil")[1]
        long = made.run("Tool.execute('slow-count', {seconds = 0.9}) print('after')")[1]
        failed = made.run("local ok = pcall(Tool.execute, 'slow-count', {seconds = 0.7, fails = true})")[1]
    finally:
        made.stop()

    assert [name for name, _ in short] == ["execute_result"]
    assert long[0][0] == "display_data"
    assert [name for name, _ in long][-2:] == ["update_display_data", "stream"]
    assert 3 <= len(long) <= 8  # one change each 0.1 s
    assert "&lt;counting&gt;" in long[0][1]["data"]["text/html"]
    assert long[-2][1]["data"]["text/plain"].startswith("[####################] 100% <counting> (done in ")
    assert "(failed in " in failed[-1][1]["data"]["text/plain"]


# --- input ----------------------------------------------------------------------------------------------------------


def test_io_read_asks_the_client(notebook):
    reply, published = notebook.run("io.write('name? ') local name = io.read() print('hi ' .. name)", answers=["Zoë"])

    assert reply["status"] == "ok"
    assert notebook.text(published) == "name? hi Zoë\n"
    assert notebook.questions == [{"prompt": "", "password": False}]


def test_lines_come_until_the_end_of_input_and_leave_nothing_to_the_next_cell(notebook):
    assert (
        notebook.text(notebook.run("for line in io.lines() do print(line) end", answers=["a", "b", "\x04"])[1])
        == "a\nb\n"
    )
    assert notebook.value("io.read('n')", answers=["42 rest"]) == {"text/plain": "42"}
    assert notebook.value("io.read()", answers=["new"]) == {"text/plain": '"new"'}


def test_a_password_is_asked_for_as_one(notebook):
    assert notebook.value("display.password('key: ')", answers=["secret"]) == {"text/plain": '"secret"'}
    assert notebook.questions == [{"prompt": "key: ", "password": True}]


def test_a_client_that_answers_nothing_gets_an_error(notebook):
    reply, _ = notebook.run("io.read()")

    assert reply["status"] == "error"
    assert "does not support input requests" in reply["evalue"]
    assert notebook.value("Tool.last_error().code") == {"text/plain": '"unavailable"'}


def test_a_question_can_be_interrupted_and_state_stays(notebook):
    msg_id = notebook.client.execute("kept = 5 pcall(io.read) while true do end", allow_stdin=True)
    notebook.client.get_stdin_msg(timeout=WAIT_S)
    message = notebook.client.session.msg("interrupt_request", {})
    notebook.client.control_channel.send(message)

    assert notebook.reply(msg_id)["ename"] == "KeyboardInterrupt"
    notebook.published(msg_id)
    assert notebook.value("kept") == {"text/plain": "5"}


# --- comms ----------------------------------------------------------------------------------------------------------


def test_a_comm_speaks_both_ways_with_buffers(notebook):
    _, published = notebook.run(
        "c = comm.open('t', {a = 1}, {buffers = {'\\0\\xff'}}) "
        "c:on_message(function(data, message) c:send({x = data.x * 2, n = #message.buffers[1]}) end)"
    )
    comm_id = published[0][1]["comm_id"]
    answers = notebook.send("comm_msg", comm_id=comm_id, data={"x": 4}, buffers=[b"\xff\xfe\x00"])

    assert published[0] == ("comm_open", {"comm_id": comm_id, "target_name": "t", "data": {"a": 1}})
    assert answers == [("comm_msg", {"comm_id": comm_id, "data": {"x": 8, "n": 3}})]


def test_a_client_opens_and_closes_a_registered_target(notebook):
    notebook.run("comm.register_target('mine', function(c, data) print('open', data.k) "
                 "c:on_close(function() print('closed') end) end)")  # fmt: skip

    assert notebook.text(notebook.send("comm_open", comm_id="m1", target_name="mine", data={"k": 1})) == "open\t1\n"
    message = notebook.client.session.msg("comm_info_request", {"target_name": "mine"})
    notebook.client.shell_channel.send(message)
    assert notebook.reply(message["header"]["msg_id"])["comms"] == {"m1": {"target_name": "mine"}}
    assert notebook.text(notebook.send("comm_close", comm_id="m1", data={})) == "closed\n"


def test_an_unknown_target_is_closed(notebook):
    assert notebook.send("comm_open", comm_id="u1", target_name="nobody", data={}) == [
        ("comm_close", {"comm_id": "u1", "data": {}})
    ]


def test_an_error_in_a_callback_is_shown_and_ends_nothing(notebook):
    _, published = notebook.run("c = comm.open('t') c:on_message(function(data) error('bad ' .. data.x) end)")
    answers = notebook.send("comm_msg", comm_id=published[0][1]["comm_id"], data={"x": "day"})

    assert answers[0][0] == "error"
    assert "bad day" in answers[0][1]["evalue"]
    assert notebook.value("1 + 1") == {"text/plain": "2"}


@pytest.mark.parametrize("content", [{}, {"comm_id": 5}, {"comm_id": "x", "data": []}, {"comm_id": "x", "data": None}])
def test_a_malformed_comm_message_has_no_effect(notebook, content):
    for kind in ("comm_open", "comm_msg", "comm_close"):
        assert all(name == "comm_close" for name, _ in notebook.send(kind, **content))


def test_an_endless_callback_can_be_interrupted(notebook):
    _, published = notebook.run("c = comm.open('t') c:on_message(function() print('on') while true do end end)")
    message = notebook.client.session.msg("comm_msg", {"comm_id": published[0][1]["comm_id"], "data": {}})
    notebook.client.shell_channel.send(message)
    while checked(notebook.client.get_iopub_msg(timeout=WAIT_S))["msg_type"] != "stream":
        pass
    notebook.client.control_channel.send(notebook.client.session.msg("interrupt_request", {}))

    assert notebook.published(message["header"]["msg_id"])[-1][1]["ename"] == "KeyboardInterrupt"


# --- widgets --------------------------------------------------------------------------------------------------------


def model_of(notebook, expression):
    reply, _ = notebook.run("return nil", user_expressions={"w": expression})
    return reply["user_expressions"]["w"]["data"][WIDGET_VIEW]["model_id"]


def test_a_button_is_shown_and_calls_its_function(notebook):
    data = notebook.value("n = 0 b = widgets.button{description = 'Go', on_click = function(w) n = n + 1 "
                          "print(w.description, n) end} return b")  # fmt: skip
    model = data[WIDGET_VIEW]["model_id"]
    answers = notebook.send("comm_msg", comm_id=model, data={"method": "custom", "content": {"event": "click"}})

    assert data["text/plain"] == 'widgets.button{description = "Go"}'
    assert data[WIDGET_VIEW] == {"version_major": 2, "version_minor": 0, "model_id": model}
    assert notebook.text(answers) == "Go\t1\n"
    assert notebook.value("n") == {"text/plain": "1"}


def test_a_slider_moves_a_bar(notebook):
    notebook.run("bar = widgets.progress{max = 10} s = widgets.slider{max = 10, "
                 "on_change = function(c) print(c.name, c.old, c.new) bar.value = c.new end}")  # fmt: skip
    slider, bar = model_of(notebook, "s"), model_of(notebook, "bar")
    answers = notebook.send("comm_msg", comm_id=slider, data={"method": "update", "state": {"value": 7}})

    assert notebook.text(answers) == "value\t0\t7\n"
    assert answers[-1] == (
        "comm_msg", {"comm_id": bar, "data": {"method": "update", "state": {"value": 7}, "buffer_paths": []}},
    )  # fmt: skip
    assert notebook.value("s.value") == {"text/plain": "7"}


def test_a_page_that_is_loaded_anew_gets_every_state(notebook):
    notebook.run("fresh = widgets.text{value = 'kept', description = 'T'}")
    model = model_of(notebook, "fresh")
    assert notebook.send("comm_open", comm_id="control", target_name="jupyter.widget.control", data={}) == []
    answers = notebook.send("comm_msg", comm_id="control", data={"method": "request_states"})
    state = answers[0][1]["data"]["states"][model]

    assert answers[0][1]["data"]["method"] == "update_states"
    assert (state["model_name"], state["model_module"]) == ("TextModel", "@jupyter-widgets/controls")
    assert state["state"]["value"] == "kept"
    assert (
        notebook.send("comm_msg", comm_id=model, data={"method": "request_state"})[0][1]["data"]["state"]["value"]
        == "kept"
    )


def test_an_output_widget_captures_what_a_function_prints(notebook):
    reply, published = notebook.run("o = widgets.output() o:capture(function() print('inside') end) print('outside')")
    names = [
        (name, content.get("text") or content["data"].get("state", {}).get("msg_id")) for name, content in published
    ]

    assert reply["status"] == "ok"
    assert [name for name, _ in names][-4:] == ["comm_msg", "stream", "comm_msg", "stream"]
    assert names[-4][1]  # the cell's own message id
    assert [names[-3][1], names[-2][1], names[-1][1]] == ["inside\n", "", "outside\n"]


def test_a_closed_widget_leaves_no_comms(notebook):
    message = notebook.client.session.msg("comm_info_request", {"target_name": "jupyter.widget"})
    notebook.client.shell_channel.send(message)
    before = notebook.reply(message["header"]["msg_id"])["comms"]
    notebook.run("w = widgets.checkbox{description = 'c', layout = {width = '50%'}} w:close()")
    message = notebook.client.session.msg("comm_info_request", {"target_name": "jupyter.widget"})
    notebook.client.shell_channel.send(message)

    assert notebook.reply(message["header"]["msg_id"])["comms"] == before


# --- other clients --------------------------------------------------------------------------------------------------


def test_a_kernel_that_waits_for_an_answer_ends_when_asked(tmp_path):
    made = Notebook(tmp_path)
    try:
        made.client.execute("io.read()", allow_stdin=True)
        made.client.get_stdin_msg(timeout=WAIT_S)
        made.process.terminate()

        assert made.process.wait(WAIT_S) == 0
    finally:
        made.stop()


def test_nbclient_keeps_outputs_updates_and_widgets(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    kernelspec.install(prefix=str(tmp_path), name="lua-front")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "home"))
    cells = [
        "display('one', {id = 'x'})",
        "display.update('x', 'two') print('gone') display.clear{wait = true} print('stays')",
        "bar = widgets.progress{max = 3} for i = 1, 3 do bar.value = i end return bar",
        "out = widgets.output() out:capture(function() print('captured') end) return out",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    nbclient.NotebookClient(notebook, kernel_name="lua-front", timeout=30).execute()
    nbformat.validate(notebook)
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()

    assert notebook.cells[0].outputs[0].data == {"text/plain": '"two"'}
    assert [output.text for output in notebook.cells[1].outputs] == ["stays\n"]
    assert WIDGET_VIEW in notebook.cells[2].outputs[0].data
    assert [each["state"]["value"] for each in states if each["model_name"] == "FloatProgressModel"] == [3]
    captured = next(each["state"]["outputs"] for each in states if each["model_name"] == "OutputModel")
    assert [output["text"] for output in captured] == ["captured\n"]
