"""The child runner: limits, deadlines, crashes and what is left behind (security matrix, "tool hang / segfault")."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from llmspell_tools.definition import CancelSignal, ToolContext
from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    PermissionDenied,
    ToolExecutionError,
    ToolTimeout,
    ToolUnavailable,
)
from llmspell_tools.isolated import Limits, Worker, WorkerPool, run_isolated
from llmspell_tools.isolated_worker import limit_memory
from llmspell_tools.policy import Policy

TARGETS = """
import os, re, sys, time

def echo(args, data):
    return args, data

def spin(args, data):
    while True:
        pass

def hang_in_c(args, data):
    re.match("(a+)+$", "a" * 64 + "!")

def segfault(args, data):
    import ctypes
    ctypes.string_at(0)

def abort(args, data):
    sys.stderr.write("it is about to abort\\n")
    sys.stderr.flush()
    os.abort()

def leave(args, data):
    os._exit(3)

def eat_memory(args, data):
    return len("x" * 10**10), b""

def much_output(args, data):
    return None, b"x" * 10**6

def bug(args, data):
    raise KeyError("nowhere")

def refuse(args, data):
    from llmspell_tools.errors import InvalidParameters
    raise InvalidParameters("wrong", field="query", details={"position": 3})

def deny(args, data):
    from llmspell_tools.errors import PermissionDenied
    raise PermissionDenied("no", details={"resource": "x"})

def ignore_term(args, data):
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child:
        with open(args, "w") as file:
            file.write(f"{os.getpid()} {child}")
    while True:
        time.sleep(60)

def surroundings(args, data):
    descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd"))
    return {"environment": sorted(os.environ), "descriptors": descriptors, "folder": os.getcwd(),
            "leads": os.getsid(0) == os.getpid(), "pid": os.getpid()}, b""

def chatter(args, data):
    print("this is no answer")
    os.write(1, b"nor is this")
    return "answer", b""

def pid(args, data):
    return os.getpid(), b""

def sleep(args, data):
    time.sleep(args)
    return os.getpid(), b""
"""


@pytest.fixture(autouse=True)
def _targets(tmp_path, monkeypatch):
    (tmp_path / "isolation_targets.py").write_text(TARGETS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


def context(**parts):
    return ToolContext(Policy.strict(), tool="some-tool", **parts)


def run(name, args=None, *, within=None, timeout_s=20.0, max_memory_bytes=1 << 30, max_output_bytes=100_000):
    return run_isolated(
        within or context(),
        f"isolation_targets:{name}",
        args,
        timeout_s=timeout_s,
        max_memory_bytes=max_memory_bytes,
        max_output_bytes=max_output_bytes,
    )


def limits(timeout_s=20.0, max_memory_bytes=1 << 30, max_output_bytes=100_000):
    return Limits(timeout_s=timeout_s, max_memory_bytes=max_memory_bytes, max_output_bytes=max_output_bytes)


def is_running(pid):
    """Whether a process lives; one that has ended and waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def ends(pid):
    give_up = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < give_up:
        threading.Event().wait(0.01)
    return not is_running(pid)


def test_the_value_comes_back():
    assert run("echo", {"a": [1, 2.5, None, "é\ud800"]}) == {"a": [1, 2.5, None, "é\ud800"]}


@pytest.mark.parametrize("name", ["spin", "hang_in_c"])
def test_a_loop_ends_at_its_time_with_the_key_named(name):
    with pytest.raises(ToolTimeout) as caught:
        run(name, timeout_s=0.2)

    assert caught.value.details["key"] == "[tools.some_tool] timeout_s"


def test_the_deadline_of_the_run_holds_as_well():
    with pytest.raises(ToolTimeout, match="some-tool ran into its deadline"):
        run("spin", within=context(deadline=time.monotonic() + 0.2))


