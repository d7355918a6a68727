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
from llmspell_tools.builtin.data.csv_lines import (
    LineCounter,
    breaks,
    breaks_in,
    end_of_rows,
    first_bad_line,
    in_words,
    line_breaks,
    lines_of,
)
from llmspell_tools.builtin.data.csv_sniffing import (
    ENCODINGS,
    SAMPLE_CHARS,
    checked_delimiter,
    guess_delimiter,
    guess_encoding,
)
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
        of: Bytes of the file that the text was made from, if it was.
    """

    def __init__(
        self,
        context: ToolContext,
        *,
        text: str | None,
        path: str | None,
        delimiter: str | None = None,
        encoding: str | None = None,
        of: int | None = None,
    ) -> None:
        self._context = context
        self.field = "input" if path is None and of is None else "input_file"
        self._max_line = max(self._limit("max_line_chars"), _BLOCK_CHARS)  # a block is read whole in any case
        self._taken = 0  # characters of the batch that is being read
        self._done = 0
        self._rows = 0
        self._is_left_over = False
        self._place: Any = None  # of the block given out: what counts lines, and where it begins
        self.is_unicode = True
        self._base = 0  # lines before those that the reader counts
        self.size_bytes = 0
        self.encoding = ENCODINGS["utf-8"]
        self._stream = self._open_text(text or "") if path is None else self._open_file(path, encoding)
        try:
            self.delimiter = checked_delimiter(delimiter) if delimiter else guess_delimiter(self._sample())
            if field_size_limit() < self._max_line:
                field_size_limit(self._max_line)  # one limit for the whole process, so it is only ever raised
            self._reader = self._reader_of(self._lines())
            self.header = self._read_header()
            self.size_bytes = self.size_bytes if of is None else of
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
    def engine(self) -> str:
        """The setting: polars, python or auto."""
        return str(self._context.settings["engine"])

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
            before = self._base + self._reader.line_num
            rows, wrong, ended = self._take(step, most)
            broken = self._after(before, rows) if wrong else 0
            if set(map(len, rows)) - {width}:
                rows = self._even(rows, before, problem)
            if rows:
                self.count(len(rows), self._taken)
                yield rows
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
                return rows, in_words(str(error), self._max_line), False
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
            line += line_breaks(row) + 1
        return even

    def _after(self, line: int, rows: list[Row]) -> int:
        """Return the line after these rows, where the next one starts."""
        return line + sum(line_breaks(row) + 1 for row in rows) + 1

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield what stands after the header as UTF-8, in blocks of about `size` bytes that are whole rows.

        Whoever takes a block gives it to `rows_of`, or looks after its rows by itself and tells `count`. Ends early
        where quotes are such that only a reader can tell where rows end, at once where the input is not UTF-8;
        `batches` then gives the rest.
        """
        raw = self._behind_header()
        if raw is None:
            return
        lines = LineCounter(raw, self._base)
        rest = b""
        while True:
            self._context.check()
            more = raw.read(size)
            end = end_of_rows(rest, more)
            if end is None:
                rest += more
                if more and len(rest) <= self._max_line:
                    continue
                self._go_on(raw, lines, len(rest))
                return
            block, rest = b"".join((rest, memoryview(more)[:end])), more[end:]
            self._place = (lines, raw.tell() - len(rest) - len(block))
            if b"\0" in block:
                self._refuse_nul(lines.before(self._place[1]) + breaks_in(block[: block.find(b"\0")]) + 1)
            yield block
            if self._is_left_over:
                self._go_on(raw, lines, len(block) + len(rest))
                return

    def _go_on(self, raw: Any, lines: LineCounter, back: int) -> None:
        """Have `batches` begin so many bytes before where the stream is."""
        raw.seek(-back, io.SEEK_CUR)
        self._base = lines.before(raw.tell())
        self._reader = self._reader_of(self._lines())

    def rows_of(self, block: bytes, problem: Problem | None) -> Iterator[list[Row]]:
        """Yield the rows of a block that was just given out, as `batches` does; none if quotes make it doubtful.

        Then `blocks` ends, and `batches` begins with this block.
        """
        self._is_left_over = b'"' in block and not self._is_whole(block)
        if self._is_left_over:
            return
        lines, start = self._place
        self._base = lines.before(start)
        self._reader = self._reader_of(lines_of(self.text_of(block)))
        yield from self.batches(problem)
        self.count(0, len(block))

    def _is_whole(self, block: bytes) -> bool:
        """Tell whether a reader that is given a block alone finds nothing wrong with its quotes, up to its end."""
        try:
            return len(block) <= _BLOCK_CHARS and all(True for _ in self._reader_of(lines_of(self.text_of(block))))
        except Error:
            return False

    def text_of(self, block: bytes) -> str:
        """Return a block's text.

        Raises:
            InvalidParameters: It is none.
        """
        try:
            return block.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._not_text(error) from None

    def count(self, rows: int, chars: int) -> None:
        """Note that so many rows were taken, from so much text.

        Raises:
            LimitExceeded: More rows than `max_rows`.
        """
        self._rows += rows
        limit = self._limit("max_rows")
        if self._rows > limit:
            raise self.over_limit("max_rows", f"more than {limit} rows", limit)
        self._done += chars
        self._context.progress(min(self._done, self.size_bytes), self.size_bytes, f"{self._rows} rows")

    def _behind_header(self) -> Any:
        """Return the bytes of UTF-8 input as a stream, at the first row; None of other input."""
        if self.encoding != ENCODINGS["utf-8"] or not self.is_unicode:
            return None
        if isinstance(self._stream, io.StringIO):
            content = self._stream.getvalue().encode("utf-8")
            self._stream = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
        self._stream.seek(0)
        head = "".join([self._stream.readline() for _ in range(self._reader.line_num)])
        self._base = breaks(head)
        self._stream.seek(0)
        raw = self._stream.buffer
        is_marked = isinstance(raw, io.BufferedReader) and raw.peek(3).startswith(b"\xef\xbb\xbf")
        raw.seek(len(head.encode("utf-8")) + (3 if is_marked else 0))
        return raw

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
        try:
            self.size_bytes = len(text.encode("utf-8"))
        except UnicodeEncodeError:  # half a surrogate pair
            self.is_unicode = False
            self.size_bytes = len(text.encode("utf-8", "surrogatepass"))
        self._check_size(self.size_bytes)
        return io.StringIO(text, newline="")

    def _open_file(self, path: str, encoding: str | None) -> TextIO:
        stream = files.open_read(self._context.policy, path, self._context.tool)
        try:
            self.size_bytes = stream.seek(0, 2)
            stream.seek(0)
            self._check_size(self.size_bytes)
            name = encoding or guess_encoding(stream.read(SAMPLE_CHARS))
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
            sample = self._stream.read(SAMPLE_CHARS)
        except UnicodeDecodeError as error:
            raise self._not_text(error) from None
        self._stream.seek(0)
        return sample

    def _read_header(self) -> Row:
        try:
            header: Row | None = next(filter(None, self._reader), None)
        except Error as error:
            raise self.malformed(1, in_words(str(error), self._max_line)) from None
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
        line = first_bad_line(self._stream, error.encoding)
        where = f"line {line}: " if line else ""
        return InvalidParameters(
            f"{where}byte 0x{error.object[error.start]:02x} is not {self.encoding}; "
            f"name the encoding in options.encoding ({', '.join(ENCODINGS)})",
            field=self.field,
            details={"line": line} if line else None,
        )

    def _reader_of(self, lines: Iterable[str]) -> Any:
        return reader(lines, delimiter=self.delimiter, strict=True)

    # --- lines -----------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[str]:
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterable[str]]:
        """Yield blocks of whole lines."""
        seen = self._base
        while block := self._stream.read(_BLOCK_CHARS):
            if block[-1] != "\n":
                block += self._stream.readline(self._max_line + 1)
                last = len(block) - max(block.rfind("\n", 0, -1), block.rfind("\r", 0, -1)) - 1
                if last > self._max_line:
                    raise self.over_limit(
                        "max_line_chars", f"a line of more than {self._max_line} characters", self._max_line
                    )
            if "\0" in block:
                self._refuse_nul(seen + breaks(block[: block.find("\0")]) + 1)
            seen += breaks(block)
            self._taken += len(block)
            yield lines_of(block)

    def _refuse_nul(self, line: int) -> None:
        raise self.malformed(line, "a NUL character; CSV is text, and UTF-16 needs options.encoding")
