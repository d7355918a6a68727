"""archive-handler: every format both ways, with other programs' archives, and the archives that it must refuse."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib

import pytest
import zstandard

from llmspell_tools.definition import CancelSignal
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

FORMATS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "tar.zst"]
SINGLE = ["gz", "bz2", "xz", "zst"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The allowed folder, current, with `data/` in it; beside it `outside`."""
    (tmp_path / "root/data/sub/empty").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (tmp_path / "root/data/a.txt").write_text("hello\n")
    (tmp_path / "root/data/sub/b ä.bin").write_bytes(bytes(range(256)) * 500)
    (tmp_path / "root/data/run.sh").write_text("#!/bin/sh\n")
    os.chmod(tmp_path / "root/data/run.sh", 0o755)
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def registry_for(root, settings=None, deny=None):
    listed = {"read": [str(root)], "write": [str(root)]}
    policy = Policy.from_json({"ceiling": "restricted", "allow": listed, "deny": deny or {}})
    return ToolRegistry(policy=policy, settings={"archive-handler": settings or {}})


@pytest.fixture
def run(root):
    registry = registry_for(root)
    return lambda operation, path, **more: registry.invoke(
        "archive-handler", {"operation": operation, "path": path, **more}
    )


def snapshot(folder):
    """Paths below a folder and their contents."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refuse(run, root, path, error=ToolExecutionError):
    """Unpack, expect a refusal and that nothing has changed."""
    before = snapshot(root), snapshot(root.parent / "outside")
    with pytest.raises(error) as caught:
        run("extract", path, target_path="out/deep")
    assert (snapshot(root), snapshot(root.parent / "outside")) == before
    return caught.value


def tar_of(path, *members):
    """Write a tar of (name, content) or TarInfo."""
    with tarfile.open(path, "w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_folder_goes_in_and_comes_out_again(run, root, ending):
    made = run("create", f"x.{ending}", input=["data"])
    listed = run("list", f"x.{ending}")
    got = run("extract", f"x.{ending}", target_path="out")

    assert made.text == "Created archive with 3 files (128016 bytes)"
    assert made.output["result"] == {
        "archive_path": f"x.{ending}", "archived_files": 3, "total_size": 128016, "compression_level": 6,
    }  # fmt: skip
    wanted = "tar.gz" if ending == "tgz" else ending
    assert listed.text == f"Listed 6 files in {wanted} archive"
    assert listed.output["result"]["format"] == wanted
    assert {file["name"].rstrip("/"): file["size"] for file in listed.output["result"]["files"]} == {
        "data": 0, "data/a.txt": 6, "data/run.sh": 10, "data/sub": 0, "data/sub/b ä.bin": 128000, "data/sub/empty": 0,
    }  # fmt: skip
    assert got.text == "Extracted 3 files (128016 bytes) to out"
    assert got.output["result"] == {"extracted_files": 3, "total_size": 128016, "output_dir": "out"}
    assert got.metadata == {"operation": "extract", "response": got.output}
    assert snapshot(root / "out/data") == snapshot(root / "data")
    assert os.stat("out/data/run.sh").st_mode & 0o777 == 0o755
    assert abs(os.stat("out/data/a.txt").st_mtime - os.stat("data/a.txt").st_mtime) <= 2
    assert sorted(os.listdir(root)) == ["data", "out", f"x.{ending}"]


@pytest.mark.parametrize("ending", SINGLE)
def test_one_file_is_compressed_alone(run, root, ending):
    made = run("create", f"b.txt.{ending}", input=["data/a.txt"])
    listed = run("list", f"b.txt.{ending}")
    run("extract", f"b.txt.{ending}", target_path="out")

    assert made.output["result"]["archived_files"] == 1
    assert listed.output["result"] == {
        "format": ending, "files": [{"name": "b.txt", "size": 6, "is_dir": False}], "file_count": 1,
    }  # fmt: skip
    assert (root / "out/b.txt").read_text() == "hello\n"
    with pytest.raises(InvalidParameters):
        run("create", f"two.{ending}", input=["data/a.txt", "data/run.sh"])
    with pytest.raises(InvalidParameters):
        run("create", f"two.{ending}", input=["data"])
    assert not os.path.exists(f"two.{ending}")


@pytest.mark.parametrize("ending", ["zip", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "gz"])
def test_a_higher_level_makes_a_smaller_archive(run, root, ending):
    (root / "words.txt").write_text(" ".join(f"{number * 7919 % 1009:x}" for number in range(60_000)))
    sizes = {}
    for level in (1, 9):
        got = run("create", f"{level}.{ending}", input=["words.txt"], compression_level=level)
        assert got.output["result"]["compression_level"] == level
        sizes[level] = os.path.getsize(f"{level}.{ending}")

    assert sizes[9] < sizes[1]


def test_single_files_go_in_under_their_own_names(run, root):
    run("create", "x.zip", input=["data/a.txt", str(root / "data/run.sh")])

    assert sorted(zipfile.ZipFile("x.zip").namelist()) == ["a.txt", "run.sh"]
    with pytest.raises(InvalidParameters, match=r"a\.txt"):
        run("create", "x.zip", input=["data/a.txt", "data/../data/a.txt"])


def test_the_archive_does_not_hold_itself(run, root):
    run("create", "x.tar", input=["."])
    run("create", "x.tar", input=["."])

    with tarfile.open("x.tar") as tar:
        assert not [name for name in tar.getnames() if "x.tar" in name or "tmp" in name]


def test_links_are_stored_and_special_files_are_left_out(run, root):
    os.symlink("a.txt", "data/link")
    os.mkfifo("data/pipe")
    got = run("create", "x.tar", input=["data"])
    run("extract", "x.tar", target_path="out")

    assert got.output["result"]["left_out"] == ["data/pipe"]
    assert os.readlink("out/data/link") == "a.txt"
    assert (root / "out/data/link").read_text() == "hello\n"


@pytest.mark.parametrize(
    ("program", "arguments", "path"),
    [
        ("zip", ["-qr", "x.zip", "data"], "x.zip"),
        ("zip", ["-qr9y", "x.zip", "data"], "x.zip"),
        ("tar", ["cf", "x.tar", "data"], "x.tar"),
        ("tar", ["cf", "x.tar", "--format=v7", "data/a.txt", "data/run.sh"], "x.tar"),
        ("tar", ["cf", "x.tar", "--format=gnu", "data"], "x.tar"),
        ("tar", ["cf", "x.tar", "--format=posix", "data"], "x.tar"),
        ("tar", ["czf", "x.tgz", "data"], "x.tgz"),
        ("tar", ["cjf", "x.tar.bz2", "data"], "x.tar.bz2"),
        ("tar", ["cJf", "x.tar.xz", "data"], "x.tar.xz"),
        ("tar", ["--zstd", "-cf", "x.tar.zst", "data"], "x.tar.zst"),
    ],
)
def test_archives_of_other_programs_are_unpacked(run, root, program, arguments, path):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    os.makedirs("data/" + "long" * 30)
    (root / "data" / ("long" * 30) / ("name" * 40)).write_text("x")
    os.symlink("a.txt", "data/link")
    made = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"{program} here cannot: {made.stderr.strip()}")
    run("extract", path, target_path="out")

    if "v7" in arguments[-3]:
        assert sorted(os.listdir("out/data")) == ["a.txt", "run.sh"]
    else:
        assert snapshot(root / "out/data") == snapshot(root / "data")
        assert os.path.islink("out/data/link") == ("-qr" not in arguments)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_other_programs_unpack_ours(run, root, ending):
    command = ["unzip", "-q", "x.zip", "-d", "out"] if ending == "zip" else ["tar", "-xf", f"x.{ending}", "-C", "out"]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    run("create", f"x.{ending}", input=["data"])
    os.mkdir("out")
    made = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)

    assert made.returncode == 0, made.stderr
    assert snapshot(root / "out/data") == snapshot(root / "data")


def test_the_content_says_the_format_not_the_name(run, root):
    with gzip.open("plain.tgz", "wb") as file:
        file.write(b"just text")
    shutil.copy("plain.tgz", "odd.zip")
    run("extract", "plain.tgz", target_path="out")
    run("extract", "odd.zip", target_path="out")

    assert run("list", "odd.zip").output["result"]["format"] == "gz"
    assert (root / "out/plain.tgz.out").read_bytes() == b"just text"


def test_files_of_the_same_name_are_replaced_and_others_stay(run, root):
    run("create", "x.zip", input=["data"])
    os.makedirs("out/data/sub")
    (root / "out/data/a.txt").write_text("old")
    (root / "out/data/sub/other").write_text("stays")
    run("extract", "x.zip", target_path="out")

    assert (root / "out/data/a.txt").read_text() == "hello\n"
    assert (root / "out/data/sub/other").read_text() == "stays"


def test_a_folder_in_a_files_place_changes_nothing(run, root):
    tar_of("x.tar", ("a", b"new"), ("b/c", b"new"))
    (root / "out").mkdir()
    (root / "out/a").write_text("old")
    (root / "out/b").write_text("old")
    with pytest.raises(ToolExecutionError, match="out/b"):
        run("extract", "x.tar", target_path="out")

    assert snapshot(root / "out") == {"a": b"old", "b": b"old"}


def test_nothing_is_written_through_a_link_in_the_target(run, root):
    tar_of("x.tar", ("door/secret", b"new"))
    (root / "out").mkdir()
    os.symlink(root.parent / "outside", root / "out/door")
    with pytest.raises(ToolExecutionError):
        run("extract", "x.tar", target_path="out")

    assert (root.parent / "outside/secret").read_text() == "secret"


# --- refused names ---------------------------------------------------------------------------------------------------

NAMES = [
    "../x", "a/../../x", "/etc/x", "//x", "C:\\x", "C:/x", "..\\x", "a\\b", "a/..", "x\ny", "n" * 300, "d/" * 80 + "x",
    "\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_name_that_leads_elsewhere_refuses_the_archive(run, root, name, kind):
    {"tar": tar_of, "zip": zip_of}[kind](f"x.{kind}", ("good.txt", b"good"), (name, b"bad"))
    error = refuse(run, root, f"x.{kind}")

    assert error.code == "execution_error"
    assert "entry" in error.details


def test_a_pax_path_that_overrides_the_harmless_one_is_seen(run, root):
    info = tarfile.TarInfo("harmless")
    info.pax_headers = {"path": "../../evil"}
    with tarfile.open("x.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)

    assert "evil" in refuse(run, root, "x.tar").details["entry"]


def test_a_name_that_is_not_utf_8_is_refused(run, root):
    with tarfile.open("x.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("caf\xe9"))

    refuse(run, root, "x.tar")
    assert "\\xe9" in run("list", "x.tar").output["result"]["files"][0]["name"]


@pytest.mark.parametrize(
    ("one", "other"), [("A.txt", "a.txt"), ("d/x", "D/y"), ("\xe9", "e\u0301"), ("a", "a"), ("a", "a/b")]
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_clash_refuse_the_archive(run, root, one, other, kind):
    {"tar": tar_of, "zip": zip_of}[kind](f"x.{kind}", (one, b"1"), (other, b"2"))

    refuse(run, root, f"x.{kind}")


def test_names_that_differ_in_case_can_be_allowed(root):
    tar_of("x.tar", ("A", b"1"), ("a", b"2"))
    params = {"operation": "extract", "path": "x.tar", "target_path": "out"}
    registry_for(root, {"allow_case_clash": True}).invoke("archive-handler", params)

    assert snapshot(root / "out") == {"A": b"1", "a": b"2"}


# --- refused kinds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        [special("door", tarfile.SYMTYPE, "../outside"), ("door/x", b"bad")],
        [special("door", tarfile.SYMTYPE, "sub"), ("door/x", b"bad")],
        [("door/x", b"bad"), special("door", tarfile.SYMTYPE, "sub")],
        [special("link", tarfile.SYMTYPE, "/etc/passwd")],
        [special("a/link", tarfile.SYMTYPE, "../../../outside/secret")],
        [special("a", tarfile.SYMTYPE, "b/../.."), special("b", tarfile.SYMTYPE, "c/d")],
        [special("link", tarfile.SYMTYPE, "")],
        [special("hard", tarfile.LNKTYPE, "../../outside/secret")],
        [special("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [special("hard", tarfile.LNKTYPE, "missing")],
        [special("link", tarfile.SYMTYPE, "data/a.txt"), special("hard", tarfile.LNKTYPE, "link")],
        [special("zero", tarfile.CHRTYPE)],
        [special("disk", tarfile.BLKTYPE)],
        [special("pipe", tarfile.FIFOTYPE)],
    ],
)
def test_links_out_and_devices_refuse_the_archive(run, root, members):
    tar_of("x.tar", ("good", b"good"), *members)

    refuse(run, root, "x.tar")


def test_a_hard_link_that_leads_out_is_told_by_its_own_name(run, root):
    tar_of("x.tar", special("hard", tarfile.LNKTYPE, "/etc/passwd"))

    with pytest.raises(ToolExecutionError) as caught:
        run("extract", "x.tar", target_path="out")

    assert caught.value.details["entry"] == "hard"


@pytest.mark.parametrize("target", ["../../outside/secret", "/etc/passwd", "x/../../y"])
def test_a_link_out_of_a_zip_refuses_it(run, root, target):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    zip_of("x.zip", (info, target))

    refuse(run, root, "x.zip")


def test_links_inside_are_made_and_hard_links_become_copies(run, root):
    tar_of(
        "x.tar",
        ("d/a", b"one"),
        special("d/link", tarfile.SYMTYPE, "../d/a"),
        special("hard", tarfile.LNKTYPE, "d/a"),
    )
    got = run("extract", "x.tar", target_path="out")

    assert os.readlink("out/d/link") == "../d/a"
    assert (root / "out/hard").read_bytes() == b"one"
    assert os.stat("out/hard").st_nlink == 1
    assert got.output["result"]["total_size"] == 6


def test_dangerous_permission_bits_are_dropped(run, root):
    info = tarfile.TarInfo("suid")
    info.mode = 0o7777
    unreadable = tarfile.TarInfo("locked")
    unreadable.mode = 0
    tar_of("x.tar", info, unreadable)
    run("extract", "x.tar", target_path="out")

    assert stat.S_IMODE(os.stat("out/suid").st_mode) & 0o7022 == 0
    assert stat.S_IMODE(os.stat("out/locked").st_mode) == 0o600


@pytest.mark.parametrize("name", ["llmspell.toml", "deep/.llmspell.toml", ".git/hooks/pre-commit", ".git/config"])
def test_an_archive_cannot_bring_in_what_gives_rights(root, name):
    registry = ToolRegistry(policy=Policy.default(cwd=str(root)))
    tar_of("x.tar", ("good", b"good"), (name, b"bad"))
    before = snapshot(root)
    with pytest.raises(PermissionDenied):
        registry.invoke("archive-handler", {"operation": "extract", "path": "x.tar", "target_path": "."})

    assert snapshot(root) == before


@pytest.mark.parametrize("target", ["../outside", "/etc", "../outside/new", "data/a.txt"])
def test_the_target_must_be_a_folder_that_may_be_written(run, root, target):
    tar_of("x.tar", ("a", b"x"))
    before = snapshot(root.parent)
    with pytest.raises((PermissionDenied, ToolExecutionError)):
        run("extract", "x.tar", target_path=target)

    assert snapshot(root.parent) == before


# --- bombs and lies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "zip", "tar.gz"])
def test_a_bomb_is_stopped_by_its_ratio(run, root, ending):
    zeros = bytes(60_000_000)
    if ending == "zip":
        zip_of("x.zip", ("zeros", zeros))
    elif ending == "tar.gz":
        tar_of("x.tar", ("zeros", zeros))
        with open("x.tar", "rb") as file:
            content = gzip.compress(file.read(), 9)
        os.remove("x.tar")
        (root / "x.tar.gz").write_bytes(content)
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.compress}[ending]
        (root / f"x.{ending}").write_bytes(pack(zeros))
    error = refuse(run, root, f"x.{ending}", LimitExceeded)

    assert error.details["key"] == "[tools.archive_handler] max_ratio"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"max_file_bytes": 1000}, "max_file_bytes"),
        ({"max_total_bytes": 5000}, "max_total_bytes"),
        ({"max_entries": 2}, "max_entries"),
    ],
)
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_limits_name_their_key_on_the_way_out_and_in(root, settings, key, ending):
    made = {"operation": "create", "path": f"x.{ending}", "input": ["data"]}
    registry_for(root).invoke("archive-handler", made)
    strict = registry_for(root, settings)
    before = snapshot(root)
    for params in (
        {"operation": "extract", "path": f"x.{ending}", "target_path": "out"},
        {"operation": "create", "path": f"y.{ending}", "input": ["data"]},
    ):
        with pytest.raises(LimitExceeded) as caught:
            strict.invoke("archive-handler", params)
        assert caught.value.details["key"] == f"[tools.archive_handler] {key}"
    assert snapshot(root) == before


def test_a_million_entries_are_refused_before_they_are_parsed(run, root):
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 1_000_000
    for said in (0xFFFF, 5):
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, said, said, len(directory), 0, 0)
        (root / "x.zip").write_bytes(b"PK\x03\x04" + directory + end)

        assert refuse(run, root, "x.zip", LimitExceeded).details["key"] == "[tools.archive_handler] max_entries"


def test_entries_that_share_bytes_are_refused(run, root):
    zip_of("x.zip", ("one", zlib.compress(os.urandom(5000))), ("two", b"2"))
    content = bytearray((root / "x.zip").read_bytes())
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)  # the second entry's header offset: the first one's
    (root / "x.zip").write_bytes(content)

    assert "overlaps" in refuse(run, root, "x.zip").message


@pytest.mark.parametrize("said", [1, 100_000])
def test_a_zip_entry_that_lies_about_its_size_is_refused(run, root, said):
    zip_of("x.zip", ("good", b"good"), ("liar", b"x" * 5000))
    content = bytearray((root / "x.zip").read_bytes())
    second = content.rfind(b"PK\x01\x02")
    content[second + 24 : second + 28] = struct.pack("<I", said)
    (root / "x.zip").write_bytes(content)

    refuse(run, root, "x.zip")


def test_a_pax_header_without_end_takes_no_memory(run, root):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 8 << 30
    (root / "x.tar").write_bytes(info.tobuf() + bytes(4096))

    refuse(run, root, "x.tar", LlmspellError)


def test_a_sparse_file_of_a_terabyte_is_stopped(run, root):
    if shutil.which("tar") is None:
        pytest.skip("needs tar")
    with open("huge", "wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["tar", "cSf", "x.tar", "huge"], check=True)
    os.remove("huge")

    refuse(run, root, "x.tar", LimitExceeded)


@pytest.mark.parametrize("ending", [*FORMATS, *SINGLE])
def test_a_cut_archive_is_refused_wherever_it_is_cut(run, root, ending):
    (root / "data/random").write_bytes(os.urandom(3000))
    run("create", f"x.{ending}", input=["data/random"])
    whole = (root / f"x.{ending}").read_bytes()
    for at in (30, len(whole) // 3, len(whole) // 2, len(whole) - 8 if ending != "tar" else 2000):
        (root / f"x.{ending}").write_bytes(whole[:at])
        refuse(run, root, f"x.{ending}")


@pytest.mark.parametrize("ending", [*FORMATS, *SINGLE])
def test_a_damaged_archive_is_refused(run, root, ending):
    (root / "data/random").write_bytes(os.urandom(3000))
    run("create", f"x.{ending}", input=["data/random", "data/a.txt"] if ending not in SINGLE else ["data/random"])
    content = bytearray((root / f"x.{ending}").read_bytes())
    at = content.find(b"a.txt") if ending == "tar" else len(content) // 2
    content[at : at + 40] = bytes(40) if ending != "tar" else b"\xff" * 40
    (root / f"x.{ending}").write_bytes(content)

    refuse(run, root, f"x.{ending}")


def test_an_encrypted_zip_is_refused_by_that_name(run, root):
    if shutil.which("zip") is None:
        pytest.skip("needs zip")
    subprocess.run(["zip", "-q", "-P", "pw", "x.zip", "data/a.txt"], check=True)

    assert "encrypted" in refuse(run, root, "x.zip").message
    assert run("list", "x.zip").output["result"]["file_count"] == 1


@pytest.mark.parametrize("content", [b"", b"not an archive", bytes(100), b"PK\x03\x04", b"\x1f\x8b", b"\xff" * 600])
def test_what_is_no_archive_says_so(run, root, content):
    (root / "x.zip").write_bytes(content)

    refuse(run, root, "x.zip")
    with pytest.raises(ToolExecutionError):
        run("list", "x.zip")


# --- the call itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"operation": "extract", "path": "x.zip"},
        {"operation": "create", "path": "x.zip"},
        {"operation": "create", "path": "x.rar", "input": ["data"]},
        {"operation": "create", "path": "x", "input": ["data"]},
        {"operation": "create", "path": "x.zip", "input": [""]},
        {"operation": "create", "path": "x.zip", "input": ["data"], "compression_level": 0},
        {"operation": "unpack", "path": "x.zip"},
        {"operation": "list"},
    ],
)
def test_bad_parameters_are_refused(root, params):
    before = snapshot(root)
    with pytest.raises(InvalidParameters):
        registry_for(root).invoke("archive-handler", params)

    assert snapshot(root) == before


@pytest.mark.parametrize("given", ["../outside/secret", "/etc/hostname", "missing"])
def test_nothing_outside_goes_in(run, root, given):
    (root / "x.zip").write_text("old")
    with pytest.raises((PermissionDenied, ToolExecutionError)):
        run("create", "x.zip", input=["data", given])

    assert (root / "x.zip").read_text() == "old"
    assert sorted(os.listdir(root)) == ["data", "x.zip"]


def test_an_interrupt_leaves_nothing(root):
    tar_of("x.tar", ("a", b"x" * 100_000))
    signal = CancelSignal()
    registry = registry_for(root)
    context = registry.context(signal=signal)
    before = snapshot(root)
    signal.set()
    with pytest.raises(Cancelled):
        registry.invoke(
            "archive-handler", {"operation": "extract", "path": "x.tar", "target_path": "out"}, context=context
        )

    assert snapshot(root) == before


def test_no_descriptor_is_left_open(run, root):
    run("create", "x.tar.gz", input=["data"])
    tar_of("bad.tar", ("good", b"x"), ("../bad", b"x"))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run("extract", "x.tar.gz", target_path="out")
        refuse(run, root, "bad.tar")

    assert len(os.listdir("/proc/self/fd")) == before
