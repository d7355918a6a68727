"""Paths: what a walk lets through, the rows "paths", "symlinks" and "special files" of the bad-input matrix."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell_tools import files
from llmspell_tools.errors import InvalidParameters, LlmspellError, PermissionDenied, ToolExecutionError
from llmspell_tools.policy import Policy

SECRET = b"root:x:0:0 secret"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """root/ (allowed, current folder), rootsibling/ and outside/ (not allowed)."""
    for name in ("root/sub", "rootsibling", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/a.txt").write_bytes(b"inside")
    (tmp_path / "root/sub/b.txt").write_bytes(b"below")
    (tmp_path / "outside/passwd").write_bytes(SECRET)
    (tmp_path / "rootsibling/x").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path


@pytest.fixture
def policy(tree):
    return only(tree / "root")


def only(*roots):
    """A policy with these roots and nothing else."""
    listed = [str(root) for root in roots]
    return Policy.from_json({"ceiling": "privileged", "allow": {"read": listed, "write": listed}})


def content(policy, path):
    with files.open_read(policy, str(path), "t") as reader:
        return reader.read()


@pytest.mark.parametrize(
    "path",
    ["a.txt", "./a.txt", "sub/../a.txt", "sub/./../a.txt", ".//a.txt", "../root/a.txt", "sub/../../root/a.txt"],
)
def test_paths_inside_the_root_are_read(policy, path):
    assert content(policy, path) == b"inside"


def test_absolute_paths_inside_the_root_are_read(policy, tree):
    assert content(policy, tree / "root/sub/b.txt") == b"below"
    assert content(policy, f"{tree}/outside/../root/a.txt".replace("outside/../", "")) == b"inside"


@pytest.mark.parametrize(
    "path",
    [
        "../outside/passwd",
        "../../etc/passwd",
        "/etc/passwd",
        "sub/../../outside/passwd",
        "sub/../../rootsibling/x",
        "../rootsibling/x",
        "/proc/self/root/etc/passwd",
        "/proc/thread-self/root/etc/passwd",
        "/proc/self/environ",
        "/proc/1/environ",
        "/dev/fd/0",
        "/dev/zero",
        "/dev/stdin",
        "//etc/passwd",
        "/../etc/passwd",
        "../outside/../root/a.txt",
    ],
)
def test_paths_outside_the_root_are_refused(policy, path):
    with pytest.raises(PermissionDenied):
        content(policy, path)
    with pytest.raises(PermissionDenied), files.write_atomic(policy, path + "-new", "t") as writer:
        writer.write(b"x")


@pytest.mark.parametrize("path", ["..", "/", "../..", "sub/../..", "/proc", "../rootsibling", "/etc/"])
def test_folders_outside_the_root_are_not_listed_or_made(policy, path):
    for action in (files.list_dir, files.stat, files.exists, files.make_dir, files.remove):
        with pytest.raises(PermissionDenied):
            action(policy, path, "t")


def test_a_refusal_does_not_tell_whether_a_file_exists(policy, tree):
    with pytest.raises(PermissionDenied) as there:
        files.exists(policy, "../outside/passwd", "t")
    with pytest.raises(PermissionDenied) as missing:
        files.exists(policy, "../outside/nothing", "t")

    assert there.value.message.replace("passwd", "X") == missing.value.message.replace("nothing", "X")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("", "empty"),
        ("a\0b", "NUL"),
        ("a.txt\0", "NUL"),
        ("x" * 5000, "longer than 4096"),
        ("a/" + "x" * 256, "longer than 255"),
        ("é" * 128, "longer than 255"),
        ("~root", "'~' is not expanded"),
        ("~", "'~' is not expanded"),
        ("~/.ssh/id_rsa", "'~' is not expanded"),
        ("file:///etc/passwd", "URLs"),
        ("FILE:///etc/passwd", "URLs"),
        ("a.txt\n", "line break"),
        ("bad\udce9name", "UTF-8"),
    ],
)
def test_text_that_cannot_be_a_path_is_an_error(policy, path, word):
    with pytest.raises(InvalidParameters) as caught:
        content(policy, path)

    assert word in caught.value.message
    assert "\0" not in caught.value.message
    caught.value.message.encode("utf-8")


@pytest.mark.parametrize(
    "path", ["%2e%2e/etc/passwd", "..\\outside\\passwd", "..\u2215outside\u2215passwd", "a.txt ", "A.TXT "]
)
def test_look_alikes_are_plain_names(policy, path):
    """Nothing is decoded or folded: these are names of files that do not exist."""
    with pytest.raises(ToolExecutionError) as caught:
        content(policy, path)

    assert caught.value.details["error"] == "ENOENT"
    assert caught.value.details["path"] == path


def test_a_folder_given_as_file_is_an_error(policy):
    for path in ("sub", ".", "sub/", ""):
        with pytest.raises(LlmspellError) as caught:
            content(policy, path)
        assert caught.value.code in ("execution_error", "validation_error")


def test_a_file_given_as_folder_is_an_error(policy):
    for path in ("a.txt/", "a.txt/x", "a.txt/.."):
        with pytest.raises(LlmspellError):
            files.list_dir(policy, path, "t")


def test_links_inside_the_root_are_followed(policy, tree):
    os.symlink("sub/b.txt", "link")
    os.symlink(str(tree / "root/sub"), "folder")
    os.symlink("../a.txt", "sub/up")
    os.symlink("folder/up", "chain")

    assert content(policy, "link") == b"below"
    assert content(policy, "folder/b.txt") == b"below"
    assert content(policy, "chain") == b"inside"
    assert content(policy, "folder/../a.txt") == b"inside"


@pytest.mark.parametrize(
    "target", ["{tree}/outside", "../outside", "sub/../../outside", "hop", "/", "/proc/self/cwd/.."]
)
def test_links_out_of_the_root_are_refused(policy, tree, target):
    os.symlink("../outside", "hop")
    os.symlink(target.format(tree=tree), "link")

    for path in ("link/passwd", "link", "link/../outside/passwd"):
        with pytest.raises(PermissionDenied):
            content(policy, path)
        with pytest.raises(PermissionDenied), files.write_atomic(policy, path, "t") as writer:
            writer.write(b"x")
    with pytest.raises(PermissionDenied):
        files.list_dir(policy, "link", "t")
    with pytest.raises(PermissionDenied):
        files.make_dir(policy, "link/new/deep", "t", recursive=True)
    with pytest.raises(PermissionDenied):
        files.exists(policy, "link/passwd", "t")
    assert (tree / "outside/passwd").read_bytes() == SECRET
    assert os.listdir(tree / "outside") == ["passwd"]


def test_a_link_to_a_file_outside_is_not_written_through(policy, tree):
    os.symlink(str(tree / "outside/passwd"), "link")
    os.symlink(str(tree / "outside/fresh"), "dangling")

    for opener in (files.open_append, files.open_update):
        for name in ("link", "dangling"):
            with pytest.raises(PermissionDenied):
                opener(policy, name, "t")
    with pytest.raises(PermissionDenied):
        files.copy(policy, "a.txt", "link", "t")
    assert (tree / "outside/passwd").read_bytes() == SECRET
    assert not (tree / "outside/fresh").exists()


def test_a_link_itself_can_be_removed_and_moved(policy, tree):
    os.symlink(str(tree / "outside/passwd"), "link")

    files.rename(policy, "link", "moved", "t")
    assert os.path.islink("moved")
    files.remove(policy, "moved", "t")

    assert not os.path.lexists("moved")
    assert (tree / "outside/passwd").read_bytes() == SECRET


@pytest.mark.parametrize("path", ["loop", "loop/x", "ring1", "self/self"])
def test_link_loops_end(policy, path):
    os.symlink("loop", "loop")
    os.symlink("ring2", "ring1")
    os.symlink("ring1", "ring2")
    os.symlink("self/self", "self")

    with pytest.raises(ToolExecutionError) as caught:
        content(policy, path)

    assert caught.value.details["error"] == "ELOOP"


def test_a_root_that_is_a_link_works_under_both_names(tree):
    os.symlink(str(tree / "root"), tree / "alias")
    policy = only(tree / "alias")

    assert content(policy, tree / "alias/a.txt") == b"inside"
    assert content(policy, tree / "root/a.txt") == b"inside"
    with pytest.raises(PermissionDenied):
        content(policy, tree / "alias/../outside/passwd")


def test_a_single_file_can_be_a_root(tree):
    policy = only(tree / "outside/passwd")

    assert content(policy, tree / "outside/passwd") == SECRET
    with pytest.raises(PermissionDenied):
        content(policy, tree / "outside/other")
    with pytest.raises(PermissionDenied):
        files.list_dir(policy, str(tree / "outside"), "t")


def test_a_denied_folder_below_a_root_stays_closed(tree):
    policy = only(tree).with_rules(deny={"read": [str(tree / "outside")]}, origin="test")
    os.symlink(str(tree / "outside"), tree / "root/link")

    assert content(policy, "a.txt") == b"inside"
    for path in ("../outside/passwd", "link/passwd", f"{tree}/outside/passwd", "sub/../../outside/passwd"):
        with pytest.raises(PermissionDenied):
            content(policy, path)


def test_a_denied_folder_cannot_be_moved_into_reach(tree):
    policy = only(tree).with_rules(deny={"read": [str(tree / "outside/passwd")]}, origin="test")

    with pytest.raises(PermissionDenied):
        files.rename(policy, str(tree / "outside"), str(tree / "elsewhere"), "t")

    assert (tree / "outside/passwd").exists()


def test_a_folder_cannot_be_moved_into_a_denied_place(tree):
    policy = only(tree)
    files.make_dir(policy, "x/hooks", "t", recursive=True)

    with pytest.raises(PermissionDenied):
        files.rename(policy, "x", ".git", "t")


def test_a_root_itself_cannot_be_taken_away(policy, tree):
    policy = only(tree / "root", tree / "rootsibling")
    (tree / "rootsibling/x").unlink()

    with pytest.raises(PermissionDenied):
        files.rename(policy, str(tree / "rootsibling"), "stolen", "t")
    with pytest.raises(PermissionDenied):
        files.remove(policy, str(tree / "rootsibling"), "t", folders=True)

    assert (tree / "rootsibling").is_dir()


def test_hard_links_are_read_but_not_written_in_place(policy, tree):
    os.link(tree / "outside/passwd", "hard")

    assert content(policy, "hard") == SECRET
    for opener in (files.open_append, files.open_update):
        with pytest.raises(ToolExecutionError, match="hard links"):
            opener(policy, "hard", "t")
    with files.write_atomic(policy, "hard", "t") as writer:
        writer.write(b"mine")

    assert (tree / "outside/passwd").read_bytes() == SECRET
    assert content(policy, "hard") == b"mine"


def test_pipes_sockets_and_devices_are_not_opened(policy, tmp_path):
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name in ("pipe", "socket"):
            for opener in (files.open_read, files.open_append, files.open_update):
                with pytest.raises(ToolExecutionError, match="no regular file"):
                    opener(policy, name, "t")
            with pytest.raises(ToolExecutionError, match="no regular file"), files.write_atomic(policy, name, "t"):
                pass
    device = Policy.from_json({"ceiling": "privileged", "allow": {"read": ["/dev"]}})
    for name in ("/dev/zero", "/dev/random", "/dev/null"):
        with pytest.raises(ToolExecutionError, match="a device"):
            content(device, name)


def test_files_of_processes_stay_closed_even_under_the_top_root():
    everything = only("/")
    pid = os.getpid()

    for path in ("/proc/self/environ", f"/proc/{pid}/mem", "/proc/self/root/etc/hostname", "/dev/fd/0", "/proc/mounts"):
        with pytest.raises(PermissionDenied) as caught:
            content(everything, path)
        assert caught.value.details["flag"] is None
    assert content(everything, "/proc/version")


def test_a_sparse_giant_is_refused_by_its_size(policy):
    from llmspell_tools.errors import LimitExceeded

    with open("sparse", "wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(LimitExceeded) as caught:
        files.read_bytes(policy, "sparse", "t", max_bytes=1000, limit="[tools.x] max_file_bytes")

    assert caught.value.details["key"] == "[tools.x] max_file_bytes"
    assert "[tools.x] max_file_bytes" in caught.value.message


def test_a_file_that_lies_about_its_size_is_capped():
    from llmspell_tools.errors import LimitExceeded

    proc = Policy.from_json({"ceiling": "privileged", "allow": {"read": ["/proc/cpuinfo"]}})

    assert len(files.read_bytes(proc, "/proc/cpuinfo", "t", max_bytes=10_000_000, limit="k")) > 100
    with pytest.raises(LimitExceeded):
        files.read_bytes(proc, "/proc/cpuinfo", "t", max_bytes=100, limit="k")


def test_a_link_swapped_while_files_are_opened_never_leads_out(policy, tree):
    """A thread swaps a folder and a link to the outside; every read gives the inside or an error."""
    os.mkdir("good")
    with open("good/passwd", "wb") as file:
        file.write(b"inside")
    os.rename("good", "door")
    os.symlink(str(tree / "outside"), "bad")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            os.rename("door", "good")
            os.rename("bad", "door")
            os.rename("door", "bad")
            os.rename("good", "door")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = {"inside": 0, "refused": 0, "missing": 0}
    try:
        for _ in range(1500):
            try:
                got = content(policy, "door/passwd")
                assert got == b"inside"
                seen["inside"] += 1
            except PermissionDenied:
                seen["refused"] += 1
            except ToolExecutionError:
                seen["missing"] += 1
    finally:
        stop.set()
        swapper.join(5)

    assert sum(seen.values()) == 1500


def test_a_file_swapped_for_a_link_while_it_is_written_stays_inside(policy, tree):
    os.symlink(str(tree / "outside/passwd"), "bad")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            try:
                os.replace("bad", "target")
                os.symlink(str(tree / "outside/passwd"), "bad")
                os.unlink("target")
            except OSError:
                pass

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(200):
            try:
                with files.open_append(policy, "target", "t") as writer:
                    writer.write(b"x")
            except LlmspellError:
                pass
    finally:
        stop.set()
        swapper.join(5)

    assert (tree / "outside/passwd").read_bytes() == SECRET


def test_a_very_deep_path_ends_without_using_up_the_open_files(policy):
    files.make_dir(policy, "d/" * 700, "t", recursive=True)

    assert files.exists(policy, "d/" * 700, "t")
    assert files.exists(policy, "d/" * 700 + "../" * 300, "t")
    with pytest.raises(LlmspellError):
        content(policy, "d/" * 700 + "x")


STEPS = ["..", ".", "", "sub", "door", "in", "up", "abs", "loop", "a.txt", "b.txt", "link", "out", "root", "outside"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=7), st.booleans())
def test_what_a_walk_opens_is_what_the_system_opens_and_inside(policy, tree, steps, from_top):
    """Any path that is read gives the very file that a plain open gives, and that file is inside the root."""
    for name, target in {
        "in": "sub", "door": "../outside", "up": "..", "abs": str(tree / "root/sub"), "loop": "loop",
        "link": "sub/b.txt", "out": str(tree / "outside/passwd"), "sub/up": "../..", "sub/in": "../in",
        "sub/out": "../door/passwd",
    }.items():  # fmt: skip
        if not os.path.lexists(name):
            os.symlink(target, name)
    path = "/".join([str(tree / "root")] * from_top + steps)
    refused, got = "", b""
    try:
        got = content(policy, path)
    except LlmspellError as error:
        refused = error.code

    inside = os.path.realpath(path).startswith(f"{tree}/root/")
    if refused:
        assert refused == "permission_denied" or not (inside and os.path.isfile(path))
        return
    with open(path, "rb") as file:
        assert got == file.read()
    assert inside


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("folder", ["", "/sub", "/sub/deep", "/.git", "/.git/hooks", "/.ssh"])
def test_only_names_that_may_be_asked_about_can_be_refused(tmp_path, kind, folder):
    """What a tool that goes through many files may skip is what `check_path` permits."""
    deny = [f"{tmp_path}/sub/Secret", f"{tmp_path}/sub/deep/er/x", "**/llmspell.toml", "**/.git/hooks", "**/deep/er"]
    rules = {"ceiling": "restricted", "allow": {kind: [str(tmp_path)]}, "deny": {kind: deny}}
    for policy in (Policy.from_json(rules), Policy.default(cwd=str(tmp_path))):
        asked = policy.asked_in(kind, f"{tmp_path}{folder}", "x")
        for name in ("a.txt", "Secret", "secret", "er", "hooks", "LLMSPELL.toml", "llmspell.toml", ".git", ".ssh", "x"):
            try:
                policy.check_path(kind, f"{tmp_path}{folder}/{name}", "x")
            except PermissionDenied:
                assert asked is None or name.casefold() in asked


@pytest.mark.parametrize("folder", ["/", "/proc", "/proc/1", "/usr", "/etc"])
def test_outside_the_roots_everything_is_asked_about(tmp_path, folder):
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"read": [str(tmp_path)]}})

    assert policy.asked_in("read", folder, "x") is None
