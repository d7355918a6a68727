"""What `attach` of the debug adapter names: a debug server's port, or a kernel, by its messages of debugging.

Every kernel of ours can be debugged through Jupyter's own protocol (debug_request on control, debug_event on iopub),
so that one which JupyterLab or VS Code has started needs no `--dap-port`. Whoever can read the connection file may: its
key signs the messages. Threads: one sends requests and waits for each reply, one reads iopub; each has its own socket.
Spec: https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread

from llmspell import kernels
from llmspell_kernel.debug.peer import Peer, connected
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from llmspell.kernels import Found
    from llmspell_kernel.debug.protocol import Arguments
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
    try:
        kernel = None if named is None else kernels.find(named)
        if arguments.has("port"):
            key = arguments.optional_text("key")
            if kernel is not None and key is None:
                key = kernel.connection.key.decode("utf-8")
            return connected(arguments.text("host", "127.0.0.1"), arguments.number("port"), attach_key=key)
        if kernel is not None:
            return KernelPeer(kernel)
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

    Raises:
        RequestFailed: The kernel does not answer, or does not debug.
    """

    def __init__(self, kernel: Found) -> None:
        from jupyter_client.blocking.client import BlockingKernelClient

        self._client = BlockingKernelClient()
        self._requests: SimpleQueue[JsonObject | None] = SimpleQueue()
        self._said: SimpleQueue[JsonObject | None] = SimpleQueue()
        self._has_left = False
        self._is_closed = False
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
        if not self._has_left:
            self._requests.put({"seq": 0, "type": "request", "command": "disconnect", "arguments": {}})
        self._requests.put(None)

    # --- threads ---------------------------------------------------------------------------------------------------

    def _greet(self, kernel: Found) -> None:
        """Wait until iopub is subscribed and control has answered."""
        try:
            while self._client.iopub_channel.get_msg(timeout=_PATIENCE_S)["header"]["msg_type"] != "iopub_welcome":
                pass  # what others have caused
            features = self._replied("kernel_info_request", {}, _PATIENCE_S).get("supported_features") or []
        except Empty as error:
            text = f"the kernel {kernel.id} does not answer; `llmspell kernel list` shows those that run"
            raise RequestFailed("program", text, show=True) from error
        if "debugger" not in features:
            raise RequestFailed("program", f"the kernel {kernel.id} has no debugger", show=True)

    def _ask_all(self) -> None:
        while (message := self._requests.get()) is not None and not self._is_closed:
            self._has_left = self._has_left or message.get("command") == "disconnect"
            try:
                answer = self._replied("debug_request", message, None)
            except Empty:
                break  # the kernel has gone
            self._said.put({**answer, "type": "response", "request_seq": message["seq"]})
        self._is_closed = True

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
            self._said.put({**content, "type": "event"})
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
