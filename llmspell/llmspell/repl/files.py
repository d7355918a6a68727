"""The console's commands about files and folders: scripts to run, cells to keep, the history. See `meta`."""

from __future__ import annotations

import os
import shlex

from llmspell.actions.script import read_script
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.repl.console import Console

_HISTORY_ROWS = 20


def run_script(console: Console, rest: str) -> None:
    """Run a script in the state of the cells, with arguments."""
    words = _words(rest)
    if not words:
        raise InvalidParameters(".run wants a script: .run SCRIPT [ARGS]", field="script")
    path = os.path.expanduser(words[0])
    code = read_script(path)
    console.run_script({
        "code": code, "name": "@" + path, "mode": "script", "args": [*words[1:]], "shared": True, "allow_stdin": True,
        "folder": os.path.dirname(os.path.abspath(path)),
    })  # fmt: skip


def load(console: Console, rest: str) -> None:
    """Run a file's text as a cell, under the file's name."""
    path = _one_path(rest, ".load")
    code = read_script(path)
    console.run_script({
        "code": code, "name": "@" + path, "mode": "cell", "shared": True, "allow_stdin": True,
    })  # fmt: skip


def save(console: Console, rest: str) -> None:
    """Write the session's cells to a file that is not there yet."""
    path = _one_path(rest, ".save")
    if not console.cells:
        raise InvalidParameters("there is nothing to save: no cell has run")
    text = "\n\n".join(cell.rstrip() for cell in console.cells.values()) + "\n"
    with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    console.screen.aside(f"{len(console.cells)} cells written to {path}")


def history(console: Console, rest: str) -> None:
    """Show the newest entries of the history, numbered from the oldest."""
    if rest and not rest.isdecimal():
        raise InvalidParameters(".history wants a number of cells")
    entries = console.entries()
    count = int(rest) if rest else _HISTORY_ROWS
    first = max(0, len(entries) - count)
    for number, entry in enumerate(entries[first:], first + 1):
        head, *more = entry.split("\n")
        console.screen.line("\n".join([f"{number:>5}  {head}", *(f"       {line}" for line in more)]))


def clear_history(console: Console, _rest: str) -> None:
    """Forget what was typed."""
    console.forget_entries()
    console.screen.aside("the history is empty")


def show_folder(console: Console, _rest: str) -> None:
    """Show the current folder."""
    console.screen.line(os.getcwd())


def change_folder(console: Console, rest: str) -> None:
    """Change the current folder; the policy keeps the one that it began with."""
    os.chdir(os.path.expanduser(" ".join(_words(rest)) or "~"))
    console.screen.line(os.getcwd())


def list_folder(console: Console, rest: str) -> None:
    """Show what is in a folder."""
    with os.scandir(os.path.expanduser(" ".join(_words(rest)) or ".")) as entries:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in entries)
    console.screen.columns([name for name in names if not name.startswith(".")])


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise InvalidParameters(f"the words cannot be read: {error}") from None


def _one_path(rest: str, command: str) -> str:
    words = _words(rest)
    if len(words) != 1:
        raise InvalidParameters(f"{command} wants one file")
    return os.path.expanduser(words[0])
