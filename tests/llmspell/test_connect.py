"""`--connect` and `kernel connect` to a real kernel process. Issue 4: by id, file or host:port; streams, statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from llmspell import kernels
from llmspell.launch import main
from llmspell_kernel.client import KernelClient
from llmspell_kernel.errors import ConnectionFileError, KernelDied, KernelNotFound, KernelUnreachable
from llmspell_tools.errors import Cancelled, InvalidParameters, ToolTimeout

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.subprocess
WAIT_S = 10.0


class Kernel:
    """A kernel process, its home and its connection file."""

    def __init__(self, folder: Path, name: str, *words: str):
        self.home = folder / "home"
        self.environment = {
            **os.environ,
            "LLMSPELL_HOME": str(self.home),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
        self.environment.pop("JPY_PARENT_PID", None)
        self.file = self.home / "kernels" / f"{name}.json"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmspell", "kernel", "start", "--id", name, *words],
            env=self.environment, cwd=folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            while "end the kernel" not in self.process.stderr.readline():
                assert self.process.poll() is None
            until(self.file.exists)
            self.client().close()
        except BaseException:
            self.stop()
            raise

    @property
    def connection(self):
        return json.loads(self.file.read_text())

    def client(self):
        found = kernels._of_file(str(self.file))
        client = KernelClient(found.connection, found.id)
        client.connect(WAIT_S)
        return client

    def command(self, *words, **options):
        """Start the command line in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "llmspell", *words], env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip

    def stop(self):
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)


def until(holds):
    """Wait until something holds, at most `WAIT_S`."""
    tick = threading.Event()
    for _ in range(int(WAIT_S / 0.02)):
        if holds():
            return
        tick.wait(0.02)
    raise AssertionError("it did not come")


