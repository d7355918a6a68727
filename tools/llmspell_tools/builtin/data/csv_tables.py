"""CSV rows as Parquet (pyarrow) or an Excel workbook (openpyxl); both libraries are optional and imported here only."""

from __future__ import annotations

import io

from llmspell_tools.builtin.data.csv_export import column_values
from llmspell_tools.builtin.data.csv_values import number_of
from llmspell_tools.errors import InvalidParameters, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

    from llmspell_tools.builtin.data.csv_output import Output
    from llmspell_tools.builtin.data.csv_reading import CsvSource

#: A worksheet's limits; https://support.microsoft.com/office "Excel specifications and limits".
_SHEET_ROWS, _SHEET_COLUMNS, _CELL_CHARS = 1_048_576, 16_384, 32_767
_TRUE, _FALSE = ("true", "yes", "y"), ("false", "no", "n")


def require(format: str) -> ModuleType:
    """Import the library that writes a format.

    Raises:
        ToolUnavailable: It is not installed; the message has the command that installs it.
    """
    package, module = ("pyarrow", "pyarrow.parquet") if format == "parquet" else ("openpyxl", "openpyxl")
    import importlib

    try:
        importlib.import_module(module)
        return importlib.import_module(package)
    except ImportError:
        raise ToolUnavailable(
            f"csv-analyzer needs {package} to write {format}: pip install {package}",
            details={"package": package, "install": f"pip install {package}"},
        ) from None


def write_parquet(source: CsvSource, output: Output, types: Sequence[str]) -> None:
    """Write a Parquet file: integer, float and boolean columns as such, all others as text.

    Args:
        source: Open, at its start.
        output: Takes the bytes.
        types: Each column's `data_type`.
    """
    arrow: Any = require("parquet")
    arrow_types = {"integer": arrow.int64(), "float": arrow.float64(), "boolean": arrow.bool_()}
    schema = arrow.schema(
        [
            arrow.field(name, arrow_types.get(kind, arrow.string()))
            for name, kind in zip(source.names, types, strict=True)
        ]
    )
    buffer = io.BytesIO()
    with arrow.parquet.ParquetWriter(buffer, schema) as parquet:
        for batch in source.batches():
            columns = [_converted(column, kind) for column, kind in zip(zip(*batch, strict=True), types, strict=True)]
            arrays = [arrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            parquet.write_batch(arrow.record_batch(arrays, schema=schema))
            output.rows += len(batch)
            output.write_bytes(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()
    output.write_bytes(buffer.getvalue())


def _converted(column: Sequence[str], kind: str) -> list[Any]:
    if kind == "integer":
        return [number_of(text) for text in column]
    if kind == "float":
        return [None if (number := number_of(text)) is None else float(number) for text in column]
    if kind == "boolean":
        return [_boolean(text.strip().lower()) for text in column]
    return [text or None for text in column]


def _boolean(text: str) -> bool | None:
    return True if text in _TRUE else False if text in _FALSE else None


def write_excel(source: CsvSource, output: Output) -> None:
    """Write a workbook of one sheet; numbers and booleans as such, and no text ever as a formula.

    Raises:
        InvalidParameters: More rows, columns or characters than a sheet can hold, or a control character.
    """
    openpyxl: Any = require("excel")
    from importlib import import_module

    cell: Any = import_module("openpyxl.cell").WriteOnlyCell
    if len(source.header) > _SHEET_COLUMNS:
        raise _too_big(source, f"{len(source.header)} columns", _SHEET_COLUMNS)
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Sheet1")

    def as_cell(value: object) -> object:
        if not isinstance(value, str):
            return value
        if len(value) > _CELL_CHARS:
            raise _too_big(source, f"a field of {len(value)} characters", _CELL_CHARS)
        made = cell(sheet, value)
        made.data_type = "s"  # "=1+1" is a text in CSV, and would be run as a formula
        return made

    try:
        sheet.append([as_cell(name) for name in source.names])
        for batch in source.batches():
            columns = [column_values(column) for column in zip(*batch, strict=True)]
            for row in zip(*columns, strict=True):
                sheet.append([as_cell(value) for value in row])
            output.rows += len(batch)
            if output.rows >= _SHEET_ROWS:
                raise _too_big(source, f"{output.rows} rows", _SHEET_ROWS - 1)
    except ValueError as error:  # openpyxl's IllegalCharacterError
        raise InvalidParameters(f"Excel cannot hold this text: {error}", field=source.field) from None
    buffer = io.BytesIO()
    workbook.save(buffer)
    output.write_bytes(buffer.getvalue())


def _too_big(source: CsvSource, what: str, most: int) -> InvalidParameters:
    return InvalidParameters(f"{what} do not fit into an Excel sheet; the most is {most}", field=source.field)
