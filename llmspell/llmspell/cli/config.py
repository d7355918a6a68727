"""``llmspell config init | show | validate | trust``."""

from __future__ import annotations

import click

from llmspell.cli.groups import LazyGroup
from llmspell.cli.main import act
from llmspell.cli.options import format_option, global_options
from llmspell.cli.sections import Command


@click.group(cls=LazyGroup, no_args_is_help=True)
@global_options()
def config() -> None:
    """Show, check, start and trust configuration files.

    Read are ~/.llmspell/config.toml and the project's llmspell.toml (or .llmspell.toml, config/llmspell.toml,
    .config/llmspell.toml), searched upward to the root of the repository; -c FILE is read in place of both.
    A variable LLMSPELL_LUA_TIMEOUT_SECONDS sets lua.timeout_seconds, and so on.
    """


@config.command(cls=Command)
@click.option("-o", "--output", "path", default="llmspell.toml", metavar="FILE", show_default=True,
              help="The file to write.")  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Write over a file that exists.")
@global_options(output=False)
def init(path: str, force: bool) -> int:
    """Write a configuration file with every key and its default."""
    from llmspell.actions import config as actions  # help needs no tomllib

    return act(lambda options: actions.init(options, path, force=force))


@config.command(cls=Command)
@click.argument("section", required=False)
@click.option("--section", "named", hidden=True)
@click.option("--origin", is_flag=True, help="Also where each value comes from.")
@format_option("toml", "text", "table", "markdown", "json", "pretty", "jsonl")
@global_options()
def show(section: str | None, named: str | None, origin: bool, format: str | None) -> int:
    """Print the configuration that holds, or one SECTION of it."""
    from llmspell.actions import config as actions

    return act(lambda options: actions.show(options, section or named, format=format, origin=origin))


@config.command(cls=Command)
@click.argument("file", required=False)
@click.option("-f", "--file", "named", metavar="FILE", help="The file to check; else the one that would be used.")
@format_option()
@global_options()
def validate(file: str | None, named: str | None, format: str | None) -> int:
    """Check a configuration file; exit 1 where it is not valid."""
    from llmspell.actions import config as actions

    return act(lambda options: actions.validate(options, named or file, format=format))


@config.command(cls=Command)
@click.argument("file", required=False)
@click.option("--forget", is_flag=True, help="Trust it no more.")
@global_options()
def trust(file: str | None, forget: bool) -> int:
    """Let this project's file, as it is now, give itself rights.

    Read the file first. Any change to it asks again.
    """
    from llmspell.actions import config as actions

    return act(lambda options: actions.trust_project(options, file, forget=forget))
