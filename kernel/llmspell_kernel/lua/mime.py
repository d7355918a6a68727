"""MIME bundles of Jupyter (messaging 5.5, "Display data") from what Lua sends; checked, and bounded in size.

    bundle: ({"text/plain": str, "text/html": str, "image/png": base64 str, "application/json": any, ...}, metadata)

Every bundle has `text/plain`, so that a terminal has something to show. Knows no Lua and no front.
"""

from __future__ import annotations

import binascii

from llmspell_kernel.lua.execution import printable
from llmspell_tools import tables
from llmspell_tools.errors import InvalidParameters, LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from llmspell_tools.definition import ToolResult
    from llmspell_tools.types import JsonObject

    #: Data and metadata, each by MIME type.
    Bundle: TypeAlias = tuple[JsonObject, JsonObject]

#: The most bytes of one datum; notebooks hold all of them in memory and in the file.
MAX_BYTES = 32 * 1024 * 1024
_MAX_TYPES = 20
_MAX_NAME = 100
_PLAIN_WIDTH = 120
#: How a picture's bytes begin; RIFF is WebP only with its name behind the length.
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}
_FORMATS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "bmp": "image/bmp", "svg": "image/svg+xml",
}  # fmt: skip


def of_bundle(given: Any, text: str) -> Bundle:
    """Return a script's own bundle, checked.

    Args:
        given: ``{"data": {type: datum}, "metadata": {type: object}}``.
        text: The plain text where it has none; the names of its types where this is empty.

    Raises:
        InvalidParameters: A type is none, or a datum does not fit it.
        LimitExceeded: A datum is too large.
    """
    data = given.get("data") if isinstance(given, dict) else None
    if not isinstance(data, dict):
        raise InvalidParameters("a MIME bundle must be a table with MIME types as keys, such as ['text/html']")
    if len(data) > _MAX_TYPES:
        raise InvalidParameters(f"a MIME bundle may have {_MAX_TYPES} types, not {len(data)}")
    made: JsonObject = {name: _datum(name, value) for name, value in data.items()}
    made.setdefault("text/plain", text or f"<{', '.join(made)}>")
    metadata = given.get("metadata")
    return made, printable(metadata) if isinstance(metadata, dict) else {}


def _datum(name: str, value: Any) -> Any:
    _check_name(name)
    if name.endswith(("/json", "+json")):
        return _json(name, value)
    if name.startswith("text/") or name in {"image/svg+xml", "application/javascript"}:
        if isinstance(value, bytes):
            raise InvalidParameters(f"the {name} of a MIME bundle is not UTF-8 text", field=name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise InvalidParameters(f"the {name} of a MIME bundle must be a string", field=name)
        return _bounded(name, value)
    if isinstance(value, bytes) or (isinstance(value, str) and is_image(value.encode("utf-8", "surrogateescape"))):
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        return _base64(_bounded(name, raw))
    if not isinstance(value, str):
        raise InvalidParameters(f"the {name} of a MIME bundle must be a string: its bytes, or base64", field=name)
    return _bounded(name, value)


def _check_name(name: str) -> None:
    major, slash, minor = name.partition("/")
    if not (slash and major and minor and len(name) <= _MAX_NAME and name.isascii() and name.isprintable()) or any(
        mark in name for mark in ' "<>'
    ):
        raise InvalidParameters(f"'{name[:_MAX_NAME]}' is no MIME type; one looks like 'text/html'", field="data")


def _json(name: str, value: Any) -> Any:
    """Return a JSON datum; Lua's numbers, strings and tables are JSON already, but for bytes."""
    from llmspell_tools.jsontext import dumps

    try:
        _bounded(name, dumps(value))
    except InvalidParameters as error:
        raise InvalidParameters(f"the {name} of a MIME bundle has no JSON form: {error.message}", field=name) from None
    return value


def _bounded(name: str, value: Any) -> Any:
    if len(value) > MAX_BYTES:
        raise LimitExceeded(
            f"the {name} has {len(value)} bytes; at most {MAX_BYTES} can be shown: write it to a file instead",
            details={"limit": MAX_BYTES, "size": len(value)},
        )
    return value


def of_rows(given: Any, text: str) -> Bundle:
    """Return the bundle of a value that looks like rows: its own text, and a table.

    Args:
        given: ``{"columns": [name], "rows": [[cell]], "total": n}``; rows may be the first of `total` only.
        text: The value as pretty text.
    """
    return {"text/plain": text, "text/html": tables.html(_table(given))}, {}


def of_table(given: Any, _text: str) -> Bundle:
    """Return the bundle of `display.table`; `given` has also title and max_rows, each perhaps missing."""
    table = _table(given)
    most = given.get("max_rows", tables.MAX_ROWS)
    plain = "\n".join(tables.text(table, _PLAIN_WIDTH))
    return {"text/plain": plain, "text/html": tables.html(table, most)}, {}


def _table(given: Any) -> tables.Table:
    given = printable(given)
    return tables.Table(given["columns"], given["rows"], title=given.get("title"), total_rows=given["total"])


def of_chart(given: Any, _text: str) -> Bundle:
    """Return the bundle of `display.chart`."""
    from llmspell_kernel.lua import charts

    return charts.bundle(printable(given))


def of_result(result: ToolResult, text: str) -> Bundle:
    """Return the bundle of a tool's result with media: its tables and pictures beside its text."""
    found = tables.bundle(result)
    data: JsonObject = {} if found is None else {**found}
    data["text/plain"] = text
    return data, {}


def is_image(data: bytes) -> bool:
    """Tell whether bytes are a picture, and not a path."""
    return _type_of(data) is not None


def _type_of(data: bytes) -> str | None:
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature) and len(data) > 20:
            return None if name == "image/webp" and data[8:12] != b"WEBP" else name
    start = data[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in data):
        return "image/svg+xml"
    return None


