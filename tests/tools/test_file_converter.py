"""file-converter: encodings against iconv, line ends, indentation, backups, and files that are not what they seem."""

from __future__ import annotations

import codecs
import os
import shutil
import subprocess

import pytest

from llmspell_tools.errors import InvalidParameters, LimitExceeded, PermissionDenied, ToolExecutionError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

TEXT = "Grüße, 5 € — naïve\r\nzweite Zeile\r\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def run(root):
    policy = Policy.from_json({"ceiling": "restricted", "allow": {"read": [str(root)], "write": [str(root)]}})
    registry = ToolRegistry(policy=policy)
    return lambda operation, path, **more: registry.invoke(
        "file-converter", {"operation": operation, "path": path, **more}
    )


def test_an_encoding_is_changed_in_place_and_the_old_file_kept(run, root):
    (root / "a.txt").write_bytes(TEXT.encode("cp1252"))
    os.chmod(root / "a.txt", 0o640)
    got = run("encoding", "a.txt", from_encoding="windows-1252", to_encoding="utf-8")

    assert got.text == "File conversion completed successfully"
    assert got.output["result"] == {"input_path": "a.txt", "output_path": "a.txt", "operation": "encoding"}
    assert got.metadata == {"operation": "encoding", "response": got.output}
    assert (root / "a.txt").read_bytes() == TEXT.encode()
    assert (root / "a.txt.backup").read_bytes() == TEXT.encode("cp1252")
    assert os.stat("a.txt").st_mode & 0o777 == 0o640
    assert sorted(os.listdir(root)) == ["a.txt", "a.txt.backup"]


def test_another_target_leaves_the_file_alone(run, root):
    (root / "a.txt").write_bytes(b"x\n")
    run("line_endings", "a.txt", target_path="b.txt", line_ending="crlf")

    assert (root / "a.txt").read_bytes() == b"x\n"
    assert sorted(os.listdir(root)) == ["a.txt", "b.txt"]


@pytest.mark.skipif(shutil.which("iconv") is None, reason="needs iconv")
@pytest.mark.parametrize("goal", ["utf-8", "utf-16le", "utf-16be", "windows-1252", "UTF8", "Windows1252"])
@pytest.mark.parametrize("source", ["UTF-8", "UTF-16LE", "UTF-16BE", "CP1252"])
def test_encodings_are_those_of_iconv(run, root, source, goal):
    (root / "a.txt").write_text(TEXT * 10_000, newline="")
    names = {"utf-16le": "UTF-16LE", "utf-16be": "UTF-16BE", "windows-1252": "CP1252", "Windows1252": "CP1252"}
    made = subprocess.run(["iconv", "-f", "UTF-8", "-t", source, "a.txt"], capture_output=True, check=True).stdout
    wanted = subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", names.get(goal, "UTF-8"), "a.txt"], capture_output=True, check=True
    ).stdout
    (root / "b.txt").write_bytes(made)
    run("encoding", "b.txt", to_encoding=goal)

    assert (root / "b.txt").read_bytes() == wanted


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain", "utf-8"),
        (b"", "utf-8"),
        ("ä€".encode(), "utf-8"),
        (codecs.BOM_UTF8 + b"x", "utf-8"),
        (codecs.BOM_UTF16_BE + "x".encode("utf-16-be"), "utf-16be"),
        ("hello world".encode("utf-16-le"), "utf-16le"),
        (b"caf\xe9 \x80", "windows-1252"),
        (b"caf\xe9 \x81", "iso-8859-1"),
        (b"x" * 300_000 + b"\xe9", "windows-1252"),
        ("ä".encode()[:1], "windows-1252"),
    ],
)
def test_the_source_encoding_is_guessed(run, root, content, encoding):
    (root / "a.txt").write_bytes(content)
    got = run("line_endings", "a.txt", line_ending="lf", target_path="b.txt")

    assert got.output["metadata"]["from_encoding"] == encoding
    assert (root / "b.txt").read_bytes() == content


def test_a_byte_order_mark_stays_where_it_can(run, root):
    (root / "a.txt").write_bytes(codecs.BOM_UTF8 + "ä".encode())
    run("encoding", "a.txt", to_encoding="utf-16le", target_path="b.txt")
    run("encoding", "a.txt", to_encoding="iso-8859-1", target_path="c.txt")

    assert (root / "b.txt").read_bytes() == codecs.BOM_UTF16_LE + "ä".encode("utf-16-le")
    assert (root / "c.txt").read_bytes() == b"\xe4"


