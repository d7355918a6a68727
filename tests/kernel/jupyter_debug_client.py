"""Asks a kernel's debugger as a notebook does: debug_request on control, debug_event on iopub; a kind of DAP client."""

import json
import os
import subprocess
import sys

from dap_client import PATIENCE_S, DapClient, Refused
from jupyter_client import BlockingKernelClient

from llmspell_kernel.connection import new_connection, read_connection, write_connection

#: A cell with a function, a call of it, and output.
CODE = """\
local t = {1, 2}
function double(x)
  local y = x * 2
  return y
end
local z = double(20)
print(z)
"""


class KernelProcess:
    """A kernel process and any number of clients."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.path = folder / "connection.json"
        self.clients = []
        write_connection(str(self.path), new_connection())
        command = [sys.executable, "-m", "llmspell", "kernel", "start", "-f", str(self.path), *options]
        home = folder / "home"
        home.mkdir(mode=0o700)
        (home / "config.toml").write_text(f"[lua]\nmodule_paths = [{json.dumps(str(folder))}]\n")
        environment = {**os.environ, "LLMSPELL_HOME": str(home)}
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, env=environment)
        if options:
            line = next(line for line in self.process.stderr if line.startswith(b"Debugger on "))
            self.dap_port = int(line.rpartition(b":")[2])
        while not all(read_connection(str(self.path)).ports.values()):
            assert self.process.poll() is None

    def client(self):
        client = BlockingKernelClient(connection_file=str(self.path))
        client.load_connection_file()
        client.start_channels(hb=False)
        self.clients.append(client)
        while client.get_iopub_msg(timeout=PATIENCE_S)["header"]["msg_type"] != "iopub_welcome":
            pass
        return NotebookClient(client)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        for client in self.clients:
            client.stop_channels()
            client.context.destroy(0)


class NotebookClient(DapClient):
    """One front end of a running kernel.

    Args:
        kernel: A `BlockingKernelClient` with its channels started.
    """

    def __init__(self, kernel):
        self.kernel = kernel
        self.kept, self.outputs, self.replies = [], [], []
        self._seq = -1

    def post(self, command, **arguments):
        """Send a request; returns the message's id."""
        self._seq += 1
        content = {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        return self.send(content)

    def send(self, content):
        message = self.kernel.session.msg("debug_request", content)
        self.kernel.control_channel.send(message)
        return message["header"]["msg_id"]

    def answer(self, number):
        """Return the body of the response to a request sent before."""
        response = self.response(number)
        if not response["success"]:
            raise Refused(response)
        return response.get("body", {})

    def response(self, number):
        """Return the response itself."""
        reply = self._control_reply(number)
        assert reply["header"]["msg_type"] == "debug_reply", reply
        return reply["content"]

    def _control_reply(self, number):
        while True:
            reply = next((each for each in self.replies if each["parent_header"]["msg_id"] == number), None)
            if reply is not None:
                self.replies.remove(reply)
                return reply
            self.replies.append(self.kernel.get_control_msg(timeout=PATIENCE_S))

    def begin(self, code=None, lines=(), **more):
        """Do what JupyterLab does when its debugger is switched on, then set breakpoints in a cell; returns them."""
        self.info = self.request("debugInfo")
        self.request("initialize", clientID="jupyterlab", adapterID="llmspell", pathFormat="path", linesStartAt1=True)
        self.request("attach", **more)
        self.request("inspectVariables")
        return self.breakpoints(code, lines) if code is not None else None

    def breakpoints(self, code, lines):
        """Set breakpoints in a cell with this text."""
        self.path = self.request("dumpCell", code=code)["sourcePath"]
        wanted = [each if isinstance(each, dict) else {"line": each} for each in lines]
        source = {"path": self.path}
        points = self.request("setBreakpoints", source=source, breakpoints=wanted, sourceModified=False)
        return points["breakpoints"]

    def run(self, code, **more):
        """Start a cell; returns the message's id."""
        return self.kernel.execute(code, **more)

    def ended(self, number):
        """Wait for a cell's end; returns its reply."""
        while True:
            message = self.kernel.get_shell_msg(timeout=PATIENCE_S)
            if message["parent_header"]["msg_id"] == number:
                return message["content"]

    def types(self, scope):
        """Return a scope of the innermost frame as {name: type}."""
        scopes = self.request("scopes", frameId=self.stack[0]["id"])["scopes"]
        reference = next(each["variablesReference"] for each in scopes if each["name"] == scope)
        return {each["name"]: each["type"] for each in self.children(reference)}

    def globals(self):
        return {each["name"]: each["value"] for each in self.request("inspectVariables")["variables"]}

    def said(self, text):
        """Wait until the kernel has printed something."""
        while text not in self.output():
            self._read()

    def interrupt(self):
        return self.control("interrupt_request")

    def control(self, msg_type):
        """Send another request on control; returns the content of its reply."""
        message = self.kernel.session.msg(msg_type, {})
        self.kernel.control_channel.send(message)
        return self._control_reply(message["header"]["msg_id"])["content"]

    def _take(self, matches):
        while True:
            for at, message in enumerate(self.kept):
                if matches(message):
                    return self.kept.pop(at)
            self._read()

    def _read(self):
        message = self.kernel.get_iopub_msg(timeout=PATIENCE_S)
        if message["header"]["msg_type"] == "stream":
            self.outputs.append({"category": message["content"]["name"], "output": message["content"]["text"]})
        elif message["header"]["msg_type"] == "debug_event":
            self.parent = message["parent_header"]
            self.kept.append(message["content"])
