"""Dispatch over an in-memory channel: one reply, one busy, one idle on every path. Spec: Jupyter messaging 5.5."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest

from llmspell_kernel.dispatch import Dispatcher, Request, error_content
from llmspell_kernel.wire import DELIMITER, Wire
from llmspell_tools.errors import Cancelled, InvalidParameters, ToolNotFound

KEY = b"key"


class Channel:
    """A message source in memory; what is sent and published ends in one list, in order."""

    name = "shell"

    def __init__(self) -> None:
        self.wire = Wire(KEY)
        self.waiting: deque[list[bytes] | None] = deque()
        self.events: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.logged: list[str] = []
        self.numbers = 0

    def receive(self) -> list[bytes] | None:
        return self.waiting.popleft()

    def hold(self) -> int:
        return len(self.waiting)

    def send(self, frames: list[bytes]) -> None:
        assert frames[0] == b"client"
        self._note(frames[1:])

    def publish(self, frames: list[bytes]) -> None:
        self._note(frames[1:])

    def _note(self, frames: list[bytes]) -> None:
        assert frames[0] == DELIMITER
        assert frames[1] == self.wire.sign(b"".join(frames[2:]))
        self.events.append((json.loads(frames[2])["msg_type"], json.loads(frames[3]), json.loads(frames[5])))

    def request(self, msg_type: str, content: bytes = b"{}", session: str = "s") -> str:
        self.numbers += 1
        header = json.dumps({"msg_id": f"m{self.numbers}", "session": session, "msg_type": msg_type, "date": ""})
        parts = [header.encode(), b"{}", b"{}", content]
        self.waiting.append([b"client", DELIMITER, self.wire.sign(b"".join(parts)), *parts])
        return f"m{self.numbers}"

    def run(self, **handlers: Any) -> list[tuple[str, dict[str, Any]]]:
        dispatcher = Dispatcher(self.wire, handlers, publish=self.publish, log=self.logged.append)
        dispatcher.serve(self, lambda: not self.waiting)
        return [(name, content) for name, _, content in self.events]


BUSY = ("status", {"execution_state": "busy"})
IDLE = ("status", {"execution_state": "idle"})


def test_a_request_gets_busy_reply_idle_in_that_order():
    channel = Channel()
    channel.request("thing_request", b'{"a":1}')

    events = channel.run(thing_request=lambda request: {"status": "ok", "got": request.content})

    assert events == [BUSY, ("thing_reply", {"status": "ok", "got": {"a": 1}}), IDLE]


def test_everything_has_the_request_as_its_parent():
    channel = Channel()
    ids = [channel.request("thing_request") for _ in range(3)]

    def handler(request: Request) -> dict[str, Any]:
        request.publish("stream", {"name": "stdout", "text": "x"})
        return {"status": "ok"}

    channel.run(thing_request=handler)

    assert [parent["msg_id"] for _, parent, _ in channel.events] == [msg_id for msg_id in ids for _ in range(4)]


@pytest.mark.parametrize(
    ("raised", "ename", "code"),
    [
        (InvalidParameters("wrong"), "InvalidParameters", "validation_error"),
        (Cancelled("stopped"), "KeyboardInterrupt", "cancelled"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "cancelled"),
        (RuntimeError("a bug"), "InternalError", "internal_error"),
        (RecursionError(), "InternalError", "internal_error"),
    ],
)
def test_a_handler_that_raises_still_gives_one_reply(raised, ename, code):
    channel = Channel()
    channel.request("thing_request")

    def handler(request: Request) -> dict[str, Any]:
        raise raised

    events = channel.run(thing_request=handler)

    assert [name for name, _ in events] == ["status", "thing_reply", "status"]
    reply = events[1][1]
    assert (reply["status"], reply["ename"], reply["error_type"]) == ("error", ename, code)


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": object()}, {"x": {1}}])
def test_a_reply_that_has_no_json_form_becomes_an_error_reply(content):
    channel = Channel()
    channel.request("thing_request")

    events = channel.run(thing_request=lambda request: content)

    assert [name for name, _ in events] == ["status", "thing_reply", "status"]
    assert events[1][1]["error_type"] == "internal_error"
    assert channel.logged


def test_a_request_of_an_unknown_type_gets_its_error_reply():
    channel = Channel()
    channel.request("no_such_request")

    events = channel.run()

    assert [name for name, _ in events] == ["status", "no_such_reply", "status"]
    assert events[1][1]["error_type"] == "not_found"


def test_a_message_that_is_no_request_gets_no_reply():
    channel = Channel()
    channel.request("comm_msg")

    assert channel.run() == [BUSY, IDLE]


def test_content_that_cannot_be_read_gets_an_error_reply():
    channel = Channel()
    channel.request("thing_request", b'{"a":')

    events = channel.run(thing_request=lambda request: {"status": "ok"})

    assert [name for name, _ in events] == ["status", "thing_reply", "status"]
    assert events[1][1]["status"] == "error"


@pytest.mark.parametrize("frames", [[b""], [b"x"] * 30, [b"client", DELIMITER, b"0" * 64, b"{}", b"{}", b"{}", b"{}"]])
def test_what_fails_verification_has_no_effect_but_a_line_in_the_log(frames):
    channel = Channel()
    channel.waiting.append(frames)
    channel.request("thing_request")

    events = channel.run(thing_request=lambda request: {"status": "ok"})

    assert [name for name, _ in events] == ["status", "thing_reply", "status"]
    assert len(channel.logged) == 1


def test_a_replayed_request_is_handled_once():
    channel = Channel()
    channel.request("thing_request")
    channel.waiting.append(channel.waiting[0])
    calls = []

    channel.run(thing_request=lambda request: calls.append(1) or {"status": "ok"})

    assert len(calls) == 1
    assert len(channel.events) == 3


def failing(request: Request) -> dict[str, Any]:
    request.stops_queue = bool(request.content.get("fail"))
    return {"status": "error" if request.content.get("fail") else "ok"}


def test_a_failure_aborts_the_cells_that_its_sender_has_queued():
    """Jupyter messaging, "Execute": stop_on_error."""
    channel = Channel()
    channel.request("execute_request", b'{"fail":true}')
    channel.request("execute_request")
    channel.request("thing_request")
    channel.request("execute_request", session="another")
    channel.request("execute_request")

    events = channel.run(execute_request=failing, thing_request=lambda request: {"status": "ok"})

    statuses = [content["status"] for name, content in events if name.endswith("_reply")]
    assert statuses == ["error", "aborted", "ok", "ok", "aborted"]
    assert [content["execution_state"] for name, content in events if name == "status"] == ["busy", "idle"] * 5


def test_cells_sent_after_the_failure_was_answered_run():
    channel = Channel()
    channel.request("execute_request", b'{"fail":true}')
    dispatcher = Dispatcher(
        channel.wire, {"execute_request": failing}, publish=channel.publish, log=channel.logged.append
    )
    dispatcher.serve(channel, lambda: not channel.waiting)
    channel.request("execute_request")
    dispatcher.serve(channel, lambda: not channel.waiting)

    assert [content["status"] for name, _, content in channel.events if name == "execute_reply"] == ["error", "ok"]


def test_what_is_queued_when_the_kernel_stops_is_answered_as_aborted():
    channel = Channel()
    for _ in range(3):
        channel.request("execute_request")
    channel.waiting.append([b"garbage"])
    dispatcher = Dispatcher(channel.wire, {}, publish=channel.publish, log=channel.logged.append)

    dispatcher.refuse_pending(channel)

    assert [content["status"] for name, _, content in channel.events if name == "execute_reply"] == ["aborted"] * 3


def test_after_reply_runs_when_idle_has_been_sent():
    channel = Channel()
    channel.request("thing_request")
    seen: list[int] = []

    def handler(request: Request) -> dict[str, Any]:
        request.after_reply(lambda: seen.append(len(channel.events)))
        return {"status": "ok"}

    channel.run(thing_request=handler)

    assert seen == [3]


def test_a_wake_up_without_a_message_goes_on_waiting():
    channel = Channel()
    channel.waiting.append(None)
    channel.request("thing_request")

    assert len(channel.run(thing_request=lambda request: {"status": "ok"})) == 3


def test_a_message_that_breaks_the_dispatch_itself_does_not_stop_the_next():
    channel = Channel()
    channel.request("thing_request")
    channel.request("thing_request")
    broken = iter([True])

    def publish(frames: list[bytes]) -> None:
        if next(broken, False):
            raise OSError("no room")
        channel.publish(frames)

    dispatcher = Dispatcher(
        channel.wire, {"thing_request": lambda request: {"status": "ok"}}, publish=publish, log=channel.logged.append
    )
    dispatcher.serve(channel, lambda: not channel.waiting)

    assert [name for name, _, _ in channel.events] == ["status", "thing_reply", "status"]
    assert len(channel.logged) == 1


def test_something_can_be_done_after_the_first_message():
    channel = Channel()
    channel.request("thing_request")
    channel.request("thing_request")
    seen: list[int] = []
    dispatcher = Dispatcher(channel.wire, {}, publish=channel.publish, log=channel.logged.append)

    dispatcher.serve(channel, lambda: not channel.waiting, after_first=lambda: seen.append(len(channel.events)))

    assert seen == [3]


def test_an_error_reply_has_the_fields_of_jupyter_and_of_tool_replies():
    content = error_content(ToolNotFound("no such tool", details={"tool": "x"}))

    assert content["ename"] == "ToolNotFound"
    assert content["evalue"] == content["error"] == "no such tool"
    assert content["traceback"] == ["ToolNotFound: no such tool"]
    assert content["error_type"] == "not_found"
    assert content["details"] == {"tool": "x"}