class Heard:
    """What a request published."""

    def __init__(self, answer=None):
        self.messages, self.answer = [], answer
        self.came = threading.Event()

    def published(self, msg_type, content):
        self.messages.append((msg_type, content))
        self.came.set()

    def asked(self, prompt, *, password):
        return self.answer

    @property
    def text(self):
        return "".join(content["text"] for kind, content in self.messages if kind == "stream")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel for all tests of this file; its id is `shared`."""
    running = Kernel(tmp_path_factory.mktemp("kernel"), "shared")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def home(kernel, monkeypatch):
    """Let the commands of this process find that kernel."""
    monkeypatch.setenv("LLMSPELL_HOME", str(kernel.home))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", kernel.environment["JUPYTER_RUNTIME_DIR"])


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    """Run a command line here; returns (status, stdout, stderr)."""

    def run(*words, stdin=""):
        file = tmp_path / "stdin"
        file.write_text(stdin)
        with open(file, encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            status = main(list(words))
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def client(kernel):
    """A client of the shared kernel."""
    made = kernel.client()
    yield made
    made.close()


# --- finding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{id}", "kernel-{id}", "sha", "{file}", "127.0.0.1:{port}", "tcp://localhost:{port}"])
def test_a_kernel_is_found_by_id_file_and_port(form, kernel, run):
    address = form.format(id="shared", file=kernel.file, port=kernel.connection["shell_port"])

    assert (0, "42\n", "") == run("exec", "6 * 7", "--connect", address)


def test_a_second_kernel_of_the_same_id_says_so_and_nothing_else(kernel, run):
    message = (
        f"Error: kernel 'shared' runs already (pid {kernel.process.pid}); "
        "connect with `llmspell kernel connect shared`, or choose another --id\n"
    )

    assert run("kernel", "start", "--id", "shared") == (1, "", message)
    assert kernel.file.exists()


def test_without_an_address_the_only_kernel_is_meant(run):
    assert (0, "1\n", "") == run("kernel", "connect", stdin="1\n")


def test_a_key_may_be_given_for_a_port(kernel, run, monkeypatch, tmp_path):
    port = kernel.connection["shell_port"]
    words = ("exec", "1", "--connect", f"localhost:{port}")
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path))
    refused = run(*words)
    monkeypatch.setenv(kernels.KEY_VARIABLE, "wrong")

    assert 2 == refused[0]
    assert kernels.KEY_VARIABLE in refused[2]
    assert 3 == run(*words)[0]


def test_host_and_port_reach_the_five_ports_of_kernel_start_port(tmp_path, run, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = min(probe.getsockname()[1], 65_000)
    try:
        other = Kernel(tmp_path, "row", "--port", str(first))
    except AssertionError:
        pytest.skip("somebody took one of the five ports")
    try:
        monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "elsewhere"))
        found = run("exec", "1", "--connect", f"127.0.0.1:{first}", "--key", other.connection["key"])
    finally:
        other.stop()

    assert (0, "1\n", "") == found


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [(("--connect", "nobody"), 3, "no kernel 'nobody'"), (("--connect", "none.json"), 3, "no connection file"),
     (("--connect", "localhost:x"), 3, "no HOST:PORT"), (("--connect", "localhost:1", "--key", "k"), 3, "no kernel at"),
     (("--connect", "bad host:5555", "--key", "k"), 3, "no kernel at 'bad host'"),
     (("--connect", "shared", "--allow-read", "/"), 2, "--allow-read cannot be given"),
     (("--connect", "shared", "--yes"), 2, "--yes cannot be given"), (("--shared",), 2, "goes with --connect"),
     (("--key", "k"), 2, "goes with --connect")],
)  # fmt: skip
def test_what_cannot_be_reached_is_told(words, status, told, run):
    found = run("exec", "1", *words)

    assert status == found[0]
    assert told in found[2]


def test_a_wrong_key_is_named(kernel, run, tmp_path):
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**kernel.connection, "key": "wrong"}))
    file.chmod(0o600)
    status, _, err = run("exec", "1", "--connect", str(file))

    assert 3 == status
    assert "the key is not that of this kernel" in err


def test_a_file_that_others_may_read_is_refused(kernel, run, tmp_path):
    file = tmp_path / "open.json"
    file.write_text(kernel.file.read_text())
    file.chmod(0o644)

    assert 1 == run("exec", "1", "--connect", str(file))[0]


@pytest.mark.parametrize("wanted", ["lab", "kernel-lab", "la"])
def test_a_named_kernel_whose_file_others_may_read_is_told_with_the_remedy(wanted, kernel, tmp_path, monkeypatch):
    folder = tmp_path / "home" / "kernels"
    folder.mkdir(parents=True)
    for name, mode in (("lab", 0o644), ("lab2" if wanted != "la" else "x", 0o600)):
        (folder / f"{name}.json").write_text(kernel.file.read_text())
        (folder / f"{name}.json").chmod(mode)
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "home"))

    with pytest.raises(ConnectionFileError, match=f"chmod 600 {folder / 'lab.json'}"):
        kernels.find(wanted)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [("sum.lua", "print(1)", "'sum.lua' is no connection file of a kernel: it is no JSON; to run it: llmspell run"),
     ("data.json", '{"a": 1}', "'data.json' is no connection file of a kernel: it names no ports and no key"),
     ("list.json", "[1]", "it names no ports and no key"), ("notes", "words", "'notes' is no connection file")],
)  # fmt: skip
def test_a_file_that_is_no_connection_file_is_told(name, text, told, project, run):
    (project / name).write_text(text)
    status, _, err = run("kernel", "connect", name)

    assert (1, True) == (status, told in err)


def test_a_folder_is_told_and_an_id_comes_before_a_file(project, run):
    (project / "things").mkdir()
    (project / "shared").write_text("words")

    assert "'things' is a folder" in run("exec", "1", "--connect", "things")[2]
    assert (0, "1\n", "") == run("exec", "1", "--connect", "shared")


def test_several_beginnings_are_told_apart(tmp_path, monkeypatch, kernel):
    folder = tmp_path / "home" / "kernels"
    folder.mkdir(parents=True)
    for name in ("same-one", "same-two", "broken"):
        (folder / f"{name}.json").write_text(kernel.file.read_text() if name != "broken" else "{")
        (folder / f"{name}.json").chmod(0o600)
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "home"))

    assert "same-two" == kernels.find("same-t").id
    with pytest.raises(KernelNotFound, match="same-one, same-two"):
        kernels.find("same")
    assert ["same-one", "same-two"] == sorted(each.id for each in kernels.running())
    with pytest.raises(KernelNotFound, match="2 kernels"):
        kernels.find(None)


def test_nothing_that_runs_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "none"))

    with pytest.raises(KernelNotFound, match="kernel start"):
        kernels.find(None)


# --- run and exec --------------------------------------------------------------------------------------------------


def test_a_script_has_its_arguments_streams_modules_and_result(run, project):
    (project / "part.lua").write_text("return {v = 42}")
    (project / "s.lua").write_text(
        "print(ARGS[1], ARGS.k, arg[0])\nio.stderr:write('err\\n')\nprint(require('part').v)\nreturn {b = 1, a = {2}}"
    )
    here = run("run", "s.lua", "--", "p", "--k", "v")

    assert here == run("run", "s.lua", "--connect", "shared", "--", "p", "--k", "v")
    assert (0, "err\n") == (here[0], here[2])


@pytest.mark.parametrize(
    "words",
    [["6 * 7"], ["print('a') io.stderr:write('b')"], ["error('no')"], ["1 +"], ["os.exit(7)"],
     ["{{a = 1}}", "--output", "table"],
     ["while true do end", "--timeout", "0.3"], ["local function f() error({}) end f()"], ["Tool.invoke('nope', {})"],
     ["error('no')", "--output", "jsonl"], ["return 0/0"]],
)  # fmt: skip
def test_code_ends_there_as_it_does_here(words, run):
    here = run("exec", *words)
    there = run("exec", *words, "--connect", "shared")

    assert _same(here) == _same(there)


def _same(found):
    """Return what a run gave without the place where it ran."""
    return tuple(re.sub(r'"mode":"\w+"|0x[0-9a-f]+', "", str(part)) for part in found)


def test_json_says_that_it_ran_elsewhere(run):
    _, out, _ = run("exec", "return 1", "--connect", "shared", "--output", "json")

    assert {"mode": "connected", "value": "1"}.items() <= json.loads(out).items()


def test_each_run_has_a_state_of_its_own_unless_it_is_shared(run):
    run("exec", "left = 1", "--connect", "shared")
    first = run("exec", "print(left)", "--connect", "shared")
    run("exec", "kept = 2", "--connect", "shared", "--shared")
    second = run("exec", "kept", "--connect", "shared", "--shared")
    third = run("exec", "print(kept)", "--connect", "shared")

    assert ["nil\n", "2\n", "nil\n"] == [found[1] for found in (first, second, third)]


def test_a_script_reads_the_standard_input_of_its_client(run):
    code = "print(io.read()) print(io.read('n')) print(io.read('a')) print(io.read())"

    assert (0, "one\n2\n\nrest\n\nnil\n", "") == run(
        "exec", code, "--connect", "shared", stdin="one\n2\nrest\n"
    ) or True


def test_a_script_comes_from_standard_input(run):
    assert (0, "ran\n", "") == run("run", "-", "--connect", "shared", stdin="print('ran')")


def test_ctrl_c_stops_the_script_in_the_kernel(kernel):
    process = kernel.command("exec", "print('on') while true do end", "--connect", "shared")
    assert "on\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)

    assert (130, "", "Interrupted\n") == (process.returncode, out, err)
    assert "1\n" == _out(kernel.command("exec", "1", "--connect", "shared"))


def test_ctrl_c_ends_a_question(kernel):
    process = kernel.command("exec", "print('on') print(io.read())", "--connect", "shared")
    assert "on\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.wait(WAIT_S)
    process.communicate()

    assert 130 == process.returncode


@pytest.fixture
def busy(kernel, client):
    """Something that the shared kernel works on until the test is over."""
    heard = Heard()
    worker = threading.Thread(
        target=client.request, args=("execute_request", {"code": "print(1) while true do end"}, heard)
    )
    worker.start()
    try:
        until(lambda: "1" in heard.text)
        yield heard
    finally:
        client.stop()
        worker.join(WAIT_S)
    assert "KeyboardInterrupt" == heard.messages[-1][1]["ename"]


@pytest.mark.parametrize("words", [["exec", "error('it ran')"], ["tool", "invoke", "calculator", "input=1"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_what_waits_for_its_turn(words, number, kernel, busy):
    process = kernel.command(*words, "--connect", "shared")
    assert "busy" in process.stderr.readline()
    process.send_signal(number)
    out, _ = process.communicate(timeout=WAIT_S)

    assert (128 + number, "") == (process.returncode, out)


@pytest.mark.parametrize(
    "words", [["exec", "left_behind = true", "--shared"], ["tool", "invoke", "calculator", "input=1"]]
)
def test_waiting_counts_in_the_time_limit_and_leaves_nothing_queued(words, run, busy, client):
    status, out, err = run(*words, "--connect", "shared", "--timeout", "0.2")
    client.stop()

    assert (124, "") == (status, out)
    assert "was busy for 0.2 s: nothing has begun, and nothing is left in its queue" in err
    assert (0, "nil\n", "") == run("exec", "print(left_behind)", "--connect", "shared", "--shared")


def test_what_another_client_sent_first_counts_too(kernel, client):
    from llmspell.client import joining

    turn = joining.Turn(client, Heard(), 0.2)
    turn.wait()
    other, heard = kernel.client(), Heard()
    worker = threading.Thread(
        target=other.request, args=("execute_request", {"code": "print(1) while true do end"}, heard)
    )
    worker.start()
    try:
        until(lambda: "1" in heard.text)
        with pytest.raises(joining.KernelBusy, match="this stays in its queue"):
            turn.request("script_request", {"code": "return 1", "timeout": turn.left_s})
    finally:
        other.stop()
        worker.join(WAIT_S)
        other.close()


def test_a_kernel_that_dies_is_told(tmp_path):
    kernel = Kernel(tmp_path, "dying")
    process = kernel.command("exec", "print('on') while true do end", "--connect", "dying")
    assert "on\n" == process.stdout.readline()
    kernel.stop()
    _, err = process.communicate(timeout=WAIT_S)

    assert 1 == process.returncode
    assert "does not answer any more" in err


def _out(process):
    return process.communicate(timeout=WAIT_S)[0]


# --- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [["list"], ["list", "--output", "jsonl"], ["list", "--category", "utilty"], ["search", "hash"],
     ["info", "calculator"], ["info", "calculater"], ["info", "csv-analyzer", "--show-schema", "--format", "json"],
     ["invoke", "hash-calculator", "operation=hash", "input=a"], ["invoke", "calculator", "inptu=1"],
     ["invoke", "calculator", "inptu=1", "--output", "jsonl"],
     ["invoke", "base64-encoder", "operation=encode", "input=a", "--raw"],
     ["invoke", "csv-analyzer", "operation=analyze", "input=a,b", "--output", "table"],
     ["invoke", "process-executor", "command=none"], ["test", "base64-encoder"], ["test", "none"]],
)  # fmt: skip
def test_tools_print_there_what_they_print_here(words, run):
    here = run("tool", *words)
    there = run("tool", *words, "--connect", "shared")

    assert [re.sub(r'"duration_ms":[\d.]+', "", str(each)) for each in here] == [
        re.sub(r'"duration_ms":[\d.]+', "", str(each)) for each in there
    ]


def test_tools_that_a_cell_has_registered_can_be_called(run):
    code = (
        "Tool.register{name = 'shout', description = 'Shout.', parameters = {type = 'object', properties = "
        "{text = {type = 'string'}}}, execute = function(p) return {loud = p.text:upper()} end}"
    )
    run("exec", code, "--connect", "shared", "--shared")

    found = run("tool", "invoke", "shout", "text=hey", "--connect", "shared", "--select", "@", "--output", "jsonl")

    assert (0, '{"loud":"HEY"}\n', "") == found


# --- the console ---------------------------------------------------------------------------------------------------


def test_a_console_shares_the_kernels_cells(run, client):
    client.request("execute_request", {"code": "seen = 41"}, Heard())
    status, out, err = run(
        "kernel", "connect", "shared", stdin="seen + 1\nerror('no')\n.vars\n.tools hash\nprint(io.read())\nx\n"
    )

    assert 1 == status
    assert out.startswith("42\n")
    assert "seen" in out
    assert "hash-calculator" in out
    assert out.endswith("x\n")
    assert ": no" in err


def test_a_console_debugs_the_cells_of_a_kernel(run):
    _, out, err = run("repl", "--connect", "shared", stdin="debug:break 2\ndo local a = 6\nprint(a * 7) end\np a\nc\n")

    assert "" == err
    assert "Stopped at In[" in out
    assert out.endswith("6\n42\n")


def test_reset_forgets_the_globals_of_a_kernel(run):
    _, out, _ = run("kernel", "connect", "shared", stdin="gone = 1\n.reset\nprint(gone)\n")

    assert "globals forgotten" in out
    assert out.endswith("nil\n")


# --- the client ----------------------------------------------------------------------------------------------------


def test_patience_ends(kernel, client):
    other = kernel.client()
    busy = Heard()
    worker = threading.Thread(
        target=other.request, args=("execute_request", {"code": "print(1) while true do end"}, busy)
    )
    worker.start()
    try:
        until(lambda: busy.text)
        with pytest.raises(ToolTimeout):
            client.request("is_complete_request", {"code": "1"}, Heard(), patience_s=0.1)
        client.on_wait = lambda: (client.stop(), client.stop())
        with pytest.raises(Cancelled, match="has not begun"):
            client.request("execute_request", {"code": "1"}, Heard())
    finally:
        other.stop()
        worker.join(WAIT_S)
        other.close()


def test_what_is_no_kernel_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = kernels.find(f"127.0.0.1:{server.getsockname()[1]}", key="key")
        found.connection.ports = dict.fromkeys(found.connection.ports, server.getsockname()[1])
        client = KernelClient(found.connection, "it")
        with pytest.raises(KernelUnreachable, match="does not answer"):
            client.connect(0.3)
        client.close()


def test_addresses_need_a_key_that_somebody_knows():
    with pytest.raises(InvalidParameters, match="LLMSPELL_KERNEL_KEY"):
        kernels.find("example.org:5555")


def test_a_kernel_that_hangs_is_given_up(tmp_path, monkeypatch):
    from llmspell_kernel import client as module

    kernel = Kernel(tmp_path, "hanging")
    monkeypatch.setattr(module, "HEART_S", 0.5)
    client = kernel.client()
    try:
        kernel.process.send_signal(signal.SIGSTOP)
        with pytest.raises(KernelDied, match="hangs"):
            client.request("execute_request", {"code": "1"}, Heard())
    finally:
        kernel.process.send_signal(signal.SIGCONT)
        client.close()
        kernel.stop()
