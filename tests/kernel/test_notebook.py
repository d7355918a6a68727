"""Notebooks through nbclient, run from another environment that does not have our package, with ours off the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from llmspell_kernel import kernelspec

pytestmark = pytest.mark.subprocess
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "scripts" / "examples"

RUN = """
import importlib.util, json, os, sys
import nbformat
from nbclient import NotebookClient
have = importlib.util.find_spec("llmspell") is not None
notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, kernel_name="lua-elsewhere", timeout=60,
                        resources={"metadata": {"path": sys.argv[2]}})
client.execute()
outputs = [cell.get("outputs", []) for cell in notebook.cells if cell.cell_type == "code"]
print(json.dumps({"has_llmspell": have, "python": sys.executable, "outputs": outputs}))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """An environment with Jupyter's client libraries (borrowed from ours by a path file) and without llmspell."""
    folder = tmp_path_factory.mktemp("elsewhere")
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "llmspell" not in entry.name and not entry.name.endswith(".pth"):
            (borrowed / entry.name).symlink_to(entry)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "venv" / "lib" / version / "site-packages" / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    kernelspec.install(prefix=str(folder / "jupyter"), name="lua-elsewhere")
    return python, folder


def execute(elsewhere, notebook, folder):
    python, home = elsewhere
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LLMSPELL_HOME": str(home / "llmspell-home"),
        "JUPYTER_PATH": str(home / "jupyter" / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "TMPDIR": str(folder),
    }
    done = subprocess.run(
        [str(python), "-c", RUN, str(notebook), str(folder)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert not result["has_llmspell"]
    assert result["python"] == str(python)
    return result["outputs"]


def text(outputs):
    return "".join(output.get("text", "") for output in outputs if output["output_type"] == "stream")


def test_a_notebook_runs_from_an_environment_without_us(elsewhere, tmp_path):
    import nbformat

    cells = ["x = 20", "print('hello')\nreturn x + 22", 'Tool.invoke("calculator", {input = "2 + 3"}).result.result']
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    nbformat.write(book, tmp_path / "book.ipynb")

    first, second, third = execute(elsewhere, tmp_path / "book.ipynb", tmp_path)

    assert first == []
    assert text(second) == "hello\n"
    assert second[-1]["data"] == {"text/plain": "42"}
    assert third[-1]["data"]["text/plain"] in ("5", "5.0")


@pytest.mark.parametrize(("name", "shown"), [("weather.ipynb", "2012-01"), ("tour.ipynb", "2015-12")])
def test_an_example_notebook_runs_on_its_real_data(elsewhere, tmp_path, name, shown):
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    (work / name).write_bytes((EXAMPLES / name).read_bytes())
    (work / "data" / "seattle-weather.csv").write_bytes((EXAMPLES / "data" / "seattle-weather.csv").read_bytes())

    outputs = execute(elsewhere, work / name, work)

    errors = [output for cell in outputs for output in cell if output["output_type"] == "error"]
    assert errors == []
    assert shown in json.dumps(outputs)


def test_the_example_script_runs_unchanged_as_a_cell(elsewhere, tmp_path):
    import nbformat

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "seattle-weather.csv").write_bytes((EXAMPLES / "data" / "seattle-weather.csv").read_bytes())
    code = (EXAMPLES / "weather_report.lua").read_text(encoding="utf-8")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(book, tmp_path / "book.ipynb")

    (outputs,) = execute(elsewhere, tmp_path / "book.ipynb", tmp_path)

    assert "2015-12" in text(outputs)
    assert [name for name in os.listdir(tmp_path / "llmspell-weather") if name.startswith("report.")]
