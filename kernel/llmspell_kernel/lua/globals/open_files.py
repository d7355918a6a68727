"""The files that scripts hold open, by number: Lua keeps the number, Python the file.

What each of Lua's modes does here, all through `llmspell_tools.files` and so through the policy:

- ``r`` reads; ``r+`` reads and writes in place; ``a`` and ``a+`` write at the end, also after a seek;
- ``w`` writes to a new file beside the target. The first `flush`, `close`, or the end of the run puts it in the
  target's place; until then readers see the old content whole, also after ``kill -9``. From the first flush on
  further writes go to the file in its place and show at once, as in stock Lua;
- ``w+`` empties the target at once, as stock Lua does, and then works in place.

A script that fails or is interrupted keeps what it wrote, as with stock Lua; only a killed process does not. A
failure comes back as ``(None, message, errno)``, worded as stock Lua words it; the policy's refusals have their own
text and EACCES. It knows nothing of formats, lines or Lua's buffers (`prelude/file_objects.lua`).
"""

from __future__ import annotations

import errno
import io
import os

from llmspell_kernel.lua.convert import from_lua_text, human_text, to_lua_text
from llmspell_tools.errors import (
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_tools.atomic import AtomicWrite
    from llmspell_tools.policy import Policy

    #: ``(None, message, errno)``: how a library function of Lua fails softly.
    SoftFailure = tuple[None, str, int]

#: The policy's name for what scripts do by themselves.
TOOL = "lua"
CHUNK_BYTES = 65536
_WHENCE = {"set": os.SEEK_SET, "cur": os.SEEK_CUR, "end": os.SEEK_END}
#: What a library function of Lua answers softly; interrupts, deadlines and bugs are raised.
SOFT = (PermissionDenied, ToolExecutionError, InvalidParameters, LimitExceeded, OSError)


def path_text(path: str) -> str:
    """Return a path as Python spells it; bytes that are not UTF-8 become surrogates."""
    text = from_lua_text(path)
    return text if isinstance(text, str) else os.fsdecode(text)


def soft_failure(path: str, error: LlmspellError | OSError) -> SoftFailure:
    """Return an error as Lua's library functions give it: ``(None, message, errno)``."""
    code: object = None
    if isinstance(error, OSError):
        code = error.errno
    elif isinstance(error, ToolExecutionError):
        code = error.details.get("errno")
    if isinstance(code, int):
        return None, to_lua_text(f"{human_text(path)}: {os.strerror(code)}"), code
    assert isinstance(error, LlmspellError)
    denied = isinstance(error, PermissionDenied)
    return None, to_lua_text(error.message), errno.EACCES if denied else errno.EINVAL


class OpenFile:
    """One open file: a raw stream, and how it came to be."""

    __slots__ = ("appends", "path", "policy", "replacement", "stream", "unlink", "wrote")

    def __init__(self, policy: Policy, path: str, mode: str) -> None:
        self.policy = policy
        self.path = path
        #: The write that the first flush puts in the target's place; None afterwards and in other modes.
        self.replacement: AtomicWrite | None = None
        self.appends = mode == "a+"
        self.unlink = False
        self.wrote = False
        self.stream: io.BufferedReader | io.BufferedWriter | io.BufferedRandom = _OPENERS[mode](self)

    def write(self, data: bytes) -> None:
        """Add bytes at the position, or at the end where the mode says so."""
        if self.appends:
            self.stream.seek(0, os.SEEK_END)
        self.stream.write(data)
        self.wrote = True

    def read(self) -> bytes:
        """Return the next chunk, b"" at the end."""
        if self.wrote:  # `read1` of a stream that also writes misses what was just written
            self.stream.flush()
            self.wrote = False
        assert not isinstance(self.stream, io.BufferedWriter)
        return self.stream.read1(CHUNK_BYTES)

    def flush(self) -> None:
        """Make what was written visible to others."""
        if self.replacement is None:
            if self.stream.writable():
                self.stream.flush()
            return
        from llmspell_tools import files

        position = self.stream.tell()
        self._commit()
        try:
            self.stream = files.open_update(self.policy, self.path, TOOL)
            self.stream.seek(position)
        except PermissionDenied:  # writable and not readable: what follows can only be added at the end
            self.stream = files.open_append(self.policy, self.path, TOOL)

    def close(self) -> None:
        """Write what waits and close; a replacement takes its place."""
        try:
            if self.replacement is not None:
                self._commit()
        finally:
            self.stream.close()
            if self.unlink:
                from llmspell_tools import files

                files.remove(self.policy, self.path, TOOL)

    def _commit(self) -> None:
        replacement, self.replacement = self.replacement, None
        if replacement is not None:
            replacement.__exit__(None, None, None)


# `files` and what it brings is imported by the first file that is opened, not by each start of an engine.
def _read(opened: OpenFile) -> io.BufferedReader:
    from llmspell_tools import files

    return files.open_read(opened.policy, opened.path, TOOL)


def _update(opened: OpenFile) -> io.BufferedRandom:
    from llmspell_tools import files

    return files.open_update(opened.policy, opened.path, TOOL)


def _append(opened: OpenFile) -> io.BufferedWriter:
    from llmspell_tools import files

    return files.open_append(opened.policy, opened.path, TOOL)


def _replace(opened: OpenFile) -> io.BufferedWriter:
    from llmspell_tools import files

    replacement = files.write_atomic(opened.policy, opened.path, TOOL)
    stream = replacement.__enter__()
    opened.replacement = replacement
    return stream


def _empty_and_update(opened: OpenFile) -> io.BufferedRandom:
    from llmspell_tools import files

    with files.write_atomic(opened.policy, opened.path, TOOL):
        pass
    return _update(opened)


def _append_and_read(opened: OpenFile) -> io.BufferedRandom:
    _append(opened).close()
    return _update(opened)


_OPENERS: dict[str, Callable[[OpenFile], io.BufferedReader | io.BufferedWriter | io.BufferedRandom]] = {
    "r": _read,
    "r+": _update,
    "w": _replace,
    "w+": _empty_and_update,
    "a": _append,
    "a+": _append_and_read,
}


class OpenFiles:
    """All open files of one engine; used on its owner thread."""

    __slots__ = ("_bridge", "_files", "_next")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._files: dict[int, OpenFile] = {}
        self._next = 1

    def open(self, path: str, mode: str) -> int | bool | SoftFailure:
        """Open a file; False where too many are open (Lua then closes the lost ones and asks again)."""
        if len(self._files) >= self._bridge.settings.max_open_files:
            return False
        try:
            opened = OpenFile(self._bridge.policy, path_text(path), mode.removesuffix("b"))
        except SOFT as error:
            return soft_failure(path, error)
        return self._keep(opened)

    def tmpfile(self, *_: object) -> int | bool | SoftFailure:
        """Open a new file for reading and writing that is removed when it is closed."""
        if len(self._files) >= self._bridge.settings.max_open_files:
            return False
        path = temporary_name()
        try:
            opened = OpenFile(self._bridge.policy, path, "w+")
        except SOFT as error:
            return soft_failure(path, error)
        opened.unlink = True
        return self._keep(opened)

    def read(self, handle: int) -> str | SoftFailure:
        """Return the next chunk, "" at the end."""
        opened = self._files[handle]
        if not opened.stream.readable():
            return None, os.strerror(errno.EBADF), errno.EBADF
        try:
            return opened.read().decode("latin-1")
        except SOFT as error:
            return soft_failure(opened.path, error)

    def write(self, handle: int, text: str) -> bool | SoftFailure:
        """Write bytes."""
        opened = self._files[handle]
        if not opened.stream.writable():
            return None, os.strerror(errno.EBADF), errno.EBADF
        try:
            opened.write(text.encode("latin-1"))
        except SOFT as error:
            return soft_failure(opened.path, error)
        return True

    def seek(self, handle: int, whence: str, offset: int) -> int | SoftFailure:
        """Move the position; return it in bytes from the start."""
        opened = self._files[handle]
        try:
            return opened.stream.seek(offset, _WHENCE[whence])
        except (ValueError, OverflowError):  # a negative position
            return None, os.strerror(errno.EINVAL), errno.EINVAL
        except SOFT as error:
            return soft_failure(opened.path, error)

    def flush(self, handle: int) -> bool | SoftFailure:
        """Make what was written visible."""
        opened = self._files[handle]
        try:
            opened.flush()
        except SOFT as error:
            return soft_failure(opened.path, error)
        return True

    def close(self, handle: int) -> bool | SoftFailure:
        """Close a file; what cannot be written is the answer."""
        opened = self._files.pop(handle)
        try:
            opened.close()
        except SOFT as error:
            return soft_failure(opened.path, error)
        return True

    def __bool__(self) -> bool:
        return bool(self._files)

    def close_all(self) -> None:
        """Close every file; failures have been told when the last run ended."""
        for handle in list(self._files):
            self.close(handle)

    def _keep(self, opened: OpenFile) -> int:
        handle = self._next
        self._next += 1
        self._files[handle] = opened
        return handle


def temporary_name() -> str:
    """Return the path of a new name in the system's temporary folder; nothing is made."""
    from tempfile import gettempdir

    return os.path.join(gettempdir(), f"lua_{os.urandom(6).hex()}")
