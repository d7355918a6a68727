"""Every file access of every tool and of Lua's io: open, write, list, look, make, remove, move, copy.

Each function takes the policy, the path as the caller wrote it and the tool's name, resolves it with
`paths.walk` (no link leads out of the roots, nothing is checked first and opened later) and works below the
folder that the walk left open. Only regular files are opened; a pipe, device or socket is refused before and
after opening. Contents are bytes; who calls decides on sizes (`read_bytes` takes a limit).

A write replaces the whole file or does nothing (`llmspell_tools.atomic`); appending and updating work in place.

Errors: `InvalidParameters` (the path's text), `PermissionDenied` (the policy), `ToolExecutionError` (the
system; ``details`` has path, errno and reason), `LimitExceeded` (a caller's limit).
"""

from __future__ import annotations

import errno
import io
import os
import stat as st

from llmspell_tools.atomic import AtomicWrite
from llmspell_tools.errors import LimitExceeded, ToolExecutionError
from llmspell_tools.opening import GuardedFile, names_a_folder, open_regular
from llmspell_tools.paths import OPENAT, Place, failed, walk
from llmspell_tools.policy_rules import parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_tools.policy import Policy

#: Bytes read or written in one piece.
CHUNK_BYTES = 1 << 18


class FileFacts:
    """What `stat` tells.

    Args:
        name: Last component.
        kind: `file`, `directory`, `symlink` or `other`.
        size: Bytes.
        modified: Seconds since 1970, as are ``accessed`` and ``created`` (None where nobody asked or the system does
            not say).
        mode: Permission bits.
        links: Number of names of the file.
    """

    __slots__ = ("accessed", "created", "kind", "links", "mode", "modified", "name", "size")

    def __init__(self, name: str, found: os.stat_result, created: float | None = None) -> None:
        self.name = name
        self.kind = _kind(found.st_mode)
        self.size = found.st_size
        self.modified = found.st_mtime
        self.accessed = found.st_atime
        self.created = created
        self.mode = st.S_IMODE(found.st_mode)
        self.links = found.st_nlink

    @property
    def readonly(self) -> bool:
        """No one's write bit is set."""
        return not self.mode & 0o222


def open_read(policy: Policy, path: str, tool: str) -> io.BufferedReader:
    """Open a regular file for reading bytes."""
    return io.BufferedReader(open_regular(policy, path, tool, "read", os.O_RDONLY, "rb"), CHUNK_BYTES)


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
    with open_read(policy, path, tool) as reader:
        size = os.fstat(reader.fileno()).st_size
        if size > max_bytes:
            raise _too_long(path, size, max_bytes, limit)
        # The size is a guess: the file may grow, and some file systems say 0.
        content = reader.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise _too_long(path, len(content), max_bytes, limit)
        return content


def open_append(policy: Policy, path: str, tool: str) -> io.BufferedWriter:
    """Open a regular file for adding at its end; it is made if missing.

    A file with several names (hard links) is refused: another of its names may lie outside the roots.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    return io.BufferedWriter(open_regular(policy, path, tool, "write", flags, "ab"), CHUNK_BYTES)


def append(policy: Policy, path: str, tool: str, data: bytes, check_size: Callable[[int], None]) -> None:
    """Add bytes at the end of a regular file, all of them or none; it is made if missing.

    Args:
        policy: Decides.
        path: As the caller wrote it.
        tool: Canonical name.
        data: What to add.
        check_size: Called with the size that the file will have, before anything is added.
    """
    with walk(policy, path, tool, "write") as place:
        is_new = place.found is None
    try:
        with open_regular(policy, path, tool, "write", os.O_WRONLY | os.O_APPEND | os.O_CREAT, "ab") as raw:
            _add(raw, data, check_size)
    except BaseException:
        if is_new:
            _remove_empty(policy, path, tool)
        raise


def _remove_empty(policy: Policy, path: str, tool: str) -> None:
    with walk(policy, path, tool, "write", follow=False) as place:
        if place.found is not None and st.S_ISREG(place.found.st_mode) and place.found.st_size == 0:
            os.unlink(place.name, dir_fd=place.folder_fd)


def _add(raw: GuardedFile, data: bytes, check_size: Callable[[int], None]) -> None:
    before = raw.seek(0, os.SEEK_END)
    check_size(before + len(data))
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[raw.write(rest) :]
    except BaseException:
        # What somebody else has added since is not taken away: then the part stays, too.
        if os.fstat(raw.fileno()).st_size == before + len(data) - len(rest):
            os.ftruncate(raw.fileno(), before)
        raise


def open_update(policy: Policy, path: str, tool: str) -> io.BufferedRandom:
    """Open an existing regular file for reading and writing in place (Lua's `r+`); both must be allowed."""
    raw = open_regular(policy, path, tool, "write", os.O_RDWR, "r+b", also="read")
    return io.BufferedRandom(raw, CHUNK_BYTES)


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


def stat(policy: Policy, path: str, tool: str, *, follow: bool = True, with_birth: bool = False) -> FileFacts:
    """Return the facts of a file or folder; a link inside the roots is followed unless told otherwise."""
    with walk(policy, path, tool, "read", follow=follow) as place:
        if place.found is None:
            raise failed("look at", path, FileNotFoundError(errno.ENOENT, ""))
        created = None
        if with_birth:
            from llmspell_tools.birth import born

            created = born(place.folder_fd, place.name, place.found)
        return FileFacts(_shown(os.path.basename(place.path) or "/"), place.found, created)


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
    with walk(policy, path, tool, "write", create=recursive) as place:
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


def remove(policy: Policy, path: str, tool: str, *, folders: bool = False) -> None:
    """Remove a file, or a link and not what it leads to; with ``folders`` also an empty folder."""
    with walk(policy, path, tool, "write", follow=False) as place:
        if place.found is None:
            raise failed("delete", path, FileNotFoundError(errno.ENOENT, ""))
        try:
            if not st.S_ISDIR(place.found.st_mode):
                os.unlink(place.name, dir_fd=place.folder_fd)
            elif folders and place.name != ".":
                _check_folder_above(policy, place, tool)
                os.rmdir(place.name, dir_fd=place.folder_fd)
            else:
                raise IsADirectoryError(errno.EISDIR, "")
        except OSError as error:
            raise failed("delete", path, error) from error


def rename(policy: Policy, source: str, target: str, tool: str, *, check: Callable[[], None] | None = None) -> None:
    """Move a file, folder or link; an existing target file is replaced.

    Both ends must be writable and the source readable (else a move would make it so). Between file systems
    a file is copied and then removed, with ``check`` called as `copy` does; a folder is refused there.
    """
    with (
        walk(policy, source, tool, "write", follow=False) as old,
        walk(policy, target, tool, "write", follow=False) as new,
    ):
        _check_move(policy, old, new, tool)
        try:
            os.replace(old.name, new.name, src_dir_fd=old.folder_fd, dst_dir_fd=new.folder_fd)
            return
        except OSError as error:
            assert old.found is not None
            if error.errno == errno.EINVAL:
                error = OSError(errno.EINVAL, "a folder cannot be moved into itself")
            if error.errno != errno.EXDEV or not st.S_ISREG(old.found.st_mode):
                named = target if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST) else source
                raise failed("move", named, error) from error
    copy(policy, source, target, tool, check=check)
    remove(policy, source, tool)


