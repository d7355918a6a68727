"""A hundredth of `stress/kernel_survival.py`: every rule that it checks holds, with its seed printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "stress" / "kernel_survival.py"

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def test_the_kernel_survives_what_is_done_to_it(tmp_path):
    """Issue 4, "What it must survive"."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--small"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = [line.split()[0] for line in done.stdout.splitlines()[:-1]]
    assert parts == [
        "burst", "workloads", "clients", "forged", "vanishing", "slow_subscriber", "large", "signals", "relayed", "end",
    ]  # fmt: skip
