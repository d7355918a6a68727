"""``llmspell tool list | info | search | invoke | test | new``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmspell.cli.groups import LazyGroup
from llmspell.cli.main import act
from llmspell.cli.options import (
    connect_options,
    format_option,
    global_options,
    policy_options,
    select_option,
    timeout_option,
)
from llmspell.cli.sections import Command
from llmspell_tools.definition import LEVELS

if TYPE_CHECKING:
    from llmspell.client.script import Place

#: The original's categories; a tool may have another one, by hand.
CATEGORIES = ("utility", "data", "filesystem", "system", "api", "web", "media", "analysis", "custom")


@click.group(cls=LazyGroup, no_args_is_help=True)
@click.option("--source", default="local", hidden=True, type=click.Choice(["local"]), expose_value=False)
@global_options()
def tool() -> None:
    """List, describe, search and call tools."""


@tool.command("list", cls=Command)
@click.option("--category", metavar="NAME", help="Only this category: utility, data, filesystem, ...")
@click.option("--detailed", is_flag=True, help="Also category, level and description.")
@select_option("the list")
@connect_options
@format_option()
@policy_options
@global_options()
def list_(
    category: str | None,
    detailed: bool,
    select: str | None,
    format: str | None,
    connect: Place | None,
) -> int:
    """List the names of all tools.

    As json an array of names; with --detailed or as jsonl objects with name, description, category,
    security_level and version.
    """
    from llmspell.actions import catalog  # the group's help needs no tools

    return act(
        lambda options: catalog.list_tools(
            options, category=category, detailed=detailed, select=select, format=format, connect=connect
        )
    )


@tool.command(cls=Command)
@click.argument("name")
@click.option("--show-schema", is_flag=True, help="Also the JSON Schemas of parameters and output.")
@select_option("the description")
@connect_options
@format_option()
@policy_options
@global_options()
def info(
    name: str,
    show_schema: bool,
    select: str | None,
    format: str | None,
    connect: Place | None,
) -> int:
    """Describe a tool: parameters, level, settings, an example."""
    from llmspell.actions import catalog

    return act(
        lambda options: catalog.info(
            options, (name,), show_schema=show_schema, select=select, format=format, connect=connect
        )
    )


@tool.command(cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--category", metavar="NAME", help="Only this category.")
@click.option("--detailed", is_flag=True, help="Also category and level.")
@select_option("the list")
@connect_options
@format_option()
@policy_options
@global_options()
def search(
    words: tuple[str, ...],
    category: str | None,
    detailed: bool,
    select: str | None,
    format: str | None,
    connect: Place | None,
) -> int:
    """Find tools by words of their names, descriptions, parameters and the values that these take.

    \b
    llmspell tool search checksum
    llmspell tool search csv delimiter

    Any word counts; the best come first, with where the words were found. Where nothing is found, what was
    probably meant is looked for.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import catalog

    return act(
        lambda options: catalog.search(
            options,
            words,
            category=category,
            detailed=detailed,
            select=select,
            format=format,
            connect=connect,
        )
    )


@tool.command(cls=Command)
@click.argument("name")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--params", metavar="JSON|@FILE|-", help="All parameters as a JSON object.")
@select_option("the tool's output")
@click.option("--raw", is_flag=True, help="Print the bare result: no envelope, no quotes.")
@timeout_option("the tool")
@click.option("--stream", is_flag=True, hidden=True, expose_value=False)
@connect_options
@format_option()
@policy_options
@global_options()
def invoke(
    name: str,
    parameters: tuple[str, ...],
    params: str | None,
    select: str | None,
    raw: bool,
    timeout_s: float | None,
    format: str | None,
    connect: Place | None,
) -> int:
    """Call a tool.

    Parameters are a JSON object (--params) or words, or both:

    \b
      key=text         text; read as number, list, ... where
                       the tool wants one
      key:=json        any JSON value
      key=@file        the text of a file (@-: of stdin)
      key:=@file.json  the JSON value in a file

    \b
    llmspell tool invoke calculator input='2 + 2'
    x=$(llmspell tool invoke calculator input=2+2 --raw)
    llmspell tool invoke hash-calculator operation=hash \\
        input=hello --select result.hash

    On a terminal a result that is a table is shown as one; in a pipe its text stands as it is. --output table or
    markdown lays out any result (or what --select picks) in both.

    Exit status: 0; 1 the tool failed; 2 wrong parameters; 3 no such tool; 4 refused by the policy; 124 out of
    time; 130 interrupted.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions.tool import invoke as call

    if connect is not None:
        connect.limit_s = timeout_s
    return act(
        lambda options: call(
            options,
            (name, *parameters),
            params=params,
            select=select,
            raw=raw,
            timeout_s=timeout_s,
            format=format,
            connect=connect,
        )
    )


@tool.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "all_tools", is_flag=True, help="Every tool, your own included.")
@click.option("--category", metavar="NAME", help="Every tool of this category.")
@click.option("--verbose", is_flag=True, help="Show every example and what came back.")
@connect_options
@format_option()
@policy_options
@global_options()
def test(
    names: tuple[str, ...],
    all_tools: bool,
    category: str | None,
    verbose: bool,
    format: str | None,
    connect: Place | None,
) -> int:
    """Run the examples that tools declare and compare their results.

    \b
    llmspell tool test calculator
    llmspell tool test --all

    An example that needs a library which is not installed is named with the command that installs it, and skipped.

    Exit status: 0; 1 an example does not hold; 3 no such tool; 130 interrupted.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import examples

    return act(
        lambda options: examples.check_examples(
            options,
            names,
            all_tools=all_tools,
            category=category,
            verbose=verbose,
            format=format,
            connect=connect,
        )
    )


@tool.command(cls=Command)
@click.argument("name")
@click.option(
    "--category",
    type=click.Choice(CATEGORIES),
    default="custom",
    metavar="NAME",
    help=f"{', '.join(CATEGORIES)}; custom if left out.",
)
@click.option(
    "--dir",
    "folder",
    metavar="FOLDER",
    help="Where to; else the first folder of own tools that is named, else ./own_tools.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="safe",
    metavar="LEVEL",
    help="How much harm it could do: safe, restricted or privileged.",
)
@click.option("--force", is_flag=True, help="Overwrite the two files.")
@format_option()
@policy_options
@global_options()
def new(name: str, category: str, folder: str | None, level: str, force: bool, format: str | None) -> int:
    """Write a tool of your own, with its test.

    \b
    llmspell tool new word-count
    llmspell tool new greet --category utility --dir my_tools

    It writes NAME.py and test_NAME.py and says how to test and call them. The tool works as it is: change it into what
    you need. A name that is taken, or that Python could not import, is refused, and no file is overwritten without
    --force.

    Exit status: 0; 2 a bad or taken name, or a file that exists; 1 it cannot be written.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import new_tool

    return act(
        lambda options: new_tool.new(
            options, name, category=category, folder=folder, level=level, force=force, format=format
        )
    )
