"""Excel workbooks, OpenDocument sheets and Parquet files as CSV text, for csv-analyzer to read like any other.

What a file is, is told by its first bytes, not by its name. It is unpacked in an isolated child (`csv_sheet_worker`)
with limits on time, memory and what comes out, since a small file may unpack to anything.
"""

from __future__ import annotations

from llmspell_tools.builtin.sources import limit_of, read_file
from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError
from llmspell_tools.isolated import Limits, WorkerPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.definition import ToolContext

_workers = WorkerPool("llmspell_tools.builtin.data.csv_sheet_worker:run")
_MAGIC = {
    b"PK\x03\x04": "workbook",
    b"\xd0\xcf\x11\xe0": "workbook",  # xls, and what holds an encrypted xlsx
    b"PAR1": "parquet",
    b"PARE": "parquet",
}
_SUFFIXES = {
    ".xlsx": "workbook", ".xlsm": "workbook", ".xlsb": "workbook", ".xls": "workbook", ".ods": "workbook",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


class Sheet:
    """A table that was unpacked.

    Args:
        text: As CSV, with commas.
        size_bytes: Of the file.
        facts: ``{format, sheet?, sheets?}`` for the answer's metadata.
    """

    __slots__ = ("facts", "size_bytes", "text")

    def __init__(self, text: str, size_bytes: int, facts: Any) -> None:
        self.text = text
        self.size_bytes = size_bytes
        self.facts = facts


def read_sheet(context: ToolContext, path: str, sheet: str | int | None) -> Sheet | None:
    """Return the table in a workbook or Parquet file; None if the file is neither.

    Args:
        context: Policy, settings and deadline of the call.
        path: As the caller wrote it.
        sheet: Name or number, from 1, of the sheet; the first one if None.

    Raises:
        InvalidParameters: The file is damaged, encrypted, not what its name says, or has no such sheet.
        LimitExceeded: It is too large, or unpacks to too much.
    """
    kind = _kind_of(context, path)
    if kind is None:
        if sheet is not None:
            raise InvalidParameters(f"options.sheet is for workbooks; '{path}' is none", field="options.sheet")
        return None
    if kind == "parquet" and sheet is not None:
        raise InvalidParameters("options.sheet is for workbooks; a Parquet file has one table", field="options.sheet")
    data = read_file(context, path, "max_sheet_bytes")
    limits = Limits(
        timeout_s=limit_of(context, "timeout_s"),
        max_memory_bytes=limit_of(context, "max_memory_bytes"),
        max_output_bytes=limit_of(context, "max_unpacked_bytes"),
    )
    args = {
        "kind": kind,
        "sheet": sheet,
        "path": path,
        "max_unpacked_bytes": limit_of(context, "max_unpacked_bytes"),
    }
    try:
        facts, text = _workers.call(context, {**args}, data, limits)
    except ToolExecutionError as error:
        if "memory allocation" in str(error.details.get("stderr", "")):
            raise _too_much(context, path) from None
        raise
    return Sheet(text.decode("utf-8"), len(data), facts)


def _too_much(context: ToolContext, path: str) -> LimitExceeded:
    key = "[tools.csv_analyzer] max_memory_bytes"
    limit = limit_of(context, "max_memory_bytes")
    return LimitExceeded(f"'{path}' unpacks to more than {limit} bytes ({key})", details={"key": key, "limit": limit})


def _kind_of(context: ToolContext, path: str) -> str | None:
    from llmspell_tools.files import open_read

    with open_read(context.policy, path, context.tool) as stream:
        start = stream.read(4)
    kind = _MAGIC.get(start)
    named = next((kind for suffix, kind in _SUFFIXES.items() if path.lower().endswith(suffix)), None)
    if kind is None and named is not None:
        what = "an Excel or OpenDocument workbook" if named == "workbook" else "a Parquet file"
        raise InvalidParameters(
            f"'{path}' is not {what}: it begins with other bytes than those have",
            field="input_file",
            details={"path": path, "start": start.hex()},
        )
    return kind
