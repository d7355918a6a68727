"""Stopping, interrupting, logging: the small parts between the threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from llmspell_kernel.lifecycle import Lifecycle, ParentWatch, parent_watch
from llmspell_kernel.log import LimitedLog
from llmspell_kernel.running import Running


def test_stop_interrupts_wakes_and_counts_down():
    now, calls = [0.0], []
    lifecycle = Lifecycle(lambda: calls.append("interrupt"), lambda: calls.append("wake"), clock=lambda: now[0])
    assert not lifecycle.is_stopping()
    assert not lifecycle.is_overdue()

    lifecycle.stop("signal", grace_s=2.0)
    assert lifecycle.is_stopping()
    assert not lifecycle.is_overdue()
    now[0] = 1.0
    lifecycle.stop("shutdown_request", grace_s=9.0, restart=True)
    now[0] = 2.0

    assert lifecycle.is_overdue()
    assert lifecycle.reason == "signal"
    assert calls == ["interrupt", "wake"] * 2


def test_an_interrupt_reaches_what_runs_and_nothing_else():
    running, stopped = Running(), []

    assert not running.interrupt()
    running.begin(lambda: stopped.append("a"))
    assert running.interrupt()
    running.end()
    assert not running.interrupt()

    assert stopped == ["a"]


def test_an_interrupt_that_comes_before_the_work_of_a_request_stops_it_when_it_begins():
    """Whoever hears `busy` may interrupt; Lua, or IPython, may have to be loaded first."""
    running, stopped = Running(), []
    running.expect()

    assert running.interrupt()
    running.retry()
    running.begin(lambda: stopped.append("no Lua runs yet") is not None)
    running.retry()
    running.begin(lambda: stopped.append("a"))
    running.retry()
    running.retry()

    assert stopped == ["no Lua runs yet", "a"]
    assert not running.is_missed


def test_an_interrupt_that_a_request_has_missed_is_over_with_it():
    running, stopped = Running(), []
    running.expect()
    running.interrupt()
    running.over()
    running.expect()
    running.begin(lambda: stopped.append("next"))
    running.retry()

    assert stopped == []


def test_an_interrupt_that_is_missed_stays_with_the_request_that_waits():
    running, stopped = Running(), []
    running.expect()
    running.suspend()
    running.expect()
    running.interrupt()
    running.over()
    running.resume()
    running.begin(lambda: stopped.append("outer"))
    running.retry()

    assert stopped == []


def test_the_death_of_another_parent_is_noticed():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch = ParentWatch(child.pid)
    assert not watch.is_orphaned()

    child.communicate(b"\n", timeout=5)

    assert watch.is_orphaned()


def test_the_real_parent_lives():
    assert not ParentWatch(os.getppid()).is_orphaned()


def test_only_a_sensible_parent_id_is_watched(monkeypatch):
    for text in ("", "0", "1", "-5", "x"):
        monkeypatch.setenv("JPY_PARENT_PID", text)
        assert parent_watch() is None
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getppid()))
    assert parent_watch() is not None


def test_a_flood_of_lines_is_cut_and_counted():
    now, lines = [0.0], []
    log = LimitedLog(lines.append, lines_per_second=3, clock=lambda: now[0])

    for number in range(100):
        log(f"line {number}")
    now[0] = 1.0
    log("later")

    assert lines == ["line 0", "line 1", "line 2", "97 more lines like the last were left out", "later"]


def test_work_that_does_not_listen_is_broken_after_the_grace_time():
    now, notified = [0.0], []
    running = Running(lambda: notified.append(1), clock=lambda: now[0])
    running.begin_breakable(lambda: None, None)
    assert not running.must_break()
    assert not running.take_break()

    running.interrupt()
    assert notified == [1]
    assert not running.must_break()
    now[0] = 0.3
    assert running.must_break()
    assert not running.must_break()

    assert running.take_break()
    assert not running.take_break()


@pytest.mark.parametrize("eager", [False, True])
def test_a_break_that_is_put_off_comes_again_at_once(eager):
    now = [0.0]
    running = Running(clock=lambda: now[0])
    running.begin_breakable(lambda: None, None, eager=eager)
    running.put_off_break()
    assert not running.must_break()
    running.interrupt()
    now[0] = 0.3
    assert running.must_break()
    running.put_off_break()

    assert not running.take_break()
    assert running.must_break()
    assert running.take_break()


def test_a_deadline_breaks_work_like_an_interrupt():
    now = [0.0]
    running = Running(clock=lambda: now[0])
    running.begin_breakable(lambda: None, 1.0)
    now[0] = 1.1
    assert not running.must_break()
    now[0] = 1.3

    assert running.must_break()


def test_work_that_has_ended_is_never_broken():
    now = [0.0]
    running = Running(clock=lambda: now[0])
    running.begin_breakable(lambda: None, None)
    running.interrupt()
    now[0] = 1.0
    assert running.must_break()
    running.end()

    assert not running.take_break()
    assert not running.must_break()


def test_work_that_breaks_itself_is_left_alone():
    now = [0.0]
    running = Running(clock=lambda: now[0])
    running.begin(lambda: None)
    running.interrupt()
    now[0] = 9.0

    assert not running.must_break()
    assert not running.is_breakable
