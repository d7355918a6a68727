"""process-executor: what a program gets and gives, what is refused, and that nothing is left running."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time

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

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sessions are found in /proc")


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "root/sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("topsecret")
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def registry_for(root, settings=None, run=()):
    rules = {"read": [str(root)], "write": [str(root)], "run": ["standard", *run]}
    policy = Policy.from_json({"ceiling": "restricted", "allow": rules})
    return ToolRegistry(policy=policy, settings={"process-executor": settings or {}})


@pytest.fixture
def run(root):
    """Runs a standard program; returns the result."""
    registry = registry_for(root)

    def call(executable, *arguments, **more):
        params = {"executable": executable, "arguments": [*arguments], **more}
        return registry.invoke("process-executor", params).output["result"]

    return call


def python(root, code, settings=None, **more):
    """Run Python code as the program; returns the result."""
    params = {"executable": sys.executable, "arguments": ["-I", "-S", "-c", textwrap.dedent(code)]}
    registry = registry_for(root, settings, run=[sys.executable])
    return registry.invoke("process-executor", params, **more).output["result"]


def is_gone(path):
    """Whether the process whose id is in a file has ended."""
    pid = int(path.read_text())
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):  # the latter when it ends between open and read
            return True
    return False


def test_a_result_has_all_fields(root):
    got = registry_for(root).invoke("process-executor", {"executable": "echo", "arguments": ["hi", "you"]}).output

    took = got["result"].pop("execution_time_ms")
    assert took >= 0
    assert got == {
        "operation": "execute",
        "success": True,
        "message": "'echo' ended with 0",
        "result": {
            "executable": "echo", "arguments": ["hi", "you"], "exit_code": 0, "success": True, "stdout": "hi you\n",
            "stderr": "", "timed_out": False,
        },
        "metadata": {"path": "/usr/bin/echo"},
    }  # fmt: skip


def test_arguments_are_optional_and_have_other_names(root):
    registry = registry_for(root)

    assert registry.invoke("process-executor", {"command": "pwd"}).output["result"]["stdout"] == f"{root}\n"
    assert registry.invoke("process-executor", {"executable": "echo", "args": {}}).output["result"]["stdout"] == "\n"


@pytest.mark.parametrize(
    "argument",
    ["; rm -rf x", "$(id)", "`id`", "&& id", "a\nb", "*", "$HOME", "|cat", "'", '"', "\\", "", "-n", "ä€😀", "> x"],
)
def test_arguments_arrive_unchanged(run, root, argument):
    got = run("echo", "a", argument)

    assert got["stdout"] == f"a {argument}\n"
    assert os.listdir(root) == ["sub"]


def test_a_failure_of_the_program_is_a_success_of_the_call(run):
    got = run("ls", "missing")

    assert got["exit_code"] == 2
    assert got["success"] is False
    assert "missing" in got["stderr"]


def test_the_environment_is_emptied(root, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "4711")
    registry = registry_for(root, run=["/usr/bin/env"])
    given = {"LANG": "C", "TZ": "UTC", "LD_PRELOAD": "/tmp/evil.so", "FOO": "bar"}
    got = registry.invoke("process-executor", {"executable": "/usr/bin/env", "environment": given}).output

    lines = sorted(got["result"]["stdout"].splitlines())
    assert [line for line in lines if not line.startswith("LC_CTYPE")] == ["LANG=C", "PATH=/usr/bin:/bin", "TZ=UTC"]
    assert got["metadata"]["left_out"] == ["FOO", "LD_PRELOAD"]


def test_a_given_path_does_not_change_which_program_runs(root):
    (root / "echo").write_text("#!/bin/sh\nid\n")
    os.chmod(root / "echo", 0o755)
    params = {"executable": "echo", "arguments": ["real"], "environment": {"PATH": str(root)}}

    assert registry_for(root).invoke("process-executor", params).output["result"]["stdout"] == "real\n"


def test_the_working_directory_is_the_one_asked_for(run, root):
    assert run("pwd", working_directory="sub")["stdout"] == f"{root}/sub\n"
    assert run("pwd", "-P", working_directory=str(root / "sub"))["stdout"] == f"{root}/sub\n"


@pytest.mark.parametrize("folder", ["..", "/etc", "/", "sub/../..", "missing", "", "sub/file"])
def test_another_working_directory_is_refused(run, root, folder):
    (root / "sub/file").write_text("")
    with pytest.raises((PermissionDenied, ToolExecutionError, InvalidParameters)):
        run("pwd", working_directory=folder)


def test_the_program_has_no_input(run):
    assert run("cat")["stdout"] == ""


@pytest.mark.parametrize(
    ("executable", "arguments"),
    [
        ("rm", ["x"]), ("sh", ["-c", "id"]), ("bash", []), ("/bin/sh", []), ("env", []), ("nohup", ["id"]),
        ("find", [".", "-exec", "id", ";"]), ("find", [".", "-delete"]), ("sort", ["-o", "x", "y"]),
        ("sort", ["--output=x"]), ("sort", ["--compress-program=id"]), ("date", ["-s", "now"]),
        ("grep", ["-f", "/etc/passwd"]),
        ("cat", ["/etc/passwd"]), ("cat", ["../secret"]), ("cat", ["--", "../secret"]),
        ("head", ["-n", "1", "../secret"]),
        ("grep", ["x", "../secret"]), ("ls", [".."]), ("test", ["-f", "../secret"]),
        ("wc", ["--files0-from=../secret"]),
        ("tail", ["-f", "x"]), ("./echo", ["x"]), ("sub/../echo", []), ("/usr/bin/../bin/sh", []), ("/tmp/echo", []),
        ("uniq", ["a", "b"]), ("-rf", []),
    ],
)  # fmt: skip
def test_what_the_policy_does_not_list_is_refused(run, root, executable, arguments):
    with pytest.raises((PermissionDenied, ToolExecutionError)) as caught:
        run(executable, *arguments)

    assert caught.value.code == ("execution_error" if executable == "-rf" else "permission_denied")
    assert os.listdir(root) == ["sub"]


def test_a_link_of_the_folder_gives_no_way_out(run, root):
    os.symlink("../secret", root / "link")
    with pytest.raises(PermissionDenied):
        run("cat", "link")


@pytest.mark.parametrize(
    ("executable", "arguments", "error"),
    [
        ("", [], InvalidParameters), ("echo", ["a\0b"], InvalidParameters), ("echo\0", [], InvalidParameters),
        ("echo", [5], InvalidParameters), ("echo", "text", InvalidParameters),
        ("nosuchprogram", [], ToolExecutionError),
        ("echo", ["x" * 2_000_000], ToolExecutionError), ("echo", ["\udcff"], InvalidParameters),
        (".", [], InvalidParameters),
    ],
)  # fmt: skip
def test_what_cannot_run_is_a_typed_error(root, executable, arguments, error):
    with pytest.raises(error):
        registry_for(root).invoke("process-executor", {"executable": executable, "arguments": arguments})


def test_an_allowed_path_without_a_program_says_so(root):
    registry = registry_for(root, run=[str(root / "missing"), str(root / "text")])
    (root / "text").write_text("no program")
    for name, reason in (("missing", "no such file or directory"), ("text", "permission denied")):
        with pytest.raises(ToolExecutionError) as caught:
            registry.invoke("process-executor", {"executable": str(root / name)})
        assert caught.value.details["reason"] == reason


def test_output_is_capped_and_marked(root):
    got = python(root, "import os\nfor _ in range(3000): os.write(1, b'x' * 1000)", {"max_output_bytes": 5000})

    assert got["exit_code"] == 0
    assert got["truncated"] is True
    assert got["stdout"] == "x" * 5000 + "\n[truncated: 3000000 bytes, the first 5000 are shown]"


def test_output_without_end_is_stopped_by_the_time(root):
    code = "import os\nwhile True: os.write(1, b'y' * 65536)"
    got = python(root, code, {"timeout_s": 0.5, "max_output_bytes": 1000})

    assert got["timed_out"] is True
    assert got["success"] is False
    assert got["signal"] in ("SIGTERM", "SIGKILL", "SIGPIPE")
    assert len(got["stdout"]) < 1200


def test_output_that_is_no_text_is_shown(root):
    assert python(root, r"import os; os.write(1, b'\xff\0ok')")["stdout"] == "\ufffd\0ok"


def test_an_end_by_signal_is_told(root):
    got = python(root, "import os; os.kill(os.getpid(), 9)")

    assert (got["exit_code"], got["signal"], got["success"]) == (137, "SIGKILL", False)


def test_a_program_that_ignores_sigterm_is_killed(root):
    code = f"""
        import os, _signal, time
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        open({str(root / "pid")!r}, "w").write(str(os.getpid()))
        time.sleep(60)
    """
    got = python(root, code, {"timeout_s": 0.5})

    assert got["timed_out"] is True
    assert got["signal"] == "SIGKILL"
    assert is_gone(root / "pid")


@pytest.mark.parametrize("leaves", ["", "os.setpgid(0, 0)", "os.setsid()"])
def test_a_grandchild_that_holds_the_pipe_does_not_hold_the_call(root, leaves):
    """Also one that left the group or the session."""
    code = f"""
        import os, time
        if os.fork() == 0:
            {leaves or "pass"}
            with open({str(root / "draft")!r}, "w") as file:
                file.write(str(os.getpid()))
            os.rename({str(root / "draft")!r}, {str(root / "pid")!r})
            time.sleep(60)
        while not os.path.exists({str(root / "pid")!r}):
            time.sleep(0.01)
        print("done")
    """
    got = python(root, code, {"timeout_s": 5})

    assert got["stdout"] == "done\n"
    assert got["timed_out"] is False
    assert is_gone(root / "pid")


def test_a_fork_bomb_is_stopped(root):
    code = """
        import os, time
        for _ in range(400):
            try:
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
            except OSError:
                break
        time.sleep(30)
    """
    with pytest.raises(LimitExceeded) as caught:
        python(root, code, {"timeout_s": 5, "max_processes": 20})

    assert caught.value.details["key"] == "[tools.process_executor] max_processes"


def test_a_memory_bomb_is_stopped(root):
    got = python(root, "x = bytearray(1 << 30)", {"max_memory_bytes": 300 << 20})

    assert got["exit_code"] == 1
    assert "MemoryError" in got["stderr"]


def test_a_file_without_end_is_stopped(root):
    got = python(root, "f = open('big', 'wb')\nwhile True: f.write(bytes(65536))", {"max_file_bytes": 1_000_000})

    assert "File too large" in got["stderr"]  # Python itself ignores SIGXFSZ
    assert os.path.getsize(root / "big") <= 1_000_000


def test_an_interrupt_ends_the_program(root):
    signal = CancelSignal()
    registry = registry_for(root, run=[sys.executable])
    code = f"import os, time; open({str(root / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    params = {"executable": sys.executable, "arguments": ["-I", "-S", "-c", code]}
    thread = threading.Thread(target=lambda: (wait_for(root / "pid"), signal.set()))
    thread.start()
    with pytest.raises(Cancelled):
        registry.invoke("process-executor", params, context=registry.context(signal=signal))
    thread.join(5)

    assert is_gone(root / "pid")


def wait_for(path):
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up and not (path.exists() and path.read_text()):
        time.sleep(0.005)


def test_the_runs_own_deadline_is_a_timeout(root):
    with pytest.raises(ToolTimeout):
        python(root, "import time; time.sleep(60)", timeout_s=0.3)


def test_a_name_with_a_slash_starts_at_the_working_directory(root):
    (root / "sub/own").write_text("#!/bin/sh\necho own\n")
    os.chmod(root / "sub/own", 0o755)
    registry = registry_for(root, run=[str(root / "sub/own")])
    params = {"executable": "./own", "working_directory": "sub"}

    assert registry.invoke("process-executor", params).output["result"]["stdout"] == "own\n"


def test_no_descriptor_and_no_zombie_is_left(run):
    run("echo", "warm")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        run("echo", "x")

    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert zombies() == []


def zombies():
    """Ended children of this process that nobody has collected."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == os.getpid():
            found.append(int(name))
    return found


