"""From what the system reports about paths to what happened to them: created, changed, deleted, renamed.

A report says only that something happened to a path, often several times; so what was there before and what is there
now decides, and a name that went while another came for the same file (same inode) is a rename.
"""

from __future__ import annotations

import os

from llmspell_tools.errors import LimitExceeded
from llmspell_tools.paths import walk
from llmspell_tools.tree import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llmspell_tools.definition import ToolContext
    from llmspell_tools.types import JsonObject

    #: device and inode
    Identity = tuple[int, int]


class Watched:
    """What is watched: real paths with the caller's names for them, and what was there at the start.

    Args:
        context: Of the call.
        paths: Files and folders as the caller wrote them; each must be readable.
        recursive: Whether folders below count.
        pattern: Glob for names, or for relative paths if it has a `/`; None for everything.
    """

    __slots__ = ("_before", "_context", "_pattern", "_roots")

    def __init__(self, context: ToolContext, paths: Sequence[str], *, recursive: bool, pattern: str | None) -> None:
        settings: Mapping[str, Any] = context.settings
        self._context = context
        self._pattern = pattern
        self._before: dict[str, Identity] = {}
        #: By real path, the path as the caller wrote it.
        self._roots: dict[str, str] = {}
        for path in paths:
            with walk(context.policy, path, context.tool, "read") as place:
                self._roots[place.path] = path.rstrip("/") or "/"
                top = place.path
                if place.found is not None:
                    self._before[top] = (place.found.st_dev, place.found.st_ino)
            depth = 100 if recursive else 1
            for entry in tree(context.policy, path, context.tool, max_depth=depth):
                real = f"{top.rstrip('/')}/{entry.relative}" if entry.relative else top
                try:
                    facts = entry.facts()
                except FileNotFoundError:
                    continue  # gone since the listing
                self._before[real] = (facts.st_dev, facts.st_ino)
                context.check()
                if len(self._before) > settings["max_watched"]:
                    key = "[tools.file_watcher] max_watched"
                    raise LimitExceeded(
                        f"'{path}' holds more than {settings['max_watched']} files and folders; the limit is {key}",
                        details={"path": path, "key": key, "limit": settings["max_watched"]},
                    )

    @property
    def real_paths(self) -> list[str]:
        """What the system is asked to watch."""
        return [*self._roots]

    def events(self, touched: Sequence[str], timestamp: str) -> list[JsonObject]:
        """Return what happened to the paths of one burst, in the order of their reports; remembers the new state."""
        now: dict[str, Identity | None] = {}
        for path in touched:
            if path not in now and self._is_ours(path):
                now[path] = _identity(path)
        came = {now[path]: path for path in now if now[path] is not None and path not in self._before}
        moved: dict[str, str] = {}
        for path in now:
            if now[path] is None and path in self._before and (target := came.get(self._before[path])):
                moved[path] = target
        found: list[JsonObject] = []
        for path, identity in now.items():
            if path in moved:
                new = moved[path]
                found.append(self._event("Rename", new, timestamp, old=path))
            elif path not in moved.values():
                found.extend(self._simple(path, identity, timestamp))
            self._remember(path, identity)
        return [event for event in found if self._matches(event)]

    def _simple(self, path: str, identity: Identity | None, timestamp: str) -> list[JsonObject]:
        if identity is None:
            if path in self._before:
                return [self._event("Delete", path, timestamp)]
            return [self._event("Create", path, timestamp), self._event("Delete", path, timestamp)]
        return [self._event("Modify" if path in self._before else "Create", path, timestamp)]

    def _remember(self, path: str, identity: Identity | None) -> None:
        if identity is None:
            self._before.pop(path, None)
        else:
            self._before[path] = identity

    def _event(self, kind: str, path: str, timestamp: str, old: str | None = None) -> JsonObject:
        return {
            "event_type": kind,
            "path": self._shown(path),
            "old_path": None if old is None else self._shown(old),
            "timestamp": timestamp,
        }

    def _shown(self, path: str) -> str:
        root = self._root_of(path)
        return os.fsencode(self._roots[root] + path[len(root.rstrip("/")) :]).decode("utf-8", "backslashreplace")

    def _root_of(self, path: str) -> str:
        return max((root for root in self._roots if (path + "/").startswith(root.rstrip("/") + "/")), key=len)

    def _is_ours(self, path: str) -> bool:
        """Return whether a path lies in what is watched, over no link, and may be read."""
        if not any((path + "/").startswith(root.rstrip("/") + "/") for root in self._roots):
            return False
        folder = os.path.dirname(path)
        if path not in self._roots and os.path.realpath(folder) != folder:
            return False  # the system watches what links lead to as well
        return self._context.policy.passable("read", path, self._context.tool)

    def _matches(self, event: JsonObject) -> bool:
        if self._pattern is None:
            return True
        from fnmatch import fnmatchcase

        for key in ("path", "old_path"):
            path = event[key]
            if isinstance(path, str) and (
                fnmatchcase(os.path.basename(path), self._pattern) or fnmatchcase(path, self._pattern)
            ):
                return True
        return False


def _identity(path: str) -> Identity | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
