r"""Handlebars templates: the part of the language that needs no code beside the template.

Text, `{{value}}` with HTML escaped, `{{{value}}}` and `{{&value}}` as they are, comments, `#if #unless #each #with`
with `else` and `else if`, `^` for the opposite, block parameters (`as |item index|`), `this . ../ @index @key @first
@last @root`, paths with dots, slashes or `[...]`, `~` to eat white space, `\{{` for a literal, helpers with
sub-expressions (https://handlebarsjs.com/guide/). A block tag that is alone on its line takes the line with it.
Strict: a name that is not there is an error, except as the question of `#if` and `#unless`. Partials and decorators are
refused. Runs in the isolated child of template-creator; own code, since the libraries there are copyleft or asleep.
"""

from __future__ import annotations

import operator

from llmspell_tools.builtin.utility.handlebars_parts import Block, Call, Literal, Node, Parts, Path, Tag, Text, parse
from llmspell_tools.errors import InvalidParameters, LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;"}
)


def render(template: str, context: Any, max_chars: int) -> str:
    """Return the text of a template with its data.

    Args:
        template: The source.
        context: Plain JSON values.
        max_chars: Of the result.

    Raises:
        InvalidParameters: The template is wrong, or a name is not in the data; ``details`` has the line.
        LimitExceeded: The result is longer than allowed.
    """
    renderer = _Renderer(max_chars)
    renderer.parts(parse(template), _Frame(context, None, {"root": context}, {}))
    return "".join(renderer.out)


class _Frame:
    """What names mean at a place: `this`, the frame outside, `@` names, names of block parameters."""

    __slots__ = ("data", "names", "outside", "value")

    def __init__(self, value: Any, outside: _Frame | None, data: dict[str, Any], names: dict[str, Any]) -> None:
        self.value = value
        self.outside = outside
        self.data = data
        self.names = names


class _Missing:
    """The value of a name that is not there."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path


class _Renderer:
    def __init__(self, max_chars: int) -> None:
        self.out: list[str] = []
        self._left = max_chars

    def parts(self, parts: Parts, frame: _Frame) -> None:
        for part in parts:
            if isinstance(part, Text):
                self._write(part.text)
            elif isinstance(part, Tag):
                text = _shown(self._known(part.value, frame))
                self._write(text.translate(_ESCAPES) if part.is_escaped else text)
            else:
                _BLOCKS[part.name](self, part, frame)

    def _write(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            key = "[tools.template_creator] max_output_bytes"
            raise LimitExceeded(f"the template makes too much text ({key})", details={"key": key})
        self.out.append(text)

    def if_block(self, block: Block, frame: _Frame) -> None:
        is_true = _is_true(self._value(block.argument, frame))
        if block.name == "unless":
            is_true = not is_true
        self.parts(block.body if is_true else block.otherwise, frame)

    def with_block(self, block: Block, frame: _Frame) -> None:
        value = self._known(block.argument, frame)
        if not _is_true(value):
            self.parts(block.otherwise, frame)
            return
        self.parts(block.body, _Frame(value, frame, frame.data, {**frame.names, **dict(zip(block.names, [value]))}))  # noqa: B905 - the second may be shorter

    def each_block(self, block: Block, frame: _Frame) -> None:
        found = self._known(block.argument, frame)
        pairs: list[tuple[Any, Any]]
        if isinstance(found, dict):
            pairs = [*found.items()]
        elif isinstance(found, list):
            pairs = [*enumerate(found)]
        elif _is_true(found):
            raise _wrong(f"#each needs an array or an object, not {type(found).__name__}", block.line)
        else:
            pairs = []
        for at, (key, value) in enumerate(pairs):
            data = {**frame.data, "index": at, "key": key, "first": at == 0, "last": at == len(pairs) - 1}
            names = {**frame.names, **dict(zip(block.names, (value, key)))}  # noqa: B905 - names may be fewer
            self.parts(block.body, _Frame(value, frame, data, names))
        if not pairs:
            self.parts(block.otherwise, frame)

    def _known(self, node: Node, frame: _Frame) -> Any:
        """Return a value; a name that is not there is an error."""
        value = self._value(node, frame)
        if isinstance(value, _Missing):
            raise InvalidParameters(
                f"line {value.path.line}: '{value.path.text}' is not in the context",
                field="context",
                details={"line": value.path.line, "name": value.path.text},
            )
        return value

    def _value(self, node: Node, frame: _Frame) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Path):
            return _look_up(node, frame)
        return self._help(node, frame)

    def _help(self, call: Call, frame: _Frame) -> Any:
        fewest, most, helper = HELPERS[call.name]
        if not fewest <= len(call.arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} or more"
            raise _wrong(f"helper '{call.name}' takes {wanted} values, got {len(call.arguments)}", call.line)
        if call.name in ("and", "or", "not"):
            return helper(*(self._value(argument, frame) for argument in call.arguments))
        try:
            return helper(*(self._known(argument, frame) for argument in call.arguments))
        except TypeError:
            raise _wrong(f"helper '{call.name}' cannot take values of these types", call.line) from None


_BLOCKS: dict[str, Callable[[_Renderer, Block, _Frame], None]] = {
    "if": _Renderer.if_block,
    "unless": _Renderer.if_block,
    "with": _Renderer.with_block,
    "each": _Renderer.each_block,
}


def _look_up(path: Path, frame: _Frame) -> Any:
    for _ in range(path.up):
        if frame.outside is None:
            return _Missing(path)
        frame = frame.outside
    steps = [*path.steps]
    if path.is_data:
        value: Any = frame.data
    elif steps and not path.is_this and steps[0] in frame.names:
        value = frame.names
    else:
        value = frame.value
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and step.isascii() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, list) and step == "length":
            value = len(value)
        else:
            return _Missing(path)
    return value


def _is_true(value: Any) -> bool:
    """As Handlebars sees it: an empty array is false, an empty object is true."""
    return not isinstance(value, _Missing) and (isinstance(value, dict) or bool(value))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "[object]" if isinstance(value, dict) else str(value)


def _wrong(what: str, line: int) -> InvalidParameters:
    return InvalidParameters(f"line {line}: {what}", field="input", details={"line": line})


def _look_up_member(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(str(key))
    index = int(key) if isinstance(value, list) and str(key).isdecimal() else -1
    return value[index] if 0 <= index < len(value) else None


def _uppercase(value: Any) -> str:
    return _shown(value).upper()


def _lowercase(value: Any) -> str:
    return _shown(value).lower()


def _all(*values: Any) -> bool:
    return all(map(_is_true, values))


def _any(*values: Any) -> bool:
    return any(map(_is_true, values))


def _not(value: Any) -> bool:
    return not _is_true(value)


#: By name: fewest and most arguments, and the function. `uppercase` and `lowercase` are the original's own.
HELPERS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "uppercase": (1, 1, _uppercase),
    "lowercase": (1, 1, _lowercase),
    "lookup": (2, 2, _look_up_member),
    "len": (1, 1, len),
    "eq": (2, 2, operator.eq),
    "ne": (2, 2, operator.ne),
    "gt": (2, 2, operator.gt),
    "gte": (2, 2, operator.ge),
    "lt": (2, 2, operator.lt),
    "lte": (2, 2, operator.le),
    "and": (1, 99, _all),
    "or": (1, 99, _any),
    "not": (1, 1, _not),
}
