"""Results that come again and again with the same keys cross as their values alone.

A tool's envelopes nearly all have the same keys in the same nesting. The second time a shape comes, two functions are
made for it: one in Python that takes the scalars out of such a value, one in Lua that builds its tables with a
constructor. So a call's result costs one crossing of its scalars, and nothing of Python stays alive behind it: the
text, which is seldom read, is made again from the fields, in the shape's order of keys.

A value with anything but scalars and dicts in it (null, lists, integers beyond 64 bit) has no shape, nor has one with a
key that its table needs for something else. It knows no tool.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    #: ``(number of the shape, scalars...)``, or None for a value of another shape.
    Match = Callable[[Any], tuple[Any, ...] | None]

_MAX_SHAPES = 500
#: A Lua function takes at most 255 registers, and larger constructors gain nothing.
_MAX_VALUES = 100
#: Keys of a result's table in Lua that are not of its output: an output with one of them could not be made again.
_TAKEN = frozenset(("metadata", "media", "text", "_raw_text", "data"))
_NUMBER = f"({{0}}.__class__ is float or {{0}}.__class__ is int and {-(2**63)} <= {{0}} < {2**63})"
_CHECKS: dict[type, str] = {
    str: "{0}.__class__ is str and {0}.isascii()",
    bool: "{0}.__class__ is bool",
    int: _NUMBER,
    float: _NUMBER,
}


def _no_match(value: object) -> None:
    """Match nothing."""


class Shape:
    """One shape.

    Attributes:
        match: Takes the scalars out of a value of this shape.
        template: A value of this shape, whose order of keys counts.
    """

    __slots__ = ("match", "number", "template")

    def __init__(self, number: int, template: Mapping[str, Any]) -> None:
        self.number = number
        self.template = _skeleton(template)
        self.match = _matcher(number, template)

    def lua_source(self) -> str:
        """Return Lua text: given setmetatable and a metatable, a function from scalars to the result's table."""
        parameters = ["metadata"]
        body = _lua_fields(self.template, parameters)
        return (
            "local setmetatable, metatable = ... "
            f"return function({', '.join(parameters)}) return setmetatable({{"
            f"{body}metadata = metadata or {{}}}}, metatable) end"
        )

    def ordered(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return `value` with its keys in this shape's order, others after them."""
        return _ordered(value, self.template)


class Shapes:
    """The shapes that one engine has seen; used on its owner thread."""

    __slots__ = ("_known", "_seen", "match_last", "shapes")

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        #: `Shape.match` of the shape that came last: try it first.
        self.match_last: Match = _no_match
        self._known: dict[object, Shape] = {}
        self._seen: set[object] = set()

    def match(self, value: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the answer for `value`, or None if it has no shape, or a new one."""
        keys: list[object] = []
        if not _TAKEN.isdisjoint(value) or not _collect(value, keys):
            return None
        key = tuple(keys)
        shape = self._known.get(key)
        if shape is None:
            if key not in self._seen:
                if len(self._seen) < _MAX_SHAPES and len(key) <= _MAX_VALUES:
                    self._seen.add(key)
                return None
            shape = self._known[key] = Shape(len(self.shapes) + 1, value)
            self.shapes.append(shape)
        self.match_last = shape.match
        return shape.match(value)


def _collect(members: Mapping[str, Any], keys: list[object]) -> bool:
    """Append keys, with the classes of their scalars, depth first; False if there is more than scalars and dicts."""
    keys.append(len(members))
    for key, value in members.items():
        kind = value.__class__
        if key.__class__ is not str:
            return False
        keys.append(key)
        if kind is dict:
            if not _collect(value, keys):
                return False
        elif kind not in _CHECKS:
            return False
        else:
            keys.append(kind)
    return True


def _matcher(number: int, template: Mapping[str, Any]) -> Match:
    """Return the function that checks a value against `template` and takes its scalars out.

    Made as text, as `dataclasses` does: a loop over keys and classes costs three times as much. Keys enter as
    literals; no text of a value does.
    """
    lines = ["def match(d0):", " try:"]
    scalars: list[str] = []
    _match_dict("d0", template, lines, scalars)
    lines.append(f"  return ({number}, {', '.join(scalars)})")
    lines.append(" except KeyError:")
    lines.append("  return None")
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)  # noqa: S102 - see the docstring
    match: Match = namespace["match"]
    return match


def _match_dict(name: str, members: Mapping[str, Any], lines: list[str], scalars: list[str]) -> None:
    lines.append(f"  if {name}.__class__ is not dict or len({name}) != {len(members)}: return None")
    for key, value in members.items():
        member = f"{name}_{len(lines)}"
        lines.append(f"  {member} = {name}[{key!r}]")
        if value.__class__ is dict:
            _match_dict(member, value, lines, scalars)
        else:
            lines.append(f"  if not ({_CHECKS[value.__class__].format(member)}): return None")
            scalars.append(member)


def _lua_fields(members: Mapping[str, Any], parameters: list[str]) -> str:
    text = ""
    for key, value in members.items():
        if isinstance(value, dict):
            member = "{" + _lua_fields(value, parameters) + "}"
        else:
            member = f"v{len(parameters)}"
            parameters.append(member)
        text += f"[{_lua_literal(key)}] = {member}, "
    return text


def _lua_literal(text: str) -> str:
    """Return a Lua string literal, every byte but ASCII letters and digits escaped."""
    return '"' + "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03d}" for byte in
                         text.encode("utf-8", "surrogatepass")) + '"'  # fmt: skip


def _skeleton(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _skeleton(value) if value.__class__ is dict else None for key, value in members.items()}


def _ordered(value: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key in (*template, *(key for key in value if key not in template)):
        if key in value:
            member, inner = value[key], template.get(key)
            result[key] = _ordered(member, inner) if isinstance(member, dict) and inner else member
    return result
