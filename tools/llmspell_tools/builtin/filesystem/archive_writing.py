"""Make an archive of files and folders: written beside its place and put there when it is whole.

A file is stored under its own name, a folder under its name with everything below it; links inside a folder are stored
as links, pipes and devices are left out and listed. Owners are not stored.
"""

from __future__ import annotations

import os
import stat

from llmspell_tools import files
from llmspell_tools.builtin.filesystem.archive_streams import PIECE_BYTES
from llmspell_tools.builtin.filesystem.archive_tar import BLOCK_BYTES, plain_header
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.paths import failed, walk
from llmspell_tools.schema_values import shown
from llmspell_tools.tree import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from llmspell_tools.builtin.filesystem.archive_guard import Guard
    from llmspell_tools.definition import ToolContext
    from llmspell_tools.tree import Entry

#: Endings of the file's name and the format that they mean, the longest first.
FORMATS = {
    ".tar.gz": "tar.gz", ".tar.bz2": "tar.bz2", ".tar.xz": "tar.xz", ".tar.zst": "tar.zst", ".tgz": "tar.gz",
    ".tbz2": "tar.bz2", ".tbz": "tar.bz2", ".txz": "tar.xz", ".tzst": "tar.zst", ".tar": "tar", ".zip": "zip",
    ".gz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst",
}  # fmt: skip


def format_of(path: str) -> str:
    """Return the format that a path's ending means.

    Raises:
        InvalidParameters: None.
    """
    lower = path.lower()
    for ending, name in FORMATS.items():
        if lower.endswith(ending):
            return name
    raise InvalidParameters(
        f"'{shown(path, 200)}' does not say which archive to make; end it with one of: {', '.join(FORMATS)}",
        field="path",
    )


def write_archive(
    context: ToolContext, path: str, inputs: Sequence[str], level: int, guard: Guard
) -> tuple[int, list[str]]:
    """Make an archive.

    Args:
        context: Of the call.
        path: Of the archive; its ending says the format.
        inputs: Files and folders.
        level: 1 to 9.
        guard: Counts what goes in.

    Returns:
        How many files went in, and paths that were left out: pipes, sockets, devices.
    """
    format = format_of(path)
    with files.write_atomic(context.policy, path, context.tool) as file:
        sources = _Sources(context, inputs, guard, _own(context, path, file))
        if format == "zip":
            _write_zip(file, sources, level)
        elif format.startswith("tar"):
            compressed = _compressor(file, format.partition(".")[2], level)
            _write_tar(compressed, sources)
            if compressed is not file:
                compressed.close()
        else:
            compressed = _compressor(file, format, level)
            _write_single(compressed, sources, path)
            compressed.close()
        return sources.files, sources.left_out


class _Item:
    """Something to store; a file's content is read through ``fd``, which the source closes."""

    __slots__ = ("facts", "fd", "kind", "name", "target")

    def __init__(self, name: str, kind: str, facts: os.stat_result, fd: int = -1, target: str = "") -> None:
        self.name = name
        self.kind = kind
        self.facts = facts
        self.fd = fd
        self.target = target


class _Sources:
    """What goes into the archive, in order."""

    def __init__(
        self, context: ToolContext, inputs: Sequence[str], guard: Guard, own: frozenset[tuple[int, int]]
    ) -> None:
        self._context = context
        self._own = own
        self._settings: Mapping[str, Any] = context.settings
        self._inputs = inputs
        self._guard = guard
        self.left_out: list[str] = []
        self.files = 0

    def items(self) -> Iterator[_Item]:
        """Give each item; its file is closed when the next one is asked for."""
        names: set[str] = set()
        for path in self._inputs:
            base = os.path.basename(os.path.normpath(path))
            if base in names:
                raise InvalidParameters(f"two inputs have the name '{base}'; an archive holds each once", field="input")
            names.add(base)
            yield from self._below(path, "" if base in (".", "..") else base)

    def content(self, item: _Item) -> Iterator[bytes]:
        """Give a file's content, as long as it was when it was opened."""
        left = item.facts.st_size
        while left > 0:
            piece = os.read(item.fd, min(left, PIECE_BYTES))
            if not piece:
                piece = bytes(min(left, PIECE_BYTES))  # it was cut while being read; tar pads as well
            left -= len(piece)
            self._guard.written(len(piece))
            self._guard.total += len(piece)
            yield piece

    def _below(self, path: str, base: str) -> Iterator[_Item]:
        context = self._context
        first = True
        for entry in tree(context.policy, path, context.tool, max_depth=64, problem=self._left_out):
            if first and base and entry.relative:
                yield from self._counted(_Item(base, "directory", os.stat(entry.folder_fd)))
            first = False
            name = f"{base}/{entry.relative}".strip("/") if entry.relative else base
            if entry.kind == "file":
                yield from self._file(entry, name)
            elif entry.kind == "other":
                self._left_out(entry.shown, "")
            else:
                target = entry.target() if entry.kind == "symlink" else ""
                yield from self._counted(_Item(name, entry.kind, entry.facts(), target=target))
        if first and base:
            yield from self._counted(_Item(base, "directory", _FOLDER_FACTS))

    def _file(self, entry: Entry, name: str) -> Iterator[_Item]:
        try:
            fd = entry.open()
        except OSError as error:
            raise failed("read", entry.shown, error) from error
        try:
            facts = os.fstat(fd)
            if (facts.st_dev, facts.st_ino) not in self._own:  # the archive itself, in a folder that goes into it
                self.files += 1
                yield from self._counted(_Item(name, "file", facts, fd))
        finally:
            os.close(fd)

    def _counted(self, item: _Item) -> Iterator[_Item]:
        self._guard.entry()
        most = self._settings["max_total_bytes"]
        if item.kind == "file" and self._guard.total + item.facts.st_size > most:
            raise self._guard.exceeded("max_total_bytes", f"more than {most} bytes")
        yield item

    def _left_out(self, path: str, reason: str) -> None:
        del reason
        self.left_out.append(path)


