"""From the path a caller wrote to an open folder and a last name, without following a link out of the roots.

A walk opens one component after the other below an open folder (`openat` with O_NOFOLLOW). A link is read
as text and walked again from where it stands, so every folder on the way is checked by its real name and
there is no moment between check and open in which a link could be swapped. `..` goes back on the walk's
own stack and never asks the file system. Nothing outside the roots (and the folders that lead to them) is
looked at, so a refusal does not tell whether a file exists. Links of `/proc/<pid>` (`root`, `cwd`, `fd/*`,
so `/dev/fd` too) are refused, not followed.

A hard link is another name of the same file and cannot be told from it: reading one inside the roots reads
the file; writing replaces the name and leaves the other file alone; appending and updating refuse it.

Where `openat` is missing (Windows), `walk` resolves with `os.path.realpath` and checks the result: a link
swapped in between is not noticed there.

Above: `llmspell_tools.files`. Below: `llmspell_tools.policy`, which decides about the names found here.
"""

from __future__ import annotations

import errno
import os
import stat

from llmspell_tools.errors import InvalidParameters, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from llmspell_tools.policy import Policy

#: Linux's PATH_MAX and NAME_MAX; a longer one could not be opened anyway.
MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255
#: As many as Linux follows (path_resolution(7)).
MAX_LINKS = 40

