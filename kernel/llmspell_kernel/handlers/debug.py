"""debug_request (control): one request of the Debug Adapter Protocol; the reply comes when the debugger has it.

Spec: Jupyter messaging 5.5, "Debug request". The debugger is loaded when somebody begins. It answers from a thread of
its own, so that interrupts and shutdowns are heard while it waits for a script. Its events are broadcast as children of
the newest debug_request, as ipykernel's are.
"""

from __future__ import annotations

from llmspell_kernel.cell_paths import debug_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from llmspell_kernel.dispatch import Request
    from llmspell_tools.types import JsonObject

    Send = Callable[[JsonObject], None]

    class Debugger(Protocol):
        """What answers: `llmspell_kernel.debug.jupyter.JupyterDebugger`."""

        def post(self, message: JsonObject, answer: Send, speaker: Request) -> None:
            """Take a request; `answer` is called once, `speaker` shows what is printed for it."""
            ...

        def close(self) -> None:
            """Answer what waits, and let everything go on."""
            ...


class DebugDesk:
    """Between the control channel and the debugger; control thread, but for `_publish`.

    Args:
        open_debugger: Makes the debugger, given what publishes its events.
        answer: Gives a request its reply; any thread.
    """

    def __init__(
        self,
        open_debugger: Callable[[Send], Debugger],
        answer: Callable[[Request, JsonObject], None],
    ) -> None:
        self._open_debugger = open_debugger
        self._answer = answer
        self._debugger: Debugger | None = None
        self._newest: Request | None = None

    def take(self, request: Request) -> JsonObject | None:
        """Hand a request on; what every notebook asks when it is opened is answered here, unless somebody debugs."""
        self._newest = request
        if self._debugger is None:
            if request.content.get("command") == "debugInfo":
                return _answer(request.content, debug_info())
            self._debugger = self._open_debugger(self._publish)
        self._debugger.post(request.content, lambda response: self._answer(request, response), request)
        return None

    def close(self) -> None:
        """End debugging, with the kernel."""
        if self._debugger is not None:
            self._debugger.close()

    def _publish(self, event: JsonObject) -> None:
        if self._newest is not None:
            self._newest.publish("debug_event", event)


def debug_request(desk: DebugDesk, request: Request) -> JsonObject | None:
    """Take one request; its reply comes later, as a rule."""
    return desk.take(request)


def _answer(asked: JsonObject, body: JsonObject) -> JsonObject:
    seq = asked.get("seq")
    return {
        "seq": 0,
        "type": "response",
        "request_seq": seq if isinstance(seq, int) else 0,
        "success": True,
        "command": asked["command"],
        "body": body,
    }
