"""The root command and what happens to a usage error. Reached from `launch` for every line that is not lean."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from llmspell.cli.groups import LazyGroup
from llmspell.cli.options import gathered, global_options
from llmspell.options import Options
from llmspell.output import note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: (action, options) → exit status
    Finish = Callable[[Callable[[Options], int], Options], int]

_COMMANDS = {
    "tool": ("llmspell.cli.tool:tool", "List, describe, search and call tools."),
    "run": ("llmspell.cli.script:run", "Run a Lua script."),
    "exec": ("llmspell.cli.script:exec_", "Run a line of Lua."),
    "repl": ("llmspell.cli.repl:repl", "Type Lua and see what it gives."),
    "debug": ("llmspell.cli.debug:debug", "Run a Lua script with a debug server beside it."),
    "debug-adapter": ("llmspell.cli.debug:debug_adapter", "Speak the Debug Adapter Protocol with an editor."),
    "config": ("llmspell.cli.config:config", "Show, check, start and trust configuration files."),
    "notebook": ("llmspell.cli.notebook:notebook", "Run notebooks as batch jobs, with parameters."),
    "kernel": ("llmspell.cli.kernel:kernel", "Start the Jupyter kernel; install its kernelspec."),
    "lua-types": ("llmspell.cli.lua_types:lua_types", "Write what an editor needs to know of the globals and tools."),
    "completion": ("llmspell.cli.completion:completion", "Print a script that completes command lines in your shell."),
    "doctor": ("llmspell.cli.doctor:doctor", "Check this installation and say how to fix it."),
    "version": ("llmspell.cli.version:version", "Show versions."),
}


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from llmspell_tools.version import __version__

        click.echo(f"llmspell {__version__}")
        ctx.exit(0)


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
@global_options()
@click.pass_context
def root(ctx: click.Context) -> int:
    """One set of tools for the shell, Lua scripts, notebooks and Python.

    \b
    llmspell tool list
    llmspell tool info calculator
    llmspell tool invoke calculator input='2 + 2'
    llmspell run script.lua -- first second --name value
    """  # noqa: D301 - click marks paragraphs with a backspace
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return 0


def act(call: Callable[[Options], int]) -> int:
    """Call an action with the options of the current command line; return its exit status."""
    context = click.get_current_context()
    finish: Finish = context.find_root().obj
    return finish(call, gathered(context))


def run_click(words: Sequence[str], finish: Finish) -> int:
    """Read a command line with click and run it; return the exit status.

    Args:
        words: The words after the program's name.
        finish: Calls an action and turns what goes wrong into the exit status: `launch.finish`.
    """
    try:
        status = root.main(
            args=list(words), prog_name="llmspell", standalone_mode=False, terminal_width=_width(), obj=finish
        )
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        note("Interrupted")
        return 130
    except BrokenPipeError:  # help into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except Exception as error:  # noqa: BLE001 - the CLI's own top: a command's module that does not import
        from llmspell.failures import report

        return report(error, Options())
    return status if isinstance(status, int) else 0


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None and not isinstance(error, click.exceptions.NoArgsIsHelpError):
        note(context.get_usage())
        note(f"Try '{context.command_path} --help' for help.\n")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        note(error.format_message())
    else:
        note(f"Error: {error.format_message()}")
    if isinstance(error, click.NoSuchOption) and context is not None:
        name = error.option_name.lstrip("-")
        if context.command.name == "invoke":
            note(f"A tool's parameters are written without dashes: {name}=VALUE, or --params JSON.")
        elif context.command.name in {"run", "debug"}:
            note(f"What is meant for the script stands after --: llmspell {context.command.name} SCRIPT -- --{name}")
    return error.exit_code


def _width() -> int | None:
    """Return the columns of a narrow terminal; click itself never goes below 50."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.__stdout__.fileno()).columns  # type: ignore[union-attr]
    except (OSError, ValueError, AttributeError):
        return None
    return max(columns - 1, 24) if columns < 60 else None
