"""Entries of an archive of any format, one after the other, and their content in pieces.

Which format it is, the file's first bytes say: a `.tgz` that is a plain gz file is read as one. Tar headers are parsed
by `archive_tar`, zip ones by `zipfile`, both behind streams that bound what a header can make them read; a zip's
central directory is counted and its entries are checked not to overlap before `zipfile` sees it.
"""

from __future__ import annotations

import os
import stat

from llmspell_tools import files
from llmspell_tools.builtin.filesystem.archive_guard import Guard, Member
from llmspell_tools.builtin.filesystem.archive_streams import (
    PIECE_BYTES,
    InflatedStream,
    PlainStream,
    compression_of,
    damaged,
    inflated,
)
from llmspell_tools.builtin.filesystem.archive_tar import Tar, is_tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, BinaryIO, Self

    from llmspell_tools.definition import ToolContext

#: The end of a zip's central directory, and how far from the file's end it may lie (its comment).
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22 + 65535
_ZIP_ENTRY = b"PK\x01\x02"
_ZIP_ENTRY_BYTES = 46


class Archive:
    """An open archive; use as a context manager.

    Args:
        context: Of the call.
        path: As the caller wrote it.
    """

    __slots__ = ("_context", "_path", "_reader", "_source", "format", "guard")

    def __init__(self, context: ToolContext, path: str) -> None:
        self._context = context
        self._path = path
        self._reader = files.open_read(context.policy, path, context.tool)
        try:
            size = os.fstat(self._reader.fileno()).st_size
            #: Counts what is unpacked.
            self.guard = Guard(context, path, size)
            self._source = self._open()
        except BaseException:
            self._reader.close()
            raise
        #: zip, tar, tar.gz, ..., gz, ...
        self.format = self._source.format

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def members(self) -> Iterator[Member]:
        """Give the entries; each is counted."""
        for member in self._source.members():
            self.guard.entry()
            yield member

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Give a file's content; to be read before the next entry."""
        return self._source.pieces(member)

    def _open(self) -> _Zip | Tar | _Single:
        start = self._reader.read(512)
        self._reader.seek(0)
        if start[:4] in (b"PK\x03\x04", _ZIP_END):
            return _Zip(self._context, self._reader, self._path, self.guard)
        compression = compression_of(start)
        if compression is None:
            if is_tar(start):
                return Tar(PlainStream(self._reader), "tar", self._path, self.guard, counts=True)
            raise damaged(self._path, "it is no zip, tar, gz, bz2, xz or zst file")
        stream = InflatedStream(inflated(self._reader, compression, self._path), self.guard.unpacked)
        first = stream.read(512)
        self._reader.seek(0)
        self.guard.total = 0
        stream = InflatedStream(inflated(self._reader, compression, self._path), self.guard.unpacked)
        if is_tar(first):
            return Tar(stream, f"tar.{compression}", self._path, self.guard, counts=False)
        return _Single(stream, compression, self._path)


class _Single:
    """One compressed file, whose name is the archive's without its extension."""

    def __init__(self, stream: InflatedStream, compression: str, path: str) -> None:
        self.format = compression
        self._stream = stream
        name = os.path.basename(path)
        base, _, extension = name.rpartition(".")
        self._name = base if base and extension.lower() == compression else f"{name}.out"

    def members(self) -> Iterator[Member]:
        yield Member(self._name, "file", 0)

    def pieces(self, member: Member) -> Iterator[bytes]:
        del member
        while piece := self._stream.read(PIECE_BYTES):
            yield piece


class _Zip:
    """A zip archive, read by its central directory."""

    format = "zip"

    def __init__(self, context: ToolContext, reader: BinaryIO, path: str, guard: Guard) -> None:
        import zipfile

        self._path = path
        self._guard = guard
        settings: Mapping[str, Any] = context.settings
        self._count_entries(reader, settings["max_entries"])
        try:
            self._zip = zipfile.ZipFile(reader)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
            raise damaged(path, f"its directory is damaged ({error})") from None
        self._check_overlap()

    def members(self) -> Iterator[Member]:
        for info in self._zip.infolist():
            yield self._member(info)

    def pieces(self, member: Member) -> Iterator[bytes]:
        import lzma
        import zipfile
        import zlib

        info: Any = member.handle
        if info.flag_bits & 0x1:
            raise self._guard.refused(member.name, "it is encrypted")
        size = 0
        try:
            with self._zip.open(info) as reader:
                while piece := reader.read(PIECE_BYTES):
                    self._guard.unpacked(len(piece))
                    size += len(piece)
                    yield piece
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, ValueError) as error:
            raise damaged(self._path, f"entry '{member.name}' is damaged or cannot be read ({error})") from None
        if size != info.file_size:
            raise damaged(self._path, f"entry '{member.name}' is not as long as it says")

    def _member(self, info: Any) -> Member:
        mode = info.external_attr >> 16
        target = ""
        kind = "directory" if info.is_dir() else "file"
        if stat.S_ISLNK(mode):
            kind = "symlink"
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "other"
        name = _zip_name(info)
        member = Member(
            name,
            kind,
            info.file_size,
            mode=stat.S_IMODE(mode) or 0o644,
            modified=_zip_time(info.date_time),
            target=target,
            compressed_size=info.compress_size,
            handle=info,
        )
        if kind == "symlink":
            if info.file_size > 4096:
                raise self._guard.refused(name, "it is a link with an endless target")
            member.target = b"".join(self.pieces(member)).decode("utf-8", "surrogateescape")
        return member

    def _count_entries(self, reader: BinaryIO, most: int) -> None:
        """Refuse a directory of too many entries before it is parsed; what the end record says is not believed."""
        end = reader.seek(0, 2)
        reader.seek(max(0, end - _ZIP_END_BYTES))
        tail = reader.read(_ZIP_END_BYTES)
        at = tail.rfind(_ZIP_END)
        if at < 0:
            raise damaged(self._path, "it has no central directory (is it cut short?)")
        # Every entry starts with its mark; a mark inside other data only makes the count larger.
        size = int.from_bytes(tail[at + 12 : at + 16], "little")
        if size == 0xFFFFFFFF or size > end:
            size = min(end, (most + 1) * 400)  # zip64, or a lie; the search below is bounded
        directory_end = max(0, end - len(tail)) + at
        reader.seek(max(0, directory_end - size))
        if size > (most + 1) * 66_000 or reader.read(min(size, (most + 1) * 400)).count(_ZIP_ENTRY) > most:
            raise self._guard.exceeded("max_entries", f"more than {most} entries")
        reader.seek(0)

    def _check_overlap(self) -> None:
        """Refuse entries that share bytes (a bomb of one kernel under many names)."""
        from itertools import pairwise

        infos = sorted(self._zip.infolist(), key=lambda info: info.header_offset)
        for info, following in pairwise(infos):
            end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
            if end > following.header_offset:
                raise self._guard.refused(following.filename, "it overlaps another entry")
        if infos and infos[-1].header_offset + 30 + infos[-1].compress_size > self._zip.start_dir:
            raise self._guard.refused(infos[-1].filename, "it overlaps the directory")


def _zip_name(info: Any) -> str:
    """Return an entry's name; unmarked UTF-8, as Info-ZIP writes it on Unix, is taken as such."""
    name: str = info.filename
    if not name.isascii() and not info.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass  # it is what zipfile took it for
    return name


def _zip_time(moment: tuple[int, int, int, int, int, int]) -> float:
    import time

    try:
        return time.mktime((*moment, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0