@pytest.mark.parametrize(("name", "killer"), [("segfault", "SIGSEGV"), ("abort", "SIGABRT")])
def test_a_crash_is_an_error_that_names_the_signal(name, killer):
    with pytest.raises(ToolExecutionError, match=killer) as caught:
        run(name)

    assert caught.value.details["signal"] == killer


def test_what_a_crashing_child_said_is_in_the_details():
    with pytest.raises(ToolExecutionError) as caught:
        run("abort")

    assert "it is about to abort" in caught.value.details["stderr"]


def test_a_child_that_leaves_without_an_answer_is_an_error():
    with pytest.raises(ToolExecutionError, match="status 3"):
        run("leave")


def test_a_memory_bomb_names_the_limit():
    with pytest.raises(LimitExceeded) as caught:
        run("eat_memory")

    assert caught.value.details == {"key": "[tools.some_tool] max_memory_bytes", "limit": 1 << 30}


def test_too_much_output_names_the_limit():
    with pytest.raises(LimitExceeded) as caught:
        run("much_output")

    assert caught.value.details["key"] == "[tools.some_tool] max_output_bytes"


def test_an_exception_of_the_function_is_the_tools_failure():
    with pytest.raises(ToolExecutionError, match="KeyError: 'nowhere'") as caught:
        run("bug")

    assert "in bug" in caught.value.details["traceback"]


def test_errors_of_ours_keep_their_class_and_details():
    with pytest.raises(InvalidParameters) as invalid:
        run("refuse")
    with pytest.raises(PermissionDenied) as denied:
        run("deny")

    assert (invalid.value.field, invalid.value.details["position"]) == ("query", 3)
    assert denied.value.details == {"resource": "x"}


def test_a_function_that_does_not_exist_is_the_tools_failure():
    with pytest.raises(ToolExecutionError, match="status 1") as caught:
        run("nothing_of_that_name")

    assert "nothing_of_that_name" in caught.value.details["stderr"]


def test_nothing_is_left_of_a_child_that_ignores_sigterm_and_of_its_own_child(tmp_path):
    note = tmp_path / "pids"

    with pytest.raises(ToolTimeout):
        run("ignore_term", str(note), timeout_s=1.0)

    for pid in map(int, note.read_text(encoding="ascii").split()):
        assert ends(pid)


def test_a_child_inherits_nothing_but_its_pipes():
    mine, theirs = os.pipe()
    os.set_inheritable(mine, True)
    os.set_inheritable(theirs, True)
    try:
        found = run("surroundings")
    finally:
        os.close(mine)
        os.close(theirs)

    assert set(found["environment"]) <= {"LC_CTYPE"}  # which Python itself sets
    assert len(found["descriptors"]) == 7  # three standard, three pipes, and the folder being listed
    assert found["folder"] == "/"
    assert found["leads"] is True


def test_what_a_function_prints_does_not_reach_the_answer():
    assert run("chatter") == "answer"


def test_a_cancel_from_another_thread_ends_the_child():
    cancel = CancelSignal()
    timer = threading.Timer(0.2, cancel.set)
    timer.start()

    with pytest.raises(Cancelled):
        run("spin", within=context(signal=cancel))

    timer.join()


def test_a_cancelled_run_starts_nothing_that_lasts():
    cancel = CancelSignal()
    cancel.set()

    with pytest.raises(Cancelled):
        run("spin", within=context(signal=cancel))


