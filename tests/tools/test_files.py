"""Files: reading, whole writes, folders; the row "writes" of the bad-input matrix, with real kills and full disks."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from llmspell_tools import files
from llmspell_tools.errors import Cancelled, LimitExceeded, LlmspellError, PermissionDenied, ToolExecutionError
from llmspell_tools.policy import Policy


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Policy.from_json({"ceiling": "privileged", "allow": {"read": [str(tmp_path)], "write": [str(tmp_path)]}})


def put(policy, path, content):
    with files.write_atomic(policy, path, "t") as writer:
        writer.write(content)


def get(policy, path):
    with files.open_read(policy, path, "t") as reader:
        return reader.read()


def leftovers(folder="."):
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def test_what_is_written_is_read_back(policy):
    put(policy, "a", b"one")
    put(policy, "a", b"two")

    assert get(policy, "a") == b"two"
    assert leftovers() == []


def test_a_write_is_seen_only_when_it_is_whole(policy):
    put(policy, "a", b"old")
    with files.write_atomic(policy, "a", "t") as writer:
        writer.write(b"new")
        writer.flush()
        during = get(policy, "a")

    assert during == b"old"
    assert get(policy, "a") == b"new"


def test_an_error_while_writing_leaves_the_old_content(policy):
    put(policy, "a", b"old")

    with pytest.raises(TypeError), files.write_atomic(policy, "a", "t") as writer:
        writer.writelines([b"half", 3])

    assert get(policy, "a") == b"old"
    assert leftovers() == []


def test_an_existing_target_keeps_its_mode_and_a_new_one_gets_the_usual(policy):
    put(policy, "a", b"1")
    os.chmod("a", 0o640)
    put(policy, "a", b"2")
    put(policy, "new", b"")
    mask = os.umask(0)
    os.umask(mask)

    assert stat.S_IMODE(os.stat("a").st_mode) == 0o640
    assert stat.S_IMODE(os.stat("new").st_mode) == 0o666 & ~mask


def test_a_write_through_a_link_replaces_what_it_leads_to(policy):
    os.mkdir("sub")
    put(policy, "sub/real", b"old")
    os.symlink("sub/real", "link")

    put(policy, "link", b"new")

    assert os.path.islink("link")
    assert get(policy, "sub/real") == b"new"


def test_a_dangling_link_inside_the_root_makes_its_target(policy):
    os.mkdir("sub")
    os.symlink("sub/real", "link")

    put(policy, "link", b"new")

    assert get(policy, "sub/real") == b"new"


@pytest.mark.parametrize(
    ("path", "reason"), [("sub", "folder"), ("sub/", "folder"), ("no/such", "no such"), (".", "folder")]
)
def test_targets_that_cannot_be_written_are_named(policy, path, reason):
    os.mkdir("sub")

    with pytest.raises(LlmspellError) as caught:
        put(policy, path, b"x")

    assert repr(path) in caught.value.message
    assert reason in caught.value.message
    assert leftovers() == leftovers("sub") == []


def test_appends_add_and_make_the_file(policy):
    for piece in (b"a", b"b"):
        with files.open_append(policy, "log", "t") as writer:
            writer.write(piece)

    assert get(policy, "log") == b"ab"


def test_updates_work_in_place_and_need_both_rights(policy, tmp_path):
    put(policy, "a", b"12345")
    with files.open_update(policy, "a", "t") as file:
        assert file.read(2) == b"12"
        file.seek(0)
        file.write(b"xy")
    write_only = Policy.from_json({"ceiling": "privileged", "allow": {"write": [str(tmp_path)]}})

    assert get(policy, "a") == b"xy345"
    with pytest.raises(PermissionDenied) as caught:
        files.open_update(write_only, "a", "t")
    assert caught.value.details["kind"] == "read"
    with pytest.raises(ToolExecutionError):
        files.open_update(policy, "missing", "t")


def test_a_move_needs_the_right_to_read(policy, tmp_path):
    put(policy, "a", b"x")
    write_only = Policy.from_json({"ceiling": "privileged", "allow": {"write": [str(tmp_path)]}})

    with pytest.raises(PermissionDenied):
        files.rename(write_only, "a", "b", "t")

    assert get(policy, "a") == b"x"


def test_read_bytes_takes_exactly_the_limit(policy):
    put(policy, "a", b"x" * 100)

    assert files.read_bytes(policy, "a", "t", max_bytes=100, limit="k") == b"x" * 100
    with pytest.raises(LimitExceeded):
        files.read_bytes(policy, "a", "t", max_bytes=99, limit="k")


def test_folders_are_listed_by_name_with_kinds(policy):
    os.mkdir("b")
    put(policy, "a", b"123")
    os.symlink("/nowhere", "c")
    os.mkfifo("d")

    listed = files.list_dir(policy, ".", "t")

    assert [(entry.name, entry.kind) for entry in listed] == [
        ("a", "file"), ("b", "directory"), ("c", "symlink"), ("d", "other"),
    ]  # fmt: skip
    assert listed[0].size == 3


def test_names_that_are_not_utf8_are_shown_in_hex(policy):
    with open(b"caf\xe9", "wb"):
        pass

    (entry,) = files.list_dir(policy, ".", "t")

    assert entry.name == "caf\\xe9"


def test_a_folder_with_too_many_entries_is_refused(policy):
    for name in "abc":
        put(policy, name, b"")

    assert len(files.list_dir(policy, ".", "t", max_entries=3)) == 3
    with pytest.raises(LimitExceeded, match="max_entries"):
        files.list_dir(policy, ".", "t", max_entries=2, limit="[tools.x] max_entries")


def test_stat_tells_kind_size_and_mode(policy):
    put(policy, "a", b"12")
    os.chmod("a", 0o444)
    facts = files.stat(policy, "a", "t")

    assert (facts.name, facts.kind, facts.size, facts.readonly) == ("a", "file", 2, True)
    assert files.stat(policy, ".", "t").kind == "directory"
    with pytest.raises(ToolExecutionError):
        files.stat(policy, "missing", "t")


def test_exists_is_false_for_missing_names_and_links_to_nothing(policy):
    put(policy, "a", b"")
    os.symlink("nothing", "dangling")

    assert files.exists(policy, "a", "t")
    assert [files.exists(policy, path, "t") for path in ("b", "a/x", "no/such/x", "dangling")] == [False] * 4


def test_folders_are_made_one_by_one_or_with_their_parents(policy):
    assert files.make_dir(policy, "x", "t")
    assert files.make_dir(policy, "p/q/r", "t", recursive=True)
    assert not files.make_dir(policy, "p/q/r", "t", recursive=True)
    put(policy, "file", b"")
    for path in ("x", "no/such", "file/x", "file"):
        with pytest.raises(ToolExecutionError):
            files.make_dir(policy, path, "t")
    with pytest.raises(ToolExecutionError):
        files.make_dir(policy, "file", "t", recursive=True)

    assert os.path.isdir("p/q/r")


def test_remove_takes_files_and_only_empty_folders_when_told(policy):
    put(policy, "a", b"")
    os.makedirs("full/x")
    files.remove(policy, "a", "t")
    for path, folders in (("full", False), ("full", True), ("missing", False), (".", True)):
        with pytest.raises(LlmspellError):
            files.remove(policy, path, "t", folders=folders)
    files.remove(policy, "full/x", "t", folders=True)

    assert not os.path.exists("a")
    assert os.listdir("full") == []


def test_rename_moves_files_and_folders_and_replaces_files(policy):
    put(policy, "a", b"a")
    put(policy, "b", b"b")
    os.mkdir("folder")
    files.rename(policy, "a", "b", "t")
    files.rename(policy, "folder", "renamed", "t")

    assert get(policy, "b") == b"a"
    assert sorted(os.listdir(".")) == ["b", "renamed"]
    for source, target in (("missing", "x"), ("b", "renamed"), ("b", "new/"), ("b", "no/such")):
        with pytest.raises(LlmspellError):
            files.rename(policy, source, target, "t")


def test_copy_keeps_content_and_mode(policy):
    put(policy, "a", b"x" * 700_000)
    os.chmod("a", 0o750)

    copied = files.copy(policy, "a", "b", "t")

    assert copied == 700_000
    assert get(policy, "b") == get(policy, "a")
    assert stat.S_IMODE(os.stat("b").st_mode) == 0o750


def test_a_copy_that_is_stopped_leaves_the_target_as_it_was(policy):
    put(policy, "a", b"x" * 700_000)
    put(policy, "b", b"old")
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        files.copy(policy, "a", "b", "t", check=check)

    assert get(policy, "b") == b"old"
    assert leftovers() == []


def test_a_copy_that_is_too_long_leaves_the_target_as_it_was(policy):
    put(policy, "a", b"x" * 1000)

    assert files.copy(policy, "a", "b", "t", max_bytes=1000, limit="k") == 1000
    with pytest.raises(LimitExceeded):
        files.copy(policy, "a", "c", "t", max_bytes=999, limit="[tools.x] max_file_bytes")

    assert not os.path.exists("c")


def test_two_writers_leave_one_whole_content(policy):
    contents = [bytes([65 + at]) * 200_000 for at in range(4)]
    barrier = threading.Barrier(4, timeout=5)

    def write(content):
        barrier.wait()
        for _ in range(5):
            put(policy, "shared", content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    seen = [get(policy, "shared") for _ in range(50) if os.path.exists("shared")]
    for thread in threads:
        thread.join(5)

    assert get(policy, "shared") in contents
    assert all(content in contents for content in seen)
    assert leftovers() == []


def run_child(code, cwd, **kw):
    """Start a Python child with the policy `p` for its folder and the module `files`."""
    start = """
        import os, signal, sys
        from llmspell_tools import files
        from llmspell_tools.errors import LlmspellError
        from llmspell_tools.policy import Policy
        here = os.getcwd()
        p = Policy.from_json({"ceiling": "privileged", "allow": {"read": [here], "write": [here]}})
    """
    text = textwrap.dedent(start) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", text], cwd=cwd, stdout=subprocess.PIPE, text=True, **kw)


@pytest.mark.subprocess
def test_kill_9_in_a_write_leaves_the_old_content_whole(policy, tmp_path):
    put(policy, "a", b"old" * 1000)
    child = run_child(
        """
        with files.write_atomic(p, "a", "t") as writer:
            writer.write(b"new" * 300_000)
            writer.flush()
            print("half", flush=True)
            sys.stdin.read()
        """,
        tmp_path,
        stdin=subprocess.PIPE,
    )
    assert child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=5)

    assert child.returncode == -signal.SIGKILL
    assert get(policy, "a") == b"old" * 1000


@pytest.mark.subprocess
def test_kill_9_at_any_moment_leaves_one_whole_content(policy, tmp_path):
    put(policy, "a", b"0" * 50_000)
    whole = {bytes([digit]) * 50_000 for digit in b"0123456789"}
    for _ in range(8):
        child = run_child(
            """
            print("go", flush=True)
            for round in range(100_000):
                with files.write_atomic(p, "a", "t") as writer:
                    writer.write(bytes([48 + round % 10]) * 50_000)
                if round % 7 == 0:
                    print(round, flush=True)
            """,
            tmp_path,
        )
        for _ in range(3):
            assert child.stdout.readline()
        child.kill()
        child.communicate(timeout=5)

        assert get(policy, "a") in whole


@pytest.mark.subprocess
def test_a_full_disk_leaves_the_old_content_and_no_rest(policy, tmp_path):
    """RLIMIT_FSIZE stands for the full disk: the write itself fails half-way, as with ENOSPC."""
    put(policy, "a", b"old")
    child = run_child(
        """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for use in ("write", "append", "copy"):
            try:
                if use == "write":
                    with files.write_atomic(p, "a", "t") as writer:
                        for _ in range(100):
                            writer.write(b"x" * 10_000)
                elif use == "append":
                    with files.open_append(p, "log", "t") as writer:
                        writer.write(b"x" * 900_000)
                else:
                    files.copy(p, "big", "a", "t")
            except LlmspellError as error:
                print(use, error.code, error.details["path"], error.details["error"])
        """,
        tmp_path,
    )
    (tmp_path / "big").write_bytes(b"x" * 900_000)
    out, _ = child.communicate(timeout=20)

    assert out.split("\n") == [
        "write execution_error a EFBIG",
        "append execution_error log EFBIG",
        "copy execution_error a EFBIG",
        "",
    ]
    assert get(policy, "a") == b"old"
    assert leftovers() == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_write_error_names_path_and_reason(policy):
    """The typed error of a real ENOSPC, through the guarded file that every write uses."""
    from llmspell_tools.opening import GuardedFile

    raw = GuardedFile(os.open("/dev/full", os.O_WRONLY), "wb", "write", "report.json")
    with raw, pytest.raises(ToolExecutionError) as caught:
        raw.write(b"x")

    assert caught.value.message == "cannot write 'report.json': the disk is full"
    assert caught.value.details["error"] == "ENOSPC"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(policy):
    os.mkdir("sealed")
    os.chmod("sealed", 0o555)

    with pytest.raises(ToolExecutionError) as caught:
        put(policy, "sealed/a", b"x")

    assert caught.value.details["error"] == "EACCES"


@pytest.mark.subprocess
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_is_named(policy, tmp_path):
    os.chmod(tmp_path, 0o755)
    put(policy, "a", b"old")
    child = run_child(
        """
        def write():
            with files.write_atomic(p, "a", "t"):
                pass
        def attempt(use):
            try:
                use()
            except LlmspellError as error:
                return f"{error.code} {error.details['path']} {error.details['error']}"
        attempt(lambda: files.remove(p, "missing", "t"))  # imports what refusals need
        os.setgid(65534)
        os.setuid(65534)
        print(attempt(write))
        print(attempt(lambda: files.remove(p, "a", "t")))
        print(attempt(lambda: files.open_append(p, "a", "t")))
        """,
        tmp_path,
    )
    out, _ = child.communicate(timeout=20)

    assert out == "execution_error a EACCES\n" * 3
    assert get(policy, "a") == b"old"


def test_nothing_stays_open(policy):
    put(policy, "a", b"x")
    os.symlink("/etc", "out")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a", "b", "out/passwd", "../x", "a/b", "x" * 5000, "."):
        for use in (files.open_read, files.open_append, files.list_dir, files.stat, files.remove, files.make_dir):
            try:
                result = use(policy, path, "t")
                if hasattr(result, "close"):
                    result.close()
            except LlmspellError:
                pass
            with pytest.raises(BaseException), files.write_atomic(policy, path, "t"):  # noqa: B017  # any at all
                raise KeyboardInterrupt

    assert len(os.listdir("/proc/self/fd")) == before


def test_the_fallback_without_openat_decides_alike(policy, tmp_path, monkeypatch):
    """Windows has no openat: there a path is resolved first and checked then."""
    from llmspell_tools import paths

    monkeypatch.setattr(paths, "OPENAT", False)
    monkeypatch.setattr(files, "OPENAT", False)
    os.symlink("/etc", "out")
    put(policy, "a", b"x")
    files.make_dir(policy, "p/q", "t", recursive=True)
    files.rename(policy, "a", "p/q/b", "t")

    assert get(policy, "p/q/b") == b"x"
    assert [entry.name for entry in files.list_dir(policy, "p/q", "t")] == ["b"]
    for path in ("out/passwd", "../x", "/etc/passwd"):
        with pytest.raises(PermissionDenied):
            get(policy, path)
    files.remove(policy, "out", "t")
    assert not os.path.lexists("out")


def another_file_system(monkeypatch):
    """Let the next `os.replace` fail as between file systems; the commit of the copy after it is on one again."""
    real = os.replace

    def refuse(*_, **__):
        monkeypatch.setattr(os, "replace", real)
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "replace", refuse)


def test_a_file_is_moved_to_another_file_system_by_copying(policy, monkeypatch):
    Path("old.txt").write_text("content")
    another_file_system(monkeypatch)

    files.rename(policy, "old.txt", "new.txt", "t")

    assert Path("new.txt").read_text() == "content"
    assert not Path("old.txt").exists()


def test_a_move_to_another_file_system_that_is_stopped_moves_nothing(policy, monkeypatch):
    Path("old.txt").write_text("content")
    another_file_system(monkeypatch)

    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        files.rename(policy, "old.txt", "new.txt", "t", check=stop)
    assert Path("old.txt").read_text() == "content"
    assert not Path("new.txt").exists()


def test_a_folder_is_not_moved_to_another_file_system(policy, monkeypatch):
    Path("folder").mkdir()
    another_file_system(monkeypatch)

    with pytest.raises(ToolExecutionError) as caught:
        files.rename(policy, "folder", "moved", "t")
    assert caught.value.details["error"] == "EXDEV"
