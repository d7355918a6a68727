"""interrupt_request (control): stop the running request; the kernel and its state go on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.running import Running
    from llmspell_tools.types import JsonObject


def interrupt_request(running: Running, _request: Request) -> JsonObject:
    """Interrupt what runs; without an effect when nothing does (Jupyter messaging 5.3, "Kernel interrupt")."""
    running.interrupt()
    return {"status": "ok"}
