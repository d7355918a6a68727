"""JSON-like values as Lua source, and the parameters that a cell of Lua sets. Text only; nothing is run.

The literals are exact: strings byte for byte, floats to the last bit, integers over the whole of Lua's range. Lua 5.4
manual, 3.1 "Lexical Conventions".
"""

from __future__ import annotations

import math
import re

from llmspell_kernel.lua.lexing import KEYWORDS, is_name
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Tables inside tables; Lua's compiler takes fewer than 200 levels of syntax.
MAX_DEPTH = 60
_LEAST, _MOST = -(2**63), 2**63 - 1
_SPECIAL = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}

_TOKEN = re.compile(
    r"(?P<comment>--(?:\[(?P<level>=*)\[.*?\](?P=level)\]|[^\n]*))"
    r"|(?P<text>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|\[(?P<equals>=*)\[.*?\](?P=equals)\])"
    r"|(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\w.]*(?:(?<=[eEpP])[-+]\d+)?)|(?P<line>\n)|(?P<mark>[^\s\w])",
    re.DOTALL,
)
_ASSIGNS = re.compile(r"^[ \t]*(?:local\s+)?(?P<name>[A-Za-z_]\w*)(?:\s*<\s*\w+\s*>)?[ \t]*=(?!=)[ \t]*")
_OPENS, _CLOSES = (
    frozenset({"{", "(", "[", "do", "if", "function", "repeat"}),
    frozenset({"}", ")", "]", "end", "until"}),
)


class Declared:
    """A parameter that a cell sets.

    Attributes:
        name: Of the variable.
        default: What it is set to, as Lua.
        kind: string, number, boolean, array or object; "" where the text does not say.
        help: The comment behind it, or "".
    """

    __slots__ = ("default", "help", "kind", "name")

    def __init__(self, name: str, default: str, help: str) -> None:
        self.name = name
        self.default = default
        self.kind = kind_of(default)
        self.help = help


def assignments(values: Mapping[str, Any], heading: str | None = None) -> str:
    """Return Lua that sets a global for each value.

    Args:
        values: By name.
        heading: A comment before them.

    Raises:
        InvalidParameters: A name is none in Lua, or a value has no Lua form.
    """
    lines = [f"-- {part}" for part in heading.splitlines()] if heading else []
    for name, value in values.items():
        if not is_name(name):
            why = "a keyword" if name in KEYWORDS else "no name"
            raise InvalidParameters(f"parameter '{name}' is {why} in Lua; use letters, digits and _", field=name)
        lines.append(f"{name} = {literal(value, name)}")
    return "\n".join(lines) + "\n"


def literal(value: Any, place: str = "the value", depth: int = 0) -> str:
    """Return a value as a Lua expression.

    Args:
        value: None, bool, int, float, str, bytes, list, tuple or dict of these. An integer beyond 64 bit is its
            decimal text, as everywhere that values cross to Lua.
        place: What errors call it.
        depth: Of tables around it.

    Raises:
        InvalidParameters: It has no Lua form: infinite, nested too deeply, of another type.
    """
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidParameters(f"{place} is {value}, which no notebook can hold", field=place)
        return repr(float(value))
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (bytes, bytearray)):
        return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
    if depth >= MAX_DEPTH:
        raise InvalidParameters(f"{place} is nested more than {MAX_DEPTH} levels deep", field=place)
    if isinstance(value, dict):
        pairs = (f"{_key(key, place)} = {literal(member, place, depth + 1)}" for key, member in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(literal(member, place, depth + 1) for member in value) + "}"
    raise InvalidParameters(f"{place} holds a {type(value).__name__}, which has no Lua form", field=place)


def _integer(value: int) -> str:
    if value == _LEAST:
        return "math.mininteger"  # 9223372036854775808 is a float, and the minus stands before it
    return str(int(value)) if _LEAST < value <= _MOST else f'"{int(value)}"'


def _key(key: object, place: str) -> str:
    if isinstance(key, str):
        return key if is_name(key) else f"[{_quoted(key)}]"
    if isinstance(key, (bool, int)):
        return f"[{literal(key, place)}]"
    raise InvalidParameters(f"{place} has a key of type {type(key).__name__}, which has no Lua form", field=place)


def _quoted(text: str) -> str:
    if text.isalnum() and text.isascii():
        return f'"{text}"'
    return '"' + "".join([_escaped(letter) for letter in text]) + '"'


def _escaped(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte of a file name that is no UTF-8
    if letter.isprintable() and not 0xD800 <= code <= 0xDFFF:
        return letter
    return f"\\{code:03d}" if code < 0x80 else f"\\u{{{code:x}}}"


def declared(code: str) -> list[Declared]:
    """Return the variables that a cell sets by `name = value` at the beginning of a line, outside of blocks."""
    found: dict[str, Declared] = {}
    for statement, comment in _statements(code):
        match = _ASSIGNS.match(statement)
        if match is not None and match["name"] not in KEYWORDS:
            found[match["name"]] = Declared(match["name"], statement[match.end() :].strip(), comment)
    return list(found.values())


def _statements(code: str) -> list[tuple[str, str]]:
    """Return the lines of a chunk, those joined that a bracket or block holds together, each with its last comment."""
    found: list[tuple[str, str]] = []
    depth, text, comment = 0, "", ""
    at = 0
    for token in _TOKEN.finditer(code):
        text += code[at : token.start()]
        at = token.end()
        if token["comment"] is not None:
            comment = token[0].strip("-[]= \n")
            continue
        if depth <= 0 and (token["line"] is not None or token["mark"] == ";"):
            found.append((text, comment))
            text = comment = ""
            continue
        word = token["word"] or token["mark"]
        depth += (word in _OPENS) - (word in _CLOSES)
        text += token[0]
    return [*found, (text + code[at:], comment)]


def kind_of(default: str) -> str:
    """Return the JSON type of what a literal of Lua, Python or JSON stands for; "" where it is none."""
    text = default.strip()
    if text[:1] in {'"', "'"} or re.match(r"\[=*\[", text):
        return "string"
    if text in {"true", "false", "True", "False"}:
        return "boolean"
    if re.fullmatch(r"-?\s*(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", text):
        return "number"
    if text[:1] == "[":
        return "array"
    if text[:1] == "{":
        has_keys = re.match(r"\{\s*(?:[A-Za-z_]\w*\s*=(?!=)|\[[^\[=]|[\"'][^\"']*[\"']\s*:)", text)
        return "object" if has_keys else "array" if text.strip("{} \n\t") else ""
    return ""
