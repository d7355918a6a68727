"""file-watcher: real inotify: what is told of each kind of change, bursts, patterns, and what ends a wait."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime

import pytest

from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    PermissionDenied,
    ToolExecutionError,
    ToolTimeout,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "root/sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root/a.txt").write_text("a")
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def registry_for(root, settings=None, deny=None):
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"read": [str(root)]}, "deny": deny or {}})
    return ToolRegistry(policy=policy, settings={"file-watcher": settings or {}})


def watch(root, act, path=".", registry=None, signal=None, **more):
    """Watch; call `act` once the watch stands; return `Type path` of each event."""
    registry = registry or registry_for(root)
    threads = []

    def progress(done, total, message):
        if not threads:  # the first report says that the watch stands, the others that it still does
            threads.append(threading.Thread(target=act))
            threads[0].start()

    context = registry.context(progress=progress, signal=signal)
    params = {"operation": "watch", "input": [path], "timeout_seconds": 5, **more}
    try:
        result = registry.invoke("file-watcher", params, context=context).output["result"]
    finally:
        for thread in threads:
            thread.join(5)
    assert result["event_count"] == len(result["events"])
    return result["events"]


def told(events):
    return [
        f"{event['event_type']} {event['path']}" + (f" from {event['old_path']}" if event["old_path"] else "")
        for event in events
    ]


def test_a_new_file_is_created(root):
    events = watch(root, lambda: (root / "new.txt").write_text("x"))

    assert told(events) == ["Create ./new.txt"]
    assert events[0]["old_path"] is None
    assert datetime.fromisoformat(events[0]["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (lambda root: (root / "a.txt").write_text("changed"), ["Modify ./a.txt"]),
        (lambda root: (root / "a.txt").unlink(), ["Delete ./a.txt"]),
        (lambda root: (root / "a.txt").rename(root / "b.txt"), ["Rename ./b.txt from ./a.txt"]),
        (lambda root: (root / "a.txt").rename(root / "sub/b.txt"), ["Rename ./sub/b.txt from ./a.txt"]),
        (lambda root: (root / "sub/deep").mkdir(), ["Create ./sub/deep"]),
    ],
)
def test_each_kind_of_change_is_told(root, act, wanted):
    events = [line for line in told(watch(root, lambda: act(root))) if line not in ("Modify .", "Modify ./sub")]

    assert events == wanted


def test_a_file_that_is_replaced_is_modified(root):
    def replace():
        (root / "draft").write_text("new")
        os.replace(root / "draft", root / "a.txt")

    assert "Modify ./a.txt" in told(watch(root, replace))


def test_a_watched_folder_that_goes_is_deleted(root):
    (root / "inbox").mkdir()

    events = watch(root, lambda: (root / "inbox").rename(root / "elsewhere"), path="inbox")

    assert told(events) == ["Delete inbox"]


def test_a_burst_is_told_whole(root):
    def burst():
        for number in range(20):
            (root / f"{number}.txt").write_text("x")

    assert len({event["path"] for event in watch(root, burst, debounce_ms=300)}) == 20


def test_no_more_events_than_asked_for(root):
    def burst():
        for number in range(20):
            (root / f"{number}.txt").write_text("x")

    assert len(watch(root, burst, max_events=3)) == 3


def test_only_names_that_match_count(root):
    def act():
        (root / "x.log").write_text("x")
        (root / "x.csv").write_text("x")

    assert told(watch(root, act, pattern="*.csv")) == ["Create ./x.csv"]


def test_folders_below_may_be_left_out(root):
    def act():
        (root / "sub/inner.txt").write_text("x")
        (root / "outer.txt").write_text("x")

    assert "Create ./outer.txt" in told(watch(root, act, recursive=False, pattern="*.txt"))
    assert told(watch(root, lambda: (root / "sub/more.txt").write_text("x"), pattern="*.txt")) == [
        "Create ./sub/more.txt"
    ]


def test_one_file_can_be_watched(root):
    events = watch(root, lambda: (root / "a.txt").write_text("changed"), path="a.txt")

    assert told(events) == ["Modify a.txt"]


def test_nothing_happens_until_the_time_is_up(root):
    registry = registry_for(root)
    for more in ({"timeout_seconds": 0.2}, {"timeout_ms": 0}, {"timeout_ms": 0, "timeout_seconds": 300}):
        got = registry.invoke("file-watcher", {"operation": "watch", "input": ["."], **more}).output
        assert got["result"] == {"events": [], "event_count": 0}


def test_milliseconds_are_rounded_up_to_seconds(root):
    """A change after more than the milliseconds still counts."""
    events = watch(root, lambda: (time.sleep(0.2), (root / "late.txt").write_text("x")), timeout_ms=1)

    assert told(events) == ["Create ./late.txt"]


def test_the_limits_are_told(root):
    got = registry_for(root, {"max_paths": 7}).invoke("file-watcher", {"operation": "config"}).output

    assert got["result"] == {
        "max_events": 1000, "default_timeout": 300, "default_debounce_ms": 100, "max_paths": 7,
    }  # fmt: skip


def test_an_interrupt_ends_the_wait(root):
    signal = CancelSignal()
    with pytest.raises(Cancelled):
        watch(root, signal.set, signal=signal)


def test_the_runs_own_deadline_ends_the_wait(root):
    registry = registry_for(root)
    with pytest.raises(ToolTimeout):
        registry.invoke("file-watcher", {"operation": "watch", "input": ["."]}, timeout_s=0.2)


def test_what_links_lead_to_is_not_told(root):
    os.symlink(root.parent / "outside", root / "door")

    def act():
        (root.parent / "outside/secret.txt").write_text("x")
        (root / "open.txt").write_text("x")

    assert told(watch(root, act)) == ["Create ./open.txt"]


def test_what_is_denied_is_not_told(root):
    registry = registry_for(root, deny={"read": [str(root / "sub")]})

    def act():
        (root / "sub/secret.txt").write_text("x")
        (root / "open.txt").write_text("x")

    assert told(watch(root, act, registry=registry)) == ["Create ./open.txt"]


@pytest.mark.parametrize("path", ["../outside", "/etc", "missing", "sub/../..", "", "a\0b"])
def test_other_paths_are_refused(root, path):
    with pytest.raises((PermissionDenied, ToolExecutionError, InvalidParameters)):
        watch(root, lambda: None, path=path)


@pytest.mark.parametrize(
    "params",
    [
        {"operation": "watch"}, {"operation": "watch", "input": []}, {"operation": "watch", "input": ["."] * 101},
        {"operation": "watch", "input": ["."], "debounce_ms": -1}, {"operation": "look", "input": ["."]},
        {"operation": "watch", "input": ["."], "max_events": 0}, {"operation": "watch", "input": [5]},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(root, params):
    with pytest.raises(InvalidParameters):
        registry_for(root).invoke("file-watcher", params)


def test_too_much_to_watch_names_the_limit(root):
    with pytest.raises(LimitExceeded, match="max_watched"):
        watch(root, lambda: None, registry=registry_for(root, {"max_watched": 1}))
