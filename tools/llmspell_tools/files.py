"""Every file access of every tool and of Lua's io: open, write, list, look, make, remove, move, copy.

Each function takes the policy, the path as the caller wrote it and the tool's name, resolves it with
`paths.walk` (no link leads out of the roots, nothing is checked first and opened later) and works below the
folder that the walk left open. Only regular files are opened; a pipe, device or socket is refused before and
after opening. Contents are bytes; who calls decides on sizes (`read_bytes` takes a limit).

A write goes to a new file in the target's folder, is synced to the disk and then takes the target's name:
whoever reads sees the old content or the new one, also after `kill -9` or a full disk, and of two writers
the last one wins whole. A killed writer may leave a `.llmspell-*.tmp` file behind.

Errors: `InvalidParameters` (the path's text), `PermissionDenied` (the policy), `ToolExecutionError` (the
system; ``details`` has path, errno and reason), `LimitExceeded` (a caller's limit).
"""

from __future__ import annotations

import errno
import io
import os
import stat as st

from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError
from llmspell_tools.paths import OPENAT, Place, failed, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from llmspell_tools.policy import Policy

#: Bytes read or written in one piece.
CHUNK_BYTES = 1 << 18
_QUIET = (
    getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
#: Attempts when a file is swapped between look and open, before giving up.
_TRIES = 8


class FileFacts:
    """What `stat` tells.

    Args:
        name: Last component.
        kind: `file`, `directory`, `symlink` or `other`.
        size: Bytes.
        modified: Seconds since 1970, as are ``accessed`` and ``created`` (None where the system does not say).
        mode: Permission bits.
        links: Number of names of the file.
    """

    __slots__ = ("accessed", "created", "kind", "links", "mode", "modified", "name", "size")

    def __init__(self, name: str, found: os.stat_result) -> None:
        self.name = name
        self.kind = _kind(found.st_mode)
        self.size = found.st_size
        self.modified = found.st_mtime
        self.accessed = found.st_atime
        born: float | None = getattr(found, "st_birthtime", None)
        self.created = born
        self.mode = st.S_IMODE(found.st_mode)
        self.links = found.st_nlink

    @property
    def readonly(self) -> bool:
        """No one's write bit is set."""
        return not self.mode & 0o222


def open_read(policy: Policy, path: str, tool: str) -> io.BufferedReader:
    """Open a regular file for reading bytes."""
    return io.BufferedReader(_opened(policy, path, tool, "read", os.O_RDONLY, "rb"), CHUNK_BYTES)


def read_bytes(policy: Policy, path: str, tool: str, *, max_bytes: int, limit: str) -> bytes:
    """Return a file's whole content.

    Args:
        policy: Decides.
        path: As the caller wrote it.
        tool: Canonical name.
        max_bytes: A longer file is refused, by its size or, if that lies, while reading.
        limit: The limit's configuration key, for the message: `[tools.csv_analyzer] max_file_bytes`.

    Raises:
        LimitExceeded: Longer than ``max_bytes``.
    """
    with _opened(policy, path, tool, "read", os.O_RDONLY, "rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        if size > max_bytes:
            raise _too_long(path, size, max_bytes, limit)
        pieces: list[bytes] = []
        left = max_bytes + 1
        while left > 0:
            piece = raw.read(min(left, max(size + 1, 4096)))
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            left -= len(piece)
        raise _too_long(path, max_bytes + 1, max_bytes, limit)


def open_append(policy: Policy, path: str, tool: str) -> io.BufferedWriter:
    """Open a regular file for adding at its end; it is made if missing.

    A file with several names (hard links) is refused: another of its names may lie outside the roots.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    return io.BufferedWriter(_opened(policy, path, tool, "write", flags, "ab"), CHUNK_BYTES)


def open_update(policy: Policy, path: str, tool: str) -> io.BufferedRandom:
    """Open an existing regular file for reading and writing in place (Lua's `r+`); both must be allowed."""
    walk(policy, path, tool, "read").close()
    return io.BufferedRandom(_opened(policy, path, tool, "write", os.O_RDWR, "r+b"), CHUNK_BYTES)


def write_atomic(policy: Policy, path: str, tool: str) -> AtomicWrite:
    """Return a context manager that gives a binary file and puts it in the target's place at a clean end.

    A link as target keeps being a link: the file that it leads to is replaced, if that is allowed. An
    existing target's permission bits are kept.
    """
    return AtomicWrite(policy, path, tool)


def list_dir(
    policy: Policy, path: str, tool: str, *, max_entries: int | None = None, limit: str = ""
) -> list[FileFacts]:
    """Return the entries of a folder, sorted by name, links as links.

    A name that is not UTF-8 is shown with its odd bytes in hex.

    Raises:
        LimitExceeded: More than ``max_entries``; ``limit`` is the configuration key to name.
    """
    with walk(policy, path, tool, "read") as place:
        try:
            fd = _open_folder(place)
            try:
                entries = _entries(fd, path, max_entries, limit)
            finally:
                if isinstance(fd, int):
                    os.close(fd)
        except OSError as error:
            raise failed("list", path, error) from error
    entries.sort(key=_by_name)
    return entries


def stat(policy: Policy, path: str, tool: str, *, follow: bool = True) -> FileFacts:
    """Return the facts of a file or folder; a link inside the roots is followed unless told otherwise."""
    with walk(policy, path, tool, "read", follow=follow) as place:
        if place.found is None:
            raise failed("look at", path, FileNotFoundError(errno.ENOENT, ""))
        return FileFacts(_shown(os.path.basename(place.path) or "/"), place.found)


def exists(policy: Policy, path: str, tool: str) -> bool:
    """Return whether there is a file or folder; a link to nothing is nothing."""
    try:
        with walk(policy, path, tool, "read") as place:
            return place.found is not None
    except ToolExecutionError as error:
        if error.details.get("errno") in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise


def make_dir(policy: Policy, path: str, tool: str, *, recursive: bool = False) -> bool:
    """Make a folder; with ``recursive`` its parents too, and an existing one is fine.

    Returns:
        Whether it was made now.
    """
    if recursive:
        above = path.rstrip("/").rpartition("/")[0]
        if above and not exists_for_write(policy, above, tool):
            make_dir(policy, above, tool, recursive=True)
    with walk(policy, path, tool, "write") as place:
        if place.found is not None:
            if recursive and st.S_ISDIR(place.found.st_mode):
                return False
            raise failed("make the folder", path, FileExistsError(errno.EEXIST, ""))
        try:
            os.mkdir(place.name, 0o777, dir_fd=place.folder_fd)
        except FileExistsError as error:  # made by somebody else since the look
            if not recursive:
                raise failed("make the folder", path, error) from error
            return False
        except OSError as error:
            raise failed("make the folder", path, error) from error
    return True


def exists_for_write(policy: Policy, path: str, tool: str) -> bool:
    """Return whether a path exists that may be written (it need not be readable)."""
    try:
        with walk(policy, path, tool, "write") as place:
            return place.found is not None
    except ToolExecutionError as error:
        if error.details.get("errno") == errno.ENOENT:
            return False
        raise


def remove(policy: Policy, path: str, tool: str, *, folders: bool = False) -> None:
    """Remove a file, or a link and not what it leads to; with ``folders`` also an empty folder."""
    with walk(policy, path, tool, "write", follow=False) as place:
        if place.found is None:
            raise failed("delete", path, FileNotFoundError(errno.ENOENT, ""))
        try:
            if not st.S_ISDIR(place.found.st_mode):
                os.unlink(place.name, dir_fd=place.folder_fd)
            elif folders and place.name != ".":
                os.rmdir(place.name, dir_fd=place.folder_fd)
            else:
                raise IsADirectoryError(errno.EISDIR, "")
        except OSError as error:
            raise failed("delete", path, error) from error


def rename(policy: Policy, source: str, target: str, tool: str) -> None:
    """Move a file, folder or link; an existing target file is replaced.

    Both ends must be writable and the source readable (else a move would make it so). Between file systems
    a file is copied and then removed; a folder is refused there.
    """
    walk(policy, source, tool, "read", follow=False).close()
    with (
        walk(policy, source, tool, "write", follow=False) as old,
        walk(policy, target, tool, "write", follow=False) as new,
    ):
        if old.found is None:
            raise failed("move", source, FileNotFoundError(errno.ENOENT, ""))
        if st.S_ISDIR(old.found.st_mode):
            policy.check_move(old.path, tool, asked=source)
            policy.check_move(new.path, tool, asked=target)
        try:
            os.replace(old.name, new.name, src_dir_fd=old.folder_fd, dst_dir_fd=new.folder_fd)
            return
        except OSError as error:
            if error.errno != errno.EXDEV or not st.S_ISREG(old.found.st_mode):
                named = target if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST) else source
                raise failed("move", named, error) from error
    copy(policy, source, target, tool)
    remove(policy, source, tool)


def copy(policy: Policy, source: str, target: str, tool: str, *, check: Callable[[], None] | None = None) -> int:
    """Copy a regular file with its permission bits; an existing target file is replaced whole.

    Args:
        policy: Decides: the source must be readable, the target writable.
        source: As the caller wrote it.
        target: A file's path, not a folder to put it in.
        tool: Canonical name.
        check: Called between pieces; what it raises ends the copy and leaves the target as it was.

    Returns:
        Bytes copied.
    """
    copied = 0
    with open_read(policy, source, tool) as reader:
        write = write_atomic(policy, target, tool)
        write.mode = st.S_IMODE(os.fstat(reader.fileno()).st_mode) & 0o777
        with write as writer:
            while piece := _read_piece(reader, source):
                if check is not None:
                    check()
                writer.write(piece)
                copied += len(piece)
    return copied


class AtomicWrite:
    """One write that happens whole or not at all; see `write_atomic`.

    Set ``mode`` before entering to force permission bits; else an existing target's bits are kept, and a
    new file gets the usual ones.
    """

    __slots__ = ("_asked", "_place", "_policy", "_raw", "_temporary", "_tool", "_writer", "mode")

    def __init__(self, policy: Policy, path: str, tool: str) -> None:
        self._policy = policy
        self._asked = path
        self._tool = tool
        self._place: Place | None = None
        self._raw: _GuardedFile | None = None
        self._writer: io.BufferedWriter | None = None
        self._temporary = ""
        self.mode: int | None = None

    def __enter__(self) -> io.BufferedWriter:
        if self._asked.endswith("/"):
            raise _names_a_folder(self._asked)
        place = walk(self._policy, self._asked, self._tool, "write")
        try:
            _require_regular(place.found, "write", self._asked)
            self._raw = self._create(place)
        except OSError as error:
            place.close()
            raise failed("write", self._asked, error) from error
        except BaseException:
            place.close()
            raise
        self._place = place
        self._writer = io.BufferedWriter(self._raw, CHUNK_BYTES)
        return self._writer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._place is not None
        assert self._raw is not None
        assert self._writer is not None
        try:
            if kind is None:
                self._writer.flush()
                os.fsync(self._raw.fileno())
                self._raw.close()
                self._commit(self._place)
        except OSError as failure:
            raise failed("write", self._asked, failure) from failure
        finally:
            self._raw.close()
            self._discard(self._place)
            self._place.close()

    def _create(self, place: Place) -> _GuardedFile:
        mode = self.mode
        if mode is None and place.found is not None:
            mode = st.S_IMODE(place.found.st_mode) & 0o777
        # A new file is made with the usual bits, so that the kernel applies the umask; one whose bits are
        # known stays private until they are set.
        first = 0o666 if mode is None else 0o600
        beside = os.path.dirname(place.name) if place.folder_fd is None else ""
        self._temporary = os.path.join(beside, f".llmspell-{os.urandom(8).hex()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _QUIET
        fd = os.open(self._temporary, flags, first, dir_fd=place.folder_fd)
        try:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            return _GuardedFile(fd, "wb", "write", self._asked)
        except BaseException:
            os.close(fd)
            self._discard(place)
            raise

    def _commit(self, place: Place) -> None:
        folder = place.folder_fd
        os.replace(self._temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)
        self._temporary = ""
        if folder is not None:
            _sync_folder(folder)

    def _discard(self, place: Place) -> None:
        if self._temporary:
            try:
                os.unlink(self._temporary, dir_fd=place.folder_fd)
            except OSError:
                pass  # gone already, or the folder is: there is nothing more to undo
            self._temporary = ""


class _GuardedFile(io.FileIO):
    """A raw file whose failures are typed errors that name the path as the caller wrote it."""

    def __init__(self, fd: int, mode: str, action: str, asked: str) -> None:
        super().__init__(fd, mode)
        self._action = action
        self._asked = asked

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]  # typeshed's buffer type is private
        except OSError as error:
            raise failed(self._action, self._asked, error) from error


def _opened(policy: Policy, path: str, tool: str, kind: str, flags: int, mode: str) -> io.FileIO:
    if path.endswith("/"):
        raise _names_a_folder(path)
    for _ in range(_TRIES):
        with walk(policy, path, tool, kind) as place:
            found = place.found
            if found is None and not flags & os.O_CREAT:
                raise failed(kind, path, FileNotFoundError(errno.ENOENT, ""))
            _require_regular(found, kind, path)
            try:
                fd = os.open(place.name, flags | _QUIET, 0o666, dir_fd=place.folder_fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK):  # became a link since the look: walk again
                    continue
                raise failed(kind, path, error) from error
        try:
            opened = os.fstat(fd)
            _require_regular(opened, kind, path)
            if kind == "write" and opened.st_nlink > 1:
                raise _has_more_names(path, opened.st_nlink)
            if mode == "rb":
                return io.FileIO(fd, mode)
            return _GuardedFile(fd, mode, kind, path)
        except BaseException:
            os.close(fd)
            raise
    raise ToolExecutionError(f"cannot {kind} '{path}': it keeps changing", details={"path": path})


def _open_folder(place: Place) -> int | str:
    if not OPENAT:
        return place.name
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(place.name, flags, dir_fd=place.folder_fd)


def _entries(folder: int | str, path: str, max_entries: int | None, limit: str) -> list[FileFacts]:
    entries: list[FileFacts] = []
    with os.scandir(folder) as scan:
        for entry in scan:
            if max_entries is not None and len(entries) >= max_entries:
                raise LimitExceeded(
                    f"'{path}' has more than {max_entries} entries; the limit is {limit}",
                    details={"path": path, "limit": max_entries, "key": limit},
                )
            try:
                entries.append(FileFacts(_shown(entry.name), entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue  # removed while we looked
    return entries


def _by_name(entry: FileFacts) -> str:
    return entry.name


def _read_piece(reader: io.BufferedReader, path: str) -> bytes:
    try:
        return reader.read(CHUNK_BYTES)
    except OSError as error:
        raise failed("read", path, error) from error


def _sync_folder(folder_fd: int) -> None:
    try:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError:
        return  # a folder that may be written but not read cannot be synced
    try:
        os.fsync(fd)
    except OSError:
        pass  # some file systems cannot sync a folder; the file itself is on the disk
    finally:
        os.close(fd)


def _kind(mode: int) -> str:
    if st.S_ISREG(mode):
        return "file"
    if st.S_ISDIR(mode):
        return "directory"
    return "symlink" if st.S_ISLNK(mode) else "other"


def _require_regular(found: os.stat_result | None, action: str, path: str) -> None:
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


def _shown(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def _names_a_folder(path: str) -> InvalidParameters:
    return InvalidParameters(
        f"the path '{path}' names a folder (it ends with '/'), a file is wanted", details={"path": path}
    )


def _has_more_names(path: str, names: int) -> ToolExecutionError:
    return ToolExecutionError(
        f"cannot write '{path}' in place: the file has {names} names (hard links), and another may lie "
        "outside the allowed folders; write it whole instead, which replaces this name only",
        details={"path": path, "errno": errno.EMLINK, "error": "EMLINK", "reason": "hard links"},
    )


def _too_long(path: str, size: int, max_bytes: int, limit: str) -> LimitExceeded:
    return LimitExceeded(
        f"'{path}' has {size} bytes, more than the limit of {max_bytes} bytes; the limit is {limit}",
        details={"path": path, "size": size, "limit": max_bytes, "key": limit},
    )
