"""When a file was made: `os.stat` does not say on Linux, `statx(2)` does.

Where the C library or the file system has no answer there is none. Imports `ctypes` (8 ms) when first asked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

_HERE = -100  # AT_FDCWD
_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_BIRTH = 0x800  # STATX_BTIME, in the mask asked for and in the mask of what is told
#: `struct statx` of <linux/stat.h>: its size, and where the inode and the birth (seconds, nanoseconds) stand.
_BYTES = 256
_INODE_AT, _BIRTH_AT = 32, 80


def born(folder_fd: int | None, name: str, found: os.stat_result) -> float | None:
    """Return when a file or folder was made, in seconds since 1970.

    Args:
        folder_fd: Open folder; None for the current one.
        name: In that folder; a link is not followed.
        found: What `os.lstat` told about it. None comes back when the name means another file by now.
    """
    told: float | None = getattr(found, "st_birthtime", None)
    if told is not None:
        return told
    import ctypes
    import os
    import struct

    try:
        statx = ctypes.CDLL(None).statx
    except (AttributeError, OSError, TypeError):  # an old C library, another system
        return None
    buffer = ctypes.create_string_buffer(_BYTES)
    folder = _HERE if folder_fd is None else folder_fd
    if statx(folder, os.fsencode(name), _NO_FOLLOW, _BIRTH, buffer) != 0:
        return None
    (mask,) = struct.unpack_from("=I", buffer)
    (inode,) = struct.unpack_from("=Q", buffer, _INODE_AT)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BIRTH_AT)
    if not mask & _BIRTH or inode != found.st_ino:
        return None
    return float(seconds) + float(nanoseconds) / 1e9
