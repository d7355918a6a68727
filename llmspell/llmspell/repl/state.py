"""The console's commands about what runs the cells: its globals, its tools, what it is. See `meta`."""

from __future__ import annotations

import os

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.repl.console import Console
    from llmspell_tools.types import JsonValue

#: Names of all globals of a fresh state, for comparison.
_NAMES = "local t = {} for k in pairs(_G) do if type(k) == 'string' then t[#t + 1] = k end end return t"
#: Name, type and beginning of each global of the cells' state.
_VALUES = """
local t = {}
for k, v in pairs(_G) do
  if type(k) == "string" and not k:find("^__llmspell") then
    local ok, text = pcall(tostring, v)
    if type(v) == "string" then text = string.format("%q", v:sub(1, 200)) end
    if type(v) == "table" and not getmetatable(v) then
      local n = 0
      for _ in next, v do n = n + 1 end
      text = n == 1 and "1 entry" or n .. " entries"
    end
    t[#t + 1] = {k, type(v), ok and text:sub(1, 200) or "?"}
  end
end
return t
"""


def variables(console: Console, _rest: str) -> None:
    """Show the globals that a fresh state has not."""
    rows = _own(console)
    if not rows:
        console.screen.aside("no globals yet")
        return
    from llmspell_tools.tables import Table  # most sessions never ask

    console.screen.table(Table(["name", "type", "value"], rows))


def set_variable(console: Console, rest: str) -> None:
    """Give a global a value: what is a Lua expression is one, anything else is text."""
    name, _, value = rest.partition(" ")
    value = value.strip().removeprefix("= ").strip()
    _check_name(name)
    if not value:
        raise InvalidParameters(f".set wants a value: .set {name} VALUE")
    is_lua = console.language.judge(f"local _ = {value}")[0] == "complete" and not value.isidentifier()
    known = {"true", "false", "nil", *(str(row[0]) for row in _own(console))}
    console.run_quietly(f"{name} = {value if is_lua or value in known else _quoted(value)}")


def unset_variable(console: Console, rest: str) -> None:
    """Forget a global."""
    _check_name(rest)
    console.run_quietly(f"{rest} = nil")


def reset(console: Console, _rest: str) -> None:
    """Begin again: a new Lua state here; in a kernel, which others may use, only the globals go."""
    if console.backend.reset():
        console.number = 1
        console.debug.restart()
        console.screen.aside("a new Lua state")
        return
    names = [str(row[0]) for row in _own(console)]
    console.run_quietly("\n".join(f"_G[{_quoted(name)}] = nil" for name in names))
    console.screen.aside(f"{len(names)} globals forgotten; what local functions hold stays")


def tools(console: Console, rest: str) -> None:
    """List the tools, each with what it does; with words, those that they find."""
    reply = console.ask("tool_request", {"command": "list", "detailed": True})
    definitions = reply.get("definitions")
    described = {
        str(each["name"]): str(each["description"])
        for each in (definitions if isinstance(definitions, list) else ())
        if isinstance(each, dict)
    }
    if rest:
        found = console.ask("tool_request", {"command": "search", "query": [*rest.split()]}).get("matches")
        names = [str(name) for name in found] if isinstance(found, list) else []
        described = {name: described.get(name, "") for name in names}
    if not described:
        console.screen.aside("no tool")
        return
    console.screen.definitions([*described.items()])


def info(console: Console, _rest: str) -> None:
    """Say what runs the cells."""
    reply = console.ask("kernel_info_request", {})
    language = reply.get("language_info")
    version = language.get("version") if isinstance(language, dict) else ""
    rows = [
        ("llmspell", str(reply.get("implementation_version", ""))),
        ("Lua", str(version)),
        ("cells run in", console.backend.title),
        ("cells so far", str(console.number - 1)),
        ("folder", os.getcwd()),
    ]
    if console.history_file:
        rows.append(("history", console.history_file))
    console.screen.definitions(rows)


def _own(console: Console) -> list[list[JsonValue]]:
    fresh = console.fresh_names
    if fresh is None:
        values = console.values("script", _NAMES, shared=False)
        listed = values[0] if values else []
        fresh = console.fresh_names = {str(name) for name in listed} if isinstance(listed, list) else set()
    values = console.values("script", _VALUES)
    rows = values[0] if values else []
    listed_rows = rows if isinstance(rows, list) else []
    found = [row for row in listed_rows if isinstance(row, list) and str(row[0]) not in fresh]
    return sorted(found, key=lambda row: str(row[0]))


def _check_name(name: str) -> None:
    if not (name.isascii() and name.isidentifier()):
        raise InvalidParameters(f"'{name}' is no name of a global" if name else "which global?")


def _quoted(text: str) -> str:
    from llmspell_tools.jsontext import dumps

    level = "="
    while f"]{level}]" in text:
        level += "="
    return dumps(text) if text.isascii() and "\\" not in text else f"[{level}[{text}]{level}]"
