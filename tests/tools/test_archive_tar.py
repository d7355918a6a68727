"""Plain tar headers: what is read and written here is what `tarfile` reads and writes."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.builtin.filesystem.archive_guard import Guard
from llmspell_tools.builtin.filesystem.archive_streams import InflatedStream
from llmspell_tools.builtin.filesystem.archive_tar import Tar, checksum, is_tar, plain_header, plain_member
from llmspell_tools.context import ToolContext
from llmspell_tools.errors import ToolExecutionError
from llmspell_tools.policy import Policy

NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=120).filter(
    lambda name: not name.endswith("/")
)
SETTINGS = {
    "max_file_bytes": 1 << 40, "max_total_bytes": 1 << 40, "max_entries": 100, "max_ratio": 100,
    "ratio_from_bytes": 1 << 40, "allow_case_clash": False,
}  # fmt: skip


def info_of(name, *, is_folder, mode, size, modified):
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime = mode, size, modified
    info.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
    return info


@given(
    name=NAMES,
    is_folder=st.booleans(),
    mode=st.integers(0, 0o777),
    size=st.integers(0, 1 << 34),
    modified=st.integers(-5, 1 << 34),
)
def test_a_plain_header_is_the_one_that_tarfile_writes(name, is_folder, mode, size, modified):
    size = 0 if is_folder else size
    mine = plain_header(name, is_folder=is_folder, mode=mode, size=size, modified=modified)
    theirs = info_of(name, is_folder=is_folder, mode=mode, size=size, modified=modified).tobuf(tarfile.PAX_FORMAT)

    assert mine is None or mine == theirs
    assert mine is not None or len(theirs) > 512 or len(name) > 99


def test_what_needs_more_than_a_block_is_left_to_tarfile():
    fine = {"is_folder": False, "mode": 0o644, "size": 1, "modified": 1}

    assert plain_header("x" * 100, **fine) is not None
    assert plain_header("x" * 101, **fine) is None
    assert plain_header("ä", **fine) is None
    assert plain_header("x", **{**fine, "size": 8**11}) is None
    assert plain_header("x", **{**fine, "modified": -1}) is None


@given(name=NAMES, is_folder=st.booleans(), size=st.integers(0, 1 << 34), style=st.sampled_from([0, 1, 2]))
def test_a_header_is_read_as_tarfile_reads_it(name, is_folder, size, style):
    """Formats 0, 1 and 2 are ustar, GNU's and pax."""
    info = info_of(name, is_folder=is_folder, mode=0o640, size=0 if is_folder else size, modified=77)
    try:
        block = info.tobuf(style)[:512]
    except ValueError:
        return  # ustar holds no such name or size
    member = plain_member(block, 512)
    read = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")

    if member is None:
        assert len(info.tobuf(style)) > 512 or size >= 8**11
    else:
        facts = (member.name, member.kind == "directory", member.size, member.mode, member.modified)
        assert facts == (read.name, read.isdir(), read.size, read.mode, read.mtime)
    assert is_tar(block)
    assert checksum(block) == read.chksum


@given(at=st.integers(0, 511), byte=st.integers(0, 255))
def test_a_changed_header_is_never_taken_for_a_plain_one(at, byte):
    block = bytearray(plain_header("folder/name", is_folder=False, mode=0o644, size=5, modified=9))
    is_same = block[at] == byte
    block[at] = byte
    member = plain_member(bytes(block), 512)

    # The checksum's own last bytes are separators, which may be any of NUL and blank.
    assert is_same or member is None or at in (154, 155)


def test_bytes_that_are_no_header_are_none():
    for block in (b"", bytes(512), b"\xff" * 512, bytes(511)):
        assert plain_member(block, 512) is None


def packed(*infos, headers=None):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers or {}) as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return file.getvalue()


def members_of(content, piece_bytes):
    """Read an archive that comes in pieces of a size."""
    guard = Guard(ToolContext(Policy.default(), settings=SETTINGS), "x.tar", len(content))
    pieces = iter([content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)])
    tar = Tar(InflatedStream(pieces, guard.unpacked), "tar.gz", "x.tar", guard, counts=False)
    found = []
    for member in tar.members():
        found.append((member.name, member.size, sum(map(len, tar.pieces(member))) if member.kind == "file" else 0))
    return found


@pytest.mark.parametrize("piece_bytes", [1, 100, 512, 513, 1000, 1 << 20])
def test_plain_and_other_headers_take_turns_wherever_the_data_is_split(piece_bytes):
    names = ["a", "folder/" + "long" * 50, "b", "ä", "c" * 90, "d" * 101, "e"]
    content = packed(*(tarfile_info(name, 700 + at) for at, name in enumerate(names)))

    assert members_of(content, piece_bytes) == [(name, 700 + at, 700 + at) for at, name in enumerate(names)]


def tarfile_info(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def test_a_global_header_changes_all_that_follow():
    content = packed(tarfile_info("a", 1), tarfile_info("b", 2), headers={"path": "other"})

    assert [name for name, _, _ in members_of(content, 1 << 20)] == ["other", "other"]


@pytest.mark.parametrize("missing", [1, 300, 512])
def test_padding_that_is_missing_is_noticed(missing):
    content = packed(tarfile_info("a", 1))[:1024]
    with pytest.raises(ToolExecutionError):
        members_of(content[:-missing], 1 << 20)
