"""JSON text to values and back, on the C scanner and string encoder of the standard library.

`json` imports `re`, which together cost nearly a bare interpreter's start; this module imports only `_json`, the C
half that `json` itself uses. It knows no file and no schema; the layers above name what the text was.

Differences from `json`, on purpose: NaN and infinities are refused both ways (RFC 8259 has none), and nesting too
deep for the C stack is an ordinary `InvalidParameters`, never a `RecursionError`.
"""

from __future__ import annotations

import _json

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_tools.types import JsonValue

_WHITESPACE = " \t\n\r"


def _refuse_constant(name: str) -> float:
    raise InvalidParameters(f"JSON has no {name}; use null or a string", field=None)


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python's own guard against quadratic conversion (4,300 digits)
        raise InvalidParameters(f"JSON integer of {len(text)} digits is too long; pass it as a string") from None


class _ScannerSettings:
    """The attributes that `_json.make_scanner` reads from the `json.JSONDecoder` it is usually given."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = staticmethod(_whole_number)
    parse_constant = staticmethod(_refuse_constant)
    memo: dict[str, str] = {}  # noqa: RUF012 - the C scanner wants the attribute; it keeps a memo of its own


_scan: Callable[[str, int], tuple[JsonValue, int]] = _json.make_scanner(_ScannerSettings())  # type: ignore[arg-type]


def loads(text: str | bytes) -> JsonValue:
    """Parse one JSON value.

    Args:
        text: The whole text; bytes are UTF-8. A byte order mark at the start is skipped.

    Raises:
        InvalidParameters: The text is not JSON; message and ``details`` have 1-based line and column.
    """
    if not isinstance(text, str):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidParameters(
                f"JSON text is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
                details={"position": error.start},
            ) from None
    start = _skip_whitespace(text, 1 if text.startswith("\ufeff") else 0)
    try:
        value, end = _scan(text, start)
    except SystemError:
        # The C scanner raises `json.JSONDecodeError` only where `json` has been imported: do so, and ask again.
        import json.decoder  # noqa: F401  # pyright: ignore[reportUnusedImport]

        return loads(text)
    except StopIteration as stop:
        raise _syntax_error(text, int(stop.value), "a value was expected") from None
    except RecursionError:
        raise InvalidParameters("JSON is nested too deeply", details={"position": start}) from None
    except ValueError as error:
        raise _syntax_error(text, getattr(error, "pos", start), getattr(error, "msg", str(error))) from None
    end = _skip_whitespace(text, end)
    if end != len(text):
        raise _syntax_error(text, end, "the value had ended before this")
    return value


def _skip_whitespace(text: str, position: int) -> int:
    length = len(text)
    while position < length and text[position] in _WHITESPACE:
        position += 1
    return position


def _syntax_error(text: str, position: int, why: str) -> InvalidParameters:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    found = "the end of the text" if position >= len(text) else repr(text[position])
    return InvalidParameters(
        f"JSON syntax error at line {line} column {column}: {why[:1].lower()}{why[1:]}, found {found}",
        details={"line": line, "column": column, "position": position},
    )


def dumps(value: object, indent: int | None = None, *, sort_keys: bool = False) -> str:
    """Write a JSON value as text; non-ASCII characters stay as they are.

    Args:
        value: dicts, lists, tuples, strings, numbers, booleans and None, nested at will.
        indent: Spaces per level; None writes one compact line with no spaces.
        sort_keys: Write object keys in code point order.

    Raises:
        InvalidParameters: The value holds something that JSON has no form for, or a cycle.
    """
    try:
        if indent is None:
            encoder = _json.make_encoder({}, _refuse, _json.encode_basestring, None, ":", ",", sort_keys, False, False)
            return "".join(encoder(value, 0))
        parts: list[str] = []
        _write(value, parts, "\n", " " * indent, sort_keys)
        return "".join(parts)
    except RecursionError:
        raise InvalidParameters("value is nested too deeply for JSON") from None
    except (ValueError, TypeError) as error:
        raise InvalidParameters(f"value has no JSON form: {error}") from None


def _refuse(value: object) -> object:
    raise InvalidParameters(f"a value of type {type(value).__name__} has no JSON form")


def _write(value: object, parts: list[str], newline: str, step: str, sort_keys: bool) -> None:
    if isinstance(value, dict):
        if not value:
            parts.append("{}")
            return
        items: Iterator[tuple[object, object]] = iter(sorted(value.items()) if sort_keys else value.items())
        separator = "{" + newline + step
        for key, member in items:
            parts.append(separator)
            parts.append(_json.encode_basestring(key if isinstance(key, str) else _key(key)))
            parts.append(": ")
            _write(member, parts, newline + step, step, sort_keys)
            separator = "," + newline + step
        parts.append(newline + "}")
    elif isinstance(value, (list, tuple)):
        if not value:
            parts.append("[]")
            return
        separator = "[" + newline + step
        for member in value:
            parts.append(separator)
            _write(member, parts, newline + step, step, sort_keys)
            separator = "," + newline + step
        parts.append(newline + "]")
    else:
        parts.append(scalar(value))


def _key(key: object) -> str:
    if isinstance(key, (int, float)) or key is None:
        return scalar(key)
    raise InvalidParameters(f"a key of type {type(key).__name__} has no JSON form")


def scalar(value: object) -> str:
    """Write one JSON scalar: a string, a number, a boolean or null."""
    if isinstance(value, str):
        return _json.encode_basestring(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise InvalidParameters(f"JSON has no {value!r}; use null or a string")
        return float.__repr__(value)
    raise InvalidParameters(f"a value of type {type(value).__name__} has no JSON form")
