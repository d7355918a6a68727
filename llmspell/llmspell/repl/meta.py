"""The console's own commands, which begin with a dot, under the names of the original: `.help`, `.run`, `.vars`, ...

A line of Lua cannot begin with a dot, so none is taken for one. The commands of the original's chat mode are known, and
say that there is no language model to talk to yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.repl import files, state
from llmspell_tools.errors import InvalidParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.repl.console import Console


class Command(NamedTuple):
    """One command.

    Attributes:
        names: The first is the one that help shows.
        usage: Its arguments.
        help: One line.
        run: Does it; gets the console and what stands behind the name.
        takes_path: Whether its arguments are files or folders.
    """

    names: tuple[str, ...]
    usage: str
    help: str
    run: Callable[[Console, str], None]
    takes_path: bool = False


def is_meta(line: str) -> bool:
    """Tell whether a line is a command: a dot and a letter (or `.?`) at its beginning."""
    return line[:1] == "." and (line[1:2].isalpha() or line[1:2] == "?")


def run(console: Console, line: str) -> None:
    """Carry out a command.

    Raises:
        EOFError: The person leaves.
        LlmspellError: It is wrong, or failed.
    """
    name, _, rest = line.strip().partition(" ")
    command = _BY_NAME.get(name.lower())
    if command is None:
        from llmspell_tools.nearest import did_you_mean  # only for mistakes

        raise InvalidParameters(f"there is no command {name}{did_you_mean(name, list(_BY_NAME))}; .help lists them")
    try:
        command.run(console, rest.strip())
    except OSError as error:
        raise InvalidParameters(f"{error.filename or name}: {error.strerror or error}") from None


def words(text: str) -> tuple[list[tuple[str, str]], bool]:
    """Return the ways to go on in a command's line; see `language.Commands`."""
    name, blank, _ = text.partition(" ")
    if not blank:
        return [(command.names[0], command.help) for command in COMMANDS], False
    command = _BY_NAME.get(name)
    return [(word, "") for word in ("on", "off")] if name == ".perf" else [], command is not None and command.takes_path


def _help(console: Console, topic: str) -> None:
    """List the commands."""
    screen = console.screen
    if topic:
        console.run_cell(f"{topic.rstrip('?')}?")
        return
    screen.heading("Lua cells; Enter runs what is complete, Alt-Enter what is not. A bare expression shows its value.")
    rows = [(", ".join(command.names) + (f" {command.usage}" if command.usage else ""), command.help)
            for command in COMMANDS if command.help]  # fmt: skip
    rows += [("NAME?", "Describe a function or a tool: its parameters, an example."),
             ("debug:help", "The debugger: breakpoints, steps, variables."),
             ("Ctrl-C, Ctrl-D", "Stop the cell or throw away the line; leave.")]  # fmt: skip
    screen.definitions(rows)


def _exit(_console: Console, _rest: str) -> None:
    raise EOFError


def _clear(console: Console, _rest: str) -> None:
    console.screen.clear()


def _perf(console: Console, rest: str) -> None:
    if rest not in {"", "on", "off"}:
        raise InvalidParameters(".perf is on or off")
    console.shows_time = rest == "on" if rest else not console.shows_time
    console.screen.aside(f"the time of each cell is {'shown' if console.shows_time else 'not shown'}")


def _no_chat(console: Console, _rest: str) -> None:  # noqa: ARG001 - a command's
    raise InvalidParameters("there is no language model to talk to here yet; cells are Lua")


COMMANDS = (
    Command((".help", ".h", ".?"), "[NAME]", "These lines, or what NAME is.", _help),
    Command((".run",), "SCRIPT [ARGS]", "Run a script in this Lua state.", files.run_script, takes_path=True),
    Command((".load",), "FILE", "Run a file's text as a cell.", files.load, takes_path=True),
    Command((".save",), "FILE", "Write the cells of this session to a new file.", files.save, takes_path=True),
    Command((".tools",), "[WORDS]", "List the tools, or find some.", state.tools),
    Command((".variables", ".vars"), "", "Show the globals that cells have made.", state.variables),
    Command((".set",), "NAME VALUE", "Give a global a value: Lua, else text.", state.set_variable),
    Command((".unset",), "NAME", "Forget a global.", state.unset_variable),
    Command((".reset",), "", "Forget all globals: begin again.", state.reset),
    Command((".history", ".hist"), "[N]", "Show the last cells.", files.history),
    Command((".clear-history",), "", "Forget what was typed, in this session and before.", files.clear_history),
    Command((".info",), "", "Say what runs the cells, and where.", state.info),
    Command((".perf",), "on|off", "Show how long each cell takes.", _perf),
    Command((".pwd",), "", "Show the current folder.", files.show_folder),
    Command((".cd",), "[FOLDER]", "Change it.", files.change_folder, takes_path=True),
    Command((".ls",), "[FOLDER]", "List a folder.", files.list_folder, takes_path=True),
    Command((".clear", ".cls"), "", "Empty the screen.", _clear),
    Command((".exit", ".quit", ".q"), "", "Leave.", _exit),
    Command((".chat", ".system", ".model", ".context", ".clearchat"), "", "", _no_chat),
)
_BY_NAME = {name: command for command in COMMANDS for name in command.names}
