"""What a session needs of the program it debugs. The seam: the session speaks to clients, a debuggee to a language.

Frame and variable numbers are the debuggee's own and hold until the program goes on. Paths are the debuggee's; the
session maps them for its client. Lines count from 1. `Wish`, `Point` and `Stop` are those of the Lua debugger; they
say nothing of Lua.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell_kernel.debug.peer import Peer
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.lua.debugger.points import Point, Wish
    from llmspell_kernel.lua.debugger.stops import Stop
    from llmspell_tools.types import JsonObject

#: How a program goes on.
Mode = Literal["continue", "in", "over", "out"]
#: What is done about Python tools: they are stopped in this session, in one of their own, or not at all.
PythonMode = Literal["merged", "child", "off"]
PYTHON_MODES: tuple[PythonMode, ...] = ("merged", "child", "off")


class Filter(NamedTuple):
    """A kind of errors that stop.

    Attributes:
        name: For requests.
        label: For people.
        description: What it does.
        is_default: Whether clients set it at first.
        has_condition: Whether it takes one, in Lua.
    """

    name: str
    label: str
    description: str
    is_default: bool
    has_condition: bool


FILTERS = (
    Filter(
        "uncaught", "Uncaught errors", "Stop where an error is raised that no pcall, xpcall or resume catches.",
        is_default=True, has_condition=True,
    ),
    Filter(
        "all", "All errors", "Stop where any error is raised, also those that are caught.",
        is_default=False, has_condition=True,
    ),
    Filter(
        "pythonUncaught", "Python: exceptions of tools", "Stop where an exception is raised that leaves a Python tool.",
        is_default=False, has_condition=False,
    ),
    Filter(
        "pythonRaised", "Python: raised exceptions",
        "Stop where a Python tool raises an exception, also one that it catches.",
        is_default=False, has_condition=False,
    ),
)  # fmt: skip


class Wanted(NamedTuple):
    """What a client wants of a program, as far as the program must know.

    Attributes:
        python: What is done about Python tools.
        just_my_code: Whether frames that are not the person's are hidden.
        offer: Offers the client a session of Python's own, by the configuration to attach with, and gets what is
            called with the reason if it is refused, on any thread; None where the client takes no such offers.
    """

    python: PythonMode = "merged"
    just_my_code: bool = True
    offer: Callable[[JsonObject, Callable[[str], None]], None] | None = None


class Frame(NamedTuple):
    """A function that has been called.

    Attributes:
        id: Number for `scopes` and `evaluate`.
        name: Of the function.
        source: Name of its chunk: `@path` for a file.
        line: Where it stands.
        is_own: Whether it belongs to llmspell, not to the script.
    """

    id: int
    name: str
    source: str
    line: int
    is_own: bool


class Thread(NamedTuple):
    """Something that runs: 1 is main, others are coroutines."""

    id: int
    name: str


class Scope(NamedTuple):
    """A group of a frame's variables; `hint` is DAP's presentationHint."""

    name: str
    hint: str
    reference: int
    named: int
    indexed: int
    is_expensive: bool


class Value(NamedTuple):
    """A value as text, and how to get at its children.

    Attributes:
        name: In its parent; "" for a result.
        text: For people.
        type: Of the language.
        reference: Number for `children`, 0 where there are none.
        named: Number of children with names.
        indexed: Number of children with indexes.
        expression: Evaluates to it; "" where nothing does.
    """

    name: str
    text: str
    type: str
    reference: int
    named: int
    indexed: int
    expression: str


class Listener(Protocol):
    """Who is told what a program does; from any thread, and returns at once."""

    def stopped(self, stop: Stop) -> None:
        """It waits for `go_on`."""
        ...

    def resumed(self, mode: str) -> None:
        """It runs again."""
        ...

    def logged(self, text: str) -> None:
        """A log point, or the debugger itself, says something."""
        ...

    def point_changed(self, point: Point) -> None:
        """A breakpoint has found or lost its place."""
        ...

    def loaded(self, name: str) -> None:
        """A chunk was loaded."""
        ...

    def wrote(self, stream: str, text: str) -> None:
        """It printed to ``stdout`` or ``stderr``."""
        ...

    def ended(self, status: int | None) -> None:
        """It is over, with an exit status; None where it is not a program that exits."""
        ...


class Debuggee(Protocol):
    """One program. Called on a session's thread; what fails raises `LlmspellError`."""

    #: Whether `restart` can run it again.
    can_restart: bool
    #: Whether it goes on after `stop`, as a kernel does.
    is_endless: bool

    def prepare(self, wanted: Wanted) -> None:
        """Take what the client wants, before `listen`."""
        ...

    def listen(self, listener: Listener, *, is_debugging: bool) -> None:
        """Begin: tell `listener` what happens; without debugging only what it prints and how it ends."""
        ...

    def leave(self) -> None:
        """End: breakpoints are forgotten, and a stopped program goes on."""
        ...

    def start(self, *, stop_on_entry: bool) -> None:
        """Let it begin, if it has not begun."""
        ...

    def stop(self) -> None:
        """End the program."""
        ...

    def restart(self) -> None:
        """End the program and run it again, with the same breakpoints."""
        ...

    def set_lines(self, path: str, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the breakpoints of a file (or of the chunk `=name`)."""
        ...

    def set_functions(self, wishes: Sequence[Wish]) -> list[Point]:
        """Replace the function breakpoints."""
        ...

    def set_exceptions(self, filters: Mapping[str, str | None]) -> None:
        """Choose the errors that stop, by filter, each with a condition or None."""
        ...

    def lines(self, path: str, first: int, last: int) -> list[int]:
        """Return the lines on which a breakpoint can be."""
        ...

    def pause(self) -> None:
        """Stop soon."""
        ...

    def go_on(self, thread: int, mode: Mode) -> None:
        """Let the stopped program run."""
        ...

    def threads(self) -> list[Thread]:
        """Return what runs."""
        ...

    def frames(self, thread: int, first: int, size: int, *, all_frames: bool) -> tuple[list[Frame], bool]:
        """Return frames from number `first` (0-based) on, and whether there are more."""
        ...

    def scopes(self, frame: int) -> list[Scope]:
        """Return the groups of variables of a frame."""
        ...

    def children(self, reference: int, first: int, size: int, kind: str) -> list[Value]:
        """Return children from number `first` (0-based) on; `kind` is "", "named" or "indexed"."""
        ...

    def evaluate(self, frame: int, text: str) -> Value:
        """Evaluate an expression or run a statement in a frame; 0 stands for the globals."""
        ...

    def full_text(self, frame: int, text: str) -> str:
        """Return all of a value, as text for the clipboard."""
        ...

    def set_child(self, reference: int, name: str, text: str, frame: int) -> Value:
        """Give a variable the value of an expression."""
        ...

    def names(self, frame: int, text: str) -> tuple[list[tuple[str, str]], int]:
        """Return ``(name, type)`` of what may complete a text, and how many of its last characters they replace."""
        ...

    def sources(self) -> list[str]:
        """Return the chunk names of what was loaded."""
        ...

    def source_text(self, name: str) -> str | None:
        """Return a chunk's text, by chunk name."""
        ...


class Host(Protocol):
    """Where a session's program comes from."""

    def terminal_command(self, port: int) -> Sequence[str] | None:
        """Return the words by which a client's terminal starts a program that calls back to `port`, or None."""
        ...

    def launch(self, arguments: Arguments) -> Debuggee:
        """Prepare a program as the arguments of `launch` say.

        Raises:
            RequestFailed: There is none, or nothing can be launched here.
        """
        ...

    def attach(self, arguments: Arguments) -> Debuggee | Peer:
        """Return the program that is there; a peer where it is in another process, which then answers for us.

        Raises:
            RequestFailed: There is none, or the client may not.
        """
        ...

    def left(self, debuggee: Debuggee) -> None:
        """Take note that a session has ended; it has left the program before."""
        ...
