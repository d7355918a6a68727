"""The console's debugger: `debug:break 3`, `debug:step`, `debug:locals`, ... on the kernel's own `DebugSession`.

It speaks the Debug Adapter Protocol through `debug_request`, as notebooks do, to a kernel here or elsewhere; so what
stops and how is the same as in JupyterLab. The session begins with the first command. A cell is known to it by the path
that `dumpCell` gives its text (`breakpoints`).

Threads. `run`, `prepare`, `begin` and `ended` are called on the main thread. While a cell is stopped that thread waits
inside it, so `stopped` events start a thread of their own, which reads commands until one lets the cell go on. `heard`
comes from any thread and returns at once.
"""

from __future__ import annotations

import threading
from itertools import count

from llmspell.repl.breakpoints import Breakpoints
from llmspell.repl.debug_commands import COMMANDS, GOES_ON, Stopped, parse
from llmspell.repl.language import Choice
from llmspell_tools.errors import InvalidParameters, LlmspellError, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.repl.backend import Backend
    from llmspell.repl.reading import Reader
    from llmspell.repl.showing import Screen
    from llmspell_tools.types import JsonObject

_PREFIXES = ("debug:", "db:")
_TITLE = "debug> "
#: Lines shown around the one where a cell has stopped.
_CONTEXT = 2


def is_debug(line: str) -> bool:
    """Tell whether a line is for the debugger: `debug:` or `db:` and the name of a command."""
    for prefix in _PREFIXES:
        if line.startswith(prefix):
            name = line[len(prefix) :].lstrip().partition(" ")[0]
            return name.rstrip().isalpha() or not name
    return False


def words(text: str) -> list[tuple[str, str]]:
    """Return the ways to go on in such a line."""
    prefix = next((each for each in _PREFIXES if text.startswith(each)), "")
    if " " in text[len(prefix) :]:
        return []
    return [(prefix + command.names[0], command.help) for command in COMMANDS]


