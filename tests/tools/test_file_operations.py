"""file-operations: every operation and alias, its sentences, and the paths and writes it must survive."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from datetime import datetime

import pytest

from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

SECRET = "outside the roots"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The allowed folder, current; beside it `outside/secret`, which is not."""
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text(SECRET)
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def run(root):
    """Calls the tool under a policy that allows only `root`."""
    listed = [str(root)]
    policy = Policy.from_json({"ceiling": "privileged", "allow": {"read": listed, "write": listed}})
    registry = ToolRegistry(policy=policy)
    return lambda operation, **parameters: registry.invoke("file-operations", {"operation": operation, **parameters})


def test_a_write_is_read_back(run, root):
    wrote = run("write", path="a.txt", input="héllo\r\n")
    read = run("read", path="a.txt")

    assert wrote.text == "Wrote 8 bytes to a.txt"
    assert wrote.output == {
        "operation": "write", "success": True, "message": "Wrote 8 bytes to a.txt",
        "metadata": {"file_path": "a.txt", "file_size": 8},
    }  # fmt: skip
    assert wrote.metadata == {"operation": "write", "response": wrote.output}
    assert read.text == "héllo\r\n"
    assert read.output["result"] == {"input": "héllo\r\n", "size": 8}
    assert read.output["metadata"] == {"file_path": "a.txt", "file_size": 8}
    assert os.listdir(root) == ["a.txt"]


@pytest.mark.parametrize("alias", ["content", "text", "data"])
def test_the_content_has_other_names(run, root, alias):
    run("write", path="a.txt", **{alias: "x"})

    assert (root / "a.txt").read_text() == "x"


def test_append_adds(run, root):
    run("append", path="a.txt", input="one\n")
    got = run("append", path="a.txt", input="två\n")

    assert got.text == "Appended 5 bytes to a.txt"
    assert got.output["result"] == {"appended_size": 5}
    assert (root / "a.txt").read_text() == "one\ntvå\n"


def test_delete_removes_a_file_and_no_folder(run, root):
    (root / "a.txt").write_text("x")
    (root / "folder").mkdir()

    assert run("delete", path="a.txt").text == "Deleted file: a.txt"
    assert not (root / "a.txt").exists()
    with pytest.raises(ToolExecutionError, match="folder"):
        run("delete", path="folder")
    with pytest.raises(ToolExecutionError, match=r"a\.txt"):
        run("delete", path="a.txt")


@pytest.mark.parametrize("operation", ["create_dir", "mkdir"])
def test_a_folder_is_made(run, root, operation):
    got = run(operation, path="one")

    assert got.text == "Created directory: one"
    assert got.metadata["operation"] == "create_dir"
    assert got.output["result"] == {"recursive": False}
    assert (root / "one").is_dir()


def test_parents_are_made_only_when_asked(run, root):
    with pytest.raises(ToolExecutionError, match=r"cannot make the folder 'a/b/c': .* recursive"):
        run("mkdir", path="a/b/c")
    run("mkdir", path="a/b/c", recursive=True)

    assert (root / "a/b/c").is_dir()


@pytest.mark.parametrize("operation", ["list_dir", "ls", "dir"])
def test_a_folder_is_listed(run, root, operation):
    (root / "b.txt").write_text("12345")
    (root / "a").mkdir()
    (root / "c").symlink_to("b.txt")

    got = run(operation, path=".")

    assert got.text == "Found 3 entries in ."
    result = got.output["result"]
    assert result["count"] == 3
    assert [(entry["name"], entry["path"], entry["type"]) for entry in result["entries"]] == [
        ("a", "./a", "directory"), ("b.txt", "./b.txt", "file"), ("c", "./c", "symlink"),
    ]  # fmt: skip
    assert result["entries"][1]["size"] == 5
    assert result["entries"][1]["modified"].endswith("+00:00")


@pytest.mark.parametrize(("source", "target"), [("source_path", "target_path"), ("source", "destination"),
                                                ("from_path", "to_path")])  # fmt: skip
@pytest.mark.parametrize("operation", ["copy", "cp"])
def test_a_file_is_copied(run, root, operation, source, target):
    (root / "a").write_text("new")
    (root / "b").write_text("old")

    got = run(operation, **{source: "a", target: "b"})

    assert got.text == "Copied a to b"
    assert got.output["result"] == {"source": "a", "target": "b"}
    assert (root / "a").read_text() == (root / "b").read_text() == "new"


