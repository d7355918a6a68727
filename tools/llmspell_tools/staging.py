"""A folder that is filled out of sight and then put in its place, whole or not at all.

    with StagedFolder(policy, "out", "archive-handler") as staged:
        fd = staged.create("docs/a.txt", 0o644)
        ...
        staged.commit()

What is made lies in a private folder inside the target (or, where there is no target yet, inside the folder above), on
the same file system; without `commit` it is removed. Everything is opened relative to it with O_NOFOLLOW, so nothing
that is made here can lead a later write elsewhere. A commit into a folder that exists replaces files of the same name
and merges folders; what cannot be (a folder where a file stands) is found before anything is moved. Files are not
synced to the disk one by one, as `tar` and `unzip` do not either. A killed process may leave `.llmspell-*.tmp` behind.

Beside `llmspell_tools.files`; above `paths`, which decides about the target. Needs `openat`.
"""

from __future__ import annotations

import errno
import os
import stat as st

from llmspell_tools.errors import ToolExecutionError, ToolUnavailable
from llmspell_tools.files import make_dir
from llmspell_tools.opening import QUIET
from llmspell_tools.paths import OPENAT, Place, failed, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from llmspell_tools.policy import Policy

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | QUIET


class StagedFolder:
    """A folder in the making; use as a context manager.

    Args:
        policy: Everything that will stand in the target must be writable.
        target: Folder to fill, as the caller wrote it; made with the folders above it if missing.
        tool: Canonical name.
    """

    __slots__ = ("_asked", "_base", "_fds", "_final", "_missing", "_name", "_place", "_policy", "_target", "_tool")

    def __init__(self, policy: Policy, target: str, tool: str) -> None:
        if not OPENAT:
            raise ToolUnavailable("filling a folder whole needs a POSIX system (Linux, macOS)")
        self._policy = policy
        self._target = target
        self._tool = tool
        self._place: Place | None = None
        self._base = ""
        #: Where it will stand.
        self._final = ""
        self._missing = False
        #: The folder inside that was checked last, and the names in it that must be asked about one by one.
        self._asked: tuple[str, frozenset[str] | None] = ("", None)
        self._name = ""
        #: Open folders by their path inside; "" is the staging folder itself.
        self._fds: dict[str, int] = {}

    def __enter__(self) -> Self:
        place = self._find()
        try:
            self._base = f"{place.path.rstrip('/')}/.llmspell-{os.urandom(8).hex()}.tmp"
            self._policy.check_path("write", self._base, self._tool, asked=self._target)
            self._name = os.path.join(place.name, os.path.basename(self._base))
            os.mkdir(self._name, 0o700, dir_fd=place.folder_fd)
            self._fds[""] = os.open(self._name, _FOLDER, dir_fd=place.folder_fd)
        except OSError as error:
            place.close()
            raise failed("write into", self._target, error) from error
        except BaseException:
            place.close()
            raise
        self._place = place
        final = place.path if not self._missing else os.path.normpath(os.path.join(os.getcwd(), self._target))
        self._final = final.rstrip("/")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._place is not None
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}
        if self._name:
            import shutil

            shutil.rmtree(self._name, ignore_errors=True, dir_fd=self._place.folder_fd)
        self._place.close()

    def check(self, relative: str) -> None:
        """Refuse something that the policy denies at its final place.

        Raises:
            PermissionDenied: It does.
        """
        above, _, name = relative.rpartition("/")
        folder, asked = self._asked
        if above == folder and asked is not None and name.casefold() not in asked:
            return
        final = f"{self._final}/{relative}"
        self._policy.check_path("write", final, self._tool, asked=f"{self._target.rstrip('/')}/{relative}")
        self._asked = (above, self._policy.asked_in("write", f"{self._final}/{above}".rstrip("/"), self._tool))

    def folder(self, relative: str) -> int:
        """Return the open folder of that path inside, made if missing.

        Raises:
            OSError: A file stands there.
        """
        known = self._fds.get(relative)
        if known is not None:
            return known
        above, _, name = relative.rpartition("/")
        parent_fd = self.folder(above)
        try:
            os.mkdir(name, 0o777, dir_fd=parent_fd)
        except FileExistsError:
            pass
        fd = os.open(name, _FOLDER, dir_fd=parent_fd)
        if len(self._fds) > 64:  # folders come in order, so few are needed again
            for path in [path for path in self._fds if path][:32]:
                os.close(self._fds.pop(path))
        self._fds[relative] = fd
        return fd

    def create(self, relative: str, mode: int = 0o666) -> int:
        """Return a descriptor of a new file for writing.

        Raises:
            OSError: As the system says; EEXIST when there is something already.
        """
        above, _, name = relative.rpartition("/")
        return os.open(name, _CREATE, mode, dir_fd=self.folder(above))

    def link(self, relative: str, target: str) -> None:
        """Make a symbolic link; who calls has checked where it leads."""
        above, _, name = relative.rpartition("/")
        os.symlink(target, name, dir_fd=self.folder(above))

    def open(self, relative: str) -> int:
        """Return a descriptor for reading of a file made before."""
        above, _, name = relative.rpartition("/")
        return os.open(name, os.O_RDONLY | QUIET, dir_fd=self.folder(above))

    def commit(self) -> None:
        """Put everything in its place.

        Raises:
            ToolExecutionError: A folder stands where a file should, or the other way round; nothing was moved. Or the
                system failed while moving.
        """
        assert self._place is not None
        if self._missing:
            make_dir(self._policy, self._target, self._tool, recursive=True)
        try:
            with walk(self._policy, self._target, self._tool, "write") as place:
                target_fd = os.open(place.name, _FOLDER, dir_fd=place.folder_fd)
                try:
                    self._compare(self._fds[""], target_fd, self._target.rstrip("/"))
                    _merge(self._fds[""], target_fd)
                finally:
                    os.close(target_fd)
        except OSError as error:
            raise failed("write into", self._target, error) from error

    def _find(self) -> Place:
        """Return the folder to stage in: the target, or the nearest one above it that exists."""
        path = self._target
        while True:
            try:
                place = walk(self._policy, path, self._tool, "write")
            except ToolExecutionError as error:
                if error.details.get("errno") != errno.ENOENT or not path.rstrip("/"):
                    raise
                place = None
            if place is not None and place.found is not None:
                if st.S_ISDIR(place.found.st_mode):
                    return place
                place.close()
                raise failed("write into", self._target, NotADirectoryError(errno.ENOTDIR, ""))
            if place is not None:
                place.close()
            self._missing = True
            path = os.path.dirname(path.rstrip("/")) or "."

    def _compare(self, ours: int, theirs: int, shown: str) -> None:
        for name, is_folder in _entries(ours):
            try:
                there = os.stat(name, dir_fd=theirs, follow_symlinks=False)
            except FileNotFoundError:
                continue
            path = f"{shown}/{name}"
            if is_folder != st.S_ISDIR(there.st_mode):
                what = "a file or link" if is_folder else "a folder"
                raise ToolExecutionError(
                    f"cannot write '{path}': {what} of that name is there already", details={"path": path}
                )
            if is_folder:
                with _both(name, ours, theirs) as (our_fd, their_fd):
                    self._compare(our_fd, their_fd, path)


class _both:  # noqa: N801  # a context manager, used like a function
    """Two open folders of one name."""

    __slots__ = ("_fds", "_name", "_parents")

    def __init__(self, name: str, ours: int, theirs: int) -> None:
        self._name = name
        self._parents = (ours, theirs)
        self._fds: list[int] = []

    def __enter__(self) -> tuple[int, int]:
        for parent_fd in self._parents:
            self._fds.append(os.open(self._name, _FOLDER, dir_fd=parent_fd))
        return self._fds[0], self._fds[1]

    def __exit__(self, *_: object) -> None:
        for fd in self._fds:
            os.close(fd)


def _merge(ours: int, theirs: int) -> None:
    """Move everything from one folder into the other."""
    for name, is_folder in _entries(ours):
        if is_folder:
            try:
                os.stat(name, dir_fd=theirs, follow_symlinks=False)
            except FileNotFoundError:
                pass
            else:
                with _both(name, ours, theirs) as (our_fd, their_fd):
                    _merge(our_fd, their_fd)
                continue
        os.replace(name, name, src_dir_fd=ours, dst_dir_fd=theirs)


def _entries(fd: int) -> list[tuple[str, bool]]:
    with os.scandir(fd) as scan:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