def of_image(data: bytes, options: dict[str, Any]) -> Bundle:
    """Return the bundle of a picture.

    Args:
        data: Its bytes.
        options: format, where the bytes do not say it; width and height in pixels; alt.

    Raises:
        InvalidParameters: Nobody could show it, or an option is wrong.
        LimitExceeded: It is too large.
    """
    name = _image_type(data, options.get("format"))
    _bounded(name, data)
    extent: JsonObject = {}
    for side in ("width", "height"):
        value = options.get(side)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise InvalidParameters(f"display.image: '{side}' must be a number of pixels above 0", field=side)
            extent[side] = value
    alt = printable(options.get("alt"))
    label = f"{alt}: " if isinstance(alt, str) and alt else ""
    if isinstance(alt, str) and alt:
        extent["alt"] = alt
    shown: Any = data.decode("utf-8", "replace") if name == "image/svg+xml" else _base64(data)
    plain = f"<{label}{name}{_pixels(data, name)}, {len(data)} bytes>"
    return {name: shown, "text/plain": plain}, {name: extent} if extent else {}


def _image_type(data: bytes, wanted: Any) -> str:
    if wanted is not None:
        name = _FORMATS.get(str(wanted).lower().removeprefix("image/").removesuffix("+xml"))
        if name is None:
            raise InvalidParameters(f"display.image: 'format' is none of {', '.join(_FORMATS)}", field="format")
        return name
    found = _type_of(data)
    if found is None:
        raise InvalidParameters("display.image: these bytes are no picture that a notebook shows (PNG, JPEG, GIF, "
                                "WebP, BMP, SVG)", field="format")  # fmt: skip
    return found


def _pixels(data: bytes, name: str) -> str:
    """Return `, 640x480` where the first bytes say so. PNG 1.2, IHDR; GIF89a, logical screen."""
    if name == "image/png" and len(data) >= 24:
        return f", {int.from_bytes(data[16:20], 'big')}x{int.from_bytes(data[20:24], 'big')}"
    if name == "image/gif" and len(data) >= 10:
        return f", {int.from_bytes(data[6:8], 'little')}x{int.from_bytes(data[8:10], 'little')}"
    return ""


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


#: What Lua calls each kind (`mime.lua`, `display.lua`) -> what makes its bundle.
MAKERS: dict[str, Callable[[Any, str], Bundle]] = {
    "bundle": of_bundle,
    "rows": of_rows,
    "table": of_table,
    "chart": of_chart,
}
