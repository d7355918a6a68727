"""Tar archives: their entries read from a stream, and the headers of new ones.

What most headers are, a plain file's or folder's with a short name, is read and written here, several times as fast as
`tarfile` does; everything else (pax and GNU extensions, links, sparse files, damage) is left to `tarfile`. Formats:
POSIX.1-1988 ustar as described in POSIX.1-2017 "pax", https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html

Below `archive_reading` and `archive_writing`, above `archive_guard` and `archive_streams`.
"""

from __future__ import annotations

from zlib import adler32

from llmspell_tools.builtin.filesystem.archive_guard import Guard, Member
from llmspell_tools.builtin.filesystem.archive_streams import PIECE_BYTES, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

BLOCK_BYTES = 512
_FILE, _FOLDER = b"0", b"5"
#: What follows the checksum of a plain header: type, no link, magic, no names of owners, no device.
_REST = b"%b" + bytes(100) + b"ustar\x0000" + bytes(247)
#: The largest numbers that fit into 7 and 11 octal digits.
_MOST_SECONDS = _MOST_BYTES = 8**11 - 1
_NAME_BYTES = 100


def checksum(block: bytes) -> int:
    """Return the sum of a header's bytes, its own checksum's taken as blanks."""
    # adler32's low half is 1 and the sum of the bytes, modulo 65521: exact for up to 256 of them.
    low, high = adler32(block[:256]), adler32(block[256:])
    return (low & 0xFFFF) + (high & 0xFFFF) - 2 - sum(block[148:156]) + 8 * 32


def is_tar(block: bytes) -> bool:
    """Return whether 512 bytes are a tar header: its checksum is right (an empty tar is zeros)."""
    if len(block) < BLOCK_BYTES:
        return False
    if not any(block):
        return True
    try:
        said = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    return said == checksum(block)


def plain_header(name: str, *, is_folder: bool, mode: int, size: int, modified: int) -> bytes | None:
    """Return the header of a file or folder, as `tarfile` would write it; None where it takes more than one block.

    Args:
        name: Without a slash at its end.
        is_folder: Whether the type is a folder's.
        mode: Permission bits.
        size: Bytes of the content.
        modified: Seconds since 1970.
    """
    raw = (name + "/" if is_folder else name).encode("utf-8", "surrogateescape")
    if len(raw) > _NAME_BYTES or not name.isascii():
        return None
    if not 0 <= modified <= _MOST_SECONDS or size > _MOST_BYTES:
        return None
    start = b"%b%07o\x000000000\x000000000\x00%011o\x00%011o\x00" % (
        raw.ljust(_NAME_BYTES, b"\0"),
        mode,
        size,
        modified,
    )
    rest = _REST % (_FOLDER if is_folder else _FILE)
    total = checksum(start + b"        " + rest)
    return b"%b%06o\x00 %b" % (start, total, rest)


def plain_member(block: bytes, at: int) -> Member | None:
    """Return the entry of a plain file's or folder's header; None where `tarfile` must look at it.

    Args:
        block: 512 bytes.
        at: Where the content starts, kept as the entry's handle.
    """
    kind = block[156:157]
    if len(block) != BLOCK_BYTES or kind not in (_FILE, _FOLDER) or block[257:262] != b"ustar":
        return None
    mode, size, modified, said = (
        block[start:end].rstrip(b"\0 ") for start, end in ((100, 108), (124, 136), (136, 148), (148, 156))
    )
    if not (mode + size + modified + said).isdigit() or not (mode and size and modified and said):
        return None  # binary numbers, or damage
    try:
        length = int(size, 8)
        if int(said, 8) != checksum(block) or (kind == _FOLDER and length):
            return None
        bits, moment = int(mode, 8), float(int(modified, 8))
    except ValueError:
        return None
    name = block[:_NAME_BYTES].partition(b"\0")[0]
    if block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    text = name.decode("utf-8", "surrogateescape")
    if kind == _FOLDER:
        return Member(text.rstrip("/"), "directory", 0, mode=bits, modified=moment, handle=at)
    return Member(text, "file", length, mode=bits, modified=moment, handle=at)


class Tar:
    """A tar archive that is read.

    Args:
        stream: A `PlainStream` or an `InflatedStream`, at its start.
        format: tar, tar.gz, ...
        path: Of the archive, for messages.
        guard: Counts what is unpacked.
        counts: Whether its own bytes count as unpacked (a compressed one's do already).
    """

    def __init__(self, stream: Any, format: str, path: str, guard: Guard, *, counts: bool) -> None:
        self.format = format
        self._stream = stream
        self._path = path
        self._guard = guard
        self._counts = counts

    def members(self) -> Iterator[Member]:
        """Give the entries."""
        import tarfile

        reader = _Reader(self._stream)
        try:
            while (member := reader.next()) is not None:
                yield member
            if any(self._stream.last):  # tarfile takes a damaged header for the end
                raise damaged(self._path, "one of its headers is damaged, or it is cut short")
            while not self._counts and self._stream.read(PIECE_BYTES):
                pass  # the end of the compressed data holds its checksum
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            raise damaged(self._path, f"its headers are damaged ({error})") from None

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Give a file's content."""
        handle: Any = member.handle
        is_sparse = False
        reader: Any = self._stream
        if isinstance(handle, int):
            reader.seek(handle)
        else:
            info, tar = handle
            is_sparse = info.issparse()
            if is_sparse:
                reader = tar.extractfile(info)
            else:
                reader.seek(info.offset_data)
        counts = self._counts or is_sparse
        left = member.size
        while left > 0:
            piece = reader.read(min(left, PIECE_BYTES))
            if not piece:
                raise damaged(self._path, f"it is cut short in '{member.name}'")
            left -= len(piece)
            if counts:
                self._guard.unpacked(len(piece))
            yield piece


class _Reader:
    """Goes from header to header; who reads contents in between may leave the stream anywhere."""

    __slots__ = ("_at", "_stream", "_tar")

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._at = 0
        self._tar: Any = None

    def next(self) -> Member | None:
        """Return the next entry, None after the last."""
        at = self._at
        # A global pax header changes all that follow.
        if self._tar is None or not self._tar.pax_headers:
            self._stream.seek(at)
            member = plain_member(self._stream.read(BLOCK_BYTES), at + BLOCK_BYTES)
            if member is not None:
                self._at = at + BLOCK_BYTES + (member.size + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES
                return member
        return self._special(at)

    def _special(self, at: int) -> Member | None:
        import tarfile

        self._to(at)
        if self._tar is None:
            self._tar = tarfile.TarFile(fileobj=self._stream, mode="r", encoding="utf-8", errors="surrogateescape")
        else:
            self._tar.offset = at
        info = self._tar.next()
        self._tar.members = []  # it would remember them all
        self._at = self._tar.offset
        return None if info is None else _member(info, self._tar)

    def _to(self, at: int) -> None:
        """Go to a header, or to where the data ends, which `tarfile` notices only by the byte before the header."""
        import tarfile

        self._stream.seek(max(0, at - 1))
        if at and not self._stream.read(1):
            raise tarfile.ReadError("unexpected end of data")


def _member(info: Any, tar: Any) -> Member:
    if info.isreg():
        kind = "file"
    elif info.isdir():
        kind = "directory"
    elif info.issym():
        kind = "symlink"
    else:
        kind = "hardlink" if info.islnk() else "other"
    return Member(
        info.name, kind, info.size, mode=info.mode, modified=float(info.mtime), target=info.linkname, handle=(info, tar)
    )
