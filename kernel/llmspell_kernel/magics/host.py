"""What Lua calls in the middle of a cell with magics: `MagicHost` of `lua/globals/magic.py`.

Files are read through the run's policy, under the name that Lua's own `io` has there. What a cell leaves for its reply
(`payload`) and for Python (`given`) is kept until somebody takes it. Main thread only.
"""

from __future__ import annotations

import os
from time import perf_counter, process_time

from llmspell_kernel.magics import names
from llmspell_kernel.magics.durations import elapsed, spread, wanted_loops
from llmspell_kernel.magics.words import split
from llmspell_tools import bodies, files, parameters
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.python.lua_names import PythonNames
    from llmspell_tools.types import JsonObject, JsonValue


#: The name that denials give; the same as for `io`.
_TOOL = "lua"
_LIMIT = "[lua] max_source_bytes"


class Host:
    """The magics' callbacks.

    Attributes:
        payload: For the reply of the cell that runs.
        running: The path of the script that `%run` runs; None where none runs.
        called: Whether a tool has been called by the cell.
        given: The newest value that Lua gave, and whether there was one.
        waiting: The value that Lua takes next.
        python: The names of Python cells, once there are any.
    """

    __slots__ = ("_clocks", "called", "given", "payload", "python", "running", "waiting")

    def __init__(self) -> None:
        self.payload: list[JsonValue] = []
        self.running: str | None = None
        self.called = False
        self.given: tuple[bool, object] = False, None
        self.waiting: object = None
        self.python: PythonNames | None = None
        self._clocks: list[tuple[float, float]] = []

    def begin(self) -> None:
        """Forget what an earlier cell left."""
        self.payload = []
        self.called = False
        self.ran()

    # --- tools and files ----------------------------------------------------------------------------------------------

    def tool(self, text: str, body: str | None, bridge: Bridge) -> tuple[str, JsonObject]:
        """Return the tool's name and the parameters that a line, and a cell below it, give.

        Raises:
            ToolNotFound: There is no tool of this name.
            InvalidParameters: The words, or the cell, cannot be read.
        """
        self.called = True
        words = split(text)
        if not words:
            known = names.CELL if body is not None else names.LINE
            raise InvalidParameters(f"name a tool: {known['tool'].usage}")
        tool = bridge.registry.get(words[0])

        def read_text(path: str, key: str | None) -> str:
            return _text_of(bridge, path, key)

        given = {} if body is None else bodies.read(body, "the cell")
        return tool.name, {
            **given, **parameters.read(None, words[1:], tool.parameters, tool.parameter_aliases, read_text)
        }  # fmt: skip

    def load(self, text: str, bridge: Bridge) -> None:
        """Leave a file's text for the next cell, in the place of this one."""
        path = _one_path(text, "load")
        source = _decoded(_bytes_of(bridge, path), path)
        self.payload.append({"source": "set_next_input", "text": f"-- %load {path}\n{source}", "replace": True})

    def run(self, text: str, bridge: Bridge) -> tuple[bytes, str, Sequence[str]]:
        """Return a script's text, its path and its arguments."""
        words = split(text)
        if not words:
            raise InvalidParameters(f"name a file: {names.LINE['run'].usage}")
        path = os.path.expanduser(words[0])
        source = _bytes_of(bridge, path)
        self.running = path
        return source, path, words[1:]

    def ran(self) -> None:
        """The script has returned."""
        self.running = None

    def run_ended(self) -> None:
        """The whole cell has ended."""
        self._clocks.clear()

    def confirm(self, text: str, bridge: Bridge) -> bool:
        """Ask whether everything may be forgotten; nobody there to ask means yes."""
        words = text.split()
        if any(word != "-f" for word in words):
            raise InvalidParameters(f"%reset takes -f and nothing else: {names.LINE['reset'].usage}")
        return bool(words) or not bridge.front.can_ask or bridge.ask("Forget all globals of yours?")

    def listing(self) -> str:
        """Return what `%lsmagic` prints."""
        return names.listing()

    # --- time ---------------------------------------------------------------------------------------------------------

    def clock(self) -> None:
        """Begin to take the time."""
        self._clocks.append((perf_counter(), process_time()))

    def clocked(self) -> str:
        """Say how long it took since the newest `clock`."""
        wall, busy = perf_counter(), process_time()
        first_wall, first_busy = self._clocks.pop() if self._clocks else (wall, busy)
        return elapsed(wall - first_wall, busy - first_busy)

    def now(self) -> float:
        """Return seconds."""
        return perf_counter()

    def loops(self, options: str) -> tuple[int, int]:
        """Return the loops of `%timeit`, 0 where they are to be found out, and its runs."""
        return wanted_loops(options)

    def timed(self, loops: int, *seconds: float) -> str:
        """Say how long one loop takes."""
        return spread(loops, seconds)

    # --- Python -------------------------------------------------------------------------------------------------------

    def give(self, is_there: bool, value: JsonValue) -> None:
        """Take a value for Python."""
        self.given = is_there, value

    def take(self) -> object:
        """Return the value that Python has for Lua."""
        value, self.waiting = self.waiting, None
        return value

    def python_get(self, name: str) -> JsonValue:
        """Return a value of Python's."""
        return self._names().get(name)

    def python_set(self, name: str, value: JsonValue) -> None:
        """Give Python a value."""
        self._names().set(name, value)

    def _names(self) -> PythonNames:
        if self.python is None:
            raise InvalidParameters("there was no %%python cell yet")
        return self.python


def _one_path(text: str, magic: str) -> str:
    words = split(text)
    if len(words) != 1:
        raise InvalidParameters(f"name one file: {names.LINE[magic].usage}")
    return os.path.expanduser(words[0])


def _bytes_of(bridge: Bridge, path: str) -> bytes:
    return files.read_bytes(bridge.policy, path, _TOOL, max_bytes=bridge.settings.max_source_bytes, limit=_LIMIT)


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameters(f"'{path}' is not UTF-8 text (byte {error.start})") from None


def _text_of(bridge: Bridge, path: str, key: str | None) -> str:
    """Return the text of a file that a word names: `key=@file`."""
    if path == "-":
        raise InvalidParameters("a cell has no standard input; write the value, or @file", field=key)
    return _decoded(_bytes_of(bridge, os.path.expanduser(path)), path)