class Debugging:
    """The debugger of one console.

    Args:
        backend: Has the session.
        screen: Shows what it says.
        judge: Tells whether a text is Lua; see `Language.judge`.
    """

    def __init__(self, backend: Backend, screen: Screen, judge: Callable[[str], tuple[str, str]]) -> None:
        self._backend = backend
        self.screen = screen
        self._judge = judge
        self._numbers = count(1)
        self._is_started = self._is_ours = False
        self._talk: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self.points = Breakpoints(self.ask)
        self.watches: list[str] = []
        #: Where a cell is stopped, None while it runs.
        self.stopped: Stopped | None = None
        #: Reads commands while a cell is stopped; the console sets it.
        self.reader: Reader | None = None

    # --- main thread -----------------------------------------------------------------------------------------------

    def run(self, line: str, cells: Mapping[int, str]) -> None:
        """Carry out a command while no cell runs.

        Raises:
            LlmspellError: It is wrong, or the debugger refuses.
        """
        self.points.cells = cells
        self._command(line)

    def prepare(self, number: int, code: str) -> None:
        """Take note of a cell that is about to run, and of the number that it will have.

        Raises:
            LlmspellError: Breakpoints were asked for in it, and the debugger refuses them.
        """
        self.begin()
        self.points.meet(number, code)

    def begin(self) -> None:
        """Something is about to run, a cell or a script: whoever reads commands when it stops may do so."""
        self._is_over.clear()

    def ended(self) -> None:
        """The cell is over: whoever still reads commands for it stops that, and what log points said is shown.

        Raises:
            LlmspellError: The kernel has gone.
        """
        self.give_up()
        if self._is_started:
            self.ask("debugInfo", {})  # answered when everything before it is said
            self._backend.hear_debugger(self.screen)

    def give_up(self) -> None:
        """Stop reading commands, if anybody does."""
        self._is_over.set()
        talk = self._talk
        if talk is not None and talk is not threading.current_thread():
            cancel = getattr(self.reader, "cancel_command", None)
            if cancel is not None:
                cancel()
            talk.join()
            self._talk = None

    def restart(self) -> None:
        """A new engine has taken the old one's place: breakpoints in files hold there, too."""
        if self._is_started:
            self._is_started = False
            self.start()
            self.points.renew()

    def close(self) -> None:
        """Leave the session, if it is ours; the kernel goes on."""
        if self._is_started and self._is_ours:
            try:
                self.ask("disconnect", {"terminateDebuggee": False})
            except LlmspellError:
                pass  # the kernel has gone
        self._is_started = False

    # --- any thread ------------------------------------------------------------------------------------------------

    def heard(self, event: JsonObject) -> None:
        """Take an event of the session."""
        body = event.get("body")
        if event.get("event") == "stopped" and isinstance(body, dict):
            thread = threading.Thread(target=self._converse, args=(body,), name="llmspell-debug", daemon=True)
            self._talk = thread
            thread.start()
        elif event.get("event") == "output" and isinstance(body, dict) and body.get("category") == "console":
            self.screen.write(str(body.get("output", "")))  # what log points say; the cell's own output comes by itself

    def ask(self, command: str, arguments: JsonObject) -> JsonObject:
        """Send a request to the session and return its response's body.

        Raises:
            LlmspellError: It is refused.
        """
        if not self._is_started and command not in {"initialize", "attach", "configurationDone", "debugInfo"}:
            self.start()
        message: JsonObject = {
            "type": "request", "seq": next(self._numbers), "command": command, "arguments": arguments,
        }  # fmt: skip
        reply = self._backend.control("debug_request", message)
        if reply.get("success") is not True:
            raise ToolExecutionError(str(reply.get("message") or reply.get("evalue") or "the debugger refuses"))
        body = reply.get("body")
        return body if isinstance(body, dict) else {}

    def start(self) -> None:
        """Begin the session, or join the one that a notebook has."""
        info = self.ask("debugInfo", {})
        self._is_ours = info.get("isStarted") is not True
        if self._is_ours:
            self.ask("initialize", {"clientID": "llmspell-console", "adapterID": "llmspell", "pathFormat": "path"})
            self.ask("attach", {})
            self.ask("configurationDone", {})
        self._is_started = True

    def complete(self, text: str) -> list[Choice]:
        """Return the ways to go on behind a text, while a cell is stopped: commands, and names that are seen there."""
        found = [] if " " in text else [
            Choice(command.names[0], -len(text), command.help)
            for command in COMMANDS if text and command.names[0].startswith(text)
        ]  # fmt: skip
        stopped = self.stopped
        try:
            return found + (stopped.completions(text) if stopped is not None else [])
        except LlmspellError:
            return found

    # --- while a cell is stopped -----------------------------------------------------------------------------------

    def _converse(self, event: JsonObject) -> None:
        """Read and carry out commands until one lets the cell go on."""
        with self._lock:  # the one before has been told to go on, and is about to end
            if self._is_over.is_set():
                return
            try:
                self.stopped = Stopped(event, self.ask)
                self.show_place()
                self._read_on()
            except EOFError:
                self._backend.interrupt()  # whoever leaves the debugger does not want the rest of the cell
            except LlmspellError as error:
                if not self._is_over.is_set():
                    self.screen.error(f"Error: {error.message}")
            finally:
                self.stopped = None

    def _read_on(self) -> None:
        assert self.reader is not None
        while not self._is_over.is_set():
            try:
                self.screen.end_line()
                line = self.reader.read_command(_TITLE).strip()
            except KeyboardInterrupt:
                continue
            try:
                if line and self._command(line, may_evaluate=True):
                    return
            except LlmspellError as error:
                self.screen.error(f"Error: {error.message}")

    def _command(self, line: str, *, may_evaluate: bool = False) -> bool:
        """Carry out a command; tell whether the cell goes on."""
        given = line
        for prefix in _PREFIXES:
            line = line.removeprefix(prefix)
        command, rest = parse(line, is_command=line != given)
        if command is None:
            if not may_evaluate:
                name = line.partition(" ")[0]
                raise InvalidParameters(f"the debugger has no command '{name}'{_like(name)}; debug:help lists them")
            self.show_value(line)
            if line.isidentifier() and (hint := _like(line)) and self.place().value(line) == "nil":
                self.screen.error(f"'{line}' is no command and no variable{hint}; help lists the commands")
            return False
        command.run(self, rest)
        return command.names[0] in GOES_ON

    # --- what commands use -----------------------------------------------------------------------------------------

    def place(self) -> Stopped:
        """Return where the cell is stopped.

        Raises:
            InvalidParameters: None is.
        """
        if self.stopped is None:
            raise InvalidParameters(
                "nothing is stopped; debug:break sets a breakpoint, debug:pause stops the next cell"
            )
        return self.stopped

    def status_of(self, code: str) -> str:
        """Return what `is_complete_reply` says of Lua; "unknown" if the kernel is busy. Not while a cell is stopped."""
        return self._judge(code)[0]

    def show_place(self) -> None:
        """Say where and why the cell is stopped, the lines around, and the watched expressions."""
        stopped = self.place()
        frame = stopped.frame()
        where = self.points.title(frame)
        text = f": {stopped.text}" if stopped.text else ""
        self.screen.heading(f"Stopped at {where} in {frame.get('name', '?')} ({stopped.reason}{text})")
        lines = self.points.lines(frame)
        line = frame.get("line")
        if isinstance(line, int) and 0 < line <= len(lines):
            for number in range(max(1, line - _CONTEXT), min(len(lines), line + _CONTEXT) + 1):
                mark = ">" if number == line else " "
                self.screen.line(f"{mark}{number:>4}  {lines[number - 1]}")
        for expression in self.watches:
            self.show_watch(expression)

    def show_watch(self, expression: str) -> None:
        """Show an expression and its value in the chosen frame."""
        try:
            self.screen.line(f"  {expression} = {self.place().value(expression)}")
        except LlmspellError as error:
            self.screen.line(f"  {expression}: {error.message}")

    def show_value(self, expression: str) -> None:
        """Show all of a value."""
        self.screen.line(self.place().value(expression, is_whole=True))


def _like(word: str) -> str:
    from llmspell_tools.nearest import did_you_mean  # only for mistakes

    return did_you_mean(word, [name for command in COMMANDS for name in command.names if len(name) > 1])
