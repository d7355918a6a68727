"""The example scripts of each category run as a person would run them, and say what their data says."""

from __future__ import annotations

import csv
import itertools
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "scripts" / "examples"

pytestmark = pytest.mark.subprocess


def printed(name, *arguments, **environment):
    """Run an example from another folder; return its output."""
    llmspell = Path(sys.executable).parent / "llmspell"
    done = subprocess.run(
        [llmspell, "run", str(EXAMPLES / name), *arguments],
        cwd=ROOT, env={**os.environ, "LC_ALL": "C", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_utility_example_greets_who_signed_up_rightly():
    output = printed("utility_tools.lua")

    assert "Dear Ada Lovelace" in output
    agent = uuid.UUID("6ba13d5a-3f5d-4a5b-9f7e-3d5a2f4d3a2b")
    assert f"your account is ada-lovelace, its id {uuid.uuid5(agent, 'ada@example.org')}." in output
    assert "It costs 8.55 and lasts until 01 March 2024." in output
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
    weather = [row["weather"] for row in rows]
    ways = {(one, other) for one, other in itertools.pairwise(weather) if one != other}
    assert f"{len(set(weather))} kinds of weather, {len(ways)} ways from one to another" in output
    assert "https://example.org/data?city=seattle&year=2014#may\tseattle\t2014" in output


def test_the_filesystem_example_finds_converts_and_packs():
    output = printed("filesystem_tools.lua")

    assert "line 3: TODO: write the report" in output
    assert "34  notes/script.lua\n" in output
    assert "4 files unpacked" in output
    assert "0 changes" in output


def test_the_system_example_finds_a_service_and_shows_no_secret():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        output = printed(
            "system_tools.lua", "--", "--port", str(port), PATH="/opt/one:/usr/bin", EXAMPLE_API_TOKEN="hush"
        )

    assert "in 2 folders, first in /opt/one" in output
    assert "echo says: $HOME; rm -rf /" in output
    assert f"port {port}: open" in output
    assert f"{os.cpu_count()} processors" in output
    assert "false\tpermission_denied\t--allow-env EXAMPLE_API_TOKEN" in output
    assert "--allow-run" in output
    assert "hush" not in output
