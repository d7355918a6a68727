"""Which files file-search looks into, and their bytes; keeps count of those that it leaves out, and why."""

from __future__ import annotations

import os
from os import close, pread, read
from os import open as open_fd

from llmspell_tools.tree import READ_FLAGS, folders, shown_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.tree import Folder
    from llmspell_tools.types import JsonValue

#: Most files fit into one read.
_FIRST_BYTES = 1 << 16
#: Where a NUL character makes a file a binary one, as git and grep look.
_LOOK_BYTES = 8192


class Sources:
    """The files of one search.

    Args:
        context: Of the call.
        path: File or folder.
        depth: How many folders deep, 1 for the folder alone.
        recursive: Whether a folder inside is entered at all.
        include: Extensions in lower case without dot, or "*"; a file that is named itself needs none.
        exclude: Extensions that are left out.
        without: Names of folders that are not entered.
        max_bytes: Larger files are skipped.
    """

    __slots__ = (
        "_context", "_depth", "_exclude", "_include", "_max_bytes", "_max_listed", "_path", "_recursive", "_without",
        "searched", "skipped", "skipped_count",
    )  # fmt: skip

    def __init__(
        self,
        context: ToolContext,
        path: str,
        *,
        depth: int,
        recursive: bool,
        include: list[str],
        exclude: list[str],
        without: list[str],
        max_bytes: int,
    ) -> None:
        settings: Mapping[str, Any] = context.settings
        self._context = context
        self._path = path
        self._depth = depth
        self._max_bytes = max_bytes
        self._recursive = recursive
        self._include = None if "*" in include else frozenset(include)
        self._exclude = frozenset(exclude)
        self._without = frozenset(without)
        self._max_listed = settings["max_listed_skipped"]
        self.searched = 0
        self.skipped: list[JsonValue] = []
        self.skipped_count = 0

    def contents(self) -> Iterator[tuple[Folder, str, bytes]]:
        """Give folder, name and bytes of each text file; what is skipped is noted.

        One loop without calls of our own: on a tree of small files they would cost as much as the system does.
        """
        context, max_bytes, tool = self._context, self._max_bytes, self._context.tool
        check = context.check
        for folder in folders(
            context.policy, self._path, tool, max_depth=self._depth, enter=self._enters, problem=self.skip
        ):
            check()
            folder_fd = folder.fd
            # A file that was named itself is searched whatever its name.
            for name in filter(self._wants, folder.files) if folder.shown else folder.files:
                try:
                    fd = open_fd(name, READ_FLAGS, dir_fd=folder_fd)
                    try:
                        content = read(fd, _FIRST_BYTES)
                        if len(content) == _FIRST_BYTES:
                            content = _whole(fd, max_bytes)
                            check()
                    finally:
                        close(fd)
                except OSError as error:
                    self.skip(self.shown(folder, name), (error.strerror or "cannot be read").lower())
                    continue
                if len(content) > max_bytes:
                    self.skip(self.shown(folder, name), f"larger than max_file_size ({max_bytes} bytes)")
                elif content.find(0, 0, _LOOK_BYTES) >= 0:
                    self.skip(self.shown(folder, name), "binary file")
                else:
                    self.searched += 1
                    yield folder, name, content

    def shown(self, folder: Folder, name: str) -> str:
        """Return a file's path for people."""
        return folder.shown + shown_name(name) if folder.shown else self._path

    def skip(self, path: str, reason: str) -> None:
        """Count something left out, and list it while there is room."""
        self.skipped_count += 1
        if len(self.skipped) < self._max_listed:
            self.skipped.append({"file_path": path, "reason": reason})

    def _enters(self, name: str) -> bool:
        return self._recursive and name not in self._without

    def _wants(self, name: str) -> bool:
        at = name.rfind(".")
        extension = name[at + 1 :] if at >= 0 else ""
        if self._include is not None and extension not in self._include and extension.lower() not in self._include:
            return False
        return not self._exclude or extension.lower() not in self._exclude


def _whole(fd: int, max_bytes: int) -> bytes:
    """Return a file's bytes, or one more than the limit; mostly in one piece, since joining copies it all again."""
    size = min(os.fstat(fd).st_size, max_bytes) + 1
    content = pread(fd, size, 0)
    if len(content) < size or size > max_bytes:
        return content
    parts = [content]  # it has grown
    at = size
    while at <= max_bytes and (part := pread(fd, min(_FIRST_BYTES, max_bytes + 1 - at), at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
