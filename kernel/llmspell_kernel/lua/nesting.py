"""Runs in the middle of a run: what belongs to the one that waits is put aside, and given back when they are over.

A run stands at a safe point (`safe_point.py`), between two instructions of a script. Its Lua state cannot be stopped
there, so others run on coroutines of their own (`prelude/nested.lua`). They see the same globals. The one that waits
goes on when they have ended: they are nested, not parallel. Owner thread only.

Python calls all of it on the main Lua state, which outlives every coroutine: lupa frees what it holds on the state
where it got it, and crashes when that is gone.
"""

from __future__ import annotations

from llmspell_kernel.lua.prelude_loader import prelude_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge


class Entry:
    """The trusted Lua functions by which Python runs scripts.

    Attributes:
        run: Runs a function in a mode; `runner.lua`.
        take_trace: Returns the newest traceback.
        collect: Collects garbage.
        abandon: Forgets the coroutines of a run that was stopped.
        lookup: Returns a member of `native`.
    """

    __slots__ = ("abandon", "collect", "lookup", "run", "take_trace")

    def __init__(self, run: Any, take_trace: Any, collect: Any, abandon: Any, lookup: Callable[[str], Any]) -> None:
        self.run = run
        self.take_trace = take_trace
        self.collect = collect
        self.abandon = abandon
        self.lookup = lookup


class NestedEntry(Entry):
    """The same while another run waits.

    Args:
        outer: The engine's usual entry.
        bridge: The engine's.
        push: Takes the address of a state that becomes active.
    """

    __slots__ = ("begin", "call", "finish")

    def __init__(self, outer: Entry, bridge: Bridge, push: Callable[[int], None]) -> None:
        functions = {"push": push, "take_trace": outer.take_trace, "collect": outer.collect}
        *usual, self.begin, self.finish, self.call = bridge.prelude.run(prelude_text("nested.lua"), functions)
        super().__init__(*usual)


def put_aside(bridge: Bridge, entry: NestedEntry) -> Callable[[], None]:
    """Put aside what the run that waits has in Python's half of the globals; return what gives it back."""
    bridge.output.flush()
    carry = bridge.output.swap_carry(b"")
    pending = bridge.decoder.swap([])
    reports = bridge.reports
    rich, last_error, was_nested = bridge.rich, bridge.last_error, bridge.is_nested
    work, since = reports.work, reports.since
    reports.work = None
    undo = bridge.nest(entry.call)
    bridge.is_nested = True
    entry.begin()

    def give_back() -> None:
        entry.finish()
        for each in reversed(undo):
            each()
        bridge.rich, bridge.last_error, bridge.is_nested = rich, last_error, was_nested
        reports.work, reports.since = work, since
        bridge.decoder.swap(pending)
        bridge.output.swap_carry(carry)

    return give_back
