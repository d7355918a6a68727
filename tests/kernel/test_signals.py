"""Signals through the pipe: what arrives, what is ours, what raises."""

from __future__ import annotations

import os
import select
import signal
import threading

import pytest

from llmspell_kernel.signals import SignalPipe


def nothing():
    """Do nothing."""


@pytest.fixture
def pipe():
    made = SignalPipe()
    yield made
    made.close()


def arrived(pipe):
    ready, _, _ = select.select([pipe.descriptor], [], [], 5)
    assert ready
    return pipe.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_byte_and_raises_nothing(pipe, number):
    pipe.install(lambda: False, nothing)

    os.kill(os.getpid(), number)

    assert arrived(pipe) == bytes([number])
    assert pipe.read() == b""


def test_a_wake_up_makes_the_pipe_readable(pipe):
    pipe.wake()

    assert arrived(pipe) == b"\0"


def test_a_signal_of_ours_raises_on_main_and_is_not_taken_for_the_users(pipe):
    pipe.install(lambda: True, nothing)

    thread = threading.Thread(target=pipe.break_main)

    def wait_for_it():
        thread.start()
        while True:
            thread.join(0.01)

    with pytest.raises(KeyboardInterrupt):
        wait_for_it()

    assert pipe.read() == b""


def test_a_function_that_must_stay_whole_is_not_broken_and_the_break_is_put_off(pipe):
    done = []

    def send():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all frames")

    def work():
        send()
        os.kill(os.getpid(), signal.SIGINT)
        done.append("nothing")

    pipe.install(lambda: True, lambda: done.append("put off"), frozenset({send.__code__}))
    with pytest.raises(KeyboardInterrupt):
        work()

    assert done == ["put off", "all frames"]


def test_the_former_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    pipe = SignalPipe()
    pipe.install(lambda: False, nothing)
    pipe.close()

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_another_thread_leaves_the_signals_alone(pipe):
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=pipe.install, args=(lambda: False, nothing))
    thread.start()
    thread.join(5)
    pipe.break_main()

    assert signal.getsignal(signal.SIGTERM) == before