OPENAT = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
#: O_PATH needs only the right to pass through a folder, O_RDONLY the right to list it.
_FOLDER = getattr(os, "O_PATH", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | _CLOEXEC


class Place:
    """Where a walk ended: an open folder and the last name in it, which was no link when looked at.

    Args:
        folder_fd: Open folder, None on platforms without openat.
        name: Last component, relative to ``folder_fd`` ("." for a top folder).
        path: Canonical absolute path.
        asked: The path as the caller wrote it.
        found: `os.lstat` of the last component, None when there is nothing.
        fds: What `close` closes.
    """

    __slots__ = ("asked", "create", "fds", "folder_fd", "found", "name", "path")

    def __init__(
        self,
        folder_fd: int | None,
        name: str,
        path: str,
        asked: str,
        found: os.stat_result | None,
        fds: list[int],
    ) -> None:
        self.folder_fd = folder_fd
        self.name = name
        self.path = path
        self.asked = asked
        self.found = found
        self.fds = fds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folders of the walk; a second call does nothing."""
        fds, self.fds = self.fds, []
        for fd in fds:
            os.close(fd)


def check_text(path: str) -> None:
    """Refuse a path that cannot name a file, or that surely means something else than it says.

    Raises:
        InvalidParameters: Empty, NUL, too long, not UTF-8, `~`, `file://`, a newline at the end.
    """
    try:
        raw = path.encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(path, "it is not valid UTF-8") from None
    if not raw:
        raise _bad(path, "it is empty")
    if b"\0" in raw:
        raise _bad(path, "it has a NUL character in it")
    if len(raw) > MAX_PATH_BYTES:
        raise _bad(path, f"it is longer than {MAX_PATH_BYTES} bytes")
    if raw[:1] == b"~":
        raise _bad(path, f"'~' is not expanded here: write the folder in full, or './{path}' for a file")
    if raw[:7].lower() == b"file://":
        raise _bad(path, "URLs are not taken: write the plain path")
    if raw[-1:] in b"\n\r":
        raise _bad(path, "it ends with a line break")
    if len(raw) > MAX_NAME_BYTES and any(len(part) > MAX_NAME_BYTES for part in raw.split(b"/")):
        raise _bad(path, f"a name in it is longer than {MAX_NAME_BYTES} bytes")


def walk(policy: Policy, path: str, tool: str, kind: str, *, follow: bool = True, create: bool = False) -> Place:
    """Resolve ``path`` under the policy and leave its folder open; use the result as a context manager.

    Args:
        policy: Decides about every name.
        path: As the caller wrote it; a relative one starts at the process's current folder.
        tool: Canonical name of the tool, "" outside one.
        kind: `read` or `write`.
        follow: Whether a link as last component is followed (removing and renaming act on the link).
        create: Make the folders on the way that are missing.

    Raises:
        InvalidParameters: The text cannot be a path.
        PermissionDenied: It leads out of the roots or to something denied.
        ToolExecutionError: A folder on the way is missing, is no folder or may not be searched.
    """
    check_text(path)
    if not OPENAT:
        return _walk_by_realpath(policy, path, tool, kind, follow=follow, create=create)
    walker = _Walk(policy, path, tool, kind, create=create)
    try:
        return walker.run(follow)
    except OSError as error:
        walker.close()
        raise failed(kind, path, error) from error
    except BaseException:
        walker.close()
        raise


class _Walk:
    __slots__ = ("asked", "create", "fds", "kind", "links", "names", "policy", "stepwise", "todo", "tool")

    def __init__(self, policy: Policy, path: str, tool: str, kind: str, *, create: bool) -> None:
        self.policy = policy
        self.asked = path
        self.create = create
        self.tool = tool
        self.kind = kind
        self.links = 0
        self.fds: list[int] = []  # the folders that `..` may go back to, where the walk stands last
        self.names: list[str] = []  # canonical names from the top down
        self.todo: list[str] = []  # components still to walk, next one last
        self.stepwise = False

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def run(self, follow: bool) -> Place:
        parts = _components(self.asked)
        if self.asked.startswith("/"):
            self.start_at_top(parts)
        else:
            self.start_here(parts)
        while len(self.todo) > 1 or (self.todo and self.todo[0] == ".."):
            self.step()
        while True:
            place = self.last(follow)
            found = place.found
            if not (follow and found is not None and stat.S_ISLNK(found.st_mode)):
                return place
            self.follow(place.name)
            while len(self.todo) > 1 or (self.todo and self.todo[0] == ".."):
                self.step()

    def start_at_top(self, parts: list[str]) -> None:
        self.close()
        self.names = []
        self.todo = parts[::-1]
        self.check_ahead()
        self.fds.append(os.open("/", _FOLDER))

    def start_here(self, parts: list[str]) -> None:
        # "." and getcwd() name the same folder, so the walk to it from the top is saved.
        here = os.getcwd()
        self.names = _components(here)
        self.todo = parts[::-1]
        self.check_ahead()
        self.fds.append(os.open(".", _FOLDER))

    def canonical(self) -> str:
        return "/" + "/".join(self.names)

    def check_ahead(self) -> None:
        """Check the whole path that lies ahead at once; one with `..` is checked folder by folder."""
        self.stepwise = ".." in self.todo
        if not self.stepwise:
            whole = "/" + "/".join([*self.names, *self.todo[::-1]])
            self.policy.check_path(self.kind, whole, self.tool, asked=self.asked)

    def check_step(self) -> None:
        path = self.canonical()
        if not self.policy.passable(self.kind, path, self.tool):
            # The flag named should be for the file that was asked for, not for the folder on the way.
            whole = os.path.normpath("/".join([path, *self.todo[::-1]]))
            if not self.policy.passable(self.kind, whole, self.tool):
                path = whole
            self.policy.check_path(self.kind, path, self.tool, asked=self.asked)

    def step(self) -> None:
        name = self.todo.pop()
        if name == "..":
            self.back()
            return
        self.names.append(name)
        if self.stepwise:
            self.check_step()
        try:
            fd = self.open_folder(name)
        except OSError as error:
            # Linux says ENOTDIR, others ELOOP for a link that is not to be followed.
            if error.errno not in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                raise
            self.names.pop()
            try:
                self.follow(name)
            except OSError as unreadable:
                if unreadable.errno == errno.EINVAL:  # not a link: a file in a folder's place
                    raise error from None
                raise
            return
        if not self.stepwise:  # nothing will go back
            os.close(self.fds.pop())
        self.fds.append(fd)

    def open_folder(self, name: str) -> int:
        try:
            return os.open(name, _FOLDER, dir_fd=self.fds[-1])
        except FileNotFoundError:
            if not self.create:
                raise
        self.policy.check_path(self.kind, self.canonical(), self.tool, asked=self.asked)
        try:
            os.mkdir(name, 0o777, dir_fd=self.fds[-1])
        except FileExistsError:
            pass  # made by somebody else since the look
        return os.open(name, _FOLDER, dir_fd=self.fds[-1])

    def back(self) -> None:
        if not self.names:  # `/..` is `/`
            return
        self.names.pop()
        if len(self.fds) > 1:
            os.close(self.fds.pop())
        else:  # above where the walk began: go there from the top
            self.start_at_top([*self.names, *self.todo[::-1]])

    def follow(self, name: str) -> None:
        self.links += 1
        if self.links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(name, dir_fd=self.fds[-1])
        try:
            target.encode("utf-8")
        except UnicodeEncodeError:
            raise _bad(self.asked, "it leads over a link that is not valid UTF-8") from None
        rest = self.todo[::-1]
        if target.startswith("/"):
            self.start_at_top(_components(target) + rest)
        else:
            self.todo = (_components(target) + rest)[::-1]
            self.check_ahead()

    def last(self, follow: bool) -> Place:
        name = self.todo.pop() if self.todo else "."
        if name != ".":
            self.names.append(name)
        path = self.canonical()
        if self.stepwise:
            self.policy.check_path(self.kind, path, self.tool, asked=self.asked)
        try:
            found = os.stat(name, dir_fd=self.fds[-1], follow_symlinks=False)
        except FileNotFoundError:
            found = None
        if (
            found is not None
            and self.asked.endswith(("/", "/."))
            and not stat.S_ISDIR(found.st_mode)
            and not (follow and stat.S_ISLNK(found.st_mode))
        ):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        place = Place(self.fds[-1], name, path, self.asked, found, self.fds)
        if found is not None and stat.S_ISLNK(found.st_mode):
            self.names.pop()  # `follow` goes on in the link's folder
        else:
            self.fds = []  # now the place's
        return place


def _walk_by_realpath(policy: Policy, path: str, tool: str, kind: str, *, follow: bool, create: bool) -> Place:
    full = os.path.join(os.getcwd(), path)
    if follow:
        real = os.path.realpath(full)
    else:
        real = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    canonical = real.replace(os.sep, "/")
    policy.check_path(kind, canonical, tool, asked=path)
    try:
        if create:
            os.makedirs(os.path.dirname(real), exist_ok=True)
        found = os.lstat(real)
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise failed(kind, path, error) from error
    return Place(None, real, canonical, path, found, [])


def failed(action: str, path: str, error: OSError) -> ToolExecutionError:
    """Return the typed error for a failed system call, naming the path as the caller wrote it.

    Args:
        action: `read`, `write`, `list`, ... as in "cannot read".
        path: As the caller wrote it.
        error: From the operating system; its number and name go into ``details``.
    """
    number = error.errno or 0
    reason = _REASONS.get(number) or (error.strerror or str(error)).lower()
    return ToolExecutionError(
        f"cannot {action} '{path}': {reason}",
        details={"path": path, "errno": number, "error": errno.errorcode.get(number, ""), "reason": reason},
    )


_REASONS = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "the system refuses access to this user",
    errno.EPERM: "the system refuses access to this user",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of it is a file, not a folder",
    errno.EEXIST: "it exists already",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.ELOOP: "too many links, or links in a circle",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the path or a name in it is too long",
    errno.EMFILE: "too many files are open in this process",
    errno.ENFILE: "too many files are open on this machine",
    errno.EXDEV: "source and target are on different file systems",
}


def _components(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _bad(path: str, reason: str) -> InvalidParameters:
    shown = path if len(path) <= 80 else path[:77] + "..."
    shown = shown.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
    shown = shown.replace("\n", "\\n").replace("\r", "\\r")
    return InvalidParameters(f"the path '{shown}' cannot be used: {reason}", details={"path": shown})
