"""What Python code writes while a request is handled, and tools called by message: prints, progress, questions."""

from __future__ import annotations

import sys
import threading
from time import monotonic

import pytest
from magic_bench import Bench

from llmspell_kernel.output import Output
from llmspell_kernel.running import Running
from llmspell_kernel.streams import CellStream, Outlet, take_streams
from llmspell_tools.definition import ToolContext, tool


class Request:
    """Notes what is published."""

    def __init__(self):
        self.seen = []

    def publish_encoded(self, msg_type, content):
        self.seen.append((msg_type, content.decode(), threading.current_thread().name))


class Former:
    """The process's own stream."""

    def __init__(self):
        self.text = ""
        self.flushed = 0

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        self.flushed += 1

    def fileno(self):
        return 77


@pytest.fixture
def outlet():
    made = Outlet()
    yield made
    made.close()


def stream(outlet, output, writer=None):
    return CellStream("stdout", Former(), output, outlet, lambda: writer)


def test_prints_of_a_request_become_its_messages_in_order(outlet):
    output, request = Output(), Request()
    out = stream(outlet, output)

    output.begin(request)
    for number in range(100):
        print(number, file=out)
    outlet.message(request, "display_data", {"a": 1})
    print("after", file=out)
    outlet.flush()

    kinds = [kind for kind, _, _ in request.seen]
    assert kinds[-2:] == ["display_data", "stream"]
    assert len(kinds) < 20
    assert "".join(content for _, content, _ in request.seen).count("\\n") == 101
    assert {thread for _, _, thread in request.seen} == {"llmspell-outlet"}


def test_without_a_request_text_goes_where_it_always_went(outlet):
    output = Output()
    out = stream(outlet, output)

    print("plain", file=out, flush=True)
    output.begin(Request(), is_silent=True)
    print("silent", file=out)

    assert out.former.text == "plain\n"
    assert out.former.flushed == 1
    assert out.fileno() == 77
    assert not out.isatty()
    with pytest.raises(TypeError):
        out.write(b"bytes")


def test_while_a_script_runs_text_stands_among_its_prints(outlet):
    output, wrote = Output(), []
    out = stream(outlet, output, lambda name, text: wrote.append((name, text)))

    output.begin(Request())
    out.buffer.write("ü".encode())

    assert wrote == [("stdout", "ü")]


def test_streams_are_given_back():
    former = sys.stdout, sys.stderr
    give_back = take_streams(Output(), Outlet(), lambda: None)
    taken = sys.stdout, sys.stderr
    give_back()

    assert all(isinstance(each, CellStream) for each in taken)
    assert (sys.stdout, sys.stderr) == former


# --- tools called by message ----------------------------------------------------------------------------------------


@tool(name="chatty-tool", category="custom", annotations={"destructive": True})
def chatty_tool(context: ToolContext) -> str:
    """Print and report."""
    print("printed")
    context.progress(1, 4, "a quarter")
    context.progress(2, 4, "half")
    return "done"


def test_a_tool_called_by_message_shows_its_prints_and_its_progress_to_the_sender(tmp_path, monkeypatch):
    bench = Bench(tmp_path, tools=[chatty_tool])
    monkeypatch.setattr("llmspell_kernel.progress.SHOW_AFTER_S", -1.0)
    give_back = take_streams(bench.output, bench.outlet, lambda: bench.engine.script_writer)

    reply = bench.tool(command="invoke", name="chatty-tool")
    give_back()

    assert reply["status"] == "ok"
    assert bench.text == "printed\n"
    kinds = [name for name, _ in bench.published]
    assert kinds.count("display_data") == 1
    assert kinds.count("update_display_data") >= 1
    bench.close()


def test_a_policy_that_asks_asks_the_sender(tmp_path):
    from llmspell_tools.policy import Policy

    policy = Policy.default(cwd=str(tmp_path)).with_approvals({"destructive": "ask"}, origin="test")
    bench = Bench(tmp_path, policy=policy, tools=[chatty_tool])

    denied = bench.tool(command="invoke", name="chatty-tool")
    bench.questions.answers = ["no"]
    refused = bench.tool(command="invoke", name="chatty-tool")
    bench.questions.answers = ["y"]
    allowed = bench.tool(command="invoke", name="chatty-tool")

    assert [denied["error_type"], refused["error_type"]] == ["permission_denied", "permission_denied"]
    assert allowed["status"] == "ok"
    assert len(bench.questions.asked) == 2
    bench.close()


def test_prints_of_a_tool_called_from_lua_keep_their_place(tmp_path):
    bench = Bench(tmp_path, tools=[chatty_tool])
    give_back = take_streams(bench.output, bench.outlet, lambda: bench.engine.script_writer)

    bench.run("print('before') Tool.execute('chatty-tool') print('after')")
    give_back()

    assert bench.text == "before\nprinted\nafter\n"
    bench.close()


# --- interrupts of eager work ---------------------------------------------------------------------------------------


def test_eager_work_is_broken_at_once_and_once():
    running = Running()
    running.begin_breakable(lambda: None, None, eager=True)

    assert not running.must_break()
    assert running.interrupt()
    assert running.must_break()
    assert running.take_break()
    assert not running.must_break()
    running.end()
    assert not running.interrupt()


def test_patient_work_inside_is_stopped_and_what_came_then_is_over():
    stopped = []
    now = [monotonic()]
    running = Running(clock=lambda: now[0])
    running.begin_breakable(lambda: stopped.append("outer"), None, eager=True)

    be_eager = running.be_patient(lambda: stopped.append("inner"))
    running.interrupt()
    early = running.must_break()
    now[0] += 1
    late = running.must_break()
    be_eager()

    assert stopped == ["inner"]
    assert (early, late) == (False, True)
    assert not running.take_break()
    assert not running.must_break()
    running.interrupt()
    assert stopped == ["inner", "outer"]
    assert running.must_break()
    running.end()
