"""`--output table` and `markdown`, and what a terminal shows where a pipe gets the text."""

from __future__ import annotations

import base64
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from llmspell import launch, options
from llmspell.cli.main import run_click
from llmspell.launch import finish, recognise
from llmspell_tools import media
from llmspell_tools.cells import width
from llmspell_tools.definition import ToolResult
from llmspell_tools.registry import ToolRegistry

LLMSPELL = [sys.executable, "-m", "llmspell"]
PEOPLE = '{"operation":"query","query":".","input":[{"name":"Ada","age":36},{"name":"Grace","age":85}]}'
TABLE = "name   age\n-----  ---\nAda     36\nGrace   85\n"
MARKDOWN = "| name | age |\n| --- | ---: |\n| Ada | 36 |\n| Grace | 85 |\n"


def answer(words, capfd):
    """Return status, stdout and stderr of a command line."""
    lean = recognise(words)
    status = finish(*lean) if lean is not None else run_click(words, finish)
    printed = capfd.readouterr()
    return status, printed.out, printed.err


def on_a_terminal(words, columns, environment=None):
    """Run a command line with stdout and stderr on a terminal of so many columns; return what it got."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*LLMSPELL, *words], stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
        env={**os.environ, "PYTHONUTF8": "1", **(environment or {})},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 65_536):
            shown += part
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(leader)
    assert process.wait(30) == 0, shown
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(("style", "shown"), [("table", TABLE), ("markdown", MARKDOWN)])
def test_a_tools_table_is_printed(style, shown, capfd):
    assert answer(["tool", "invoke", "json-processor", "--params", PEOPLE, "--output", style], capfd) == (0, shown, "")


@pytest.mark.parametrize("style", ["table", "markdown"])
def test_what_a_script_returns_is_printed_as_a_table(style, capfd, project):
    (project / "people.lua").write_text(
        'print("hello")\nreturn Tool.execute("json-processor", {operation = "query", query = ".", '
        'input = \'[{"name":"Ada","age":36},{"name":"Grace","age":85}]\'}).result\n'
    )
    status, out, _ = answer(["run", "people.lua", "--output", style], capfd)

    assert status == 0
    assert out.startswith("hello\n")
    assert sorted(re.findall(r"Ada|Grace|36|85", out)) == ["36", "85", "Ada", "Grace"]


def test_the_value_of_an_expression_is_a_table_and_a_statement_has_none(capfd):
    assert answer(["exec", "{{n = 1}, {n = 2.5}}", "--output", "table"], capfd)[1] == "  n\n---\n  1\n2.5\n"
    assert answer(["exec", "print(1); local x = 2", "--output", "table"], capfd)[1] == "1\n"


def test_select_comes_first(capfd):
    call = ["tool", "invoke", "json-processor", "--params", PEOPLE, "--output", "table", "--select"]

    assert answer([*call, "result[0]"], capfd)[1] == "field  value\n-----  -----\nname   Ada\nage    36\n"
    assert answer([*call, "result[].name"], capfd)[1] == "value\n-----\nAda\nGrace\n"
    assert answer([*call, "result[0].name"], capfd)[1] == "value\n-----\nAda\n"


def test_raw_stays_raw(capfd):
    call = ["tool", "invoke", "calculator", "input=2+2", "--raw"]

    assert answer([*call, "--output", "table"], capfd) == answer(call, capfd) == (0, "4\n", "")


@pytest.mark.parametrize("style", ["table", "markdown"])
def test_an_error_is_a_sentence_for_people(style, capfd):
    status, out, err = answer(["tool", "invoke", "calculator", "inptu=1", "--output", style], capfd)

    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert answer(["run", "missing.lua", "--output", style], capfd)[1] == ""


def test_a_failure_that_is_an_answer_is_shown_as_one(capfd):
    status, out, _ = answer(["tool", "invoke", "calculator", "input=2+", "--output", "table"], capfd)

    assert status == 1
    assert "error.code" in out


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["tool", "list"], "name category security_level description"),
        (["tool", "search", "hash"], "name category security_level description"),
        (["tool", "info", "calculator"], "calculator value"),
        (["tool", "test", "calculator"], "description passed duration_ms error"),
        (["config", "show"], "key value"),
        (["config", "show", "lua", "--origin"], "key value origin"),
        (["doctor"], "check status message fix"),
        (["version"], "field value"),
        (["config", "validate"], "field value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_command_that_prints_values_prints_tables(words, first, capfd):
    _, table, _ = answer([*words, "--output", "table"], capfd)
    _, markdown, _ = answer([*words, "--output", "markdown"], capfd)

    assert table.split("\n", 1)[0].split() == first.split()
    assert markdown.split("\n", 1)[0].strip("| ").split(" | ") == first.split()
    assert markdown.split("\n")[1].startswith("| ---")


def test_the_formats_are_named_alike_everywhere(capfd):
    assert launch._FORMATS == options.FORMATS
    assert set(options.FORMATS) == {"text", *options.TABULAR, *options.JSON_FORMATS}
    status, _, err = answer(["tool", "list", "--output", "xml"], capfd)

    assert status == 2
    said = " ".join(answer(["tool", "list", "--help"], capfd)[1].split())
    for name in options.FORMATS:
        assert f"'{name}'" in err
        assert name in said.partition("--output")[2]


def test_a_pipe_gets_the_text_and_a_terminal_the_table(project):
    (project / "a.txt").write_text("needle\n")
    call = ["tool", "invoke", "file-search", "pattern=needle", "path=."]
    piped = subprocess.run([*LLMSPELL, *call], capture_output=True, text=True, timeout=30, check=True)
    shown = on_a_terminal(call, 60)

    assert piped.stdout == "Found 1 matches across 1 files. Search pattern: 'needle'\n"
    assert piped.stderr == ""
    assert shown == (
        "Found 1 matches across 1 files. Search pattern: 'needle'\n"
        "file_path  line_number  line_content\n"
        "---------  -----------  ------------\n"
        "./a.txt              1  needle\n"
        "(--output json prints all that it gave, --select a part of it)\n"
    )


@pytest.mark.subprocess
def test_descriptions_are_whole_on_a_narrow_terminal_and_in_columns_on_a_wide_one():
    narrow = on_a_terminal(["tool", "search", "converter"], 40)
    wide = on_a_terminal(["tool", "search", "converter"], 80)

    assert narrow.startswith("file-converter  name\n  Change a text file's encoding, line\n  endings or indentation.\n")
    assert max(map(len, narrow.splitlines())) <= 40
    assert wide.startswith("file-converter  ")
    assert max(map(len, wide.splitlines())) <= 80


def test_a_narrow_terminal_breaks_no_line_and_obeys_no_escape(project):
    (project / "a.txt").write_text("needle \x1b[2J 日本語" + "x" * 500 + "\n")
    shown = on_a_terminal(["tool", "invoke", "file-search", "pattern=needle", "path=.", "--quiet"], 40)

    assert "\x1b" not in shown
    assert "\\x1b[2J" in shown
    assert max(width(line) for line in shown.splitlines()[1:]) <= 40


def test_nothing_found_is_said_and_not_drawn(project):
    assert on_a_terminal(["tool", "invoke", "file-search", "pattern=needle", "path=."], 60) == (
        "No matches found in 0 files searched. Search pattern: 'needle'\n"
        "(--raw prints what it gave, --select a part of it)\n"
    )


def test_long_work_shows_a_line_that_is_gone_at_the_end(project):
    call = ["tool", "invoke", "file-watcher", "operation=watch", "input=.", "timeout_seconds=1", "--raw"]
    shown = on_a_terminal(call, 60)
    quiet = on_a_terminal([*call, "--quiet"], 60)

    line, _, rest = shown.rpartition("\r")
    assert "watching, 0 events" in line
    assert line.rpartition("\r")[2].strip() == ""
    assert rest == quiet


def test_a_pipe_gets_no_progress(project):
    call = ["tool", "invoke", "file-watcher", "operation=watch", "input=.", "timeout_seconds=1"]
    done = subprocess.run([*LLMSPELL, *call], capture_output=True, text=True, timeout=30, check=True)

    assert done.stderr == ""
    assert "\r" not in done.stdout


IMAGE = {"type": "image", "format": "png", "base64": base64.b64encode(b"x" * 12_000).decode(), "width": 640,
         "height": 480}  # fmt: skip


@pytest.fixture
def painter(project):
    """Return the words that call a tool of one's own that gives an image and a table."""
    (project / "tools").mkdir()
    (project / "tools" / "painter.py").write_text(
        "from llmspell_tools.definition import ToolResult, tool\n\n\n"
        '@tool(name="painter")\n'
        "def painter(*, table: bool = False) -> ToolResult:\n"
        '    """Paint."""\n'
        f"    media = [{IMAGE!r}]\n"
        '    if table:\n        media.append({"type": "table", "columns": ["a"], "rows": [[1]], "title": "T"})\n'
        '    return ToolResult("painted", media=media)\n'
    )
    return ["tool", "invoke", "painter", "--tools-dir", "tools"]


def test_an_image_is_named_in_a_terminal_and_stands_in_markdown(painter, capfd):
    line = "[image png 640x480, 12 KB; --output json gives its data]\n"

    assert answer(painter, capfd)[1] == "painted\n"
    assert answer([*painter, "--output", "table"], capfd)[1] == line
    assert answer([*painter, "table:=true", "--output", "table"], capfd)[1] == "T\na\n-\n1\n" + line
    markdown = answer([*painter, "--output", "markdown"], capfd)[1]
    assert markdown == f"![image png 640x480, 12 KB](data:image/png;base64,{IMAGE['base64']})\n"
    assert on_a_terminal(painter, 80) == "painted\n" + line


def test_a_hundred_thousand_rows_are_printed_whole(capfd, monkeypatch):
    rows = [{"id": number, "text": "x" * (number % 50)} for number in range(100_000)]
    monkeypatch.setattr(ToolRegistry, "invoke", lambda *_, **__: ToolResult(rows, media=media.table("", "id", "text")))
    status, out, _ = answer(["tool", "invoke", "calculator", "input=1", "--output", "table"], capfd)

    assert status == 0
    assert out.count("\n") == 100_002
