"""``llmspell run`` and ``llmspell exec``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.main import act
from llmspell.cli.options import connect_options, global_options, policy_options, timeout_option
from llmspell.cli.sections import Command

if TYPE_CHECKING:
    from llmspell.client.script import Place

_ENGINES = {"lua": "lua", "javascript": "javascript", "js": "javascript", "python": "python"}


def _engine(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    return _ENGINES[value] if value else None


def _script_options(function: Any) -> Any:
    for decorate in (
        click.option("--rag-profile", hidden=True, expose_value=False),
        click.option("--stream", is_flag=True, hidden=True, expose_value=False),
        click.option("--shared", is_flag=True, help="With --connect: in the Lua state of the kernel's cells."),
        connect_options,
        click.option(
            "--engine", type=click.Choice([*_ENGINES]), callback=_engine, metavar="NAME",
            help="lua; javascript and python are not available yet.",
        ),
        timeout_option("the script"),
    ):  # fmt: skip
        function = decorate(function)
    return function


@click.command(cls=Command)
@click.argument("script")
@click.argument("args", nargs=-1)
@_script_options
@policy_options
@global_options()
def run(
    script: str,
    args: tuple[str, ...],
    timeout_s: float | None,
    engine: str | None,
    connect: Place | None,
) -> int:
    """Run a Lua script, or standard input where SCRIPT is "-".

    What stands after -- goes to the script: ARGS[1], ARGS.name for --name value, and Lua's own arg table.

    \b
    llmspell run report.lua -- 2012 --kind rain
    echo 'print(1 + 1)' | llmspell run -

    With --connect the script runs in a kernel that is there already (see `llmspell kernel list`), in a fresh Lua
    state unless --shared; what it prints, asks and returns reaches this terminal, and Ctrl-C stops it there.

    What the script returns is printed after its own output. As json one object is printed: status, mode,
    script_length, args_count, streaming, result (the output and the returned value) and value.

    Exit status: what the script gives os.exit, else 0; 1 the script failed; 2 there is no such script; 124 out
    of time; 130 interrupted.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import script as actions  # help needs no tools

    return act(
        lambda options: actions.run(options, (script, *args), timeout_s=timeout_s, engine=engine, connect=connect)
    )


@click.command("exec", cls=Command)
@click.argument("code")
@_script_options
@policy_options
@global_options()
def exec_(
    code: str,
    timeout_s: float | None,
    engine: str | None,
    connect: Place | None,
) -> int:
    """Run a piece of Lua; the value of a bare expression is printed.

    \b
    llmspell exec '2^10'
    llmspell exec 'print(#Tool.list())'
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import script as actions

    return act(lambda options: actions.execute(options, (code,), timeout_s=timeout_s, engine=engine, connect=connect))
