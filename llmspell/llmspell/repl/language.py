"""What the console knows of the text that is being typed; it asks the kernel, and never for long."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from llmspell_tools.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.repl.backend import Backend
    from llmspell_tools.types import JsonObject, JsonValue

#: Seconds that a kernel which is busy for somebody else may keep a person waiting for a Tab or an Enter.
_PATIENCE_S = 1.5
#: Of a match's signature, this much stands beside it.
_META_CHARS = 40


class Choice(NamedTuple):
    """A way to go on: what to put in place of the last `-start` characters, and what it is."""

    text: str
    start: int
    meta: str = ""


class Silence:
    """Hears nothing; see `client.Hearer`."""

    def published(self, msg_type: str, content: JsonObject) -> None:
        """Show nothing."""

    def asked(self, prompt: str, *, password: bool) -> str | None:  # noqa: ARG002 - the Hearer's
        """Answer nothing."""
        return None


class Commands(NamedTuple):
    """The console's own commands, as far as typing is concerned.

    Attributes:
        recognise: Whether a line is one.
        words: The ways to go on in such a line: words, and whether a path may stand there.
    """

    recognise: Callable[[str], bool]
    words: Callable[[str], tuple[list[tuple[str, str]], bool]]


class Language:
    """Cells and commands.

    Args:
        backend: Knows the cells.
        commands: The others.
    """

    def __init__(self, backend: Backend, commands: Commands) -> None:
        self._backend = backend
        self._commands = commands

    def is_command(self, line: str) -> bool:
        """Tell whether a line is a command of the console."""
        return self._commands.recognise(line)

    def judge(self, cell: str) -> tuple[str, str]:
        """Return a cell's status and the indent of its next line, as `is_complete_reply` has them.

        Where a busy kernel does not answer, by the text alone: half a cell is never taken for a whole one.
        """
        # An empty line ends a cell of magics; that of the cursor is one, too.
        reply = self._asked("is_complete_request", {"code": cell + "\n" if cell.startswith("%%") else cell})
        if "status" not in reply:
            if cell.startswith("%%"):
                return ("unknown" if cell.endswith("\n") else "incomplete"), ""
            from llmspell_kernel.lua.completeness import guess  # imports lupa; other consoles need none

            return guess(cell)
        return str(reply["status"]), str(reply.get("indent", ""))

    def complete(self, text: str) -> list[Choice]:
        """Return the ways to go on behind a text."""
        if self.is_command(text) or (text.startswith(".") and "\n" not in text):
            return self._complete_command(text)
        reply = self._asked("complete_request", {"code": text, "cursor_pos": len(text)})
        start = reply.get("cursor_start")
        back = (start if isinstance(start, int) else len(text)) - len(text)
        metadata = reply.get("metadata")
        types = metadata.get("_jupyter_types_experimental") if isinstance(metadata, dict) else None
        notes = [_note(each) for each in types] if isinstance(types, list) else []
        matches = reply.get("matches")
        names = [str(each) for each in matches] if isinstance(matches, list) else []
        notes += [""] * (len(names) - len(notes))
        return [Choice(name, back, note) for name, note in zip(names, notes, strict=False)]

    def _complete_command(self, text: str) -> list[Choice]:
        words, wants_path = self._commands.words(text)
        word = text.rpartition(" ")[2]
        found = [Choice(name, -len(word), note) for name, note in words if name.startswith(word)]
        return found + (_paths(word) if wants_path else [])

    def _asked(self, msg_type: str, content: JsonObject) -> JsonObject:
        try:
            return self._backend.request(msg_type, content, Silence(), patience_s=_PATIENCE_S)
        except LlmspellError:
            return {}


def _note(described: JsonValue) -> str:
    if not isinstance(described, dict):
        return ""
    text = " ".join(str(described.get(name) or "") for name in ("type", "signature")).strip()
    return text if len(text) <= _META_CHARS else text[: _META_CHARS - 1] + "…"


def _paths(word: str) -> list[Choice]:
    folder, name = os.path.split(word)
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    fitting = [entry for entry in entries if entry.name.startswith(name) and (name or not entry.name.startswith("."))]
    return [Choice(entry.name + ("/" if entry.is_dir() else ""), -len(name)) for entry in fitting]
