"""Microsoft's own client for testing debug adapters, `@vscode/debugadapter-testsupport`, against ours (tests/dap)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.subprocess
FOLDER = Path(__file__).parents[1] / "dap"


@pytest.fixture
def modules(request, tmp_path_factory):
    """A folder with the npm packages of tests/dap, installed once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("@vscode/debugadapter-testsupport needs node and npm")
    cache = getattr(request.config, "cache", None)
    folder = tmp_path_factory.mktemp("dap-npm") if cache is None else cache.mkdir("dap-npm")
    wanted = (FOLDER / "package.json").read_text()
    if not (folder / "node_modules").is_dir() or (folder / "package.json").read_text() != wanted:
        (folder / "package.json").write_text(wanted)
        words = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        try:
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
            problem = done.stderr[-500:] if done.returncode else ""
        except subprocess.TimeoutExpired:
            problem = "npm install takes too long"
        if problem:
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            pytest.skip(f"@vscode/debugadapter-testsupport cannot be had: {problem}")
    return folder


def test_microsofts_client_is_content(modules, tmp_path):
    shutil.copy(FOLDER / "adapter.test.js", modules)
    environment = {**os.environ, "PYTHON": sys.executable, "SCRIPTS": str(tmp_path)}

    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", "adapter.test.js"],
        cwd=modules, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "# pass 24" in done.stdout
