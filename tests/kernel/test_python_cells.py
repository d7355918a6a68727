"""`%%python` in a real kernel process: what cells show, ask, raise and share with Lua (issue 4, "Magics")."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_kernel_test.msgspec_v5 import validate_message
from magic_bench import Bench

from llmspell_kernel.errors import PythonCellFailed
from llmspell_tools.errors import ToolTimeout

pytestmark = pytest.mark.subprocess
WAIT_S = 5.0
#: The first Python cell loads IPython, the first figure matplotlib.
LOAD_S = 10.0
#: An own tool that tells what the kernel has imported, and prints.
SPY = """
import sys
from llmspell_tools.definition import tool


@tool(name="imported", category="custom")
def imported() -> list:
    "Tell what is imported."
    print("spying")
    return sorted(sys.modules)
"""


class Notebook:
    """A kernel process and its client."""

    def __init__(self, folder):
        (folder / "home").mkdir(mode=0o700)
        (folder / "tools").mkdir()
        (folder / "tools" / "spy.py").write_text(SPY, encoding="utf-8")
        self.file = str(folder / "connection.json")
        environment = {
            **os.environ,
            "LLMSPELL_HOME": str(folder / "home"),
            "IPYTHONDIR": str(folder / "ipython"),
            "MPLCONFIGDIR": str(folder / "matplotlib"),
        }
        environment.pop("JPY_PARENT_PID", None)
        environment.pop("MPLBACKEND", None)
        command = [sys.executable, "-m", "llmspell", "kernel", "start", "-f", self.file, "--tools-dir"]
        self.process = subprocess.Popen(
            [*command, str(folder / "tools")], env=environment, cwd=folder, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + WAIT_S
        while not os.path.exists(self.file):
            assert time.monotonic() < end
            assert self.process.poll() is None
            threading.Event().wait(0.01)
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LOAD_S)

    def stop(self):
        self.client.stop_channels()
        self.client.context.destroy(0)
        self.process.kill()
        self.process.wait(WAIT_S)

    def ask(self, msg_type, **content):
        message = self.client.session.msg(msg_type, content)
        self.client.shell_channel.send(message)
        return self.reply(message["header"]["msg_id"])

    def reply(self, msg_id):
        while True:
            reply = self.client.get_shell_msg(timeout=LOAD_S)
            if reply["parent_header"]["msg_id"] == msg_id:
                return reply["content"]

    def messages(self, msg_id):
        """Yield (type, content) of what one cell publishes between busy and idle."""
        while True:
            message = self.client.get_iopub_msg(timeout=LOAD_S)
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if not message["msg_type"].startswith("comm_"):  # the schemas know none
                validate_message(message)
            if message["content"] == {"execution_state": "idle"}:
                return
            if message["msg_type"] not in {"status", "execute_input"}:
                yield message["msg_type"], message["content"]

    def run(self, code, *, answers=(), **options):
        msg_id = self.client.execute(code, allow_stdin=bool(answers), **options)
        for answer in answers:
            self.question = self.client.get_stdin_msg(timeout=LOAD_S)["content"]
            self.client.input(answer)
        self.published = list(self.messages(msg_id))
        return self.reply(msg_id)

    def python(self, code, **options):
        return self.run(f"%%python\n{code}", **options)

    def value(self, code):
        """Run a Python cell and return the text of its result."""
        reply = self.python(code)
        assert reply["status"] == "ok", reply
        return self.data["text/plain"]

    def lua(self, code):
        reply = self.run(code)
        assert reply["status"] == "ok", reply
        return self.data["text/plain"]

    @property
    def data(self):
        """The bundle of the last cell's result."""
        return next(content["data"] for name, content in self.published if name == "execute_result")

    @property
    def text(self):
        """What the last cell printed."""
        return "".join(content["text"] for name, content in self.published if name == "stream")

    def interrupted(self, code, interrupt):
        """Run a Python cell that prints first, interrupt it then, and return its reply."""
        msg_id = self.client.execute(f"%%python\nprint('on', flush=True)\n{code}")
        published = self.messages(msg_id)
        self.published = [next(published)]
        interrupt()
        self.published += published
        return self.reply(msg_id)

    def by_message(self):
        self.client.control_channel.send(self.client.session.msg("interrupt_request", {}))
        assert self.client.get_control_msg(timeout=WAIT_S)["content"]["status"] == "ok"

    def by_signal(self):
        self.process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    made = Notebook(tmp_path_factory.mktemp("notebook"))
    yield made
    made.stop()


