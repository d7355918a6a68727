"""``llmspell debug`` and ``llmspell debug-adapter``."""

from __future__ import annotations

import click

from llmspell.cli.main import act
from llmspell.cli.options import global_options, policy_options, timeout_option
from llmspell.cli.sections import Command

_PORT = click.IntRange(0, 65535)


@click.command(cls=Command)
@click.argument("script")
@click.argument("args", nargs=-1)
@click.option("--port", type=_PORT, default=0, metavar="N", help="Listen on this port; 0: any that is free.")
@click.option("--wait", is_flag=True, help="Begin when a client has attached.")
@click.option("--break-at", multiple=True, metavar="FILE:LINE", help="Stop there; LINE alone is of the script.")
@click.option("--watch", "watches", multiple=True, metavar="EXPR", help="Print its value at every stop.")
@click.option("--step", is_flag=True, help="Stop at the first line.")
@click.option("--connect-back", type=_PORT, hidden=True)
@timeout_option("the script")
@policy_options
@global_options()
def debug(
    script: str,
    args: tuple[str, ...],
    port: int,
    wait: bool,
    break_at: tuple[str, ...],
    watches: tuple[str, ...],
    step: bool,
    connect_back: int | None,
    timeout_s: float | None,
) -> int:
    """Run a Lua script with a debug server beside it, on this machine's loopback only.

    \b
    llmspell debug report.lua --wait
    llmspell debug report.lua --break-at report.lua:12 --watch total -- 2012

    A client of the Debug Adapter Protocol (VS Code, Neovim's nvim-dap) attaches to the port that is printed, and
    may come and go while the script runs. A script that stops before there is one waits for it.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import debug as actions  # help needs no Lua

    return act(
        lambda options: actions.debug(
            options, (script, *args), port=port, wait=wait, break_at=break_at, watches=watches, step=step,
            connect_back=connect_back, timeout_s=timeout_s,
        )
    )  # fmt: skip


@click.command(cls=Command)
@click.option("--port", type=_PORT, metavar="N", help="Serve TCP clients, one after another; 0: any port that is free.")
@policy_options
@global_options()
def debug_adapter(port: int | None) -> int:
    """Speak the Debug Adapter Protocol on standard input and output, as editors start it.

    The client's launch request names a script; what it prints reaches the client as events. Its attach request names
    what runs already: the port of `llmspell debug`, or a kernel by its id or connection file.
    """
    from llmspell.actions import debug as actions

    return act(lambda options: actions.adapter(options, port=port))
