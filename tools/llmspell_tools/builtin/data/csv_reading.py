"""CSV text or a CSV file as batches of rows: encoding, delimiter, header, limits, and what is wrong where.

Reads with the C reader of the standard library (`_csv`, without the `re` that `csv` imports), strictly: an unclosed
quote, text after a closing quote, a row with more or fewer fields than the header, and NUL characters are problems with
a line number. Blank lines are skipped. RFC 4180 with any one-character delimiter and any line ending.

Memory is bounded: by `max_line_chars` for a line or a field (an unclosed quote would swallow the rest of the file), and
by about a million characters or 400,000 fields for a batch. Knows no operation.
"""

from __future__ import annotations

import io
from _csv import Error, field_size_limit, reader
from itertools import chain, islice

from llmspell_tools import files
from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Self, TextIO

    from llmspell_tools.definition import ToolContext

    Row = list[str]
    #: Is told a 1-based line and what is wrong there; returns to go on, or raises.
    Problem = Callable[[int, str], None]

#: What `options.encoding` may be, with the name that results report.
ENCODINGS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16le": "UTF-16LE", "utf-16be": "UTF-16BE",
    "windows-1252": "windows-1252", "iso-8859-1": "ISO-8859-1", "ascii": "US-ASCII",
}  # fmt: skip
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CHARS = 1 << 16
_BLOCK_CHARS = 1 << 18
_BATCH_CHARS = 1 << 20
_BATCH_FIELDS = 400_000
#: Fewer than the 700 new objects that start a garbage collection: that made reading five times as slow.
_BATCH_ROWS = 512