def test_the_child_holds_nothing_of_ours(root):
    keep = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(keep, False)
    try:
        got = python(root, "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))")
    finally:
        os.close(keep)

    assert got["stdout"] in ("[0, 1, 2, 3]\n", "[0, 1, 2]\n")  # 3 is the listing itself


@pytest.mark.skipif(shutil.which("sort") is None, reason="needs sort")
def test_standard_programs_work_on_files_inside(run, root):
    (root / "a.txt").write_text("b\na\n")

    assert run("sort", "a.txt")["stdout"] == "a\nb\n"
    assert run("grep", "-n", "a", "a.txt")["stdout"] == "2:a\n"
    assert run("wc", "-l", "a.txt")["stdout"] == "2 a.txt\n"
    assert run("which", "ls")["stdout"] == "/usr/bin/ls\n"


DAEMON = """
    import os, time
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open({draft!r}, "w") as file:
                file.write(str(os.getpid()))
            os.rename({draft!r}, {pid!r})
            os.closerange(0, 100)
            time.sleep(60)
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
"""


def test_a_daemon_that_left_the_session_and_its_pipes_is_killed(root):
    """security-and-reliability 3, "process exec": no orphan after the call."""
    got = python(root, DAEMON.format(draft=str(root / "draft"), pid=str(root / "pid")), {"timeout_s": 5})

    assert got["exit_code"] == 0
    assert got["timed_out"] is False
    assert is_gone(root / "pid")


