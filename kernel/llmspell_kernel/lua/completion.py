"""How a cell's text may go on at a place: keywords, locals and globals, fields and methods, tools and their parameters.

It looks at the tokens before the place (`lexing`), at what is around it (`lexing_scope`), evaluates the expression
that is being continued (`completion_expressions`) and asks the living values raw, so that nothing of a script runs and
nothing changes. Only the last 50,000 characters before the place count.
"""

from __future__ import annotations

from llmspell_kernel.language import Completion, Match
from llmspell_kernel.lua import completion_paths, completion_tools
from llmspell_kernel.lua.completion_expressions import Evaluator, schema_member
from llmspell_kernel.lua.completion_members import Members, in_order, living, parameters_at
from llmspell_kernel.lua.lexing import KEYWORDS, Token, tokens_of
from llmspell_kernel.lua.lexing_scope import BRACKETS, Scope, scope_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.completion_tools import TableCall
    from llmspell_kernel.lua.completion_values import Explorer
    from llmspell_kernel.lua.lexing_scope import Variable

_MAX_TEXT = 50_000
_MAX_MATCHES = 1_000
#: Constant arguments of library functions: (name, number of the argument from 0).
_CHOICES = {
    ("io.open", 1): ("r", "w", "a", "r+", "w+", "a+", "rb", "wb"),
    ("collectgarbage", 0): ("collect", "count"),
    ("os.date", 0): ("*t", "!*t", "%Y-%m-%d", "%H:%M:%S", "%Y-%m-%d %H:%M:%S"),
    ("select", 0): ("#",),
    ("file:read", 0): ("l", "L", "a", "n"),
    ("file:seek", 0): ("set", "cur", "end"),
    ("file:setvbuf", 0): ("no", "full", "line"),
}


class Place:
    """A place in a cell.

    Attributes:
        evaluator: Knows the code before the word that is being written.
        prefix: That word so far, or the content of the string so far.
        is_string: Whether the place is inside of a string.
        following: The code behind the place.
    """

    __slots__ = ("evaluator", "following", "is_string", "prefix")

    def __init__(self, evaluator: Evaluator, prefix: str, is_string: bool, following: str) -> None:
        self.evaluator = evaluator
        self.prefix = prefix
        self.is_string = is_string
        self.following = following

    @property
    def scope(self) -> Scope:
        """What is around the place."""
        return self.evaluator.scope

    def token(self, back: int = 1) -> Token | None:
        """Return the last token before the word, or the one `back` tokens before."""
        tokens = self.evaluator.tokens
        return tokens[-back] if len(tokens) >= back else None

    def text(self, back: int = 1) -> str:
        """Return the text of that token."""
        token = self.token(back)
        return token.text if token is not None else ""


