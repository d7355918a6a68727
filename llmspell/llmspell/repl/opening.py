"""``repl`` and ``kernel connect``: puts a console together and runs it."""

from __future__ import annotations

import os
import sys

from llmspell import assembly, output, places
from llmspell.console import Console as Streams
from llmspell.repl.backend import Local, Remote
from llmspell.repl.console import Console, is_command
from llmspell.repl.reading import PlainReader
from llmspell.repl.showing import Screen
from llmspell.repl.signals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell.repl.backend import Backend
    from llmspell.repl.reading import Reader


def repl(options: Options, *, history: str | None = None) -> int:
    """Run a console with Lua in this process.

    Args:
        options: The global options.
        history: File of what was typed; in the home if left out.
    """
    return _converse(options, Local(options), history)


def connect(options: Options, address: str | None, *, key: str | None = None, history: str | None = None) -> int:
    """Run a console whose cells run in a kernel that is there.

    Args:
        options: The global options.
        address: ID, FILE or HOST:PORT; None for the only kernel that runs.
        key: For HOST:PORT.
        history: As for `repl`.
    """
    return _converse(options, Remote(options, address, key), history)


def _converse(options: Options, backend: Backend, history: str | None) -> int:
    is_interactive = _is_terminal()
    path = _history_file(history) if is_interactive else None
    streams = Streams(keep=False)
    streams.stop = backend.interrupt  # nobody reads what the cell prints
    bar = None if options.quiet else assembly.progress_bar()
    plain = PlainReader(lambda cell: console.language.judge(cell)[0], is_command, lambda: signals.is_stopped)
    screen = Screen(streams, bar, plain.ask, is_typed=is_interactive)
    console = Console(backend, screen, path, is_interactive=is_interactive)
    signals = Signals(backend.interrupt, backend.take_break)
    with signals:
        try:
            reader: Reader = plain
            if is_interactive:
                from llmspell.repl.prompting import PromptReader  # prompt_toolkit, pygments: 100 ms

                reader = PromptReader(console.language, path, signals.typing, plain.ask, console.debug.complete)
                if not options.quiet:
                    _greet(screen, backend)
            status = console.run(reader, signals)
        finally:
            backend.close()  # the engine has the signals from here, and gives them back first
    if streams.failure is not None:
        raise streams.failure
    return status


def _greet(screen: Screen, backend: Backend) -> None:
    from llmspell_tools.version import __version__

    screen.line(f"llmspell {__version__}, Lua 5.4 in {backend.title}")
    screen.aside(".help lists commands, Tab completes, Ctrl-D leaves")


def _is_terminal() -> bool:
    try:
        return sys.stdin.isatty() and sys.stdout.isatty()
    except (AttributeError, ValueError):  # closed by the caller
        return False


def _history_file(given: str | None) -> str | None:
    """Return where the history is kept, its folder made; None where that cannot be."""
    path = os.path.abspath(os.path.expanduser(given)) if given is not None else places.data_file("console_history")
    if path is None:
        return None
    try:
        if given is None:
            from llmspell import trust

            base = places.home()
            assert base is not None
            trust.make_home(base)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "ab"):
            return path
    except OSError as error:
        output.note(f"Warning: the history is not kept: {path}: {error.strerror}")
        return None
