"""Lua's io library through the engine: stock behaviour on files that the policy allows, refusals in Lua's own way."""

from __future__ import annotations

import os

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.errors import Cancelled, ScriptError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


class Lua:
    """An engine in a folder of its own; `run` answers the script's results."""

    def __init__(self, **settings):
        self.written = []
        self.on_write = lambda: None
        registry = ToolRegistry(policy=Policy.default())
        self.engine = LuaEngine(registry, write=self._write, settings=EngineSettings(**settings))

    def _write(self, stream, text):
        self.written.append((stream, text))
        self.on_write()

    def run(self, source, mode="script"):
        return self.engine.execute(source, name="@script.lua", mode=mode).values

    def streamed(self, stream):
        return "".join(text for name, text in self.written if name == stream)


@pytest.fixture
def lua(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Lua()
    yield made
    made.engine.close()


def test_a_file_is_written_and_read_back(lua, tmp_path):
    written = lua.run(
        "local f = assert(io.open('a.txt', 'w')) f:write('one\\n', 2, ' ', 0.5):write('!') return f:close()"
    )

    assert [True] == written
    assert "one\n2 0.5!" == (tmp_path / "a.txt").read_text()
    assert ["one\n2 0.5!"] == lua.run("local f = io.open('a.txt') local s = f:read('a') f:close() return s")


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        ("", ["first"]),
        ("'l', 'L', 'l'", ["first", "second\n", "  12 0x1F -3.5e2 nope"]),
        ("'*l', '*a'", ["first", "second\n  12 0x1F -3.5e2 nope\nlast"]),
        ("'l', 'l', 'n', 'n', 'n', 'n'", ["first", "second", 12, 31, -350.0, None]),
        ("3, 0, 2", ["fir", "", "st"]),
        ("'a', 'a', 0", ["first\nsecond\n  12 0x1F -3.5e2 nope\nlast", "", None]),
        ("'a', 'l'", ["first\nsecond\n  12 0x1F -3.5e2 nope\nlast", None]),
        ("1000", ["first\nsecond\n  12 0x1F -3.5e2 nope\nlast"]),
        ("2.0", ["fi"]),
    ],
)
def test_every_format_reads_as_in_stock_lua(lua, tmp_path, formats, expected):
    (tmp_path / "in.txt").write_text("first\nsecond\n  12 0x1F -3.5e2 nope\nlast")

    assert expected == lua.run(f"local f <close> = io.open('in.txt') return f:read({formats})")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0x", None), ("-.5", -0.5), ("1e", None), ("07", 7), ("1.2.3", 1.2), ("+4x", 4), ("..", None)],
)
def test_a_numeral_ends_where_it_must(lua, tmp_path, text, expected):
    (tmp_path / "n.txt").write_text(text)

    assert [expected] == lua.run("local f <close> = io.open('n.txt') return (f:read('n'))")


def test_lines_longer_than_a_chunk_arrive_whole(lua, tmp_path):
    (tmp_path / "long.txt").write_text("a" * 200_000 + "\n" + "b" * 70_000)

    lengths = lua.run("local t = {} for l in io.lines('long.txt') do t[#t + 1] = #l end return t")
    assert [[200_000, 70_000]] == lengths


def test_lines_takes_formats_and_closes_at_the_end(lua, tmp_path):
    (tmp_path / "n.txt").write_text("1 2\n3 4\n")
    source = """
        local seen = {}
        local next_pair, _, _, file = io.lines('n.txt', 'n', 'n')
        for a, b in next_pair do seen[#seen + 1] = a * b end
        return seen, io.type(file), select(2, pcall(next_pair))
    """

    assert [[2, 12], "closed file", "file is already closed"] == [
        value.removeprefix("script.lua:5: ") if isinstance(value, str) else value for value in lua.run(source)
    ]


def test_lines_of_an_open_file_leaves_it_open(lua, tmp_path):
    (tmp_path / "a.txt").write_text("1\n2\n")

    assert [3, "file"] == lua.run(
        "local f = io.open('a.txt') local n = 0 for l in f:lines() do n = n + l end return n, io.type(f)"
    )


def test_bytes_cross_unchanged(lua, tmp_path):
    lua.run(
        "local s = '' for i = 0, 255 do s = s .. string.char(i) end local f = io.open('b', 'wb') f:write(s) f:close()"
    )

    assert bytes(range(256)) == (tmp_path / "b").read_bytes()
    assert [256, 255] == lua.run("local f <close> = io.open('b', 'rb') local s = f:read('a') return #s, s:byte(-1)")


def test_seek_moves_over_what_is_buffered(lua, tmp_path):
    (tmp_path / "a.txt").write_text("0123456789")
    source = """
        local f <close> = io.open('a.txt')
        local first = f:read(2)
        return first, f:seek(), f:read(1), f:seek('cur', 2), f:read(1), f:seek('set'), f:read(1),
          f:seek('end', -1), f:read(1)
    """

    assert ["01", 2, "2", 5, "5", 0, "0", 9, "9"] == lua.run(source)


