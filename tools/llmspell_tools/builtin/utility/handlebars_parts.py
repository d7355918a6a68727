"""Handlebars source to a tree: texts, tags, blocks. What names mean is `handlebars`'s business.

Follows https://handlebarsjs.com/guide/ and the white space rules of the Mustache specification ("standalone" tags).
Every error names the line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.schema_values import did_you_mean

if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

_MAX_DEPTH = 100
_BLOCKS = ("if", "unless", "each", "with")
_NAMES = ("uppercase", "lowercase", "lookup", "len", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not")
_LITERALS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "undefined": None}
#: One token of an expression: brackets, a text, or a run of anything else (with `[...]` segments inside).
_TOKEN = re.compile(r"""\s*(?:([()])|"([^"]*)"|'([^']*)'|((?:\[[^\]]*\]|[^\s()"'\[\]])+))""")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SEGMENT = re.compile(r"\[([^\]]*)\]|([^./\[\]]+)")
_ELSE = re.compile(r"else(\s.*)?", re.DOTALL)
#: The end of a triple tag, with `~` as `}~}}`.
_TRIPLE_END = re.compile(r"\}~?\}\}")
_BLOCK_NAMES = re.compile(r"^(.*?)\s+as\s*\|\s*([^|]*?)\s*\|$", re.DOTALL)


class Text(NamedTuple):
    """Text as it is."""

    text: str


class Literal(NamedTuple):
    """A value written in the template."""

    value: JsonValue


class Path(NamedTuple):
    """A name: `../` count, whether it began with `@` or `this`, and its steps."""

    text: str
    line: int
    up: int
    is_data: bool
    is_this: bool
    steps: tuple[str, ...]


class Call(NamedTuple):
    """A helper and its arguments."""

    name: str
    line: int
    arguments: tuple[Node, ...]


class Tag(NamedTuple):
    """A value to be shown."""

    value: Node
    is_escaped: bool


class Block(NamedTuple):
    """`#if`, `#unless`, `#each` or `#with`."""

    name: str
    line: int
    argument: Node
    names: tuple[str, ...]
    body: Parts
    otherwise: Parts


Node: TypeAlias = "Literal | Path | Call"
Parts: TypeAlias = "list[Text | Tag | Block]"


class _Piece(NamedTuple):
    """A piece of the source: a text (kind ""), or a tag by its first mark."""

    kind: str
    content: str
    line: int


def parse(template: str) -> Parts:
    """Return the parts of a template.

    Raises:
        InvalidParameters: It is wrong; ``details`` has the line.
    """
    return _Reader(_pieces(template)).parts("", 0)[0]


def _wrong(what: str, line: int) -> InvalidParameters:
    return InvalidParameters(f"line {line}: {what}", field="input", details={"line": line})


def _pieces(template: str) -> list[_Piece]:
    """Cut the source at its tags, with white space eaten where `~` or a tag alone on its line says so."""
    pieces: list[_Piece] = []
    at, line = 0, 1
    eats_left = False  # a `~}}` came before
    while True:
        start = _next_tag(template, at)
        text = template[at:] if start < 0 else template[at:start]
        if start < 0:
            pieces.append(_Piece("", _literal(text.lstrip() if eats_left else text), line))
            return pieces
        line += text.count("\n")
        if template.startswith("{{{{", start):
            raw, end = _raw(template, start, line)
            pieces.append(_Piece("", _literal(text.lstrip() if eats_left else text), line))
            pieces.append(_Piece("", raw, line))
            line += template.count("\n", start, end)
            at, eats_left = end, False
            continue
        kind, content, end = _tag(template, start, line)
        opens, closes = template.startswith("~", start + 2), template.startswith("~}}", end - 3)
        if eats_left:
            text = text.lstrip()
        if opens:
            text = text.rstrip()
        elif (kind in "#^/!" or _ELSE.fullmatch(content)) and not closes:
            text, end = _alone(template, text, at, end)
        pieces.append(_Piece("", _literal(text), line))
        pieces.append(_Piece(kind, content, line))
        line += template.count("\n", start, end)
        at, eats_left = end, closes


