"""What a kernel publishes, on a terminal or in a pipe: text as it comes, tables laid out, errors in red.

Called on the thread that waits for the kernel and, with a kernel in this process, on its watch thread; a lock keeps
what they write apart. Knows no key and no command.
"""

from __future__ import annotations

import os
import threading
from itertools import groupby

from llmspell import terminal
from llmspell.client.script import is_bar
from llmspell_tools.cells import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.console import Console
    from llmspell.progress import ProgressBar
    from llmspell_tools.tables import Table
    from llmspell_tools.types import JsonObject, JsonValue

_RED, _DIM, _BOLD, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
#: Stands before what a cell waits for, if the cell says nothing itself.
_QUESTION = "input> "
#: Of a traceback, this many lines at its beginning and at its end are shown.
_TRACEBACK_LINES = 20


def may_colour() -> bool:
    """Tell whether stdout is a terminal that shows colours, and nobody has asked for none (https://no-color.org)."""
    return terminal.is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Screen:
    """The streams of this process; see `client.Hearer`.

    Args:
        console: Where text goes.
        bar: Shows how far work is; None where stderr is no terminal.
        ask: Answers the questions of cells.
        debug_event: Told of the debugger's events.
        is_typed: Whether a person types the answers, and has to see that one is awaited.
    """

    def __init__(
        self,
        console: Console,
        bar: ProgressBar | None,
        ask: Callable[[str, bool], str | None],
        debug_event: Callable[[JsonObject], None] = lambda _: None,
        *,
        is_typed: bool = False,
    ) -> None:
        self._console = console
        self._bar = bar
        self._ask = ask
        self._is_typed = is_typed
        self.debug_event = debug_event
        self._lock = threading.RLock()
        self._is_mid_line = False
        self._colours = may_colour()

    # --- of a client -----------------------------------------------------------------------------------------------

    def published(self, msg_type: str, content: JsonObject) -> None:
        """Show a message."""
        if msg_type == "stream":
            self.write(str(content.get("text", "")), "stderr" if content.get("name") == "stderr" else "stdout")
        elif msg_type in ("display_data", "update_display_data", "execute_result"):
            self._show(content)
        elif msg_type == "error":
            self.traceback(content)
        elif msg_type == "debug_event":
            self.debug_event(content)

    def asked(self, prompt: str, *, password: bool) -> str | None:
        """Ask the person, under a sign of ours where the cell has written none."""
        if not self._is_typed or password:
            return self._ask(prompt, password)
        with self._lock:
            if prompt or not self._is_mid_line:
                self.write(prompt or self._painted(_DIM, _QUESTION))
        answer = self._ask(prompt, password)
        if answer is not None:
            self._is_mid_line = False  # the person's Enter has ended it
        return answer

    # --- of the console --------------------------------------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads any more what is written."""
        return self._console.failure is not None

    def write(self, text: str, stream: str = "stdout") -> None:
        """Write text as it is."""
        if text:
            with self._lock:
                self._console.write(stream, text)
                self._is_mid_line = not text.endswith("\n")

    def line(self, text: str = "", stream: str = "stdout") -> None:
        """Write a line of its own, also where a cell has left one unfinished."""
        with self._lock:
            self.end_line()
            self.write(text if text.endswith("\n") else text + "\n", stream)

    def error(self, text: str, hint: str = "") -> None:
        """Write what is wrong."""
        self.line(self._painted(_RED, text) + (f" {hint}" if hint else ""), "stderr")

    def heading(self, text: str) -> None:
        """Write a line that stands above others, broken as an aside is."""
        self.line(self._painted(_BOLD, "\n".join(_folded(text, self._width))))

    def aside(self, text: str) -> None:
        """Write a line that matters less, broken between words where it does not fit."""
        self.line(self._painted(_DIM, "\n".join(_folded(text, self._width))))

    def end_line(self) -> None:
        """Go to the beginning of a line."""
        with self._lock:
            if self._is_mid_line:
                self.write("\n")

    def done(self) -> None:
        """Take the progress line away: nothing runs any more."""
        if self._bar is not None:
            with self._lock:
                self._bar.clear()

    def traceback(self, content: JsonObject) -> None:
        """Show an error of a cell, and where it came from."""
        lines = content.get("traceback")
        shown = [str(each) for each in lines] if isinstance(lines, list) and lines else [_evalue(content)]
        if content.get("ename") == "KeyboardInterrupt":
            shown = shown[:1]
        shown = _counted(shown)
        if len(shown) > 2 * _TRACEBACK_LINES:
            left_out = len(shown) - 2 * _TRACEBACK_LINES
            shown = [*shown[:_TRACEBACK_LINES], f"... ({left_out} lines)", *shown[-_TRACEBACK_LINES:]]
        text = self._painted(_RED, shown[0])
        if len(shown) > 1:
            text += "\n" + self._painted(_DIM, "\n".join(f"  {each}" for each in shown[1:]))
        self.line(text, "stderr")

    def page(self, data: JsonValue) -> None:
        """Show the answer to a question: its text, broken between words where the terminal is narrow."""
        text = data.get("text/plain") if isinstance(data, dict) else None
        lines = [part for line in str(text or "").split("\n") for part in _folded(line, self._width)]
        self.line("\n".join(lines))

    def bundle(self, data: JsonValue) -> None:
        """Show a MIME bundle."""
        if not isinstance(data, dict):
            return
        html = data.get("text/html")
        table = _table_of(html) if isinstance(html, str) and html.startswith("<table") else None
        if table is not None and terminal.is_terminal():
            self.table(table)
            return
        text = data.get("text/plain")
        self.line(text if isinstance(text, str) else f"<{', '.join(data)}>")

    def table(self, table: Table) -> None:
        """Show a table, no wider than the terminal."""
        from llmspell_tools import tables  # most cells show none

        width = terminal.width() if terminal.is_terminal() else None
        self.line("\n".join(tables.text(table, width, terminal.encoding())))

    def definitions(self, rows: list[tuple[str, str]]) -> None:
        """Show names and what they mean, side by side where there is room, else below each other."""
        width = self._width
        widest = max(len(name) for name, _ in rows)
        if width is not None and width < widest + 30:
            widest = 0
        lines: list[str] = []
        for name, meaning in rows:
            indent = widest + 2 if widest else 4
            room = None if width is None else max(width - indent, 20)
            first, *more = _wrapped(meaning, room) or [""]
            lines += [f"{name.ljust(widest)}  {first}".rstrip()] if widest else [name, " " * indent + first]
            lines += [" " * indent + each for each in more]
        self.line("\n".join(lines))

    def columns(self, names: list[str]) -> None:
        """Show short texts side by side, as many as fit."""
        if not names:
            return
        widest = max(map(len, names)) + 2
        across = max(1, (terminal.width() or 80) // widest) if terminal.is_terminal() else 1
        rows = [names[at : at + across] for at in range(0, len(names), across)]
        self.line("\n".join("".join(name.ljust(widest) for name in row).rstrip() for row in rows))

    def clear(self) -> None:
        """Empty the terminal."""
        if terminal.is_terminal():
            self.write("\x1b[2J\x1b[3J\x1b[H")
            self._is_mid_line = False

    @property
    def _width(self) -> int | None:
        """Columns that a line should not exceed; None where it may be as long as it is."""
        return (terminal.width() or 80) if terminal.is_terminal() else None

    def _show(self, content: JsonObject) -> None:
        data = content.get("data")
        if is_bar(content):
            text = data.get("text/plain") if isinstance(data, dict) else None
            if self._bar is not None and isinstance(text, str):
                with self._lock:
                    self._bar.show_text(text)
            return
        self.bundle(data)

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours else text


def _evalue(content: JsonObject) -> str:
    return f"{content.get('ename', 'Error')}: {content.get('evalue', content.get('error', ''))}"


def _counted(lines: list[str]) -> list[str]:
    """Return lines with those that follow themselves only once: a function that called itself again and again."""
    found: list[str] = []
    for line, group in groupby(lines):
        times = sum(1 for _ in group)
        found.append(line if times == 1 else f"{line}  ({times} times)")
    return found


def _wrapped(text: str, width: int | None) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    import textwrap  # few texts are too long

    return textwrap.wrap(text, width)


def _folded(line: str, width: int | None) -> list[str]:
    """Return a line in parts that fit, the later ones indented as the first."""
    if width is None or len(line) <= width:
        return [line]
    import textwrap

    indent = " " * (len(line) - len(line.lstrip()))
    parts = textwrap.wrap(line.lstrip(), width, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
    return parts or [line]


def _table_of(html: str) -> Table | None:
    """Return the table that our own HTML holds (`llmspell_tools.tables.html`); None for any other."""
    from html.parser import HTMLParser  # few values are tables

    from llmspell_tools.tables import Table

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.title, self.columns, self.rows, self.rest = "", list[str](), list[list[str]](), ""
            self.cell = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
            self.cell = ""
            if tag == "tr":
                self.rows.append([])

        def handle_endtag(self, tag: str) -> None:
            if tag == "th":
                self.columns.append(self.cell)
            elif tag == "td" and self.rows:
                self.rows[-1].append(self.cell)
            elif tag == "caption":
                self.title = self.cell
            elif tag == "p":
                self.rest = self.cell

        def handle_data(self, data: str) -> None:
            self.cell += data

    if not html.startswith('<table class="llmspell-table">'):
        return None
    reader = Reader()
    reader.feed(html)
    rows: list[list[JsonValue]] = [[*row] for row in reader.rows if row]
    if not reader.columns or any(len(row) != len(reader.columns) for row in rows):
        return None
    total = reader.rest.split(" of ")[-1].split(" ")[0].replace(",", "")
    return Table(
        reader.columns,
        rows,
        title=harmless(reader.title) or None,
        total_rows=int(total) if total.isdecimal() else len(rows),
    )
