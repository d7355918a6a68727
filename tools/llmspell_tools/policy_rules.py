"""Rules of a policy and the matching of paths against them.

A rule is a value and where it came from. Path rules are compiled once per policy, kind and tool into sets,
so that a decision costs one set look-up per ancestor of the path and no system call. Nothing here opens a
file: `llmspell_tools.paths` resolves a path without following a link and asks here about the result.

Paths are compared component by component and never as string prefixes (`/root2` is not inside `/root`).
A path rule is one of
    /a/b        that file or folder and everything below it
    **/x[/y]    any file or folder with this name (or these names in a row), and everything below it
"""

from __future__ import annotations

import os
import sys

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What a policy decides about, in the order of the flags.
KINDS = ("read", "write", "net", "run", "env")
PATH_KINDS = ("read", "write")
#: Every level with its rank.
LEVELS: dict[str, int] = {"safe": 0, "restricted": 1, "privileged": 2}
#: The default file systems of these platforms take `.SSH` for `.ssh`.
_FOLDS_CASE = sys.platform in ("darwin", "win32")


class Rule:
    """One entry of an allow or deny list.

    Args:
        value: The path, host, command or name, as matched.
        origin: Who said so: `default policy`, `command line`, a config file's path.
        fixed: No flag may overrule it; it protects credentials and our own configuration.
    """

    __slots__ = ("fixed", "origin", "value")

    def __init__(self, value: str, origin: str, *, fixed: bool = False) -> None:
        self.value = value
        self.origin = origin
        self.fixed = fixed

    def __repr__(self) -> str:
        return f"Rule({self.value!r}, {self.origin!r})"


#: Files of a process (its environment, memory, root) and Linux's links to them; `/proc/cpuinfo` is none.
PROCESS_RULE = Rule("/proc/<process>", "built-in protection", fixed=True)


def _is_process(name: str) -> bool:
    return name in ("self", "thread-self") or name.isdigit()


def fold(path: str) -> str:
    """Return the form in which denied paths are compared on this platform."""
    return path.casefold() if _FOLDS_CASE else path


def parent(path: str) -> str | None:
    """Return the folder of an absolute path in canonical form, None for the top."""
    cut = path.rfind("/")
    if cut < 0 or path == "/":
        return None
    return path[:cut] or "/"


def absolute(value: str, base: str | None = None) -> str:
    """Return a path rule's value as an absolute, lexically normalised path.

    A leading `~/` is the home folder; a relative path starts at ``base`` (default: the current folder).

    Raises:
        InvalidParameters: It starts at the current folder, and there is none.
    """
    if value.startswith("**/"):
        return value
    if value == "~" or value.startswith("~/"):
        value = os.path.expanduser(value)
    if not os.path.isabs(value):
        value = os.path.join(_here(value) if base is None else base, value)
    path = os.path.normpath(value)
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    return "/" + path.lstrip("/") if path.startswith("//") else path


def _here(value: str) -> str:
    try:
        return os.getcwd()
    except OSError:
        raise InvalidParameters(
            f"the path '{value}' starts at the current folder, which does not exist any more; write it in full"
        ) from None


