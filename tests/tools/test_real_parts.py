"""Against other programs on this machine: what they make is read, and what we make they read; they count alike.

A test whose program is not here is skipped by the program's name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import pytest

from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

#: The streams of one file: ending, and the program, which takes -c, -d and -t.
STREAMS = [(".gz", "gzip"), (".bz2", "bzip2"), (".xz", "xz"), (".zst", "zstd")]
TEXT = "".join(f"line {at}: the quick brown fox\n" for at in range(5000)).encode()


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_bytes(TEXT)
    return tmp_path


@pytest.fixture
def use(root):
    here = {"read": [str(root)], "write": [str(root)], "run": ["standard"]}
    registry = ToolRegistry(policy=Policy.from_json({"ceiling": "privileged", "allow": here}))
    return lambda name, **params: registry.invoke(name, params).output["result"]


def program(*command, input=None, **environment):
    """Run another program; skip where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run(
        command,
        input=input,
        capture_output=True,
        check=False,
        timeout=30,
        env={**os.environ, "LC_ALL": "C", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- archives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "name"), STREAMS)
def test_a_stream_of_another_program_is_unpacked(use, root, ending, name):
    (root / f"x.txt{ending}").write_bytes(program(name, "-c", "a.txt"))

    assert use("archive-handler", operation="list", path=f"x.txt{ending}")["format"] == ending[1:]
    use("archive-handler", operation="extract", path=f"x.txt{ending}", target_path="out")
    assert [path.read_bytes() for path in (root / "out").iterdir()] == [TEXT]


@pytest.mark.parametrize(("ending", "name"), STREAMS)
def test_streams_one_after_another_are_one_file(use, root, ending, name):
    made = program(name, "-c", input=b"one\n") + program(name, "-c", input=b"two\n")
    (root / f"x.txt{ending}").write_bytes(made)
    use("archive-handler", operation="extract", path=f"x.txt{ending}", target_path="out")

    assert (root / "out/x.txt").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(("ending", "name"), STREAMS)
def test_another_program_unpacks_our_stream(use, root, ending, name):
    use("archive-handler", operation="create", path=f"x.txt{ending}", input=["a.txt"])

    program(name, "-t", f"x.txt{ending}")
    assert program(name, "-dc", f"x.txt{ending}") == TEXT


@pytest.mark.parametrize("arguments", [["-0"], ["-9"], ["-fz"], ["-Z", "store"], ["-Z", "bzip2"], ["-X"]], ids=str)
def test_zips_of_every_kind_are_unpacked(use, root, arguments):
    program("zip", "-q", *arguments, "x.zip", "a.txt")
    use("archive-handler", operation="extract", path="x.zip", target_path="out")

    assert (root / "out/a.txt").read_bytes() == TEXT


def test_a_zip_that_was_made_as_a_stream_is_unpacked(use, root):
    (root / "x.zip").write_bytes(program("zip", "-q", "-", "a.txt"))  # sizes stand behind the data
    use("archive-handler", operation="extract", path="x.zip", target_path="out")

    assert (root / "out/a.txt").read_bytes() == TEXT


def test_what_other_programs_list_is_what_we_list(use, root):
    (root / "d").mkdir()
    (root / "d/é ü.txt").write_text("x")
    (root / "d/empty").write_text("")
    use("archive-handler", operation="create", path="x.tar.gz", input=["d"])
    use("archive-handler", operation="create", path="x.zip", input=["d"])
    ours = [sorted(each["name"] for each in use("archive-handler", operation="list", path=path)["files"])
            for path in ("x.tar.gz", "x.zip")]  # fmt: skip

    tar = program("tar", "--quoting-style=literal", "-tzf", "x.tar.gz", LC_ALL="C.UTF-8").decode().split("\n")
    assert sorted(name.rstrip("/") for name in tar if name) == [name.rstrip("/") for name in ours[0]]
    assert len(ours[1]) == len(program("unzip", "-Z1", "x.zip").decode("utf-8", "replace").split("\n")) - 1
    program("unzip", "-tqq", "x.zip")


