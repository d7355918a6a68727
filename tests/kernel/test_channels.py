"""The sockets, in one process: both ways to move frames, wake-ups, slow and vanished clients, welcomes, heartbeats."""

from __future__ import annotations

import signal
import threading

import pytest
import zmq

from llmspell_kernel import frames as framing
from llmspell_kernel.channels import Channels
from llmspell_kernel.connection import Connection
from llmspell_kernel.errors import ConnectionFileError

WAIT_MS = 5_000


class KeptContext(zmq.Context):
    """Keeps its sockets, so that none is collected open before the test is over."""

    def socket(self, *args, **options):
        made = super().socket(*args, **options)
        self.__dict__.setdefault("kept", []).append(made)
        return made


@pytest.fixture
def channels():
    opened = open_channels()
    yield opened
    opened.close()


def open_channels(**changes):
    connection = Connection(b"key", **changes)
    opened = Channels(connection, welcome=lambda topic: [topic, b"welcome"], log=lambda line: None)
    opened.connection = connection
    return opened


@pytest.fixture
def context():
    made = KeptContext()
    yield made
    made.destroy(0)


def connect(context, channels, port, kind=zmq.DEALER, **options):
    sock = context.socket(kind)
    sock.setsockopt(zmq.RCVTIMEO, WAIT_MS)
    sock.setsockopt(zmq.SNDTIMEO, WAIT_MS)
    for name, value in options.items():
        sock.setsockopt(getattr(zmq, name), value)
    sock.connect(channels.connection.endpoint(channels.connection.ports[port]))
    return sock


def poll(condition):
    """Wait, at most five seconds, for something that another thread of libzmq does."""
    for _ in range(500):
        if condition():
            return True
        threading.Event().wait(0.01)
    return False


WAYS = [(framing.send_fast, framing.receive_fast), (framing.send_plain, framing.receive_plain)]


@pytest.mark.parametrize(("send", "receive"), WAYS)
@pytest.mark.parametrize("message", [[b""], [b"one"], [b"a", b"", b"c" * 100_000], [b"x"] * 50])
def test_both_ways_carry_a_message_unchanged(context, send, receive, message):
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://pair")
    theirs.connect("inproc://pair")

    send(ours, message, 0)

    assert receive(theirs, 0) == message


@pytest.mark.parametrize(("send", "receive"), WAYS)
def test_both_ways_say_again_when_nothing_is_there(context, send, receive):
    sock = context.socket(zmq.PAIR)
    sock.bind("inproc://pair")

    with pytest.raises(zmq.Again):
        receive(sock, framing.NOBLOCK)
    with pytest.raises(zmq.Again):
        send(sock, [b"x", b"y"], framing.NOBLOCK)


@pytest.mark.parametrize(("send", "receive"), WAYS)
def test_both_ways_throw_surplus_frames_away_and_stay_in_step(context, send, receive):
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://pair")
    theirs.connect("inproc://pair")

    send(ours, [b"x"] * 3_000, 0)
    send(ours, [b"next"], 0)

    assert len(receive(theirs, 0)) == framing.MAX_FRAMES
    assert receive(theirs, 0) == [b"next"]


def test_the_fast_way_is_chosen_where_it_works(context):
    assert framing.choose(context) == (framing.send_fast, framing.receive_fast)


def test_the_plain_way_is_chosen_where_the_fast_one_does_not(context, monkeypatch):
    def broken(*args):
        raise TypeError

    monkeypatch.setattr(framing, "_base_recv", broken)

    assert framing.choose(context) == (framing.send_plain, framing.receive_plain)


def test_ports_left_open_are_filled_in(channels):
    ports = channels.connection.ports.values()

    assert all(ports)
    assert len(set(ports)) == 5


def test_a_port_in_use_is_a_named_error(channels):
    with pytest.raises(ConnectionFileError, match="in use"):
        open_channels(ports=channels.connection.ports)


