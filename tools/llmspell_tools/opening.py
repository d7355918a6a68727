"""Open a regular file that a walk found: never a link, pipe, device or folder, and never one that was swapped in.

The last component is looked at, opened with O_NOFOLLOW and O_NONBLOCK and looked at again through the open file; where
it became a link in between, the walk starts again. Below `files` and `atomic`, above `paths`.
"""

from __future__ import annotations

import errno
import io
import os
import stat as st

from llmspell_tools.errors import InvalidParameters, ToolExecutionError
from llmspell_tools.paths import failed, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer
    from _typeshed import WriteableBuffer

    from llmspell_tools.policy import Policy

#: Flags of every open: not inherited, no link, no waiting for a pipe's other end, no terminal taken over.
QUIET = (
    getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
#: Attempts when a file is swapped between look and open, before giving up.
_TRIES = 8


class GuardedFile(io.FileIO):
    """A raw file whose failures are typed errors that name the path as the caller wrote it."""

    def __init__(self, fd: int, mode: str, action: str, asked: str) -> None:
        super().__init__(fd, mode)
        self._action = action
        self._asked = asked

    def write(self, data: Buffer, /) -> int:
        """Write as `io.FileIO` does, or raise `ToolExecutionError`."""
        try:
            return super().write(data)
        except OSError as error:
            raise failed(self._action, self._asked, error) from error

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as `io.FileIO` does, or raise `ToolExecutionError`."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise failed(self._action, self._asked, error) from error


def open_regular(
    policy: Policy, path: str, tool: str, kind: str, flags: int, mode: str, *, also: str | None = None
) -> GuardedFile:
    """Return an open regular file.

    Args:
        policy: Decides.
        path: As the caller wrote it.
        tool: Canonical name.
        kind: `read` or `write`, the access that the walk is checked for.
        flags: Of `os.open`.
        mode: Of `io.FileIO`.
        also: A second access that must be allowed.

    Raises:
        InvalidParameters, PermissionDenied, ToolExecutionError: As `paths.walk`; or it is no regular file; or
            it is to be written in place and has several names.
    """
    if path.endswith("/"):
        raise names_a_folder(path)
    for _ in range(_TRIES):
        with walk(policy, path, tool, kind) as place:
            if also is not None:
                policy.check_path(also, place.path, tool, asked=path)
            found = place.found
            if found is None and not flags & os.O_CREAT:
                raise failed(kind, path, FileNotFoundError(errno.ENOENT, ""))
            require_regular(found, kind, path)
            try:
                fd = os.open(place.name, flags | QUIET, 0o666, dir_fd=place.folder_fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK):  # became a link since the look: walk again
                    continue
                raise failed(kind, path, error) from error
        try:
            facts = os.fstat(fd)
            require_regular(facts, kind, path)
            if kind == "write" and facts.st_nlink > 1:
                raise _has_more_names(path, facts.st_nlink)
            return GuardedFile(fd, mode, kind, path)
        except BaseException:
            os.close(fd)
            raise
    raise ToolExecutionError(f"cannot {kind} '{path}': it keeps changing", details={"path": path})


def require_regular(found: os.stat_result | None, action: str, path: str) -> None:
    """Refuse a folder and everything special; nothing there yet is fine."""
    if found is None or st.S_ISREG(found.st_mode) or st.S_ISLNK(found.st_mode):
        return
    if st.S_ISDIR(found.st_mode):
        raise failed(action, path, IsADirectoryError(errno.EISDIR, ""))
    raise ToolExecutionError(
        f"cannot {action} '{path}': it is no regular file but {_special(found.st_mode)}",
        details={"path": path, "errno": errno.EINVAL, "error": "EINVAL", "reason": "not a regular file"},
    )


def _special(mode: int) -> str:
    if st.S_ISFIFO(mode):
        return "a pipe"
    if st.S_ISSOCK(mode):
        return "a socket"
    return "a device" if st.S_ISCHR(mode) or st.S_ISBLK(mode) else "something special"


def names_a_folder(path: str) -> InvalidParameters:
    """Return the error for a file's path that ends with `/`."""
    return InvalidParameters(
        f"the path '{path}' names a folder (it ends with '/'), a file is wanted", details={"path": path}
    )


def _has_more_names(path: str, names: int) -> ToolExecutionError:
    return ToolExecutionError(
        f"cannot write '{path}' in place: the file has {names} names (hard links), and another may lie "
        "outside the allowed folders; write it whole instead, which replaces this name only",
        details={"path": path, "errno": errno.EMLINK, "error": "EMLINK", "reason": "hard links"},
    )
