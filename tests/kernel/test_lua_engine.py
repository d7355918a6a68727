"""The engine's face: scripts, cells, arguments, output, errors, state, threads."""

from __future__ import annotations

import threading

import pytest

from llmspell_kernel.lua import EngineSettings, LuaEngine
from llmspell_tools.errors import InternalError, LimitExceeded, ScriptError, ScriptSyntaxError
from llmspell_tools.registry import ToolRegistry


class Written(list):
    """What an engine wrote: (stream, text)."""

    def __call__(self, stream, text):
        self.append((stream, text))

    def text(self, stream="stdout"):
        return "".join(text for name, text in self if name == stream)


@pytest.fixture
def written():
    return Written()


@pytest.fixture
def engine(written):
    made = LuaEngine(ToolRegistry(), write=written)
    yield made
    made.close()


def script(engine, code, **options):
    return engine.execute(code, name="@folder/script.lua", mode="script", **options)


def cell(engine, code, number=1):
    return engine.execute(code, name=f"=In[{number}]", mode="cell")


def test_script_results_are_values(engine):
    result = script(engine, "return 1, 2.0, 'three', { 4, 5 }, { six = true }, nil")

    assert result.values == [1, 2.0, "three", [4, 5], {"six": True}, None]
    assert [type(value) for value in result.values[:2]] == [int, float]
    assert result.exit_code is None


def test_functions_in_results_are_named_not_refused(engine):
    assert script(engine, "return { f = print }").values == [{"f": "<function>"}]


def test_result_without_json_form_is_a_script_error(engine):
    with pytest.raises(ScriptError, match=r"0/0|nan"):
        script(engine, "return { deep = { 0/0 } }")


def test_state_persists_between_executions(engine):
    script(engine, "x = 41")

    assert script(engine, "return x + 1").values == [42]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1 + 1", "2"),
        ("1, 2", "1\n2"),
        ("'text'", "'text'"),
        ("x = 1", None),
        ("", None),
        ("-- only a comment", None),
        ("nil", "nil"),
        ("local x = 1\nreturn x", "1"),
        ("print('a')", None),
        ("{ 1, 2 }", "{1, 2}"),
    ],
)
def test_cell_shows_its_value(engine, code, text):
    shown = cell(engine, code).text

    assert shown == text or (text == "'text'" and shown in {"'text'", '"text"', "text"})


def test_print_is_stock_lua(engine, written):
    script(
        engine,
        "print(1, 2.0, nil, true, 'x')  print()  print(setmetatable({}, { __tostring = function() return 'T' end }))",
    )

    assert written.text() == "1\t2.0\tnil\ttrue\tx\n\nT\n"


def test_first_print_goes_out_at_once_and_the_rest_in_few_pieces(engine, written):
    pieces_at_second_print = []
    engine._bridge.put("look", engine._prelude.run(
        "local _, host = ... return function() host.look() end",
        {"look": lambda: pieces_at_second_print.append(len(written))},
    ))  # fmt: skip

    script(engine, "print('first') look() for i = 1, 1000 do print(i) end")

    assert pieces_at_second_print == [1]
    assert len(written) < 100
    assert written.text() == "first\n" + "".join(f"{i}\n" for i in range(1, 1001))


def test_prints_are_written_while_lua_computes(written):
    """The watch thread flushes; Lua never comes back to Python here until it is interrupted."""
    seen = threading.Event()

    def write(stream, text):
        written(stream, text)
        if "second" in text:
            seen.set()
            engine.interrupt()

    engine = LuaEngine(ToolRegistry(), write=write)
    with engine, pytest.raises(Exception, match="interrupted"):
        script(engine, "print('first') print('second') while true do end", timeout_s=5)

    assert seen.is_set()


def test_output_comes_before_the_error(engine, written):
    with pytest.raises(ScriptError):
        script(engine, "print('a') print('b') error('c')")

    assert written.text() == "a\nb\n"


def test_utf8_cut_by_a_flush_stays_whole(engine, written):
    script(engine, r"io.write('\xe2\x82') io.write('\xac')  print()")

    assert written.text() == "€\n"


