"""Walk a folder and everything below it without leaving it: no link is followed, every folder is opened from the last.

    for entry in tree(policy, "src", "file-search", max_depth=20):
        if entry.kind == "file": fd = entry.open()

The top is found by `paths.walk`, so links on the way to it are followed inside the roots; below it each folder is
opened with O_NOFOLLOW relative to the one above, so a folder that is swapped for a link is left out. What the policy
denies below the top is left out as well and reported. `tree` gives one entry after the other, a folder before what is
in it; `folders` gives whole folders, for tools that must be fast. Names come sorted.

Beside `llmspell_tools.files`, for tools that look at many files; above `paths` and `opening`. Needs `openat`.
"""

from __future__ import annotations

import errno
import os
import stat as st

from llmspell_tools.errors import PermissionDenied, ToolUnavailable
from llmspell_tools.opening import QUIET, require_regular
from llmspell_tools.paths import OPENAT, failed, walk
from llmspell_tools.policy_rules import parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_tools.policy import Policy

    #: (path as shown, reason) of something that was left out
    Problem = Callable[[str, str], None]

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
#: Flags that `Entry.open` opens with: never a link, and a pipe does not block.
READ_FLAGS = os.O_RDONLY | QUIET


class Folder:
    """A folder that a walk came by; usable until the next one is asked for.

    Args:
        fd: Open.
        path: Canonical.
        relative: Path below the top with `/` at its end, "" for the top.
        shown: The path for people, with `/` at its end; "" where the top is a file, whose name is then its path.
        files: Names of regular files, as the system has them (odd bytes as surrogates).
        folders: Names of the folders that are entered.
        others: Names and kinds (`symlink`, `other`) of the rest.
    """

    __slots__ = ("fd", "files", "folders", "others", "path", "relative", "shown")

    def __init__(self, fd: int, path: str, relative: str, shown: str) -> None:
        self.fd = fd
        self.path = path
        self.relative = relative
        self.shown = shown
        self.files: list[str] = []
        self.folders: list[str] = []
        self.others: list[tuple[str, str]] = []

    def entry(self, name: str, kind: str) -> Entry:
        """Return something in it."""
        visible = shown_name(name)
        return Entry(name, kind, self.relative + visible, self.shown + visible, self.fd)


class Entry:
    """Something that a walk came by; usable until the next one is asked for.

    Args:
        name: Last component, as the system has it (odd bytes as surrogates).
        kind: `file`, `directory`, `symlink` or `other`.
        relative: Path below the top, with `/`; the name alone directly below it, "" for the top itself.
        shown: The path for people and answers: the top as the caller wrote it, and ``relative``.
        folder_fd: The open folder that it is in; for a folder, itself.
    """

    __slots__ = ("folder_fd", "kind", "name", "relative", "shown")

    def __init__(self, name: str, kind: str, relative: str, shown: str, folder_fd: int) -> None:
        self.name = name
        self.kind = kind
        self.relative = relative
        self.shown = shown
        self.folder_fd = folder_fd

    def open(self) -> int:
        """Return a descriptor for reading, see `open_file`."""
        return open_file(self.name, self.folder_fd)

    def facts(self) -> os.stat_result:
        """Return what `lstat` says."""
        if self.kind == "directory":
            return os.fstat(self.folder_fd)
        return os.stat(self.name, dir_fd=self.folder_fd, follow_symlinks=False)

    def target(self) -> str:
        """Return the text of a link."""
        return os.readlink(self.name, dir_fd=self.folder_fd)


def open_file(name: str, folder_fd: int) -> int:
    """Return a descriptor for reading of a name that was a regular file; a link is refused, a pipe does not block.

    Raises:
        OSError: As the system says; ELOOP when it became a link.
    """
    return os.open(name, READ_FLAGS, dir_fd=folder_fd)


def tree(
    policy: Policy,
    path: str,
    tool: str,
    *,
    max_depth: int,
    enter: Callable[[str], bool] | None = None,
    problem: Problem | None = None,
) -> Iterator[Entry]:
    """Give the top, if it is no folder, or everything below it; for the parameters see `folders`."""
    for folder in folders(policy, path, tool, max_depth=max_depth, enter=enter, problem=problem):
        if folder.relative:
            name = folder.relative[:-1].rpartition("/")[2]
            yield Entry(name, "directory", folder.relative[:-1], folder.shown[:-1], folder.fd)
        if not folder.shown:  # the top is a file
            for name in folder.files:
                yield Entry(name, "file", "", path, folder.fd)
            continue
        for name in folder.files:
            yield folder.entry(name, "file")
        for name, kind in folder.others:
            yield folder.entry(name, kind)


