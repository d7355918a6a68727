"""Tries the extension in a real VS Code: code-server in headless Chromium. Not part of the test suite.

Run: python editors/vscode/test/in_vscode.py CODE_SERVER_ENTRY [FOLDER_FOR_PICTURES]

CODE_SERVER_ENTRY is `out/node/entry.js` of npm's `code-server` (tried with 4.99.4, VS Code 1.99.3). Three sessions: a
breakpoint in a script; from Lua into a Python tool and back; a breakpoint in a cell of a notebook, attached to a kernel
that the picker lists. Each waits for what the person would see and fails where it does not come.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """\
local prices = { apple = 3, pear = 4, plum = 2 }

local function total(basket)
  local sum = 0
  for fruit, count in pairs(basket) do
    sum = sum + prices[fruit] * count
  end
  return sum
end

local amount = total({ apple = 2, plum = 5 })
local bill = Tool.execute("add-tax", { amount = amount, percent = 19 })
print(bill)
"""
TOOL = '''\
import llmspell


@llmspell.tool(name="add-tax", category="utility")
def add_tax(*, amount: int, percent: int) -> float:
    """Add the tax.

    Args:
        amount: Without it.
        percent: How much.
    """
    tax = amount * percent / 100
    return amount + tax
'''
CELL = "local rows = { 3, 4, 2 }\nlocal sum = 0\nfor _, row in ipairs(rows) do\n  sum = sum + row\nend\nsum"
LAUNCH = {
    "version": "0.2.0",
    "configurations": [
        {
            "type": "llmspell", "request": "launch", "name": "Lua: shop", "program": "${workspaceFolder}/shop.lua",
            "adapterArgs": ["--tools-dir", "${workspaceFolder}/tools"],
        }
    ],
}  # fmt: skip
SETTINGS = {
    "workbench.startupEditor": "none", "workbench.colorTheme": "Default Light Modern", "editor.minimap.enabled": False,
    "workbench.tips.enabled": False, "telemetry.telemetryLevel": "off", "debug.toolBarLocation": "docked",
    "npm.autoDetect": "off", "chat.commandCenter.enabled": False, "window.menuBarVisibility": "hidden",
}  # fmt: skip
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
            "--no-first-run"]  # fmt: skip
SLOW_MS = 30_000


def write_project(folder: Path) -> None:
    """Write the script, the tool, the notebook and launch.json."""
    notebook = {
        "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [],
                   "source": CELL}],
        "metadata": {"kernelspec": {"display_name": "Lua (llmspell)", "language": "lua", "name": "llmspell"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    for name, text in {
        "shop.lua": SCRIPT, "tools/add_tax.py": TOOL, "rows.ipynb": json.dumps(notebook),
        ".vscode/launch.json": json.dumps(LAUNCH, indent=2),
    }.items():  # fmt: skip
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


@contextmanager
def running(words, **more):
    """Run a process as long as the block lasts."""
    process = subprocess.Popen(words, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def code_server(entry: str, base: Path, project: Path, environment):
    """Serve VS Code with the extension; gives its address."""
    package = base / "llmspell.vsix"
    subprocess.run([ROOT / "package", package], check=True, stdout=subprocess.DEVNULL)
    data = base / "data"
    for name, settings in {"User": SETTINGS, "Machine": {"llmspell.python": sys.executable}}.items():
        (data / name).mkdir(parents=True)
        (data / name / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    config = base / "config.yaml"
    config.write_text("auth: none\n", encoding="utf-8")
    words = ["node", entry, "--config", config, "--user-data-dir", data, "--extensions-dir", base / "extensions"]
    subprocess.run([*words, "--install-extension", package], check=True, stdout=subprocess.DEVNULL)
    words += ["--bind-addr", "127.0.0.1:0", "--disable-telemetry", "--disable-update-check"]
    words += ["--disable-workspace-trust", project]
    with running(words, stdout=subprocess.PIPE, env=environment) as process:
        line = next(line for line in process.stdout if b"HTTP server listening" in line)
        yield re.search(r"http://[\d.:]+", line.decode()).group()


@contextmanager
def kernel(project: Path, environment):
    """Run a kernel named demo; gives a client of it."""
    words = [sys.executable, "-m", "llmspell", "kernel", "start", "--id", "demo"]
    file = Path(environment["LLMSPELL_HOME"]) / "kernels" / "demo.json"
    with running(words, cwd=project, stderr=subprocess.DEVNULL, env=environment):
        while not file.exists():
            time.sleep(0.05)
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=20)
        try:
            yield client
        finally:
            client.stop_channels()


class Window:
    """VS Code as a person uses it."""

    def __init__(self, page, pictures: Path) -> None:
        self.page = page
        self.pictures = pictures

    def open(self, name: str, shows: str) -> None:
        """Open a file of the explorer and wait for its text."""
        self.page.get_by_role("treeitem", name=name).dblclick(timeout=SLOW_MS)
        self.line(shows).wait_for(timeout=SLOW_MS)

    def line(self, text: str):
        """Return the first line of an editor that holds a text."""
        return self.page.locator(".monaco-editor .view-line", has_text=text).first

    def breakpoint(self, text: str) -> None:
        """Set a breakpoint on the line that holds a text."""
        self.line(text).click()
        self.page.keyboard.press("F9")
        self.page.locator(".codicon-debug-breakpoint").first.wait_for(timeout=SLOW_MS)

    def command(self, title: str) -> None:
        """Run a command of the palette."""
        self.page.keyboard.press("F1")
        self.page.locator(".quick-input-widget").wait_for(timeout=SLOW_MS)
        self.page.keyboard.type(title, delay=20)
        self.page.locator(".quick-input-list .monaco-list-row", has_text=title).first.click(timeout=SLOW_MS)

    def press(self, key: str) -> None:
        """Press a key that lets the program go on."""
        self.page.keyboard.press(key)

    def stopped(self, frame: str, line: int) -> None:
        """Wait until the innermost frame is this one."""
        row = self.page.locator(".debug-call-stack .monaco-list-row", has_text=frame).filter(has_text=f"{line}:")
        row.first.wait_for(timeout=SLOW_MS)
        self.page.wait_for_timeout(700)  # keys are for the former state until the editor has moved

    def variable(self, name: str, value: str) -> None:
        """Wait until a variable is shown."""
        row = self.page.locator(".debug-variables .monaco-list-row", has_text=name).filter(has_text=value)
        row.first.wait_for(timeout=SLOW_MS)

    def ended(self) -> None:
        """Wait until the session is over."""
        self.page.locator(".debug-call-stack .monaco-list-row").first.wait_for(state="hidden", timeout=SLOW_MS)

    def picture(self, name: str) -> None:
        """Take a picture."""
        self.page.wait_for_timeout(500)
        self.page.screenshot(path=self.pictures / f"{name}.png")


def debug_script(window: Window) -> None:
    """Stop in a Lua function, then step into the Python tool that the script calls, and back."""
    window.open("shop.lua", "prices[fruit]")
    window.breakpoint("prices[fruit]")
    window.breakpoint("Tool.execute")
    window.press("F5")
    window.stopped("total", 6)
    window.variable("basket", "apple = 2")
    window.picture("vscode-lua")
    window.line("prices[fruit]").click()
    window.press("F9")
    window.press("F5")
    window.stopped("main chunk", 12)
    window.press("F11")
    window.stopped("add_tax", 12)
    window.variable("amount", "16")
    window.picture("vscode-python-tool")
    window.press("Shift+F11")
    window.stopped("main chunk", 12)
    window.press("F5")
    window.ended()


def debug_cell(window: Window, client: BlockingKernelClient) -> None:
    """Stop in a cell of a notebook."""
    window.page.keyboard.press("Control+Shift+E")
    window.open("rows.ipynb", "sum + row")
    window.breakpoint("sum + row")
    window.command("Attach Debugger to Kernel")
    window.page.locator(".quick-input-list .monaco-list-row", has_text="demo").first.click(timeout=SLOW_MS)
    window.page.locator("option", has_text="Lua: kernel demo").first.wait_for(state="attached", timeout=SLOW_MS)
    window.page.wait_for_timeout(4000)  # until the kernel has the breakpoint
    client.execute(CELL)
    window.stopped("main chunk", 4)
    window.variable("rows", "{3, 4, 2}")
    window.picture("vscode-notebook")
    window.press("Shift+F5")
    window.ended()


def main(entry: str, pictures: str = "") -> None:
    """Do it all."""
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        project = base / "project"
        write_project(project)
        environment = {**os.environ, "LLMSPELL_HOME": str(base / "home")}
        address = stack.enter_context(code_server(entry, base, project, environment))
        client = stack.enter_context(kernel(project, environment))
        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/?folder={project}")
        page.locator(".explorer-folders-view .monaco-list-row").first.wait_for(timeout=2 * SLOW_MS)
        page.wait_for_timeout(5000)  # until then a notebook opens as text: its editor is an extension, too
        window = Window(page, Path(pictures) if pictures else base)
        try:
            debug_script(window)
            debug_cell(window, client)
        except Exception:
            window.picture("failure")
            raise
        finally:
            browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
