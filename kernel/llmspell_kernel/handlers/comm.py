"""comm_open, comm_msg, comm_close of a client, and comm_info_request.

None of the first three has a reply; what a script's callback prints or shows belongs to the message that it answers,
and an error in one is published as the error it would be in a cell. Spec: Jupyter messaging 5.5, "Custom Messages".
"""

from __future__ import annotations

from llmspell_kernel.handlers.execute import describe
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.comms import Comms
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.handlers.execute import Cells
    from llmspell_tools.types import JsonObject


def comm_open(cells: Cells, comms: Comms, request: Request) -> JsonObject:
    """Open a comm for a registered target; an unknown target's is closed at once, as the spec wants."""
    comm_id, target = request.text("comm_id"), request.text("target_name")
    if not comm_id:
        return {}
    comms.opened(comm_id, target)
    if not _receive(cells, request, "comm_open"):
        content: JsonObject = {"comm_id": comm_id, "data": {}}
        comms.send("comm_close", content, {}, parent=request.message.header_bytes)
    return {}


def comm_msg(cells: Cells, request: Request) -> JsonObject:
    """Hand a message to the comm's callbacks; one for a comm that is not there has no effect."""
    _receive(cells, request, "comm_msg")
    return {}


def comm_close(cells: Cells, comms: Comms, request: Request) -> JsonObject:
    """Close a comm that the client has closed."""
    comms.closed(request.text("comm_id"))
    _receive(cells, request, "comm_close")
    return {}


def comm_info_request(comms: Comms, request: Request) -> JsonObject:
    """Return the open comms (Jupyter messaging 5.5, "Comm info")."""
    return {"status": "ok", "comms": comms.listing(request.text("target_name") or None)}


def _receive(cells: Cells, request: Request, kind: str) -> bool:
    """Let the engine act; tell whether there was something that takes the message."""
    try:
        return cells.receive_comm(request, kind)
    except LlmspellError as error:
        request.publish("error", describe(error))
        return kind != "comm_open"
