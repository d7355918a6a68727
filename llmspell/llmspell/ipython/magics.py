"""The magics `%tool`, `%%tool`, `%lua` and `%%lua`, as functions that IPython calls with a line and a cell.

Their docstrings are what `%tool?` and `%lua?` show. IPython's own expansion of `$name` and `{name}` is off: braces and
dollars belong to JSON, Lua and patterns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell import api
from llmspell.ipython import failures, words
from llmspell_tools import bodies
from llmspell_tools.errors import InvalidParameters, LlmspellError
from llmspell_tools.toolbox import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from llmspell.ipython.door import Door
    from llmspell.ipython.lua_cells import LuaCells

    Magic = Callable[..., Any]

#: `IPython.core.magic.no_var_expand` sets it; the decorator itself has no types.
_NO_EXPANSION = "_ipython_magic_no_var_expand"


def tool_magic(shell: InteractiveShell, door: Door) -> Magic:
    """Return `%tool` and `%%tool`."""

    def tool(line: str, cell: str | None = None) -> Any:
        r"""Call a tool.

        ::

            %tool                                         all tools
            %tool NAME key=value key:=JSON key=@FILE      call one
            %tool NAME text=$variable                     with what a Python variable holds (\$ is a dollar)
            %tool --help NAME                             what it takes
            result = %tool --timeout 5 NAME key=value     keep the result: .output, .text, .media

        Values are read as the tool's parameters want them: number, true, list, text; quotes are the shell's.
        In `%%tool NAME` the cell holds the parameters, as JSON or YAML::

            %%tool csv-analyzer
            operation: analyze
            input: |
              name,size
              a,1
        """
        given = words.split(line)
        timeout_s, wants_help = None, False
        while given and given[0][:1] == "-":
            option = given.pop(0)
            if option in {"-h", "--help"}:
                wants_help = True
            elif option == "--timeout" and given:
                timeout_s = words.seconds(given.pop(0))
            else:
                raise InvalidParameters(f"%tool has no option '{option}'; there are --timeout SECONDS and --help NAME")
        if not given:
            return api.tools
        registry = api.registry()
        registry.refresh()
        found = registry.get(given[0])
        if wants_help:
            print(describe(found))  # noqa: T201 - the cell's output
            return None
        params = words.tool_parameters(found, given[1:], shell.user_ns)
        for name, value in bodies.read(cell or "", "the cell").items():
            if name in params:
                raise InvalidParameters(f"'{name}' is given in the line and in the cell", field=name)
            params[name] = value
        return door.call(registry, found.name, params, timeout_s)

    return _guarded(tool)


def lua_magic(cells: LuaCells) -> Magic:
    """Return `%lua` and `%%lua`."""

    def lua(line: str, cell: str | None = None) -> Any:
        """Run Lua in this process, with `Tool`, `JSON`, `display` and the rest; globals stay between cells.

        ::

            value = %lua 1 + 1
            %%lua [-i NAME] [-o NAME] [--timeout SECONDS] [--reset]
            rows = {{name = "a", size = 1}}
            #rows

        The value of the last expression is the cell's: nil, booleans, numbers, strings, lists and dicts as Python has
        them; prints go to the cell. Options (`-i a,b` or more than once):

        -i NAME     make the Python variable a Lua global first; arrays and data frames become lists
        -o NAME     make the Lua global a Python variable afterwards
        --timeout   stop it after so many seconds
        --reset     start with a new Lua
        """
        options = _LuaOptions(line, is_cell=cell is not None)
        if options.reset:
            cells.reset()
        code = options.code if cell is None else "\n" + cell  # so that lines count as the notebook's own, with %%lua
        if not code.strip() and not (options.inward or options.outward):
            return None
        return cells.run(code, inward=options.inward, outward=options.outward, timeout_s=options.timeout_s)

    return _guarded(lua)


class _LuaOptions:
    """What stands behind `%lua`: options, then code in a line."""

    def __init__(self, line: str, *, is_cell: bool) -> None:
        self.inward: list[str] = []
        self.outward: list[str] = []
        self.timeout_s: float | None = None
        self.reset = False
        rest = line.strip()
        while rest[:1] == "-":
            option, _, others = rest.partition(" ")
            if option == "--reset":
                self.reset = True
            elif option in {"-i", "-o", "--timeout"}:
                value, _, others = others.lstrip().partition(" ")
                self._take(option, value)
            elif is_cell:
                raise InvalidParameters(f"%%lua has no option '{option}'; there are -i, -o, --timeout and --reset")
            else:
                break  # `%lua -1 + 2`
            rest = others.strip()
        if is_cell and rest:
            raise InvalidParameters(f"write Lua in the lines below %%lua, not behind it: '{rest[:40]}'")
        self.code = rest

    def _take(self, option: str, value: str) -> None:
        if not value:
            raise InvalidParameters(f"%lua {option} wants {'SECONDS' if option == '--timeout' else 'a NAME'}")
        if option == "--timeout":
            self.timeout_s = words.seconds(value)
        else:
            (self.inward if option == "-i" else self.outward).extend(value.split(","))


def _guarded(magic: Magic) -> Magic:
    """Return a magic whose errors have no frames of ours."""

    def call(line: str, cell: str | None = None) -> Any:
        try:
            return magic(line, cell)
        except (LlmspellError, KeyboardInterrupt) as error:
            raise failures.of_magic(error) from None

    call.__name__, call.__doc__ = magic.__name__, magic.__doc__
    setattr(call, _NO_EXPANSION, True)
    return call
