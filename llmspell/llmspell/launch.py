"""The first code of every `llmspell` process: common command lines are answered here, the rest by click.

Importing click costs several times what running a small tool does, so the exact everyday forms of the commands in
`_COMMANDS` are recognised from a table. Whatever is unusual, `--help` and mistakes included, goes to click
unchanged. Both ends call the same function of `llmspell.actions` with the same arguments, so what is printed and
the exit status cannot differ; a test runs one table of command lines through both.

Nothing here may import more than built-in modules: see `tests/llmspell/test_lean_imports.py`.
"""

from __future__ import annotations

import gc  # built in, as sys is
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from llmspell.options import Options

    Finish = Callable[[Callable[[Options], int], Options], int]

#: Exit status of a process that was writing into a pipe whose reader has gone (128 + SIGPIPE), as `head` leaves it.
_BROKEN_PIPE = 141

_TEXT, _FLAG, _FORMAT, _SECONDS = "text", "flag", "format", "seconds"
#: Command words: (module of llmspell.actions, function, {option: (kind, parameter)}).
_COMMANDS: dict[tuple[str, ...], tuple[str, str, dict[str, tuple[str, str]]]] = {
    ("tool", "invoke"): (
        "tool",
        "invoke",
        {
            "--params": (_TEXT, "params"),
            "--select": (_TEXT, "select"),
            "--raw": (_FLAG, "raw"),
            "--timeout": (_SECONDS, "timeout_s"),
            "--format": (_FORMAT, "format"),
        },
    ),
    ("tool", "list"): ("catalog", "list_tools", {"--category": (_TEXT, "category"), "--format": (_FORMAT, "format")}),
    ("tool", "info"): ("catalog", "info", {"--show-schema": (_FLAG, "show_schema"), "--format": (_FORMAT, "format")}),
    ("tool", "search"): ("catalog", "search", {"--category": (_TEXT, "category"), "--format": (_FORMAT, "format")}),
    ("run",): ("script", "run", {"--timeout": (_SECONDS, "timeout_s")}),
    ("exec",): ("script", "execute", {"--timeout": (_SECONDS, "timeout_s")}),
    ("version",): (
        "version",
        "version",
        {
            "-v": (_FLAG, "verbose"),
            "--verbose": (_FLAG, "verbose"),
            "--short": (_FLAG, "short"),
            "--format": (_FORMAT, "format"),
        },
    ),
    ("doctor",): ("doctor", "doctor", {"--format": (_FORMAT, "format")}),
    ("kernel", "start"): ("kernel", "start", {"-f": (_TEXT, "connection_file")}),
}
#: How many positional words each function takes: (least, most).
_WORDS = {
    "invoke": (1, 1000),
    "list_tools": (0, 0),
    "info": (1, 1),
    "search": (1, 100),
    "run": (1, 1000),
    "execute": (1, 1),
    "version": (0, 0),
    "doctor": (0, 0),
    "start": (0, 0),
}
_FORMATS = ("text", "table", "markdown", "json", "pretty", "jsonl")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status.

    Args:
        argv: The words after the program's name; default is the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Loading modules makes many objects and no garbage: the default of 700 collects a dozen times before any work.
    gc.set_threshold(50_000)
    try:
        if "_LLMSPELL_COMPLETE" in os.environ:  # a shell asks what may come next: see `cli.completion`
            from llmspell.cli.completion import complete

            return complete(words)
        lean = recognise(words)
        return finish(*lean) if lean is not None else _click()(words, finish)
    except KeyboardInterrupt:  # while modules were being imported
        return _interrupted()


def _click() -> Callable[[Sequence[str], Finish], int]:
    from llmspell.cli.main import run_click  # the whole point of this module

    return run_click


def recognise(words: Sequence[str]) -> tuple[Callable[[Options], int], Options] | None:
    """Return what to call for a common command line, or None where click has to read it."""
    size = 2 if words and words[0] in {"tool", "kernel"} else 1
    command = _COMMANDS.get(tuple(words[:size]))
    if command is None:
        return None
    module, function, known = command
    read = _read(words[size:], known)
    if read is None:
        return None
    positional, given, output = read
    least, most = _WORDS[function]
    if not least <= len(positional) <= most or (function == "start" and not given):
        return None
    from llmspell.options import Options  # not needed where click reads the line

    def act(options: Options) -> int:
        package = __import__("llmspell.actions." + module)
        call = getattr(getattr(package.actions, module), function)
        if positional or least:
            return call(options, tuple(positional), **given)  # type: ignore[no-any-return]
        return call(options, **given)  # type: ignore[no-any-return]

    return act, Options(output=output)


def _read(
    words: Sequence[str], known: dict[str, tuple[str, str]]
) -> tuple[list[str], dict[str, object], str | None] | None:
    """Return positional words, options and ``--output``; None for anything that is not plainly one of `known`."""
    positional: list[str] = []
    given: dict[str, object] = {}
    output: str | None = None
    rest = iter(words)
    for word in rest:
        if word == "--":
            positional.extend(rest)
            break
        if word[:1] != "-" or word == "-":
            positional.append(word)
            continue
        kind, name = (_FORMAT, "") if word == "--output" else known.get(word, ("", ""))
        if kind == _FLAG:
            given[name] = True
            continue
        value = next(rest, None)
        # Missing or odd values are click's to explain.
        if not kind or value is None or (value[:1] == "-" and len(value) > 1):
            return None
        if kind == _FORMAT and value not in _FORMATS:
            return None
        if not name:
            output = value
        elif kind == _SECONDS:
            if not value.isascii() or not value.isdigit() or int(value) == 0:
                return None
            given[name] = float(value)
        else:
            given[name] = value
    return positional, given, output


def finish(act: Callable[[Options], int], options: Options) -> int:
    """Call an action; print what went wrong and turn it into the exit status; leave stdout flushed.

    The one place where a command's exceptions end, for the lean path and click alike.
    """
    try:
        if options.trace is not None or "LLMSPELL_LOG" in os.environ or "RUST_LOG" in os.environ:
            from llmspell.logs import configure  # costs logging: only where the level is said

            configure(options.trace)
        status = act(options)
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        return _quiet_exit(_BROKEN_PIPE)
    except KeyboardInterrupt as error:
        return _interrupted(getattr(error, "exit_status", 130))  # another signal than Ctrl-C's says so
    except BaseException as error:  # noqa: BLE001 - the CLI's own top: told apart and reported in `failures`
        from llmspell.failures import report  # only where something failed

        return report(error, options)


def leave(status: int) -> NoReturn:
    """End the process with this status.

    Where nothing is registered to run at the end and no other thread runs, the interpreter is not taken apart first:
    that costs as much as importing ten modules and gives nothing that the system does not do anyway.
    """
    import atexit  # built in; only needed here

    threading = sys.modules.get("threading")
    busy = threading is not None and (threading.active_count() > 1 or getattr(threading, "_threading_atexits", True))
    if not busy and not atexit._ncallbacks():
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            sys.exit(status)
        os._exit(status)
    sys.exit(status)


def _interrupted(status: int = 130) -> int:
    from llmspell.output import note

    note("Interrupted")
    return _quiet_exit(status)


def _quiet_exit(status: int) -> int:
    """Let the interpreter's own flush at exit find somewhere to write."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status