# --- digests, encodings, dates, searches -----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_digests_are_those_of_coreutils(use, algorithm):
    wanted = program(f"{algorithm}sum", "a.txt").decode().split()[0]

    assert (
        use("hash-calculator", operation="hash", algorithm=algorithm, input_type="file", file="a.txt")["hash"] == wanted
    )


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "WINDOWS-1252", "ISO-8859-1"])
def test_text_that_iconv_made_comes_back(use, root, encoding):
    text = "Grüße, señor: ½ ÆØÅ\r\nzweite Zeile\n" * 20
    (root / "in.txt").write_bytes(program("iconv", "-f", "UTF-8", "-t", encoding, input=text.encode()))
    use(
        "file-converter", operation="encoding", path="in.txt", target_path="out.txt", from_encoding=encoding,
        to_encoding="utf-8",
    )  # fmt: skip

    assert (root / "out.txt").read_bytes().decode() == text


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"])
@pytest.mark.parametrize("moment", ["2024-03-10T07:30:00Z", "1999-12-31T23:59:59Z", "2038-01-19T03:14:08Z"])
def test_dates_elsewhere_are_those_of_date(use, zone, moment):
    wanted = program("date", "-d", moment, "+%Y-%m-%d %H:%M:%S", TZ=zone).decode().strip()
    found = use(
        "datetime-handler", operation="convert_timezone", input=moment, target_timezone=zone, format="%Y-%m-%d %H:%M:%S"
    )

    assert found["converted"] == wanted


@pytest.mark.parametrize("pattern", ["fox", "line 1[0-9]*:", "^line 499", "nothing like it"])
def test_hits_are_those_of_grep(use, pattern):
    counted = int(
        subprocess.run(["grep", "-Ec", pattern, "a.txt"], capture_output=True, check=False, timeout=30).stdout
    )
    found = use("file-search", pattern=pattern, path="a.txt", use_regex=True, context_lines=0)

    assert found["summary"]["total_matches"] == min(counted, 1000)


# --- the machine -----------------------------------------------------------------------------------------------------


def test_the_machine_is_the_one_that_the_kernel_describes(use):
    found = use("system-monitor", operation="all")
    with open("/proc/meminfo", encoding="ascii") as file:
        total = int(file.readline().split()[1]) * 1024

    assert found["total_memory_bytes"] == total
    assert found["cpu_count"] == os.cpu_count()
    assert found["disk_usage"]["/"]["total_bytes"] == os.statvfs("/").f_blocks * os.statvfs("/").f_frsize


def test_what_a_child_process_does_is_seen_by_inotify(use, root):
    """The child makes a file at each line it reads, and gets lines until the watch has ended."""
    (root / "inbox").mkdir()
    code = """if True:
        import pathlib, sys
        for at, _ in enumerate(sys.stdin):
            pathlib.Path(sys.argv[1], f"{at}.txt").write_text("x")
    """
    child = subprocess.Popen([sys.executable, "-c", code, "inbox"], stdin=subprocess.PIPE, text=True, cwd=root)
    stop = threading.Event()

    def push():
        while not stop.wait(0.02) and child.poll() is None:
            try:
                child.stdin.write("\n")
                child.stdin.flush()
            except OSError:
                return

    pusher = threading.Thread(target=push)
    pusher.start()
    try:
        found = use(
            "file-watcher", operation="watch", input=["inbox"], pattern="*.txt", timeout_seconds=5, max_events=1
        )
    finally:
        stop.set()
        pusher.join(5)
        child.stdin.close()
        child.wait(5)

    assert found["event_count"] == 1
    assert found["events"][0]["event_type"] in ("Create", "Modify")
    assert found["events"][0]["path"].endswith(".txt")
