"""Connection files: read as they are, written whole and private."""

from __future__ import annotations

import json
import os
import stat

import pytest

from llmspell_kernel.connection import (
    PORTS,
    Connection,
    new_connection,
    read_connection,
    remove_connection,
    write_connection,
)
from llmspell_kernel.errors import ConnectionFileError

GIVEN = {
    "transport": "tcp",
    "ip": "127.0.0.1",
    "shell_port": 5001,
    "iopub_port": 5002,
    "stdin_port": 5003,
    "control_port": 5004,
    "hb_port": 5005,
    "key": "a-key",
    "signature_scheme": "hmac-sha256",
    "kernel_name": "lua",
    "jupyter_session": "x.ipynb",
}


def write(path, content, mode=0o600):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_a_given_file_is_used_as_it_is(tmp_path):
    connection = read_connection(write(tmp_path / "c.json", GIVEN))

    assert connection.key == b"a-key"
    assert connection.is_complete
    assert connection.as_json() == GIVEN
    assert connection.endpoint(5001) == "tcp://127.0.0.1:5001"


def test_what_is_written_is_read_back(tmp_path):
    path = str(tmp_path / "c.json")
    connection = new_connection("127.0.0.1", 9555)

    write_connection(path, connection)

    assert read_connection(path).as_json() == connection.as_json()
    assert [connection.ports[name] for name in PORTS] == [9555, 9556, 9557, 9558, 9559]


def test_a_written_file_is_private_and_leaves_no_draft_behind(tmp_path):
    write_connection(str(tmp_path / "c.json"), new_connection())

    assert stat.S_IMODE((tmp_path / "c.json").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["c.json"]


def test_every_new_connection_has_a_key_of_its_own():
    keys = {new_connection().key for _ in range(20)}

    assert len(keys) == 20
    assert all(len(key) == 64 for key in keys)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path, mode):
    path = write(tmp_path / "c.json", GIVEN, mode)

    with pytest.raises(ConnectionFileError, match="chmod 600"):
        read_connection(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        {**GIVEN, "key": ""},
        {name: value for name, value in GIVEN.items() if name != "key"},
        {**GIVEN, "key": 5},
        {**GIVEN, "signature_scheme": "hmac-md5"},
        {**GIVEN, "transport": "udp"},
        {**GIVEN, "transport": ["tcp"]},
        {**GIVEN, "ip": 5},
        {**GIVEN, "shell_port": "5001"},
        {**GIVEN, "shell_port": -1},
        {**GIVEN, "shell_port": 65_536},
        {**GIVEN, "shell_port": True},
        {**GIVEN, "curve_publickey": "x" * 40},
        {**GIVEN, "curve_publickey": "x", "curve_secretkey": "y"},
        {**GIVEN, "curve_publickey": "x" * 40, "curve_secretkey": 5},
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, content):
    path = write(tmp_path / "c.json", content)

    with pytest.raises(ConnectionFileError) as caught:
        read_connection(path)

    assert path in caught.value.message or "curve" in caught.value.message
    assert "a-key" not in caught.value.message


def test_a_missing_file_is_told_apart_from_a_broken_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_connection(str(tmp_path / "none.json"))


def test_a_folder_or_a_pipe_is_no_connection_file(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConnectionFileError):
            read_connection(str(path))


def test_writing_into_a_missing_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ConnectionFileError, match="none"):
        write_connection(str(tmp_path / "none" / "c.json"), new_connection())


def test_removing_leaves_another_kernels_file_alone(tmp_path):
    path = str(tmp_path / "c.json")
    ours, theirs = new_connection(), new_connection()
    write_connection(path, theirs)

    remove_connection(path, ours)
    assert os.path.exists(path)
    remove_connection(path, theirs)
    remove_connection(path, theirs)

    assert not os.path.exists(path)


@pytest.mark.parametrize(
    ("ip", "transport", "endpoint", "is_local"),
    [
        ("127.0.0.1", "tcp", "tcp://127.0.0.1:7", True),
        ("127.1.2.3", "tcp", "tcp://127.1.2.3:7", True),
        ("localhost", "tcp", "tcp://localhost:7", True),
        ("::1", "tcp", "tcp://[::1]:7", True),
        ("10.0.0.1", "tcp", "tcp://10.0.0.1:7", False),
        ("0.0.0.0", "tcp", "tcp://0.0.0.0:7", False),
        ("/run/kernel", "ipc", "ipc:///run/kernel-7", True),
    ],
)
def test_endpoints(ip, transport, endpoint, is_local):
    connection = Connection(b"k", ip=ip, transport=transport)

    assert connection.endpoint(7) == endpoint
    assert connection.is_local is is_local
    assert not connection.is_complete


def test_curve_keys_are_kept_and_make_an_open_address_safe():
    keys = {"curve_publickey": "p" * 40, "curve_secretkey": "s" * 40}
    connection = Connection(b"k", ip="10.0.0.1", extra=keys)

    assert connection.curve == (b"p" * 40, b"s" * 40)
    assert connection.is_local
    assert keys.items() <= connection.as_json().items()