def test_bytes_that_are_not_utf8_are_replaced_or_kept_as_asked(written):
    with LuaEngine(ToolRegistry(), write=written, settings=EngineSettings(output_errors="surrogateescape")) as engine:
        script(engine, r"io.write('\xff')")

    assert written.text().encode("utf-8", "surrogateescape") == b"\xff"


@pytest.mark.parametrize(("code", "exit_code"), [("os.exit(3)", 3), ("os.exit()", 0), ("os.exit(false)", 1)])
def test_exit_ends_the_run_even_inside_pcall(engine, code, exit_code):
    result = script(engine, f"pcall(function() {code} end) pcall({code.split('(')[0]}, 9) error('not reached')")

    assert result.exit_code == exit_code
    assert script(engine, "return 1").values == [1]


def test_arguments_have_both_key_kinds(engine):
    code = 'return ARGS["0"], ARGS[1], ARGS["1"], ARGS.name, ARGS.flag, ARGS.path, arg[0], arg[1], #arg'

    values = script(engine, code, args=["first", "--name", "a\nb", "--path=/x", "--flag"]).values

    assert values == ["folder/script.lua", "first", "first", "a\nb", "true", "/x", "folder/script.lua", "first", 5]


def test_arguments_shift_no_line(engine):
    with pytest.raises(ScriptError) as caught:
        script(engine, "error('here')", args=["a", "b", "c"])

    assert caught.value.details["line"] == 1


def test_runtime_error_has_traceback_line_and_source(engine):
    code = "local function inner()\n  local t = nil\n  return t.x\nend\nlocal function outer()\n  inner()\nend\nouter()"

    with pytest.raises(ScriptError) as caught:
        script(engine, code)

    details = caught.value.details
    assert caught.value.message == "folder/script.lua:3: attempt to index a nil value (local 't')"
    assert details["line"] == 3
    assert details["chunk"] == "folder/script.lua"
    assert details["source"] == "return t.x"
    assert [line.split(": ", 1)[0] for line in details["traceback"]] == [
        "folder/script.lua:3", "folder/script.lua:6", "folder/script.lua:8",
    ]  # fmt: skip


def test_traceback_reaches_into_the_coroutine_that_failed(engine):
    code = "local co = coroutine.wrap(function()\n  error('inside')\nend)\nco()"

    with pytest.raises(ScriptError) as caught:
        script(engine, code)

    assert caught.value.details["line"] == 2


def test_syntax_error_has_line_and_source(engine):
    with pytest.raises(ScriptSyntaxError) as caught:
        script(engine, "local a = 1\nlocal = 2")

    assert caught.value.details["line"] == 2
    assert caught.value.details["source"] == "local = 2"
    assert "folder/script.lua:2:" in caught.value.message


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("goto nosuch", "no visible label 'nosuch' for <goto>"),
        ("goto on local x = 1 ::on:: print(x)", "<goto on> jumps into the scope of local 'x'"),
        ("do break end", "break outside loop"),
    ],
)
def test_a_jump_that_goes_nowhere_is_reported_at_its_own_line(engine, statement, said):
    """Lua finds out at the end of the block."""
    with pytest.raises(ScriptSyntaxError) as caught:
        script(engine, f"local a = 1\n{statement}\nprint(a)\nprint(a)")

    assert caught.value.details["line"] == 2
    assert caught.value.details["source"] == statement
    assert caught.value.message.endswith(f"folder/script.lua:2: {said}")


def test_cell_errors_show_the_cell(engine):
    with pytest.raises(ScriptError) as caught:
        cell(engine, "local function f() error('x') end\nf()", 7)

    assert caught.value.message.startswith("In[7]:1:")
    assert [line.split(": ")[0] for line in caught.value.details["traceback"]] == ["In[7]:1", "In[7]:2"]


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("error({ code = 1 })", "code = 1"),
        ("error(setmetatable({}, { __tostring = function() return 'custom' end }))", "custom"),
        ("error(nil)", "nil"),
        ("error(42)", "42"),
    ],
)
def test_error_values_that_are_no_strings_are_shown(engine, code, part):
    with pytest.raises(ScriptError, match=part):
        script(engine, code)


def test_shebang_line_is_skipped_without_a_shift(engine):
    with pytest.raises(ScriptError) as caught:
        script(engine, "#!/usr/bin/env llmspell\n\nerror('x')")

    assert caught.value.details["line"] == 3


