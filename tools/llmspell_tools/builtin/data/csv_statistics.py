"""Describing all columns of a CSV input in one pass, by the engine that is at hand.

The statistics are those of `csv_column`. Where polars is installed and the input is more than some megabytes, its
parser and its kernels compute them (`csv_polars`), several times as fast; else the standard library does
(`csv_columns`). Both give the same figures; the setting `engine` names one of them (polars, python) or auto.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.csv_column import Column
from llmspell_tools.builtin.data.csv_columns import column_batches
from llmspell_tools.errors import ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.builtin.data.csv_reading import CsvSource, Problem
    from llmspell_tools.types import JsonObject, JsonValue

#: Problems that are listed, as the Rust original has them.
_LISTED_PROBLEMS = 10
#: Below so many bytes, importing polars takes longer than it saves.
_WORTH_POLARS = 6_000_000


def analyze(source: CsvSource) -> JsonObject:
    """Read a CSV input to its end and describe it.

    Returns:
        ``{row_count, column_count, encoding, delimiter, has_headers, columns, file_size_bytes, parse_errors}``;
        rows that are no CSV are left out of the figures and listed in ``parse_errors``, the first ten of them.
    """
    errors: list[JsonValue] = []
    left_out = 0

    def note(line: int, message: str) -> None:
        nonlocal left_out
        if len(errors) < _LISTED_PROBLEMS:
            errors.append(f"line {line}: {message}")
        else:
            left_out += 1

    rows, columns = _columns(source, note)
    if left_out:
        errors.append(f"... and {left_out} more")
    return {
        "row_count": rows,
        "column_count": len(columns),
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "has_headers": True,
        "columns": [column.as_json() for column in columns],
        "file_size_bytes": source.size_bytes,
        "parse_errors": errors,
    }


def column_types(source: CsvSource) -> list[str]:
    """Read a CSV input to its end and return only each column's `data_type`; for exports that need it beforehand."""
    return [column.data_type for column in _columns(source, None)[1]]


def _columns(source: CsvSource, problem: Problem | None) -> tuple[int, Sequence[Column]]:
    """Read a CSV input to its end; return the number of rows and what is known of each column."""
    if _takes_polars(source):
        from llmspell_tools.builtin.data.csv_polars import read_columns

        return read_columns(source, problem)
    columns = [Column(name, len(source.header)) for name in source.names]
    rows = 0
    for batch in column_batches(source, problem):
        rows += len(batch[0])
        for column, values in zip(columns, batch, strict=True):
            column.add(values)
    return rows, columns


def _takes_polars(source: CsvSource) -> bool:
    if source.engine == "python" or not source.delimiter.isascii() or not source.is_unicode:
        return False
    if source.engine == "auto" and source.size_bytes < _WORTH_POLARS:
        return False
    try:
        import polars as _  # noqa: F401, ICN001 - only whether it is there
    except ImportError:
        if source.engine == "polars":
            raise ToolUnavailable(
                "[tools.csv_analyzer] engine = \"polars\" needs polars: pip install 'llmspell[data]'",
                details={"package": "polars", "install": "pip install 'llmspell[data]'"},
            ) from None
        return False
    return True
