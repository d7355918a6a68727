"""Own tools in a kernel: what is said and when; tools of a folder and of cells, by message to a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from jupyter_client import BlockingKernelClient

from llmspell_kernel.own_tools import OwnTools
from llmspell_kernel.running import Running
from llmspell_tools.own_tools import OwnTools as Files
from llmspell_tools.registry import ToolRegistry

WAIT_S = 5.0
GOOD = "from llmspell_tools.definition import tool\n@tool(name='one')\ndef one() -> str:\n    'Do.'\n    return 'one'\n"


class Desk:
    """Own tools of one folder, and what cells were told."""

    def __init__(self, *folders):
        self.told = []
        self.registry = ToolRegistry(own=Files([str(folder) for folder in folders], path=[]))
        overlay = self.registry.overlay()
        self.own = OwnTools(lambda: overlay, Running(), lambda stream, text: self.told.append((stream, text)))

    def cell(self):
        """Do what a cell does; return what is told during it."""
        self.told.clear()
        self.own.refresh()
        self.own.tell()
        return [*self.told]


@pytest.fixture(autouse=True)
def _leave_the_path_alone(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_problem_is_told_once_and_again_when_it_comes_back(tmp_path):
    file = tmp_path / "one.py"
    file.write_text("1 / 0", encoding="utf-8")
    desk = Desk(tmp_path)
    desk.registry.list()

    ((stream, text),) = desk.cell()
    assert stream == "stderr"
    assert text.startswith(f"Warning: {file}, line 1, does not load: ZeroDivisionError")
    assert desk.cell() == []
    assert len(desk.own.problems) == 1
    file.write_text(GOOD, encoding="utf-8")
    assert desk.cell() == []
    assert desk.own.problems == []
    file.write_text("1 / 0 # again", encoding="utf-8")
    assert len(desk.cell()) == 1


def test_nothing_is_looked_at_where_no_folder_is_named(monkeypatch):
    desk = Desk()

    def never(*_):
        raise AssertionError("looked")

    monkeypatch.setattr(desk.registry, "refresh", never)
    assert desk.cell() == []


class Kernel:
    """A kernel process with a folder of own tools, and its client."""

    def __init__(self, folder, tmp_path):
        file = str(tmp_path / "connection.json")
        environment = {**os.environ, "LLMSPELL_HOME": str(tmp_path / "home")}
        environment.pop("JPY_PARENT_PID", None)
        words = ["-m", "llmspell", "kernel", "start", "-f", file, "--tools-dir", str(folder)]
        self.process = subprocess.Popen(
            [sys.executable, *words], env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        self.client = BlockingKernelClient(connection_file=file)
        try:
            while not os.path.exists(file):
                assert self.process.poll() is None
            self.client.load_connection_file()
            self.client.start_channels()
            self.client.wait_for_ready(timeout=30)
        except BaseException:
            self.close()
            raise

    def tool(self, command, name=None, **content):
        message = self.client.session.msg("tool_request", {"command": command, "name": name, **content})
        self.client.shell_channel.send(message)
        return self.reply_to(message["header"]["msg_id"])

    def reply_to(self, msg_id):
        while True:
            reply = self.client.shell_channel.get_msg(timeout=WAIT_S)
            if reply["parent_header"].get("msg_id") == msg_id:
                return reply["content"]

    def cell(self, code):
        return self.reply_to(self.client.execute(code))

    def wait_for(self, path):
        while not path.exists():
            assert self.process.poll() is None

    def close(self):
        self.client.stop_channels()
        self.client.context.destroy(0)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=WAIT_S)


@pytest.fixture
def kernel(tmp_path):
    (tmp_path / "own").mkdir()
    started = Kernel(tmp_path / "own", tmp_path)
    yield started
    started.close()


DEFINE = """Tool.register{{ name = 'adder', description = '{0}', parameters = {{
    {{ name = 'a', type = 'number', required = true }}, {{ name = 'b', type = 'number' }} }},
    examples = {{ {{ params = {{ a = 1, b = 2 }}, result = 3 }} }},
    execute = function(p)
      if p.a < 0 then error('too small') end
      if p.a == 99 then while true do end end
      if p.a == 7 then return Tool.invoke('adder', {{ a = 1, b = 1 }}).data end
      if p.a == 8 then return coroutine.wrap(function() return Tool.invoke('adder', {{ a = 7 }}).data end)() end
      return p.a + (p.b or 0)
    end }}"""


@pytest.mark.subprocess
def test_a_tool_of_a_cell_is_called_by_message(kernel):
    assert kernel.cell(DEFINE.format("first"))["status"] == "ok"
    assert "adder" in kernel.tool("list")["tools"]
    assert kernel.tool("info", "adder")["description"] == "first"
    assert kernel.tool("invoke", "adder", params={"a": 1, "b": 2})["result"]["output"] == 3
    assert kernel.tool("invoke", "adder", params={"a": 8})["result"]["output"] == 2
    assert kernel.tool("test", "adder")["success"] is True
    refused = kernel.tool("invoke", "adder", params={"b": 2})
    assert (refused["error_type"], refused["details"]["field"]) == ("validation_error", "a")
    failed = kernel.tool("invoke", "adder", params={"a": -1})
    assert failed["error_type"] == "execution_error"
    assert "too small" in failed["error"]
    assert kernel.tool("invoke", "adder", params={"a": 99}, timeout=0.1)["error_type"] == "timeout"
    assert kernel.cell(DEFINE.format("second"))["status"] == "ok"
    assert kernel.tool("info", "adder")["description"] == "second"
    assert kernel.cell("Tool.register{ name = 'calculator', execute = print }")["ename"] == "ScriptError"
    assert kernel.tool("invoke", "calculator", params={"input": "1+1"})["status"] == "ok"


@pytest.mark.subprocess
def test_a_file_that_never_ends_loading_is_interrupted(kernel, tmp_path):
    text = f"open({str(tmp_path / 'began')!r}, 'w').close()\nimport threading\nthreading.Event().wait(60)\n"
    (tmp_path / "own/slow.py").write_text(text, encoding="utf-8")
    (tmp_path / "own/the_one.py").write_text(GOOD, encoding="utf-8")
    msg_id = kernel.client.execute("1 + 1")
    kernel.wait_for(tmp_path / "began")
    kernel.client.control_channel.send(kernel.client.session.msg("interrupt_request", {}))

    assert kernel.reply_to(msg_id)["ename"] == "KeyboardInterrupt"
    assert kernel.tool("invoke", "one")["result"]["output"] == "one"
    assert ["slow.py was interrupted" in problem for problem in kernel.tool("list")["problems"]] == [True]
    assert kernel.cell("1 + 1")["status"] == "ok"