def copy(
    policy: Policy,
    source: str,
    target: str,
    tool: str,
    *,
    check: Callable[[], None] | None = None,
    max_bytes: int | None = None,
    limit: str = "",
) -> int:
    """Copy a regular file with its permission bits; an existing target file is replaced whole.

    Args:
        policy: Decides: the source must be readable, the target writable.
        source: As the caller wrote it.
        target: A file's path, not a folder to put it in.
        tool: Canonical name.
        check: Called between pieces; what it raises ends the copy and leaves the target as it was.
        max_bytes: A longer source is refused, by its size or, if that lies, while copying.
        limit: The limit's configuration key, for the message.

    Returns:
        Bytes copied.

    Raises:
        LimitExceeded: Longer than ``max_bytes``; the target is as it was.
    """
    copied = 0
    with open_read(policy, source, tool) as reader:
        facts = os.fstat(reader.fileno())
        if max_bytes is not None and facts.st_size > max_bytes:
            raise _too_long(source, facts.st_size, max_bytes, limit)
        write = write_atomic(policy, target, tool)
        write.mode = st.S_IMODE(facts.st_mode) & 0o777
        with write as writer:
            while piece := reader.read(CHUNK_BYTES):
                if check is not None:
                    check()
                copied += len(piece)
                if max_bytes is not None and copied > max_bytes:
                    raise _too_long(source, copied, max_bytes, limit)
                writer.write(piece)
    return copied


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


def _check_move(policy: Policy, old: Place, new: Place, tool: str) -> None:
    policy.check_path("read", old.path, tool, asked=old.asked)
    if old.found is None:
        raise failed("move", old.asked, FileNotFoundError(errno.ENOENT, ""))
    if st.S_ISDIR(old.found.st_mode):
        _check_folder_above(policy, old, tool)
        policy.check_move(old.path, tool, asked=old.asked)
        policy.check_move(new.path, tool, asked=new.asked)
    elif new.asked.endswith("/"):
        raise names_a_folder(new.asked)


def _check_folder_above(policy: Policy, place: Place, tool: str) -> None:
    """Refuse to take away a root itself: that changes the folder above it."""
    policy.check_path("write", parent(place.path) or "/", tool, asked=place.asked + "/..")


def _kind(mode: int) -> str:
    if st.S_ISREG(mode):
        return "file"
    if st.S_ISDIR(mode):
        return "directory"
    return "symlink" if st.S_ISLNK(mode) else "other"


def _shown(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def _too_long(path: str, size: int, max_bytes: int, limit: str) -> LimitExceeded:
    return LimitExceeded(
        f"'{path}' has {size} bytes, more than the limit of {max_bytes} bytes; the limit is {limit}",
        details={"path": path, "size": size, "limit": max_bytes, "key": limit},
    )
