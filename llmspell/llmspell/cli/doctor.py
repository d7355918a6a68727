"""``llmspell doctor``."""

from __future__ import annotations

import click

from llmspell.cli.main import act
from llmspell.cli.options import format_option, global_options, policy_options
from llmspell.cli.sections import Command


@click.command(cls=Command)
@format_option()
@policy_options
@global_options()
def doctor(format: str | None) -> int:
    """Check this installation and say how to fix it; exit 1 where something does not work."""
    from llmspell.actions import doctor as actions  # help needs no checks

    return act(lambda options: actions.doctor(options, format=format))
