"""`%load_ext llmspell` in an IPython shell of this process."""

from __future__ import annotations

import atexit
import datetime as dt
import os
import signal
import sys
import threading

import pytest

pytest.importorskip("IPython")

import llmspell
from llmspell_tools.errors import InvalidParameters, ScriptError, ToolNotFound, ToolTimeout


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell with the extension, its output captured by pytest."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr("llmspell.api._registry", None)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    made = InteractiveShell.instance(config=config)
    made.run_line_magic("load_ext", "llmspell")
    yield made
    made.run_line_magic("unload_ext", "llmspell")
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    InteractiveShell.clear_instance()


def run(shell, code):
    """Run a cell and return what its last expression gave; raise what it raised."""
    result = shell.run_cell(code, store_history=True)
    if result.error_in_exec is not None:
        raise result.error_in_exec
    return result.result


def complete(shell, code):
    """Return the texts that may take the place of the end of `code`, each with what it replaces."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return {(code[each.start : each.end], each.text) for each in shell.Completer.completions(code, len(code))}


# --- %tool ------------------------------------------------------------------------------------------------------------


def test_a_line_calls_a_tool_with_the_shells_words(shell):
    result = run(shell, "r = %tool calculator input='2 + 2'\nr")

    assert result.output["result"]["result"] == 4


def test_a_cell_holds_the_parameters_as_yaml_or_json(shell):
    from_yaml = run(shell, "%%tool csv-analyzer\noperation: analyze\ninput: |\n  a,b\n  1,2\n  3,4\n")
    from_json = run(shell, '%%tool csv-analyzer operation=analyze\n{"input": "a,b\\n1,2\\n3,4\\n"}')

    assert from_yaml.output == from_json.output


def test_a_python_variable_is_a_parameter_as_it_is(shell):
    shell.user_ns["data"] = {"a": [1, 2, 3]}
    result = run(shell, "%tool template-engine engine=tera input='{{ a | length }} $data {x}' context=$data")

    assert result.output["result"] == {**result.output["result"], "rendered": "3 $data {x}"}


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("%tool calculatr input=1", ToolNotFound, "did you mean 'calculator'"),
        ("%tool calculator inptu=1", InvalidParameters, "did you mean 'input'"),
        ("%tool calculator input=$nothing", InvalidParameters, "no Python variable 'nothing'"),
        ("%tool calculator input='1", InvalidParameters, "no closing quotation"),
        ("%tool calculator input=@-", InvalidParameters, "no standard input"),
        ("%tool --nothing", InvalidParameters, "--timeout SECONDS and --help NAME"),
        ("%%tool calculator input=1\ninput: 2", InvalidParameters, "in the line and in the cell"),
        ("%%tool calculator\n- 1", InvalidParameters, "not a list"),
    ],
)
def test_mistakes_say_what_is_wrong(shell, capsys, line, error, message):
    with pytest.raises(error, match=message.replace("(", "\\(")):
        run(shell, line)

    shown = capsys.readouterr()
    assert f"{error.__name__}: " in shown.out + shown.err
    assert "llmspell/" not in shown.out + shown.err


def test_alone_it_shows_all_tools_and_help_describes_one(shell, capsys):
    assert "calculator" in run(shell, "%tool")
    run(shell, "%tool --help hash-calculator")

    assert "operation ('hash' | 'verify'" in capsys.readouterr().out


def test_a_tool_of_ones_own_is_there_at_once(shell):
    run(shell, "import llmspell\n@llmspell.tool(name='greeter')\ndef greeter(*, name: str) -> str:\n"
               "    'Greet.'\n    return 'hello ' + name\nllmspell.registry().register(greeter)")  # fmt: skip

    assert run(shell, "%tool greeter name=Ada").output == "hello Ada"
    assert run(shell, "%lua Tool.execute('greeter', {name = 'Ada'}).text") == "hello Ada"
    assert ("gree", "greeter") in complete(shell, "%tool gree")


def test_an_own_tool_whose_file_changes_is_the_new_one_in_the_next_cell(shell, project):
    file = project / "own" / "greeter.py"
    file.parent.mkdir()
    config = project.parent / "home" / ".llmspell" / "config.toml"
    config.parent.mkdir()
    config.write_text(f"[tools]\ndirectories = ['{file.parent}']\n")
    for word in ("hello", "good morning"):
        file.write_text(
            "from llmspell_tools.definition import tool\n\n\n@tool(name='greeter')\ndef greeter() -> str:\n"
            f"    'Greet.'\n    return '{word}'\n"
        )

        assert run(shell, "%tool greeter").output == word
        assert run(shell, "%lua Tool.execute('greeter').text") == word


# --- %lua -------------------------------------------------------------------------------------------------------------


def test_the_last_expression_is_a_python_value(shell):
    assert run(shell, "v = %lua {a = 1, b = {true, 'x', 2.5}}\nv") == {"a": 1, "b": [True, "x", 2.5]}
    assert run(shell, "%lua -1 + 3") == 2
    assert run(shell, "%%lua\nlocal t = {}\nt") == {}
    assert run(shell, "%lua nil") is None


def test_globals_stay_and_prints_go_to_the_cell(shell, capsys):
    run(shell, "%%lua\ncount = 1\nprint('one')")
    assert run(shell, "%%lua\ncount = count + 1\nprint('two')\ncount") == 2
    assert "one\ntwo\n" in capsys.readouterr().out

    run(shell, "%lua --reset")
    assert run(shell, "%lua count") is None


def test_variables_cross_both_ways(shell):
    import numpy as np

    shell.user_ns.update(rows=[{"n": 1}, {"n": 2}], array=np.arange(3), day=dt.date(2012, 1, 2), raw=b"\xff")
    run(shell, "%%lua -i rows,array -i day -i raw -o total -o back\n"
               "total = rows[1].n + rows[2].n + #array\nback = {day, raw}")  # fmt: skip

    assert shell.user_ns["total"] == 6
    assert shell.user_ns["back"] == ["2012-01-02", b"\xff"]


def test_a_global_that_lua_has_not_is_none_and_said(shell, capsys):
    shell.user_ns["totl"] = "of an earlier run"
    run(shell, "%%lua -o totl\ntotal = 3")

    assert shell.user_ns["totl"] is None
    shown = capsys.readouterr()
    assert "Warning: Lua has no global 'totl'; it is None in Python; did you mean 'total'?" in shown.err


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%lua -i nothing\nx = 1", "no Python variable 'nothing'"),
        ("%%lua -i strange\nx = 1", "'strange' holds a set"),
        ("%%lua -i loop\nx = 1", "contains itself"),
        ("%%lua -o f\nf = print", "'f' has no Python form"),
        ("%%lua -o if\nx = 1", "no name of a variable"),
        ("%%lua --wrong\nx = 1", "no option '--wrong'"),
        ("%%lua x = 1\ny = 2", "lines below"),
        ("%%lua -i\nx = 1", "wants a NAME"),
    ],
)
def test_what_cannot_cross_is_named(shell, cell, message):
    loop = []
    loop.append(loop)
    shell.user_ns.update(strange={1}, loop=loop)

    with pytest.raises(InvalidParameters, match=message):
        run(shell, cell)


def test_rows_and_rich_values_show_so_and_stay_plain(shell):
    rows = run(shell, "%%lua\n{{a = 1, b = 'x'}, {a = 2}}")
    chart = run(shell, "%lua setmetatable({n = 1}, {__mime = {['text/html'] = '<b>n</b>'}})")

    assert rows == [{"a": 1, "b": "x"}, {"a": 2}]
    data, _ = shell.display_formatter.format(rows)
    assert "<table" in data["text/html"]
    assert chart == {"n": 1}
    assert shell.display_formatter.format(chart)[0]["text/html"] == "<b>n</b>"


def test_a_value_without_a_python_form_only_shows_itself(shell):
    assert repr(run(shell, "%lua print")).startswith("function: ")


def test_an_error_shows_the_line_of_lua_and_no_frame_of_ours(shell, capsys):
    run(shell, "1")
    with pytest.raises(ScriptError):
        run(shell, "%%lua\nlocal function f() error('boom') end\nf()")

    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "ScriptError: In[2]:2: boom" in text  # with %%lua as line 1, as the notebook numbers them
    assert "2 | local function f() error('boom') end" in text
    assert "In[2]:3: in main chunk" in text
    assert "Traceback" not in text


def test_an_endless_loop_ends_at_its_timeout_and_variables_stay(shell):
    run(shell, "%lua kept = 7")
    with pytest.raises(ToolTimeout, match=r"stopped after 0\.2 s; --timeout"):
        run(shell, "%%lua --timeout 0.2\nwhile true do end")

    assert run(shell, "%lua kept") == 7


def test_sigint_stops_an_endless_loop_and_variables_stay(shell, monkeypatch):
    """As an event loop has it, a wake-up descriptor is set: Lua is stopped all the same, and it is there again."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former = signal.set_wakeup_fd(writer)
    started = threading.Event()

    class Watcher:
        def write(self, text):
            if "started" in text:
                started.set()

        def flush(self):
            pass

    def interrupt():
        assert started.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    worker = threading.Thread(target=interrupt)
    worker.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Watcher())
            result = shell.run_cell("%%lua\nkept = 8\nprint('started')\nwhile true do end")
        worker.join(5)
        assert signal.set_wakeup_fd(former) == writer
    finally:
        os.close(reader)
        os.close(writer)

    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert run(shell, "%lua kept") == 8