def _own(context: ToolContext, path: str, file: BinaryIO) -> frozenset[tuple[int, int]]:
    """Return device and inode of the archive in the making and of the one that it replaces."""
    facts = [os.fstat(file.fileno())]
    with walk(context.policy, path, context.tool, "write") as place:
        if place.found is not None:
            facts.append(place.found)
    return frozenset((each.st_dev, each.st_ino) for each in facts)


_FOLDER_FACTS = os.stat_result((stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0))


def _write_tar(file: Any, sources: _Sources) -> None:
    import tarfile

    for item in sources.items():
        is_file = item.kind == "file"
        size = item.facts.st_size if is_file else 0
        mode, modified = item.facts.st_mode & 0o777, int(item.facts.st_mtime)
        header = None
        if item.kind != "symlink":
            header = plain_header(item.name, is_folder=not is_file, mode=mode, size=size, modified=modified)
        if header is None:
            info = tarfile.TarInfo(item.name)
            info.mode, info.mtime, info.size = mode, modified, size
            info.type = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE}[item.kind]
            info.linkname = item.target
            header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        file.write(header)
        if is_file:
            for piece in sources.content(item):
                file.write(piece)
            file.write(bytes(-size % BLOCK_BYTES))
    file.write(bytes(2 * BLOCK_BYTES))


def _write_zip(file: BinaryIO, sources: _Sources, level: int) -> None:
    import time
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for item in sources.items():
            moment = time.localtime(max(item.facts.st_mtime, 315_619_200))[:6]  # zip begins in 1980
            info = zipfile.ZipInfo(item.name + ("/" if item.kind == "directory" else ""), moment)
            info.compress_type = zipfile.ZIP_DEFLATED if item.kind == "file" else zipfile.ZIP_STORED
            _set_level(info, level)
            kind = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "symlink": stat.S_IFLNK}[item.kind]
            info.external_attr = (kind | stat.S_IMODE(item.facts.st_mode) & 0o777) << 16
            if item.kind == "file":
                info.file_size = item.facts.st_size
                with archive.open(info, "w") as target:
                    for piece in sources.content(item):
                        target.write(piece)
            else:
                archive.writestr(info, item.target)


def _set_level(info: Any, level: int) -> None:
    """Set the level of an entry: the archive's own does not hold for entries whose facts are given.

    Python calls it `_compresslevel` up to 3.12, then `compress_level`.
    """
    name = "compress_level" if hasattr(info, "compress_level") else "_compresslevel"
    setattr(info, name, level)


def _write_single(file: Any, sources: _Sources, path: str) -> None:
    for item in sources.items():
        if item.kind != "file" or sources.files > 1:
            raise InvalidParameters(f"'{path}' holds one file; end it with .tar.gz or .zip for more", field="input")
        for piece in sources.content(item):
            file.write(piece)


def _compressor(file: Any, compression: str, level: int) -> Any:
    if compression == "gz":
        import gzip

        return gzip.GzipFile("", "wb", level, file)
    if compression == "bz2":
        import bz2

        return bz2.BZ2File(file, "wb", compresslevel=level)
    if compression == "xz":
        import lzma

        return lzma.LZMAFile(file, "wb", preset=level)
    if compression == "zst":
        import zstandard

        return zstandard.ZstdCompressor(level=level, write_checksum=True).stream_writer(file, closefd=False)
    return file