class CsvSource:
    """One CSV input, open; a context manager.

    Args:
        context: Policy, settings (`max_file_bytes`, `max_rows`, `max_columns`, `max_line_chars`) and deadline.
        text: The CSV text, or
        path: the file that holds it.
        delimiter: One character; guessed if None.
        encoding: One of `ENCODINGS` for a file; guessed if None.
    """

    def __init__(
        self,
        context: ToolContext,
        *,
        text: str | None,
        path: str | None,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self._context = context
        self.field = "input" if path is None else "input_file"
        self._max_line = max(self._limit("max_line_chars"), _BLOCK_CHARS)  # a block is read whole in any case
        self._taken = 0  # characters of the batch that is being read
        self._done = 0
        self._rows = 0
        self.size_bytes = 0
        self.encoding = ENCODINGS["utf-8"]
        self._stream = self._open_text(text or "") if path is None else self._open_file(path, encoding)
        try:
            self.delimiter = _checked(delimiter) if delimiter else guess_delimiter(self._sample())
            if field_size_limit() < self._max_line:
                field_size_limit(self._max_line)  # one limit for the whole process, so it is only ever raised
            self._reader = reader(self._lines(), delimiter=self.delimiter, strict=True)
            self.header = self._read_header()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def names(self) -> list[str]:
        """The header's names, each made different: `Column_3` for an empty one, `x_2` for a second x."""
        given = set(self.header)
        names: dict[str, None] = {}
        for number, name in enumerate(self.header, 1):
            base = name or f"Column_{number}"
            unique, count = base, 1
            while unique in names or (unique != name and unique in given):
                count += 1
                unique = f"{base}_{count}"
            names[unique] = None
        return list(names)

    def batches(self, problem: Problem | None = None) -> Iterator[list[Row]]:
        """Yield the rows after the header, some hundred at a time, all as long as the header.

        Args:
            problem: Is told of every row that is left out; without it the first such row is an error.

        Raises:
            LimitExceeded: More rows than `max_rows`.
            InvalidParameters: A malformed row, bytes that are not text in this encoding, or a NUL character.
        """
        problem = problem or self._refuse
        width = len(self.header)
        step = max(1, min(256, 100_000 // width))
        most = max(1, min(_BATCH_ROWS, _BATCH_FIELDS // width))
        ended = False
        while not ended:
            self._context.check()
            before = self._reader.line_num
            rows, wrong, ended = self._take(step, most)
            broken = self._after(before, rows) if wrong else 0
            if set(map(len, rows)) - {width}:
                rows = self._even(rows, before, problem)
            if rows:
                self._count(len(rows))
                yield rows
                self._done += self._taken
                self._context.progress(min(self._done, self.size_bytes), self.size_bytes, f"{self._rows} rows")
            if wrong:
                problem(broken, wrong)

    def _take(self, step: int, most: int) -> tuple[list[Row], str, bool]:
        """Return up to `most` rows, what is wrong with the one after them, and whether the input has ended."""
        rows: list[Row] = []
        self._taken = 0
        while len(rows) < most and self._taken < _BATCH_CHARS:
            wanted = len(rows) + step
            try:
                rows.extend(islice(self._reader, step))
            except Error as error:
                return rows, _in_words(str(error), self._max_line), False
            except UnicodeDecodeError as error:
                raise self._not_text(error) from None
            if len(rows) < wanted:
                return rows, "", True
        return rows, "", False

    def _even(self, rows: list[Row], line: int, problem: Problem) -> list[Row]:
        width = len(self.header)
        even: list[Row] = []
        for row in rows:
            if len(row) == width:
                even.append(row)
            elif row:
                problem(line + 1, f"{len(row)} field{'' if len(row) == 1 else 's'} where the header has {width}")
            line += _line_breaks(row) + 1
        return even

    def _after(self, line: int, rows: list[Row]) -> int:
        """Return the line after these rows, where the next one starts."""
        return line + sum(_line_breaks(row) + 1 for row in rows) + 1

    def _count(self, rows: int) -> None:
        self._rows += rows
        limit = self._limit("max_rows")
        if self._rows > limit:
            raise self.over_limit("max_rows", f"more than {limit} rows", limit)

    def over_limit(self, key: str, what: str, limit: int) -> LimitExceeded:
        """Return the error for a limit of this tool."""
        return LimitExceeded(
            f"{what}; the limit is [tools.csv_analyzer] {key} = {limit}",
            details={"limit": limit, "key": f"tools.csv_analyzer.{key}"},
        )

    def malformed(self, line: int, message: str) -> InvalidParameters:
        """Return the error for input that is no CSV."""
        return InvalidParameters(f"malformed CSV, line {line}: {message}", field=self.field, details={"line": line})

    def _refuse(self, line: int, message: str) -> None:
        raise self.malformed(line, message)

    def _limit(self, key: str) -> int:
        settings: Mapping[str, Any] = self._context.settings
        limit: int = settings[key]
        return limit

    # --- opening ---------------------------------------------------------------------------------------------------

    def _open_text(self, text: str) -> TextIO:
        text = text.removeprefix("\ufeff")
        self.size_bytes = len(text.encode("utf-8", "surrogatepass"))
        self._check_size(self.size_bytes)
        return io.StringIO(text, newline="")

    def _open_file(self, path: str, encoding: str | None) -> TextIO:
        stream = files.open_read(self._context.policy, path, self._context.tool)
        try:
            self.size_bytes = stream.seek(0, 2)
            stream.seek(0)
            self._check_size(self.size_bytes)
            name = encoding or _guess_encoding(stream.read(_SAMPLE_CHARS))
            stream.seek(0)
        except OSError as error:
            stream.close()
            raise ToolExecutionError(f"cannot read '{path}': {error.strerror}", details={"path": path}) from None
        except BaseException:
            stream.close()
            raise
        self.encoding = ENCODINGS[name]
        return io.TextIOWrapper(stream, encoding="utf-8-sig" if name == "utf-8" else name, newline="")

    def _check_size(self, size: int) -> None:
        limit = self._limit("max_file_bytes")
        if size > limit:
            raise self.over_limit("max_file_bytes", f"{size} bytes of CSV", limit)

    def _sample(self) -> str:
        try:
            sample = self._stream.read(_SAMPLE_CHARS)
        except UnicodeDecodeError as error:
            raise self._not_text(error) from None
        self._stream.seek(0)
        return sample

    def _read_header(self) -> Row:
        try:
            header = next(filter(None, self._reader), None)
        except Error as error:
            raise self.malformed(1, _in_words(str(error), self._max_line)) from None
        except UnicodeDecodeError as error:
            raise self._not_text(error) from None
        if header is None:
            raise InvalidParameters("the CSV input is empty; it needs a header row", field=self.field)
        header[0] = header[0].removeprefix("\ufeff")  # of a UTF-16 file whose byte order was named
        limit = self._limit("max_columns")
        if len(header) > limit:
            raise self.over_limit("max_columns", f"{len(header)} columns", limit)
        return header

    def _not_text(self, error: UnicodeDecodeError) -> InvalidParameters:
        line = self._first_bad_line(error.encoding)
        where = f"line {line}: " if line else ""
        return InvalidParameters(
            f"{where}byte 0x{error.object[error.start]:02x} is not {self.encoding}; "
            f"name the encoding in options.encoding ({', '.join(ENCODINGS)})",
            field=self.field,
            details={"line": line} if line else None,
        )

    def _first_bad_line(self, encoding: str) -> int:
        """Return which line is not text; the stream decodes far ahead of the line that it gives out."""
        if not isinstance(self._stream, io.TextIOWrapper) or "16" in encoding:
            return 0
        self._stream.buffer.seek(0)
        for number, line in enumerate(self._stream.buffer, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
        return 0

    # --- lines -----------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[str]:
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterable[str]]:
        """Yield blocks of whole lines."""
        seen = 0
        while block := self._stream.read(_BLOCK_CHARS):
            if block[-1] != "\n":
                block += self._stream.readline(self._max_line + 1)
                last = len(block) - max(block.rfind("\n", 0, -1), block.rfind("\r", 0, -1)) - 1
                if last > self._max_line:
                    raise self.over_limit(
                        "max_line_chars", f"a line of more than {self._max_line} characters", self._max_line
                    )
            nul = block.find("\0")
            if nul >= 0:
                raise self.malformed(
                    seen + _breaks(block[:nul]) + 1, "a NUL character; CSV is text, and UTF-16 needs options.encoding"
                )
            seen += _breaks(block)
            self._taken += len(block)
            yield _lines_of(block)


def _lines_of(block: str) -> Iterable[str]:
    """Return the lines with their ends; the quick `splitlines` where nothing else that it splits at occurs."""
    if block.isascii() and not any(char in block for char in "\v\f\x1c\x1d\x1e"):
        return block.splitlines(keepends=True)
    return io.StringIO(block, newline="")


def guess_delimiter(sample: str) -> str:
    """Return the one of `DELIMITERS` that splits the first five rows into the most, equally many, fields.

    If none does so evenly, the one that splits the first row most; a comma if none splits it.
    """
    lines = list(islice(io.StringIO(sample, newline=""), 10))
    if len(sample) >= _SAMPLE_CHARS and len(lines) > 1:
        lines = lines[:-1] if not lines[-1].endswith(("\n", "\r")) else lines
    best, most, first = ",", 1, 0
    for delimiter in DELIMITERS:
        counts = _field_counts(lines, delimiter)
        if counts and min(counts) == max(counts) and counts[0] > most:
            best, most = delimiter, counts[0]
    if most > 1:
        return best
    for delimiter in DELIMITERS:
        counts = _field_counts(lines[:1], delimiter)
        if counts and counts[0] > max(first, 1):
            best, first = delimiter, counts[0]
    return best


def _checked(delimiter: str) -> str:
    if delimiter in '"\r\n\0':
        raise InvalidParameters(f"{delimiter!r} cannot be a delimiter", field="options.delimiter")
    return delimiter


def _field_counts(lines: list[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in islice(reader(lines, delimiter=delimiter), 6) if row][:5]
    except Error:
        return []


def _guess_encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    import codecs  # is loaded already; named here because only files have an encoding

    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _in_words(error: str, max_line: int) -> str:
    """Say in our words what `_csv` found."""
    if "unexpected end of data" in error:
        return "a quote is never closed"
    if "field larger" in error:
        return f"a field of more than {max_line} characters; is a quote left open?"
    if "expected after" in error:
        return "text after a closing quote"
    return error


def _breaks(text: str) -> int:
    if "\r" not in text:
        return text.count("\n")
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _line_breaks(row: Row) -> int:
    return sum(map(_breaks, row))