def _raw(template: str, start: int, line: int) -> tuple[str, int]:
    """Return what stands in the raw block that starts here, whatever it is, and where the block ends."""
    inside = _find(template, "}}}}", start, line)
    name = template[start + 4 : inside].strip()
    if name != "raw":
        raise _wrong(f"there is no raw block '{name[:40]}' (there is: raw)", line)
    end = _find(template, "{{{{/raw}}}}", inside, line)
    return template[inside + 4 : end], end + len("{{{{/raw}}}}")


def _next_tag(template: str, at: int) -> int:
    while True:
        start = template.find("{{", at)
        if start <= 0 or template[start - 1] != "\\" or template[start - 2 : start] == "\\\\":
            return start
        at = start + 2


def _literal(text: str) -> str:
    r"""Turn `\{{` into `{{`."""
    return text.replace("\\\\{{", "\\{{").replace("\\{{", "{{") if "\\" in text else text


def _alone(template: str, text: str, at: int, end: int) -> tuple[str, int]:
    """If the tag is alone on its line, drop the blanks before it and the rest of the line behind it."""
    before = text.rpartition("\n")
    behind = template.find("\n", end)
    rest = template[end:] if behind < 0 else template[end:behind]
    starts_line = before[1] or at == 0 or template[at - 1] == "\n"
    if not starts_line or before[2].strip() or rest.strip():
        return text, end
    return before[0] + before[1], len(template) if behind < 0 else behind + 1


def _tag(template: str, start: int, line: int) -> tuple[str, str, int]:
    """Return mark, content and end of the tag that starts here."""
    inner = start + 2 + template.startswith("~", start + 2)
    mark = template[inner : inner + 1]
    if mark == "{":
        found = _TRIPLE_END.search(template, inner)
        if found is None:
            raise _wrong("a tag is not closed: '}}}' is missing", line)
        return mark, template[inner + 1 : found.start()].strip(), found.end()
    closing = _find(template, "--", inner + 3, line) if template.startswith("!--", inner) else inner
    end = _find(template, "}}", closing, line)
    content = template[inner:end].removesuffix("~").strip()
    if mark and mark in "#/^!>&*":
        return mark, content[1:].strip(), end + 2
    return "=", content, end + 2


def _find(template: str, mark: str, start: int, line: int) -> int:
    end = template.find(mark, start)
    if end < 0:
        raise _wrong(f"a tag is not closed: '{mark}' is missing", line)
    return end


