"""comm_info_request: which comms are open. There are none yet."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_tools.types import JsonObject


def comm_info_request(_request: Request) -> JsonObject:
    """Return the open comms (Jupyter messaging 5.5, "Comm info")."""
    return {"status": "ok", "comms": {}}