@pytest.mark.parametrize("operation", ["move", "mv", "rename"])
def test_a_file_is_moved(run, root, operation):
    (root / "a").write_text("x")

    got = run(operation, source_path="a", target_path="b")

    assert got.text == "Moved a to b"
    assert got.metadata["operation"] == "move"
    assert os.listdir(root) == ["b"]


def test_a_folder_is_not_moved_into_itself(run, root):
    (root / "a").mkdir()

    with pytest.raises(ToolExecutionError, match="cannot move 'a': a folder cannot be moved into itself"):
        run("mv", source_path="a", target_path="a/b")


@pytest.mark.parametrize("operation", ["metadata", "stat", "info"])
def test_a_file_is_described(run, root, operation):
    (root / "a").write_text("xyz")
    (root / "a").chmod(0o444)

    got = run(operation, path="a")

    assert got.text == "Retrieved metadata for a"
    facts = got.output["result"]
    assert (facts["path"], facts["type"], facts["size"], facts["readonly"]) == ("a", "file", 3, True)
    assert set(facts) == {"path", "type", "size", "readonly", "created", "modified", "accessed"}


@pytest.mark.skipif(shutil.which("stat") is None, reason="compares with the stat program")
@pytest.mark.parametrize("path", ["a", "d", "link"])
def test_the_birth_of_a_file_is_the_one_that_stat_tells(run, root, path):
    (root / "a").write_text("xyz")
    (root / "d").mkdir()
    (root / "link").symlink_to("a")
    os.utime(root / "a", (1, 1))
    told = subprocess.run(["stat", "-L", "-c", "%W", path], capture_output=True, text=True, check=True, timeout=5)
    seconds = int(told.stdout)

    created = run("metadata", path=path).output["result"]["created"]

    assert (int(datetime.fromisoformat(created).timestamp()) if created else 0) == seconds


def test_existence_is_told(run, root):
    (root / "a").write_text("")

    assert run("exists", path="a").text == "Path a exists"
    assert run("exists", path="b").text == "Path b does not exist"
    assert run("exists", path="b").output["result"] == {"exists": False}


@pytest.mark.parametrize(
    ("operation", "parameters", "field"),
    [
        ("read", {}, "path"),
        ("write", {"path": "a"}, "input"),
        ("cp", {"source_path": "a"}, "target_path"),
        ("rename", {"target_path": "a"}, "source_path"),
        ("reed", {"path": "a"}, "operation"),
        ("read", {"path": "a", "pth": 1}, "pth"),
        ("read", {"path": 5}, "path"),
    ],
)
def test_a_wrong_parameter_is_named(run, operation, parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        run(operation, **parameters)

    assert caught.value.details["field"] == field


# --- failures of a write are values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "error_type", "code"),
    [
        ("../outside/new", "security_violation", "permission_denied"),
        ("no/such/folder/a", "execution_error", "execution_error"),
        (".", "execution_error", "execution_error"),
        ("a\x00b", "validation_error", "validation_error"),
    ],
)
def test_a_failing_write_is_an_envelope(run, root, path, error_type, code):
    got = run("write", path=path, input="x")

    assert got.output["success"] is False
    assert got.output["error"]["code"] == code
    assert got.output["result"] == {"path": path, "error_type": error_type}
    assert got.text == f"Operation 'write' failed: {got.output['error']['message']}"
    assert got.metadata["response"] == got.output
    assert os.listdir(root) == []


def test_a_cancelled_write_raises_and_changes_nothing(run, root):
    (root / "a").write_text("old")
    registry = ToolRegistry()
    context = registry.context()
    context.signal.set()

    with pytest.raises(Cancelled):
        registry.invoke("file-operations", {"operation": "write", "path": "a", "input": "new"}, context=context)
    assert (root / "a").read_text() == "old"


