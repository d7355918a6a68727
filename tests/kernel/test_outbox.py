"""Replies to clients that do not read: kept in order, bounded, dropped when the client is gone."""

from __future__ import annotations

from llmspell_kernel.outbox import FULL, GONE, SENT, Outbox


class Line:
    """A client's line that can be full or dead."""

    def __init__(self) -> None:
        self.states: dict[bytes, int] = {}
        self.sent: list[list[bytes]] = []
        self.logged: list[str] = []

    def try_send(self, frames: list[bytes]) -> int:
        state = self.states.get(frames[0], SENT)
        if state == SENT:
            self.sent.append(frames)
        return state

    def outbox(self, max_bytes: int = 1_000_000) -> Outbox:
        return Outbox(self.try_send, max_bytes=max_bytes, log=self.logged.append)


def test_a_reply_leaves_at_once_when_the_client_reads():
    line = Line()
    outbox = line.outbox()

    outbox.send([b"a", b"1"])

    assert line.sent == [[b"a", b"1"]]
    assert not outbox.waiting


def test_replies_wait_in_order_and_do_not_hold_up_other_clients():
    line = Line()
    outbox = line.outbox()
    line.states[b"a"] = FULL

    for number in range(3):
        outbox.send([b"a", b"%d" % number])
        outbox.send([b"b", b"%d" % number])
    line.states[b"a"] = SENT
    outbox.send([b"a", b"3"])
    assert [frames[1] for frames in line.sent if frames[0] == b"b"] == [b"0", b"1", b"2"]
    assert outbox.waiting
    outbox.flush()

    assert [frames[1] for frames in line.sent if frames[0] == b"a"] == [b"0", b"1", b"2", b"3"]
    assert not outbox.waiting


def test_flush_keeps_what_is_still_not_taken():
    line = Line()
    outbox = line.outbox()
    line.states[b"a"] = FULL
    outbox.send([b"a", b"1"])

    outbox.flush()

    assert outbox.waiting
    assert line.sent == []


def test_replies_to_a_client_that_is_gone_are_dropped():
    line = Line()
    outbox = line.outbox()
    line.states[b"a"] = FULL
    outbox.send([b"a", b"1"])
    line.states[b"a"] = GONE
    outbox.flush()
    outbox.send([b"a", b"2"])

    assert not outbox.waiting
    assert line.sent == []
    assert len(line.logged) == 1


def test_what_waits_is_bounded_in_bytes():
    line = Line()
    outbox = line.outbox(max_bytes=10_000)
    line.states[b"a"] = FULL

    for _ in range(100):
        outbox.send([b"a", b"x" * 1_000])
    line.states[b"a"] = SENT
    outbox.flush()

    assert 5 <= len(line.sent) <= 10
    assert line.logged


def test_room_is_freed_as_replies_leave():
    line = Line()
    outbox = line.outbox(max_bytes=5_000)

    for _ in range(50):
        line.states[b"a"] = FULL
        for _ in range(3):
            outbox.send([b"a", b"x" * 1_000])
        line.states[b"a"] = SENT
        outbox.flush()

    assert len(line.sent) == 150
    assert not line.logged
