"""What a quick succession of requests says leaves together, in order and soon; what a lone one says leaves at once."""

from __future__ import annotations

from collections import deque
from threading import Event, Thread

from llmspell_kernel.batch import CLOSE_S, MAX_AGE_S, OVERDUE_S, ShellBatch


class Shell:
    """A channel in memory, and iopub beside it; `left` is what has left, in order."""

    def __init__(self) -> None:
        self.arrived: deque[list[bytes]] = deque()
        self.left: list[str] = []
        self.now = 0.0
        self.wakes = 0
        self.logged: list[str] = []
        self.batch = ShellBatch(self, self.publish, self.wake, self.logged.append, clock=lambda: self.now)

    def receive(self) -> list[bytes] | None:
        self.left.append("waits")
        return self.arrived.popleft() if self.arrived else None

    def receive_arrived(self) -> list[bytes] | None:
        return self.arrived.popleft() if self.arrived else None

    def hold(self) -> int:
        return len(self.arrived)

    def send(self, frames: list[bytes]) -> None:
        self.left.append("reply " + frames[0].decode())

    def publish(self, frames: list[bytes]) -> None:
        self.left.append("says " + frames[0].decode())

    def wake(self) -> None:
        self.wakes += 1

    def arrive(self, *names: str) -> None:
        self.arrived.extend([name.encode()] for name in names)

    def serve(self) -> str | None:
        """Handle the next request as the dispatcher does: something is said, replied and said."""
        frames = self.batch.receive()
        if frames is None:
            return None
        self.batch.publish([b"busy " + frames[0]])
        self.batch.send(frames)
        self.batch.publish([b"idle " + frames[0]])
        return frames[0].decode()

    def take(self) -> list[str]:
        left, self.left = self.left, []
        return left


def warm() -> Shell:
    """Return a shell in the middle of a batch: `b` came closely behind `a`, and has been handled."""
    shell = Shell()
    shell.arrive("a", "b")
    shell.serve()
    shell.serve()
    return shell


def test_what_a_lone_request_says_leaves_at_once():
    shell = Shell()
    shell.arrive("a")

    shell.serve()

    assert shell.take() == ["waits", "says busy a", "reply a", "says idle a"]


def test_a_request_long_after_another_is_a_lone_one():
    shell = Shell()
    shell.arrive("a", "b")
    shell.serve()
    shell.take()
    shell.now += CLOSE_S

    shell.serve()

    assert shell.take() == ["waits", "says busy b", "reply b", "says idle b"]


def test_what_close_requests_say_waits_until_no_further_one_is_there():
    shell = warm()
    shell.arrive("c", "d")
    shell.take()

    shell.serve()
    shell.serve()
    before = shell.take()
    shell.serve()

    assert before == []
    assert shell.take() == [
        "reply b", "reply c", "reply d",
        "says busy b", "says idle b", "says busy c", "says idle c", "says busy d", "says idle d", "waits",
    ]  # fmt: skip


def test_nothing_waits_longer_than_promised_where_requests_never_end():
    shell = warm()
    shell.arrive("c")
    shell.take()
    shell.now += MAX_AGE_S

    shell.serve()

    assert shell.take() == ["reply b", "says busy b", "says idle b", "waits"]


def test_a_tick_sends_what_has_waited_too_long_and_what_follows_leaves_at_once():
    shell = warm()
    shell.take()

    shell.batch.tick()
    too_early = shell.take()
    shell.now += OVERDUE_S
    shell.batch.tick()
    shell.batch.publish([b"stream b"])

    assert too_early == []
    assert shell.take() == ["reply b", "says busy b", "says idle b", "says stream b"]


def test_the_shell_is_not_waited_for_while_a_tick_sends_replies():
    """Its socket is locked during the wait: the replies would leave with the next request, if one ever came."""
    shell = warm()
    shell.take()
    begins, waits = Event(), Event()
    send, receive = shell.send, shell.receive

    def slow_send(frames: list[bytes]) -> None:
        begins.set()
        waits.wait(0.05)
        send(frames)

    def tell_and_receive() -> list[bytes] | None:
        waits.set()
        return receive()

    shell.send, shell.receive = slow_send, tell_and_receive
    shell.now += OVERDUE_S
    service = Thread(target=shell.batch.tick)
    service.start()
    begins.wait(5)
    shell.batch.receive()
    service.join(5)

    assert shell.take() == ["reply b", "says busy b", "says idle b", "waits"]


def test_release_keeps_the_order_of_what_was_said():
    shell = warm()
    shell.take()

    shell.batch.release()
    shell.batch.publish([b"question"])

    assert shell.take() == ["reply b", "says busy b", "says idle b", "says question"]


def test_a_message_that_cannot_be_sent_costs_no_other():
    shell = warm()
    shell.take()
    shell.batch.publish(["no bytes"])
    shell.batch.publish([b"next"])

    shell.batch.release()

    assert shell.take()[-1] == "says next"
    assert len(shell.logged) == 1


def test_the_service_thread_is_woken_once_for_a_succession_and_may_rest_after_it():
    shell = warm()
    shell.arrive("c", "d")
    while shell.serve():
        pass
    woken = shell.wakes
    shell.now += CLOSE_S
    shell.batch.tick()

    assert woken == 1
    assert not shell.batch.is_warm


def test_ticks_go_on_while_messages_wait():
    shell = warm()
    shell.now += CLOSE_S
    shell.batch._is_open = True  # as main may have set it since `tick` looked
    shell.batch._since = shell.now

    shell.batch.tick()

    assert shell.batch.is_warm


def test_being_woken_sends_what_waits():
    shell = warm()
    shell.take()

    assert shell.batch.receive() is None
    assert shell.take() == ["reply b", "says busy b", "says idle b", "waits"]
