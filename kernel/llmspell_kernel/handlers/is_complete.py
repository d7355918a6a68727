"""is_complete_request: whether a console should run the code or ask for another line."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import Engine
    from llmspell_tools.types import JsonObject


def is_complete_request(engine: Engine, request: Request) -> JsonObject:
    """Return complete, incomplete (with the next line's indent) or invalid (Jupyter messaging 5.5)."""
    status, indent = engine.is_complete(request.text("code"))
    if status == "incomplete":
        return {"status": status, "indent": indent}
    return {"status": status}
