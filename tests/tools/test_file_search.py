"""file-search: hits with line, column and context; what is skipped; patterns and trees that it must survive."""

from __future__ import annotations

import os
import shutil
import subprocess

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

SECRET = "topsecret_4711"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The allowed folder, current; beside it `outside`, which is not."""
    (tmp_path / "root/sub/deep").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text(SECRET)
    (tmp_path / "root/a.txt").write_text("one\ntwo needle here\nthree\nfour needle needle\nfive\n")
    (tmp_path / "root/sub/b.md").write_text("Needle\r\nnädle needle\r\n")
    (tmp_path / "root/sub/deep/c.py").write_text("needle = 1\n")
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def registry_for(root, settings=None, **rules):
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"read": [str(root)]}, "deny": rules})
    return ToolRegistry(policy=policy, settings={"file-search": settings or {}})


@pytest.fixture
def search(root):
    registry = registry_for(root)
    return lambda pattern, path=".", **more: registry.invoke("file-search", {"pattern": pattern, "path": path, **more})


def found(result):
    """The hits as `path:line:column:text`."""
    return [
        f"{hit['file_path']}:{hit['line_number']}:{hit['column_number']}:{hit['line_content']}"
        for hit in result.output["result"]["matches"]
    ]


def test_a_hit_has_all_fields(search):
    got = search("two", "a.txt", context_lines=1)

    assert got.output == {
        "operation": "search",
        "success": True,
        "message": "Found 1 matches across 1 files. Search pattern: 'two'",
        "result": {
            "matches": [
                {
                    "file_path": "a.txt", "line_number": 2, "column_number": 1, "line_content": "two needle here",
                    "matched_text": "two", "context_before": ["one"], "context_after": ["three"],
                }
            ],
            "summary": {"total_matches": 1, "files_searched": 1, "files_skipped": 0, "has_matches": True},
            "skipped_files": [],
        },
    }  # fmt: skip
    assert got.text == got.output["message"]
    assert got.metadata == {"operation": "search", "response": got.output}


def test_only_the_folder_itself_unless_recursive(search):
    assert found(search("needle")) == [
        "./a.txt:2:5:two needle here", "./a.txt:4:6:four needle needle", "./a.txt:4:13:four needle needle",
    ]  # fmt: skip
    assert found(search("needle", recursive=True))[3:] == [
        "./sub/b.md:2:7:nädle needle", "./sub/deep/c.py:1:1:needle = 1",
    ]  # fmt: skip
    assert found(search("needle", recursive=True, max_depth=2))[3:] == ["./sub/b.md:2:7:nädle needle"]


def test_nothing_found_says_so(search):
    got = search("absent", recursive=True)

    assert got.text == "No matches found in 3 files searched. Search pattern: 'absent'"
    assert got.output["result"]["summary"]["has_matches"] is False


@pytest.mark.parametrize(("pattern", "line"), [("NEEDLE", 1), ("NÄDLE", 2)])
def test_the_case_may_not_matter(search, pattern, line):
    got = search(pattern, "sub/b.md", case_sensitive=False)

    assert got.output["result"]["matches"][0]["line_number"] == line
    assert search(pattern, "sub/b.md").output["result"]["matches"] == []


def test_a_regular_expression_is_applied_to_each_line(search):
    assert found(search(r"n\w+dle$", recursive=True, use_regex=True)) == [
        "./a.txt:4:13:four needle needle", "./sub/b.md:2:7:nädle needle",
    ]  # fmt: skip
    assert found(search(r"^NEEDLE\s*$", "sub/b.md", use_regex=True, case_sensitive=False)) == ["sub/b.md:1:1:Needle"]
    assert [hit.split(":")[1] for hit in found(search("^", "a.txt", use_regex=True))] == ["1", "2", "3", "4", "5"]


def test_matched_text_is_what_matched(search):
    got = search(r"n.dle", "sub/b.md", use_regex=True)

    assert got.output["result"]["matches"][0]["matched_text"] == "nädle"
    assert got.output["result"]["matches"][0]["column_number"] == 1


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"include_extensions": ["md"]}, ["b.md"]),
        ({"include_extensions": ".md, PY"}, ["b.md", "c.py"]),
        ({"exclude_extensions": "md,txt"}, ["c.py"]),
        ({"exclude_dirs": ["deep"]}, ["a.txt", "b.md"]),
        ({"exclude_dirs": "deep, sub"}, ["a.txt"]),
        ({"include_extensions": "*"}, ["Makefile", "a.txt", "b.md", "c.py"]),
        ({"include_extensions": []}, ["a.txt", "b.md", "c.py"]),
    ],
)
def test_files_are_chosen_by_extension_and_folder(search, root, more, names):
    (root / "Makefile").write_text("needle\n")
    got = search("needle", recursive=True, **more)

    assert sorted({os.path.basename(hit["file_path"]) for hit in got.output["result"]["matches"]}) == names


def test_a_file_that_is_named_needs_no_extension(search, root):
    (root / "Makefile").write_text("needle\n")

    assert found(search("needle", "Makefile")) == ["Makefile:1:1:needle"]


def test_binary_large_and_unreadable_files_are_skipped_with_the_reason(search, root):
    (root / "binary.txt").write_bytes(b"needle\0")
    (root / "large.txt").write_bytes(b"needle\n" * 20_000)
    got = search("needle", max_file_size=100_000)

    assert got.output["result"]["skipped_files"] == [
        {"file_path": "./binary.txt", "reason": "binary file"},
        {"file_path": "./large.txt", "reason": "larger than max_file_size (100000 bytes)"},
    ]
    assert got.output["result"]["summary"]["files_skipped"] == 2
    assert got.output["result"]["summary"]["files_searched"] == 1


def test_a_file_of_more_than_one_piece_is_searched_whole(search, root):
    (root / "long.txt").write_bytes(b"x" * 59 + b"\n" + (b"y" * 59 + b"\n") * 5000 + b"the needle")

    assert found(search("needle", "long.txt")) == ["long.txt:5002:5:the needle"]


@pytest.mark.parametrize("needle", ["q#z", "the", "e", " e ", "zebra!", "aaab", "ab", "\u00e9t\u00e9"])
def test_large_files_give_the_same_hits_as_line_by_line(search, root, needle):
    """Whatever byte of the needle is rare or common in the text."""
    line = "the zebra and the aab \u00e9t aaaaaaab q# z eee \u00e9t\u00e9 q#q#z\n"
    (root / "large.txt").write_text((line * 700) + "zebra! at the end")
    text = (root / "large.txt").read_text().split("\n")
    wanted = sum(each.count(needle) for each in text)

    got = search(needle, "large.txt", context_lines=0).output["result"]["summary"]
    assert got["total_matches"] == min(wanted, 1000)
    assert got["has_matches"] == (wanted > 0)


def test_hits_in_a_file_can_be_limited(search):
    assert len(found(search("needle", "a.txt", max_matches_per_file=2))) == 2


@pytest.mark.parametrize("use_regex", [False, True])
def test_results_are_limited_and_the_answer_says_so(root, use_regex):
    (root / "many.txt").write_text("needle\n" * 50)
    registry = registry_for(root, {"max_results": 20})
    params = {"pattern": "needle", "path": "many.txt", "use_regex": use_regex}
    got = registry.invoke("file-search", params).output["result"]["summary"]

    assert got == {
        "total_matches": 20, "files_searched": 1, "files_skipped": 0, "has_matches": True, "truncated": True,
    }  # fmt: skip


def test_one_endless_line_gives_a_short_answer(root):
    (root / "line.txt").write_text("x" * 1_000_000 + "needle" + "y" * 1_000_000)
    got = registry_for(root).invoke("file-search", {"pattern": "needle", "path": "line.txt"})
    line = got.output["result"]["matches"][0]["line_content"]

    assert "needle" in line
    assert len(line) < 1100
    assert got.output["result"]["matches"][0]["column_number"] == 1_000_001


def test_bytes_that_are_not_utf_8_do_not_matter(search, root):
    (root / "latin.txt").write_bytes(b"caf\xe9 needle\n")

    assert found(search("needle", "latin.txt")) == ["latin.txt:1:6:caf\ufffd needle"]
    assert found(search("needle$", "latin.txt", use_regex=True)) == ["latin.txt:1:6:caf\ufffd needle"]


def test_links_are_not_followed_below_the_folder(search, root):
    os.symlink("../outside", root / "doorway")
    os.symlink("../outside/secret.txt", root / "link.txt")
    os.symlink(".", root / "loop")
    got = search("secret", recursive=True, include_extensions="*")

    assert found(got) == []
    assert SECRET not in str(got.output)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc", "sub/../../outside", "../outside/secret.txt", "/proc/self/root"]
)
def test_nothing_outside_is_searched(search, path):
    with pytest.raises(PermissionDenied):
        search("e", path, recursive=True)


def test_what_is_denied_below_the_folder_is_left_out(root):
    registry = registry_for(root, read=[str(root / "sub")])
    got = registry.invoke("file-search", {"pattern": "needle", "path": ".", "recursive": True}).output["result"]

    assert {hit["file_path"] for hit in got["matches"]} == {"./a.txt"}
    assert got["skipped_files"] == [{"file_path": "./sub", "reason": "the policy denies it"}]


def test_pipes_and_devices_are_left_alone(search, root):
    os.mkfifo(root / "pipe.txt")

    assert search("needle").output["result"]["summary"]["files_searched"] == 1
    with pytest.raises(ToolExecutionError):
        search("needle", "pipe.txt")
    with pytest.raises(ToolExecutionError):
        search("needle", "missing")


@pytest.mark.parametrize(
    ("pattern", "more", "error"),
    [
        ("", {}, InvalidParameters),
        ("a\nb", {}, InvalidParameters),
        ("(", {"use_regex": True}, InvalidParameters),
        ("a{99999999999}", {"use_regex": True}, InvalidParameters),
        ("(" * 5000, {"use_regex": True}, InvalidParameters),
        ("x" * 1_000_000, {}, LimitExceeded),
        ("needle", {"context_lines": 51}, InvalidParameters),
        ("needle", {"max_depth": 101}, InvalidParameters),
        ("needle", {"context_line": 1}, InvalidParameters),
        ("\udcff", {}, InvalidParameters),
    ],
)
def test_bad_parameters_are_refused(search, pattern, more, error):
    with pytest.raises(error):
        search(pattern, **more)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){25}"])
def test_an_expression_that_never_ends_is_stopped(root, pattern):
    (root / "evil.txt").write_text("a" * 40 + "!\n")
    registry = registry_for(root, {"timeout_s": 0.5})

    with pytest.raises(ToolTimeout) as caught:
        registry.invoke("file-search", {"pattern": pattern, "path": "evil.txt", "use_regex": True})
    assert "[tools.file_search] timeout_s" in caught.value.message


def test_a_search_can_be_interrupted(root):
    signal = CancelSignal()
    signal.set()
    registry = registry_for(root)

    with pytest.raises(Cancelled):
        registry.invoke("file-search", {"pattern": "x", "path": "."}, context=registry.context(signal=signal))


@pytest.mark.skipif(shutil.which("grep") is None, reason="needs grep")
def test_hits_are_those_of_grep(search):
    """On this project's own sources."""
    here = os.path.dirname(__file__)
    registry = registry_for(here)
    params = {"pattern": "import ", "path": here, "include_extensions": "py", "context_lines": 0}
    got = registry.invoke("file-search", {**params, "max_matches_per_file": 1})
    listed = subprocess.run(
        ["grep", "-rn", "-m1", "--include=*.py", "import ", here], capture_output=True, text=True, check=True
    ).stdout

    ours = [f"{hit['file_path']}:{hit['line_number']}" for hit in got.output["result"]["matches"]]
    assert sorted(ours) == sorted(":".join(line.split(":")[:2]) for line in listed.splitlines())