def test_update_writes_in_place(lua, tmp_path):
    (tmp_path / "a.txt").write_text("abcdef")

    assert ["ab", "ef"] == lua.run(
        "local f <close> = io.open('a.txt', 'r+') local a = f:read(2) f:write('XY') return a, f:read('a')"
    )
    assert "abXYef" == (tmp_path / "a.txt").read_text()


def test_append_adds_at_the_end(lua, tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    lua.run("local f = io.open('a.txt', 'a') f:write('two\\n') f:close()")
    lua.run(
        "local f = io.open('a.txt', 'a+') f:seek('set') f:write('three\\n') f:seek('set') first = f:read() f:close()"
    )

    assert "one\ntwo\nthree\n" == (tmp_path / "a.txt").read_text()
    assert ["one"] == lua.run("return first")


def test_truncate_and_update(lua, tmp_path):
    (tmp_path / "a.txt").write_text("old content")

    assert ["new"] == lua.run(
        "local f <close> = io.open('a.txt', 'w+') f:write('new') f:seek('set') return f:read('a')"
    )
    assert "new" == (tmp_path / "a.txt").read_text()


def test_the_old_content_stays_until_a_flush_or_close(lua, tmp_path):
    """Half a file is never seen by a reader that the writer did not mean to see it."""
    (tmp_path / "a.txt").write_text("old")
    source = """
        local function content() local f <close> = io.open('a.txt') return f:read('a') end
        local f = io.open('a.txt', 'w')
        f:write('new')
        local before = content()
        f:flush()
        local flushed = content()
        f:write(' more')
        f:setvbuf('no')
        f:write('!')
        f:flush()
        local after = content()
        f:seek('set', 1) f:write('E') f:close()
        return before, flushed, after, content()
    """

    assert ["old", "new", "new more!", "nEw more!"] == lua.run(source)


@pytest.mark.parametrize("ending", ["", "error('stop')", "os.exit(3)"])
def test_what_a_script_leaves_open_is_written_at_its_end(lua, tmp_path, ending):
    try:
        lua.run(f"file = io.open('a.txt', 'w') file:write('kept') {ending}")
    except ScriptError:
        assert "error" in ending

    assert "kept" == (tmp_path / "a.txt").read_text()


def test_an_interrupted_script_keeps_what_it_wrote(lua, tmp_path):
    lua.on_write = lua.engine.interrupt

    with pytest.raises(Cancelled):
        lua.run("file = io.open('a.txt', 'w') file:write('kept') print('ready') while true do end")

    assert "kept" == (tmp_path / "a.txt").read_text()


def test_a_file_stays_open_from_cell_to_cell(lua, tmp_path):
    lua.run("f = io.open('log.txt', 'w') f:write('one\\n')", mode="cell")
    after_first = (tmp_path / "log.txt").read_text()
    lua.run("f:write('two\\n')", mode="cell")

    assert ("one\n", "one\ntwo\n") == (after_first, (tmp_path / "log.txt").read_text())


def test_closing_the_engine_closes_its_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lua = Lua()
    lua.run("f = io.open('a.txt', 'w') f:write('x')")

    lua.engine.close()

    assert "x" == (tmp_path / "a.txt").read_text()
    assert ["a.txt"] == os.listdir(tmp_path)


def test_refusals_and_failures_come_back_softly(lua):
    """Lua's way: nil, message, errno; a refusal names the rule and the flag that would allow it."""
    missing = lua.run("local f, message, code = io.open('missing.txt') return f, message, code")
    denied = lua.run("local f, message, code = io.open('/etc/passwd') return f, message, code")
    folder = lua.run("local f, message, code = io.open('.', 'w') return f, code ~= nil")

    assert [None, "missing.txt: No such file or directory", 2] == missing
    assert denied[0] is None
    assert "--allow-read /etc/passwd" in denied[1]
    assert 13 == denied[2]
    assert [None, True] == folder


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../../../etc/passwd", "/proc/self/root/etc/passwd", "link", "a\\0b", "", "/dev/zero"],
)
@pytest.mark.parametrize("mode", ["r", "w", "a", "r+", "w+", "a+"])
def test_nothing_outside_the_roots_is_opened(lua, tmp_path, path, mode):
    (tmp_path / "link").symlink_to("/etc/passwd")

    assert [None, True] == lua.run(f"local f, message = io.open('{path}', '{mode}') return f, message ~= nil")


def test_a_closed_file_says_so(lua):
    source = """
        local f = io.open('a.txt', 'w')
        local open_text = tostring(f)
        f:close()
        local _, message = pcall(f.read, f)
        return open_text:match('^file %(0x%x+%)$') ~= nil, tostring(f), io.type(f), io.type(42), message
    """

    *shown, message = lua.run(source)
    assert [True, "file (closed)", "closed file", None] == shown
    assert message.endswith("attempt to use a closed file")


