"""A host for a program that is there anyway: a script under `llmspell debug`, the cells of a kernel.

Its program does not end with a session. Where a key is set, `attach` must give it: the connection file's.
"""

from __future__ import annotations

from hmac import compare_digest

from llmspell_kernel.debug.protocol import RequestFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Debuggee
    from llmspell_kernel.debug.protocol import Arguments


class Joined:
    """Gives every session the same program.

    Args:
        debuggee: The program.
        key: What a client must know; None for nothing.
        is_launched: Whether clients `launch` what is there, because it was started for them.
    """

    def __init__(self, debuggee: Debuggee, *, key: bytes | None = None, is_launched: bool = False) -> None:
        self._debuggee = debuggee
        self._key = key
        self._is_launched = is_launched

    def terminal_command(self, port: int) -> None:
        """See `Host.terminal_command`: the program runs here."""

    def launch(self, arguments: Arguments) -> Debuggee:  # noqa: ARG002 - the Host's
        """See `Host.launch`."""
        if not self._is_launched:
            raise RequestFailed("refused", "a program is running here already; use attach", show=True)
        return self._debuggee

    def attach(self, arguments: Arguments) -> Debuggee:
        """See `Host.attach`; the key is compared in constant time."""
        if self._key is not None:
            given = arguments.text("key", "")
            if not compare_digest(given.encode("utf-8", "replace"), self._key):
                text = (
                    'attach needs "key", that of this kernel\'s connection file; '
                    'through `llmspell debug-adapter`, "connectionFile" or "kernelId" is enough'
                )
                raise RequestFailed("refused", text, show=True)
        return self._debuggee

    def left(self, debuggee: Debuggee) -> None:
        """See `Host.left`."""
