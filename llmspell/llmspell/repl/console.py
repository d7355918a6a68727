"""The console: reads a cell or a command, runs it, shows what comes back, until the person leaves.

All of it happens on the main thread, but for what signals do (`signals`), and what a person says to the debugger while
a cell is stopped (`debugging`).
"""

from __future__ import annotations

from time import perf_counter

from llmspell.client.joining import error_of
from llmspell.repl import meta
from llmspell.repl.debugging import Debugging, is_debug
from llmspell.repl.language import Commands, Language, Silence
from llmspell.repl.signals import Leave
from llmspell_kernel.errors import KernelDied
from llmspell_tools.errors import Cancelled, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.repl.backend import Backend
    from llmspell.repl.reading import Reader
    from llmspell.repl.showing import Screen
    from llmspell.repl.signals import Signals
    from llmspell_kernel.client import Hearer
    from llmspell_tools.types import JsonObject, JsonValue


def is_command(line: str) -> bool:
    """Tell whether a line is the console's own, not Lua."""
    return meta.is_meta(line) or is_debug(line)


def command_words(text: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the ways to go on in such a line; see `language.Commands`."""
    if meta.is_meta(text) or text.startswith("."):
        return meta.words(text)
    from llmspell.repl.debugging import words  # few lines speak to the debugger

    return words(text), False


class Console:
    """One session.

    Args:
        backend: Runs the cells.
        screen: Shows what comes back.
        history_file: Where the reader keeps what was typed, for people; None for nowhere.
        is_interactive: Whether a person sees what failed; else the exit status says it.

    Attributes:
        number: Of the next cell.
        cells: The texts of those that ran, by number.
        has_failed: Whether any has.
        shows_time: Whether each cell's time is shown.
        next_text: What stands in the next cell before anything is typed.
        exit_code: What a cell gave `os.exit`.
        fresh_names: Globals of a fresh state, once somebody has asked.
    """

    def __init__(
        self, backend: Backend, screen: Screen, history_file: str | None = None, *, is_interactive: bool = False
    ) -> None:
        self.is_interactive = is_interactive
        self.backend = backend
        self.screen = screen
        self.history_file = history_file
        self.language = Language(backend, Commands(is_command, command_words))
        self.debug = Debugging(backend, screen, self.language.judge)
        screen.debug_event = self.debug.heard
        self.reader: Reader | None = None
        self.number = 1
        self.cells: dict[int, str] = {}
        self.has_failed = False
        self.shows_time = False
        self.next_text = ""
        self.exit_code: int | None = None
        self.fresh_names: set[str] | None = None

    def run(self, reader: Reader, signals: Signals) -> int:
        """Read and run until the input is over or the person leaves; return the exit status."""
        self.reader = self.debug.reader = reader
        try:
            self.number = self._count() + 1
            while signals.ending is None and not self.screen.is_gone:
                try:
                    self.screen.end_line()
                    signals.is_stopped = False
                    given, self.next_text = self.next_text, ""
                    self.take(reader.read(f"In[{self.number}]: ", given))
                except KeyboardInterrupt:
                    continue
        except (EOFError, Leave):
            pass
        except KernelDied as error:
            self.complain(error)
            return error.exit_status
        except Cancelled as error:  # signalled to end while it waited for its turn
            self.complain(error)
        finally:
            self.debug.close()
        if signals.ending is not None:
            return 128 + signals.ending
        if self.exit_code is not None:
            return self.exit_code & 0xFF
        return 1 if self.has_failed and not self.is_interactive else 0

    def take(self, text: str) -> None:
        """Run a cell or a command.

        Raises:
            EOFError: The person leaves.
        """
        line = text.strip()
        if not line:
            return
        try:
            if "\n" in line or not is_command(line):
                self.run_cell(text)
            elif meta.is_meta(line):
                meta.run(self, line)
            else:
                self.debug.run(line, self.cells)
        except KernelDied:
            raise
        except LlmspellError as error:
            self.complain(error)

    # --- for commands ----------------------------------------------------------------------------------------------

    def run_cell(self, code: str) -> None:
        """Run a cell, show what it publishes, count it.

        Raises:
            EOFError: It called `os.exit`.
        """
        self._prepare(code)
        begin = perf_counter()
        reply = self._watched("execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
            "stop_on_error": False,
        })  # fmt: skip
        seconds = perf_counter() - begin
        count = reply.get("execution_count")
        if isinstance(count, int):
            self.cells[count] = code
            self.number = count + 1
        if reply.get("status") != "ok":
            self.has_failed = True
            if "ename" not in reply:
                self.complain(error_of(reply))
        if self.shows_time:
            self.screen.aside(_duration(seconds))
        self._act_on(reply.get("payload"))

    def run_script(self, content: JsonObject) -> None:
        """Run a script (`script_request`), show what it prints and gives back."""
        begin = perf_counter()
        reply = self._watched("script_request", content)
        seconds = perf_counter() - begin
        if reply.get("status") != "ok":
            self.has_failed = True
            details = reply.get("details")
            trace = details.get("traceback") if isinstance(details, dict) else None
            head: list[JsonValue] = [f"{reply.get('ename', 'Error')}: {reply.get('evalue', reply.get('error', ''))}"]
            self.screen.traceback({**reply, "traceback": head + (trace if isinstance(trace, list) else [])})
        elif reply.get("text") is not None:
            self.screen.line(str(reply["text"]))
        elif reply.get("values"):
            from llmspell_tools.jsontext import dumps  # few scripts give anything back

            values = reply["values"]
            whole = isinstance(values, list) and len(values) == 1
            value = values[0] if isinstance(values, list) and whole else values
            self.screen.line(value if isinstance(value, str) else dumps(value, 2, sort_keys=True))
        if self.shows_time:
            self.screen.aside(_duration(seconds))

    def run_quietly(self, code: str) -> None:
        """Run Lua that is no cell of its own: it is not counted or remembered.

        Raises:
            LlmspellError: It failed.
        """
        self.values("script", code)

    def values(self, mode: str, code: str, *, shared: bool = True) -> list[JsonValue]:
        """Run Lua in the cells' state, or a fresh one, and return what it gives back.

        Raises:
            LlmspellError: It failed.
        """
        reply = self.ask("script_request", {"code": code, "mode": mode, "name": "=console", "shared": shared})
        values = reply.get("values")
        return values if isinstance(values, list) else []

    def ask(self, msg_type: str, content: JsonObject) -> JsonObject:
        """Send a request that shows nothing and return its reply.

        Raises:
            LlmspellError: It failed.
        """
        reply = self._watched(msg_type, content, _Stops(self.debug.heard))
        if reply.get("status") != "ok":
            raise error_of(reply)
        return reply

    def entries(self) -> list[str]:
        """Return what was typed, oldest first; without a history the cells of this session."""
        history = getattr(self.reader, "history", None)
        if history is None:
            return [*self.cells.values()]
        return list(reversed(list(history.load_history_strings()))) if self.history_file else history.get_strings()

    def forget_entries(self) -> None:
        """Forget what was typed."""
        forget = getattr(getattr(self.reader, "history", None), "forget", None)
        if forget is not None:
            forget()
        self.cells.clear()

    def complain(self, error: LlmspellError) -> None:
        """Say what is wrong."""
        self.has_failed = True
        self.screen.error(f"Error: {error.message}")

    # --- private ---------------------------------------------------------------------------------------------------

    def _watched(self, msg_type: str, content: JsonObject, hearer: Hearer | None = None) -> JsonObject:
        """Send a request whose output is shown, or heard by another; the debugger may take part."""
        self.debug.begin()
        try:
            reply = self.backend.request(msg_type, content, hearer or self.screen)
        except BaseException:
            self.debug.give_up()
            raise
        finally:
            self.screen.done()
        self.debug.ended()
        return reply

    def _prepare(self, code: str) -> None:
        try:
            self.debug.prepare(self.number, code)
        except KernelDied:
            raise
        except LlmspellError as error:  # the cell runs all the same
            self.complain(error)

    def _count(self) -> int:
        reply = self.backend.request("execute_request", {"code": "", "silent": True}, Silence())
        count = reply.get("execution_count")
        return count if isinstance(count, int) else 0

    def _act_on(self, payload: JsonValue) -> None:
        for each in payload if isinstance(payload, list) else ():
            if not isinstance(each, dict):
                continue
            if each.get("source") == "page":
                self.screen.page(each.get("data"))
            elif each.get("source") == "set_next_input":
                self.next_text = str(each.get("text", ""))
            elif each.get("source") == "ask_exit":
                code = each.get("exit_code")
                self.exit_code = code if isinstance(code, int) else 0
                raise EOFError


class _Stops(Silence):
    """Hears nothing but the debugger: what a command runs may call a function that stops."""

    def __init__(self, heard: Callable[[JsonObject], None]) -> None:
        self._heard = heard

    def published(self, msg_type: str, content: JsonObject) -> None:
        """See `Hearer.published`."""
        if msg_type == "debug_event":
            self._heard(content)


def _duration(seconds: float) -> str:
    return f"({seconds * 1000:.1f} ms)" if seconds < 1 else f"({seconds:.2f} s)"
