"""``llmspell version``."""

from __future__ import annotations

import click

from llmspell.cli.main import act
from llmspell.cli.options import format_option, global_options
from llmspell.cli.sections import Command


@click.command(cls=Command)
@click.option("-v", "--verbose", is_flag=True, help="Also Python, Lua, libraries and how scripts are interrupted.")
@click.option("--component", type=click.Choice(["cli", "kernel", "bridge", "all"]), metavar="NAME",
              help="Only cli, kernel or bridge; default all.")  # fmt: skip
@click.option("--short", is_flag=True, help="Only the number.")
@click.option("--client", is_flag=True, help="Only the command line's own version.")
@format_option()
@global_options()
def version(verbose: bool, component: str | None, short: bool, client: bool, format: str | None) -> int:
    """Show versions."""
    from llmspell.actions import version as actions

    return act(
        lambda options: actions.version(
            options, verbose=verbose, component=component, short=short, client=client, format=format
        )
    )
