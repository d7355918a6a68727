"""Where the statements of a Lua text begin: for breakpoints, which are put before statements (`points.py`).

tree-sitter reads text with errors as well, and is imported only when a text that has breakpoints is loaded. Lines count
from 1, offsets are bytes of the latin-1 text that Lua compiles.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_STATEMENTS = frozenset({
    "variable_declaration", "assignment_statement", "function_call", "function_declaration", "do_statement",
    "while_statement", "repeat_statement", "if_statement", "for_statement", "return_statement", "break_statement",
    "goto_statement",
})  # fmt: skip
_FUNCTIONS = frozenset({"function_declaration", "function_definition"})
_BLOCKS = frozenset({"chunk", "block"})
_RETURN = b"return "
_MAX_LAST_LINES = 30


class Site:
    """The beginning of a statement.

    Attributes:
        line: Line of the beginning.
        end_line: Line of the end.
        offset: Where it begins.
        scope: Which function body it stands in, as a number.
    """

    __slots__ = ("end_line", "line", "offset", "scope")

    def __init__(self, line: int, end_line: int, offset: int, scope: int) -> None:
        self.line = line
        self.end_line = end_line
        self.offset = offset
        self.scope = scope


class Outline:
    """The statements of one text.

    Args:
        text: Lua text, one character for each byte.
        is_cell: The text may end in an expression, which a cell shows.

    Attributes:
        sites: Every statement, by offset.
        functions: The first statement of each function that has a name, by name: `f`, `a.b`, `a:c`.
        is_clean: Whether code may be put before a statement: the text has no error, and says nothing of `_ENV`.
    """

    __slots__ = ("_last", "_lines", "_return_at", "functions", "is_clean", "sites")

    def __init__(self, text: str, *, is_cell: bool = False) -> None:
        source = text.encode("latin-1")
        root = _parse(source)
        self._return_at: int | None = None
        if is_cell and root.has_error:
            root = self._with_last_expression(source) or root
        self.sites: list[Site] = []
        self.functions: dict[str, Site] = {}
        self.is_clean = not root.has_error and b"_ENV" not in source
        self._collect(root)
        self.sites.sort(key=lambda site: site.offset)
        self._lines = [site.line for site in self.sites]
        self._last = max((site.offset for site in self.sites if site.scope == 0), default=-1) if is_cell else -1

    def takes_code(self, line: int) -> bool:
        """Whether code may be put before the statements of a line: what a cell may show as its value stays as it is."""
        return self.is_clean and all(site.offset != self._last for site in self.at_line(line))

    def locate(self, line: int) -> int | None:
        """Return the line where a breakpoint for `line` stops, None behind the last statement.

        It is that of a statement that begins there, else of the simple statement around it, else of the next one.
        """
        at = bisect_left(self._lines, line)
        following = self._lines[at] if at < len(self._lines) else None
        if following == line:
            return line
        around = [site for site in self.sites[:at] if site.end_line >= line]
        if around and not any(other.offset > around[-1].offset for other in self._inside(around[-1])):
            return around[-1].line
        return following

    def at_line(self, line: int) -> list[Site]:
        """Return the first statement of each function body that begins on a line."""
        found: dict[int, Site] = {}
        for at in range(bisect_left(self._lines, line), len(self.sites)):
            site = self.sites[at]
            if site.line != line:
                break
            found.setdefault(site.scope, site)
        return list(found.values())

    def lines(self, first: int, last: int) -> list[int]:
        """Return the lines between two on which a breakpoint can be."""
        return sorted({line for line in self._lines if first <= line <= last})

    def _inside(self, outer: Site) -> Iterator[Site]:
        """Yield the statements in the body of a statement."""
        for site in self.sites[bisect_left(self._lines, outer.line) :]:
            if site.line > outer.end_line:
                return
            if site.offset > outer.offset and site.end_line <= outer.end_line:
                yield site

    def _with_last_expression(self, source: bytes) -> Any:
        """Return the tree of a text whose last lines are an expression, read with `return` before them, or None."""
        start = len(source)
        for _ in range(_MAX_LAST_LINES):
            if start <= 0:
                return None
            start = source.rfind(b"\n", 0, start - 1) + 1
            root = _parse(source[:start] + _RETURN + source[start:])
            if not root.has_error:
                self._return_at = start
                return root
        return None

    def _offset(self, node: Any) -> int:
        start: int = node.start_byte
        return start if self._return_at is None or start <= self._return_at else start - len(_RETURN)

    def _site(self, node: Any, scope: int) -> Site:
        return Site(node.start_point[0] + 1, node.end_point[0] + 1, self._offset(node), scope)

    def _collect(self, root: Any) -> None:
        todo: list[tuple[Any, int]] = [(root, 0)]
        scopes = 0
        while todo:
            node, scope = todo.pop()
            in_block = node.type in _BLOCKS
            for child in node.children:
                if not child.is_named:
                    continue
                if in_block and child.type in _STATEMENTS:
                    self.sites.append(self._site(child, scope))
                inner = scope
                if child.type in _FUNCTIONS:
                    scopes += 1
                    inner = scopes
                    self._name(child, inner)
                todo.append((child, inner))

    def _name(self, function: Any, scope: int) -> None:
        """Note the first statement of a function that has a name."""
        name = function.child_by_field_name("name")
        body = function.child_by_field_name("body")
        if name is None:
            name = _assigned_name(function)
        if name is None or body is None:
            return
        for child in body.children:
            if child.is_named and child.type in _STATEMENTS:
                self.functions[name.text.decode("latin-1")] = self._site(child, scope)
                return


def _assigned_name(function: Any) -> Any:
    """Return the name node of ``name = function``, or None."""
    values = function.parent
    if values is None or values.type != "expression_list" or values.named_child_count != 1:
        return None
    assignment = values.parent
    names = assignment.named_children[0] if assignment is not None and assignment.named_children else None
    if names is None or names.type != "variable_list" or names.named_child_count != 1:
        return None
    return names.named_children[0]


@cache
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_lua

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_lua.language()))


def _parse(source: bytes) -> Any:
    return _parser().parse(source).root_node