def test_ipc_sockets_work(context, tmp_path):
    opened = open_channels(transport="ipc", ip=str(tmp_path / "k"))
    client = connect(context, opened, "shell_port")
    client.send_multipart([b"hello"])

    assert opened.shell.receive()[1:] == [b"hello"]
    opened.close()


def test_a_reply_finds_its_client(channels, context):
    client = connect(context, channels, "shell_port")
    client.send_multipart([b"question"])
    identity, _ = channels.shell.receive()

    channels.shell.send([identity, b"answer"])

    assert client.recv_multipart() == [b"answer"]


@pytest.mark.parametrize("name", ["shell", "control"])
def test_wake_ends_a_blocked_receive(channels, name):
    channel = getattr(channels, name)
    got = []
    thread = threading.Thread(target=lambda: got.append(channel.receive()))
    thread.start()

    channel.wake()
    thread.join(5)

    assert got == [None]


def test_wake_ups_that_nobody_takes_in_do_no_harm(channels):
    """A debugger posts one for each thing that it wants done, also while a cell runs for hours."""
    for _ in range(5_000):
        channels.shell.wake()

    assert channels.shell.receive() is None


def test_an_interrupt_in_the_middle_of_a_question_does_not_cut_it(channels, context, monkeypatch):
    """What was cut stayed open: the next question was taken for its rest and never left, and its asker waited on."""
    client = connect(context, channels, "stdin_port", IDENTITY=b"client")
    poll(lambda: channels.stdin.send([b"client", b"0"]))
    client.recv_multipart()
    send = channels.stdin._send

    def interrupted(socket, frames, flags):
        socket.send(frames[0], flags | zmq.SNDMORE)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        socket.send(frames[1], flags)

    monkeypatch.setattr(channels.stdin, "_send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        channels.stdin.send([b"client", b"1"])
    monkeypatch.setattr(channels.stdin, "_send", send)
    channels.stdin.send([b"client", b"2"])

    assert [client.recv_multipart() for _ in range(2)] == [[b"1"], [b"2"]]


def test_hold_takes_in_what_has_arrived_and_a_wake_up_among_it(channels, context):
    client = connect(context, channels, "shell_port")
    for number in range(3):
        client.send_multipart([b"%d" % number])
    assert poll(lambda: channels.shell.hold() == 3)
    channels.shell.wake()
    assert poll(lambda: channels.shell.hold() == 3 and channels.shell._woken)

    assert [channels.shell.receive()[1] for _ in range(3)] == [b"0", b"1", b"2"]
    assert channels.shell.receive() is None


def test_no_reply_is_lost_while_a_client_does_not_read(channels, context):
    """100,000 pipelined requests lost 93,000 replies on a default ROUTER; this is the same with fewer."""
    client = connect(context, channels, "shell_port", RCVHWM=10, SNDHWM=0, RCVBUF=4_096)
    client.send_multipart([b"hello"])
    identity, _ = channels.shell.receive()
    sent = 0
    while not channels.shell._outbox.waiting or sent < 5_000:  # how much the system buffers is its own affair
        channels.shell.send([identity, b"%d" % sent, b"x" * 500])
        sent += 1
        assert sent < 200_000
    server = threading.Thread(target=lambda: [channels.shell.receive() for _ in range(2)])
    server.start()

    seen = [int(client.recv_multipart()[0]) for _ in range(sent)]
    client.send_multipart([b"bye"])
    channels.shell.wake()
    server.join(5)

    assert seen == list(range(sent))
    assert not channels.shell._outbox.waiting


def test_a_client_that_vanishes_costs_nothing(channels, context):
    client = connect(context, channels, "shell_port")
    client.send_multipart([b"hello"])
    identity, _ = channels.shell.receive()
    client.close(0)

    def is_gone():
        channels.shell.send([identity, b"late"])
        return channels.shell._try_send([identity, b"late"]) == 2

    assert poll(is_gone)
    assert not channels.shell._outbox.waiting


def test_a_client_that_reconnects_under_its_old_identity_is_served(channels, context):
    first = connect(context, channels, "shell_port", IDENTITY=b"browser")
    first.send_multipart([b"one"])
    assert channels.shell.receive() == [b"browser", b"one"]
    second = connect(context, channels, "shell_port", IDENTITY=b"browser")
    second.send_multipart([b"two"])
    assert channels.shell.receive() == [b"browser", b"two"]

    channels.shell.send([b"browser", b"answer"])

    assert second.recv_multipart() == [b"answer"]


def test_every_subscriber_is_welcomed_also_a_later_one(channels, context):
    for _ in range(2):
        subscriber = connect(context, channels, "iopub_port", zmq.SUB)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        seen = poll(lambda sock=subscriber: channels.iopub.drain() or sock.poll(0))

        assert seen
        assert subscriber.recv_multipart() == [b"", b"welcome"]


def test_garbage_sent_to_iopub_is_ignored(channels, context):
    client = connect(context, channels, "iopub_port", zmq.XSUB)
    client.send(b"\1")
    for garbage in (b"\2", b"", b"\1" + b"x" * 10_000, b"\0nothing"):
        client.send(garbage)
    client.send_multipart([b"\7", b"more", b"frames"])
    assert poll(lambda: channels.iopub.drain() or client.poll(0))

    channels.iopub.publish([b"topic", b"still here"])

    assert client.recv_multipart() == [b"", b"welcome"]
    assert client.recv_multipart() == [b"topic", b"still here"]


def test_a_slow_subscriber_holds_up_nobody(channels, context):
    slow = connect(context, channels, "iopub_port", zmq.SUB, RCVHWM=1, SUBSCRIBE=b"")
    quick = connect(context, channels, "iopub_port", zmq.SUB, RCVHWM=0, SUBSCRIBE=b"")
    for sock in (slow, quick):
        assert poll(lambda sock=sock: channels.iopub.drain() or sock.poll(0))

    for number in range(20_000):
        channels.iopub.publish([b"t", b"%d" % number])
        if number % 1_000 == 0:
            assert poll(lambda: quick.poll(0))
    channels.iopub.publish([b"t", b"end"])

    last = b""
    while last != b"end":
        last = quick.recv_multipart()[-1]


@pytest.mark.parametrize("kind", [zmq.REQ, zmq.DEALER])
def test_heartbeats_come_back_as_they_went(channels, context, kind):
    client = connect(context, channels, "hb_port", kind)
    client.send_multipart([b"beat", b"frames"] if kind == zmq.DEALER else [b"beat"])

    assert poll(lambda: (channels.service.wait(10), channels.iopub.drain(), client.poll(0))[-1])
    assert client.recv_multipart()[0] == b"beat"


def test_curve_keys_shut_out_whoever_does_not_have_them(context):
    public, secret = zmq.curve_keypair()
    opened = open_channels(extra={"curve_publickey": public.decode(), "curve_secretkey": secret.decode()})
    stranger = connect(context, opened, "shell_port")
    stranger.send_multipart([b"stranger"])
    keys = {"CURVE_PUBLICKEY": public, "CURVE_SECRETKEY": secret, "CURVE_SERVERKEY": public}
    friend = connect(context, opened, "shell_port", **keys)
    friend.send_multipart([b"friend"])

    identity, text = opened.shell.receive()
    opened.shell.send([identity, b"hello"])

    assert text == b"friend"
    assert friend.recv_multipart() == [b"hello"]
    assert opened.shell.hold() == 0
    opened.close()


def test_curve_keys_that_are_none_are_refused():
    with pytest.raises(ConnectionFileError):
        open_channels(extra={"curve_publickey": "é" * 40, "curve_secretkey": "~" * 40})


def test_a_frame_over_the_limit_costs_its_sender_the_connection_only(channels, context, monkeypatch):
    monkeypatch.setattr("llmspell_kernel.channels.MAX_FRAME_BYTES", 1_000)
    opened = open_channels()
    hostile = connect(context, opened, "shell_port")
    hostile.send_multipart([b"x" * 2_000])
    honest = connect(context, opened, "shell_port")
    honest.send_multipart([b"hello"])

    assert opened.shell.receive()[1:] == [b"hello"]
    opened.close()
