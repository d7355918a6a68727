"""Completion, inspection and completeness of cells with magics; see `llmspell_kernel.language`.

Names of magics, and the words of `%tool` by the tools' schemas, come from here. What is Lua or Python in such a cell
goes to the engine or to IPython, with the magics taken out and every other character where it was. Runs nothing.
"""

from __future__ import annotations

from llmspell_kernel.language import Completion, Match
from llmspell_kernel.magics import names
from llmspell_kernel.magics.headers import header_of
from llmspell_kernel.magics.lines import find_magics, may_have_magics
from llmspell_kernel.magics.rewriting import without
from llmspell_kernel.magics.tool_words import ToolWords

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.magics.headers import Header
    from llmspell_kernel.magics.lines import MagicLine
    from llmspell_kernel.python.cells import PythonCells

#: Magics whose text is Lua.
_LUA = frozenset({"time", "timeit"})
#: Magics whose text is a file's path.
_PATH = frozenset({"load", "run"})


class MagicLanguage:
    """The cells that have magics.

    Args:
        find_engine: Returns what knows Lua.
        python: Knows Python.
    """

    __slots__ = ("_find_engine", "_python", "_tools")

    def __init__(self, find_engine: Callable[[], LuaEngine], python: PythonCells) -> None:
        self._find_engine = find_engine
        self._python = python
        self._tools = ToolWords(find_engine)

    # --- completion ---------------------------------------------------------------------------------------------------

    def complete(self, code: str, cursor: int) -> Completion | None:
        """Return the ways to go on at a place; None where the cell is plain Lua."""
        if "%" not in code:
            return None
        header = header_of(code)
        if header is not None:
            return self._in_cell(code, cursor, header)
        word = _magic_word(code, cursor)
        if word is not None:
            return _names(names.LINE, word, cursor)
        magics = find_magics(code) if may_have_magics(code) else []
        if not magics:
            return None
        at = _magic_at(magics, cursor)
        if at is None:
            return self._find_engine().complete(without(code, magics), cursor)
        return self._in_line(code, cursor, at)

    def _in_cell(self, code: str, cursor: int, header: Header) -> Completion | None:
        written = code[header.start + 2 : cursor]
        if cursor <= header.end:
            if cursor < header.start + 2:
                return Completion([], cursor, cursor)
            if not written or written.isidentifier():
                return _names(names.CELL, written, cursor)
            if header.name == "tool":
                return self._tools.complete(code, header.start + 2 + len(header.name), cursor)
            return Completion([], cursor, cursor)
        if header.name == "python":
            return self._in_python(header, cursor)
        if header.name == "tool":
            return self._tools.complete_body(header, code, cursor)
        return self._find_engine().complete(header.blank(code), cursor)

    def _in_python(self, header: Header, cursor: int) -> Completion:
        shift = header.end + 1
        found = self._python.complete(header.body, cursor - shift)
        return Completion(found.matches, found.start + shift, found.end + shift)

    def _in_line(self, code: str, cursor: int, magic: MagicLine) -> Completion:
        start = magic.start + 1 + len(magic.name)
        if magic.name == "tool":
            return self._tools.complete(code, start, cursor)
        if magic.name in _LUA:
            return self._find_engine().complete(_blanked(code, magic, start), cursor)
        if magic.name in _PATH:
            return self._tools.complete_path(code[start:cursor], cursor)
        words = {"reset": ("-f",), "who": ("boolean", "function", "number", "string", "table")}.get(magic.name, ())
        prefix = code[start:cursor].rpartition(" ")[2]
        found = [Match(word, "value") for word in words if word.startswith(prefix)]
        return Completion(found, cursor - len(prefix), cursor)

    # --- inspection ---------------------------------------------------------------------------------------------------

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str] | None:
        """Return a MIME bundle about what stands at a place; None where the cell is plain Lua."""
        if "%" not in code:
            return None
        header = header_of(code)
        if header is not None:
            return self._inspect_cell(code, cursor, detail, header)
        magics = find_magics(code) if may_have_magics(code) else []
        if not magics:
            return None
        magic = _magic_at(magics, cursor)
        if magic is None:
            return self._find_engine().inspect(without(code, magics), cursor, detail)
        start = magic.start + 1 + len(magic.name)
        if magic.name == "tool" and cursor > start:
            return self._tools.inspect(code, start, cursor, detail)
        if magic.name in _LUA and cursor > start:
            return self._find_engine().inspect(_blanked(code, magic, start), cursor, detail)
        known = names.LINE.get(magic.name)
        return {} if known is None else names.page(known)

    def _inspect_cell(self, code: str, cursor: int, detail: int, header: Header) -> dict[str, str] | None:
        start = header.start + 2 + len(header.name)
        if cursor <= header.end:
            if header.name == "tool" and cursor > start:
                return self._tools.inspect(code, start, cursor, detail)
            known = names.CELL.get(header.name)
            return {} if known is None else names.page(known)
        if header.name == "python":
            return self._python.inspect(header.body, cursor - header.end - 1, detail)
        if header.name == "tool":
            return self._tools.inspect_body(header, code, cursor, detail)
        return self._find_engine().inspect(header.blank(code), cursor, detail)

    # --- completeness -------------------------------------------------------------------------------------------------

    def is_complete(self, code: str) -> tuple[str, str] | None:
        """Return Jupyter's status of a cell; None where it is plain Lua.

        A cell that begins with `%%` is complete when an empty line ends it, as in IPython; two end anything.
        """
        if "%" not in code:
            return None
        header = header_of(code)
        if header is not None:
            return self._is_cell_complete(code, header)
        magics = find_magics(code) if may_have_magics(code) else []
        if not magics:
            return None
        if any(code[magic.end - 1 : magic.end] == "\\" for magic in magics):
            return "incomplete", ""
        return self._find_engine().is_complete(without(code, magics))

    def _is_cell_complete(self, code: str, header: Header) -> tuple[str, str]:
        if code.endswith("\n\n\n"):
            return "complete", ""
        status, indent = "complete", ""
        if header.body.strip() and header.name == "python":
            status, indent = self._python.is_complete(header.body)
        elif header.body.strip() and header.name in _LUA:
            body = header.blank(code)
            status, indent = self.is_complete(body) or self._find_engine().is_complete(body)
        if status != "complete":
            return status, indent
        return ("complete", "") if code.endswith("\n\n") else ("incomplete", "")


def _magic_word(code: str, cursor: int) -> str | None:
    """Return the beginning of a magic's name that ends at a place, None where there is none."""
    line = code[code.rfind("\n", 0, cursor) + 1 : cursor]
    before, percent, word = line.rpartition("%")
    if not percent or not (word == "" or word.isidentifier()):
        return None
    text = before.rstrip()
    if text.endswith("="):
        return None if text.endswith(("==", "~=", "<=", ">=")) else word
    return word if not text or text.endswith("return") else None


def _names(known: dict[str, names.Magic], prefix: str, cursor: int) -> Completion:
    found = [Match(name, "magic", magic.usage) for name, magic in sorted(known.items()) if name.startswith(prefix)]
    return Completion(found, cursor - len(prefix), cursor)


def _magic_at(magics: list[MagicLine], cursor: int) -> MagicLine | None:
    return next((magic for magic in magics if magic.start <= cursor <= magic.end), None)


def _blanked(code: str, magic: MagicLine, until: int) -> str:
    """Return the cell as one Lua line: only what a magic holds, every character where it was."""
    options = len(code[until : magic.end]) - len(code[until : magic.end].lstrip())
    start = until + options
    return " " * start + code[start : magic.end]