def test_a_cell_that_begins_with_the_length_operator_is_an_expression(engine):
    """Stock Lua skips a first line with `#` in files only; `#!` is no expression in a cell either."""
    assert cell(engine, "#{7, 8}").text == "2"
    assert cell(engine, "#!/usr/bin/env llmspell\n#'abc'").text == "3"
    assert script(engine, "# a note for a shell\nreturn 1").values == [1]


def test_source_that_is_too_long_is_refused(written):
    with (
        LuaEngine(ToolRegistry(), write=written, settings=EngineSettings(max_source_bytes=100)) as engine,
        pytest.raises(LimitExceeded) as caught,
    ):
        script(engine, "x = 1\n" * 100)

    assert caught.value.details["key"] == "[lua] max_source_bytes"


def test_nil_global_that_was_a_local_says_in_which_cell(engine):
    cell(engine, "-- local decoy = 1\nlocal alpha, beta <const> = {}, 2\nif true then local gamma = 1 end", 1)
    cell(engine, "local function helper() end", 2)

    with pytest.raises(ScriptError, match=r"'alpha' was a local in In\[1\]"):
        cell(engine, "alpha.x = 1", 3)
    with pytest.raises(ScriptError, match=r"'helper' was a local in In\[2\]"):
        cell(engine, "helper()", 4)
    with pytest.raises(ScriptError) as caught:
        cell(engine, "gamma()", 5)

    assert "hint" not in caught.value.details


def test_bare_name_of_an_old_local_gives_the_hint_on_stderr(engine, written):
    cell(engine, "local alpha = 1", 1)

    assert cell(engine, "alpha", 2).text == "nil"
    assert "In[1]" in written.text("stderr")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("x = 1", "complete"),
        ("1 + 1", "complete"),
        ("", "complete"),
        ("for i = 1, 3 do", "incomplete"),
        ("function f(", "incomplete"),
        ("x = {", "incomplete"),
        ("repeat", "incomplete"),
        ("--[[ open", "incomplete"),
        ("x = [[ open", "incomplete"),
        ("x = 'abc", "invalid"),
        ("x = = 1", "invalid"),
        ("end", "invalid"),
        ("goto nowhere", "invalid"),
    ],
)
def test_completeness_of_a_cell(engine, code, status):
    assert engine.is_complete(code)[0] == status


def test_incomplete_block_asks_for_an_indent(engine):
    assert engine.is_complete("if x then\n  for i = 1, 2 do") == ("incomplete", "    ")


def test_load_uses_the_script_environment_and_text_only(engine):
    assert script(engine, "y = 5 return load('return y')(), load('return y', 'c', 't', { y = 6 })()").values == [5, 6]
    assert script(engine, r"return load('\27Lua')").values[0] is None


def test_another_thread_is_refused(engine):
    caught = []

    def run():
        try:
            script(engine, "return 1")
        except InternalError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(5)

    assert len(caught) == 1


def test_engines_run_side_by_side_in_threads():
    values = {}

    def run(number):
        with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
            values[number] = script(engine, f"local s = 0 for i = 1, 10000 do s = s + {number} end return s").values

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert values == {number: [number * 10000] for number in range(4)}


def test_close_twice_is_close(written):
    engine = LuaEngine(ToolRegistry(), write=written)
    engine.close()
    engine.close()


def test_failing_writer_ends_the_run_with_its_own_error():
    def write(stream, text):
        raise BrokenPipeError

    with LuaEngine(ToolRegistry(), write=write) as engine, pytest.raises(BrokenPipeError):
        script(engine, "while true do print('x') end", timeout_s=5)


def test_instrument_sees_every_chunk():
    seen = []

    def instrument(text, name, is_global, is_cell):
        seen.append((name, is_global, is_cell))
        return text.replace("MARK", "42")

    with LuaEngine(ToolRegistry(), write=lambda stream, text: None) as engine:
        engine.loader.instrument = instrument
        values = script(engine, "return MARK, load('return MARK', '@loaded')()").values

    assert values == [42, 42]
    assert seen == [("@folder/script.lua", True, False), ("@loaded", True, False)]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("local a = 20\na + 1", "21"),
        ("b = 1; b + 1", "2"),
        ("local t = { 1, 2 }\n{\n  #t\n}\n-- done", "{2}"),
        ("local s = 'x;y\\nz'\n#s", "5"),
        ("for i = 1, 2 do end\n\n'end'", None),
    ],
)
def test_last_expression_after_statements_is_shown(engine, code, text):
    shown = cell(engine, code).text

    assert shown == text if text is not None else "end" in shown


