"""What stands at a place of a cell: a tool, a parameter, a function of the library or of the script, or any value.

The word at the place counts with what is before it (`a.b:c`), else the call that the place is inside of. Living values
are read raw, sources are those the engine has compiled (or, of modules, the file through the policy): nothing of a
script runs. Above `inspection_pages.py`, which shows what is found.
"""

from __future__ import annotations

from llmspell_kernel.lua import inspection_tools
from llmspell_kernel.lua.completion import last_part
from llmspell_kernel.lua.completion_expressions import TEXT, Evaluator, chain_start, schema_properties
from llmspell_kernel.lua.completion_members import parameters_at
from llmspell_kernel.lua.completion_tools import TAKES_NAME, table_call, type_of
from llmspell_kernel.lua.completion_values import FunctionValue, ManualValue, Path, SchemaValue, TableValue
from llmspell_kernel.lua.inspection_manual import entries
from llmspell_kernel.lua.inspection_pages import Page, bundle
from llmspell_kernel.lua.inspection_source import definition_of, doc_comment, source_of
from llmspell_kernel.lua.lexing import tokens_of
from llmspell_kernel.lua.lexing_scope import function_end, scope_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.completion_values import Explorer, Value
    from llmspell_kernel.lua.loader import Loader

#: Libraries that are ours, not the Lua manual's.
_OWN = ("Tool.", "tool:", "JSON.", "comm.", "display", "widgets.")


