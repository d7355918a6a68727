"""The engine for large CSV inputs: polars parses blocks of whole rows into texts and computes what `csv_column` does.

polars guesses types, keeps `007` as 7, fills short rows with nulls and is at a loss about stray quotes, so it is only
given blocks that are checked to be simple, every field as text; what is a number, a date or blank follows our own
rules (`csv_values`), as regular expressions. Blocks that are not simple are read by `CsvSource`, and the rest of the
input where even its blocks are not to be told apart. Memory is bounded by a block and the bounds of `csv_column`.

The figures are those of `csv_column`, but for the last digits of mean and std_dev, and for unique_count where it is
approximate: the sampling there is by another hash.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from itertools import islice
from operator import itemgetter

from llmspell_tools.builtin.data.csv_polars_column import PolarsColumn

TYPE_CHECKING = False
if not TYPE_CHECKING:
    try:
        import polars as pl
    except ImportError:  # scripts/manifest looks into every module; nobody else imports this one without it
        pl = None
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor, Future

    import polars as pl  # noqa: TC004 - at run time it is imported above

    from llmspell_tools.builtin.data.csv_reading import CsvSource, Problem, Row

_BLOCK_BYTES = 9 << 20
#: Rows that a reader gave are gathered to so many fields.
_FRAME_FIELDS = 400_000
#: Frames that may wait while the one before them is computed.
_FRAMES_AHEAD = 2
_WORKERS = 2
_MARK = b"\xef\xbb\xbf"


def read_columns(source: CsvSource, problem: Problem | None) -> tuple[int, Sequence[PolarsColumn]]:
    """Read a CSV input to its end; return the number of rows and what is known of each column.

    polars lets go of the interpreter lock: one thread parses a block while this one checks it, and others compute the
    columns of those before it.
    """
    from concurrent.futures import ThreadPoolExecutor

    columns = [_Turns(PolarsColumn(name, len(source.header))) for name in source.names]
    rows = 0
    frames: list[list[Future[None]]] = []
    with ThreadPoolExecutor(1) as parser, ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for frame in _frames(source, problem, parser):
                rows += frame.height
                pairs = zip(columns, frame.get_columns(), strict=True)
                frames.append([pool.submit(column.put(values).take) for column, values in pairs])
                if len(frames) > _FRAMES_AHEAD:
                    _finish(frames.pop(0))
            for each in frames:
                _finish(each)
            _finish([pool.submit(turns.column.settle) for turns in columns])
        finally:
            pool.shutdown(cancel_futures=True)
    return rows, [turns.column for turns in columns]


class _Turns:
    """A column whose batches wait in a queue for whichever thread comes next, and are added in their order."""

    __slots__ = ("_lock", "_waiting", "column")

    def __init__(self, column: PolarsColumn) -> None:
        self.column = column
        self._waiting: deque[pl.Series] = deque()
        self._lock = allocate_lock()

    def put(self, values: pl.Series) -> _Turns:
        """Add a batch to the queue; each is worth one call of `take`."""
        self._waiting.append(values)
        return self

    def take(self) -> None:
        """Add the first batch of the queue to the column."""
        with self._lock:
            self.column.add_series(self._waiting.popleft())


def _finish(tasks: list[Future[None]]) -> None:
    """Wait for them; raises what was raised there."""
    for task in tasks:
        task.result()


def _frames(source: CsvSource, problem: Problem | None, parser: Executor) -> Iterator[pl.DataFrame]:
    width = len(source.header)
    for block in source.blocks(_BLOCK_BYTES):
        frame = _checked(block, source.delimiter, width, parser)
        if frame is None:
            yield from _of_rows(source.rows_of(block, problem), width)
        else:
            source.count(frame.height, len(block))
            yield frame
    yield from _of_rows(source.batches(problem), width)


def _of_rows(batches: Iterator[list[Row]], width: int) -> Iterator[pl.DataFrame]:
    most = max(1, _FRAME_FIELDS // width // 512)
    while several := list(islice(batches, most)):
        columns = zip(*[row for rows in several for row in rows], strict=True)
        yield pl.DataFrame([pl.Series(str(at), texts, dtype=pl.String) for at, texts in enumerate(columns)])


def _checked(block: bytes, delimiter: str, width: int, parser: Executor) -> pl.DataFrame | None:
    """Return a block's fields as texts, blank ones as null; None if it is not simple."""
    if not block.endswith(b"\n"):
        block += b"\n"
    parsing = parser.submit(_parsed, block, delimiter, width)
    sign = delimiter.encode("ascii")
    outside = _outside_quotes(block, sign, width)
    frame = parsing.result()
    return frame if outside and frame is not None and _are_rows_whole(block, outside, frame, sign) else None


def _parsed(block: bytes, delimiter: str, width: int) -> pl.DataFrame | None:
    """Return what polars makes of a block; None if it refuses it."""
    try:
        return pl.read_csv(
            block,
            has_header=False,
            separator=delimiter,
            schema={str(at): pl.String for at in range(width)},
            truncate_ragged_lines=False,
            low_memory=True,  # quicker, too: the block is not shared out among threads
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):  # a row with more fields, or no UTF-8
        return None


def _outside_quotes(block: bytes, sign: bytes, width: int) -> list[bytes] | None:
    """Return the parts of a block around its fields in quotes; None if it has blank lines, odd line ends or quotes."""
    if block.startswith((b"\n", b"\r", _MARK)) or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        return None
    if width == 1 and (b"\n\n" in block or b"\n\r\n" in block):
        return None  # in wider tables such a line lacks delimiters
    outside = block.split(b'"')[::2]
    return outside if len(outside) == 1 or _are_quotes_at_ends(outside, sign) else None


def _are_rows_whole(block: bytes, outside: list[bytes], frame: pl.DataFrame, sign: bytes) -> bool:
    """Tell whether no row has too few fields; polars fills those and says nothing.

    Counting the delimiters tells; adding up the bytes of all fields is quicker, where line ends are one byte: short
    rows and blank lines, which polars takes for rows of nulls, both lack some.
    """
    signs = frame.height * (frame.width - 1)
    if b"\r" in block:
        return b"".join(outside).count(sign) == signs
    fields: int = sum(frame.select(pl.all().str.len_bytes().sum()).row(0))
    quotes = 2 * (len(outside) - 1) - outside[1:-1].count(b"")  # of a doubled one, one is part of the field
    return fields + quotes + signs + frame.height == len(block)


def _are_quotes_at_ends(outside: list[bytes], sign: bytes) -> bool:
    """Tell whether fields in quotes begin and end where fields do, from every other part between quotes.

    An empty part stands between two quotes in a row: one in a field in quotes, doubled.
    """
    first, last = outside[0], outside[-1]
    if first[-1:] not in (b"", sign, b"\n") or last[:1] not in (sign, b"\n", b"\r"):
        return False
    middle = list(filter(None, outside[1:-1]))
    starts, ends = set(map(itemgetter(0), middle)), set(map(itemgetter(-1), middle))
    return starts <= {*sign, *b"\n\r"} and ends <= {*sign, *b"\n"}