def test_many_short_orphans_are_collected_while_the_program_runs(root):
    code = """
        import os
        for _ in range(200):
            pid = os.fork()
            if pid == 0:
                if os.fork() == 0:
                    os._exit(0)
                os._exit(0)
            os.waitpid(pid, 0)
        print("done")
    """

    assert python(root, code, {"timeout_s": 20, "max_processes": 40})["stdout"] == "done\n"


def test_a_program_that_kills_its_launcher_does_not_survive_it(root):
    code = f"""
        import os, time
        with open({str(root / "pid")!r}, "w") as file:
            file.write(str(os.getpid()))
        os.kill(os.getppid(), 9)
        time.sleep(60)
    """
    got = python(root, code, {"timeout_s": 5})

    assert got["signal"] == "SIGKILL"
    assert is_gone(root / "pid")
    assert python(root, "print(1)")["stdout"] == "1\n"


def test_programs_end_when_the_tools_process_is_killed(root):
    code = f"""
        import sys
        from llmspell_tools.policy import Policy
        from llmspell_tools.registry import ToolRegistry
        rules = {{"read": [{str(root)!r}], "run": [sys.executable]}}
        registry = ToolRegistry(policy=Policy.from_json({{"ceiling": "restricted", "allow": rules}}))
        program = "import os, time; open({str(root / "pid")!r}, 'w').write(str(os.getpid())); time.sleep(60)"
        registry.invoke("process-executor", {{"executable": sys.executable, "arguments": ["-I", "-S", "-c", program]}})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=root) as child:
        wait_for(root / "pid")
        child.kill()

    assert is_gone(root / "pid")


def test_programs_run_side_by_side_and_one_after_the_other(run):
    answers = {}

    def call(number):
        for at in range(5):
            answers[number, at] = run("echo", f"{number} {at}")["stdout"]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == {(number, at): f"{number} {at}\n" for number in range(4) for at in range(5)}


def test_a_program_that_was_stopped_does_not_hinder_the_next(root):
    for _ in range(3):
        assert python(root, "import time; time.sleep(60)", {"timeout_s": 0.05})["timed_out"] is True
        assert python(root, "print(1)")["stdout"] == "1\n"
