"""csv-analyzer: describe, convert, filter, transform, check and sample CSV data.

The data is a text or a file, which is read as a stream; the result is a text or a file, which appears whole or not at
all. The text of the answer is the raw result (JSON or CSV), the envelope stands in its metadata as `response`, too.

Where the Rust original stops counting at 10,000 rows, this tool reads everything: the limit is a setting, `max_rows`,
of 10,000,000, and running into it is an error. min_value and max_value of numbers are the smallest and largest number,
not text; the median is real; every operation guesses the delimiter and keeps it in CSV results.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.csv_output import Output
from llmspell_tools.builtin.data.csv_reading import CsvSource
from llmspell_tools.builtin.data.csv_sniffing import ENCODINGS
from llmspell_tools.builtin.options import check_options
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps
from llmspell_tools.media import csv_table, table
from llmspell_tools.returns import choice, envelope_schema, mapping, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Annotated, Any, Literal

    from llmspell_tools.builtin.data.csv_sheets import Sheet
    from llmspell_tools.returns import Short
    from llmspell_tools.types import JsonObject, JsonValue

_TEXTS: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}
_OPTION_SCHEMA: JsonObject = {
    "additionalProperties": False,
    "properties": {
        "format": {
            "type": "string",
            "enum": ["json", "jsonl", "jsonlines", "tsv", "parquet", "excel", "xlsx"],
            "description": "convert: what to make (required)",
        },
        "filter": {
            "type": "string",
            "description": 'filter: column operator value, with == != > < >= <=, as: city == "New York" (required)',
        },
        "size": {"type": "integer", "minimum": 0, "default": 10, "description": "sample: how many rows"},
        "add_columns": {
            **_TEXTS,
            "description": "transform: new column to expression, as price * quantity (also + - /), or to a fixed text",
        },
        "rename_columns": {**_TEXTS, "description": "transform: old name to new name"},
        "rules": {**_TEXTS, "description": "validate: column to rule, email or range:0-120 (required)"},
        "delimiter": {"type": "string", "minLength": 1, "maxLength": 1, "description": "instead of guessing it"},
        "encoding": {"type": "string", "enum": [*ENCODINGS], "description": "of input_file, instead of guessing it"},
        "sheet": {
            "type": ["string", "integer"],
            "description": "of a workbook: the sheet's name, or its number from 1; by default the first",
        },
    },
}
_TAKES = {
    "convert": ("format",), "filter": ("filter",), "sample": ("size",), "validate": ("rules",),
    "transform": ("add_columns", "rename_columns"),
}  # fmt: skip
_NEEDS = {"convert": ("format",), "filter": ("filter",), "validate": ("rules",)}

_COLUMN = record(
    {
        "name": "string",
        "data_type": choice("integer", "float", "boolean", "date", "datetime", "string", "mixed"),
        "null_count": "integer",
        "unique_count": "integer",
        "unique_count_is_approximate": "boolean",
        "min_value": ("string", "null"),
        "max_value": ("string", "null"),
        "mean": ("number", "null"),
        "median": ("number", "null"),
        "median_is_approximate": "boolean",
        "std_dev": ("number", "null"),
        "sample_values": ["string"],
    }
)
_ANALYSIS = record(
    {
        "row_count": "integer",
        "column_count": "integer",
        "encoding": choice(*ENCODINGS.values()),
        "delimiter": "string",
        "has_headers": choice(True),
        "columns": [_COLUMN],
        "file_size_bytes": "integer",
        "parse_errors": ["string"],
    }
)
#: A malformed line has its `line` instead of row, column and value.
_WRONG = record(
    {
        "row": ("integer", "null"),
        "line?": "integer",
        "column": ("string", "null"),
        "value": ("string", "null"),
        "error": "string",
    }
)
_VERDICT = record({"valid": "boolean", "errors": [_WRONG], "total_rows": "integer", "error_count": "integer"})
#: Of a column's description, what a table of all columns shows.
_DESCRIBED = ("name", "data_type", "null_count", "unique_count", "min_value", "max_value", "mean", "median", "std_dev")
_ROWS: Short = [mapping(("string", "number", "boolean", "null"))]
_TABLE = record(
    {
        "format": choice("parquet", "excel", "xlsx"),
        "encoding": choice("base64"),
        "data": "string",
        "size_bytes": "integer",
    }
)
_WRITTEN = record({"output_file": "string", "rows": "integer", "size_bytes": "integer"})
_TEXT: Short = ("string", _WRITTEN)
_RETURNS = envelope_schema(
    {
        "analyze": _ANALYSIS,
        "convert": ("string", _ROWS, _TABLE, _WRITTEN),
        "filter": _TEXT,
        "transform": _TEXT,
        "validate": _VERDICT,
        "sample": _TEXT,
    },
    failures={},
)


@tool(
    name="csv-analyzer",
    category="data",
    level="safe",
    parameter_aliases={
        "action": "operation", "content": "input", "text": "input", "data": "input", "file": "input_file",
        "path": "input_file", "output": "output_file",
    },
    requires=dict.fromkeys(("convert", "filter", "transform", "validate"), ("options",)),
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_file_bytes": 500_000_000, "max_rows": 10_000_000, "max_columns": 16_384, "max_line_chars": 20_000_000,
        "max_output_bytes": 50_000_000, "max_listed_errors": 1_000, "engine": "auto", "max_sheet_bytes": 100_000_000,
        "max_unpacked_bytes": 200_000_000, "max_memory_bytes": 2 << 30, "timeout_s": 60,
    },
    examples=(
        {
            "description": "Describe the columns",
            "params": {"input": "city,days\nOslo,3\nRome,5\n"},
            "result": {"result": {"row_count": 2, "column_count": 2, "delimiter": ","}},
        },
        {
            "description": "Rows as JSON objects with typed values",
            "params": {"operation": "convert", "input": "city,days\nOslo,3\n", "options": {"format": "json"}},
            "result": {"result": [{"city": "Oslo", "days": 3}]},
        },
        {
            "description": "Some of the rows",
            "params": {"operation": "filter", "input": "city,days\nOslo,3\nRome,5", "options": {"filter": "days > 3"}},
            "result": {"result": "city,days\nRome,5\n"},
        },
        {
            "description": "A column made of others",
            "params": {
                "operation": "transform",
                "input": "price,count\n1.5,4\n",
                "options": {"add_columns": {"total": "price * count"}},
            },
            "result": {"result": "price,count,total\n1.5,4,6.00\n"},
        },
        {
            "description": "Check fields",
            "params": {
                "operation": "validate", "input": "age\n30\n200\n", "options": {"rules": {"age": "range:0-120"}},
            },
            "result": {"result": {"valid": False, "error_count": 1, "total_rows": 2}},
        },
    ),
    returns=_RETURNS,
)  # fmt: skip
def csv_analyzer(
    context: ToolContext,
    *,
    operation: Literal["analyze", "convert", "filter", "transform", "validate", "sample"] = "analyze",
    input: str | None = None,
    input_file: str | None = None,
    output_file: str | None = None,
    options: Annotated[dict[str, JsonValue] | None, _OPTION_SCHEMA] = None,
) -> ToolResult:
    """Describe, convert, filter, transform, check and sample CSV data, workbooks and Parquet files.

    Args:
        operation: What to do.
        input: The CSV text; or give input_file.
        input_file: A CSV file, read as a stream; or a workbook (xlsx, xls, ods) or Parquet file.
        output_file: Where to write the result; it appears whole or not at all.
        options: What the operation needs to know; see each option for the operation that takes it.
    """
    given = check_options(operation, options, _TAKES, _NEEDS, ("delimiter", "encoding", "sheet"))
    if (input is None) == (input_file is None):
        problem = (
            "give one of 'input' and 'input_file', not both"
            if input is not None
            else ("Missing required parameter 'input' (or 'input_file')")
        )
        raise InvalidParameters(problem, field="input")
    for key in ("encoding", "sheet"):
        if input is not None and key in given:
            raise InvalidParameters(f"options.{key} is for input_file; a text has none", field=f"options.{key}")
    call = _Call(context, input, input_file, output_file, given)
    return _OPERATIONS[operation](call)


class _Call:
    """One call: how to open the input, where the result goes, and the options."""

    __slots__ = ("_context", "_options", "_output_file", "_path", "_sheet", "_text")

    def __init__(
        self, context: ToolContext, text: str | None, path: str | None, output_file: str | None, options: JsonObject
    ) -> None:
        self._context = context
        self._text = text
        self._path = path
        self._output_file = output_file
        self._options: dict[str, Any] = {**options}
        self._sheet: Sheet | None = None
        if path is not None:
            from llmspell_tools.builtin.data.csv_sheets import read_sheet

            self._sheet = read_sheet(context, path, self._options.get("sheet"))

    def _source(self) -> CsvSource:
        if self._sheet is not None:
            return CsvSource(self._context, text=self._sheet.text, path=None, delimiter=",", of=self._sheet.size_bytes)
        return CsvSource(
            self._context,
            text=self._text,
            path=self._path,
            delimiter=self._options.get("delimiter"),
            encoding=self._options.get("encoding"),
        )

    def _output(self) -> Output:
        return Output(self._context, self._output_file)

    # --- operations ------------------------------------------------------------------------------------------------

    def analyze(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_statistics import analyze

        with self._source() as source:
            answer = self._described("analyze", "analysis_result", analyze(source))
        answer.media = table("result.columns", *_DESCRIBED)
        return answer

    def validate(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_validation import validate_rows

        settings: Mapping[str, Any] = self._context.settings
        listed: int = settings["max_listed_errors"]
        with self._source() as source:
            found = validate_rows(source, self._options["rules"], listed)
        answer = self._described("validate", "validation_result", found)
        if found["errors"]:
            answer.media = table("result.errors", "row", "column", "value", "error")
        return answer

    def filter(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_filter import filter_rows

        return self._rows("filter", lambda source, output: filter_rows(source, output, self._options["filter"]))

    def transform(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_transform import transform_rows

        added, renamed = self._options.get("add_columns") or {}, self._options.get("rename_columns") or {}
        return self._rows("transform", lambda source, output: transform_rows(source, output, added, renamed))

    def sample(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_export import write_sample

        return self._rows("sample", lambda source, output: write_sample(source, output, self._options.get("size", 10)))

    def convert(self) -> ToolResult:
        from llmspell_tools.builtin.data import csv_export

        format = self._options["format"]
        if format == "json":
            return self._convert_to_json()
        if format in ("jsonl", "jsonlines"):
            return self._rows("convert", csv_export.write_json_lines)
        if format == "tsv":
            return self._rows("convert", csv_export.write_tabs)
        return self._convert_to_table(format)

    def _convert_to_json(self) -> ToolResult:
        from llmspell_tools.builtin.data.csv_export import write_json

        with self._source() as source, self._output() as output:
            rows = write_json(source, output, keep=self._output_file is None)
        if self._output_file is not None:
            return self._written("convert", output)
        return self._answer("convert", rows, output.text(), f"Converted {output.rows} rows")

    def _convert_to_table(self, format: str) -> ToolResult:
        from llmspell_tools.builtin.data import csv_tables

        csv_tables.require("parquet" if format == "parquet" else "excel")
        types: list[str] = []
        if format == "parquet":
            from llmspell_tools.builtin.data.csv_statistics import column_types

            with self._source() as source:
                types = column_types(source)
        with self._source() as source, self._output() as output:
            if format == "parquet":
                csv_tables.write_parquet(source, output, types)
            else:
                csv_tables.write_excel(source, output)
        if self._output_file is not None:
            return self._written("convert", output)
        from binascii import b2a_base64

        data = b2a_base64(output.bytes(), newline=False).decode("ascii")
        result: JsonObject = {"format": format, "encoding": "base64", "data": data, "size_bytes": output.size}
        return self._answer("convert", result, dumps(result, 2), f"Converted {output.rows} rows")

    # --- answers ---------------------------------------------------------------------------------------------------

    def _rows(self, operation: str, write: Callable[[CsvSource, Output], None]) -> ToolResult:
        with self._source() as source, self._output() as output:
            write(source, output)
        if self._output_file is not None:
            return self._written(operation, output)
        text = output.text()
        answer = self._answer(operation, text, text, f"{output.rows} rows")
        if operation != "convert":
            answer.media = csv_table("result", source.delimiter)
        return answer

    def _written(self, operation: str, output: Output) -> ToolResult:
        message = f"Wrote {output.rows} rows ({output.size} bytes) to {self._output_file}"
        result: JsonObject = {"output_file": self._output_file, "rows": output.rows, "size_bytes": output.size}
        return self._answer(operation, result, message, message)

    def _described(self, operation: str, key: str, result: JsonObject) -> ToolResult:
        text = dumps(result, 2)
        if self._output_file is not None:
            with self._output() as output:
                output.write(text + "\n")
        answer = self._answer(operation, result, text, None)
        answer.metadata[key] = result
        return answer

    def _answer(self, operation: str, result: JsonValue, text: str, message: str | None) -> ToolResult:
        response = envelope(operation, result, message)
        metadata: JsonObject = {"operation": operation, "response": response}
        if self._sheet is not None:
            metadata["source"] = self._sheet.facts
        return ToolResult(response, text=text, metadata=metadata)


_OPERATIONS: dict[str, Callable[[_Call], ToolResult]] = {
    "analyze": _Call.analyze,
    "convert": _Call.convert,
    "filter": _Call.filter,
    "transform": _Call.transform,
    "validate": _Call.validate,
    "sample": _Call.sample,
}
