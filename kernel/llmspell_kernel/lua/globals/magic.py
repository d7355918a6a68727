"""The Python half of `prelude/magic.lua`: what cells with magics call, handed on to the door's `MagicHost`.

Values cross here; what a magic means is the host's affair (`llmspell_kernel.magics.host`). Owner thread only.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.globals.args import tables
from llmspell_tools.errors import InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_tools.types import JsonObject, JsonValue

    class MagicHost(Protocol):
        """The magics of one door; all of it is called on the engine's owner thread, in the middle of a cell."""

        def tool(self, text: str, body: str | None, bridge: Bridge) -> tuple[str, JsonObject]:
            """Return the tool's name and the parameters that a line, and a cell below it, give."""
            ...

        def load(self, text: str, bridge: Bridge) -> None:
            """Have a file's text put into the next cell."""
            ...

        def run(self, text: str, bridge: Bridge) -> tuple[bytes, str, Sequence[str]]:
            """Return a script's text, its path and its arguments; it runs until `ran` is called."""
            ...

        def ran(self) -> None:
            """The script has returned."""
            ...

        def run_ended(self) -> None:
            """The whole cell has ended."""
            ...

        def confirm(self, text: str, bridge: Bridge) -> bool:
            """Ask whether everything may be forgotten."""
            ...

        def listing(self) -> str:
            """Return what there is."""
            ...

        def clock(self) -> None:
            """Begin to take the time."""
            ...

        def clocked(self) -> str:
            """Say how long it took since the newest `clock`."""
            ...

        def now(self) -> float:
            """Return seconds of a clock for short times."""
            ...

        def loops(self, options: str) -> tuple[int, int]:
            """Return the loops of `%timeit`, 0 where they are to be found out, and its runs."""
            ...

        def timed(self, loops: int, *seconds: float) -> str:
            """Say how long one loop takes."""
            ...

        def give(self, is_there: bool, value: JsonValue) -> None:
            """Take a value for Python."""
            ...

        def take(self) -> object:
            """Return the value that Python has for Lua."""
            ...

        def python_get(self, name: str) -> JsonValue:
            """Return a value of Python's."""
            ...

        def python_set(self, name: str, value: JsonValue) -> None:
            """Give Python a value."""
            ...


class _Calls:
    """The callbacks: values cross, the host decides."""

    __slots__ = ("_bridge", "_host")

    def __init__(self, bridge: Bridge, host: MagicHost) -> None:
        self._bridge = bridge
        self._host = host

    def tool(self, text: str, body: str | None) -> tuple[str, Any]:
        below = None if body is None else human_text(body)
        name, params = self._host.tool(human_text(text), below, self._bridge)
        return to_lua_text(name), self._to_lua(params)

    def run(self, text: str) -> tuple[Any, ...]:
        source, path, words = self._host.run(human_text(text), self._bridge)
        return (source.decode("latin-1"), to_lua_text(path), *tables(self._bridge, path, words))

    def load(self, text: str) -> None:
        self._host.load(human_text(text), self._bridge)

    def confirm(self, text: str) -> bool:
        return self._host.confirm(human_text(text), self._bridge)

    def listing(self) -> str:
        return to_lua_text(self._host.listing())

    def clocked(self) -> str:
        return to_lua_text(self._host.clocked())

    def loops(self, options: str) -> tuple[int, int]:
        return self._host.loops(human_text(options))

    def timed(self, loops: int, *seconds: float) -> str:
        return to_lua_text(self._host.timed(loops, *seconds))

    def give(self, is_there: bool, *tokens: Any) -> None:
        self._host.give(is_there, self._bridge.decoder.value(tokens))

    def take(self) -> Any:
        return self._to_lua(self._host.take())

    def python_get(self, name: str) -> Any:
        return self._to_lua(self._host.python_get(human_text(name)))

    def python_set(self, name: str, *tokens: Any) -> None:
        self._host.python_set(human_text(name), self._bridge.decoder.value(tokens))

    def _to_lua(self, value: object) -> Any:
        if value is None:
            return None
        return self._bridge.encoder.to_lua(value, keep_null=True)


def callables(bridge: Bridge) -> dict[str, Callable[..., Any]]:
    """Return what `magic.lua` calls, by name."""
    host = bridge.magics
    if host is None:
        raise InternalError("this engine's door has no magics")
    bridge.on_run_end(host.run_ended)
    calls = _Calls(bridge, host)
    own = {"ran": host.ran, "clock": host.clock, "now": host.now}
    names = ("tool", "run", "load", "confirm", "listing", "clocked", "loops", "timed", "give", "take", "python_get",
             "python_set")  # fmt: skip
    return {**own, **{name: getattr(calls, name) for name in names}}
