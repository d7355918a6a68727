"""What `attach` of the debug adapter names: a debug server's port, or a kernel, by its messages of debugging.

Every kernel of ours can be debugged through Jupyter's own protocol (debug_request on control, debug_event on iopub),
so that one which JupyterLab or VS Code has started needs no `--dap-port`. Whoever can read the connection file may: its
key signs the messages. Threads: one sends requests and waits for each reply, one reads iopub; each has its own socket.
Spec: https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic

from llmspell import kernels
from llmspell.notebook_cells import COMMAND, NotebookCells
from llmspell_kernel.debug.peer import Peer, connected
from llmspell_kernel.debug.protocol import Arguments, RequestFailed, failure_body
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from llmspell.kernels import Found
    from llmspell_tools.types import JsonObject

#: Seconds between looks whether the kernel still lives.
_LOOK_S = 1.0
#: Seconds that a kernel may take to welcome a subscriber and to answer on control.
_PATIENCE_S = 5.0


def reach(arguments: Arguments) -> Peer:
    """Return what the arguments of `attach` name.

    `port` is a debug server's (`llmspell debug --port`, `kernel start --dap-port`), whose kernel wants its key:
    `connectionFile`, `kernelId` or `key`. Without a port a connection file or an id stand for the kernel itself.

    Raises:
        RequestFailed: Nothing is named, or it is not there.
    """
    named = arguments.optional_text("connectionFile") or arguments.optional_text("kernelId")
    cells = arguments.object("cells")
    try:
        kernel = None if named is None else kernels.find(named)
        if arguments.has("port"):
            key = arguments.optional_text("key")
            if kernel is not None and key is None:
                key = kernel.connection.key.decode("utf-8")
            return connected(arguments.text("host", "127.0.0.1"), arguments.number("port"), attach_key=key)
        if kernel is not None:
            return KernelPeer(kernel, cells)
    except RequestFailed:
        raise
    except LlmspellError as error:
        raise RequestFailed("bad_arguments", error.message, show=True) from error
    text = f"attach needs 'port', 'connectionFile' or 'kernelId'; {_hint()}"
    raise RequestFailed("bad_arguments", text, show=True)


def _hint() -> str:
    found = kernels.running()
    return f"these kernels run: {', '.join(kernel.id for kernel in found)}" if found else "no kernel runs here"


class KernelPeer(Peer):
    """A kernel; takes part in its session of debugging from `attach` on.

    Args:
        kernel: Which one.
        cells: Texts of the Lua cells that the editor shows, by URI.

    Raises:
        RequestFailed: The kernel does not answer, or does not debug.
    """

    def __init__(self, kernel: Found, cells: Arguments) -> None:
        from jupyter_client.blocking.client import BlockingKernelClient

        self._client = BlockingKernelClient()
        self._cells = NotebookCells(self._ask)
        self._cells.know(cells.fields)
        self._requests: SimpleQueue[JsonObject | None] = SimpleQueue()
        self._said: SimpleQueue[JsonObject | None] = SimpleQueue()
        self._is_in = False  # whether the kernel has let us in
        self._has_left = False
        self._is_closed = False
        self._has_asked = Event()  # nothing more will be
        try:
            information: Any = kernel.connection.as_json()
            self._client.load_connection_info(information)
            self._client.start_channels(shell=False, stdin=False)
            self._greet(kernel)
        except BaseException:
            self._end()
            raise
        for work in (self._ask_all, self._hear_all):
            Thread(target=work, name=f"llmspell-debug-kernel{work.__name__}", daemon=True).start()

    # --- Peer ------------------------------------------------------------------------------------------------------

    def send(self, message: JsonObject) -> None:
        """See `Peer.send`; kernels take requests only."""
        if message.get("type") == "request":
            self._requests.put(message)

    def messages(self) -> Iterator[JsonObject]:
        """See `Peer.messages`."""
        while (message := self._said.get()) is not None:
            yield message

    def close(self) -> None:
        """See `Peer.close`; a client that went without a word is said goodbye for, so that a stopped cell goes on."""
        if self._is_in and not self._has_left:
            self._requests.put({"seq": 0, "type": "request", "command": "disconnect", "arguments": {}})
        self._requests.put(None)
        self._has_asked.wait(_PATIENCE_S)  # else the process ends before that was sent

    # --- threads ---------------------------------------------------------------------------------------------------

    def _greet(self, kernel: Found) -> None:
        """Wait until iopub is subscribed and control has answered."""
        end = monotonic() + _PATIENCE_S
        try:
            while self._client.iopub_channel.get_msg(timeout=_PATIENCE_S)["header"]["msg_type"] != "iopub_welcome":
                if monotonic() > end:  # all that comes is what others have caused
                    raise Empty
            info = self._replied("kernel_info_request", {}, _PATIENCE_S)
        except Empty as error:
            text = f"the kernel {kernel.id} does not answer; `llmspell kernel list` shows those that run"
            raise RequestFailed("program", text, show=True) from error
        if info.get("implementation") != kernels.IMPLEMENTATION or "debugger" not in info.get("supported_features", []):
            raise RequestFailed("program", f"{kernel.id} is no llmspell kernel with a debugger", show=True)

    def _ask_all(self) -> None:
        try:
            while not self._has_left and (message := self._requests.get()) is not None and not self._is_closed:
                self._said.put({**self._answer(message), "type": "response", "request_seq": message["seq"]})
        except Empty:
            pass  # the kernel has gone
        self._is_closed = True
        self._has_asked.set()
        self._said.put(None)

    def _answer(self, message: JsonObject) -> JsonObject:
        """Let the kernel answer a request, or answer one that is about the editor's cells."""
        given = message.get("arguments")
        arguments: JsonObject = given if isinstance(given, dict) else {}
        if message.get("command") == COMMAND:
            return self._told_of_cells(arguments)
        self._has_left = self._has_left or message.get("command") == "disconnect"
        asked: JsonObject = {**message, "arguments": self._cells.outward(arguments)}
        answer = self._inward(self._replied("debug_request", asked, None))
        self._is_in = self._is_in or (message.get("command") == "attach" and answer.get("success") is True)
        return answer

    def _told_of_cells(self, arguments: JsonObject) -> JsonObject:
        response: JsonObject = {"success": True, "command": COMMAND}
        try:
            self._cells.edit(Arguments(arguments))
        except RequestFailed as error:
            response = {"success": False, "command": COMMAND, "message": error.message, "body": failure_body(error)}
        return response

    def _ask(self, command: str, arguments: JsonObject) -> JsonObject:
        """Send a request of our own; returns the body of the response, an empty one where it failed."""
        message: JsonObject = {"seq": 0, "type": "request", "command": command, "arguments": arguments}
        body = self._replied("debug_request", message, None).get("body")
        return body if isinstance(body, dict) else {}

    def _inward(self, message: JsonObject) -> JsonObject:
        changed = self._cells.inward(message)
        return changed if isinstance(changed, dict) else {}

    def _hear_all(self) -> None:
        while not self._is_closed and self._client.hb_channel.is_alive():
            try:
                message = self._client.iopub_channel.get_msg(timeout=_LOOK_S)
            except Empty:
                if not self._client.is_alive():
                    break
                continue
            if message["header"]["msg_type"] == "shutdown_reply":
                break
            self._hear(message["header"]["msg_type"], message["content"])
        self._is_closed = True
        self._said.put(None)
        self._requests.put(None)
        self._end()

    def _hear(self, msg_type: str, content: JsonObject) -> None:
        if msg_type == "debug_event":
            self._said.put({**self._inward(content), "type": "event"})
        elif msg_type == "stream":
            body: JsonObject = {"category": content["name"], "output": content["text"]}
            self._said.put({"type": "event", "event": "output", "body": body})

    def _replied(self, msg_type: str, content: JsonObject, timeout_s: float | None) -> dict[str, Any]:
        """Ask on control and return the reply's content; without a timeout as long as the kernel lives.

        Raises:
            Empty: There is no answer.
        """
        message = self._client.session.msg(msg_type, content)
        self._client.control_channel.send(message)
        while True:
            try:
                reply = self._client.control_channel.get_msg(timeout=timeout_s or _LOOK_S)
            except Empty:
                if timeout_s is not None or self._is_closed:
                    raise
                continue
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                answer: dict[str, Any] = reply["content"]
                return answer

    def _end(self) -> None:
        self._client.stop_channels()
        self._client.context.destroy(linger=0)
