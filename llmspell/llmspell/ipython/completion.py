"""Tab behind the magics: tools, their parameters and values after `%tool`, Lua in `%%lua` cells.

IPython's matchers, API version 2. What is completed here is completed by nobody else: Python's names are of no use in
Lua. A tool is looked up, never imported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmspell import api
from llmspell.actions.completion import Candidate, paths, tool_parameters, tools_named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from llmspell.ipython.lua_cells import LuaCells

#: The line up to the cursor, where it belongs to a magic: `%tool ...`, `result = %tool ...`.
_LINE = re.compile(r"^(?:\s*[\w.,\s]+=)?\s*%(?P<magic>tool|lua)\s(?P<rest>.*)$", re.DOTALL)
_CELL = re.compile(r"^%%(?P<magic>tool|lua)\b(?P<rest>.*)$")
_WORD = re.compile(r"\S*$")
_KEY = re.compile(r"^(?P<key>[\w-]*)$")
_VALUE = re.compile(r"^(?P<key>[\w-]+):\s+(?P<value>\S*)$")
_VALUED = ("--timeout",)
_LUA_OPTIONS = ("-i", "-o", "--timeout", "--reset")


class Completer:
    """Completes for one shell.

    Args:
        cells: Its Lua.
    """

    def __init__(self, cells: LuaCells) -> None:
        self._cells = cells
        #: What IPython calls.
        self.matcher: Any = self._matcher()

    def _matcher(self) -> Any:
        from IPython.core.completer import SimpleCompletion, context_matcher

        mark: Any = context_matcher  # no types

        @mark(identifier="llmspell")  # type: ignore[untyped-decorator]
        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            answer = self.complete(context.full_text, context.cursor_line, context.text_until_cursor)
            if answer is None:
                return {"completions": [], "suppress": False}
            fragment, found = answer
            return {
                "completions": [SimpleCompletion(text, type=kind) for text, kind in found],
                "matched_fragment": fragment,
                "suppress": True,
                "ordered": True,
            }

        return matcher

    def complete(self, text: str, line: int, before: str) -> tuple[str, list[tuple[str, str]]] | None:
        """Return what is replaced (the end of `before`) and ``(text, type)`` of all that may stand there.

        Args:
            text: The cell.
            line: Of the cursor, 0-based.
            before: That line up to the cursor.

        Returns:
            None where the place belongs to no magic of ours.
        """
        first, _, body = text.partition("\n")
        cell = _CELL.match(first)
        if cell is not None and line > 0:
            if cell["magic"] == "lua":
                lines = body.split("\n")[: line - 1]
                return self._lua(body, sum(len(each) + 1 for each in lines) + len(before))
            return self._body(cell["rest"], before)
        found = _CELL.match(before) if line == 0 else None
        is_cell = found is not None
        found = found or _LINE.match(before)
        if found is None or (is_cell and not found["rest"][:1].isspace()):
            return None
        if found["magic"] == "tool":
            return self._tool(found["rest"])
        return self._options(found["rest"]) if is_cell else self._lua(found["rest"], len(found["rest"]))

    def _tool(self, rest: str) -> tuple[str, list[tuple[str, str]]]:
        """Complete behind `%tool`: an option, the name, then parameters and their values."""
        typed = _WORD.search(rest)
        fragment = typed[0] if typed else ""
        words = rest[: len(rest) - len(fragment)].split()
        while words and words[0][:1] == "-":
            del words[: 2 if words[0] in _VALUED else 1]
        if not words:
            options = [option for option in ("--timeout", "--help") if option.startswith(fragment)]
            if fragment[:1] == "-":
                return fragment, [(option, "param") for option in options]
            return fragment, [(each.value, "function") for each in tools_named(api.tools(), fragment)]
        if not api.registry().exists(words[0]):
            return fragment, []
        found = tool_parameters(api.registry().get(words[0]), words[1:], fragment)
        return fragment, [*_offered(found)]

    def _body(self, rest: str, before: str) -> tuple[str, list[tuple[str, str]]] | None:
        """Complete a line of YAML in a `%%tool` cell: `name: `, and behind it the values that a parameter names."""
        words = [word for word in rest.split() if "=" not in word and word[:1] != "-"]
        if not words or not api.registry().exists(words[-1]):
            return None
        tool = api.registry().get(words[-1])
        key, value = _KEY.match(before), _VALUE.match(before)
        if key is not None:
            names = (each.value.rstrip(":=") for each in tool_parameters(tool, (), before))
            return before, [(f"{name}: ", "param") for name in names]
        if value is not None:
            prefix = f"{value['key']}="
            found = tool_parameters(tool, (), prefix + value["value"])
            return value["value"], [
                (text.removeprefix(prefix), kind) for text, kind in _offered(found) if text != prefix + value["value"]
            ]
        return None

    def _options(self, rest: str) -> tuple[str, list[tuple[str, str]]]:
        """Complete behind `%%lua`: its options, and Python's variables for `-i`."""
        *_, before, fragment = ["", *rest.split(" ")]
        if before in {"-i", "-o"}:
            begin, comma, typed = fragment.rpartition(",")
            names = self._cells.variables() if before == "-i" else []
            return fragment, [(begin + comma + name, "variable") for name in names if name.startswith(typed)]
        return fragment, [(option, "param") for option in _LUA_OPTIONS if option.startswith(fragment)]

    def _lua(self, code: str, cursor: int) -> tuple[str, list[tuple[str, str]]]:
        found = self._cells.complete(code, cursor)
        if found is None:
            return "", []
        return code[found.start : cursor], [(match.text, match.kind) for match in found.matches]


def _offered(found: Iterable[Candidate]) -> Iterable[tuple[str, str]]:
    """Yield text and type of candidates; those that ask for paths become paths."""
    for each in found:
        if each.kind in {"plain", "part"}:
            yield each.value, "param" if each.kind == "part" else "value"
            continue
        prefix, equals, typed = each.value.partition("=")
        at = "@" if typed[:1] == "@" else ""
        for path in paths(typed.removeprefix(at), folders=each.kind == "dir"):
            yield f"{prefix}{equals}{at}{path}", "path"