def test_half_a_surrogate_pair_is_refused(run, root):
    got = run("write", path="a", input="\ud800")

    assert got.output["result"]["error_type"] == "validation_error"
    with pytest.raises(InvalidParameters):
        run("append", path="a", input="\ud800")
    assert os.listdir(root) == []


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on file sizes")
def test_an_append_that_finds_no_room_changes_nothing(root):
    """RLIMIT_FSIZE stands for the full disk: the system takes a part and refuses the rest."""
    (root / "log").write_text("old\n")
    code = textwrap.dedent(
        """
        import resource, signal, sys
        from llmspell_tools.errors import LlmspellError
        from llmspell_tools.registry import ToolRegistry
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for path in ("log", "new"):
            try:
                ToolRegistry().invoke("file-operations", {"operation": "append", "path": path, "input": "x" * 900_000})
            except LlmspellError as error:
                print(error.code, error.details["error"])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=20
    )

    assert done.stdout.split() == ["execution_error", "EFBIG"] * 2
    assert (root / "log").read_text() == "old\n"
    assert sorted(path.name for path in root.iterdir()) == ["log"]


def test_an_append_over_the_limit_leaves_no_empty_file(root):
    registry = ToolRegistry(settings={"file-operations": {"max_file_bytes": 10}})

    with pytest.raises(LimitExceeded):
        registry.invoke("file-operations", {"operation": "append", "path": str(root / "new.txt"), "input": "x" * 11})
    assert not (root / "new.txt").exists()


def test_a_copy_over_the_limit_leaves_the_target_as_it_was(root):
    registry = ToolRegistry(settings={"file-operations": {"max_file_bytes": 10}})
    (root / "large.txt").write_text("x" * 11, encoding="utf-8")
    (root / "target.txt").write_text("old", encoding="utf-8")
    paths = {"source_path": str(root / "large.txt"), "target_path": str(root / "target.txt")}

    with pytest.raises(LimitExceeded, match=r"\[tools.file_operations\] max_file_bytes"):
        registry.invoke("file-operations", {"operation": "copy", **paths})
    assert (root / "target.txt").read_text(encoding="utf-8") == "old"


def test_size_limits_name_their_key(root):
    (root / "big").write_text("x" * 11)
    registry = ToolRegistry(settings={"file-operations": {"max_file_bytes": 10, "max_entries": 1}})

    def run(operation, **parameters):
        return registry.invoke("file-operations", {"operation": operation, **parameters})

    for operation, parameters in (
        ("read", {"path": "big"}),
        ("copy", {"source_path": "big", "target_path": "copy"}),
        ("append", {"path": "big", "input": "y"}),
    ):
        with pytest.raises(LimitExceeded, match=r"\[tools.file_operations\] max_file_bytes"):
            run(operation, **parameters)
    failed = run("write", path="new", input="x" * 11)
    assert failed.output["error"]["code"] == "limit_exceeded"
    (root / "small").write_text("")
    with pytest.raises(LimitExceeded, match=r"\[tools.file_operations\] max_entries"):
        run("ls", path=".")
    assert sorted(os.listdir(root)) == ["big", "small"]
    assert (root / "big").read_text() == "x" * 11


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(run, root):
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(LimitExceeded):
        run("read", path="sparse")


def test_bytes_that_are_no_text_are_refused(run, root):
    (root / "a").write_bytes(b"ok\xff")

    with pytest.raises(ToolExecutionError, match=r"byte 2 \(0xff\) is not UTF-8"):
        run("read", path="a")


# --- the bad-input matrix: paths, symlinks, special files ------------------------------------------------------------

#: Lead out of the root, or nowhere; OUTSIDE is the absolute path of the folder beside it.
OUTSIDE = [
    "../outside/secret", "sub/../../outside/secret", "OUTSIDE/secret", "/proc/self/rootOUTSIDE/secret", "/dev/fd/0",
    "/proc/self/environ", "/proc/kmsg", "/dev/zero", "link/secret", "file-link", "a\0b", "x" * 5000, "n" * 256, "",
    "loop", "secret/",
]  # fmt: skip
#: Look dangerous and are plain names of files in the root.
NAMES = ["~root", "%2e%2e", "..\\outside\\secret", "..\u2215outside\u2215secret", "secret\n", "-rf", "\udcff\udcfe"]


@pytest.fixture
def traps(root):
    """Links out of the root, a loop, a pipe, a socket and a folder."""
    (root / "sub").mkdir()
    (root / "link").symlink_to("../outside")
    (root / "file-link").symlink_to("../outside/secret")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        yield root


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("operation", ["read", "ls", "append", "cp"])
def test_no_path_leads_out(run, traps, operation, path):
    """Each is refused with a typed error, and nothing changed inside or outside."""
    before = sorted(os.listdir(traps))
    path = path.replace("OUTSIDE", str(traps.parent / "outside"))
    parameters = {
        "read": {"path": path},
        "ls": {"path": path},
        "append": {"path": path, "input": "evil"},
        "cp": {"source_path": path, "target_path": "sub/copy"},
    }[operation]

    with pytest.raises(LlmspellError):
        run(operation, **parameters)

    assert (traps.parent / "outside/secret").read_text() == SECRET
    assert os.listdir(traps.parent / "outside") == ["secret"]
    assert os.listdir(traps / "sub") == []
    assert sorted(os.listdir(traps)) == before


@pytest.mark.parametrize("path", ["../outside/secret", "link/secret", "../outside"])
@pytest.mark.parametrize("operation", ["mv", "delete"])
def test_nothing_outside_is_moved_or_removed(run, traps, operation, path):
    parameters = {"path": path} if operation == "delete" else {"source_path": path, "target_path": "sub/new"}

    with pytest.raises(PermissionDenied):
        run(operation, **parameters)

    assert (traps.parent / "outside/secret").read_text() == SECRET


@pytest.mark.parametrize("path", NAMES)
def test_an_odd_name_is_a_name_in_the_folder_or_refused(run, root, path):
    wrote = run("write", path=path, input="x")

    if wrote.output["success"]:
        assert len(os.listdir(root)) == 1
        assert run("read", path=path).text == "x"
    else:
        assert os.listdir(root) == []
    assert os.listdir(root.parent / "outside") == ["secret"]


@pytest.mark.parametrize("path", ["pipe", "socket", "sub"])
def test_only_regular_files_are_read_and_written(run, traps, path):
    for operation in ("read", "append"):
        with pytest.raises(ToolExecutionError):
            run(operation, path=path, **({"input": "x"} if operation == "append" else {}))
    assert run("write", path=path, input="x").output["success"] is False


def test_a_link_out_cannot_be_written_through(run, traps):
    got = run("write", path="file-link", input="evil")

    assert got.output["error"]["code"] == "permission_denied"
    assert (traps.parent / "outside/secret").read_text() == SECRET


def test_a_hard_link_outside_stays_as_it_is(run, root):
    os.link(root.parent / "outside/secret", root / "same")

    run("write", path="same", input="new")
    os.link(root.parent / "outside/secret", root / "other")

    with pytest.raises(ToolExecutionError, match="hard links"):
        run("append", path="other", input="evil")
    assert (root.parent / "outside/secret").read_text() == SECRET


def test_deleting_a_link_leaves_what_it_leads_to(run, traps):
    run("delete", path="file-link")

    assert (traps.parent / "outside/secret").read_text() == SECRET


def test_the_ceiling_holds_for_each_operation(root):
    """Looking is Restricted, changing is Privileged."""
    (root / "a").write_text("x")
    listed = [str(root)]
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"read": listed, "write": listed}})
    registry = ToolRegistry(policy=policy)

    assert registry.invoke("file-operations", {"operation": "stat", "path": "a"}).output["success"]
    with pytest.raises(PermissionDenied):
        registry.invoke("file-operations", {"operation": "delete", "path": "a"})
    assert (root / "a").exists()


# --- writes survive ------------------------------------------------------------------------------------------------

WRITER = """
    import os, sys
    from llmspell_tools.registry import ToolRegistry
    registry = ToolRegistry()
    replace = os.replace
    def paused(*args, **keywords):
        print("written", flush=True)
        sys.stdin.read()
    os.replace = paused
    registry.invoke("file-operations", {"operation": "write", "path": "a", "input": "new" * 100_000})
"""


@pytest.mark.subprocess
def test_kill_in_a_write_leaves_the_old_content_whole(run, root):
    (root / "a").write_text("old")
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait(5)

    assert (root / "a").read_text() == "old"
    run("write", path="a", input="next")
    assert (root / "a").read_text() == "next"


def test_a_full_disk_leaves_the_old_content_whole(run, root, monkeypatch):
    (root / "a").write_text("old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    got = run("write", path="a", input="new")

    assert got.output["success"] is False
    assert "a" in got.output["error"]["message"]
    assert (root / "a").read_text() == "old"
    assert os.listdir(root) == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_named(run, root):
    (root / "sub").mkdir(mode=0o555)

    assert "sub/a" in run("write", path="sub/a", input="x").output["error"]["message"]


def test_the_bits_of_an_existing_file_are_kept(run, root):
    (root / "run.sh").write_text("old")
    (root / "run.sh").chmod(0o750)

    run("write", path="run.sh", input="new")

    assert (root / "run.sh").stat().st_mode & 0o777 == 0o750


def test_of_two_writers_one_wins_whole(run, root):
    contents = {"a" * 200_000, "b" * 200_000}
    failures = []

    def write(content):
        for _ in range(20):
            if not run("write", path="shared", input=content).output["success"]:
                failures.append(content[0])

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    seen = {run("read", path="shared").text for _ in range(20) if (root / "shared").exists()}
    for thread in threads:
        thread.join(5)

    assert failures == []
    assert seen <= contents
    assert run("read", path="shared").text in contents
    assert os.listdir(root) == ["shared"]
