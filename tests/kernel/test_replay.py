"""The replay memory: what `security-and-reliability` promises about messages sent twice."""

from __future__ import annotations

import pytest

from llmspell_kernel.errors import ReplayedMessage
from llmspell_kernel.replay import ReplayMemory


def date(second: int) -> str:
    return f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z"


def test_a_signature_is_accepted_once():
    memory = ReplayMemory()
    memory.remember(b"one", "shell", "s", date(1))

    with pytest.raises(ReplayedMessage):
        memory.remember(b"one", "shell", "s", date(1))


def test_a_culled_message_is_still_refused():
    memory = ReplayMemory(capacity=10)
    for second in range(50):
        memory.remember(b"%d" % second, "shell", "s", date(second))

    for second in range(50):
        with pytest.raises(ReplayedMessage):
            memory.remember(b"%d" % second, "shell", "s", date(second))


def test_the_memory_stays_within_its_capacity():
    memory = ReplayMemory(capacity=10)
    for second in range(500):
        memory.remember(b"%d" % second, "shell", "s", date(second))

    assert len(memory._seen) == 10


def test_other_sessions_may_have_other_clocks():
    memory = ReplayMemory(capacity=4)
    for second in range(20):
        memory.remember(b"a%d" % second, "shell", "a", date(1000 + second))

    memory.remember(b"b", "shell", "b", date(1))

    with pytest.raises(ReplayedMessage):
        memory.remember(b"a0", "shell", "a", date(1000))


def test_an_interrupt_does_not_outdate_the_cells_it_overtook():
    """Cells wait in the shell queue while a newer control message is handled, remembered and culled."""
    memory = ReplayMemory(capacity=4)
    memory.remember(b"interrupt", "control", "s", date(500))
    for second in range(20):
        memory.remember(b"other%d" % second, "shell", "other", date(second))

    memory.remember(b"cell", "shell", "s", date(100))


@pytest.mark.parametrize("undated", [None, "", "yesterday", 5, {"x": 1}])
def test_a_message_without_a_date_is_refused_only_once_the_memory_has_culled_its_session(undated):
    memory = ReplayMemory(capacity=2)
    memory.remember(b"first", "shell", "s", undated)
    for second in range(5):
        memory.remember(b"%d" % second, "shell", "s", date(second))

    with pytest.raises(ReplayedMessage):
        memory.remember(b"later", "shell", "s", undated)


@pytest.mark.parametrize("later", ["2026-01-01T00:00:30.5Z", "2026-01-01T01:00:30+01:00", "2026-01-01T00:00:31"])
def test_dates_are_compared_as_moments(later):
    memory = ReplayMemory(capacity=1)
    memory.remember(b"1", "shell", "s", "2026-01-01T00:00:30Z")
    memory.remember(b"2", "shell", "t", date(1))

    if later.endswith("+01:00"):  # the same moment as the one that was culled
        with pytest.raises(ReplayedMessage):
            memory.remember(b"3", "shell", "s", later)
    else:
        memory.remember(b"3", "shell", "s", later)
