"""Puts one run together: configuration, policy, registry.

Where there is no configuration file, no variable and no flag, which is most runs, nothing but the default policy is
made and no configuration code is imported. On the lean path.
"""

from __future__ import annotations

import os
import sys

from llmspell import places
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.client.script import Place
    from llmspell.client.tools import RemoteTools
    from llmspell.config.settings import Settings
    from llmspell.options import Options
    from llmspell.progress import ProgressBar
    from llmspell_tools.errors import ConfigurationError
    from llmspell_tools.registry import OwnTools

#: Variables that are no configuration keys.
_OTHER_VARIABLES = ("LLMSPELL_HOME", "LLMSPELL_LOG", "LLMSPELL_ENGINE", "LLMSPELL_KERNEL_KEY")


def is_configured(options: Options) -> bool:
    """Tell whether anything but the defaults may hold: a flag, a file, a variable."""
    return (
        options.config is not None
        or options.profile is not None
        or any(name.startswith("LLMSPELL_") and name not in _OTHER_VARIABLES for name in os.environ)
        or places.user_config() is not None
        or places.project_config() is not None
    )


def settings(options: Options) -> Settings | None:
    """Read the configuration; None where there is none at all.

    Raises:
        ConfigurationError: A file, variable or profile is wrong.
    """
    if not is_configured(options):
        return None
    from llmspell.config.settings import load  # costs tomllib, re and dataclasses

    found = load(options)
    level = found.get("logging.level")
    if level != "warn" and not (options.trace or "LLMSPELL_LOG" in os.environ or "RUST_LOG" in os.environ):
        from llmspell.logs import configure

        configure(None, str(level))
    if found.warnings:
        from llmspell.output import note

        for warning in found.warnings:
            note(f"Warning: {warning}")
    return found


def policy(options: Options, found: Settings | None, script_dir: str | None = None) -> Policy:
    """Return the policy of one run; see `rules.build`."""
    if found is None and options.policy is None and not options.rules:
        return Policy.default(script_dir=script_dir)
    from llmspell.rules import build  # typing; only where there are rules

    return build(options, found, script_dir)


def registry(options: Options, script_dir: str | None = None) -> ToolRegistry:
    """Return the registry of one run: every tool, under the run's policy and settings."""
    return from_settings(options, settings(options), script_dir)


class ToolsOf:
    """The tools that a command works with, while entered: those of this process, or those of a running kernel.

    Args:
        options: The global options.
        connect: The kernel, or None.
        bar: Taken off the screen after each call of a kernel's tool.
    """

    __slots__ = ("_bar", "_connect", "_options", "_remote")

    def __init__(self, options: Options, connect: Place | None, bar: ProgressBar | None = None) -> None:
        self._options = options
        self._connect = connect
        self._bar = bar
        self._remote: RemoteTools | None = None

    def __enter__(self) -> ToolRegistry | RemoteTools:
        """Return them."""
        if self._connect is None:
            return registry(self._options)
        from llmspell.client.tools import RemoteTools  # zmq and signal; few commands connect

        self._remote = RemoteTools(self._options, self._connect, self._bar)
        return self._remote

    def __exit__(self, *_: object) -> None:
        """Leave the kernel."""
        if self._remote is not None:
            self._remote.close()


def from_settings(
    options: Options, found: Settings | None, script_dir: str | None = None, *, own: OwnTools | None = None
) -> ToolRegistry:
    """Return the registry where the configuration has been read already; `own` takes the place of the usual ones."""
    made = ToolRegistry(
        policy=policy(options, found, script_dir),
        settings=found.tool_settings() if found is not None else None,
        own=own if own is not None else LateOwnTools(options, found),
    )
    if own is None and not all(os.path.isdir(os.path.expanduser(folder)) for folder in options.tools_dirs):
        made.refresh()  # loads them now, so that a slip on the command line is told whatever is called
    if "logging" in sys.modules:
        from llmspell.logs import follow  # logging costs 13 ms: it is imported where a level was asked for

        follow(made, found.files if found is not None else ())
    return made


def asker(options: Options) -> Callable[[str], bool] | None:
    """Return who answers the policy's questions: ``--yes``, the person at the terminal, or nobody (None)."""
    if options.yes:
        return lambda _question: True
    try:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
    except (AttributeError, ValueError):  # closed by the caller
        return None

    def ask(question: str) -> bool:
        from llmspell.output import write  # only where something is asked

        write(f"{question} [y/N] ", sys.stderr)
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    return ask


def progress_bar() -> ProgressBar | None:
    """Return a bar where stderr is a terminal; see `progress`."""
    try:
        if not sys.stderr.isatty():
            return None
    except (AttributeError, ValueError):  # closed by the caller
        return None
    from llmspell.progress import ProgressBar  # only where somebody looks

    return ProgressBar()


def own_folders(options: Options, found: Settings | None) -> list[str]:
    """Return the folders of own tools: those of ``--tools-dir``, then those of the configuration."""
    return [*options.tools_dirs, *(found.paths("tools.directories") if found is not None else ())]


class LateOwnTools:
    """The run's own tools, their code imported when one is first needed; problems go to stderr, each once.

    Args:
        options: The command line's.
        found: The configuration, or None.
    """

    __slots__ = ("_real", "folders")

    def __init__(self, options: Options, found: Settings | None) -> None:
        self.folders: Sequence[str] = own_folders(options, found)
        self._real: OwnTools | None = None

    @property
    def problems(self) -> Sequence[ConfigurationError]:
        """See `OwnTools.problems`."""
        return self._real.problems if self._real is not None else ()

    def load(self, registry: ToolRegistry) -> None:
        """See `OwnTools.load`."""
        if self._real is None:
            from llmspell.output import note
            from llmspell_tools.own_tools import OwnTools as Real  # only for names that are not built in

            self._real = Real(self.folders, report=lambda problem: note(f"Warning: {problem.message}"))
        self._real.load(registry)

    def refresh(self, registry: ToolRegistry) -> bool:
        """See `OwnTools.refresh`; where folders are named the first time loads, so that what is wrong is said early."""
        if self._real is not None:
            return self._real.refresh(registry)
        if self.folders:
            self.load(registry)
        return False
