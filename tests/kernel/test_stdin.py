"""Questions by themselves: which client is asked, which answer counts. A port in memory, no socket.

Jupyter messaging 5.5, "Messages on the stdin (ROUTER/DEALER) channel".
"""

from __future__ import annotations

import json
from itertools import count

import pytest

from llmspell_kernel.dispatch import Request
from llmspell_kernel.errors import StdinNotImplementedError
from llmspell_kernel.message import Message
from llmspell_kernel.stdin import Questions
from llmspell_kernel.wire import Wire, encode
from llmspell_tools.errors import Cancelled

HEADER = b'{"msg_id":"cell","msg_type":"execute_request","session":"s"}'


class Port:
    """Holds what was sent, and hands out what the test has put in."""

    def __init__(self, *, connected_after=0):
        self.sent = []
        self.stale = []
        self.answers = []
        self.tries = count()
        self.connected_after = connected_after

    def send(self, frames):
        if next(self.tries) < self.connected_after:
            return False
        self.sent.append(frames)
        return True

    def receive(self, timeout_ms):
        if not self.sent:
            return self.stale.pop(0) if self.stale else None
        answer = self.answers.pop(0)
        return answer(self) if callable(answer) else answer


class Asked:
    def __init__(self, **options):
        self.wire = Wire(b"key")
        self.port = Port(**options)
        self.log = []
        self.questions = Questions(self.wire, self.port, self.log.append)
        self.numbers = count()

    def request(self, **content):
        header = json.loads(HEADER)
        return Request(Message([b"client"], header, HEADER, b"{}", content), self.wire, lambda frames: None)

    def reply(self, value, *, client=b"client", parent=b"{}", msg_type="input_reply", key=b"key"):
        return Wire(key).message([client], msg_type, encode({"value": value}), parent)

    def ask(self, *answers, check=lambda: None, password=False, **content):
        self.port.answers = list(answers)
        request = self.request(**(content or {"allow_stdin": True}))
        return self.questions.ask(request, "name? ", password=password, check=check)


def test_the_client_of_the_cell_is_asked_and_its_answer_returned():
    asked = Asked()

    assert asked.ask(asked.reply("Ann"), password=True) == "Ann"
    frames = asked.port.sent[0]
    assert frames[0] == b"client"
    assert json.loads(frames[3])["msg_type"] == "input_request"
    assert frames[4] == HEADER
    assert json.loads(frames[6]) == {"prompt": "name? ", "password": True}


@pytest.mark.parametrize("content", [{"allow_stdin": False}, {"code": "x"}, {"allow_stdin": "yes"}])
def test_a_client_that_answers_nothing_is_not_asked(content):
    asked = Asked()
    with pytest.raises(StdinNotImplementedError) as caught:
        asked.ask(**content)

    assert asked.port.sent == []
    assert caught.value.code == "unavailable"
    assert not asked.questions.can_ask(None)


def test_a_client_without_a_stdin_channel_is_named():
    asked = Asked(connected_after=1_000)
    with pytest.raises(StdinNotImplementedError, match="has not connected its stdin channel"):
        asked.ask()


def test_a_client_that_connects_a_moment_later_is_asked():
    asked = Asked(connected_after=3)

    assert asked.ask(asked.reply("Ann")) == "Ann"


def test_the_end_of_input_is_none():
    asked = Asked()

    assert asked.ask(asked.reply("\x04")) is None


def test_answers_that_came_before_the_question_are_thrown_away():
    asked = Asked()
    asked.port.stale = [asked.reply("old")]

    assert asked.ask(asked.reply("new")) == "new"


def test_only_the_right_answer_counts():
    asked = Asked()
    of_another_question = b'{"msg_id":"other"}'
    answer = asked.ask(
        None,
        asked.reply("forged", key=b"wrong"),
        [b"client", b"rubbish"],
        asked.reply("stranger", client=b"other"),
        asked.reply("typed", msg_type="execute_request"),
        asked.reply("late", parent=of_another_question),
        asked.reply(5),
        lambda port: asked.reply("right", parent=port.sent[0][3]),
    )

    assert answer == "right"
    assert len(asked.log) == 2


def test_a_stopped_run_ends_the_wait():
    asked = Asked()
    looks = count()

    def check():
        if next(looks) == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        asked.ask(None, None, None, check=check)
