"""``llmspell kernel start | list | connect | install | uninstall``."""

from __future__ import annotations

from typing import Any

import click

from llmspell.cli.groups import LazyGroup
from llmspell.cli.main import act
from llmspell.cli.options import format_option, global_options, policy_options, timeout_option
from llmspell.cli.sections import Command

#: Flags of the original for daemons: (names, whether they take a value).
_LATER = (("--daemon", False), ("--log-file", True), ("--pid-file", True), ("--idle-timeout", True),
          ("--max-clients", True), ("--log-rotate-size", True), ("--log-rotate-count", True))  # fmt: skip


@click.group(cls=LazyGroup, no_args_is_help=True)
@global_options()
def kernel() -> None:
    """Start the Jupyter kernel; list those that run; install its kernelspec.

    \b
    llmspell kernel install
    jupyter lab            # and choose "Lua (llmspell)"
    """  # noqa: D301 - click marks paragraphs with a backspace


def _later_options(function: Any) -> Any:
    for name, takes_value in _LATER:
        function = click.option(name, is_flag=not takes_value, default=None, hidden=True)(function)
    return function


@kernel.command(cls=Command)
@click.option("-f", "--connection-file", metavar="FILE", help="Read if it exists, else written.")
@click.option("-i", "--id", "kernel_id", metavar="NAME", help="Name of the connection file in ~/.llmspell/kernels.")
@click.option("-p", "--port", type=click.IntRange(0, 65531), default=0, metavar="N",
              help="First of five ports; 0: any that are free.")  # fmt: skip
@click.option("--dap-port", type=click.IntRange(0, 65535), metavar="N",
              help="Let debuggers attach on this port, with the connection file's key; 0: any.")  # fmt: skip
@click.argument("further", nargs=-1, metavar="")
@timeout_option("a cell")
@_later_options
@policy_options
@global_options(profile="")
def start(
    connection_file: str | None,
    kernel_id: str | None,
    port: int,
    dap_port: int | None,
    timeout_s: float | None,
    further: tuple[str, ...],
    **later: object,
) -> int:
    """Serve the kernel in the foreground; Ctrl-C interrupts a cell, SIGTERM ends it."""
    from llmspell.actions import kernel as actions  # help needs no zmq

    if further and connection_file is None:  # `jupyter run FILE` gives kernels its own words, for them to ignore
        raise click.UsageError(f"Got unexpected extra argument ({further[0]})")
    given = [f"--{name.replace('_', '-')}" for name, value in later.items() if value]
    return act(
        lambda options: actions.start(
            options,
            connection_file=connection_file,
            kernel_id=kernel_id,
            port=port,
            timeout_s=timeout_s,
            dap_port=dap_port,
            unavailable=given[0] if given else None,
        )
    )


@kernel.command(name="list", cls=Command)
@format_option()
@global_options()
def list_kernels(format: str | None) -> int:
    """Show the kernels that run: id, process, folder."""
    from llmspell.actions import kernel_list as actions

    return act(lambda options: actions.list_kernels(options, format=format))


@kernel.command(cls=Command)
@click.argument("kernel", required=False)
@click.option("--key", metavar="KEY", help="The kernel's key, for HOST:PORT; or in LLMSPELL_KERNEL_KEY.")
@click.option("--history", metavar="FILE", help="Where what is typed is kept; else ~/.llmspell/data/console_history.")
@global_options()
def connect(kernel: str | None, key: str | None, history: str | None) -> int:
    """Type cells that run in a kernel which is there already.

    KERNEL is its ID (see `llmspell kernel list`), its connection FILE, or HOST:PORT: the first of five ports in a row,
    as `kernel start --port` lays them out. Without it the only kernel that runs. Leaving lets the kernel go on.

    \b
    llmspell kernel start --id one &
    llmspell kernel connect one
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.repl import opening

    return act(lambda options: opening.connect(options, kernel, key=key, history=history))


def _place_options(function: Any) -> Any:
    for decorate in (
        click.option("--prefix", metavar="DIR", help="Below this folder."),
        click.option("--sys-prefix", is_flag=True, help="In this Python environment."),
        click.option("--user", is_flag=True, help="For you, whatever environment Jupyter runs in (the default)."),
        click.option("--name", default="llmspell", show_default=True, metavar="NAME", help="Name of the kernelspec."),
    ):
        function = decorate(function)
    return function


@kernel.command(cls=Command)
@_place_options
@format_option()
@global_options()
def install(name: str, user: bool, sys_prefix: bool, prefix: str | None, format: str | None) -> int:
    """Let Jupyter find the kernel "Lua (llmspell)"."""
    from llmspell.actions import kernelspec

    _one_place(user, sys_prefix, prefix)
    return act(
        lambda options: kernelspec.install(
            options, name=name, user=user, sys_prefix=sys_prefix, prefix=prefix, format=format
        )
    )


@kernel.command(cls=Command)
@_place_options
@format_option()
@global_options()
def uninstall(name: str, user: bool, sys_prefix: bool, prefix: str | None, format: str | None) -> int:
    """Take the kernelspec away again."""
    from llmspell.actions import kernelspec

    _one_place(user, sys_prefix, prefix)
    return act(
        lambda options: kernelspec.uninstall(
            options, name=name, user=user, sys_prefix=sys_prefix, prefix=prefix, format=format
        )
    )


def _one_place(user: bool, sys_prefix: bool, prefix: str | None) -> None:
    if sum((user, sys_prefix, prefix is not None)) > 1:
        raise click.UsageError("--user, --sys-prefix and --prefix exclude each other.")
