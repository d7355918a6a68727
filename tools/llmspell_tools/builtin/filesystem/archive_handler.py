"""archive-handler: unpack, make and list zip, tar, tar.gz, tar.bz2, tar.xz, tar.zst, gz, bz2, xz and zst archives.

Unpacking is all or nothing: everything is written out of sight and moved into the target when the whole archive has
been read and nothing in it was refused (`archive_guard.py` says what is). Which format an archive to read has, its
content says; one to make gets it from its name.
"""

from __future__ import annotations

from os import close, read, utime, write

from llmspell_tools.builtin.filesystem.archive_guard import Guard, Member
from llmspell_tools.builtin.filesystem.archive_reading import Archive
from llmspell_tools.builtin.filesystem.archive_writing import write_archive
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.media import table
from llmspell_tools.paths import failed
from llmspell_tools.returns import envelope_schema, record
from llmspell_tools.staging import StagedFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Annotated, Literal

    from llmspell_tools.types import JsonObject, JsonValue

_DEFAULT_LEVEL = 6


@tool(
    name="archive-handler",
    category="filesystem",
    level="restricted",
    parameter_aliases={
        "action": "operation", "archive_path": "path", "output_dir": "target_path", "destination": "target_path",
        "files": "input",
    },
    requires={"extract": ("target_path",), "create": ("input",)},
    annotations={"read_only": False, "destructive": True, "idempotent": True, "open_world": False},
    operation_annotations={
        "list": {"read_only": True, "destructive": False, "idempotent": True, "open_world": False}
    },
    settings={
        "max_file_bytes": 100_000_000, "max_total_bytes": 1_000_000_000, "max_entries": 10_000, "max_ratio": 100,
        "ratio_from_bytes": 10_000_000, "allow_case_clash": False,
    },
    examples=(
        {
            "description": "Make an archive of a folder",
            "files": {"docs/a.txt": "hello", "docs/more/b.txt": "there"},
            "params": {"operation": "create", "path": "{folder}/backup.tar.gz", "input": ["{folder}/docs"]},
            "result": {"operation": "create", "success": True, "result": {"archived_files": 2, "total_size": 10}},
        },
        {
            "description": "See what is in it",
            "params": {"operation": "list", "path": "{folder}/backup.tar.gz"},
            "result": {"operation": "list", "result": {"format": "tar.gz", "file_count": 4}},
        },
        {
            "description": "Unpack it",
            "params": {"operation": "extract", "path": "{folder}/backup.tar.gz", "target_path": "{folder}/out"},
            "result": {"result": {"extracted_files": 2, "total_size": 10, "output_dir": "{folder}/out"}},
        },
    ),
    returns=envelope_schema(
        {
            "extract": record({"extracted_files": "integer", "total_size": "integer", "output_dir": "string"}),
            "create": record(
                {
                    "archive_path": "string", "archived_files": "integer", "total_size": "integer",
                    "compression_level": "integer", "left_out?": ["string"],
                }
            ),
            "list": record(
                {
                    "format": "string",
                    "files": [
                        record(
                            {"name": "string", "size": "integer", "compressed_size?": "integer", "is_dir": "boolean"}
                        )
                    ],
                    "file_count": "integer",
                }
            ),
        }
    ),
)  # fmt: skip
def archive_handler(
    context: ToolContext,
    *,
    operation: Literal["extract", "create", "list"],
    path: str,
    target_path: str | None = None,
    input: list[str] | None = None,
    compression_level: Annotated[int, {"minimum": 1, "maximum": 9}] = _DEFAULT_LEVEL,
) -> ToolResult:
    """Unpack, make and list zip, tar, tar.gz, tar.bz2, tar.xz, tar.zst, gz, bz2, xz and zst archives.

    Args:
        operation: What to do.
        path: The archive.
        target_path: For extract, the folder to unpack into; made if missing, files of the same name are replaced.
        input: For create, files and folders to put in, each under its own name.
        compression_level: For create, 1 (fast) to 9 (small).
    """
    if operation == "extract":
        return _extract(context, path, target_path or "")
    if operation == "create":
        return _create(context, path, input or [], compression_level)
    return _list(context, path)


def _answer(operation: str, text: str, result: JsonObject, media: list[JsonObject] | None = None) -> ToolResult:
    response = envelope(operation, result, text)
    return ToolResult(response, text=text, media=media, metadata={"operation": operation, "response": response})


