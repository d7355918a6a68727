"""usage_request (control): CPU and memory of the kernel and its host, as ipykernel answers it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.usage import Usage
    from llmspell_tools.types import JsonObject


class UsageDesk:
    """Measures; made with nothing, since most kernels are never asked."""

    __slots__ = ("_usage",)

    def __init__(self) -> None:
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage:
        """What measures; the CPU time is counted from one question to the next."""
        if self._usage is None:
            from llmspell_kernel.usage import Usage  # for the first question

            self._usage = Usage()
        return self._usage


def usage_request(desk: UsageDesk, _request: Request) -> JsonObject:
    """Return the numbers."""
    return {"status": "ok", **desk.usage.measure()}
