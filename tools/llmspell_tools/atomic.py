"""One write that happens whole or not at all: a new file beside the target, synced, then put in its place.

Whoever reads sees the old content or the new one, also after `kill -9`, a full disk or two writers at once (the last
one wins whole). A killed writer may leave a `.llmspell-*.tmp` file behind. Below `files`, above `opening`.
"""

from __future__ import annotations

import io
import os
import stat as st

from llmspell_tools.opening import QUIET, GuardedFile, names_a_folder, require_regular
from llmspell_tools.paths import Place, failed, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from llmspell_tools.policy import Policy

#: Bytes collected before they are written.
BUFFER_BYTES = 1 << 18


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
        self._raw: GuardedFile | None = None
        self._writer: io.BufferedWriter | None = None
        self._temporary = ""
        self.mode: int | None = None

    def __enter__(self) -> io.BufferedWriter:
        if self._asked.endswith("/"):
            raise names_a_folder(self._asked)
        place = walk(self._policy, self._asked, self._tool, "write")
        try:
            require_regular(place.found, "write", self._asked)
            self._raw = self._create(place)
        except OSError as error:
            place.close()
            raise failed("write", self._asked, error) from error
        except BaseException:
            place.close()
            raise
        self._place = place
        self._writer = io.BufferedWriter(self._raw, BUFFER_BYTES)
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

    def _create(self, place: Place) -> GuardedFile:
        mode = self.mode
        if mode is None and place.found is not None:
            mode = st.S_IMODE(place.found.st_mode) & 0o777
        # A new file is made with the usual bits, so that the kernel applies the umask; one whose bits are
        # known stays private until they are set.
        first = 0o666 if mode is None else 0o600
        beside = os.path.dirname(place.name) if place.folder_fd is None else ""
        self._temporary = os.path.join(beside, f".llmspell-{os.urandom(8).hex()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | QUIET
        fd = os.open(self._temporary, flags, first, dir_fd=place.folder_fd)
        try:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            return GuardedFile(fd, "wb", "write", self._asked)
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