class PathRules:
    """The path rules of one layer, for one kind of access and one tool, ready for look-ups.

    Args:
        allow: Rules of which one must cover a path.
        deny: Rules of which none may cover it.
    """

    __slots__ = ("_deny", "_names", "_roots", "_waypoints")

    def __init__(self, allow: Iterable[Rule], deny: Iterable[Rule]) -> None:
        self._roots: dict[str, Rule] = {}
        self._waypoints: set[str] = {"/"}
        self._deny: dict[str, Rule] = {}
        self._names: list[tuple[tuple[str, ...], Rule]] = []
        known: dict[str, str] = {}
        for rule in allow:
            for spelling in _spellings(rule.value, known):
                self._roots.setdefault(spelling, rule)
                self._add_waypoints(spelling)
        for rule in deny:
            if rule.value.startswith("**/"):
                self._names.append((tuple(rule.value[3:].casefold().split("/")), rule))
                continue
            for spelling in _spellings(rule.value, known):
                self._deny.setdefault(fold(spelling), rule)

    def _add_waypoints(self, path: str) -> None:
        above = parent(path)
        while above is not None:
            self._waypoints.add(above)
            above = parent(above)

    def permits(self, path: str) -> bool:
        """Return whether an allow rule covers ``path`` and no deny rule does."""
        return _covering(path, self._roots) is not None and self.denying(path) is None

    def denying(self, path: str) -> Rule | None:
        """Return the deny rule that covers ``path``, if any."""
        if path.startswith("/proc/") and _is_process(path.split("/")[2]):
            return PROCESS_RULE
        hit = _covering(fold(path), self._deny)
        if hit is None and self._names:
            hit = self._named(path)
        return hit

    def allows(self, path: str) -> bool:
        """Return whether an allow rule covers ``path``."""
        return _covering(path, self._roots) is not None

    def passable(self, path: str) -> bool:
        """Return whether a walk may look at ``path``: not denied, and inside a root or on the way to one."""
        return (path in self._waypoints or _covering(path, self._roots) is not None) and self.denying(path) is None

    def denying_below(self, path: str) -> Rule | None:
        """Return a deny rule for something that lies below ``path`` or would lie there by its name.

        Moving a folder that holds (or whose new name would make) a denied path must be refused too.
        """
        prefix = fold(path).rstrip("/") + "/"
        for denied, rule in self._deny.items():
            if denied.startswith(prefix):
                return rule
        parts = path.casefold().split("/")
        for names, rule in self._names:
            for length in range(1, len(names)):
                if tuple(parts[-length:]) == names[:length]:
                    return rule
        return None

    def asked_in(self, folder: str) -> frozenset[str] | None:
        """Return the names in a folder, casefolded, that a deny rule may cover; every other one is permitted.

        None: each must be asked about, whatever its name.
        """
        if folder in ("/", "/proc") or folder.startswith("/proc/") or not self.permits(folder):
            return None
        inside = fold(folder).rstrip("/") + "/"
        names = [
            denied[len(inside) :].partition("/")[0].casefold() for denied in self._deny if denied.startswith(inside)
        ]
        # The folder itself is permitted, so a rule of several names can only match with its last one.
        return frozenset([*names, *(each[-1] for each, _ in self._names)])

    def roots(self) -> list[str]:
        """Return the allowed roots as their rules spell them, each once."""
        return list(dict.fromkeys(rule.value for rule in self._roots.values()))

    def _named(self, path: str) -> Rule | None:
        folded = path.casefold()
        for names, rule in self._names:
            if names[0] not in folded:
                continue
            parts = folded.split("/")
            width = len(names)
            if any(tuple(parts[at : at + width]) == names for at in range(len(parts) - width + 1)):
                return rule
        return None


def _covering(path: str, table: Mapping[str, Rule]) -> Rule | None:
    if not table:
        return None
    while True:
        hit = table.get(path)
        if hit is not None:
            return hit
        above = parent(path)
        if above is None:
            return None
        path = above


def _spellings(value: str, known: dict[str, str]) -> tuple[str, ...]:
    """Return the path as written and, where a link is on the way, as it really is."""
    real = _real(value, known) if os.sep == "/" else os.path.realpath(value).replace(os.sep, "/")
    return (value,) if real == value else (value, real)


def _real(path: str, known: dict[str, str]) -> str:
    """Return `os.path.realpath`, with one system call for a path whose folder is ``known`` already."""
    found = known.get(path)
    if found is None:
        above = parent(path)
        if above is None:
            return path
        found = _real(above, known).rstrip("/") + path[path.rfind("/") :]
        try:
            os.readlink(found)
            found = os.path.realpath(found)
        except OSError:
            pass  # no link, or nothing there
        known[path] = found
    return found
