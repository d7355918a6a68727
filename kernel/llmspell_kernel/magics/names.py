"""The magics there are: their names, how they are written, what they do. One table, from which all help is made."""

from __future__ import annotations

from llmspell_kernel.errors import MagicMisused, MagicNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue


#: Columns that fit into a notebook.
_WIDTH = 88


class Magic:
    """One magic.

    Attributes:
        usage: How it is written, with its percent signs.
        summary: What it does, in one sentence.
        more: What else is to be known, Markdown.
    """

    __slots__ = ("more", "summary", "usage")

    def __init__(self, usage: str, summary: str, more: str = "") -> None:
        self.usage = usage
        self.summary = summary
        self.more = more


#: `%name`: one line among Lua.
LINE = {
    "load": Magic("%load FILE", "Put a file's text into the next cell, to be read before it runs."),
    "lsmagic": Magic("%lsmagic", "List the magics."),
    "reset": Magic(
        "%reset [-f]",
        "Forget every global of yours and every module that was required; built-in ones are as at the start.",
        "It asks before it does, unless `-f` is given. Tools that cells registered stay, and so do Python's names.",
    ),
    "run": Magic(
        "%run FILE [ARGUMENTS]",
        "Run a Lua script in this kernel; its globals stay, and what it returns is the line's value.",
        "The script finds its arguments in `ARGS` and `arg`, as with `llmspell run FILE -- ARGUMENTS`.",
    ),
    "time": Magic("%time CODE", "Run one line of Lua, say how long it took, and give its value."),
    "timeit": Magic(
        "%timeit [-n LOOPS] [-r RUNS] CODE", "Run one line of Lua many times and say how long one time takes."
    ),
    "tool": Magic(
        "%tool NAME key=value key:=json key=@file",
        "Call a tool; its result is the line's value: `r = %tool calculator input=2+2` keeps it.",
        "`key:=json` takes any JSON value, `key=@file` a file's text. Values with blanks stand in quotes.",
    ),
    "who": Magic("%who [TYPE...]", "List your globals with their types and values."),
}  # fmt: skip

#: `%%name`: the first line of a cell, and says what the rest of it is.
CELL = {
    "python": Magic(
        "%%python",
        "Run the cell as Python, by IPython, in this kernel.",
        "`tools.calculator(input='2+2')` calls a tool, `lua.x` reads and sets a global of Lua, `lua('return 1')` runs "
        "Lua; Lua reads and sets Python's names as `python.x`. What is no JSON stays on its side.",
    ),
    "time": Magic("%%time", "Run the cell and say how long it took."),
    "timeit": Magic(
        "%%timeit [-n LOOPS] [-r RUNS] [SETUP]",
        "Run the cell many times and say how long one time takes; SETUP runs once before.",
    ),
    "tool": Magic(
        "%%tool NAME key=value",
        "Call a tool with the parameters that the cell holds as a JSON or YAML object.",
        "What stands on the first line goes over what the cell says.",
    ),
}


def shown(name: str, *, is_cell: bool) -> str:
    """Return the name with its percent signs."""
    return ("%%" if is_cell else "%") + name


def find(name: str, *, is_cell: bool, line: int) -> Magic:
    """Return a magic.

    Args:
        name: Without percent signs.
        is_cell: Whether it has two of them.
        line: Of the cell, from 1, for the error.

    Raises:
        MagicNotFound: There is none; the message names the nearest.
        MagicMisused: There is one, with the other number of percent signs.
    """
    known, other = (CELL, LINE) if is_cell else (LINE, CELL)
    if name in known:
        return known[name]
    wrong = shown(name, is_cell=is_cell)
    if name in other:
        right = other[name].usage
        place = "it is a line of its own" if is_cell else "it is the first line of a cell"
        raise MagicMisused(f"{wrong} is no magic, {shown(name, is_cell=not is_cell)} is one: {place}, written {right}",
                           line=line)  # fmt: skip
    from llmspell_tools.nearest import nearest_all

    near: list[JsonValue] = [shown(each, is_cell=is_cell) for each in nearest_all(name, known, 3)]
    hint = f"did you mean {near[0]}?" if near else "%lsmagic lists them"
    if not is_cell:
        hint += f" (where a line goes on with the operator, write a blank: '% {name}')" if not near else ""
    raise MagicNotFound(f"there is no magic {wrong}; {hint}", line=line, nearest=near)


def listing() -> str:
    """Return what `%lsmagic` prints."""
    lines = ["One line among Lua; `x = %name ...` keeps what it gives:", *_rows(LINE)]
    lines += ["", "The first line of a cell:", *_rows(CELL)]
    return "\n".join([*lines, "", "A question mark tells more: %tool?"]) + "\n"


def page(magic: Magic) -> dict[str, str]:
    """Return the help of a magic as a MIME bundle."""
    parts = [magic.usage, magic.summary, magic.more] if magic.more else [magic.usage, magic.summary]
    markdown = "\n\n".join([f"```\n{magic.usage}\n```", *parts[1:]])
    return {"text/plain": "\n\n".join(parts), "text/markdown": markdown}


def _rows(magics: dict[str, Magic]) -> list[str]:
    from textwrap import wrap

    rows: list[str] = []
    for _, magic in sorted(magics.items()):
        rows += [f"  {magic.usage}", *wrap(magic.summary, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)]
    return rows