class Completer:
    """Completes cells for one engine; owner thread, between runs."""

    __slots__ = ("_bridge", "_explorer", "_members")

    def __init__(self, bridge: Bridge, explorer: Explorer) -> None:
        self._bridge = bridge
        self._explorer = explorer
        self._members = Members(explorer, bridge.registry)

    def complete(self, code: str, cursor: int) -> Completion:
        """Return the ways to go on; see `llmspell_kernel.language`."""
        place = self._place(code, cursor)
        if place is None:
            return Completion([], cursor, cursor)
        matches, length = self._in_string(place) if place.is_string else (self._in_code(place), len(place.prefix))
        return Completion(matches[:_MAX_MATCHES], cursor - length, cursor)

    def _place(self, code: str, cursor: int) -> Place | None:
        """Return the place; None inside of comments and numbers, where nothing is completed."""
        before = last_part(code[:cursor])
        tokens = tokens_of(before)
        prefix, is_string = "", False
        last = tokens[-1] if tokens else None
        if last is not None and last.end == len(before):
            if last.kind == "number" or (last.kind == "comment" and last.is_open):
                return None
            if last.kind == "string" and last.is_open:
                prefix, is_string = last.content, True
                tokens.pop()
            elif last.kind in {"name", "keyword"}:
                prefix = last.text
                tokens.pop()
        scope = scope_of(before[: len(before) - len(prefix)], tokens)
        evaluator = Evaluator(scope, self._explorer, self._bridge.registry)
        return Place(evaluator, prefix, is_string, code[cursor:])

    # --- code -----------------------------------------------------------------------------------------------------

    def _in_code(self, place: Place) -> list[Match]:
        before = place.text()
        end = len(place.evaluator.tokens)
        if before in {".", ":"}:
            value = place.evaluator.behind(end - 1)
            tokens = place.evaluator.tokens
            return [] if value is None else self._members.of(value, place.prefix, tokens, is_method=before == ":")
        if before == "goto":
            labels = {**place.scope.labels, **scope_of(place.following, tokens_of(place.following)).labels}
            return completion_tools.by_prefix(labels, place.prefix, "label")
        if _is_declared(place):
            words = ("function",) if before == "local" else ("const", "close") if before == "<" else ()
            return completion_tools.by_prefix(words, place.prefix, "keyword")
        return self._in_table(place) or self._names(place)

    def _in_table(self, place: Place) -> list[Match]:
        """Return keys or values of the table constructor around the place, if it is known what belongs there."""
        call = self._call(place)
        if call is None:
            return []
        frame = place.scope.frames[-1]
        if place.text() in {"{", ",", ";"}:
            is_assigned = place.following.lstrip().startswith("=")
            keys = completion_tools.parameters(place.evaluator, frame, call, place.prefix, is_assigned=is_assigned)
            return keys or self._values(completion_tools.items_of(call.schema), place)
        if place.text() == "=":
            return self._values(schema_member(call.schema, place.text(2)), place)
        return []

    def _values(self, schema: object, place: Place) -> list[Match]:
        if not isinstance(schema, dict):
            return []
        found = completion_tools.values(schema, place.prefix, is_quoted=False)
        return found + self._names(place) if found else []

    def _call(self, place: Place) -> TableCall | None:
        depth = len(place.scope.frames) - 1
        return completion_tools.table_call(place.evaluator, depth)

    def _names(self, place: Place) -> list[Match]:
        """Return what a name may be here: locals, globals of the code, living globals, keywords."""
        prefix, found = place.prefix, dict[str, Match]()
        for variable in place.scope.locals():
            if variable.name.startswith(prefix) and variable.name not in found:
                found[variable.name] = _written(place, variable)
        for member in self._explorer.members((), prefix, "field"):
            found.setdefault(member.name, living(member, "variable"))
        for name, variable in place.scope.assigned.items():
            if name.startswith(prefix) and name not in found:
                found[name] = _written(place, variable)
        words = [Match(word, "keyword") for word in sorted(KEYWORDS) if word.startswith(prefix)]
        return in_order(found.values(), prefix) + words

    # --- strings --------------------------------------------------------------------------------------------------

    def _in_string(self, place: Place) -> tuple[list[Match], int]:
        """Return what the string may become, and how many characters before the place that replaces."""
        frame, end = place.scope.frames[-1], len(place.evaluator.tokens)
        prefix, before = place.prefix, place.text()
        found: tuple[list[Match], int] | None = None
        if frame.kind == "[" and frame.at == end - 1:
            value = place.evaluator.behind(frame.at)
            found = (self._members.keys(value, prefix) if value is not None else []), len(prefix)
        elif frame.kind == "{" and before in {"=", "{", ",", ";"} and (call := self._call(place)) is not None:
            found = self._value_in_string(place, call, before)
        elif frame.kind == "(" and before in {"(", ","}:
            found = self._argument(place, frame.at, _number_of_commas(place.evaluator.tokens, frame.at))
        elif _ends_expression(place.token()):
            found = self._argument(place, end, 0)
        if found is None and completion_paths.looks_like_path(prefix):
            found = completion_paths.paths(self._bridge.policy, prefix, "lua")
        return found or ([], 0)

    def _value_in_string(self, place: Place, call: TableCall, before: str) -> tuple[list[Match], int] | None:
        name = place.text(2) if before == "=" else self._outer_key(place)
        schema = schema_member(call.schema, name) if before == "=" else completion_tools.items_of(call.schema)
        if schema is None:
            return None
        found = completion_tools.values(schema, place.prefix, is_quoted=True)
        if not found and call.tool is not None and completion_paths.is_path_parameter(name, schema):
            return completion_paths.paths(self._bridge.policy, place.prefix, call.tool.name)
        return found, len(place.prefix)

    def _outer_key(self, place: Place) -> str:
        """Return the key whose value is the list around the place."""
        at = place.scope.frames[-1].at
        tokens = place.evaluator.tokens
        return tokens[at - 2].text if at >= 2 and tokens[at - 1].text == "=" else ""

    def _argument(self, place: Place, opening: int, number: int) -> tuple[list[Match], int] | None:
        """Return what the constant string may be that is an argument of a call."""
        prefix = place.prefix
        name = place.evaluator.name_of(place.evaluator.behind(opening)) or ""
        if (name, number) in _CHOICES:
            return completion_tools.by_prefix(_CHOICES[name, number], prefix, "value"), len(prefix)
        if name in completion_tools.TAKES_NAME and number == 0:
            return completion_tools.tool_names(self._bridge.registry, prefix), len(prefix)
        if number < completion_paths.TAKES_PATH.get(name, 0):
            return completion_paths.paths(self._bridge.policy, prefix, "lua")
        if name == "require":
            return completion_paths.module_names(self._bridge, prefix)
        return None


def last_part(text: str) -> str:
    """Return the end of a text, from a line's beginning, that is short enough to look at."""
    if len(text) <= _MAX_TEXT:
        return text
    start = text.find("\n", len(text) - _MAX_TEXT)
    return text[start + 1 :] if start >= 0 else text[-_MAX_TEXT:]


def _written(place: Place, variable: Variable) -> Match:
    """Return the match for a name that the code itself gives a value."""
    if variable.function is None:
        return Match(variable.name, "variable")
    return Match(variable.name, "function", parameters_at(place.evaluator.tokens, variable.function))


def _is_declared(place: Place) -> bool:
    """Tell whether the word is a name that is being declared, or the attribute of one: `local a, b`, `local x <c`."""
    if place.text() in {"local", "for"}:
        return True
    if place.text() not in {",", "<"}:
        return False
    for token in reversed(place.evaluator.tokens):
        if token.text in {"local", "for"}:
            return True
        if token.kind != "name" and token.text not in {",", "<", ">"}:
            return False
    return False


def _number_of_commas(tokens: Sequence[Token], opening: int) -> int:
    depth = count = 0
    for token in tokens[opening + 1 :]:
        if token.kind == "mark":
            depth += (token.text in BRACKETS) - (token.text in {")", "]", "}"})
            count += token.text == "," and depth == 0
    return count


def _ends_expression(token: Token | None) -> bool:
    return token is not None and (token.kind in {"name", "string"} or token.text in {")", "]"})