def test_another_thread_is_told_that_lua_is_not_its_own(shell):
    run(shell, "%lua 1")
    found = []
    worker = threading.Thread(target=lambda: found.append(shell.run_cell("%lua 1").error_in_exec))
    worker.start()
    worker.join(5)

    assert "thread" in str(found[0])


def test_lua_asks_as_pythons_input_does(shell, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: f"answer to {prompt}")

    assert run(shell, "%lua io.read()") == "answer to "


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("calculator(inptu=1)", InvalidParameters, "InvalidParameters: unknown parameter"),
        ("calculatr", AttributeError, "did you mean 'calculator'?"),
    ],
)
def test_errors_of_the_python_api_show_the_users_frames_alone(shell, capsys, code, error, message):
    with pytest.raises(error):
        run(shell, f"import llmspell\ndef mine():\n    return llmspell.tools.{code}\nmine()")

    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "in mine()" in text
    assert message in text
    assert "toolbox.py" not in text


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("%tool calcu", ("calcu", "calculator")),
        ("r = %tool hash_c", ("hash_c", "hash_calculator")),
        ("%tool calculator inp", ("inp", "input=")),
        ("%tool --timeout 5 calculator operation=val", ("operation=val", "operation=validate")),
        ("%%tool csv-analyzer\nope", ("ope", "operation: ")),
        ("%%tool csv-analyzer\noperation: an", ("an", "analyze")),
        ("%tool file-operations path=some", ("path=some", "path=some thing.txt")),
        ("%%lua\nx = 1\nstring.up", ("up", "upper")),
        ("%%lua\nTool.execute('calcul", ("calcul", "calculator")),
        ("%lua math.fl", ("fl", "floor")),
        ("%%lua --ti", ("--ti", "--timeout")),
        ("%%lua -i own_va", ("own_va", "own_variable")),
    ],
)
def test_tab_completes(shell, project, code, wanted):
    (project / "some thing.txt").write_text("")
    shell.user_ns["own_variable"] = 1

    assert wanted in complete(shell, code)


def test_pythons_own_completion_stays(shell):
    run(shell, "import os")

    assert ("pat", "path") in complete(shell, "os.pat")


def test_unloading_takes_everything_away(shell):
    from llmspell_tools.errors import LlmspellError

    run(shell, "%lua 1")
    shell.run_line_magic("unload_ext", "llmspell")

    assert shell.find_line_magic("tool") is None
    assert shell.find_cell_magic("lua") is None
    assert complete(shell, "%tool calcu") == set()
    assert not hasattr(LlmspellError, "_render_traceback_")
    shell.run_line_magic("load_ext", "llmspell")
    assert run(shell, "%lua 2") == 2


def test_importing_the_package_imports_no_ipython():
    import subprocess

    code = "import sys, llmspell; assert hasattr(llmspell, '__all__'); print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "False\n"
    assert llmspell.load_ipython_extension.__name__ == "load_ipython_extension"
