"""``llmspell lua-types``."""

from __future__ import annotations

import click

from llmspell.cli.main import act
from llmspell.cli.options import global_options, policy_options
from llmspell.cli.sections import Command


@click.command("lua-types", cls=Command)
@click.option("-o", "--output", "path", metavar="FILE", help="The file to write; printed if left out.")
@policy_options
@global_options(output=False)
def lua_types(path: str | None) -> int:
    """Write what an editor needs to know of Lua's globals and of every tool.

    \b
    llmspell lua-types -o llmspell.lua

    The file is for the Lua language server (LuaLS) of VS Code, Neovim and others: it completes names, parameters
    and their values, and shows what each is. The head of the file says how a project names it in its .luarc.json.
    Your own tools are in it as well.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import lua_types as actions  # help needs no tools and no Lua

    return act(lambda options: actions.lua_types(options, path))
