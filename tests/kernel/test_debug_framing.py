"""Frames of the Debug Adapter Protocol, good and bad; and what a server does with bad ones."""

import random

import pytest
from dap_client import DapClient

from llmspell_kernel.debug.framing import MAX_MESSAGE, BrokenFraming, Decoder, NotJson, encode


def decoded(data, size=None):
    decoder = Decoder()
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    return [message for piece in pieces for message in decoder.feed(piece)]


def test_messages_survive_any_cutting():
    messages = [{"seq": 1, "text": "ümlaut ✓"}, {"seq": 2, "list": [1, 2.5, None, True]}, {}]
    data = b"".join(encode(message) for message in messages)

    for size in (None, 1, 2, 3, 7, 64):
        assert decoded(data, size) == messages


def test_a_content_type_is_taken_and_names_have_no_case():
    assert decoded(b"content-LENGTH: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}") == [{}]


BAD = [
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length: 1e3\r\n\r\n",
    b"Content-Length: \r\n\r\n",
    b"Content-Length: 0x10\r\n\r\n",
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"Content-Length: %d\r\n\r\n" % (MAX_MESSAGE + 1),
    b"Content-Length: 1073741824\r\n\r\n",
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"\r\n\r\n{}",
    b"{}\r\n\r\n",
    b"X: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"x" * 5000,
    b"Content-Length: 2\r\n" + b"Content-Type: x\r\n" * 400 + b"\r\n{}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
]


@pytest.mark.parametrize("data", BAD)
def test_bad_headers_are_refused(data):
    with pytest.raises(BrokenFraming):
        decoded(data)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[" * 100000, b'{"a":NaN}', b"{} {}"])
def test_content_that_is_no_json_leaves_the_next_message_readable(content):
    data = b"Content-Length: %d\r\n\r\n%s" % (len(content), content)

    first, second = decoded(data + encode({"seq": 2}))

    assert isinstance(first, NotJson)
    assert second == {"seq": 2}


def test_random_bytes_never_raise_anything_else():
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    good = encode({"seq": 1, "type": "request", "command": "threads"})
    for _ in range(3000):
        data = bytearray(good * 2)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        try:
            decoded(bytes(data), chance.choice([None, 1, 5]))
        except BrokenFraming:
            pass


@pytest.mark.parametrize("data", BAD)
def test_a_server_hangs_up_on_bad_framing_and_takes_the_next_client(dap_port, data):
    bad = DapClient.tcp(dap_port)
    bad.send_raw(data)
    assert bad.is_closed()
    bad.close()

    good = DapClient.tcp(dap_port)
    assert good.request("initialize", adapterID="llmspell")
    good.close()


def test_a_server_says_what_is_no_json_and_goes_on(dap):
    dap.send_raw(b"Content-Length: 3\r\n\r\n{{{")

    response = dap._take(lambda each: each["type"] == "response" and not each["success"])
    assert "not JSON" in response["message"]
    assert dap.request("initialize", adapterID="llmspell")


def test_a_client_that_says_nothing_or_half_a_message_can_leave(dap_port):
    for data in (b"", b"Content-Le", b"Content-Length: 100\r\n\r\n{"):
        client = DapClient.tcp(dap_port)
        client.send_raw(data)
        client.close()
        assert client.is_closed()
        again = DapClient.tcp(dap_port)
        assert again.request("initialize", adapterID="llmspell")
        again.close()
        assert again.is_closed()
