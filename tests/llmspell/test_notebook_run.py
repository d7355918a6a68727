"""`llmspell notebook run`: parameters, what is printed, what is written, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmspell.launch import main

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("papermill")
pytestmark = pytest.mark.subprocess
EXAMPLES = Path(__file__).resolve().parents[2] / "scripts" / "examples"
LUA = {"kernelspec": {"name": "llmspell", "display_name": "Lua (llmspell)", "language": "lua"}}
PARAMETERS = 'n = 3 -- how many\nname = "joe"\nkinds = { "rain" }\nfree = nil'


def book(path, *cells, parameters=None, metadata=None, kinds=()):
    """Write a notebook of code cells; `kinds` are the tags of the cells behind the parameters."""
    node = nbformat.v4.new_notebook(metadata=LUA if metadata is None else metadata)
    if parameters is not None:
        node.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    node.cells.extend(nbformat.v4.new_code_cell(code) for code in cells)
    for cell, tag in zip(node.cells, kinds, strict=False):
        cell.metadata["tags"] = [tag]
    nbformat.write(node, path)
    return str(path)


def outputs(path):
    """Return of each code cell its status and the texts, error names or types of its outputs."""
    node = nbformat.read(path, as_version=4)
    return [
        (cell.metadata.papermill.status,
         [each.get("text") or each.get("ename") or each.data["text/plain"] for each in cell.outputs])
        for cell in node.cells
    ]  # fmt: skip


def run(*words):
    return main(["notebook", "run", *words])


def test_output_is_printed_as_it_comes_and_nothing_is_written(project, capfd):
    path = book(project / "a.ipynb", "print('one')", "io.write('no end')", "6 * 7", "io.stderr:write('aside\\n')",
                "display({a = 1})")  # fmt: skip
    before = Path(path).read_bytes()

    assert run(path) == 0
    shown = capfd.readouterr()
    assert shown.out == "one\nno end\n42\n{a = 1}\n"
    assert "aside\n" in shown.err
    assert Path(path).read_bytes() == before
    assert sorted(os.listdir(project)) == [".git", "a.ipynb"]


def test_parameters_are_read_as_the_notebooks_own_values_are(project, capfd):
    path = book(project / "a.ipynb", "print(math.type(n), name, #kinds, kinds[1], math.type(free), last)",
                parameters=PARAMETERS)  # fmt: skip
    (project / "p.yaml").write_text("n: 1\nlast: 'it''s \"quoted\"\\'\n")

    assert run(path, "-f", "p.yaml", "-p", "n=7", "-p", "name=0123", "-p", "kinds=fog", "-p", "free=2.5", "-o",
               "out-{n}.ipynb") == 0  # fmt: skip
    shown = capfd.readouterr()
    assert shown.out == 'integer\t0123\t1\tfog\tfloat\tit\'s "quoted"\\\n'
    assert "no 'last'" in shown.err
    node = nbformat.read(project / "out-7.ipynb", as_version=4)
    assert [cell.metadata.tags for cell in node.cells] == [["parameters"], ["injected-parameters"], []]
    assert node.cells[1].source.startswith("-- Parameters\nn = 7\n")
    assert node.metadata.papermill.parameters.kinds == ["fog"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "end=1"], "keyword in Lua"),
        (["-p", "n:=[1"], "JSON syntax error"),
        (["-p", "n"], "write key=value"),
        (["-f", "missing.yaml"], "cannot read 'missing.yaml'"),
        (["-k", "nothing"], "no kernel named 'nothing'"),
        (["-o", "missing/out.ipynb"], "no such folder"),
        (["-o", "/dev/fd/x.ipynb"], "cannot write '/dev/fd/x.ipynb': no file can be made"),
        (["-o", "out-{x}.ipynb"], "stands for a parameter"),
        (["-k", "python3", "--allow-read", "x"], "is for the kernel 'llmspell'"),
    ],
)
def test_mistakes_end_with_2_before_anything_runs(project, capfd, words, message):
    path = book(project / "a.ipynb", "print('ran')", parameters=PARAMETERS)

    assert run(path, *words) == 2
    shown = capfd.readouterr()
    assert message in shown.err
    assert "ran" not in shown.out


def test_what_is_no_notebook_ends_with_2(project, capfd):
    (project / "a.ipynb").write_text("no JSON")

    assert run("missing.ipynb") == 2
    assert run("a.ipynb") == 2
    assert "'missing.ipynb' does not exist" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\xff", "it is not text in UTF-8"),
        (b"{1}", "it is not JSON (JSON syntax error at line 1 column 2"),
        (b"[1, 2]", "it is JSON, but no object"),
        (b"{}", "it has no 'nbformat'"),
        (b'{"nbformat": 9}', "its 'nbformat' is 9; 1 to 4 can be read"),
        (b'{"nbformat": 3}', "it has no list 'worksheets'"),
        (b'{"nbformat": 4, "cells": 3}', "its 'cells' is no list"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "cells": []}', "it has no object 'metadata'"),
        (b'{"nbformat": 4, "metadata": {}, "cells": []}', "it has no number 'nbformat_minor'"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": 3}, "cells": []}', "is no object"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [3]}', "its cell 1 is no object"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "metadata": {}}]}',
         "its cell 1 has no text 'source'"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": '
         b'[{"cell_type": "code", "source": "", "metadata": {"tags": 3}}]}', "the tags of its cell 1 are no list"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "parameters"])
def test_a_broken_notebook_is_refused_in_words_that_say_what_is_wrong(project, capfd, command, content, why):
    (project / "a.ipynb").write_bytes(content)

    assert main(["notebook", command, "a.ipynb"]) == 2
    shown = capfd.readouterr()
    assert shown.err.startswith("Error: 'a.ipynb' is not a notebook: ")
    assert why in shown.err


def test_a_failed_cell_ends_the_run_and_the_partial_notebook_is_there(project, capfd):
    path = book(project / "a.ipynb", "print('one')", "local function f() error('boom') end\nf()", "print('never')")

    assert run(path, "-o", "out.ipynb") == 1
    shown = capfd.readouterr()
    assert shown.out == "one\n"
    assert "Error: cell 2: ScriptError: In[2]:1: boom\n  In[2]:1: in local 'f'\n" in shown.err
    assert outputs("out.ipynb") == [("completed", ["one\n"]), ("failed", ["ScriptError"]), ("skipped", [])]


def test_an_error_that_is_expected_is_none(project, capfd):
    path = book(project / "a.ipynb", "error('wanted')", "print('on')", kinds=["raises-exception"])

    assert run(path, "-o", "out.ipynb") == 0
    assert capfd.readouterr().out == "on\n"


def test_json_is_one_object(project, capfd):
    path = book(project / "a.ipynb", "print('one')", "error('boom')", parameters="n = 1")

    assert run(path, "-p", "n=2", "--output", "json") == 1
    found = json.loads(capfd.readouterr().out)
    assert found["status"] == "error"
    assert (found["error_type"], found["details"]["cell"]) == ("script_error", 4)
    assert (found["result"], found["parameters"], found["output_notebook"]) == ("one", {"n": 2}, None)
    assert [cell["status"] for cell in found["cells"]] == ["completed", "completed", "completed", "failed"]


def test_a_cell_beyond_its_time_is_stopped_with_what_it_has_printed(project, capfd):
    path = book(project / "a.ipynb", "print('began') while true do end", "print('never')")

    assert run(path, "--timeout", "0.4", "-o", "out.ipynb") == 124
    assert "cell 1 was stopped after 0.4 s" in capfd.readouterr().err
    assert outputs("out.ipynb") == [("failed", ["began\n", "KeyboardInterrupt"]), ("skipped", [])]


def test_quiet_prints_errors_alone(project, capfd):
    path = book(project / "a.ipynb", "print('one')", "error('boom')")

    assert run(path, "-q") == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "boom" in shown.err


def test_os_exit_ends_the_run(project, capfd):
    path = book(project / "a.ipynb", "print('one')", "os.exit(3)", "print('never')")

    assert run(path, "-o", "out.ipynb") == 3
    assert [status for status, _ in outputs("out.ipynb")] == ["completed", "completed", "skipped"]


def test_the_policy_of_the_line_holds_in_the_kernel(project, capfd):
    (project / "secret.txt").write_text("secret")
    path = book(project / "a.ipynb", "print(io.open('secret.txt'))")

    assert run(path) == 0
    assert run(path, "--deny-read", "secret.txt") == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("file (")
    assert "not allowed" in second


def test_another_lua_kernel_that_is_missing_is_ours(project, capfd):
    path = book(project / "a.ipynb", "print(_VERSION)",
                metadata={"kernelspec": {"name": "xlua", "display_name": "Lua", "language": "lua"}})  # fmt: skip

    assert run(path) == 0
    shown = capfd.readouterr()
    assert shown.out == "Lua 5.4\n"
    assert "no kernel 'xlua' here" in shown.err


def test_the_example_in_lua_makes_its_report(project, capfd):
    assert run(str(EXAMPLES / "year_report.ipynb"), "-p", "year=2014", "--cwd", str(EXAMPLES), "-o", "out.ipynb") == 0
    shown = capfd.readouterr().out
    assert "1461 days read, 365 of them in 2014" in shown
    assert "2014-03" in shown


def test_the_example_names_the_file_that_it_does_not_find(project, capfd):
    assert run(str(EXAMPLES / "year_report.ipynb"), "-o", "out.ipynb") == 1
    assert "data/seattle-weather.csv was not found" in capfd.readouterr().err
    assert run(str(EXAMPLES / "year_report.ipynb"), "-p", "source=mine.csv", "--cwd", str(EXAMPLES)) == 1
    assert "mine.csv was not found" in capfd.readouterr().err


def test_the_example_in_python_runs_in_its_kernel(project, capfd):
    assert run(str(EXAMPLES / "tools_in_python.ipynb"), "-o", "out.ipynb") == 0
    shown = capfd.readouterr().out
    assert "'Sunday'\nrows: 3\n" in shown
    assert shown.endswith("42.75\n0.632\n'hello, Ada'\n")
    html = [output.data.get("text/html", "") for _, output in results(project / "out.ipynb")]
    assert sum("<table" in text for text in html) == 2


def results(path):
    node = nbformat.read(path, as_version=4)
    return [
        (cell, output)
        for cell in node.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    ]


def test_parameters_lists_what_a_notebook_takes(project, capfd):
    path = book(project / "a.ipynb", "print(n)", parameters=PARAMETERS)

    assert main(["notebook", "parameters", path]) == 0
    assert capfd.readouterr().out.splitlines()[0].split() == ["n", "number", "default", "3", "how", "many"]
    assert main(["notebook", "parameters", path, "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)[1] == {
        "name": "name", "type": "string", "default": '"joe"', "description": "",
    }  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_kernel_and_leaves_the_partial_notebook(project, number, status):
    path = book(project / "a.ipynb", "print('began') while true do end", "print('never')")
    process = subprocess.Popen(
        [sys.executable, "-m", "llmspell", "notebook", "run", path, "-o", "out.ipynb"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "began\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == status
    assert "Interrupted\n" in errors
    assert outputs("out.ipynb") == [("failed", ["began\n", "KeyboardInterrupt"]), ("skipped", [])]


def test_without_papermill_it_says_how_to_get_it(project):
    path = book(project / "a.ipynb", "print(1)")
    code = "import sys; sys.modules['papermill'] = None; from llmspell.launch import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "notebook", "run", path], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 3
    assert "pip install 'llmspell[papermill]'" in done.stderr


def test_papermill_itself_learns_lua_by_our_entry_point(project, monkeypatch):
    """What the wheel's metadata say, and a kernelspec that is installed; `papermill` is started as people start it."""
    from llmspell_kernel import kernelspec

    path = book(project / "a.ipynb", "print(n * 2, name)", parameters=PARAMETERS)
    kernelspec.install(prefix=str(project / "jupyter"))
    metadata = project / "installed" / "llmspell_entry-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[papermill.engine]\nllmspell = llmspell.notebook.entry:engine\n")
    monkeypatch.setenv("PYTHONPATH", str(project / "installed"))
    monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter" / "share" / "jupyter"))
    words = ["papermill", path, "out.ipynb", "-p", "n", "21", "-p", "name", "it's", "--no-progress-bar"]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert outputs("out.ipynb")[-1] == ("completed", ["42\tit's\n"])
