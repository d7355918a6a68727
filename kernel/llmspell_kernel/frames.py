"""Multipart messages through a zmq socket, by the fast way where it works and the plain way where it does not.

pyzmq's own `send_multipart` and `recv_multipart` spend most of their time on flag enums and type checks: for one
execute_request (one message in, four out) 94 µs against 12 µs of the calls here, which go to the base class
`zmq.backend.Socket` with integer flags and read `Frame.more` (measured on pyzmq 27.3). That class is semi-public, so
`choose` tries it on a pair of sockets and takes the plain calls when anything differs; a test runs both.

Knows no Jupyter. `channels` and `ports` use it.
"""

from __future__ import annotations

import zmq
from zmq import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Frames = list[bytes]
    Send = Callable[["zmq.Socket[bytes]", Sequence[bytes], int], None]
    Receive = Callable[["zmq.Socket[bytes]", int], Frames]

#: Frames of one message beyond this number are read and thrown away.
MAX_FRAMES = 1_024
NOBLOCK = int(zmq.NOBLOCK)
_SNDMORE = int(zmq.SNDMORE)
#: One identity or topic, the delimiter, the signature and four signed frames.
_USUAL = 7

_base_send = backend.Socket.send
_base_recv = backend.Socket.recv


def send_fast(socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int) -> None:
    """Send one message; with NOBLOCK raise `zmq.Again` before the first frame if it cannot be queued whole."""
    more = flags | _SNDMORE
    if len(frames) == _USUAL:  # unrolled: a third of the loop's time
        one, two, three, four, five, six, seven = frames
        _base_send(socket, one, more)
        _base_send(socket, two, more)
        _base_send(socket, three, more)
        _base_send(socket, four, more)
        _base_send(socket, five, more)
        _base_send(socket, six, more)
        _base_send(socket, seven, flags)
        return
    last = len(frames) - 1
    for index in range(last):
        _base_send(socket, frames[index], more)
    _base_send(socket, frames[last], flags)


def receive_fast(socket: zmq.Socket[bytes], flags: int) -> Frames:
    """Return the frames of one message; wait for it unless flags say NOBLOCK (then `zmq.Again`)."""
    frame = _base_recv(socket, flags, False)
    frames = [frame.bytes]
    while frame.more:
        frame = _base_recv(socket, flags, False)
        frames.append(frame.bytes)
    return frames if len(frames) <= MAX_FRAMES else frames[:MAX_FRAMES]


def send_plain(socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int) -> None:
    """Do what `send_fast` does, by pyzmq's documented call."""
    socket.send_multipart(frames, flags)


def receive_plain(socket: zmq.Socket[bytes], flags: int) -> Frames:
    """Do what `receive_fast` does, by pyzmq's documented call."""
    return socket.recv_multipart(flags)[:MAX_FRAMES]


def choose(context: zmq.Context[zmq.Socket[bytes]]) -> tuple[Send, Receive]:
    """Return the pair of functions to use with this pyzmq: the fast ones if they carry a message unchanged."""
    message = [b"", b"probe", b"x" * 100]
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    try:
        ours.bind("inproc://llmspell-frames-probe")
        theirs.connect("inproc://llmspell-frames-probe")
        send_fast(ours, message, NOBLOCK)
        works = receive_fast(theirs, NOBLOCK) == message
    except (AttributeError, TypeError, zmq.ZMQError):
        works = False
    finally:
        ours.close(0)
        theirs.close(0)
    return (send_fast, receive_fast) if works else (send_plain, receive_plain)
