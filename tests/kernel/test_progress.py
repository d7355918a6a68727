"""Bars by themselves: when one is shown, how often it changes, how it ends. A clock that the test sets."""

from __future__ import annotations

from llmspell_kernel.progress import Progress, bundle


class Bars:
    def __init__(self):
        self.now = 100.0
        self.shown = []
        self.later = []
        self.progress = Progress(self._show, self.later.append, clock=lambda: self.now)

    def _show(self, data, display_id, *, update):
        self.shown.append((data["text/plain"], display_id, update))

    def report(self, done, *, at, state="running", since=100.0, work="w", total=10, message="m"):
        self.now = at
        self.progress.report(work, done, total, message, state, since)

    @property
    def texts(self):
        return [text for text, _, _ in self.shown]


def test_short_work_shows_nothing():
    bars = Bars()
    bars.report(5, at=100.4)
    bars.report(10, at=100.45, state="done")

    assert bars.shown == []


def test_long_work_is_shown_changed_ten_times_a_second_and_completed():
    bars = Bars()
    for done, at in ((1, 100.49), (2, 100.5), (3, 100.55), (4, 100.59), (5, 100.61)):
        bars.report(done, at=at)
    bars.report(0, at=102.0, state="done", message="")

    assert bars.texts == [
        "[####................]  20% m",
        "[##########..........]  50% m",
        "[####################] 100% m (done in 2.0 s)",
    ]
    assert [update for _, _, update in bars.shown] == [False, True, True]
    assert len({display_id for _, display_id, _ in bars.shown}) == 1


def test_what_came_too_soon_to_be_shown_is_shown_when_nothing_more_is_said():
    bars = Bars()
    for done in (0, 3, 10):
        bars.report(done, at=100.0, since=None)
    before, work = bars.texts, {*bars.later}
    for settle in work:
        settle()
        settle()

    assert before == ["[....................]   0% m"]
    assert len(work) == 1
    assert bars.shown[1:] == [("[####################] 100% m", bars.shown[0][1], True)]


def test_nothing_waits_of_work_that_is_over():
    bars = Bars()
    for done, state in ((0, "running"), (3, "running"), (0, "done")):
        bars.report(done, at=100.0, since=None, state=state)
    bars.progress.settle()

    assert len(bars.shown) == 2


def test_work_that_fails_stays_where_it_came_to():
    bars = Bars()
    bars.report(3, at=101.0)
    bars.report(4, at=101.05)
    bars.report(0, at=101.06, state="failed", message="")

    assert bars.texts[-1] == "[########............]  40% m (failed in 1.1 s)"


def test_a_bar_of_its_own_is_shown_at_once():
    bars = Bars()
    bars.report(0, at=100.0, since=None)
    bars.report(0, at=100.01, since=None, state="done", message="over")

    assert bars.texts == ["[....................]   0% m", "[####################] 100% over"]


def test_two_pieces_of_work_have_two_bars():
    bars = Bars()
    bars.report(1, at=101.0, work="a")
    bars.report(1, at=101.0, work="b")

    assert len({display_id for _, display_id, _ in bars.shown}) == 2


def test_the_end_of_work_that_said_nothing_shows_nothing():
    bars = Bars()
    bars.report(0, at=200.0, state="done")

    assert bars.shown == []


def test_a_bar_without_a_total_counts():
    assert bundle(3, None, "rows", "running")["text/plain"] == "3 rows"
    assert bundle(3, 0, "", "done", 1.25)["text/plain"] == "3 (done in 1.2 s)"


def test_a_message_is_escaped_and_bounded():
    data = bundle(1, 2, "<script>" + "x" * 1_000, "running")

    assert "<script>" not in data["text/html"]
    assert "&lt;script&gt;" in data["text/html"]
    assert len(data["text/plain"]) < 300
    assert '<progress value="0.5" max="1">' in data["text/html"]


def test_more_than_all_is_all():
    assert bundle(30, 10, "", "running")["text/plain"] == "[####################] 100%"
    assert bundle(-1, 10, "", "running")["text/plain"] == "[....................]   0%"
