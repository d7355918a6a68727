"""The parameters of a tool as people write them: ``--params``, ``key=value``, ``key:=json``, ``key=@file``.

    key=text         the text; read as a number, true/false, list or object where the tool's schema wants one
    key:=json        any JSON value: `count:=3`, `tags:='["a", "b"]'`
    key=@file        the text of a file (`@-`: of standard input; a backslash before the @ keeps it text)
    key:=@file.json  the JSON value that a file holds

A key given twice makes a list where the schema wants one. What is written here goes over what ``--params`` gave.
On a command line files are read as the person who typed them, before any policy: no script and no model wrote them.
Other doors hand in how files are read. Knows schemas, not tools; the chain checks the values afterwards. On the lean
path.
"""

from __future__ import annotations

import sys

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

    #: ``(path, parameter or None) -> text``; the path is `-` where standard input is meant.
    ReadText = Callable[[str, str | None], str]


def read(
    params: str | None,
    words: Sequence[str],
    schema: Mapping[str, JsonValue],
    aliases: Mapping[str, str] | None = None,
    read_text: ReadText | None = None,
) -> JsonObject:
    """Return the parameters that a command line gives.

    Args:
        params: The value of ``--params``: JSON text, ``@file`` or ``-`` for standard input.
        words: The ``key=value`` words.
        schema: The tool's JSON Schema; only its property types are looked at.
        aliases: Other names of properties.
        read_text: How a file that is named is read; as the person who typed it if left out.

    Raises:
        InvalidParameters: JSON that does not parse, a word of another form, a file that cannot be read.
    """
    read_file = read_text or text_of
    values = _whole(params, read_file) if params is not None else {}
    known = schema.get("properties")
    properties = known if isinstance(known, dict) else {}
    given: set[str] = set()
    for word in words:
        key, text, as_json = _split(word, read_file)
        types = _types(properties, (aliases or {}).get(key, key))
        value = _json(text, key) if as_json else _coerced(text, types)
        if key in given:
            value = _joined(key, values[key], value)
        elif not as_json and _wants(types, "array") and not isinstance(value, list):
            value = _list_of(value)
        given.add(key)
        values[key] = value
    return values


def _whole(params: str, read_file: ReadText) -> JsonObject:
    if params == "-":
        text, source = read_file("-", None), "standard input"
    elif params[:1] == "@":
        text, source = read_file(params[1:], None), params[1:]
    else:
        text, source = params, "--params"
    value = _json(text, source)
    if not isinstance(value, dict):
        raise InvalidParameters(f"{source}: parameters are a JSON object {{...}}, not {_kind(value)}")
    return value


def _split(word: str, read_file: ReadText) -> tuple[str, str, bool]:
    """Return key, text and whether the text is JSON."""
    equals = word.find("=")
    if equals < 1 or word[:equals] == ":":
        hint = "--params takes JSON" if word[:1] == "{" else "write key=value, key:=json or key=@file"
        raise InvalidParameters(f"'{_shortened(word)}' is no parameter; {hint}")
    as_json = word[equals - 1] == ":"
    key, text = word[: equals - 1 if as_json else equals], word[equals + 1 :]
    if text[:1] == "@" and len(text) > 1:
        text = read_file(text[1:], key)
    elif text[:2] == "\\@":
        text = text[1:]
    return key, text, as_json


def text_of(path: str, key: str | None = None) -> str:
    """Return the text of a file that the person who typed `path` may read, `-` for standard input.

    Args:
        path: As it was typed.
        key: The parameter that it is for.

    Raises:
        InvalidParameters: It cannot be read, or is no UTF-8.
    """
    shown = "standard input" if path == "-" else f"'{path}'"
    try:
        if path == "-":
            if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller: `<&-`
                raise InvalidParameters("cannot read standard input: it is closed", field=key)
            return sys.stdin.buffer.read().decode("utf-8")
        with open(path, "rb") as file:
            return file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidParameters(f"{shown} is not UTF-8 text (byte {error.start})", field=key) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidParameters(f"cannot read {shown}: {why}", field=key) from None


def _json(text: str, source: str) -> JsonValue:
    try:
        return loads(text)
    except InvalidParameters as error:
        raise InvalidParameters(f"{source}: {error.message}", details=error.details) from None


def _types(properties: object, key: str) -> tuple[str, ...]:
    """Return the JSON types that the schema lets a property have; empty where it says nothing."""
    schema = properties.get(key) if isinstance(properties, dict) else None
    if not isinstance(schema, dict):
        return ()
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return (kinds,)
    if isinstance(kinds, list):
        return tuple(str(kind) for kind in kinds)
    found: list[str] = []
    for branch in (*_list(schema.get("anyOf")), *_list(schema.get("oneOf"))):
        found.extend(_types({key: branch}, key))
    return tuple(found)


def _list_of(value: JsonValue) -> JsonValue:
    return [value]


def _list(value: object) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _wants(types: tuple[str, ...], kind: str) -> bool:
    return kind in types and "string" not in types


def _coerced(text: str, types: tuple[str, ...]) -> JsonValue:
    """Read text as the schema's type where the schema takes no string; as it is where that fails."""
    if not types or "string" in types:
        return text
    try:
        value = loads(text)
    except InvalidParameters:
        return text  # the chain's check names the field and the type it wants
    return text if isinstance(value, str) else value


def _joined(key: str, before: JsonValue, value: JsonValue) -> JsonValue:
    if isinstance(before, list):
        return [*before, *(value if isinstance(value, list) else [value])]
    raise InvalidParameters(f"'{key}' is given twice", field=key)


def _kind(value: JsonValue) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a string"
    return dumps(value)


def _shortened(word: str) -> str:
    return word if len(word) <= 40 else word[:37] + "..."
