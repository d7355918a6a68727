"""What is around the end of a piece of Lua: open brackets and blocks, the locals in sight, the globals it assigns.

One pass over the tokens with a stack of frames. Unfinished and wrong code is the normal case: a statement's keyword
closes brackets that somebody forgot, an `end` without a block is passed over. It evaluates nothing
(`completion_expressions.py` does) and knows no runtime.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell_kernel.lua.lexing import Token

BRACKETS = {"(": ")", "{": "}", "[": "]"}
_CLOSING = frozenset(BRACKETS.values())
_STATEMENTS = frozenset({"local", "return", "if", "while", "for", "repeat", "break", "goto"})
_BINARY = frozenset(
    {
        "+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<", ">", "<=", ">=", "&", "|", "~", "<<", ">>",
        "and", "or",
    }
)  # fmt: skip
_UNARY = frozenset({"-", "not", "#", "~"})
#: Tokens of one initialiser that are looked at, so that a wrong program costs linear time.
_MAX_EXPRESSION = 2_000


class Variable:
    """A name that the code gives a value.

    Attributes:
        name: The name.
        value: First and last-but-one token index of the expression, or None where it cannot be told.
        function: Index of the `function` keyword that defines it, or None.
        active_from: Token index from which the name means this.
        at: Index of the token that is the name.
    """

    __slots__ = ("active_from", "at", "function", "name", "value")

    def __init__(
        self,
        name: str,
        at: int,
        *,
        value: tuple[int, int] | None = None,
        function: int | None = None,
        active_from: int = 0,
    ) -> None:
        self.name = name
        self.at = at
        self.value = value
        self.function = function
        self.active_from = active_from


class Frame:
    """An open bracket, or an open block with its locals.

    Attributes:
        kind: `(`, `{`, `[`, or the block's keyword (`chunk` for the whole).
        at: Index of the token that opened it.
        variables: Locals, oldest first.
        waiting: Names of a `for` whose `do` is still to come.
    """

    __slots__ = ("at", "kind", "variables", "waiting")

    def __init__(self, kind: str, at: int, variables: Sequence[Variable] = ()) -> None:
        self.kind = kind
        self.at = at
        self.variables = list(variables)
        self.waiting: list[Variable] = []

    @property
    def is_bracket(self) -> bool:
        """Whether it is a bracket and no block."""
        return self.kind in BRACKETS


class Scope:
    """The result of `scope_of`.

    Attributes:
        code: The text.
        tokens: Its tokens without comments.
        frames: What is open at the end, outermost first; the first is the chunk.
        assigned: Globals that the code gives a value at some point, by name.
        labels: Names of labels.
    """

    __slots__ = ("assigned", "code", "frames", "labels", "tokens")

    def __init__(self, code: str, tokens: list[Token]) -> None:
        self.code = code
        self.tokens = tokens
        self.frames = [Frame("chunk", 0)]
        self.assigned: dict[str, Variable] = {}
        self.labels: dict[str, None] = {}

    def local(self, name: str) -> Variable | None:
        """Return the innermost local of that name that is in sight at the end."""
        return next((variable for variable in self.locals() if variable.name == name), None)

    def locals(self) -> Iterator[Variable]:
        """Yield the locals in sight, innermost and newest first; a name may come twice."""
        size = len(self.tokens)
        for frame in reversed(self.frames):
            for variable in reversed(frame.variables):
                if variable.active_from <= size:
                    yield variable

    def variable(self, name: str) -> Variable | None:
        """Return the local, else what the code says of a global."""
        return self.local(name) or self.assigned.get(name)


def scope_of(code: str, tokens: Sequence[Token]) -> Scope:
    """Return what is open and known behind the last token."""
    scope = Scope(code, [token for token in tokens if token.kind != "comment"])
    walk = _Walk(scope)
    for index in range(len(scope.tokens)):
        walk.step(index)
    return scope


class _Walk:
    """The pass: one step for each token."""

    __slots__ = ("_frames", "_handled_until", "_scope", "_tokens")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._tokens = scope.tokens
        self._frames = scope.frames
        #: Tokens before this one belong to a declaration that has been read already.
        self._handled_until = 0

    def step(self, index: int) -> None:
        """Take one token into account."""
        token = self._tokens[index]
        if self._frames[-1].kind == "until" and self._is_new_line(index):
            self._frames.pop()
        if token.kind == "mark":
            self._mark(token.text, index)
        elif token.kind == "keyword":
            self._keyword(token.text, index)
        elif token.kind == "name" and index >= self._handled_until:
            self._name(token.text, index)

    def _mark(self, text: str, index: int) -> None:
        if text in BRACKETS:
            self._frames.append(Frame(text, index))
        elif text in _CLOSING:
            for depth in range(len(self._frames) - 1, 0, -1):
                frame = self._frames[depth]
                if not frame.is_bracket:
                    return
                if BRACKETS[frame.kind] == text:
                    del self._frames[depth:]
                    return
        elif text == "::" and self._text(index + 2) == "::" and self._kind(index + 1) == "name":
            self._scope.labels[self._text(index + 1)] = None

    def _keyword(self, text: str, index: int) -> None:
        if text in _STATEMENTS:
            self._close_brackets()
        if text in {"if", "repeat"}:
            self._frames.append(Frame(text, index))
        elif text == "do":
            block = self._block()
            self._frames.append(Frame("do", index, block.waiting))
            block.waiting = []
        elif text == "function":
            self._function(index)
        elif text == "local":
            self._local(index)
        elif text == "for":
            names = self._names(index + 1)
            self._block().waiting = [Variable(name, at) for name, at in names]
        elif text in {"else", "elseif"}:
            self._block().variables.clear()
        elif text in {"end", "until"}:
            self._end(text)

    def _end(self, text: str) -> None:
        for depth in range(len(self._frames) - 1, 0, -1):
            kind = self._frames[depth].kind
            if text == "until" and kind == "repeat":
                del self._frames[depth + 1 :]
                self._frames[depth].kind = "until"  # its locals are still in sight in the condition
                return
            if text == "end" and kind in {"if", "do", "function"}:
                del self._frames[depth:]
                return

    def _function(self, index: int) -> None:
        """Open a function's block with its parameters; a named one defines a name of the code."""
        at = index + 1
        path = []
        while self._kind(at) == "name":
            path.append(self._text(at))
            at += 1
            if self._text(at) not in {".", ":"}:
                break
            path.append(self._text(at))
            at += 1
        is_local = index > 0 and self._text(index - 1) == "local"
        if len(path) == 1 and not is_local:
            self._scope.assigned[path[0]] = Variable(path[0], index + 1, function=index)
        parameters = [Variable("self", index)] if ":" in path else []
        if self._text(at) == "(":
            parameters += [Variable(name, where) for name, where in self._names(at + 1)]
        self._frames.append(Frame("function", index, parameters))
        self._handled_until = max(self._handled_until, at)

    def _local(self, index: int) -> None:
        frame = self._block()
        if self._text(index + 1) == "function":
            if self._kind(index + 2) == "name":
                frame.variables.append(Variable(self._text(index + 2), index + 2, function=index + 1))
            return
        names = self._names(index + 1)
        values = self._values(index + 1)
        for number, (name, at) in enumerate(names):
            value, active_from = None, 0
            if values is not None:
                active_from = values[-1][1] if values else len(self._tokens) + 1
                value = values[number] if number < len(values) else None
                if active_from == len(self._tokens) and not self._is_behind_line():
                    active_from += 1  # the end of the text is still inside of the expression
            frame.variables.append(Variable(name, at, value=value, active_from=active_from))
        self._handled_until = max(self._handled_until, names[-1][1] + 1 if names else 0)

    def _values(self, index: int) -> list[tuple[int, int]] | None:
        """Return the ranges of the expressions behind `=` of a `local`, None where it has no `=`."""
        while self._kind(index) == "name" or self._text(index) in {",", "<", ">"}:
            index += 1
        if self._text(index) != "=":
            return None
        values: list[tuple[int, int]] = []
        start = index + 1
        while True:
            end = expression_end(self._tokens, start)
            if end <= start:
                return values
            values.append((start, end))
            if self._text(end) != ",":
                return values
            start = end + 1

    def _name(self, text: str, index: int) -> None:
        """Note a global's assignment: ``name = expression`` where a statement may begin."""
        if self._text(index + 1) != "=" or self._frames[-1].is_bracket:
            return
        before = self._text(index - 1) if index else ""
        if before in {".", ":", ",", "<", "for", "goto"} or self._scope.local(text) is not None:
            return
        end = expression_end(self._tokens, index + 2)
        value = (index + 2, end) if end > index + 2 else None
        self._scope.assigned[text] = Variable(text, index, value=value)

    def _names(self, index: int) -> list[tuple[str, int]]:
        """Return the names of a list such as ``a, b <const>, c`` with their token indices."""
        names = []
        while self._kind(index) == "name":
            names.append((self._text(index), index))
            index += 1
            if self._text(index) == "<":
                index += 3
            if self._text(index) != ",":
                break
            index += 1
        return names

    def _close_brackets(self) -> None:
        while self._frames[-1].is_bracket:
            self._frames.pop()

    def _block(self) -> Frame:
        return next(frame for frame in reversed(self._frames) if not frame.is_bracket)

    def _is_new_line(self, index: int) -> bool:
        start = self._tokens[index - 1].end if index else 0
        return "\n" in self._scope.code[start : self._tokens[index].start]

    def _is_behind_line(self) -> bool:
        return "\n" in self._scope.code[self._tokens[-1].end :]

    def _text(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def _kind(self, index: int) -> str:
        return self._tokens[index].kind if 0 <= index < len(self._tokens) else ""


def expression_end(tokens: Sequence[Token], start: int) -> int:
    """Return the index behind the expression that begins at `start`; `start` itself where there is none."""
    index, last = start, min(len(tokens), start + _MAX_EXPRESSION)
    while index < last:
        while index < last and tokens[index].text in _UNARY:
            index += 1
        behind = _operand_end(tokens, index)
        if behind == index:
            return start if index == start else index
        index = behind
        if index >= last or tokens[index].text not in _BINARY:
            return index
        index += 1
    return index


def _operand_end(tokens: Sequence[Token], index: int) -> int:
    if index >= len(tokens):
        return index
    token = tokens[index]
    if token.text == "function":
        return function_end(tokens, index)
    if token.text == "{":
        return closing_index(tokens, index) + 1
    if token.kind in {"number", "string"} or token.text in {"nil", "true", "false", "..."}:
        return index + 1
    if token.kind == "name":
        return _suffixes_end(tokens, index + 1)
    if token.text == "(":
        return _suffixes_end(tokens, closing_index(tokens, index) + 1)
    return index


def _suffixes_end(tokens: Sequence[Token], index: int) -> int:
    """Return the index behind fields, indices and calls that follow a name or a bracket."""
    while index < len(tokens):
        text, kind = tokens[index].text, tokens[index].kind
        if text in {".", ":"}:
            is_named = index + 1 < len(tokens) and tokens[index + 1].kind == "name"
            index += 2 if is_named else 1
        elif text in BRACKETS:
            index = closing_index(tokens, index) + 1
        elif kind == "string":
            index += 1
        else:
            return index
    return index


def closing_index(tokens: Sequence[Token], index: int) -> int:
    """Return the index of the bracket that closes the one at `index`, the last one looked at where none does."""
    depth = 0
    last = min(len(tokens), index + _MAX_EXPRESSION)
    for at in range(index, last):
        if tokens[at].kind == "mark":
            depth += (tokens[at].text in BRACKETS) - (tokens[at].text in _CLOSING)
            if depth == 0:
                return at
    return last - 1


def function_end(tokens: Sequence[Token], index: int) -> int:
    """Return the index behind the `end` of the function whose keyword is at `index`; bounded."""
    depth = 0
    last = min(len(tokens), index + _MAX_EXPRESSION)
    for at in range(index, last):
        if tokens[at].kind == "keyword":
            depth += tokens[at].text in {"function", "if", "do", "repeat"}
            depth -= tokens[at].text in {"end", "until"}
            if depth == 0:
                return at + 1
    return last
