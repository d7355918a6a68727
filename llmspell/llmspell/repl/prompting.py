"""A person's keys: cells of many lines, indentation, highlighting, completion, history; by prompt_toolkit and pygments.

Enter runs a cell when the kernel finds it complete, and else goes to the next line, indented as the kernel says; a line
that only closes a block (`end`) moves back to where the block began. Alt-Enter runs whatever stands there. Tab
completes, or indents at the beginning of a line; Ctrl-C throws the cell away; Ctrl-D on an empty line leaves; the
arrows walk the history by what is typed already; Ctrl-R searches it; Ctrl-X Ctrl-E opens $EDITOR.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition, has_completions, has_selection, is_searching
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import Lexer, PygmentsLexer
from prompt_toolkit.styles import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from llmspell.repl.language import Choice, Language

_STYLE = Style.from_dict({
    "prompt": "ansigreen", "continuation": "ansibrightblack", "auto-suggestion": "ansibrightblack",
})  # fmt: skip
_STEP = "  "
#: Lines that are nothing but one of these close a block.
_CLOSERS = ("end", "until", "else", "elseif", "}", ")", "]")
#: Rows kept free below the line for the popup.
_MENU_ROWS = 8


class PromptReader:
    """Reads from a terminal; see `reading.Reader`.

    Args:
        language: Of the cells.
        history_file: Where what was typed is kept; None for nowhere.
        typing: Entered while keys are read.
        ask: Answers the questions of cells.
        complete_command: The ways to go on in a line for the debugger, while a cell is stopped.
        input: Where keys come from; the terminal if left out.
        output: Where they are shown; the same.
    """

    def __init__(
        self,
        language: Language,
        history_file: str | None,
        typing: Callable[[], AbstractContextManager[None]],
        ask: Callable[[str, bool], str | None],
        complete_command: Callable[[str], list[Choice]],
        *,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._language = language
        self._typing = typing
        self.ask = ask
        self._input = input
        self._output = output
        self.history: History = InMemoryHistory() if history_file is None else PrivateHistory(history_file)
        self._session = self._made(self.history, _bindings(language), _Words(language.complete), multiline=True)
        self._commands = self._made(InMemoryHistory(), None, _Words(complete_command), multiline=False)

    def read(self, title: str, text: str = "") -> str:
        """See `Reader.read`."""
        with self._typing():
            return self._session.prompt([("class:prompt", title)], default=text, prompt_continuation=_continuation)

    def read_command(self, title: str) -> str:
        """See `Reader.read_command`; one line, with a history of its own."""
        return self._commands.prompt([("class:prompt", title)], handle_sigint=False)

    def cancel_command(self) -> None:
        """Let `read_command` end with EOFError; any thread."""
        app = self._commands.app
        if app.is_running and app.loop is not None:
            app.loop.call_soon_threadsafe(lambda: app.exit(exception=EOFError()) if app.is_running else None)

    def _made(
        self, history: History, bindings: KeyBindings | None, completer: Completer, *, multiline: bool
    ) -> PromptSession[str]:
        return PromptSession(
            multiline=multiline,
            lexer=_CellLexer(self._language.is_command),
            completer=completer,
            complete_while_typing=False,
            auto_suggest=AutoSuggestFromHistory(),
            enable_history_search=True,
            enable_open_in_editor=multiline,
            tempfile_suffix=".lua",
            history=history,
            key_bindings=bindings,
            reserve_space_for_menu=_MENU_ROWS,
            style=_STYLE,
            input=self._input,
            output=self._output,
        )


class PrivateHistory(FileHistory):
    """A history file that only its owner may read."""

    def __init__(self, path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        os.chmod(path, 0o600)
        self.path = path
        super().__init__(path)

    def forget(self) -> None:
        """Empty it."""
        os.truncate(self.path, 0)
        self._loaded_strings.clear()


class _CellLexer(Lexer):
    """Lua's colours; none for commands of the console."""

    def __init__(self, is_command: Callable[[str], bool]) -> None:
        from pygments.lexers.scripting import LuaLexer  # type: ignore[import-untyped]  # it has no stubs

        self._is_command = is_command
        self._lua = PygmentsLexer(LuaLexer)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """See `Lexer.lex_document`."""
        if document.line_count == 1 and self._is_command(document.text):
            return lambda _: [("bold", document.text)]
        return self._lua.lex_document(document)


class _Words(Completer):
    """Completion by the kernel."""

    def __init__(self, complete: Callable[[str], list[Choice]]) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """See `Completer.get_completions`."""
        for choice in self._complete(document.text_before_cursor):
            yield Completion(choice.text, start_position=choice.start, display_meta=choice.meta)


def _continuation(width: int, _line: int, _wraps: int) -> StyleAndTextTuples:
    return [("class:continuation", "...: ".rjust(width))]


def _bindings(language: Language) -> KeyBindings:
    bindings = KeyBindings()
    is_idle = ~is_searching & ~has_selection

    @bindings.add("enter", filter=is_idle)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # takes what is selected in the popup
            return
        text, rest = buffer.text, buffer.document.text_after_cursor
        if "\n" not in text and (language.is_command(text) or not text.strip()):
            buffer.validate_and_handle()
            return
        if rest.strip():  # in the middle of a cell Enter is a new line
            buffer.newline(copy_margin=True)
            return
        _dedent_closer(event, language)
        status, indent = language.judge(buffer.text)
        if status == "incomplete":
            buffer.insert_text("\n" + indent)
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=is_idle)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @Condition
    def is_at_margin() -> bool:
        from prompt_toolkit.application import get_app

        document = get_app().current_buffer.document
        return not document.current_line_before_cursor.strip() and "\n" in document.text

    @bindings.add("tab", filter=is_idle & is_at_margin & ~has_completions)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_STEP)

    @bindings.add("backspace", filter=is_idle & is_at_margin)
    def _(event: KeyPressEvent) -> None:
        blanks = event.current_buffer.document.current_line_before_cursor
        event.current_buffer.delete_before_cursor(len(_STEP) if blanks.endswith(_STEP) else 1)

    return bindings


def _dedent_closer(event: KeyPressEvent, language: Language) -> None:
    """Move a line that only closes a block back by one step, if it stands where the kernel has indented it to."""
    buffer = event.current_buffer
    before, newline, line = buffer.document.text_before_cursor.rpartition("\n")
    word = line.strip()
    if not newline or not word.startswith(_CLOSERS):
        return
    first = word.split()[0].rstrip("(,;)")
    if first not in _CLOSERS and word[0] not in "})]":
        return
    _, indent = language.judge(before)
    blanks = line[: len(line) - len(line.lstrip())]
    step = "\t" if indent.endswith("\t") else _STEP
    if not indent or blanks != indent or not blanks.endswith(step):
        return
    buffer.delete_before_cursor(len(line))
    buffer.insert_text(blanks.removesuffix(step) + line.lstrip())
