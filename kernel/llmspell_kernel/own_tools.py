"""Own tools in a kernel: what has changed in their files takes effect at the next request, and what broke is said.

Before a cell and before a tool request the registry is asked to look (`ToolRegistry.refresh`); it looks at nothing
where no folder is named. What is wrong goes to the standard error of the next cell that shows anything, once; a list
of the tools has it as well. Loading runs the person's own modules: an interrupt breaks it like any other work on the
main thread, where all of this runs. Knows no file and no Lua.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.engine import Write
    from llmspell_kernel.running import Running
    from llmspell_tools.registry import ToolRegistry


class OwnTools:
    """What the handlers ask of own tools.

    Args:
        find_registry: Returns the tools, those registered by cells included.
        running: Told what an interrupt stops.
        write: Writes to the streams of the cell that runs.
        flush: Called when modules have been loaded: what they printed comes first.
    """

    __slots__ = ("_find_registry", "_flush", "_looks", "_running", "_told", "_write")

    def __init__(
        self,
        find_registry: Callable[[], ToolRegistry],
        running: Running,
        write: Write,
        flush: Callable[[], None] | None = None,
    ) -> None:
        self._find_registry = find_registry
        self._flush = _do_nothing if flush is None else flush
        self._running = running
        self._write = write
        self._told: set[str] = set()
        self._looks = find_registry().may_change

    @property
    def problems(self) -> list[str]:
        """What is wrong with own tools now, in words."""
        return [problem.message for problem in self._find_registry().problems]

    def refresh(self) -> None:
        """Take over what has changed in the folders.

        Raises:
            KeyboardInterrupt: Somebody would not wait for a module to be loaded.
        """
        if not self._looks:
            return
        self._running.begin_breakable(_do_nothing, None)
        try:
            self._find_registry().refresh()
        finally:
            self._running.end()
            self._flush()

    def tell(self) -> None:
        """Write what has not been said yet to the cell's standard error; what is mended may be said again."""
        if not self._told and not self._find_registry().problems:
            return
        problems = self.problems
        for message in problems:
            if message not in self._told:
                self._write("stderr", f"Warning: {message}\n")
        self._told = {*problems}


def _do_nothing() -> None:
    """Stop nothing (an interrupt breaks the loading by SIGINT: it looks at nothing), write nothing."""
