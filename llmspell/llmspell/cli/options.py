"""The options that many commands share, and the `Options` value that they end in.

A global option may stand before the command or after it; what stands later wins.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from llmspell.cli.sections import SectionedOption
from llmspell.options import FORMATS, POLICY_KINDS, TRACE_LEVELS, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.client.script import Place

_META = "llmspell.options"
_WHAT = {"read": ("PATH", "reading a file or folder"), "write": ("PATH", "writing a file or folder"),
         "net": ("HOST[:PORT]", "connecting to a host"), "run": ("CMD", "starting a program"),
         "env": ("NAME", "reading an environment variable")}  # fmt: skip


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read a time in seconds, above 0: `1`, `0.5`, `1e3`."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise click.BadParameter(f"'{value}' is no time in seconds above 0.")
    return seconds


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is None or value in ((), False):
        return
    store: dict[str, Any] = ctx.meta.setdefault(_META, {})
    name = param.name or ""
    store[name] = (*store.get(name, ()), *value) if isinstance(value, tuple) else value


def _option(*names: str, section: str, **settings: Any) -> Callable[[Any], Any]:
    return click.option(
        *names, cls=SectionedOption, section=section, expose_value=False, callback=_remember, **settings
    )


def global_options(*, profile: str = "-p", output: bool = True) -> Callable[[Any], Any]:
    """Return a decorator that adds the options every command has.

    Args:
        profile: The short form of ``--profile``; "" where the command needs the letter for itself.
        output: False where the command's own ``--output`` is a file.
    """
    section = "Everywhere"
    found = [
        _option("-c", "--config", metavar="FILE", section=section, help="Read this file instead of the ones found."),
        _option(*([profile] if profile else []), "--profile", metavar="NAME", section=section,
                help="A built-in set of settings: default, minimal, development."),
        _option("--trace", type=click.Choice(TRACE_LEVELS), section=section, metavar="LEVEL",
                help="Log to stderr: off, error, warn, info, debug, trace."),
        _option("-q", "--quiet", is_flag=True, section=section, help="No progress, no hints."),
    ]  # fmt: skip
    if output:
        found.append(
            _option(
                "--output",
                type=click.Choice(FORMATS),
                section=section,
                metavar="FORMAT",
                help="Print as text, table, markdown, json, pretty or jsonl (one object a line).",
            )
        )
    return _all(found)


def policy_options(function: Any) -> Any:
    """Add the options that say what tools and scripts may touch."""
    section = "Policy"
    found = [
        _option(f"--{verb}-{kind}", metavar=_WHAT[kind][0], multiple=True, section=section,
                help=f"{'Allow' if verb == 'allow' else 'Refuse'} {_WHAT[kind][1]}.")
        for verb in ("allow", "deny")
        for kind in POLICY_KINDS
    ]  # fmt: skip
    found += [
        _option("--ceiling", type=click.Choice(("safe", "restricted", "privileged")), metavar="LEVEL",
                section=section, help="Highest level of tool: safe, restricted or privileged."),
        _option("--policy", metavar="strict|FILE", section=section,
                help="Start from a policy that allows nothing, or from a file's."),
        _option("--yes", is_flag=True, section=section, help="Answer yes to what the policy asks."),
        _option("--tools-dir", "tools_dirs", metavar="DIR", multiple=True, section=section,
                help="Load your own tools from the *.py files of a folder."),
    ]  # fmt: skip
    return _all(found)(function)


def format_option(*choices: str) -> Callable[[Any], Any]:
    """Return the command's own ``--format``, which wins over the global ``--output``."""
    names = choices or FORMATS
    return click.option("--format", type=click.Choice(names), metavar="FORMAT", help="As --output; this one wins.")


def select_option(what: str) -> Callable[[Any], Any]:
    """Return ``--select``; `what` says what the expression looks at."""
    return click.option("--select", metavar="JMESPATH", help=f"Print only this part of {what}.")


def timeout_option(what: str) -> Callable[[Any], Any]:
    """Return ``--timeout``, in seconds, above 0."""
    return click.option(
        "--timeout", "timeout_s", callback=_seconds, metavar="SECONDS",
        help=f"Stop {what} after this time (exit 124).",
    )  # fmt: skip


def connect_options(function: Any) -> Any:
    """Add ``--connect`` and ``--key``: the command gets `connect`, the kernel to work in, or None.

    A command with ``--shared`` has that put into it as well.
    """

    @wraps(function)
    def joined(*args: Any, connect: str | None, key: str | None, **given: Any) -> Any:
        return function(*args, connect=_place(connect, key, shared=given.pop("shared", False)), **given)

    return _all(
        [
            click.option("--connect", metavar="KERNEL", help="In a running kernel: its ID, FILE or HOST:PORT."),
            click.option("--key", metavar="KEY", help="The kernel's key, for HOST:PORT; or in LLMSPELL_KERNEL_KEY."),
        ]
    )(joined)


def _place(connect: str | None, key: str | None, *, shared: bool) -> Place | None:
    if connect is None:
        if key is not None or shared:
            raise click.UsageError(f"{'--key' if key is not None else '--shared'} goes with --connect.")
        return None
    from llmspell.client.script import Place  # few commands connect

    return Place(connect, key, shared=shared)


def _all(decorators: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate


def gathered(ctx: click.Context) -> Options:
    """Return what the line said so far of the shared options."""
    store: dict[str, Any] = dict(ctx.meta.get(_META, {}))
    rules: list[tuple[str, str]] = []
    for verb in ("allow", "deny"):
        for kind in POLICY_KINDS:
            rules.extend((f"--{verb}-{kind}", value) for value in store.pop(f"{verb}_{kind}", ()))
    ceiling = store.pop("ceiling", None)
    if ceiling is not None:
        rules.append(("--ceiling", ceiling))
    return Options(rules=rules, **store)