def folders(
    policy: Policy,
    path: str,
    tool: str,
    *,
    max_depth: int,
    enter: Callable[[str], bool] | None = None,
    problem: Problem | None = None,
) -> Iterator[Folder]:
    """Give the folder and those below it; for a file, a folder that holds only it and is shown as "".

    Args:
        policy: Everything given must be readable.
        path: The top, as the caller wrote it.
        tool: Canonical name.
        max_depth: 1 gives the top alone.
        enter: Told a folder's name, whether to go into it.
        problem: Told what was left out: denied by the policy, not to be opened, too deep.

    Raises:
        InvalidParameters, PermissionDenied, ToolExecutionError: The top itself, as `paths.walk`.
    """
    if not OPENAT:
        raise ToolUnavailable("walking a tree needs a POSIX system (Linux, macOS)")
    with walk(policy, path, tool, "read") as place:
        if place.found is None:
            raise failed("look at", path, FileNotFoundError(errno.ENOENT, ""))
        assert place.folder_fd is not None
        if not st.S_ISDIR(place.found.st_mode):
            require_regular(place.found, "read", path)
            only = Folder(place.folder_fd, parent(place.path) or "/", "", "")
            only.files.append(place.name)
            yield only
            return
        try:
            fd = os.open(place.name, _FOLDER, dir_fd=place.folder_fd)
        except OSError as error:
            raise failed("list", path, error) from error
        try:
            top = Folder(fd, place.path, "", path if path.endswith("/") else path + "/")
            yield from _Walk(policy, tool, max_depth, enter, problem).folder(top, 1)
        finally:
            os.close(fd)


class _Walk:
    __slots__ = ("_enter", "_max_depth", "_policy", "_problem", "_tool")

    def __init__(
        self,
        policy: Policy,
        tool: str,
        max_depth: int,
        enter: Callable[[str], bool] | None,
        problem: Problem | None,
    ) -> None:
        self._policy = policy
        self._tool = tool
        self._max_depth = max_depth
        self._enter = enter
        self._problem = problem

    def folder(self, folder: Folder, depth: int) -> Iterator[Folder]:
        try:
            self._fill(folder)
        except OSError as error:
            self._report(folder.shown, (error.strerror or "cannot be listed").lower())
            return
        yield folder
        for name in folder.folders:
            if depth >= self._max_depth:
                self._report(folder.shown + shown_name(name), "deeper than max_depth")
                continue
            visible = shown_name(name)
            try:
                fd = os.open(name, _FOLDER, dir_fd=folder.fd)
            except OSError as error:
                self._report(folder.shown + visible, (error.strerror or "cannot be opened").lower())
                continue
            try:
                real = f"{folder.path.rstrip('/')}/{name}"
                below = Folder(fd, real, f"{folder.relative}{visible}/", f"{folder.shown}{visible}/")
                yield from self.folder(below, depth + 1)
            finally:
                os.close(fd)

    def _fill(self, folder: Folder) -> None:
        asked = self._policy.asked_in("read", folder.path, self._tool)
        add_file = folder.files.append
        with os.scandir(folder.fd) as scan:
            for entry in scan:
                name = entry.name
                if (asked is None or (asked and name.casefold() in asked)) and not self._is_allowed(folder, name):
                    continue
                if entry.is_file(follow_symlinks=False):
                    add_file(name)
                elif entry.is_dir(follow_symlinks=False):
                    if self._enter is None or self._enter(name):
                        folder.folders.append(name)
                else:
                    folder.others.append((name, "symlink" if entry.is_symlink() else "other"))
        folder.files.sort()
        folder.folders.sort()
        folder.others.sort()

    def _is_allowed(self, folder: Folder, name: str) -> bool:
        shown = folder.shown + shown_name(name)
        try:
            self._policy.check_path("read", f"{folder.path.rstrip('/')}/{name}", self._tool, asked=shown)
        except PermissionDenied:
            self._report(shown, "the policy denies it")
            return False
        return True

    def _report(self, shown: str, reason: str) -> None:
        if self._problem is not None:
            self._problem(shown.rstrip("/"), reason)


def shown_name(name: str) -> str:
    """Return a name for people; bytes that are not UTF-8 in hex."""
    if name.isascii():
        return name
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name
