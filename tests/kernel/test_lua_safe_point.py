"""Work from other threads reaches the owner thread in the middle of a script."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import Cancelled
from llmspell_tools.registry import ToolRegistry

BUSY = [
    "started() while true do end",
    "local co = coroutine.wrap(function() started() while true do end end) co()",
    "started() while true do pcall(function() while true do end end) end",
]


class Bench:
    """An engine whose scripts say when they have started, by a tool."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.engine = LuaEngine(ToolRegistry(), write=lambda _stream, _text: self.started.set())

    def run(self, code: str) -> None:
        self.engine.execute("local function started() print('on') end " + code, name="=In[1]", mode="cell")


@pytest.fixture
def bench() -> Any:
    bench = Bench()
    yield bench
    bench.engine.close()


@pytest.mark.parametrize("code", BUSY)
def test_a_job_runs_on_the_owner_thread_while_a_script_loops(bench: Bench, code: str) -> None:
    ran_on: list[str] = []

    def job(_api: Any) -> None:
        ran_on.append(threading.current_thread().name)
        bench.engine.interrupt()

    def post() -> None:
        assert bench.started.wait(5)
        bench.engine.safe_points.post(job)

    other = threading.Thread(target=post)
    other.start()
    with pytest.raises(Cancelled):
        bench.run(code)
    other.join(5)
    assert ran_on == [threading.current_thread().name]


def test_a_job_in_whose_middle_the_script_was_stopped_is_done_by_the_next_run(bench: Bench) -> None:
    begun: list[str] = []

    def job(_api: Any) -> None:
        begun.append("job")
        if len(begun) == 1:
            bench.engine.interrupt()
            raise RuntimeError("what Lua raises where a run was stopped")

    def post() -> None:
        assert bench.started.wait(5)
        bench.engine.safe_points.post(job)

    other = threading.Thread(target=post)
    other.start()
    with pytest.raises(Cancelled):
        bench.run(BUSY[0])
    other.join(5)
    bench.run("return 1")

    assert begun == ["job", "job"]


def test_a_job_posted_while_nothing_runs_is_done_when_the_next_run_begins(bench: Bench) -> None:
    done: list[bool] = []
    bench.engine.safe_points.post(lambda _api: done.append(True))
    assert not done
    bench.run("x = 1")
    assert done == [True]


def test_a_job_that_fails_harms_neither_the_script_nor_the_next_job(bench: Bench) -> None:
    done: list[bool] = []

    def broken(_api: Any) -> None:
        raise ValueError("broken")

    bench.engine.safe_points.post(broken)
    bench.engine.safe_points.post(lambda _api: done.append(True))
    bench.run("x = 2")
    assert bench.engine.execute("x", name="=In[2]", mode="cell").text == "2"
    assert done == [True]


def test_the_log_of_a_failed_job_keeps_nothing_of_its_coroutine(bench: Bench, caplog: Any) -> None:
    """lupa crashes when Python frees what it got in a coroutine that is gone: a record must not hold the frames."""

    def broken(api: Any) -> None:
        assert api["load"] is None

    bench.engine.safe_points.post(broken)
    bench.run("x = 3")

    (record,) = caplog.records
    assert "AssertionError" in record.getMessage()
    assert record.exc_info is None