class _Reader:
    """Puts pieces together to parts."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._at = 0

    def parts(self, inside: str, depth: int) -> tuple[Parts, _Piece | None]:
        """Read to the end, or to what ends the block: its close, or an else; return that piece as well."""
        if depth > _MAX_DEPTH:
            raise _wrong(f"blocks are nested deeper than {_MAX_DEPTH}", self._pieces[self._at].line)
        parts: Parts = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if piece.kind == "":
                if piece.content:
                    parts.append(Text(piece.content))
            elif piece.kind in "#^" and not (piece.kind == "^" and not piece.content):
                parts.append(self._block(piece, depth))
            elif _is_else(piece) or piece.kind == "/":
                if not inside:
                    raise _wrong(f"'{{{{{piece.kind.strip('=')}{piece.content}}}}}' closes nothing", piece.line)
                return parts, piece
            elif piece.kind in "={&":
                parts.append(Tag(_expression(piece.content, piece.line), piece.kind == "="))
            elif piece.kind != "!":
                what = "partials ({{> name}})" if piece.kind == ">" else "decorators ({{* name}})"
                raise _wrong(f"{what} are not available: there is nothing to include from", piece.line)
        if inside:
            raise _wrong(f"block '{inside}' is not closed: {{{{/{inside}}}}} is missing", self._pieces[-1].line)
        return parts, None

    def _block(self, piece: _Piece, depth: int) -> Block:
        name, _, rest = piece.content.partition(" ")
        if name.startswith((">", "*")):
            raise _wrong("partials and decorators are not available: there is nothing to include from", piece.line)
        if piece.kind == "^":  # the opposite of what follows it: `{{^name}}` is `{{#unless name}}`
            name, rest, close = "unless", piece.content, piece.content
        else:
            close = name
        block, end = self._body(name, rest, close, piece.line, depth)
        if end.content != close:
            raise _wrong(f"block '{close}' is closed by '{{{{/{end.content}}}}}'", end.line)
        return block

    def _body(self, name: str, rest: str, close: str, line: int, depth: int) -> tuple[Block, _Piece]:
        if name not in _BLOCKS:
            hint = did_you_mean(name, _BLOCKS) or f"; for a list write {{{{#each {name}}}}}"
            raise _wrong(f"there is no block '{name}'{hint} (there are: {', '.join(_BLOCKS)})", line)
        names: tuple[str, ...] = ()
        found = _BLOCK_NAMES.match(rest)
        if found is not None:
            rest, names = found[1], tuple(found[2].split())
        argument = _expression(rest.strip(), line)
        body, end = self.parts(close, depth + 1)
        otherwise: Parts = []
        assert end is not None
        if end.kind != "/":
            condition = end.content.removeprefix("else").strip()
            if condition:
                inner, _, argument_text = condition.partition(" ")
                chained, end = self._body(inner, argument_text, close, end.line, depth + 1)
                otherwise = [chained]
            else:
                otherwise, end = self.parts(close, depth + 1)
                assert end is not None
                if end.kind != "/":
                    raise _wrong(f"block '{close}' has two else parts", end.line)
        return Block(name, line, argument, names, body, otherwise), end


def _is_else(piece: _Piece) -> bool:
    if piece.kind == "^":
        return not piece.content
    return piece.kind == "=" and _ELSE.fullmatch(piece.content) is not None


def _expression(text: str, line: int) -> Node:
    """Return a path, a literal, or a helper with its arguments."""
    tokens: list[Node | str] = []
    text = text.rstrip()
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(f"'{text}' is no expression", line)
        at = found.end()
        bracket, double, single, word = found.groups()
        if bracket:
            tokens.append(bracket)
        elif word is not None:
            if "=" in word:
                raise _wrong(f"'{word}': named arguments are not available", line)
            tokens.append(_word(word, line))
        else:
            tokens.append(Literal(double if double is not None else single))
    node, rest = _call(tokens, 0, text, line, 0)
    if rest != len(tokens):
        raise _wrong(f"'{text}' has a bracket too many", line)
    return node


def _call(tokens: list[Node | str], at: int, text: str, line: int, depth: int) -> tuple[Node, int]:
    """Read one expression up to a closing bracket or the end; return it and where it ended."""
    if depth > _MAX_DEPTH:
        raise _wrong(f"brackets are nested deeper than {_MAX_DEPTH}", line)
    found: list[Node] = []
    while at < len(tokens) and tokens[at] != ")":
        found_here = tokens[at]
        at += 1
        if found_here == "(":
            inner, at = _call(tokens, at, text, line, depth + 1)
            if at >= len(tokens):
                raise _wrong(f"'{text}' lacks a closing bracket", line)
            found.append(inner)
            at += 1
        elif not isinstance(found_here, str):
            found.append(found_here)
    if not found:
        raise _wrong("a tag is empty", line)
    head = found[0]
    if isinstance(head, Path) and head.text in _NAMES and (len(found) > 1 or depth):
        return Call(head.text, line, tuple(found[1:])), at
    if len(found) > 1:
        name = head.text if isinstance(head, Path) else "?"
        raise _wrong(f"there is no helper '{name}'{did_you_mean(name, _NAMES)} (there are: {', '.join(_NAMES)})", line)
    return head, at


def _word(word: str, line: int) -> Node:
    if word in _LITERALS:
        return Literal(_LITERALS[word])
    if _NUMBER.fullmatch(word):
        return Literal(float(word) if "." in word else int(word))
    rest = word
    is_data = rest.startswith("@")
    rest = rest.removeprefix("@")
    up = 0
    while rest.startswith("../") or rest == "..":
        rest, up = rest[3:], up + 1
    is_this = rest in ("this", ".") or rest.startswith(("this.", "this/", "./"))
    if is_this:
        rest = rest.removeprefix("this").removeprefix("./").removeprefix(".").removeprefix("/")
    if is_data:
        while rest.startswith("../"):
            rest, up = rest[3:], up + 1
    steps: list[str] = []
    at = 0
    while at < len(rest):
        found = _SEGMENT.match(rest, at)
        if found is None:
            raise _wrong(f"'{word}' is no name", line)
        steps.append(found[1] if found[1] is not None else found[2])
        at = found.end()
        if at < len(rest) and rest[at] in "./":
            at += 1
    return Path(word, line, up, is_data, is_this, tuple(steps))
