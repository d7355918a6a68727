"""`jupyter nbconvert --execute` on a real notebook: what a reader of the page gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from llmspell_kernel import kernelspec

pytest.importorskip("nbconvert")
pytestmark = pytest.mark.subprocess
EXAMPLES = Path(__file__).resolve().parents[2] / "scripts" / "examples"


def test_a_notebook_becomes_a_page_with_its_tables_and_lua_highlighted(tmp_path):
    work = tmp_path / "work"
    (work / "data").mkdir(parents=True)
    for name in ("year_report.ipynb", "data/seattle-weather.csv"):
        (work / name).write_bytes((EXAMPLES / name).read_bytes())
    kernelspec.install(prefix=str(tmp_path / "jupyter"))
    environment = {
        **os.environ, "HOME": str(tmp_path), "LLMSPELL_HOME": str(tmp_path / "home"),
        "JUPYTER_PATH": str(tmp_path / "jupyter" / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", "year_report.ipynb"],
        cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    page = (work / "year_report.html").read_text(encoding="utf-8") if done.returncode == 0 else ""

    assert done.returncode == 0, done.stderr[-3_000:]
    assert 'class="highlight hl-lua"' in page
    assert "1461 days read, 366 of them in 2012" in unescape(page)
    cells = re.search(r"<tr><td[^>]*>2012-03</td><td[^>]*>([0-9.]+)</td><td[^>]*>([0-9.]+)</td>", page)
    assert cells is not None
    assert (float(cells[1]), float(cells[2])) == march_2012()
    assert "Rain in mm, 2012" in page
    assert "[####" not in page  # the bar is HTML here


def march_2012():
    """Return rain in mm and the hottest temperature, by the standard library alone."""
    import csv

    with (EXAMPLES / "data" / "seattle-weather.csv").open(encoding="utf-8", newline="") as stream:
        days = [row for row in csv.DictReader(stream) if row["date"].startswith("2012/03")]
    return round(sum(float(day["precipitation"]) for day in days), 1), max(float(day["temp_max"]) for day in days)
