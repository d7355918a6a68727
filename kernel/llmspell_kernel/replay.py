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

from collections import OrderedDict

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
        # Not a dict: the first key of one that is popped from the front gets slower to find with every pop.
        self._seen: OrderedDict[bytes, tuple[str, str, JsonValue]] = OrderedDict()
        self._culled: dict[tuple[str, str], str] = {}

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
        return newest is not None and not _is_later(entry[2], newest)

    def _cull(self) -> None:
        try:
            channel, session, date = self._seen.popitem(last=False)[1]
        except KeyError:
            return  # the other channel's thread has culled
        newest = self._culled.get((channel, session))
        if isinstance(date, str) and (_instant(date) is not None if newest is None else _is_later(date, newest)):
            self._culled[channel, session] = date


def _is_later(date: JsonValue, newest: str) -> bool:
    """Tell whether a date is later than one of the same sender's; what is no date is not."""
    if not isinstance(date, str):
        return False
    if len(date) == len(newest) and date[-1] == newest[-1] == "Z":
        # Of one form, as those of one client are: the text's order is the time's. Parsing takes 20 times as long.
        return date > newest
    sent, before = _instant(date), _instant(newest)
    return sent is not None and before is not None and sent > before


def _instant(date: str) -> float | None:
    from datetime import UTC, datetime  # needed only once the memory is full

    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
