"""The line that shows how far long work is."""

from __future__ import annotations

import io
import sys

import pytest

from llmspell.progress import ProgressBar


class Clock:
    """Goes on only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def watched(monkeypatch):
    """Return what a terminal would get; called in the test, as pytest changes the streams after the fixtures."""
    made = io.StringIO()
    monkeypatch.setattr(sys, "stderr", made)
    return made


@pytest.fixture
def clock():
    return Clock()


def test_work_that_is_over_soon_shows_nothing(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    for done in range(10):
        bar(done, 10, "rows")
        clock.now += 0.02
    bar.clear()

    assert screen.getvalue() == ""


def test_a_bar_shows_the_share_and_takes_its_line_away_again(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, 4, "rows")
    clock.now += 0.5
    bar(1, 4, "rows")
    clock.now += 0.5
    bar(2, None, "more")
    bar.clear()
    bar.clear()

    assert screen.getvalue().startswith("\r[#####...............]  25% rows\r2 more ")
    assert screen.getvalue().endswith("\r" + " " * len("2 more") + "\r")


def test_a_line_changes_ten_times_a_second_at_most(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    for done in range(1_000):
        bar(done, 1_000)
        clock.now += 0.001

    assert screen.getvalue().count("\r") == 7


def test_after_a_while_the_line_says_how_long_it_will_take(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, 100)
    for _ in range(30):
        clock.now += 1.0
        bar(25, 100, "big.csv")

    assert screen.getvalue().split("\r")[1] == "[#####...............]  25% big.csv"
    assert screen.getvalue().split("\r")[-1] == "[#####...............]  25% 1 min 30 s left big.csv"


def test_work_without_a_number_shows_that_time_goes_by(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, None, "watching")
    for _ in range(12):
        clock.now += 1.0
        bar(0, None, "watching")
    bar(0, None, "watching")

    assert screen.getvalue().split("\r")[-1] == "12 s watching"


def test_a_file_name_cannot_rewrite_the_screen_nor_break_the_line(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, 2)
    clock.now += 1.0
    bar(1, 2, "we\x1b[2Jird" + "日本" * 20)

    shown = screen.getvalue().removeprefix("\r")
    assert "\x1b" not in shown
    assert "we\\x1b[2Jird" in shown
    assert shown.endswith("...")
    assert len(shown) + sum(shown.count(letter) for letter in "日本") <= 59


def test_finished_work_leaves_no_line_behind(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, 4, "rows")
    clock.now += 0.5
    bar(2, 4, "rows")
    bar(4, 4, "rows")

    assert screen.getvalue().endswith("\r" + " " * len("[##########..........]  50% rows") + "\r")


def test_another_work_waits_anew(clock, monkeypatch):
    screen = watched(monkeypatch)
    bar = ProgressBar(clock)
    bar(0, None, "first")
    clock.now += 10.0
    bar(0, None, "second")

    assert screen.getvalue() == ""