def test_cell_that_compiles_as_it_stands_is_never_changed(engine):
    """`x = f` and `(1)` on the next line are one call, not an assignment and an expression."""
    cell(engine, "f = function(n) return n + 1 end")
    result = cell(engine, "x = f\n(1)")

    assert result.text is None
    assert cell(engine, "x").text == "2"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("a = 20\ntostring(a + 1)", '"21"'),
        ("a = 20; tostring(a)  -- the last call", '"20"'),
        ("local t = { f = function(_, x) return x end }\n\nt:f{\n  3,\n}", "{3}"),
        ("a = 1\ntostring(a);", None),
        ("tostring(1);", None),
        ("for i = 1, 2 do\n  tostring(i)\nend", None),
        ("s = [[\ntostring(1) --]]", None),
        ("a = 1\nio.write('')", None),
        ("-- says; tostring(1)", None),
        ("do return end\ntostring(1)", None),
    ],
)
def test_answer_of_a_last_call_is_shown_unless_a_semicolon_ends_it(engine, code, text):
    assert cell(engine, code).text == text


def test_a_last_call_is_nothing_else_than_it_was(engine):
    """What could go on with the line before it is left alone; the text of a long string stays."""
    cell(engine, "s = [[\ntostring(1) --]]\nf = tostring\n'x'")

    assert cell(engine, "s, f").text == '"tostring(1) --"\n"x"'


def test_line_of_an_error_is_true_in_a_cell_with_a_last_expression(engine):
    with pytest.raises(ScriptError) as caught:
        cell(engine, "local t = nil\n\nt.x")

    assert caught.value.details["line"] == 3


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print(1)".encode("utf-16"), "is UTF-16, not UTF-8 text; save it as UTF-8"),
        ("print(1)".encode("utf-16-le"), "is UTF-16, not UTF-8 text; save it as UTF-8"),
        (b"\x7fELF\x02\x01\x00", "is a binary file, not UTF-8 text"),
        (b"local gr\xf6sse = 1", "is not UTF-8 text (byte 8); save it as UTF-8"),
        (b"\x1bLuaT\x00", "is compiled Lua, which is never run; give its source text"),
    ],
)
def test_what_is_no_text_is_called_what_it_is(code, says, engine):
    with pytest.raises(ScriptSyntaxError) as caught:
        engine.execute(code.decode("utf-8", "surrogateescape"), name="@odd.lua", mode="script")

    assert caught.value.message == f"odd.lua {says}"
    assert "source" not in caught.value.details


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("display.tabel({})", "; did you mean 'display.table'?"),
        ("local x = Tool.exceute('a')", "; did you mean 'Tool.execute'?"),
        ("string.fromat('a')", "; did you mean 'string.format'?"),
        ("display.quux()", ""),
        ("mine = {} mine.tabel()", ""),
        ("mine = {display = {}} mine.display.tabel()", ""),
        ("display.tabel = nil assert(display.tabel == nil)", None),
    ],
)
def test_a_call_of_a_function_that_a_global_lacks_names_the_nearest(code, hint, engine):
    if hint is None:
        engine.execute(code, name="@s.lua", mode="script")
        return
    with pytest.raises(ScriptError) as caught:
        engine.execute(code, name="@s.lua", mode="script")

    assert caught.value.message.endswith(f"'){hint}")


def test_a_byte_that_is_no_text_hides_no_other_mistake(engine):
    with pytest.raises(ScriptSyntaxError, match=r"odd\.lua:2: unexpected symbol near '='"):
        engine.execute("x = '\udcff'\ny = = 1", name="@odd.lua", mode="script")


def test_syntax_error_of_a_cell_is_about_the_cell_itself(engine):
    with pytest.raises(ScriptSyntaxError) as caught:
        cell(engine, "x = 1\ny = = 2")

    assert caught.value.details["line"] == 2
