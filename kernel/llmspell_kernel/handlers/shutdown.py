"""shutdown_request (control only, as since protocol 5.4): reply, tell the other clients, end."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.lifecycle import Lifecycle
    from llmspell_tools.types import JsonObject


def shutdown_request(lifecycle: Lifecycle, request: Request) -> JsonObject:
    """Agree, broadcast the reply so that every client learns of it, and stop once the reply is on its way."""
    restart = request.flag("restart", default=False)
    content: JsonObject = {"status": "ok", "restart": restart}

    def stop() -> None:
        request.publish("shutdown_reply", content)
        lifecycle.stop("shutdown_request", restart=restart)

    request.after_reply(stop)
    return content
