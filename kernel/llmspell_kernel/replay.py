"""The memory that refuses a signed message which was seen before.

It knows digests, sessions, channels and dates; no key, no frame and no clock of ours. Three rules:

1. Only a verified message is remembered, so forged frames cannot push honest digests out.
2. The last `capacity` digests are kept in the order they came, one memory for shell and control.
3. When a digest is culled, the newest date culled for its session and channel is kept, and messages of that session
   on that channel dated at or before it are refused from then on. Dates are compared only with the same sender's
   dates: a browser's clock may be wrong and a cell may wait in a queue for hours. The date is per channel because a
   client's interrupt (control) overtakes its own queued cells (shell), which then carry older dates; a captured
   shell message replayed on control, or the reverse, finds no handler there that has an effect.
"""

from __future__ import annotations

from llmspell_kernel.errors import ReplayedMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

CAPACITY = 16_384


class ReplayMemory:
    """Remembers verified signatures; safe to call from the shell and the control thread at once.

    Args:
        capacity: How many signatures are kept, about 300 bytes each.
    """

    __slots__ = ("_capacity", "_culled", "_seen")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._seen: dict[bytes, tuple[str, str, JsonValue]] = {}
        self._culled: dict[tuple[str, str], float] = {}

    def remember(self, signature: bytes, channel: str, session: str, date: JsonValue) -> None:
        """Accept a verified message once.

        Args:
            signature: The message's signature as received (verified, so one form per message).
            channel: Where it came in.
            session: The session in its header.
            date: The date in its header.

        Raises:
            ReplayedMessage: It came before, or is too old for the memory to tell.
        """
        entry = (channel, session, date)
        # One atomic step under the GIL: the same frames on both channels at once pass on one of them only.
        if self._seen.setdefault(signature, entry) is not entry:
            raise ReplayedMessage("a message that came before was sent again")
        if self._culled and self._is_too_old(entry):
            raise ReplayedMessage("a message is older than the replay memory, or has no date")
        if len(self._seen) > self._capacity:
            self._cull()

    def _is_too_old(self, entry: tuple[str, str, JsonValue]) -> bool:
        newest = self._culled.get(entry[:2])
        if newest is None:
            return False
        sent = _instant(entry[2])
        return sent is None or sent <= newest

    def _cull(self) -> None:
        try:
            oldest = next(iter(self._seen))
            channel, session, date = self._seen.pop(oldest)
        except (KeyError, RuntimeError, StopIteration):
            return  # the other channel's thread is culling: the next message culls again
        sent = _instant(date)
        newest = self._culled.get((channel, session))
        if sent is not None and (newest is None or sent > newest):
            self._culled[channel, session] = sent


def _instant(date: JsonValue) -> float | None:
    from datetime import UTC, datetime  # needed only once the memory is full

    if not isinstance(date, str):
        return None
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
