"""The wire: signatures, replays, malformed frames, headers. Spec: Jupyter messaging 5.5, "The wire protocol"."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime

import pytest

from llmspell_kernel.errors import InvalidSignature, MalformedMessage, ReplayedMessage, UnusableContent
from llmspell_kernel.wire import DELIMITER, Wire, encode
from llmspell_tools.errors import ConfigurationError

KEY = b"a secret key of the test"


def header(**changes: object) -> dict[str, object]:
    return {
        "msg_id": "m1",
        "session": "s1",
        "username": "u",
        "date": "2026-01-02T03:04:05.000006Z",
        "msg_type": "execute_request",
        "version": "5.3",
        **changes,
    }


def signature(parts: list[bytes], key: bytes = KEY) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).hexdigest().encode()


def frames(head: object = None, content: object = None, *, key: bytes = KEY) -> list[bytes]:
    parts = [json.dumps(part).encode() for part in (header() if head is None else head, {}, {"m": 1}, content or {})]
    return [b"client", DELIMITER, signature(parts, key), *parts]


def test_a_signed_message_comes_out_as_it_went_in():
    message = Wire(KEY).decode([*frames(content={"code": "x = 'ü'"}), b"buffer"], "shell")

    assert message.identities == [b"client"]
    assert message.msg_type == "execute_request"
    assert message.msg_id == "m1"
    assert message.session == "s1"
    assert message.content == {"code": "x = 'ü'"}
    assert message.metadata == {"m": 1}
    assert message.buffers == [b"buffer"]
    assert json.loads(message.header_bytes) == header()


def test_metadata_that_is_no_object_reads_as_empty():
    parts = [json.dumps(part).encode() for part in (header(), {}, [1], {})]

    assert Wire(KEY).decode([b"c", DELIMITER, signature(parts), *parts], "shell").metadata == {}


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"k" * 65, b"k" * 1000])
def test_a_signature_is_hmac_sha256_whatever_the_length_of_the_key(key):
    assert Wire(key).sign(b"text") == hmac.new(key, b"text", hashlib.sha256).hexdigest().encode()


def test_an_empty_key_is_refused():
    with pytest.raises(ConfigurationError):
        Wire(b"")


@pytest.mark.parametrize("index", range(2, 7))
def test_a_change_of_any_signed_frame_is_noticed(index):
    changed = frames()
    changed[index] = changed[index][:-1] + bytes([changed[index][-1] ^ 1])

    with pytest.raises(InvalidSignature):
        Wire(KEY).decode(changed, "shell")


@pytest.mark.parametrize("forged", [b"", b"0" * 64, b"\xff" * 64, signature([b"x"], b"other")])
def test_a_wrong_signature_is_refused(forged):
    changed = frames()
    changed[2] = forged

    with pytest.raises(InvalidSignature):
        Wire(KEY).decode(changed, "shell")


@pytest.mark.parametrize(
    "bad",
    [
        [b""],
        [b"client"],
        [b"client", DELIMITER],
        [DELIMITER, b"sig", b"{}", b"{}", b"{}"],
        [b"x"] * 20,
        [b"x"] * 40 + frames(),
        [b"client", b"<ids|msg>", *frames()[2:]],
    ],
)
def test_frames_that_are_no_message_are_malformed(bad):
    with pytest.raises(MalformedMessage):
        Wire(KEY).decode(bad, "shell")


@pytest.mark.parametrize(
    "head",
    [[], "text", 3, {}, header(msg_id=None), header(msg_type=3), header(session={}), {"msg_type": "execute_request"}],
)
def test_a_signed_message_with_a_useless_header_is_malformed(head):
    with pytest.raises(MalformedMessage):
        Wire(KEY).decode(frames(head), "shell")


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"a":NaN}', b"[" * 100_000, b"\xff", b'"' + b"9" * 10])
def test_unusable_content_of_a_signed_message_keeps_what_a_reply_needs(content):
    parts = [json.dumps(header()).encode(), b"{}", b"{}", content]

    with pytest.raises(UnusableContent) as caught:
        Wire(KEY).decode([b"client", DELIMITER, signature(parts), *parts], "shell")

    assert caught.value.request.identities == [b"client"]
    assert caught.value.request.msg_type == "execute_request"


@pytest.mark.parametrize("content", [b' {"a": 1}', b'{"a": 1}\n', b'\xef\xbb\xbf{"a": 1}'])
def test_white_space_around_content_is_no_matter(content):
    parts = [json.dumps(header()).encode(), b"{}", b"{}", content]

    assert Wire(KEY).decode([b"client", DELIMITER, signature(parts), *parts], "shell").content == {"a": 1}


def test_too_much_content_names_the_setting():
    with pytest.raises(UnusableContent) as caught:
        Wire(KEY, max_content_bytes=10).decode(frames(content={"code": "x" * 20}), "shell")

    assert caught.value.reason.code == "limit_exceeded"
    assert caught.value.details["setting"] == "[kernel] max_content_bytes"


def test_a_message_is_taken_once_on_all_channels_together():
    wire = Wire(KEY)
    wire.decode(frames(), "shell")

    for channel in ("shell", "control"):
        with pytest.raises(ReplayedMessage):
            wire.decode(frames(), channel)


def test_a_forged_message_does_not_make_the_honest_one_a_replay():
    wire = Wire(KEY)
    forged = frames()
    forged[6] = b"{ }"
    with pytest.raises(InvalidSignature):
        wire.decode(forged, "shell")

    assert wire.decode(frames(), "shell").msg_id == "m1"


def test_our_messages_are_signed_and_carry_the_parent_as_it_came():
    wire = Wire(KEY, clock=lambda: 1_767_323_045.25)
    parent = b'{"msg_id" :  "odd spacing"}'

    sent = wire.message([b"a", b"b"], "execute_reply", b'{"status":"ok"}', parent)

    assert sent[:3] == [b"a", b"b", DELIMITER]
    assert sent[3] == signature(sent[4:])
    assert sent[5:] == [parent, b"{}", b'{"status":"ok"}']
    head = json.loads(sent[4])
    assert head["msg_type"] == "execute_reply"
    assert head["version"] == "5.5"
    assert head["session"] == wire.session
    assert datetime.fromisoformat(head["date"]).timestamp() == 1_767_323_045.25


def test_dates_follow_the_clock_and_ids_are_never_used_twice():
    now = [100.5]
    wire = Wire(KEY, clock=lambda: now[0])

    heads = []
    for moment in (100.5, 100.75, 101.0, 99.25):
        now[0] = moment
        heads.append(json.loads(wire.message([], "status", b"{}", b"{}")[2]))

    assert [datetime.fromisoformat(head["date"]).timestamp() for head in heads] == [100.5, 100.75, 101.0, 99.25]
    assert len({head["msg_id"] for head in heads}) == 4


def test_a_strange_message_type_is_quoted_and_many_do_not_pile_up():
    wire = Wire(KEY)

    for number in range(300):
        head = json.loads(wire.message([], f'x"\n{number}_reply', b"{}", b"{}")[2])
        assert head["msg_type"] == f'x"\n{number}_reply'

    assert len(wire._templates) <= 128


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ü\n\ud800"]}, {}, [], {"deep": {"er": []}}])
def test_encode_writes_what_json_reads(value):
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "error"), [({"a": float("nan")}, ValueError), ({"a": object()}, TypeError), ({"a": {1, 2}}, TypeError)]
)
def test_encode_refuses_what_json_has_no_form_for(value, error):
    with pytest.raises(error):
        encode(value)


def test_encode_ends_a_cycle_with_an_error():
    cycle: dict[str, object] = {}
    cycle["self"] = cycle

    with pytest.raises(RecursionError):
        encode(cycle)