def test_python_costs_nothing_until_it_is_used(notebook):
    """First in this module: no cell has been Python yet."""
    notebook.lua("1 + 1")
    assert notebook.lua("%time 1 + 1") == "2"
    reply = notebook.ask("tool_request", command="invoke", name="imported")

    imported = set(reply["result"]["output"])
    assert not imported & {"IPython", "traitlets", "jedi", "ipykernel", "jupyter_client", "asyncio", "matplotlib"}
    assert "llmspell_kernel.python.shell" not in imported


def test_a_cell_prints_and_gives_its_last_value(notebook):
    notebook.python("import sys\nprint('out'); print('err', file=sys.stderr)\n[1, 'x']")

    assert [(name, content.get("name")) for name, content in notebook.published] == [
        ("stream", "stdout"), ("stream", "stderr"), ("execute_result", None)
    ]  # fmt: skip
    assert notebook.data == {"text/plain": "[1, 'x']"}
    count = notebook.run("1")["execution_count"]
    assert notebook.python("'numbered'")["execution_count"] == count + 1
    assert notebook.published[-1][1]["execution_count"] == count + 1
    assert notebook.value("_") == "'numbered'"


def test_names_stay_and_a_cell_may_await(notebook):
    notebook.python("import asyncio\nasync def double(n):\n    await asyncio.sleep(0)\n    return 2 * n")

    assert notebook.value("await double(21)") == "42"


