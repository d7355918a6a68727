"""UUIDs of RFC 9562 as 128-bit integers: make versions 1, 3, 4, 5, 6 and 7, write the four formats, read and name.

Own, because the standard library's `uuid` costs several times the start of the whole tool core and makes neither
version 6 nor 7. Versions 1 and 6 carry a random node and clock sequence (RFC 9562 §6.10), never the machine's
address. Times are read from the system clock and never go back within a process.
"""

from __future__ import annotations

import _thread
import time
from os import urandom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: 100 ns steps between the Gregorian reform (1582-10-15) and the Unix epoch; RFC 9562 appendix A.
_GREGORIAN = 0x01B21DD213814000
_HEX = frozenset("0123456789abcdef")

#: RFC 9562 §6.6, and the three that llmspell's component ids are made in.
NAMESPACES: dict[str, int] = {
    "dns": 0x6BA7B8109DAD11D180B400C04FD430C8,
    "url": 0x6BA7B8119DAD11D180B400C04FD430C8,
    "oid": 0x6BA7B8129DAD11D180B400C04FD430C8,
    "x500": 0x6BA7B8149DAD11D180B400C04FD430C8,
    "agent": 0x6BA13D5A3F5D4A5B9F7E3D5A2F4D3A2B,
    "tool": 0x7CB24E6B4F6E5B6CAF8F4E6B3F5E4B3C,
    "workflow": 0x8DC35F7C5F7F6C7DBF9F5F7C4F6F5C4D,
}


class _Clock:
    """The times and the sequence that make time-based UUIDs of one process differ; any thread may ask."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._last: dict[int, int] = {}
        self.node = int.from_bytes(urandom(6), "big") | 1 << 40  # the multicast bit: no network card has it
        self.sequence = int.from_bytes(urandom(2), "big") & 0x3FFF

    def steps(self, length_ns: int) -> int:
        """Return the steps of `length_ns` since the Unix epoch, each number once."""
        with self._lock:
            now = max(time.time_ns() // length_ns, self._last.get(length_ns, -1) + 1)
            self._last[length_ns] = now
            return now


_clock = _Clock()


def _stamp(value: int, version: int) -> int:
    """Set version and variant."""
    return value & ~(0xF << 76 | 0x3 << 62) | version << 76 | 0x2 << 62


def version_1() -> int:
    """Return a UUID of time, sequence and node, low time first."""
    time_100ns = _clock.steps(100) + _GREGORIAN
    low, middle, high = time_100ns & 0xFFFFFFFF, time_100ns >> 32 & 0xFFFF, time_100ns >> 48 & 0xFFF
    return _stamp(low << 96 | middle << 80 | high << 64 | _clock.sequence << 48 | _clock.node, 1)


def version_4() -> int:
    """Return a random UUID."""
    return _stamp(int.from_bytes(urandom(16), "big"), 4)


def version_6() -> int:
    """Return a UUID of time, sequence and node that sorts by time."""
    time_100ns = _clock.steps(100) + _GREGORIAN
    return _stamp(time_100ns >> 12 << 80 | (time_100ns & 0xFFF) << 64 | _clock.sequence << 48 | _clock.node, 6)


def version_7() -> int:
    """Return a UUID of Unix time and random bits that sorts by time, to 1/4096 of a millisecond."""
    # RFC 9562 §6.2 method 3: the 12 bits after the milliseconds hold their fraction (a step is about 244 ns).
    steps = _clock.steps(244)
    milliseconds, fraction = divmod(steps * 244, 1_000_000)
    fraction = fraction * 4096 // 1_000_000
    return _stamp(milliseconds << 80 | fraction << 64 | int.from_bytes(urandom(8), "big"), 7)


def named(version: int, namespace: int, name: str) -> int:
    """Return the UUID of a name in a namespace: version 3 by MD5, 5 by SHA-1; the same each time."""
    import hashlib

    digest = hashlib.new("md5" if version == 3 else "sha1", usedforsecurity=False)
    digest.update(namespace.to_bytes(16, "big") + name.encode("utf-8"))
    return _stamp(int.from_bytes(digest.digest()[:16], "big"), version)


def hyphenated(value: int) -> str:
    """Write 8-4-4-4-12 hexadecimal digits."""
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


FORMATS: dict[str, Callable[[int], str]] = {
    "hyphenated": hyphenated,
    "simple": lambda value: f"{value:032x}",
    "urn": lambda value: "urn:uuid:" + hyphenated(value),
    "braced": lambda value: "{" + hyphenated(value) + "}",
}


def read(text: str) -> int | None:
    """Read any of the four formats, in any case; None if the text is none of them."""
    plain = text.lower()
    if plain.startswith("urn:uuid:"):
        plain = plain[9:]
        if len(plain) != 36:
            return None
    elif plain.startswith("{") and plain.endswith("}"):
        plain = plain[1:-1]
        if len(plain) != 36:
            return None
    if len(plain) == 36 and plain[8] == plain[13] == plain[18] == plain[23] == "-":
        plain = plain[:8] + plain[9:13] + plain[14:18] + plain[19:23] + plain[24:]
    if len(plain) != 32 or not _HEX.issuperset(plain):
        return None
    return int(plain, 16)


def version_of(value: int) -> int | None:
    """Return the version, 1 to 8, or None where the variant has none."""
    version = value >> 76 & 0xF
    return version if variant_of(value) == "RFC4122" and 1 <= version <= 8 else None


def variant_of(value: int) -> str:
    """Return the variant's name: NCS, RFC4122, Microsoft or Future."""
    top = value >> 61 & 0x7
    if top < 4:
        return "NCS"
    return "RFC4122" if top < 6 else "Microsoft" if top == 6 else "Future"
