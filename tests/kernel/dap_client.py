"""A small client of the Debug Adapter Protocol, for tests that read as scripts: request, answer, event."""

import json
import queue
import socket
import subprocess
import threading

PATIENCE_S = 5


class Refused(AssertionError):
    """The adapter answered a request with an error."""

    def __init__(self, response):
        super().__init__(f"{response['command']}: {response.get('message')}")
        self.response = response
        self.error = response.get("body", {}).get("error", {})


class DapClient:
    """One connection; events that nobody has waited for yet are kept in their order."""

    def __init__(self, read, write, close):
        self._read, self._write, self._close = read, write, close
        self._seq = 0
        self._messages = queue.Queue()
        self.kept = []
        self.outputs = []
        self.answer_requests = None
        threading.Thread(target=self._receive, daemon=True).start()

    @classmethod
    def tcp(cls, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        connection.settimeout(None)
        stream = connection.makefile("rb")

        def close():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            stream.close()
            connection.close()

        return cls(stream, connection.sendall, close)

    @classmethod
    def process(cls, process: subprocess.Popen):
        def write(data):
            process.stdin.write(data)
            process.stdin.flush()

        return cls(process.stdout, write, process.stdin.close)

    def send_raw(self, data):
        self._write(data)

    def send(self, message):
        content = json.dumps(message).encode()
        self._write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    def post(self, command, **arguments):
        """Send a request; returns its number."""
        self._seq += 1
        message = {"seq": self._seq, "type": "request", "command": command}
        self.send({**message, "arguments": arguments} if arguments else message)
        return self._seq

    def request(self, command, **arguments):
        """Send a request and return the body of its response."""
        return self.answer(self.post(command, **arguments))

    def answer(self, number):
        """Return the body of the response to a request sent before."""
        response = self._take(lambda each: each["type"] == "response" and each["request_seq"] == number)
        if not response["success"]:
            raise Refused(response)
        return response.get("body", {})

    def refused(self, command, **arguments):
        """Send a request that fails; returns the error."""
        try:
            body = self.request(command, **arguments)
        except Refused as refused:
            return refused.error["variables"]["text"]
        raise AssertionError(f"{command} was answered: {body}")

    def event(self, name, **wanted):
        """Return the body of the next event of a name."""

        def matches(each):
            body = each.get("body", {})
            return each["type"] == "event" and each["event"] == name and wanted.items() <= body.items()

        return self._take(matches).get("body", {})

    def start(self, command="launch", /, *, lines=None, functions=None, filters=(), options=(), **arguments):
        """Initialize, launch or attach, set breakpoints, let it begin; returns the breakpoints."""
        self.request("initialize", adapterID="llmspell", clientID="test")
        self.request(command, **arguments)
        self.event("initialized")
        points = []
        for path, wanted in (lines or {}).items():
            breakpoints = [{"line": each} if isinstance(each, int) else each for each in wanted]
            points += self.request("setBreakpoints", source={"path": str(path)}, breakpoints=breakpoints)["breakpoints"]
        if functions:
            wanted = [{"name": each} if isinstance(each, str) else each for each in functions]
            points += self.request("setFunctionBreakpoints", breakpoints=wanted)["breakpoints"]
        self.request("setExceptionBreakpoints", filters=list(filters), filterOptions=list(options))
        self.request("configurationDone")
        return points

    def stop(self, reason=None):
        """Wait for a stop; returns the frames, innermost first, as (name, line), with the event in `self.stopped`."""
        self.stopped = self.event("stopped")
        assert reason in {None, self.stopped["reason"]}, self.stopped
        return self.frames()

    def frames(self, thread=None):
        thread = self.stopped["threadId"] if thread is None else thread
        self.stack = self.request("stackTrace", threadId=thread)["stackFrames"]
        return [(frame["name"], frame["line"]) for frame in self.stack]

    def lines_after(self, *commands):
        """Do steps; returns the line of the innermost frame after each."""
        lines = []
        for command in commands:
            self.request(command, threadId=self.stopped["threadId"])
            lines.append(self.stop()[0][1])
        return lines

    def go(self, command="continue"):
        self.request(command, threadId=self.stopped["threadId"])

    def variables(self, scope, frame=0):
        """Return a scope of a frame as {name: value}."""
        found = self.request("scopes", frameId=self.stack[frame]["id"])["scopes"]
        reference = next(each["variablesReference"] for each in found if each["name"] == scope)
        return {each["name"]: each["value"] for each in self.children(reference)}

    def children(self, reference, **arguments):
        return self.request("variables", variablesReference=reference, **arguments)["variables"]

    def evaluate(self, text, frame=0, context="watch"):
        frame_id = self.stack[frame]["id"] if frame is not None else 0
        return self.request("evaluate", expression=text, frameId=frame_id, context=context)["result"]

    def output(self, category="stdout"):
        """Return what was printed so far."""
        return "".join(each["output"] for each in self.outputs if each["category"] == category)

    def end(self):
        """Wait for the end; returns the exit code."""
        code = self.event("exited")["exitCode"]
        self.event("terminated")
        return code

    def close(self):
        self._close()

    def is_closed(self):
        """Wait until the adapter has hung up."""
        self._take(lambda each: each["type"] == "closed")
        return True

    def _take(self, matches):
        for at, message in enumerate(self.kept):
            if matches(message):
                return self.kept.pop(at)
        while True:
            try:
                message = self._messages.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"no such message; there are {self.kept}") from None
            if message["type"] == "event" and message["event"] == "output":
                self.outputs.append(message["body"])
            if matches(message):
                return message
            self.kept.append(message)

    def _receive(self):
        try:
            while header := self._read.readline():
                assert header.startswith(b"Content-Length: "), header
                assert self._read.readline() == b"\r\n"
                message = json.loads(self._read.read(int(header.split()[1])))
                if message["type"] == "request" and self.answer_requests is not None:
                    self.answer_requests(message)
                else:
                    self._messages.put(message)
        except (OSError, ValueError):
            pass
        self._messages.put({"type": "closed"})
