"""JupyterLab in a headless Chromium: a server of its own, one page, and notebooks as a person uses them.

    with lab(folder) as page: notebook = Notebook.open(page, folder, ["1 + 1"]); notebook.run(); notebook.output(0)

The server listens on the loopback interface, has no token, and keeps everything (settings, runtime files, notebooks)
below the folder it is given. It finds the kernelspec that `kernelspec.install` writes there, so the tree is tested and
not what is installed. Used by the tests beside it and by `scripts/screenshot`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Without a graphics card, and speaking to nobody but our server.
CHROMIUM_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
    "--disable-dev-shm-usage",
]  # fmt: skip
#: A cold JupyterLab on a loaded machine; warm it takes three seconds.
START_S = 60
#: For everything after that.
WAIT_MS = 5_000
_DISABLED = re.compile(r"\bdisabled\b")
_NUMBERED = re.compile(r"\[\d+\]:")
KERNEL = {"name": "llmspell", "display_name": "Lua (llmspell)", "language": "lua"}


def chromium() -> str | None:
    """Return the path of Debian's Chromium, or of one that is called otherwise."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def missing() -> str | None:
    """Return what is missing for these tests, None where all is there."""
    for module in ("jupyterlab", "playwright", "ipywidgets"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: pip install -e '.[dev,dev-browser]'"
    return None if chromium() else "no Chromium on the PATH: apt-get install chromium"


@contextmanager
def server(folder: Path):
    """Run JupyterLab; yield its address.

    Args:
        folder: Where everything of it goes; notebooks into `folder / "notebooks"`.
    """
    from llmspell_kernel import kernelspec

    kernelspec.install(prefix=str(folder / "jupyter"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "LLMSPELL"))}
    places = {
        "HOME": "home", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_PATH": "jupyter/share/jupyter", "JUPYTERLAB_SETTINGS_DIR": "settings", "IPYTHONDIR": "ipython",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "LLMSPELL_HOME": "home/.llmspell",
    }  # fmt: skip
    for name, place in places.items():
        environment[name] = str(folder / place)
    (folder / "home").mkdir()
    (folder / "notebooks").mkdir()
    quiet = folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    words = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root",
        "--IdentityProvider.token=", "--ServerApp.password=", "--expose-app-in-browser",
        "--LabApp.extension_manager=readonly", f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]  # fmt: skip
    with subprocess.Popen(
        words, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the server says it listens on."""
    said: list[str] = []
    late = Timer(START_S, process.kill)  # ends the reading below
    late.start()
    try:
        for line in process.stderr or ():
            said.append(line)
            if "http://127.0.0.1:" in line:
                return "http://127.0.0.1:" + line.partition("http://127.0.0.1:")[2].split("/")[0]
    finally:
        late.cancel()
    raise RuntimeError("JupyterLab did not start:\n" + "".join(said[-30:]))


@contextmanager
def lab(folder: Path, width: int = 1280, height: int = 900):
    """Run JupyterLab and open it in a browser; yield Playwright's page."""
    from playwright.sync_api import sync_playwright

    with server(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{address}/lab?reset", timeout=START_S * 1_000)
        page.locator("#jp-main-dock-panel").wait_for(timeout=START_S * 1_000)
        page.locator(".jp-Launcher").wait_for(timeout=START_S * 1_000)
        yield page
        browser.close()


class Notebook:
    """One open notebook.

    Args:
        page: Playwright's.
        name: Its file's.
    """

    def __init__(self, page, name: str) -> None:
        self.page = page
        self.name = name
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.cells = self.panel.locator(".jp-Notebook .jp-Cell")

    @classmethod
    def open(cls, page, folder: Path, cells: list[str], name: str = "notebook.ipynb") -> Notebook:
        """Write a notebook with these code cells, open it, and wait for its kernel."""
        import nbformat

        code = [nbformat.v4.new_code_cell(text) for text in cells]
        content = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": KERNEL})
        nbformat.write(content, folder / "notebooks" / name)
        return cls.show(page, name, len(cells))

    @classmethod
    def show(cls, page, name: str, count: int) -> Notebook:
        """Open a notebook that is there, with so many cells, and wait for its kernel."""
        from playwright.sync_api import expect

        page.evaluate(_OPEN, name)
        notebook = cls(page, name)
        expect(notebook.cells).to_have_count(count)
        notebook.is_idle(START_S * 1_000)
        return notebook

    def is_idle(self, timeout_ms: int = WAIT_MS) -> None:
        """Wait until the kernel is connected and has nothing to do."""
        self.page.wait_for_function(_IS_IDLE, arg=self.name, timeout=timeout_ms)

    def click(self, index: int) -> None:
        """Put the cursor into a cell."""
        self.cells.nth(index).locator(".cm-content").click()

    def start(self, index: int) -> None:
        """Run a cell by Shift+Enter; does not wait for its end."""
        self.click(index)
        self.page.keyboard.press("Shift+Enter")

    def run(self, *indices: int) -> None:
        """Run cells one after another, each to its end."""
        from playwright.sync_api import expect

        for index in indices:
            self.start(index)
            expect(self.number(index)).to_have_text(_NUMBERED)

    def number(self, index: int):
        """Return the place of a cell's number: `[ ]:`, `[*]:` or `[1]:`."""
        return self.cells.nth(index).locator(".jp-InputPrompt")

    def output(self, index: int):
        """Return the place of a cell's output."""
        return self.cells.nth(index).locator(".jp-Cell-outputArea")

    def press(self, command: str) -> None:
        """Press a button of the notebook's toolbar, named by its command."""
        self.panel.locator(f'.jp-Toolbar [data-command="{command}"]').click()

    def debug(self) -> None:
        """Press the button that starts the debugger."""
        from playwright.sync_api import expect

        button = self.panel.locator(".jp-DebuggerBugButton")
        expect(button).not_to_have_class(_DISABLED)  # a class of its own: the element is enabled before
        button.click()
        self.page.locator(".jp-DebuggerSidebar").wait_for()

    def toggle_breakpoint(self, index: int, line: int) -> None:
        """Click beside a line (1-based) of a cell."""
        self.cells.nth(index).locator(".cm-breakpoint-gutter .cm-gutterElement").nth(line).click()

    def step(self, command: str) -> None:
        """Press a button of the debugger's panel: continue, next, stepIn, stepOut or terminate."""
        self.page.locator(f'.jp-DebuggerSidebar [data-command="debugger:{command}"]').click()

    def close(self) -> None:
        """Close it, unsaved, and shut its kernel down."""
        self.page.evaluate(_CLOSE, self.name)


# Answers nothing: what the command answers is a widget, which cannot be sent here.
_OPEN = "async path => { await window.jupyterapp.commands.execute('docmanager:open', {path}); }"
_IS_IDLE = """name => {
  const {context} = window.jupyterapp.shell.currentWidget ?? {};
  const kernel = context?.sessionContext?.session?.kernel;
  const isConnected = kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
  return context?.path === name && context.isReady && isConnected;
}"""
_CLOSE = """async name => {
  const {serviceManager, shell} = window.jupyterapp;
  for (const widget of shell.widgets('main'))
    if (widget.context?.path === name) { await widget.context.save(); widget.dispose(); }
  await serviceManager.sessions.shutdownAll();
}"""
