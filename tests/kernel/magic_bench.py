"""Cells with magics on a real Lua engine in this process: what they publish and reply, and whom they ask."""

from __future__ import annotations

import json
from functools import cache

from llmspell_kernel.calls import DirectCalls, Requester
from llmspell_kernel.comms import Comms
from llmspell_kernel.dispatch import Request
from llmspell_kernel.display import KernelFront
from llmspell_kernel.engine import LateEngine
from llmspell_kernel.handlers.execute import Cells, execute_request
from llmspell_kernel.handlers.tool import ToolDesk, tool_request
from llmspell_kernel.language import Languages
from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.magics.late import LateMagics
from llmspell_kernel.message import Message
from llmspell_kernel.output import Output
from llmspell_kernel.running import Running
from llmspell_kernel.streams import Outlet
from llmspell_kernel.wire import Wire
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


class Questions:
    """Answers questions from a list; with an empty one nobody can be asked."""

    def __init__(self):
        self.answers = []
        self.asked = []

    def can_ask(self, request):
        return bool(self.answers)

    def ask(self, request, prompt, *, password, check):
        check()
        self.asked.append(prompt)
        return self.answers.pop(0)


class Bench:
    """A kernel without sockets.

    Args:
        folder: What may be read.
        policy: Instead of the default one of that folder.
        tools: Registered beside the built-in ones.
    """

    def __init__(self, folder, policy=None, tools=()):
        self.published = []
        self.wire = Wire(b"key")
        self.questions = Questions()
        self.output = Output()
        self.outlet = Outlet()
        self.running = Running()
        registry = ToolRegistry(policy=policy or Policy.default(cwd=str(folder)))
        for tool in tools:
            registry.register(tool)
        front = cache(lambda: KernelFront(self.output, self.questions, Comms(self.wire, self._publish)))
        self.engine = LateEngine(lambda: LuaEngine(registry, write=self.output.write, front=front()))

        def find_registry():
            return self.engine.registry(registry)

        requester = Requester(self.output, self.outlet, front)
        self.magics = LateMagics(self.engine, DirectCalls(find_registry, self.running, requester), requester)
        self.language = Languages(self.magics, self.engine)
        self.cells = Cells(self.engine, self.output, self.running)
        self.cells.magics, self.cells.language = self.magics, self.language
        self.desk = ToolDesk(find_registry, self.running, None, requester)

    def run(self, code, **content):
        """Run a cell and return its reply; `published` has what it published, its echo left out."""
        self.published.clear()
        reply = execute_request(self.cells, self.request(code=code, **content))
        self.published = [each for each in self.published if each[0] != "execute_input"]
        return json.loads(reply) if isinstance(reply, bytes) else reply

    def tool(self, **content):
        """Send a tool_request and return its reply."""
        self.published.clear()
        return tool_request(self.desk, self.request(**content))

    def value(self, code):
        """Run a cell that gives something and return its text."""
        reply = self.run(code)
        assert reply["status"] == "ok", reply
        return next(content["data"]["text/plain"] for name, content in self.published if name == "execute_result")

    @property
    def text(self):
        """What the last cell printed."""
        return "".join(content["text"] for name, content in self.published if name == "stream")

    def request(self, **content):
        """Return a request that publishes here."""
        header = {"msg_id": "m", "msg_type": "x_request", "session": "s"}
        return Request(Message([b"client"], header, b"{}", b"{}", content), self.wire, self._publish)

    def close(self):
        self.outlet.close()
        self.engine.close()

    def _publish(self, frames):
        self.published.append((json.loads(frames[3])["msg_type"], json.loads(frames[6])))
