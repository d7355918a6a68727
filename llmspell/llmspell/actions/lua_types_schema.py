"""JSON Schemas as LuaLS types: scalars, literals and unions in place, objects as classes of their own.

    {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    ---@class llmspell.result.counter
    ---@field n integer

What a schema says by condition (`allOf` with `if`: by operation) becomes a union: LuaLS has no types that depend on a
value. Source: LuaLS, "Annotations" (https://luals.github.io/wiki/annotations/).
"""

from __future__ import annotations

from llmspell_tools.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llmspell_tools.types import JsonObject, JsonValue

_SCALARS = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "null": "nil"}
_KEYWORDS = frozenset(
    ("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
     "not", "or", "repeat", "return", "then", "true", "until", "while")
)  # fmt: skip
_MAX_DEFAULT_CHARS = 40


class Classes:
    """The classes that types need, in the order in which they were met."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def type_of(self, schema: JsonValue, name: str) -> str:
        """Return the type of what a schema admits; a class called `name` is written where it needs one."""
        if not isinstance(schema, dict):
            return "nil" if schema is False else "any"
        if "const" in schema:
            return literal(schema["const"])
        choices = schema.get("enum")
        if isinstance(choices, list):
            return union(literal(choice) for choice in choices)
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list):
                return union(self.type_of(each, f"{name}.form{number}") for number, each in enumerate(branches, 1))
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return union(self._kind(str(kind), schema, name) for kind in kinds)
        return self._kind(kinds, schema, name) if isinstance(kinds, str) else "any"

    def _kind(self, kind: str, schema: JsonObject, name: str) -> str:
        if kind == "array":
            entry = self.type_of(schema.get("items"), f"{name}.entry")
            return f"({entry})[]" if "|" in entry else f"{entry}[]"
        if kind != "object":
            return _SCALARS.get(kind, "any")
        if isinstance(schema.get("properties"), dict):
            self.write(name, fields(schema))
            return name
        members = schema.get("additionalProperties")
        if isinstance(members, dict):
            return f"table<string, {self.type_of(members, f'{name}.entry')}>"
        return "table<string, any>"

    def write(self, name: str, members: Mapping[str, Member], *, base: str = "", description: str = "") -> None:
        """Write a class; the classes that its fields need go before it."""
        lines = [f"---{line_of(description)}"] if description else []
        lines.append(f"---@class {name}{f': {base}' if base else ''}")
        for key, member in members.items():
            types = union(
                self.type_of(each, f"{name}.{_plain(key)}{f'.{_plain(label)}' if label else ''}")
                for label, each in member.schemas
            )
            optional = "?" if member.optional else ""
            lines.append(f"---@field {field_name(key)}{optional} {types}{comment(member.comment)}")
        self.lines += [*lines, ""]


class Member:
    """One field of a class.

    Args:
        schemas: What it may be, each with the operation that it belongs to, or "".
        optional: It may be absent.
        comment: One line about it.
    """

    __slots__ = ("comment", "optional", "schemas")

    def __init__(self, schemas: list[tuple[str, JsonValue]], *, optional: bool, comment: str = "") -> None:
        self.schemas = schemas
        self.optional = optional
        self.comment = comment


def fields(schema: JsonObject) -> dict[str, Member]:
    """Return the fields of an object schema; one that its conditions describe is what any of them says."""
    properties, required = schema.get("properties"), _names(schema.get("required"))
    conditions = [*_conditions(schema)]
    found: dict[str, Member] = {}
    for key, own in properties.items() if isinstance(properties, dict) else ():
        said = [(label or "", then[key]) for label, then, _ in conditions if key in then]
        successes = [needed for label, _, needed in conditions if label is not None]
        always = key in required or (len(successes) > 0 and all(key in needed for needed in successes))
        schemas: list[tuple[str, JsonValue]] = [*said] if said and own == {} else [("", own)]
        found[key] = Member(schemas, optional=not always, comment=describe(own))
    return found


def describe(schema: JsonValue, *more: str) -> str:
    """Return description, default and what else there is to say of a property, as one line."""
    if not isinstance(schema, dict):
        return ""
    text = schema.get("description")
    parts = [line_of(text)] if isinstance(text, str) and text else []
    if schema.get("default") is not None:
        default = dumps(schema["default"])
        parts.extend([f"Default: {default}."] if len(default) <= _MAX_DEFAULT_CHARS else [])
    return " ".join([*parts, *more])


def union(types: Iterable[str]) -> str:
    """Return the type of any of these, each once; `any` takes all others in."""
    found = [*dict.fromkeys(types)] or ["any"]
    return "any" if "any" in found else "|".join(found)


def literal(value: JsonValue) -> str:
    """Return a value as a literal type."""
    if isinstance(value, str):
        return "'" + value + "'" if '"' in value else '"' + value + '"'
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int) else "number" if isinstance(value, float) else "any"


def field_name(key: str) -> str:
    """Return a key as a field is named: `name`, or `["some-name"]`."""
    return key if key.isidentifier() and key.isascii() and key not in _KEYWORDS else f'["{key}"]'


def line_of(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


def comment(text: str) -> str:
    """Return a text as what follows a type: it must not read as a part of that."""
    if not text:
        return ""
    return f" {text}" if text[0].isalpha() else f" # {text}"


def _conditions(schema: JsonObject) -> Iterator[tuple[str | None, JsonObject, list[str]]]:
    """Yield of each condition: the operation that it is about or "", None for a failure; what holds and is needed."""
    conditions = schema.get("allOf")
    for each in conditions if isinstance(conditions, list) else ():
        then = (each.get("then") if "if" in each else each) if isinstance(each, dict) else None
        if isinstance(each, dict) and isinstance(then, dict):
            about = _at(each, "if", "properties")
            operation, success = _at(about, "operation"), _at(about, "success")
            names = [operation["const"]] if "const" in operation else operation.get("enum")
            label = "_".join(str(name) for name in names) if isinstance(names, list) else ""
            failed = success.get("const") is False
            yield None if failed else label, _at(then, "properties"), _names(then.get("required"))


def _at(value: JsonObject, *path: str) -> JsonObject:
    for step in path:
        inner = value.get(step)
        value = inner if isinstance(inner, dict) else {}
    return value


def _names(value: JsonValue) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _plain(key: str) -> str:
    """Return a key as a part of a class's name."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in key)
