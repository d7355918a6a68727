"""The debugger over standard input and output, as editors start it.

Nothing else may reach standard output: before anything runs, the protocol moves to copies of the two descriptors;
descriptor 0 reads the null device and descriptor 1 is standard error.
"""

from __future__ import annotations

import os
import sys
from threading import Thread

from llmspell_kernel.debug.conversation import Conversation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.debuggee import Host

_CHUNK = 65536


class StdioTransport:
    """One session over descriptors 0 and 1, which are taken away from everybody else.

    Args:
        host: Gives the program.
        ended: Called when the session is over, on its thread.
    """

    def __init__(self, host: Host, ended: Callable[[], None]) -> None:
        self._input, self._output = _take_descriptors()
        self._conversation = Conversation(host, lambda: os.read(self._input, _CHUNK), self._write, ended)
        self._thread = Thread(target=self._conversation.read_all, name="llmspell-debug-client", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self, timeout_s: float) -> None:
        """Send what waits and end the session."""
        self._conversation.session.finish(timeout_s)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._output, view) :]


def _take_descriptors() -> tuple[int, int]:
    sys.stdout.flush()
    taken = os.dup(0), os.dup(1)
    for descriptor in taken:
        os.set_inheritable(descriptor, False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return taken
