"""`%load_ext llmspell` in a real ipykernel, as a notebook's front end sees it."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("ipykernel")
pytestmark = pytest.mark.subprocess


class Notebook:
    """A kernel and its client; waits are bounded by 5 s, its start by 60 s."""

    def __init__(self, folder):
        from jupyter_client.manager import KernelManager

        self._manager = KernelManager(kernel_name="python3", transport_encryption="auto")
        self._manager.start_kernel(
            cwd=str(folder), env={**os.environ, "HOME": str(folder), "IPYTHONDIR": str(folder / "ipython")}
        )
        self.client = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code, on_stream=None):
        """Run a cell; return the reply's status and the messages of its output as (type, content)."""
        sent = self.client.execute(code)
        found = self.messages(sent, on_stream)
        while (reply := self.client.get_shell_msg(timeout=5))["parent_header"].get("msg_id") != sent:
            pass
        return reply["content"]["status"], found

    def messages(self, sent, on_stream=None):
        found = []
        while True:
            message = self.client.get_iopub_msg(timeout=5)
            content, kind = message["content"], message["msg_type"]
            if message["parent_header"].get("msg_id") != sent:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return found
            if kind not in {"status", "execute_input"}:
                found.append((kind, content))
            if kind == "stream" and on_stream is not None:
                on_stream()

    def interrupt(self):
        self._manager.interrupt_kernel()

    def close(self):
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    made = Notebook(tmp_path_factory.mktemp("ipykernel"))
    assert made.run("%load_ext llmspell")[0] == "ok"
    yield made
    made.close()


def test_a_cell_of_lua_prints_while_it_runs_and_gives_its_value(notebook):
    printed = []
    status, found = notebook.run(
        "%%lua\nprint('first')\nlocal stop = os.clock() + 0.3\nwhile os.clock() < stop do end\nprint('last');\n"
        "{{a = 1}, {a = 2}}",
        on_stream=lambda: printed.append(1),
    )  # fmt: skip

    assert status == "ok"
    assert "".join(content["text"] for kind, content in found if kind == "stream") == "first\nlast\n"
    assert len(printed) == 2
    assert "<table" in found[-1][1]["data"]["text/html"]


def test_the_interrupt_button_stops_lua_and_keeps_variables(notebook):
    status, found = notebook.run("%%lua\nkept = 5\nprint('began')\nwhile true do end", on_stream=notebook.interrupt)

    assert status == "error"
    assert found[-1][1]["ename"] == "KeyboardInterrupt"
    assert notebook.run("%lua kept")[1][-1][1]["data"]["text/plain"] == "5"


def test_the_interrupt_button_stops_a_tool(notebook):
    notebook.run(
        "import llmspell, time\n@llmspell.tool(name='sleeper')\ndef sleeper() -> str:\n    'Sleep.'\n"
        "    print('began', flush=True)\n    time.sleep(60)\n    return ''\nllmspell.registry().register(sleeper)"
    )
    for cell in ("%tool sleeper", "%lua Tool.execute('sleeper', {})"):
        status, found = notebook.run(cell, on_stream=notebook.interrupt)

        assert (status, found[-1][1]["ename"]) == ("error", "KeyboardInterrupt")


def test_an_error_is_an_error_message_without_our_frames(notebook):
    _, found = notebook.run("%%lua\nerror('boom')")
    kind, content = found[-1]

    assert (kind, content["ename"]) == ("error", "ScriptError")
    assert content["traceback"][0].startswith("ScriptError: In[")
    assert "llmspell" not in "".join(content["traceback"])


def test_a_long_tool_shows_one_bar_that_changes(notebook):
    notebook.run(
        "import llmspell, time\n@llmspell.tool(name='stepper')\ndef stepper(context) -> str:\n    'Step.'\n"
        "    for step in range(8):\n        context.progress(step, 8, 'steps')\n        time.sleep(0.1)\n"
        "    return 'done'\nllmspell.registry().register(stepper)"
    )
    _, found = notebook.run("%tool stepper")
    kinds = [kind for kind, _ in found]
    ids = {content["transient"]["display_id"] for kind, content in found if kind.endswith("display_data")}

    assert kinds[0] == "display_data"
    assert set(kinds[1:-1]) == {"update_display_data"}
    assert len(ids) == 1
    assert "100%" in found[-2][1]["data"]["text/plain"]
    assert kinds[-1] == "execute_result"


def test_a_button_made_by_lua_calls_lua_back(notebook):
    _, found = notebook.run("%%lua\npressed = 0\nbutton = widgets.button{description = 'Press', "
                            "on_click = function() pressed = pressed + 1 print('pressed') end}\nbutton")  # fmt: skip
    opened = [content for kind, content in found if kind == "comm_open"]
    button = next(each for each in opened if each["data"]["state"].get("_model_name") == "ButtonModel")
    content = {"comm_id": button["comm_id"], "data": {"method": "custom", "content": {"event": "click"}}}
    message = notebook.client.session.msg("comm_msg", content)
    notebook.client.shell_channel.send(message)
    shown = notebook.messages(message["header"]["msg_id"])

    assert "application/vnd.jupyter.widget-view+json" in found[-1][1]["data"]
    assert [content["text"] for kind, content in shown if kind == "stream"] == ["pressed\n"]
    assert notebook.run("%lua pressed")[1][-1][1]["data"]["text/plain"] == "1"


def test_tab_completes_tools_and_lua(notebook):
    for code, wanted in (("%tool calcu", "calculator"), ("%%lua\nstring.up", "upper")):
        sent = notebook.client.complete(code, len(code))
        while (reply := notebook.client.get_shell_msg(timeout=5))["parent_header"].get("msg_id") != sent:
            pass

        assert reply["content"]["matches"] == [wanted]


def test_lua_asks_in_the_notebook(notebook):
    sent = notebook.client.execute("%lua 'hello, ' .. io.read()", allow_stdin=True)
    assert notebook.client.get_stdin_msg(timeout=5)["msg_type"] == "input_request"
    notebook.client.input("Ada")
    found = notebook.messages(sent)

    assert found[-1][1]["data"]["text/plain"] == "'hello, Ada'"
