"""``llmspell repl``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.main import act
from llmspell.cli.options import connect_options, global_options, policy_options
from llmspell.cli.sections import Command

if TYPE_CHECKING:
    from llmspell.client.script import Place


@click.command(cls=Command)
@click.option("--history", metavar="FILE", help="Where what is typed is kept; else ~/.llmspell/data/console_history.")
@connect_options
@click.option("--engine", type=click.Choice(["lua"]), hidden=True, expose_value=False)
@click.option("--rag-profile", hidden=True, expose_value=False)
@policy_options
@global_options()
def repl(history: str | None, connect: Place | None) -> int:
    """Type Lua cells and see what they give.

    Cells share their globals; a bare expression shows its value. .help lists the console's own commands, debug:help
    those of its debugger. Input that is no terminal is read as lines, without prompts:

    \b
    echo 'print(1 + 1)' | llmspell repl

    With --connect the cells run in a kernel that is there already, as with `llmspell kernel connect`.

    Exit status: 0; 1 a cell failed and the input was no terminal.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.repl import opening  # help needs no engine

    if connect is None:
        return act(lambda options: opening.repl(options, history=history))
    return act(lambda options: opening.connect(options, connect.address, key=connect.key, history=history))
