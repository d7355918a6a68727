"""The history of cells: in a file that survives the kernel, found by tail, range and search."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from llmspell_kernel import history as history_module
from llmspell_kernel.history import History


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "home" / "data" / "history.sqlite")


@pytest.fixture
def open_history(path):
    """Open histories of one file, and close what a test leaves open."""
    opened = []

    def make(where=path):
        warnings: list[str] = []
        history = History(where, warnings.append)
        history.warnings = warnings
        opened.append(history)
        return history

    yield make
    for history in opened:
        history.close()


def fill(history, *codes):
    for number, code in enumerate(codes, 1):
        history.began(number, code)


def codes(rows):
    return [row[2] for row in rows]


def test_the_tail_is_the_newest_cells_oldest_first(open_history):
    history = open_history()
    fill(history, "a", "b", "c")

    assert history.tail(2) == [(1, 2, "b", None), (1, 3, "c", None)]
    assert codes(history.tail(10)) == ["a", "b", "c"]
    assert history.tail(0) == []


def test_cells_survive_the_kernel_and_sessions_count_up(open_history):
    first = open_history()
    fill(first, "a", "b")
    first.gave(2, "42")
    first.close()
    second = open_history()
    fill(second, "c")

    assert second.tail(10) == [(1, 1, "a", None), (1, 2, "b", "42"), (2, 1, "c", None)]
    assert second.session == 2


def test_a_range_is_of_one_session(open_history):
    first = open_history()
    fill(first, "a", "b", "c", "d")
    first.close()
    history = open_history()
    fill(history, "x", "y", "z")

    assert codes(history.range(0, 1, None)) == ["x", "y", "z"]
    assert codes(history.range(0, 2, 3)) == ["y"]
    assert codes(history.range(0, -2, None)) == ["y", "z"]
    assert codes(history.range(0, 1, -1)) == ["x", "y"]
    assert codes(history.range(-1, 2, 4)) == ["b", "c"]
    assert history.range(1, 4, None) == [(1, 4, "d", None)]
    assert history.range(99, 1, None) == []
    assert history.range(-99, 1, None) == []


def test_a_search_is_a_glob_of_the_whole_cell(open_history):
    history = open_history()
    fill(history, "print(1)", "x = 1", "print(2)", "x = 1", "print(1)\nx = 2", "a[1]")

    assert codes(history.search("print*", None, unique=False)) == ["print(1)", "print(2)", "print(1)\nx = 2"]
    assert codes(history.search("print(?)", 1, unique=False)) == ["print(2)"]
    assert history.search("x*", None, unique=True) == [(1, 4, "x = 1", None)]
    assert codes(history.search("[xa]*", None, unique=True)) == ["x = 1", "a[1]"]
    assert codes(history.search("[^xp]*", None, unique=False)) == ["a[1]"]
    assert codes(history.search("PRINT*", None, unique=False)) == []
    assert len(history.search("*", None, unique=False)) == 6
    assert history.search("[", None, unique=False) == []


def test_a_hostile_pattern_is_answered(open_history):
    history = open_history()
    fill(history, "a" * 5_000)

    assert history.search("*a" * 200 + "b", None, unique=False) == []


def test_the_file_is_its_owners_alone(open_history, path):
    history = open_history()
    fill(history, "a")
    history.tail(1)

    for each in (path, path + "-wal"):
        assert stat.S_IMODE(os.stat(each).st_mode) == 0o600
    for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_nothing_is_opened_until_a_cell_is_stored(open_history, path):
    history = open_history()
    history.close()

    assert not os.path.exists(path)


def test_a_close_writes_what_waits(open_history, path):
    history = open_history()
    fill(history, "a")
    history.close()

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT session, line, code FROM history").fetchall() == [(1, 1, "a")]
        (end, cells) = connection.execute("SELECT end, cells FROM sessions").fetchone()
    connection.close()
    assert end
    assert cells == 1


def test_the_writer_thread_writes_by_itself(open_history, path):
    history = open_history()
    flushed = threading.Event()
    flush = history._flush

    def flush_and_tell():
        flush()
        flushed.set()

    history._flush = flush_and_tell
    fill(history, "a")

    assert flushed.wait(5)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT code FROM history").fetchall() == [("a",)]
    connection.close()


def test_two_kernels_write_at_once(open_history):
    one, two = open_history(), open_history()
    for number in range(1, 51):
        one.began(number, f"one {number}")
        two.began(number, f"two {number}")
        if number % 10 == 0:
            one.tail(1)
            two.tail(1)

    assert {one.session, two.session} == {1, 2}
    assert len(one.search("one *", None, unique=True)) == 50
    assert len(one.search("two *", None, unique=True)) == 50


def test_cells_wait_while_another_kernel_holds_the_file(open_history, path, monkeypatch):
    monkeypatch.setattr(history_module, "_LOCKED_S", 0.05)
    history = open_history()
    history.tail(1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    fill(history, "a")

    assert history.tail(5) == []
    other.execute("COMMIT")
    other.close()

    assert codes(history.tail(5)) == ["a"]
    assert history.warnings == []


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_corrupt_file_is_left_alone_and_memory_serves(open_history, path, content):
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as opened:
        opened.write(content)
    history = open_history()
    fill(history, "a", "b")

    assert codes(history.tail(5)) == ["a", "b"]
    fill(history, "a", "b", "c")
    assert codes(history.tail(1)) == ["c"]
    assert len(history.warnings) == 1
    assert path in history.warnings[0]
    with open(path, "rb") as opened:
        assert opened.read() == content


def test_a_folder_that_cannot_be_made_means_memory(open_history, tmp_path):
    (tmp_path / "file").write_text("x")
    history = open_history(str(tmp_path / "file" / "data" / "history.sqlite"))
    fill(history, "a")

    assert codes(history.tail(5)) == ["a"]
    assert len(history.warnings) == 1


def test_a_file_that_becomes_read_only_means_memory(open_history, path):
    """As root every file can be written, so SQLite is told."""
    history = open_history()
    fill(history, "a")
    history.tail(1)
    history._connection.execute("PRAGMA query_only = ON")
    history.began(2, "b")

    assert codes(history.tail(5)) == ["b"]
    assert len(history.warnings) == 1


def test_a_link_is_not_followed(open_history, path, tmp_path):
    os.makedirs(os.path.dirname(path))
    (tmp_path / "precious").write_text("x")
    os.symlink(tmp_path / "precious", path)
    history = open_history()
    fill(history, "a")

    assert codes(history.tail(1)) == ["a"]
    assert (tmp_path / "precious").read_text() == "x"


def test_the_oldest_cells_are_forgotten_beyond_the_limit(open_history, monkeypatch):
    monkeypatch.setattr(history_module, "MAX_CELLS", 100)
    first = open_history()
    fill(first, *(f"cell {number}" for number in range(150)))
    first.close()

    second = open_history()

    assert len(second.search("*", None, unique=False)) == 100
    assert second.tail(1)[0][2] == "cell 149"


def test_texts_that_sqlite_does_not_take_are_stored_all_the_same(open_history):
    history = open_history()
    fill(history, "x = '\ud800'", "y = '\0'", "z" * 2_000_000)
    history.gave(1, "o" * 50_000)

    rows = history.tail(5)

    assert codes(rows) == ["x = '?'", "y = '\0'"]
    assert len(rows[0][3]) == 10_000


@pytest.mark.subprocess
def test_a_killed_kernel_leaves_a_whole_file(open_history, path):
    code = (
        "import os, signal, sys\nfrom llmspell_kernel.history import History\n"
        "history = History(sys.argv[1], print)\n"
        "for number in range(1, 101): history.began(number, f'cell {number}')\n"
        "history.tail(1)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, path], timeout=30, check=False)

    history = open_history()

    assert len(history.search("cell *", None, unique=True)) == 100
    assert history.session == 2


@pytest.mark.subprocess
def test_sqlite_is_not_imported_before_it_is_needed():
    late = {"sqlite3", "fnmatch", "tree_sitter", "llmspell_kernel.lua.completion"}
    code = f"import sys, llmspell_kernel.kernel\nprint(sorted({late} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == "[]"
