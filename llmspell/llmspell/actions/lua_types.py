"""``lua-types``: what editors want to know of the globals and of every tool, for the Lua language server (LuaLS).

The globals are described by hand in `llmspell_kernel.lua.types`; the tools' part is written from their definitions:
a class for the parameters, one for the result, one for the tool, and overloads of `Tool.execute` and its like.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell import assembly, output
from llmspell.actions.lua_types_schema import Classes, Member, describe, field_name, fields
from llmspell_kernel.lua import global_types
from llmspell_tools.errors import ConfigurationError
from llmspell_tools.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.options import Options
    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject, JsonValue

_HEAD = """---@meta
-- The globals and tools of llmspell {version}, for the Lua language server: written by `llmspell lua-types`.
-- In the .luarc.json of a project of scripts (the standard libraries are described here as scripts have them):
--   {{
--     "runtime.version": "Lua 5.4",
--     "runtime.builtin": {{"basic": "disable", "coroutine": "disable", "debug": "disable", "io": "disable",
--       "math": "disable", "os": "disable", "package": "disable", "string": "disable", "table": "disable",
--       "utf8": "disable"}},
--     "workspace.library": ["{file}"]
--   }}

"""
#: Fields of an answer that is no object with fields of its own.
_ENVELOPE = ("operation", "success")


def lua_types(options: Options, path: str | None) -> int:
    """Write the annotations to a file, or print them where `path` is None or "-"."""
    tools = assembly.registry(options).list()
    to_file = path is not None and path != "-"
    text = render(tools, os.path.basename(path) if to_file and path else "llmspell.lua")
    if to_file and path:
        _write(path, text)
        output.note(f"wrote {path}: the globals and {len(tools)} tools")
    else:
        output.write(text)
    return 0


def render(tools: Sequence[Tool], file: str = "llmspell.lua") -> str:
    """Return the annotations of all globals and of these tools; `file` is what their own file is called."""
    classes = Classes()
    names: dict[str, str] = {}
    for tool in tools:
        own = tool.name.replace("-", "_")
        _write_tool(classes, tool, own)
        for name in (tool.name, *tool.aliases):
            names[name] = names[name.replace("-", "_")] = own
    classes.lines.append("---@class llmspell.Tools")
    classes.lines += [f"---@field {field_name(name)} llmspell.tool.{own}" for name, own in names.items()]
    head = _HEAD.format(version=__version__, file=file)
    return head + global_types.read() + "\n" + "\n".join([*classes.lines, "", *_functions(names)]) + "\n"


def _write_tool(classes: Classes, tool: Tool, own: str) -> None:
    parameters, result = f"llmspell.params.{own}", f"llmspell.result.{own}"
    classes.write(parameters, _parameters(tool), description=f"Parameters of {tool.name}.")
    classes.write(result, _result(tool.returns), base="llmspell.Result", description=f"What {tool.name} gives.")
    classes.lines += [
        f"---{' '.join(tool.description.split())}",
        f"---@class llmspell.tool.{own}: llmspell.Tool",
        f"---@field execute fun(self: llmspell.tool.{own}, params?: {parameters}): {result}",
        "",
    ]


def _parameters(tool: Tool) -> dict[str, Member]:
    found = fields({key: value for key, value in tool.parameters.items() if key != "allOf"})
    others: dict[str, list[str]] = {}
    for alias, name in tool.parameter_aliases.items():
        others.setdefault(name, []).append(alias)
    properties = tool.parameters.get("properties")
    for name, own in properties.items() if isinstance(properties, dict) else ():
        if name in others:
            found[name].comment = describe(own, f"Also: {', '.join(others[name])}.")
            found[name].optional = True
            for alias in others[name]:
                found[alias] = Member([("", own)], optional=True, comment=f"The same as {name}.")
    return found


def _result(returns: JsonObject | None) -> dict[str, Member]:
    """Return the fields that a result has beside those of every result.

    An envelope's fields stand in the result itself; any other output is its `data`.
    """
    if returns is None:
        return {}
    forms = returns.get("anyOf")
    branches = [each for each in forms if isinstance(each, dict)] if isinstance(forms, list) else [returns]
    found: dict[str, Member] = {}
    others: list[tuple[str, JsonValue]] = []
    for branch in branches:
        properties = branch.get("properties")
        if isinstance(properties, dict) and all(name in properties for name in _ENVELOPE):
            for name, member in fields(branch).items():
                known = found.setdefault(name, member)
                if known is not member:
                    known.schemas += [each for each in member.schemas if each not in known.schemas]
        else:
            others.append(("" if len(branches) == 1 else f"form{len(others) + 1}", branch))
    if others:
        for member in found.values():
            member.optional = True
        found["data"] = Member(others, optional=len(others) < len(branches), comment="The output.")
    found.pop("metadata", None)  # a result always has some
    found.pop("error", None)
    return found


def _functions(names: dict[str, str]) -> list[str]:
    """Return `Tool.execute`, `Tool.invoke` and `Tool.get` with an overload for every name of a tool."""
    lines: list[str] = []
    for function in ("execute", "invoke"):
        lines.append(f"---Runs a tool{'' if function == 'execute' else ', as Tool.execute'}; raises where it fails.")
        lines += [
            f'---@overload fun(name: "{name}", params?: llmspell.params.{own}): llmspell.result.{own}'
            for name, own in names.items()
        ]
        lines += [
            "---@param name string", "---@param params? table", "---@return llmspell.Result",
            f"function Tool.{function}(name, params) end", "",
        ]  # fmt: skip
    lines.append("---Gives a tool by any of its names, or nil.")
    lines += [f'---@overload fun(name: "{name}"): llmspell.tool.{own}' for name, own in names.items()]
    return [*lines, "---@param name string", "---@return llmspell.Tool?", "function Tool.get(name) end"]


def _write(path: str, text: str) -> None:
    """Write a file whole or not at all."""
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "x", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial) and not isinstance(error, FileExistsError):
            os.unlink(partial)
        raise ConfigurationError(f"cannot write '{path}': {error.strerror}") from None