def test_an_interrupt_of_the_waiting_thread_ends_the_child():
    worker = Worker("isolation_targets:spin", 1 << 30)
    pid = worker._pid
    interrupt = threading.Timer(0.3, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    interrupt.start()

    with pytest.raises(KeyboardInterrupt):
        worker.call(context(), None, b"", limits())

    interrupt.join()
    assert ends(pid)


def test_data_of_megabytes_goes_through_both_ways():
    data = bytes(range(256)) * 40_000
    pool = WorkerPool("isolation_targets:echo")

    assert pool.call(context(), {"n": 1}, data, limits(max_output_bytes=len(data) + 100)) == ({"n": 1}, data)

    pool.close()


def test_what_is_written_while_a_call_runs_does_not_end_the_child():
    """SIGIO for a written call may come after the call has begun; only the lifeline's end may end a child."""
    worker = Worker("isolation_targets:sleep", 1 << 30)
    early = threading.Timer(0.2, os.write, [worker._requests, b"\0"])
    early.start()

    assert worker.call(context(), 0.5, b"", limits())[0] == worker._pid

    early.join()
    worker.close()


def test_a_pool_keeps_its_child():
    pool = WorkerPool("isolation_targets:pid")

    pids = {pool.call(context(), None, b"", limits())[0] for _ in range(5)}
    pool.close()

    assert len(pids) == 1
    assert ends(pids.pop())


def test_a_pool_keeps_its_child_in_a_large_process():
    held = b"x" * 400_000_000  # a child's ru_maxrss would begin with this
    pool = WorkerPool("isolation_targets:pid")
    pids = {pool.call(context(), None, b"", limits())[0] for _ in range(2)}
    pool.close()

    assert (len(pids), len(held)) == (1, 400_000_000)


def test_a_pool_replaces_a_child_that_died():
    pool = WorkerPool("isolation_targets:pid")
    first = pool.call(context(), None, b"", limits())[0]
    os.kill(first, signal.SIGKILL)
    assert ends(first)

    second = pool.call(context(), None, b"", limits())[0]
    pool.close()

    assert second != first


def test_a_pool_replaces_a_child_with_other_limits():
    pool = WorkerPool("isolation_targets:pid")

    first = pool.call(context(), None, b"", limits())[0]
    second = pool.call(context(), None, b"", limits(max_memory_bytes=1 << 29))[0]
    pool.close()

    assert first != second
    assert ends(first)


def test_a_failed_call_does_not_spoil_the_next():
    pool = WorkerPool("isolation_targets:sleep")
    with pytest.raises(ToolTimeout):
        pool.call(context(), 60, b"", limits(timeout_s=0.2))

    assert pool.call(context(), 0, b"", limits())[0] > 0

    pool.close()


def test_an_interrupt_that_meets_the_answer_does_not_end_the_next_call(monkeypatch):
    """The child has been asked to end, however long that takes: it is not taken for warm."""
    pool = WorkerPool("isolation_targets:pid")
    signal_of_run = CancelSignal()
    exchange = Worker._exchange

    def answer_then_interrupt(self, *args):
        answer = exchange(self, *args)
        signal_of_run.set()
        return answer

    monkeypatch.setattr("llmspell_tools.isolated.ask_to_end", lambda pid: None)  # it takes for ever
    monkeypatch.setattr(Worker, "_exchange", answer_then_interrupt)
    first = pool.call(context(signal=signal_of_run), None, b"", limits())[0]
    monkeypatch.setattr(Worker, "_exchange", exchange)
    second = pool.call(context(), None, b"", limits())[0]
    pool.close()

    assert second != first
    assert ends(first)


def test_calls_at_once_have_a_child_each_and_one_stays():
    pool = WorkerPool("isolation_targets:sleep")
    pids = []

    def call():
        pids.append(pool.call(context(), 0.2, b"", limits())[0])

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    idle = pool._idle
    pool.close()

    assert len(set(pids)) == 3
    assert idle is not None
    assert all(ends(pid) for pid in pids)


def test_a_call_that_waits_for_a_place_can_be_cancelled():
    pool = WorkerPool("isolation_targets:spin", most=1)
    busy, waiting = CancelSignal(), CancelSignal()
    first = threading.Thread(target=_cancelled_call, args=(pool, busy))
    first.start()
    while pool._running == 0:
        threading.Event().wait(0.005)
    waiting.set()

    with pytest.raises(Cancelled):
        pool.call(context(signal=waiting), None, b"", limits())

    busy.set()
    first.join(5)
    assert not first.is_alive()


def _cancelled_call(pool, cancel):
    with pytest.raises(Cancelled):
        pool.call(context(signal=cancel), None, b"", limits())


PARENT = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from llmspell_tools.definition import ToolContext
from llmspell_tools.isolated import Limits, WorkerPool
pool = WorkerPool("isolation_targets:" + sys.argv[2])
limits = Limits(timeout_s=60, max_memory_bytes=1 << 30, max_output_bytes=1000)
def call():
    print(pool.call(ToolContext(None, tool="x"), None, b"", limits)[0], flush=True)
call() if sys.argv[2] == "pid" else threading.Thread(target=call, daemon=True).start()
while pool._running and not pool._idle and sys.argv[2] != "pid":
    pass
print("children", open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
sys.stdin.read()
"""


def _start_parent(tmp_path, name):
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.subprocess
def test_a_warm_child_does_not_outlive_its_parent(tmp_path):
    with _start_parent(tmp_path, "pid") as parent:
        child = int(parent.stdout.readline())
        parent.stdin.close()
        parent.wait(10)

    assert ends(child)


@pytest.mark.subprocess
@pytest.mark.parametrize("name", ["spin", "hang_in_c", "pid"])
def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path, name):
    """Also where it is busy in C and never looks at its pipe (Linux: SIGIO)."""
    with _start_parent(tmp_path, name) as parent:
        if name == "pid":
            child = int(parent.stdout.readline())
        else:
            child = 0
            give_up = time.monotonic() + 5
            while not child and time.monotonic() < give_up:
                with open(f"/proc/{parent.pid}/task/{parent.pid}/children", encoding="ascii") as file:
                    child = int((file.read().split() or [0])[0])
                child = child or _child_of_any_thread(parent.pid)
            assert child
            _wait_until_busy(child)
        parent.kill()
        parent.wait(10)

    assert ends(child)


def _child_of_any_thread(pid):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found = file.read().split()
        if found:
            return int(found[0])
    return 0


def _wait_until_busy(pid):
    """Until the child has used a tenth of a second more than its start takes."""
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            ticks = int(file.read().rpartition(")")[2].split()[11])
        if ticks > 30:
            return
        threading.Event().wait(0.02)


def test_limits_are_left_out_where_the_system_has_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)

    limit_memory(1 << 30)


def test_a_system_without_posix_spawn_says_so(monkeypatch):
    monkeypatch.delattr(os, "posix_spawn")

    with pytest.raises(ToolUnavailable, match="POSIX"):
        Worker("isolation_targets:echo", 1 << 30)


def test_a_python_that_cannot_be_started_is_the_tools_failure(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(ToolExecutionError, match="could not be started"):
        Worker("isolation_targets:echo", 1 << 30)

    assert len(os.listdir("/proc/self/fd")) == before


def test_no_descriptor_is_left_open():
    run("echo", 1)
    before = len(os.listdir("/proc/self/fd"))

    for name in ("echo", "leave", "bug"):
        try:
            run(name, 1)
        except ToolExecutionError:
            pass

    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.subprocess
def test_it_works_where_the_standard_descriptors_are_closed(tmp_path):
    """As in `llmspell ... <&- >&-`: a new pipe then takes the numbers 0 and 1."""
    code = (
        "import os, sys; os.close(0); os.close(1); sys.path.insert(0, sys.argv[1]);"
        "from llmspell_tools.definition import ToolContext; from llmspell_tools.isolated import run_isolated;"
        "print(run_isolated(ToolContext(None, tool='x'), 'isolation_targets:echo', 'through', timeout_s=20,"
        " max_memory_bytes=1 << 30, max_output_bytes=1000), file=sys.stderr)"
    )

    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, stderr=subprocess.PIPE, text=True, timeout=60
    )

    assert found.stderr == "through\n"
