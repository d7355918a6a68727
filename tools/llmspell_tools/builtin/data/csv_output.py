"""Where the rows of a CSV operation go: a text with a size limit, or a file that appears whole or not at all."""

from __future__ import annotations

import io
from _csv import QUOTE_ALL, writer

from llmspell_tools import files
from llmspell_tools.errors import InvalidParameters, LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from llmspell_tools.atomic import AtomicWrite
    from llmspell_tools.definition import ToolContext


class Output:
    """Takes text or bytes piece by piece; a context manager whose clean end makes the file appear.

    Args:
        context: Policy, and the setting `max_output_bytes` for output that stays in memory.
        path: File to write; None keeps the output for `text`.
    """

    __slots__ = ("_file", "_limit", "_pieces", "_stream", "rows", "size")

    def __init__(self, context: ToolContext, path: str | None) -> None:
        settings: Mapping[str, Any] = context.settings
        self._limit: int = settings["max_output_bytes"]
        self._file: AtomicWrite | None = None
        self._stream: io.BufferedWriter | None = None
        self._pieces: list[bytes] = []
        self.rows = 0
        self.size = 0
        if path is not None:
            self._file = files.write_atomic(context.policy, path, context.tool)

    def __enter__(self) -> Self:
        if self._file is not None:
            self._stream = self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.__exit__(kind, error, traceback)

    def write(self, text: str) -> None:
        """Add text, as UTF-8."""
        try:
            self.write_bytes(text.encode("utf-8"))
        except UnicodeEncodeError:
            raise InvalidParameters("the CSV holds half a surrogate pair, which has no UTF-8 form") from None

    def write_bytes(self, data: bytes) -> None:
        """Add bytes."""
        self.size += len(data)
        if self._stream is not None:
            self._stream.write(data)
            return
        if self.size > self._limit:
            raise LimitExceeded(
                f"the result is over {self._limit} bytes; give output_file to write it into a file, "
                "or raise [tools.csv_analyzer] max_output_bytes",
                details={"limit": self._limit, "key": "tools.csv_analyzer.max_output_bytes"},
            )
        self._pieces.append(data)

    def write_rows(self, rows: Sequence[Sequence[str]], delimiter: str) -> None:
        """Add rows as CSV, one line each, quoted where needed."""
        buffer = io.StringIO(newline="")
        writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(rows)
        text = buffer.getvalue()
        self.write(_with_quoted_returns(rows, delimiter) if "\r" in text else text)

    def bytes(self) -> bytes:
        """Return what was kept in memory."""
        return b"".join(self._pieces)

    def text(self) -> str:
        """Return what was kept in memory, as text."""
        return self.bytes().decode("utf-8")


def _with_quoted_returns(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """Write rows that have carriage returns: before Python 3.13 `csv` quotes them only where they end lines, too."""
    buffer = io.StringIO(newline="")
    plain = writer(buffer, delimiter=delimiter, lineterminator="\n")
    quoted = writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in field for field in row) else plain).writerow(row)
    return buffer.getvalue()
