"""How cells are known to a notebook's debugger: paths made of a hash of their text."""

import random
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ipykernel.compiler import murmur2_x86

from llmspell_kernel.cell_paths import HASH_SEED, SUFFIX
from llmspell_kernel.debug import jupyter_cells
from llmspell_kernel.debug.jupyter_cells import CellTexts, murmur2
from llmspell_kernel.handlers.debug import DebugDesk


@pytest.mark.parametrize("seed", [0, HASH_SEED, 0xC70F6907, 0xFFFFFFFF])
def test_the_hash_is_that_of_ipykernel(seed):
    letters = random.Random(seed)
    texts = ["".join(letters.choices("aZ0 \n\té€😀", k=size)) for size in range(80)]

    assert [murmur2(text, seed) for text in texts] == [murmur2_x86(text, seed) for text in texts]


def test_a_lone_surrogate_is_hashed_as_browsers_encode_it():
    assert murmur2("a\ud800b", 1) == murmur2("a�b", 1)


def test_a_text_has_one_path_under_the_prefix():
    cells = CellTexts(lambda: None)

    path = cells.note("x = 1")

    assert path == f"{cells.prefix}{murmur2('x = 1', HASH_SEED)}{SUFFIX}" == cells.note("x = 1")
    assert cells.text(path) == "x = 1"
    assert cells.text(cells.prefix + "1" + SUFFIX) is None


def test_a_cell_that_runs_has_the_path_of_what_its_front_end_sent():
    cells = CellTexts(lambda: "%%time\nx = 1")

    real = cells.path_of_chunk("=In[3]", "\nx = 1", True)

    assert real == cells.path("=In[3]") == cells.note("%%time\nx = 1")
    assert cells.path_of_chunk("=In[2]", "y = 2", False) == cells.note("y = 2")
    assert cells.path_of_chunk("=In[*]", "expression", True) == cells.note("expression")
    assert cells.path_of_chunk("@module.lua", "return 1", True) is None


def test_texts_are_read_as_the_debugger_reads_files():
    cells = CellTexts(lambda: None)
    path = cells.note("x = 'é'")

    assert cells.read(path, str.upper) == "x = 'Ã©'"
    assert cells.read("other", str.upper) == "OTHER"


def test_old_texts_are_forgotten(monkeypatch):
    monkeypatch.setattr(jupyter_cells, "MAX_TEXTS", 3)
    monkeypatch.setattr(jupyter_cells, "MAX_CHARACTERS", 50)
    cells = CellTexts(lambda: None)

    paths = [cells.note(f"x = {number}") for number in range(5)]
    assert [cells.text(path) is not None for path in paths] == [False, False, True, True, True]

    cells.note("y" * 60)
    assert [cells.text(path) for path in paths] == [None] * 5


def test_what_answers_a_kernel_that_nobody_debugs_loads_no_debugger():
    code = "import sys, llmspell_kernel.handlers.debug\nprint([name for name in sys.modules if '.debug' in name])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout

    assert found.strip() == "['llmspell_kernel.handlers.debug']"


def test_a_notebook_that_is_opened_learns_all_without_a_debugger():
    desk = DebugDesk(None, None)  # nothing can be opened here
    request = SimpleNamespace(content={"type": "request", "seq": 3, "command": "debugInfo"})

    response = desk.take(request)
    assert (response["success"], response["request_seq"], response["command"]) == (True, 3, "debugInfo")
    assert response["body"]["isStarted"] is False