@pytest.mark.parametrize(("ending", "end"), [("lf", b"\n"), ("crlf", b"\r\n"), ("cr", b"\r")])
def test_mixed_line_ends_become_one(run, root, ending, end):
    (root / "a.txt").write_bytes(b"a\r\nb\nc\rd\r\n\r\n\n" + b"x" * 300_000 + b"\r\n")
    run("line_endings", "a.txt", line_ending=ending)

    assert (root / "a.txt").read_bytes() == end.join([b"a", b"b", b"c", b"d", b"", b"", b"x" * 300_000, b""])


def test_line_ends_of_two_bytes_are_changed_in_utf_16(run, root):
    (root / "a.txt").write_bytes("one\r\ntwo\u0a0d\r\n".encode("utf-16-le"))
    run("line_endings", "a.txt", line_ending="lf", from_encoding="utf-16le")

    assert (root / "a.txt").read_bytes().decode("utf-16-le") == "one\ntwo\u0a0d\n"


def test_a_line_end_that_falls_between_two_pieces_is_one(run, root):
    (root / "a.txt").write_bytes(b"x" * ((1 << 18) - 1) + b"\r\nend")
    run("line_endings", "a.txt", line_ending="lf")

    assert (root / "a.txt").read_bytes() == b"x" * ((1 << 18) - 1) + b"\nend"


@pytest.mark.parametrize(
    ("given", "more", "wanted"),
    [
        ("\ta\n\t\tb\tc\n", {}, "    a\n        b\tc\n"),
        ("  \tx\n", {"tab_size": 4}, "    x\n"),
        ("\tx", {"tab_size": 2}, "  x"),
        ("        a\n      b\n", {"convert_to_spaces": False}, "\t\ta\n\t  b\n"),
        ("a\fb\r\n\tc\rd", {}, "a\fb\r\n    c\rd"),
        ("", {}, ""),
    ],
)
def test_indentation_is_changed_at_the_start_of_lines_only(run, root, given, more, wanted):
    (root / "a.py").write_bytes(given.encode())
    run("indentation", "a.py", **more)

    assert (root / "a.py").read_bytes() == wanted.encode()


def test_indentation_of_many_pieces_is_whole(run, root):
    (root / "a.py").write_text("\tline\n" * 100_000)
    run("indentation", "a.py")

    assert (root / "a.py").read_text() == "    line\n" * 100_000


@pytest.mark.parametrize(
    ("content", "params", "position"),
    [
        ("fünf €".encode(), {"to_encoding": "iso-8859-1"}, 5),
        (b"caf\xe9", {"to_encoding": "utf-8", "from_encoding": "utf-8"}, 3),
        (b"caf\xe9", {"to_encoding": "utf-8", "from_encoding": "ascii"}, 3),
        (b"abc", {"to_encoding": "utf-8", "from_encoding": "utf-16le"}, 2),
    ],
)
def test_what_cannot_be_converted_changes_nothing(run, root, content, params, position):
    (root / "a.txt").write_bytes(content)
    with pytest.raises(ToolExecutionError) as caught:
        run("encoding", "a.txt", **params)

    assert caught.value.details["position"] == position
    assert (root / "a.txt").read_bytes() == content
    assert os.listdir(root) == ["a.txt"]


def test_a_file_that_is_too_long_changes_nothing(root):
    (root / "a.txt").write_bytes(b"x" * 2000)
    registry = ToolRegistry(policy=Policy.default(cwd=str(root)), settings={"file-converter": {"max_file_bytes": 1000}})
    params = {"operation": "line_endings", "path": "a.txt", "line_ending": "cr"}
    with pytest.raises(LimitExceeded, match="max_file_bytes"):
        registry.invoke("file-converter", params)

    assert os.listdir(root) == ["a.txt"]


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("encoding", {}), ("line_endings", {}), ("encoding", {"to_encoding": "utf-7"}),
        ("line_endings", {"line_ending": "lfcr"}), ("indentation", {"tab_size": 0}), ("indentation", {"tab_width": 4}),
        ("upper", {}), ("encoding", {"to_encoding": "utf-8", "from_encoding": ""}),
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(run, root, operation, more):
    (root / "a.txt").write_bytes(b"x")
    with pytest.raises(InvalidParameters):
        run(operation, "a.txt", **more)

    assert os.listdir(root) == ["a.txt"]


@pytest.mark.parametrize("path", ["/etc/hostname", "../x", ".", "missing", "pipe"])
def test_other_paths_are_refused(run, root, path):
    os.mkfifo("pipe")
    with pytest.raises((PermissionDenied, ToolExecutionError)):
        run("line_endings", path, line_ending="lf")
