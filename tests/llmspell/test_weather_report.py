"""The main job on real input: the weather report's figures against an independent computation."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "examples" / "weather_report.lua"
DATA = ROOT / "scripts" / "examples" / "data" / "seattle-weather.csv"

pytestmark = pytest.mark.subprocess


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder that one run wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("weather")
    llmspell = Path(sys.executable).parent / "llmspell"
    done = subprocess.run(
        [llmspell, "run", str(SCRIPT), "--", "--out", str(folder)],
        cwd=ROOT, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def expected():
    """Month → its days, by the standard library alone."""
    months = defaultdict(list)
    with DATA.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            months[row["date"][:7].replace("/", "-")].append(row)
    return dict(months)


def months(report):
    return json.loads((report[0] / "report.json").read_text(encoding="utf-8"))["months"]


def test_every_month_is_there_in_order(report, expected):
    assert sorted(expected) == [month["month"] for month in months(report)]
    assert len(expected) == 48


def test_days_and_rain_are_the_datas(report, expected):
    for month in months(report):
        days = expected[month["month"]]

        assert len(days) == month["days"]
        assert sum(float(day["precipitation"]) for day in days) == pytest.approx(month["rain_mm"], abs=0.051)


def test_means_and_hottest_days_are_the_datas(report, expected):
    for month in months(report):
        days = expected[month["month"]]
        warmest = max(float(day["temp_max"]) for day in days)

        assert sum(float(day["temp_max"]) for day in days) / len(days) == pytest.approx(month["mean_max_c"], abs=0.051)
        assert warmest == month["hottest_max_c"]
        assert warmest in [float(d["temp_max"]) for d in days if d["date"].replace("/", "-") == month["hottest_day"]]


def test_weather_kinds_are_the_datas(report, expected):
    for month in months(report):
        assert Counter(day["weather"] for day in expected[month["month"]]) == month["weather"]


def test_the_printed_table_and_the_markdown_have_a_line_a_month(report, expected):
    folder, printed = report
    markdown = (folder / "report.md").read_text(encoding="utf-8")

    for month in expected:
        assert sum(line.startswith(month) for line in printed.splitlines()) == 1
        assert markdown.count(f"| {month} |") == 1
    assert "48 months, 1461 days" in printed
