"""What archive-handler refuses: names that lead elsewhere, links that do, and data without end.

Bytes are counted as they are unpacked; what an archive says of its sizes is not believed. One bad entry refuses the
whole archive. Nothing here opens a file.
"""

from __future__ import annotations

from llmspell_tools.errors import LimitExceeded, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from llmspell_tools.definition import ToolContext

_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 3000
_MAX_DEPTH = 64
#: How far the work is, is told every so many entries and with every piece of so many bytes.
_TELL_ENTRIES = 32
_TELL_BYTES = 1 << 17


class Member:
    """One entry of an archive, whatever its format.

    Args:
        name: As the archive has it.
        kind: `file`, `directory`, `symlink`, `hardlink` or `other`.
        size: As the archive says; a file's content may be longer or shorter.
        compressed_size: None where the format has none.
        mode: Permission bits, all of them.
        modified: Seconds since 1970.
        target: Of a link.
        handle: What the format's reader needs to find the content.
    """

    __slots__ = ("compressed_size", "handle", "kind", "mode", "modified", "name", "size", "target")

    def __init__(
        self,
        name: str,
        kind: str,
        size: int,
        *,
        mode: int = 0o644,
        modified: float = 0.0,
        target: str = "",
        compressed_size: int | None = None,
        handle: Any = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.size = size
        self.mode = mode
        self.modified = modified
        self.target = target
        self.compressed_size = compressed_size
        self.handle = handle


class Guard:
    """Counts entries and bytes of one archive.

    Args:
        context: Of the call; its settings are the limits.
        path: Of the archive, for messages.
        size: Of the archive in bytes, for the ratio.
    """

    __slots__ = (
        "_checked_folder", "_context", "_file_bytes", "_max_entries", "_max_file", "_max_total", "_path", "_settings",
        "_size", "_taken", "entries", "total",
    )  # fmt: skip

    def __init__(self, context: ToolContext, path: str, size: int) -> None:
        self._context = context
        self._settings: Mapping[str, Any] = context.settings
        self._max_entries: int = context.settings["max_entries"]  # type: ignore[assignment]
        self._max_total: int = context.settings["max_total_bytes"]  # type: ignore[assignment]
        self._max_file: int = context.settings["max_file_bytes"]  # type: ignore[assignment]
        self._path = path
        self._size = max(1, size)
        self._file_bytes = 0
        #: Folded names to the name as written and its kind.
        self._taken: dict[str, tuple[str, str]] = {}
        #: The folder of the last entry, as the archive has it and as a path.
        self._checked_folder = ("", "")
        self.entries = 0
        self.total = 0

    def entry(self) -> None:
        """Count an entry."""
        self.entries += 1
        self._file_bytes = 0
        self._context.check()
        if not self.entries % _TELL_ENTRIES:
            self._tell()
        if self.entries > self._max_entries:
            raise self.exceeded("max_entries", f"more than {self._max_entries} entries")

    def unpacked(self, count: int) -> None:
        """Count bytes that came out of the archive."""
        self.total += count
        if count >= _TELL_BYTES:
            self._tell()
        settings = self._settings
        if self.total > self._max_total:
            raise self.exceeded("max_total_bytes", f"more than {self._max_total} bytes in all")
        if self.total > settings["ratio_from_bytes"] and self.total > self._size * settings["max_ratio"]:
            raise self.exceeded("max_ratio", f"more than {settings['max_ratio']} times its own size")

    def written(self, count: int) -> None:
        """Count bytes of the file that is written now."""
        self._context.check()
        if count >= _TELL_BYTES:
            self._tell()
        self._file_bytes += count
        if self._file_bytes > self._max_file:
            raise self.exceeded("max_file_bytes", f"a file of more than {self._max_file} bytes")

    def _tell(self) -> None:
        self._context.progress(0, None, f"{self.entries} entries, {self.total / 1e6:.1f} MB")

    def place(self, member: Member) -> str:
        """Return the path inside the target where an entry goes.

        Raises:
            ToolExecutionError: The name leads elsewhere, is another entry's, or cannot be a file's.
        """
        if member.kind == "other":
            raise self.refused(member.name, "it is a device, a pipe or something else that is no file")
        folder, _, base = member.name.rpartition("/")
        if folder and folder == self._checked_folder[0] and _is_plain(base) and member.kind != "directory":
            path = f"{self._checked_folder[1]}/{base}"
            self._take(path, "file", member.name)
            return path
        path = self._checked(member.name, "its name")
        if not path:
            if member.kind == "directory":
                return ""
            raise self.refused(member.name, "it has no name")
        above = ""
        parts = path.split("/")
        for part in parts[:-1]:
            above = f"{above}/{part}" if above else part
            self._take(above, "directory", member.name)
        self._take(path, "directory" if member.kind == "directory" else "file", member.name)
        if above and member.kind != "directory" and len(parts) <= _MAX_DEPTH and len(folder) < _MAX_PATH_BYTES // 8:
            self._checked_folder = (folder, above)
        return path

    def link_target(self, member: Member, path: str) -> str:
        """Return where a link leads inside the archive, as a path from its top.

        Raises:
            ToolExecutionError: It leads out, or could: `..` may only stand at its start, since a name before it may be
                a link itself.
        """
        if member.kind == "hardlink":
            return self._checked(member.target, "its target", of=member.name)
        stack = path.split("/")[:-1]
        out = self.refused(member.name, f"it is a link that leads out, to '{_short(member.target)}'")
        if not member.target or _problem_of(member.target):
            raise out
        named = False
        for part in member.target.split("/"):
            if part == "..":
                if named or not stack:
                    raise out
                stack.pop()
            elif part not in ("", "."):
                named = True
                stack.append(part)
        return "/".join(stack)

    def refused(self, name: str, reason: str) -> ToolExecutionError:
        """Return the error for an entry that is not taken."""
        shown = _short(name)
        return ToolExecutionError(
            f"refused to unpack '{self._path}': entry '{shown}': {reason}",
            details={"path": self._path, "entry": shown, "reason": reason},
        )

    def exceeded(self, key: str, what: str) -> LimitExceeded:
        """Return the error for a limit."""
        name = f"[tools.archive_handler] {key}"
        return LimitExceeded(
            f"'{self._path}' holds {what}; the limit is {name}",
            details={"path": self._path, "key": name, "limit": self._settings[key]},
        )

    def _take(self, path: str, kind: str, name: str) -> None:
        folded = path if self._settings["allow_case_clash"] else _folded(path)
        known = self._taken.setdefault(folded, (path, ""))
        if not known[1]:
            self._taken[folded] = (path, kind)
        elif known[0] != path:
            raise self.refused(name, f"it differs from '{known[0]}' only in upper and lower case")
        elif known[1] != kind:
            raise self.refused(name, "a file (or link) and a folder would have that name")
        elif kind == "file":
            raise self.refused(name, "it is there twice")

    def _checked(self, name: str, what: str, of: str = "") -> str:
        """Return a name as a relative path without empty parts and dots; errors are told ``of`` an entry, or of it."""
        problem = _problem_of(name)
        if problem:
            raise self.refused(of or name, f"{what} {problem}")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.refused(of or name, f"{what} leads out of the folder")
        if len(parts) > _MAX_DEPTH or any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
            raise self.refused(of or name, f"{what} is too long or too deep")
        return "/".join(parts)


def _problem_of(name: str) -> str:
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if len(raw) > _MAX_PATH_BYTES:
        return "is too long"
    if name.startswith("/"):
        return "is an absolute path"
    if "\\" in name:
        return "has a backslash in it"
    if name[1:2] == ":" and name[:1].isalpha():
        return "starts with a drive letter"
    if not name.isprintable() and any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "has a control character in it"
    return ""


def _is_plain(base: str) -> bool:
    """Return whether a name is without doubt a file's, so that only unusual ones need all checks."""
    return (
        base.isascii()
        and base.isprintable()
        and "\\" not in base
        and base not in ("", ".", "..")
        and len(base) <= _MAX_NAME_BYTES
    )


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _short(name: str) -> str:
    shown = name.encode("utf-8", "backslashreplace").decode("utf-8", "replace")
    shown = "".join(char if char.isprintable() else "?" for char in shown)
    return shown if len(shown) <= 120 else shown[:117] + "..."
