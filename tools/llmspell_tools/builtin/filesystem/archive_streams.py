"""Compressed data as a stream that never gives more than was asked for: gz, bz2, xz and zst.

The formats are told by their first bytes, not by the file's name. Every decompressor is asked for a bounded piece at a
time, so a bomb is noticed by counting and never held in memory. A stream that ends before its end mark is an error.
"""

from __future__ import annotations

from llmspell_tools.errors import LimitExceeded, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

#: Bytes read and given in one piece.
PIECE_BYTES = 1 << 18
#: Most that one `read` may ask for: the headers of a tar archive say how long they are, and may lie.
MAX_READ_BYTES = 1 << 20
#: How far back a stream can always go: a tar header is looked at twice, and then the byte before it.
_BACK_BYTES = 513
#: xz: memory for its dictionary.
_XZ_MEMORY_BYTES = 256 << 20
#: zst: one byte of input can stand for 40,000 of output, and it has no way to ask for less.
_ZST_INPUT_BYTES = 2048

MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}


def compression_of(start: bytes) -> str | None:
    """Return gz, bz2, xz or zst by a file's first bytes; None for anything else."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def damaged(path: str, reason: str) -> ToolExecutionError:
    """Return the error for an archive that cannot be read."""
    return ToolExecutionError(f"cannot unpack '{path}': {reason}", details={"path": path, "reason": reason})


class PlainStream:
    """A file as `tarfile` wants it: bounded reads, real seeks."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        #: What was read last: a tar reader's last header.
        self.last = b""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        self.last = self._reader.read(_bounded(size))
        return self.last

    def tell(self) -> int:
        """Return the position."""
        return self._reader.tell()

    def seek(self, position: int) -> int:
        """Go to a position."""
        return self._reader.seek(position)


class InflatedStream:
    """Decompressed data as `tarfile` wants it: it goes forward, and as far back as one header.

    Args:
        pieces: From `inflated`.
        count: Told of each piece's bytes; raises when there are too many.
    """

    def __init__(self, pieces: Iterator[bytes], count: Callable[[int], None]) -> None:
        self._pieces = pieces
        self._count = count
        self._piece = b""
        self._at = 0
        self._start = 0
        #: What was read last: a tar reader's last header.
        self.last = b""

    def tell(self) -> int:
        """Return the position."""
        return self._start + self._at

    def seek(self, position: int) -> int:
        """Go forward, or back as far as the last piece reaches; the end of the data stops it."""
        if position < self._start:
            raise ValueError("cannot seek so far back")
        while position > self._start + len(self._piece):
            if not self._next():
                break
        self._at = min(position - self._start, len(self._piece))
        return self.tell()

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        left = _bounded(size)
        parts: list[bytes] = []
        while left:
            part = self._piece[self._at : self._at + left]
            if part:
                parts.append(part)
                self._at += len(part)
                left -= len(part)
            elif not self._next():
                break
        self.last = parts[0] if len(parts) == 1 else b"".join(parts)
        return self.last

    def _next(self) -> bool:
        piece = next(self._pieces, b"")
        if not piece:
            return False
        self._count(len(piece))
        last = self._piece[-_BACK_BYTES:]
        self._start += len(self._piece) - len(last)
        self._piece = last + piece
        self._at = len(last)
        return True


def _bounded(size: int) -> int:
    if not 0 <= size <= MAX_READ_BYTES:
        raise LimitExceeded(f"an archive's header says it is {size} bytes long; at most {MAX_READ_BYTES} are read")
    return size


def inflated(reader: BinaryIO, compression: str, path: str) -> Iterator[bytes]:
    """Give the decompressed data in pieces.

    Args:
        reader: At the start of the compressed data.
        compression: gz, bz2, xz or zst.
        path: For messages.

    Raises:
        ToolExecutionError: The data is damaged or ends too early.
    """
    import lzma
    import zlib

    failures: list[type[Exception]] = [zlib.error, lzma.LZMAError, EOFError, ValueError]
    if compression == "zst":
        import zstandard

        failures.append(zstandard.ZstdError)
    source = {"gz": _gz, "bz2": _bz2, "xz": _xz, "zst": _zst}[compression](reader)
    try:
        for piece in source:
            if piece:
                yield piece
    except tuple(failures) as error:
        raise damaged(path, f"the {compression} data is damaged or cut short ({error})") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise damaged(path, f"the {compression} data is damaged ({error})") from None  # bz2 says it so


def _gz(reader: BinaryIO) -> Iterator[bytes]:
    import zlib

    decoder = zlib.decompressobj(31)
    data = reader.read(PIECE_BYTES)
    while data or not decoder.eof:
        if decoder.eof:  # another member, or zeros that fill a tape block
            data = data.lstrip(b"\0") or reader.read(PIECE_BYTES).lstrip(b"\0")
            if not data:
                return
            decoder = zlib.decompressobj(31)
        piece = decoder.decompress(data, PIECE_BYTES)
        yield piece
        data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        if not data and (decoder.eof or len(piece) < PIECE_BYTES):
            data = reader.read(PIECE_BYTES)
            if not data and not decoder.eof:
                raise EOFError("it ends too early")


def _bz2(reader: BinaryIO) -> Iterator[bytes]:
    import bz2

    yield from _by_steps(reader, bz2.BZ2Decompressor)


def _xz(reader: BinaryIO) -> Iterator[bytes]:
    import lzma

    yield from _by_steps(reader, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES))


def _by_steps(reader: BinaryIO, make: Callable[[], object]) -> Iterator[bytes]:
    from typing import Any

    decoder: Any = make()
    data = reader.read(PIECE_BYTES)
    while True:
        if decoder.eof:
            data = decoder.unused_data.lstrip(b"\0") or reader.read(PIECE_BYTES).lstrip(b"\0")
            if not data:
                return
            decoder = make()
        if decoder.needs_input and not data:
            data = reader.read(PIECE_BYTES)
            if not data:
                raise EOFError("it ends too early")
        yield decoder.decompress(data, PIECE_BYTES)
        data = b""


def _zst(reader: BinaryIO) -> Iterator[bytes]:
    import zstandard

    context = zstandard.ZstdDecompressor()
    decoder = context.decompressobj()
    while data := reader.read(_ZST_INPUT_BYTES):
        while data:
            if decoder.eof:
                decoder = context.decompressobj()
            yield decoder.decompress(data)
            data = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise EOFError("it ends too early")
