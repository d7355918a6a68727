"""The own tools of one registry: loads them when they are first needed, and again where their files have changed.

A source is an entry point (looked at once in a process: Python cannot unload a library) or a file of a folder. A
source that does not load, or whose tools' names are taken, is a problem: it is reported once by its name, it is
listed by `problems` for as long as it lasts, and everything else works. A file that stops loading leaves the tools
that it had. A call that runs while its file changes ends on the code it began with.

`refresh` looks at folders and files by `stat`, some microseconds for each; with no folder it looks at nothing. The
registry calls both functions under its lock. Loading a file: `plugins.py`.
"""

from __future__ import annotations

import os
import sys
from time import monotonic

from llmspell_tools import plugins
from llmspell_tools.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry

    #: Told of each problem once.
    Report = Callable[[ConfigurationError], None]
    #: What tells one state of a file from another: time of the change, size, inode.
    Stamp = tuple[int, int, int] | None

#: Seconds that loading one source may take before it is worth a word: everybody waits for it, also those who call
#: another tool.
SLOW_S = 1.0


class OwnTools:
    """Own tools and their sources.

    Args:
        folders: Folders whose `*.py` files define tools; trusted by whoever named them. They are searched for the
            files' helper modules as well, after everything else.
        report: Called with each problem when it comes up; None reports nothing.
        path: Where installed distributions are looked for; `sys.path` if left out.
        slow_s: Seconds of loading after which a source is reported as slow.
    """

    def __init__(
        self,
        folders: Sequence[str] = (),
        *,
        report: Report | None = None,
        path: Sequence[str] | None = None,
        slow_s: float = SLOW_S,
    ) -> None:
        self.folders = tuple(dict.fromkeys(os.path.abspath(os.path.expanduser(folder)) for folder in folders))
        self._report = report
        self._path = path
        self._slow_s = slow_s
        self._tools: dict[str, list[Tool]] = {}
        self._problems: dict[str, list[ConfigurationError]] = {}
        self._stamps: dict[str, Stamp] = {}
        self._interrupted: set[str] = set()
        self._is_loaded = False

    @property
    def problems(self) -> list[ConfigurationError]:
        """What is wrong now; ``details`` has source, severity ("error", "warning") and line."""
        return [problem for problems in self._problems.values() for problem in problems]

    @property
    def tools(self) -> list[Tool]:
        """The tools that are registered now."""
        return [tool for tools in self._tools.values() for tool in tools]

    def source_of(self, name: str) -> str | None:
        """Return the file or entry point of a registered own tool."""
        return next((source for source, tools in self._tools.items() if name in [tool.name for tool in tools]), None)

    def load(self, registry: ToolRegistry) -> None:
        """Load and register everything, once."""
        if self._is_loaded:
            return
        self._is_loaded = True
        found = {f"entry point {name} = {target}": target for name, target in plugins.entry_points(self._path)}
        for folder in self.folders:
            if folder not in sys.path:
                sys.path.append(folder)
        self._take(registry, found, plugins.load_entry_point)
        self.refresh(registry)

    def refresh(self, registry: ToolRegistry) -> bool:
        """Take over what has changed in the folders; tell whether anything has."""
        if not self._is_loaded or not self.folders:
            return False
        stamps = self._look()
        if stamps == self._stamps:
            return False
        before, self._stamps = self._stamps, stamps
        for gone in before.keys() - stamps.keys():
            self._problems.pop(gone, None)
            registry.replace(self._tools.pop(gone, []), [])
        changed = {file for file, stamp in stamps.items() if before.get(file, ()) != stamp}
        changed |= self._users_of_helpers({*changed, *(before.keys() - stamps.keys())})
        # What could not be loaded may have waited for just this: a helper, a name.
        changed |= {
            source
            for source, problems in self._problems.items()
            if source in stamps and _is_error(problems) and source not in self._interrupted
        }
        files = [file for file in stamps if file in changed and _is_tool_file(file)]
        try:
            self._take(registry, {file: file for file in files}, plugins.load_file)
        except KeyboardInterrupt:
            for file in files:  # the others are still to be loaded
                if file not in self._interrupted:
                    self._stamps.pop(file, None)
            raise
        return True

    # --- inside ----------------------------------------------------------------------------------------------------

    def _look(self) -> dict[str, Stamp]:
        """Return the stamps of all Python files directly in the folders, in order; a folder has problems itself."""
        stamps: dict[str, Stamp] = {}
        for folder in self.folders:
            try:
                with os.scandir(folder) as entries:
                    found = {entry.path: _stamp(entry) for entry in entries if entry.name.endswith(".py")}
            except OSError as error:
                self._note(folder, [plugins.problem(folder, _about_folder(folder, error))])
                if not isinstance(error, FileNotFoundError):  # it may be back soon: its tools stay
                    inside = folder + os.sep
                    stamps.update((file, old) for file, old in self._stamps.items() if file.startswith(inside))
                continue
            self._problems.pop(folder, None)
            stamps.update(sorted(found.items()))
        return stamps

    def _users_of_helpers(self, changed: set[str]) -> set[str]:
        """Forget changed helper modules; return the files of their folders, which may have imported them."""
        helpers = {
            name: file
            for name, module in sys.modules.copy().items()
            if isinstance(file := getattr(module, "__file__", None), str)
            and os.path.dirname(file) in self.folders
            and not name.startswith(plugins.PACKAGE + ".")
        }
        folders = {os.path.dirname(file) for file in helpers.values() if file in changed}
        for name, file in helpers.items():
            if os.path.dirname(file) in folders:
                del sys.modules[name]
        for file in changed:
            sys.path_importer_cache.pop(os.path.dirname(file), None)  # it remembers which files there were
        return {file for file in self._stamps if os.path.dirname(file) in folders}

    def _take(self, registry: ToolRegistry, sources: dict[str, str], load: Callable[[str], list[Tool]]) -> None:
        """Load sources and register their tools in the place of those they had before."""
        waiting: dict[str, list[Tool]] = {}
        warnings: dict[str, list[ConfigurationError]] = {}
        for source, target in sources.items():
            tools, problems = self._load(source, target, load)
            if tools is None:
                self._note(source, problems)
            else:
                waiting[source], warnings[source] = tools, problems
        refused: dict[str, ConfigurationError] = {}
        while waiting:  # a name may become free when another file has given it up
            refused = {}
            for source, tools in waiting.items():
                try:
                    registry.replace(self._tools.get(source, []), tools)
                except ConfigurationError as error:
                    refused[source] = error
                else:
                    self._tools[source] = tools
                    self._note(source, warnings[source])
            if len(refused) == len(waiting):
                break
            waiting = {source: waiting[source] for source in refused}
        for source, conflict in refused.items():
            self._note(source, [plugins.problem(source, f"{source}: {self._conflict(conflict)}{self._kept(source)}")])

    def _load(
        self, source: str, target: str, load: Callable[[str], list[Tool]]
    ) -> tuple[list[Tool] | None, list[ConfigurationError]]:
        """Return the tools of a source, or None, and what is wrong with it."""
        started = monotonic()
        self._interrupted.discard(source)
        try:
            tools = load(target)
        except KeyboardInterrupt:
            message = f"{source} was interrupted while it was loaded; change it, and it is loaded again"
            self._note(source, [plugins.problem(source, message + self._kept(source))])
            self._interrupted.add(source)
            raise
        except BaseException as error:  # noqa: BLE001 - a plug-in may fail in any way; the rest must work
            problem = plugins.explain(source, error)
            problem.message += self._kept(source)
            return None, [problem]
        found = [text for tool in tools for text in plugins.shortcomings(tool)]
        spent = monotonic() - started
        if spent >= self._slow_s:
            found.append(f"it took {spent:.1f} s to load; import what is large inside the function that needs it")
        return tools, [plugins.problem(source, f"{source}: {text}", severity="warning") for text in found]

    def _kept(self, source: str) -> str:
        return "; what it defined before stays" if self._tools.get(source) else ""

    def _conflict(self, error: ConfigurationError) -> str:
        name = error.details.get("name")
        owner = self.source_of(name) if isinstance(name, str) else None
        return f"{error.message} ({owner} has it)" if owner else error.message

    def _note(self, source: str, problems: list[ConfigurationError]) -> None:
        known = {problem.message for problem in self._problems.get(source, ())}
        if problems:
            self._problems[source] = problems
        else:
            self._problems.pop(source, None)
        for problem in problems:
            if self._report is not None and problem.message not in known:
                self._report(problem)


def _is_error(problems: Iterable[ConfigurationError]) -> bool:
    return any(problem.details.get("severity") == "error" for problem in problems)


def _is_tool_file(file: str) -> bool:
    return bool(plugins.tool_files([os.path.basename(file)]))


def _stamp(entry: os.DirEntry[str]) -> Stamp:
    try:
        status = entry.stat()
    except OSError:  # a link to nothing, or removed just now
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _about_folder(folder: str, error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return f"tool folder '{folder}' is a file; name the folder that it is in"
    if isinstance(error, FileNotFoundError):
        return f"tool folder '{folder}' does not exist"
    return f"tool folder '{folder}' cannot be read: {error.strerror}"