class Inspector:
    """Inspects cells for one engine; owner thread, between runs."""

    __slots__ = ("_bridge", "_explorer", "_loader")

    def __init__(self, bridge: Bridge, explorer: Explorer, loader: Loader) -> None:
        self._bridge = bridge
        self._explorer = explorer
        self._loader = loader

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return a MIME bundle; see `llmspell_kernel.language`."""
        page = self._page(code, cursor, is_detailed=detail > 0)
        return {} if page is None else bundle(page)

    def _page(self, code: str, cursor: int, *, is_detailed: bool) -> Page | None:
        end = cursor
        while end < len(code) and (code[end].isalnum() or code[end] == "_"):
            end += 1
        before = last_part(code[:end])
        tokens = tokens_of(before)
        last = tokens[-1] if tokens else None
        touches = last is not None and last.end == len(before)
        if last is not None and touches and last.kind == "comment" and last.is_open:
            return None
        if last is not None and touches and last.kind == "string" and last.is_open:
            whole = tokens_of(code[end - len(before) + last.start :])[0]
            evaluator = self._evaluator(before, tokens[:-1])
            return self._string_page(evaluator, whole.content, is_detailed) or self._call_page(evaluator, is_detailed)
        evaluator = self._evaluator(before, tokens)
        if last is not None and touches and last.kind == "name":
            return self._word_page(evaluator, code[end:], is_detailed)
        return self._call_page(evaluator, is_detailed)

    def _evaluator(self, before: str, tokens: list[Any]) -> Evaluator:
        return Evaluator(scope_of(before, tokens), self._explorer, self._bridge.registry)

    # --- where ----------------------------------------------------------------------------------------------------

    def _word_page(self, evaluator: Evaluator, following: str, is_detailed: bool) -> Page | None:
        tokens = evaluator.tokens
        end = len(tokens)
        start = chain_start(tokens, end)
        behind = following.lstrip()
        if start == end - 1 and behind.startswith("=") and not behind.startswith("=="):
            call = table_call(evaluator, len(evaluator.scope.frames) - 1)
            page = None if call is None else inspection_tools.parameter_page(call.tool, call.schema, tokens[-1].text)
            if page is not None:
                return page
        shown = "".join(token.text for token in tokens[start:end])
        page = self._value_page(evaluator, evaluator.value(start, end), shown, is_detailed)
        if page is None and start == end - 1:
            return _local_page(evaluator, tokens[-1].text)
        return page

    def _string_page(self, evaluator: Evaluator, content: str, is_detailed: bool) -> Page | None:
        """Return the page of the tool that a string names, or of the parameter whose value it is."""
        tokens, frame = evaluator.tokens, evaluator.scope.frames[-1]
        end = len(tokens)
        before = tokens[-1].text if tokens else ""
        if frame.kind == "{" and before == "=":
            call = table_call(evaluator, len(evaluator.scope.frames) - 1)
            if call is None:
                return None
            return inspection_tools.parameter_page(call.tool, call.schema, tokens[end - 2].text)
        is_index = frame.kind == "[" and frame.at == end - 1
        opening = frame.at if is_index or (frame.kind == "(" and frame.at == end - 1) else end
        function = evaluator.behind(opening)
        names_tool = evaluator.name_of(function) in (TAKES_NAME | {"Tool"} if is_index else TAKES_NAME)
        tool = evaluator.tool(content) if names_tool else None
        return None if tool is None else inspection_tools.tool_page(tool, is_detailed=is_detailed)

    def _call_page(self, evaluator: Evaluator, is_detailed: bool) -> Page | None:
        """Return the page of the innermost call around the place."""
        frames, tokens = evaluator.scope.frames, evaluator.tokens
        for depth in range(len(frames) - 1, 0, -1):
            frame = frames[depth]
            if not frame.is_bracket:
                return None
            call = table_call(evaluator, depth) if frame.kind == "{" else None
            if call is not None and call.tool is not None:
                return inspection_tools.tool_page(call.tool, is_detailed=is_detailed)
            if frame.kind == "[":
                continue
            start = chain_start(tokens, frame.at)
            shown = "".join(token.text for token in tokens[start : frame.at])
            page = self._value_page(evaluator, evaluator.value(start, frame.at), shown, is_detailed) if shown else None
            if page is not None:
                return page
        return None

    # --- what -----------------------------------------------------------------------------------------------------

    def _value_page(self, evaluator: Evaluator, value: Value | None, shown: str, is_detailed: bool) -> Page | None:
        tool = evaluator.handle(value)
        if tool is not None:
            return inspection_tools.tool_page(tool, is_detailed=is_detailed)
        if value is TEXT:
            return Page(f"{shown}: string")
        if isinstance(value, Path):
            return self._living_page(value, shown, is_detailed)
        if isinstance(value, ManualValue):
            return _manual_page(value.name)
        if isinstance(value, FunctionValue):
            return _written_page(evaluator, value, shown, is_detailed)
        if isinstance(value, SchemaValue):
            page = Page(f"{shown}: {type_of(value.schema, True)}", str(value.schema.get("description", "")))
            rows = [[name, type_of(part, True)] for name, part in schema_properties(value.schema).items()]
            if rows:
                page.table("Fields", ["field", "type"], [[*row] for row in rows])
            return page
        if isinstance(value, TableValue):
            page = Page(f"{shown}: table")
            page.facts.append(("Fields", ", ".join(value.fields) or "none"))
            return page
        return None

    def _living_page(self, value: Path, shown: str, is_detailed: bool) -> Page | None:
        kind, detail, *more = self._explorer.look(value.keys)
        if kind == "nil":
            return None
        if kind == "function":
            if str(detail).startswith("="):
                return _manual_page(str(detail)[1:])
            return self._function_page(shown, str(detail), more, is_detailed)
        page = Page(f"{shown}: {kind}")
        entry = entries().get(shown)
        if entry is not None:
            page.text = entry.text
            if entry.parameters:  # a table that can be called
                page.title = entry.signature
        page.facts += _facts(kind, detail, more)
        return page

    def _function_page(self, shown: str, parameters: str, more: list[Any], is_detailed: bool) -> Page:
        chunk, first, last = more
        page = Page(f"function {shown}{parameters}")
        if chunk == "=[llmspell]":
            page.facts.append(("Defined", "by llmspell"))
            return page
        page.facts.append(("Defined", f"{str(chunk).lstrip('@=')}:{first}"))
        source = source_of(self._loader, self._bridge.policy, str(chunk))
        if source is not None:
            page.text = doc_comment(source, first)
            if is_detailed:
                page.codes.append(("Source", definition_of(source, first, last)))
        return page


def _manual_page(name: str) -> Page | None:
    entry = entries().get(name)
    if entry is None:
        return None
    page = Page(entry.signature, entry.text)
    if not name.startswith(_OWN):
        page.facts.append(("Manual", "https://www.lua.org/manual/5.4/manual.html#pdf-" + name))
    return page


def _written_page(evaluator: Evaluator, value: FunctionValue, shown: str, is_detailed: bool) -> Page:
    """Return the page of a function that the cell itself defines."""
    code, token = evaluator.scope.code, evaluator.tokens[value.at]
    line = code.count("\n", 0, token.start) + 1
    page = Page(f"function {shown}{parameters_at(evaluator.tokens, value.at)}", doc_comment(code, line))
    page.facts.append(("Defined", f"in this cell, line {line}"))
    if is_detailed:
        end = evaluator.tokens[function_end(evaluator.tokens, value.at) - 1].end
        page.codes.append(("Source", definition_of(code, line, code.count("\n", 0, end) + 1)))
    return page


def _local_page(evaluator: Evaluator, name: str) -> Page | None:
    variable = evaluator.scope.variable(name)
    if variable is None:
        return None
    token = evaluator.tokens[variable.at]
    line = evaluator.scope.code.count("\n", 0, token.start) + 1
    page = Page(name)
    page.facts.append(("Variable", f"of this cell, line {line}"))
    return page


def _facts(kind: str, detail: Any, more: list[Any]) -> list[tuple[str, str]]:
    from llmspell_kernel.lua.convert import human_text

    facts = [("Value" if kind != "thread" else "Status", human_text(str(detail)))]
    if kind == "string":
        size, characters = more
        counted = "" if characters is None else f", {characters} characters"
        facts.append(("Length", f"{size} bytes{counted}"))
    elif kind == "table":
        total, length, is_cut, name, has_metatable = more
        facts.append(("Entries", f"{'at least ' if is_cut else ''}{total}"))
        if length:
            facts.append(("Length", str(length)))
        if has_metatable:
            facts.append(("Metatable", human_text(name) if name else "yes"))
    return facts