def test_a_close_variable_closes_its_file(lua):
    assert ["closed file"] == lua.run(
        "local kept do local f <close> = io.open('a', 'w') kept = f end return io.type(kept)"
    )


def test_reading_a_file_for_writing_fails_softly(lua):
    assert [None, "Bad file descriptor", 9] == lua.run("local f <close> = io.open('a', 'w') return f:read()")


def test_write_to_a_file_for_reading_fails_when_it_is_flushed(lua):
    assert [None, "Bad file descriptor"] == lua.run(
        "io.open('a', 'w'):close() local f = io.open('a') f:write('x') local ok, message = f:flush() return ok, message"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("io.open('a', 'x')", "bad argument #2 to 'open' (invalid mode)"),
        ("io.open()", "bad argument #1 to 'open' (string expected, got nil)"),
        ("io.stdout:write({})", "bad argument #1 to 'write' (string expected, got table)"),
        ("io.open('a', 'w'):seek('up')", "bad argument #1 to 'seek' (invalid option 'up')"),
        ("io.open('a', 'w'):setvbuf('x')", "bad argument #1 to 'setvbuf' (invalid option 'x')"),
        ("io.tmpfile():read('x')", "bad argument #1 to 'read' (invalid format)"),
        ("io.lines('missing.txt')", "missing.txt: No such file or directory"),
        ("io.popen('ls')", "io.popen is not available: start programs with Tool.execute('process-executor', {...})"),
        ("io.read()", "there is no standard input here to read from"),
    ],
)
def test_misuse_is_an_error_at_the_script_s_line(lua, call, message):
    with pytest.raises(ScriptError) as caught:
        lua.run("\n" + call)

    assert f"script.lua:2: {message}" == caught.value.message


def test_standard_output_and_error_reach_the_writer(lua):
    lua.run("io.write('a', 1, '\\n') io.stdout:write('b'):write('c') io.stderr:write('oops') print('d')")

    assert ("a1\nbcd\n", "oops") == (lua.streamed("stdout"), lua.streamed("stderr"))


def test_standard_files_refuse_to_close(lua):
    assert [None, "cannot close standard file"] == lua.run("return io.stdout:close()")


def test_standard_input_is_read_by_line_and_format(tmp_path, monkeypatch):
    pieces = [b"first line\n", b"12 34\n", b"rest\n", b"", b""]
    lua = Lua(read_stdin=lambda count: pieces.pop(0))

    assert ["first line", 12, 34, "\nrest\n", None] == lua.run(
        "return io.read(), io.read('n'), io.read('n'), io.read('a'), io.read()"
    )
    lua.engine.close()


def test_lines_of_standard_input(tmp_path):
    pieces = [b"one\n", b"two", b"", b""]
    lua = Lua(read_stdin=lambda count: pieces.pop(0))

    assert [["one", "two"]] == lua.run("local t = {} for l in io.lines() do t[#t + 1] = l end return t")
    lua.engine.close()


def test_default_input_and_output_can_be_files(lua, tmp_path):
    (tmp_path / "in.txt").write_text("hello\n")
    source = """
        io.input('in.txt') io.output('out.txt')
        io.write(io.read():upper()) io.close()
        io.output(io.stdout) io.input():close() io.input(io.stdin)
    """
    lua.run(source)

    assert "HELLO" == (tmp_path / "out.txt").read_text()


def test_a_temporary_file_is_gone_after_its_close(lua):
    assert ["x"] == lua.run(
        "local f = io.tmpfile() f:write('x') f:seek('set') local s = f:read('a') f:close() return s"
    )


def test_too_many_open_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lua = Lua(max_open_files=3)
    source = "local kept = {} for i = 1, 3 do kept[i] = io.open('a' .. i, 'w') end "
    source += "local f, message, code = io.open('b', 'w') return f, message, code, #kept"

    handle, message, code, _ = lua.run(source)
    assert (None, 24) == (handle, code)
    assert "[lua] max_open_files = 3" in message
    lua.engine.close()


def test_files_that_no_one_holds_make_room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lua = Lua(max_open_files=3)

    assert ["file"] == lua.run(
        "for i = 1, 20 do io.open('a' .. i, 'w'):write('x') end return io.type(io.open('b', 'w'))"
    )
    assert "x" == (tmp_path / "a20").read_text()
    lua.engine.close()


def test_a_file_object_shows_nothing_of_its_inside(lua):
    """No Python object, no handle and no metatable to change."""
    source = (
        "local f = io.open('a', 'w') local n = 0 for _ in next, f do n = n + 1 end return n, getmetatable(f), type(f)"
    )

    assert [0, False, "table"] == lua.run(source)
