"""The example scripts of each category run as a person would run them, and say what their data says."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "scripts" / "examples"

pytestmark = pytest.mark.subprocess


def printed(name, **environment):
    """Run an example from another folder; return its output."""
    llmspell = Path(sys.executable).parent / "llmspell"
    done = subprocess.run(
        [llmspell, "run", str(EXAMPLES / name)],
        cwd=ROOT, env={**os.environ, "LC_ALL": "C", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_utility_example_greets_who_signed_up_rightly():
    output = printed("utility_tools.lua")

    assert "Dear Ada Lovelace" in output
    assert "your account is ada-lovelace." in output
    assert "Bob: input.mail: Invalid email format" in output
    assert "Bob: input.phone: Invalid phone" in output
    assert "+ DEAR ADA LOVELACE," in output
    assert "validation_error\tposition" in output


def test_the_data_example_finds_the_hot_days():
    with (EXAMPLES / "data" / "seattle-weather.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    hot = [row for row in rows if float(row["temp_max"]) > 33]
    hottest = max(hot, key=lambda row: float(row["temp_max"]))
    output = printed("data_tools.lua")

    assert f"{len(rows)} rows" in output
    assert f"{len(hot)} days above 33 degrees, the hottest on {hottest['date']}" in output
    assert "https://example.org/data?city=seattle&year=2014#may\tseattle\t2014" in output


def test_the_system_example_shows_no_secret():
    output = printed("system_tools.lua", PATH="/opt/one:/usr/bin", EXAMPLE_API_TOKEN="hush")

    assert "in 2 folders, first in /opt/one" in output
    assert "false\tpermission_denied" in output
    assert "hush" not in output