def test_an_error_is_ipythons_with_the_authors_frames_only(notebook):
    reply = notebook.python("def f(n):\n    return 1 / n\n\nf(0)")
    shown = "\n".join(reply["traceback"])
    assert (reply["ename"], reply["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert notebook.published[-1][0] == "error"
    assert "In[" in shown
    assert "line 5" in shown.replace("\x1b[39m\x1b[32m", "")  # as the cell shows it
    assert "line 3" in shown.replace("\x1b[39m\x1b[32m", "")

    reply = notebook.python("tools.calculator(inputt='1')")
    shown = "\n".join(reply["traceback"])
    assert reply["ename"] == "InvalidParameters"
    assert "did you mean 'input'?" in shown
    assert "llmspell_tools" not in shown

    reply = notebook.python("tools.calculatr")
    assert "did you mean 'calculator'?" in reply["evalue"]
    assert "llmspell_tools" not in "\n".join(reply["traceback"])

    assert notebook.python("x = = 1")["ename"] == "SyntaxError"
    assert notebook.python("raise ExceptionGroup('several', [ValueError(1)])")["ename"] == "ExceptionGroup"
    assert notebook.python("%nothing")["ename"] == "UsageError"


def test_rich_values_are_shown_as_in_a_python_notebook(notebook):
    notebook.python(
        "from IPython.display import HTML, clear_output, display\n"
        "handle = display(HTML('<b>x</b>'), display_id=True)\nhandle.update(1)\nclear_output(wait=True)\n"
        "class Page:\n    def _repr_html_(self): return '<i>'\nPage()"
    )

    names = [name for name, _ in notebook.published]
    assert names == ["display_data", "update_display_data", "clear_output", "execute_result"]
    assert notebook.published[0][1]["data"]["text/html"] == "<b>x</b>"
    assert notebook.published[1][1]["transient"] == notebook.published[0][1]["transient"]
    assert notebook.data["text/html"] == "<i>"


def test_figures_come_inline(notebook):
    pytest.importorskip("matplotlib")
    notebook.python("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);")

    (name, content) = notebook.published[-1]
    assert name == "display_data"
    assert content["data"]["image/png"].startswith("iVBORw0KGgo")


def test_tools_are_functions_of_the_same_registry(notebook):
    notebook.run("Tool.register{name = 'shout', description = 'Shout.', execute = function(p) return p.x .. '!' end}")

    assert notebook.value("tools.calculator(input='6 * 7').output['result']['result']") == "42.0"
    assert notebook.value("tools.shout(x='hey').output") == "'hey!'"
    notebook.python("tools.csv_analyzer(operation='analyze', input='a,b\\n1,2')")
    assert notebook.data["text/html"].startswith("<table")
    assert notebook.python("tools.nothing")["ename"] == "NoSuchTool"
    assert notebook.value("hasattr(tools, 'nothing')") == "False"


def test_prints_of_own_tools_belong_to_the_cell(notebook):
    notebook.python("print('before'); len(tools.imported().output) > 9")
    assert notebook.text == "before\nspying\n"

    notebook.run("print('before') local r = %tool imported\nprint('after')")
    assert notebook.text == "before\nspying\nafter\n"


def test_simple_values_cross_both_ways(notebook):
    notebook.run("x = {1, 2, {a = 'ü'}} f = function() return 1, nil, 'two' end")

    assert notebook.value("lua.x, lua['x'][2], 'x' in lua, 'y' in lua") == (
        "([1, 2, {'a': 'ü'}], {'a': 'ü'}, True, False)"
    )
    assert notebook.value("lua('f()'), lua('y = 5 return y'), lua.y") == "((1, None, 'two'), 5, 5)"
    assert notebook.value("'y' in list(lua)") == "True"
    notebook.python("import datetime\nlua.z = {'list': (1, 2), 'day': datetime.date(2026, 1, 2)}; word = 'wörd'")
    assert notebook.lua("z.list[2] .. z.day .. python.word") == '"22026-01-02wörd"'
    notebook.run("python.made = {n = {1, 2}} z = nil")
    assert notebook.value("made['n'], hasattr(lua, 'z')") == "([1, 2], False)"
    assert notebook.lua("python.nothing") == "nil"


@pytest.mark.parametrize(
    ("code", "ename", "part"),
    [
        ("%%python\nlua.f", "TypeError", "lua.f: the value is a function"),
        ("%%python\nlua.nope", "AttributeError", "no global 'nope'"),
        ("%%python\nlua['nope']", "KeyError", "nope"),
        ("%%python\nlua.q = object()", "TypeError", "'lua.q' holds a object"),
        ("%%python\nlua('error(1)')", "ScriptError", "1"),
        ("return python.tools", "ScriptError", "'python.tools' holds a Toolbox"),
        ("python.p = print", "ScriptError", "python.p: the value is a function"),
        ("python['no name'] = 1", "ScriptError", "no name in Python"),
    ],
)
def test_what_cannot_cross_says_so(notebook, code, ename, part):
    notebook.run("f = function() end")
    reply = notebook.run(code)

    assert reply["ename"] == ename
    assert part in reply["evalue"]


def test_input_asks_the_client(notebook):
    notebook.python("import getpass\nprint(input('name? '), getpass.getpass('pin? '))", answers=["bob", "1234"])

    assert notebook.question == {"prompt": "pin? ", "password": True}
    assert notebook.text == "bob 1234\n"
    assert notebook.python("input()")["ename"] == "StdinNotImplementedError"


def test_ipythons_own_magics_and_pages_work(notebook):
    notebook.python("%timeit -n 2 -r 2 1 + 1")
    assert "2 runs, 2 loops" in notebook.text.replace(" each", "")
    assert notebook.python("len?")["payload"][0]["source"] == "page"
    assert notebook.python("exit")["payload"] == [{"source": "ask_exit", "keepkernel": False}]


@pytest.mark.parametrize("interrupt", ["by_message", "by_signal"])
@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(60)", "while True: pass", "while True: print('x' * 99)", "lua('while true do end')"],
)
def test_a_cell_is_interrupted_and_the_kernel_goes_on(notebook, code, interrupt):
    notebook.python("kept = 'kept'")

    reply = notebook.interrupted(code, getattr(notebook, interrupt))

    assert reply["ename"] == "KeyboardInterrupt"
    assert notebook.value("kept") == "'kept'"
    assert notebook.lua("1 + 1") == "2"


def test_an_interrupt_that_is_caught_comes_once(notebook):
    code = (
        "import threading\ntry:\n    threading.Event().wait(60)\nexcept KeyboardInterrupt:\n    print('caught')\n"
        "threading.Event().wait(0.6)\n'done'"
    )

    assert notebook.interrupted(code, notebook.by_message)["status"] == "ok"
    assert notebook.text == "on\ncaught\n"


def test_an_interrupt_ends_a_question(notebook):
    msg_id = notebook.client.execute("%%python\ninput('? ')", allow_stdin=True)
    assert notebook.client.get_stdin_msg(timeout=WAIT_S)["content"]["prompt"] == "? "

    notebook.by_message()

    assert notebook.reply(msg_id)["ename"] == "KeyboardInterrupt"
    notebook.published = list(notebook.messages(msg_id))
    assert notebook.value("1 + 1") == "2"


def test_signals_stay_the_kernels(notebook):
    notebook.python(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.set_wakeup_fd(-1)"
    )

    reply = notebook.interrupted("while True: pass", notebook.by_signal)

    assert reply["ename"] == "KeyboardInterrupt"


def test_clients_complete_and_inspect_python(notebook):
    code = "%%python\ntools.calcu"
    reply = notebook.ask("complete_request", code=code, cursor_pos=len(code))
    assert reply["matches"] == ["calculator"]
    assert code[: reply["cursor_start"]] == "%%python\ntools."

    code = "%%python\ntools.calculator(inp"
    assert notebook.ask("complete_request", code=code, cursor_pos=len(code))["matches"] == ["input="]
    data = notebook.ask("inspect_request", code=code, cursor_pos=20, detail_level=0)["data"]
    assert "Evaluate a mathematical expression" in data["text/plain"]
    for text, status in [("for i in x:", "incomplete"), ("x = 1\n\n", "complete")]:
        assert notebook.ask("is_complete_request", code=f"%%python\n{text}")["status"] == status


@pytest.mark.parametrize(
    ("code", "matches", "typed"),
    [
        ("text.upp", ["upper"], "upp"),
        ("text.upper().isal", ["isalnum", "isalpha"], "isal"),
        ("def f(parameter):\n    par", ["parameter"], "par"),
        ("import json\njson.dum", ["dump", "dumps"], "dum"),
        ("nothing_there.at", [], ""),
        ("%%timei", ["%%timeit"], "%%timei"),
        ("import zipim", ["zipimport"], "zipim"),
        ("tools.calculator(input='1', ", ["operation=", "variables="], ""),
        ("tools.calculator(input=str(1), va", ["variables="], "va"),
        ("tools.calculator(input=text.upp", ["upper"], "upp"),
        ("tools.nothing(text.upp", ["upper"], "upp"),
    ],
)
def test_python_goes_on_by_its_values_and_the_words_of_the_cell(notebook, code, matches, typed):
    notebook.python("text = 'a'")
    cell = f"%%python\n{code}"
    reply = notebook.ask("complete_request", code=cell, cursor_pos=len(cell))

    assert (reply["matches"], cell[reply["cursor_start"] :]) == (matches, typed)


def test_magics_do_not_stand_among_the_names(notebook):
    reply = notebook.ask("complete_request", code="%%python\nprint(", cursor_pos=15)

    assert "abs" in reply["matches"]
    assert not [match for match in reply["matches"] if match.startswith("%")]


def test_widgets_of_python_send_and_hear(notebook):
    pytest.importorskip("ipywidgets")
    notebook.python(
        "import ipywidgets\nbutton = ipywidgets.Button(description='go')\nclicks = []\n"
        "def clicked(_):\n    clicks.append(1)\n    print('clicked')\n    clicks[5]\nbutton.on_click(clicked)\nbutton"
    )
    assert {name for name, _ in notebook.published} == {"comm_open", "execute_result"}
    model = notebook.data["application/vnd.jupyter.widget-view+json"]["model_id"]

    click = {"method": "custom", "content": {"event": "click"}}
    message = notebook.client.session.msg("comm_msg", {"comm_id": model, "data": click})
    notebook.client.shell_channel.send(message)
    published = list(notebook.messages(message["header"]["msg_id"]))

    assert [(name, content.get("text", content.get("ename"))) for name, content in published] == [
        ("stream", "clicked\n"), ("error", "IndexError")
    ]  # fmt: skip
    assert notebook.value("clicks") == "[1]"


def test_a_cell_runs_in_a_subshell_while_lua_loops(notebook):
    control = notebook.client.session.msg("create_subshell_request", {})
    notebook.client.control_channel.send(control)
    subshell = notebook.client.get_control_msg(timeout=WAIT_S)["content"]["subshell_id"]
    looping = notebook.client.execute("while not stop do end")
    message = notebook.client.session.msg("execute_request", {"code": "%%python\nlua.stop = True"})
    message["header"]["subshell_id"] = subshell
    notebook.client.shell_channel.send(message)

    replies = [notebook.client.get_shell_msg(timeout=WAIT_S) for _ in range(2)]
    assert {reply["parent_header"]["msg_id"] for reply in replies} == {message["header"]["msg_id"], looping}
    assert [reply["content"]["status"] for reply in replies] == ["ok", "ok"]


def test_cells_are_in_the_history(notebook):
    notebook.value("'remembered'")
    history = notebook.ask("history_request", hist_access_type="tail", n=1, output=True, raw=True)["history"]

    assert history[-1][2] == ["%%python\n'remembered'", "'remembered'"]


def test_a_silent_cell_shows_nothing(notebook):
    notebook.run("%%python\nprint(1); quiet = 2\nquiet", silent=True)

    assert notebook.published == []
    assert notebook.value("quiet") == "2"


def test_a_cell_that_runs_too_long_is_ended(tmp_path):
    """`kernel start --timeout`: seconds that one cell may run; the deadline breaks it as an interrupt does."""

    class Shell:
        def run(self, code, number, **_):
            return None, PythonCellFailed("KeyboardInterrupt", "", [])

        def take_payload(self):
            return []

    bench = Bench(tmp_path)
    bench.run("%who")
    python = bench.magics._magics.python
    python._shell = Shell()

    with pytest.raises(ToolTimeout):
        python.run("", 1, lines_above=1, timeout_s=0.0, is_stored=False, is_silent=False)
    with pytest.raises(PythonCellFailed):
        python.run("", 1, lines_above=1, timeout_s=60.0, is_stored=False, is_silent=False)
    bench.close()