def _create(context: ToolContext, path: str, inputs: list[str], level: int) -> ToolResult:
    if not all(inputs):
        raise InvalidParameters("parameter 'input' has an empty path in it", field="input")
    guard = Guard(context, path, 1)
    count, left_out = write_archive(context, path, inputs, level, guard)
    result: JsonObject = {
        "archive_path": path,
        "archived_files": count,
        "total_size": guard.total,
        "compression_level": level,
    }
    if left_out:
        result["left_out"] = [*left_out]
    return _answer("create", f"Created archive with {count} files ({guard.total} bytes)", result)


def _list(context: ToolContext, path: str) -> ToolResult:
    listed: list[JsonValue] = []
    with Archive(context, path) as archive:
        for member in archive.members():
            size = member.size
            if archive.format in ("gz", "bz2", "xz", "zst"):
                size = sum(map(len, archive.pieces(member)))
            facts: JsonObject = {"name": _shown(member.name), "size": size, "is_dir": member.kind == "directory"}
            if member.compressed_size is not None:
                facts["compressed_size"] = member.compressed_size
            listed.append(facts)
    text = f"Listed {len(listed)} files in {archive.format} archive"
    result: JsonObject = {"format": archive.format, "files": listed, "file_count": len(listed)}
    return _answer("list", text, result, table("result.files", "name", "size", "compressed_size", "is_dir"))


def _extract(context: ToolContext, path: str, target: str) -> ToolResult:
    with Archive(context, path) as archive, StagedFolder(context.policy, target, context.tool) as staged:
        extraction = _Extraction(archive, staged, target)
        for member in archive.members():
            extraction.take(member)
        extraction.finish()
        context.check()
        staged.commit()
    count, size = extraction.count, extraction.size
    text = f"Extracted {count} files ({size} bytes) to {target}"
    return _answer("extract", text, {"extracted_files": count, "total_size": size, "output_dir": target})


class _Extraction:
    """Puts one archive's entries into a staged folder."""

    __slots__ = ("_archive", "_files", "_links", "_staged", "_target", "count", "size")

    def __init__(self, archive: Archive, staged: StagedFolder, target: str) -> None:
        self._archive = archive
        self._staged = staged
        self._target = target
        self._files: set[str] = set()
        #: Made last, so that nothing is written while there is a link.
        self._links: list[tuple[str, str]] = []
        self.count = 0
        self.size = 0

    def take(self, member: Member) -> None:
        guard = self._archive.guard
        path = guard.place(member)
        if path:
            self._staged.check(path)
        try:
            if member.kind == "directory":
                self._staged.folder(path)
                return
            if member.kind == "symlink":
                guard.link_target(member, path)
                self._links.append((path, member.target))
            elif member.kind == "hardlink":
                self._copy(member, path, guard.link_target(member, path))
            else:
                self._write(member, path)
        except OSError as error:
            raise failed("write", f"{self._target.rstrip('/')}/{path}", error) from error
        self.count += 1

    def finish(self) -> None:
        for path, target in self._links:
            try:
                self._staged.link(path, target)
            except OSError as error:
                raise failed("write", f"{self._target.rstrip('/')}/{path}", error) from error

    def _write(self, member: Member, path: str) -> None:
        fd = self._staged.create(path, _mode(member.mode))
        try:
            for piece in self._archive.pieces(member):
                self._put(fd, piece)
            if _is_moment(member.modified):
                utime(fd, (member.modified, member.modified))
        finally:
            close(fd)
        self._files.add(path)

    def _copy(self, member: Member, path: str, target: str) -> None:
        """A hard link to a file of the archive becomes a copy, which counts like any other file."""
        guard = self._archive.guard
        if target not in self._files:
            raise guard.refused(member.name, "it is a hard link to something that is no file of the archive before it")
        source = self._staged.open(target)
        try:
            fd = self._staged.create(path, _mode(member.mode))
            try:
                while piece := read(source, 1 << 18):
                    guard.unpacked(len(piece))
                    self._put(fd, piece)
            finally:
                close(fd)
        finally:
            close(source)
        self._files.add(path)

    def _put(self, fd: int, piece: bytes) -> None:
        self._archive.guard.written(len(piece))
        self.size += len(piece)
        done = write(fd, piece)
        while done < len(piece):
            done += write(fd, memoryview(piece)[done:])


def _mode(mode: int) -> int:
    """Return the bits for a new file: the owner may read and write, others never write, no setuid, no sticky bit."""
    return mode & 0o755 | 0o600


def _is_moment(seconds: float) -> bool:
    return 0 < seconds < 253_402_300_800  # until the year 10000


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
