"""What differs between two JSON values, member by member, and the JSON Patch (RFC 6902) that turns one into the other.

Paths of the difference are member names joined by dots; an array is one value, and two arrays at the top stand under
`[]`, two other values there under the empty path. 1 and 1.0 are equal, 1 and true are not. Pure.
"""

from __future__ import annotations

from llmspell_tools.schema_values import same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject, JsonValue


def difference(old: JsonValue, new: JsonValue) -> JsonObject:
    """Return ``{added{}, removed{}, modified{path: {old, new}}, unchanged[]}``; an equal part is named once, whole."""
    found = _Difference()
    if isinstance(old, dict) and isinstance(new, dict):
        found.objects(old, new, "")
    elif isinstance(old, list) and isinstance(new, list):
        if same(old, new):
            found.unchanged.append("[]")
        else:
            found.modified["[]"] = {"old_length": len(old), "new_length": len(new), "old": old, "new": new}
    else:
        found.values(old, new, "")
    return {
        "added": found.added,
        "removed": found.removed,
        "modified": found.modified,
        "unchanged": found.unchanged,
    }


class _Difference:
    def __init__(self) -> None:
        self.added: JsonObject = {}
        self.removed: JsonObject = {}
        self.modified: JsonObject = {}
        self.unchanged: list[JsonValue] = []

    def objects(self, old: JsonObject, new: JsonObject, prefix: str) -> None:
        for name, value in old.items():
            if name in new:
                self.values(value, new[name], prefix + name)
            else:
                self.removed[prefix + name] = value
        for name, value in new.items():
            if name not in old:
                self.added[prefix + name] = value

    def values(self, old: JsonValue, new: JsonValue, path: str) -> None:
        if same(old, new):
            self.unchanged.append(path)
        elif isinstance(old, dict) and isinstance(new, dict):
            self.objects(old, new, f"{path}.")
        else:
            self.modified[path] = {"old": old, "new": new}


def patch(old: JsonValue, new: JsonValue) -> list[JsonValue]:
    """Return JSON Patch operations that turn `old` into `new`; items of arrays are compared by their place."""
    operations: list[JsonValue] = []
    _patch(old, new, "", operations)
    return operations


def _patch(old: JsonValue, new: JsonValue, path: str, operations: list[JsonValue]) -> None:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old:
            place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name in new:
                _patch(old[name], new[name], place, operations)
            else:
                operations.append({"op": "remove", "path": place})
        for name in new:
            if name not in old:
                place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
                operations.append({"op": "add", "path": place, "value": new[name]})
    elif isinstance(old, list) and isinstance(new, list):
        shared = min(len(old), len(new))
        for at in range(shared):
            _patch(old[at], new[at], f"{path}/{at}", operations)
        operations.extend({"op": "remove", "path": f"{path}/{at}"} for at in range(len(old) - 1, shared - 1, -1))
        operations.extend({"op": "add", "path": f"{path}/-", "value": value} for value in new[shared:])
    else:
        operations.append({"op": "replace", "path": path, "value": new})
