"""How much memory one runtime may use: a soft limit that ends the run, and a hard one for a single allocation.

The watch thread reads the count every few milliseconds and stops a run above the soft limit; that is what nearly
always happens. One operation can ask for more than the machine has before anybody looks (`a..a..a..` with long
strings), so lupa's own limit stands far above the soft one: there Lua raises "not enough memory".

lupa aborts the process if *Python* hands over a value that would pass its limit. So before something large crosses, the
hard limit is lifted for the rest of the run, and the soft one ends it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.runtime import LuaRuntime

_HARD_HEADROOM = 256 * 1024 * 1024
_RUN_HEADROOM = 16 * 1024 * 1024
#: Smaller values need no look: the hard limit is far away, or the run is about to be stopped.
LARGE = 1_000_000


class Memory:
    """The memory of one runtime.

    Args:
        runtime: Counts what it holds.
        soft_bytes: `[lua] max_memory_bytes`; None for no limit at all.
    """

    __slots__ = ("_hard", "_lifted", "_runtime", "soft_bytes")

    def __init__(self, runtime: LuaRuntime, soft_bytes: int | None) -> None:
        self._runtime = runtime
        self.soft_bytes = soft_bytes
        self._hard = 0 if soft_bytes is None else soft_bytes + max(soft_bytes // 2, _HARD_HEADROOM)
        self._lifted = True

    def used(self) -> int:
        """Return the bytes that Lua holds now; any thread."""
        return self._runtime.get_memory_used(total=True) or 0

    def begin_run(self) -> int | None:
        """Set the hard limit, and return the soft one for this run, which has some room in any case."""
        if self.soft_bytes is None:
            return None
        used = self.used()
        if self._lifted and used < self._hard:
            self._runtime.set_max_memory(self._hard, total=True)
            self._lifted = False
        return max(self.soft_bytes, used + _RUN_HEADROOM)

    def make_room(self, size: int) -> None:
        """Let `size` bytes cross from Python, whatever becomes of the run."""
        if not self._lifted and self.used() + 3 * size > self._hard:
            self._runtime.set_max_memory(0)
            self._lifted = True
