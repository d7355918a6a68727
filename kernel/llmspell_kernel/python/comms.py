"""The library `comm` on the kernel's own comm messages: ipywidgets, and whatever else speaks so, works in Python cells.

A message that comes in is eager work like a cell, and belongs to the message that it answers. Main thread; a comm may
be closed by the garbage collector on any. Spec: Jupyter messaging 5.5, "Custom Messages".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import comm
from comm.base_comm import BaseComm, CommManager

from llmspell_kernel.python.bundles import jsonable

if TYPE_CHECKING:
    from llmspell_kernel.calls import Requester
    from llmspell_kernel.message import Message


class PythonComms:
    """The comms of Python cells; made once in a process, for `comm` has one maker of comms.

    Args:
        requester: Whose door sends.
    """

    def __init__(self, requester: Requester) -> None:
        self._requester = requester
        self._manager = CommManager()
        send = self._send

        class KernelComm(BaseComm):
            """A comm of this kernel."""

            def publish_msg(
                self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
            ) -> None:
                """Send a message of this comm."""
                content = {"comm_id": self.comm_id, "data": data or {}, **_without_none(keys)}
                send(msg_type, content, metadata or {}, [bytes(each) for each in buffers or ()])

        self._make = KernelComm
        library: Any = comm  # its functions are there to be replaced
        library.create_comm = KernelComm
        library.get_comm_manager = lambda: self._manager

    def takes(self, kind: str, message: Message) -> bool:
        """Tell whether a message is for one of these comms, or opens one for a target of theirs."""
        if kind == "comm_open":
            return message.content.get("target_name") in self._manager.targets
        return message.content.get("comm_id") in self._manager.comms

    def receive(self, kind: str, message: Message) -> None:
        """Hand a message to its comm.

        Raises:
            Exception: Whatever the callback raises.
        """
        content: Any = message.content
        received = {"content": content, "metadata": message.metadata, "buffers": [*message.buffers]}
        if kind == "comm_open":
            target = content["target_name"]
            opened = self._make(comm_id=content["comm_id"], primary=False, target_name=target)
            self._manager.register_comm(opened)
            self._manager.targets[target](opened, received)
            return
        found = self._manager.comms[content["comm_id"]]
        if kind == "comm_msg":
            found.handle_msg(received)
        else:
            del self._manager.comms[content["comm_id"]]
            found._closed = True
            found.handle_close(received)

    def _send(self, kind: str, content: Any, metadata: Any, buffers: list[bytes]) -> None:
        front = self._requester.front
        self._requester.outlet.call(partial(front.comm, kind, jsonable(content), jsonable(metadata), buffers))


def _without_none(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}
