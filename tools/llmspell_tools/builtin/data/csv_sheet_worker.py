"""The part of csv-analyzer that runs in an isolated child: unpacking workbooks (calamine) and Parquet files (pyarrow).

The answer is CSV: all fields of a workbook in quotes, rows that are blank from end to end left out as in any CSV. Whole
numbers are written without a point, which Excel does not keep; dates and times in ISO 8601; true and false; errors such
as #DIV/0! as blank. Lists and structures of a Parquet file are written as JSON, bytes as base64.
"""

from __future__ import annotations

import io

from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolUnavailable
from llmspell_tools.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

_BATCH_ROWS = 10_000
#: How much larger than its file a workbook's parts may be together, once they are more than `_HARMLESS_BYTES`.
_MAX_RATIO = 200
_HARMLESS_BYTES = 50_000_000


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Serve one call: unpack the file whose bytes are `data`; return facts about it, and its rows as CSV."""
    return (_workbook if args["kind"] == "workbook" else _parquet)(args, data)


class _Out:
    """Takes text up to a limit."""

    def __init__(self, args: Any) -> None:
        self.buffer = io.BytesIO()
        self._limit = args["max_unpacked_bytes"]
        self._path = args["path"]

    def write(self, data: bytes) -> None:
        self.buffer.write(data)
        if self.buffer.tell() > self._limit:
            key = "[tools.csv_analyzer] max_unpacked_bytes"
            raise LimitExceeded(
                f"'{self._path}' unpacks to more than {self._limit} bytes of CSV; the limit is {key}",
                details={"key": key, "limit": self._limit},
            )


def _damaged(args: Any, why: object) -> InvalidParameters:
    text = " ".join(str(why).split())[:200]
    return InvalidParameters(f"'{args['path']}' cannot be read: {text}", field="input_file")


def _encrypted(args: Any) -> InvalidParameters:
    return InvalidParameters(
        f"'{args['path']}' is encrypted; save it without a password first",
        field="input_file",
        details={"encrypted": True},
    )


# --- workbooks --------------------------------------------------------------------------------------------------------


def _workbook(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    try:
        import python_calamine as calamine
    except ImportError:
        raise _missing("python-calamine") from None
    _check_ratio(args, data)
    if data.startswith(b"\xd0\xcf") and "EncryptedPackage".encode("utf-16le") in data:
        raise _encrypted(args)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        name = _chosen(book.sheet_names, args["sheet"])
        rows = book.get_sheet_by_name(name).iter_rows()
        out = _Out(args)
        _write_rows(rows, out)
    except calamine.PasswordError:
        raise _encrypted(args) from None
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError, ValueError, OverflowError, OSError) as error:
        raise _damaged(args, error) from None
    facts: JsonObject = {"format": _format_of(data), "sheet": name, "sheets": [*book.sheet_names]}
    return facts, out.buffer.getvalue()


def _missing(package: str) -> ToolUnavailable:
    return ToolUnavailable(
        f"csv-analyzer needs {package} to read this file: pip install {package}",
        details={"package": package, "install": f"pip install {package}"},
    )


def _check_ratio(args: Any, data: bytes) -> None:
    """Refuse a zip whose own directory says that it unpacks to far more than a table does."""
    if not data.startswith(b"PK"):
        return
    from zipfile import BadZipFile, ZipFile

    try:
        size = sum(entry.file_size for entry in ZipFile(io.BytesIO(data)).infolist())
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(args, error) from None
    if size > _HARMLESS_BYTES and size > len(data) * _MAX_RATIO:
        raise LimitExceeded(
            f"'{args['path']}' unpacks to {size} bytes, more than {_MAX_RATIO} times its size",
            details={"size": size, "limit": len(data) * _MAX_RATIO},
        )


def _format_of(data: bytes) -> str:
    if data.startswith(b"\xd0\xcf"):
        return "xls"
    start = data[:200]
    return "ods" if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in start else "xlsx"


def _chosen(names: list[str], wanted: str | int | None) -> str:
    if not names:
        raise ValueError("the workbook has no sheet")
    if wanted is None:
        return names[0]
    if isinstance(wanted, str) and wanted in names:
        return wanted
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return names[wanted - 1]
    near = nearest(wanted, names) if isinstance(wanted, str) else None
    hint = f"did you mean '{near}'?" if near else f"the sheets are: {', '.join(names[:20])}"
    raise InvalidParameters(f"the workbook has no sheet {wanted!r}; {hint}", field="options.sheet")


def _write_rows(rows: Any, out: _Out) -> None:
    from csv import QUOTE_ALL, writer

    buffer = io.StringIO(newline="")
    target = writer(buffer, lineterminator="\n", quoting=QUOTE_ALL)
    for row in rows:
        texts = [_text(cell) for cell in row]
        if any(texts):
            target.writerow(texts)
        if buffer.tell() > 1 << 20:
            out.write(buffer.getvalue().encode("utf-8", "replace"))
            buffer.seek(0)
            buffer.truncate()
    out.write(buffer.getvalue().encode("utf-8", "replace"))


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    try:
        import pyarrow as pa
        import pyarrow.csv as arrow_csv
        from pyarrow import parquet
    except ImportError:
        raise _missing("pyarrow") from None
    if data.startswith(b"PARE"):
        raise _encrypted(args)
    out = _Out(args)
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        _write_header(file.schema_arrow.names, out)
        options = arrow_csv.WriteOptions(include_header=False)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            columns = [_plain_column(column) for column in batch.columns]
            buffer = io.BytesIO()
            names = [str(at) for at in range(len(columns))]
            arrow_csv.write_csv(pa.Table.from_arrays(columns, names=names), buffer, options)
            out.write(buffer.getvalue())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise (_encrypted(args) if "encrypt" in str(error).lower() else _damaged(args, error)) from None
    return {"format": "parquet"}, out.buffer.getvalue()


def _write_header(names: list[str], out: _Out) -> None:
    from csv import QUOTE_ALL, writer

    buffer = io.StringIO(newline="")
    writer(buffer, lineterminator="\n", quoting=QUOTE_ALL).writerow(names)
    out.write(buffer.getvalue().encode("utf-8"))


def _plain_column(column: Any) -> Any:
    """Return a column as one that can be written as CSV."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([None if value is None else _json(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pa.array([None if value is None else _text(value) for value in column.to_pylist()], pa.string())
    return column


def _json(value: Any) -> str:
    from binascii import b2a_base64
    from json import dumps

    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode("ascii")
    return dumps(value, ensure_ascii=False, default=lambda odd: _json(odd) if isinstance(odd, bytes) else _text(odd))
