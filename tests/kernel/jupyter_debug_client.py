"""Asks a kernel's debugger as a notebook does: debug_request on control, debug_event on iopub; a DAP client in shape."""

from dap_client import PATIENCE_S, DapClient, Refused


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
        while True:
            reply = next((each for each in self.replies if each["parent_header"]["msg_id"] == number), None)
            if reply is not None:
                self.replies.remove(reply)
                assert reply["header"]["msg_type"] == "debug_reply", reply
                return reply["content"]
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

    def globals(self):
        return {each["name"]: each["value"] for each in self.request("inspectVariables")["variables"]}

    def _take(self, matches):
        for at, message in enumerate(self.kept):
            if matches(message):
                return self.kept.pop(at)
        while True:
            message = self.kernel.get_iopub_msg(timeout=PATIENCE_S)
            if message["header"]["msg_type"] == "stream":
                self.outputs.append({"category": message["content"]["name"], "output": message["content"]["text"]})
            if message["header"]["msg_type"] != "debug_event":
                continue
            self.parent = message["parent_header"]
            if matches(message["content"]):
                return message["content"]
            self.kept.append(message["content"])
