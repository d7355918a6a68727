"""Finding tools by words: what a word fits, what that is worth, and what was probably meant where nothing fits.

A word is looked for in a tool's name, aliases, category, description, parameters and the values that these take; the
best place counts. A tool that several words fit is better than one that a single word fits, and a word that few tools
have says more than one that most have. Any word is enough. Works on what the manifest says: no tool is imported. It
knows no registry; `ToolRegistry.search` and `tool search` stand on it. On the lean path.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject, JsonValue

#: Places from best to least: what a word is worth that is one of its words, and one that is only inside one.
_WORTH = {
    "name": (100, 60), "alias": (80, 50), "category": (40, 0), "description": (30, 12), "parameter": (16, 8),
    "meaning": (7, 3), "value": (6, 3),
}  # fmt: skip
#: What a word is worth beside the word itself: one of the same stem, a longer one, another word for it.
_SAME_STEM = 0.95
_BEGINS = 0.8
_OTHER_WORD = 0.6
#: Words that people say, and those that tools use for the same.
_OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "bibliography": ("citation",), "checksum": ("hash",), "compress": ("archive",), "cpu": ("system",),
    "crypt": ("hash",), "curl": ("url",), "digest": ("hash",), "dns": ("service",), "env": ("environment",),
    "excel": ("csv",), "find": ("search",), "grep": ("search",), "guid": ("uuid",), "http": ("url", "service"),
    "id": ("uuid",), "jinja": ("template",), "memory": ("system",), "network": ("graph", "url"),
    "patch": ("diff",), "ping": ("service",), "port": ("service",), "regexp": ("regex",), "rename": ("file",),
    "replace": ("text",), "run": ("process",), "shell": ("process",), "spreadsheet": ("csv",), "tar": ("archive",),
    "time": ("datetime",), "unzip": ("zip", "archive"), "watch": ("watcher",), "xlsx": ("csv",), "zip": ("archive",),
}  # fmt: skip
#: Words without which a question means the same.
_FILLERS = frozenset(
    ("a", "an", "and", "as", "by", "for", "from", "how", "in", "into", "is", "it", "of", "on", "or", "the", "to",
     "tool", "tools", "with")
)  # fmt: skip
_ENDINGS = ("ations", "ation", "ings", "ing", "ers", "er", "ors", "or", "ed", "es", "s", "e")


class Hit:
    """A tool that was found.

    Args:
        tool: The tool.
        rank: The more the better; above 0.
        matched: For each word that fits ``{word, in, text}``, best first: `in` is name, alias, category, description,
            parameter or value, `text` the name, the parameter or `parameter=value` (empty for a description).
    """

    __slots__ = ("matched", "rank", "tool")

    def __init__(self, tool: Tool, rank: float, matched: list[dict[str, str]]) -> None:
        self.tool = tool
        self.rank = rank
        self.matched = matched


class _Part:
    """One text that a tool can be found by."""

    __slots__ = ("_pieces", "place", "shown", "text")

    def __init__(self, place: str, text: str, shown: str) -> None:
        self.place = place
        self.text = text.lower()
        self.shown = shown
        self._pieces: list[str] | None = None

    @property
    def pieces(self) -> list[str]:
        """Its words; most texts are never taken apart."""
        if self._pieces is None:
            self._pieces = _pieces(self.text)
        return self._pieces

    def worth(self, word: str, stem: str) -> float:
        """Return what this place is worth for a word, 0 where it does not fit."""
        if stem not in self.text:
            return 0.0
        whole, inside = _WORTH[self.place]
        if word == self.text or word in self.pieces:
            return whole
        if len(word) < 3:
            return 0.0
        if any(_stem(piece) == stem for piece in self.pieces):
            return whole * _SAME_STEM
        if any(piece.startswith(word) for piece in self.pieces):
            return whole * _BEGINS
        return inside if word in self.text else 0.0


def find(tools: Sequence[Tool], words: Sequence[str]) -> list[Hit]:
    """Return the tools that any of the words fits, best first.

    Args:
        tools: Those to look through.
        words: As people write them; one text may hold several.
    """
    parts = [[*_parts(tool)] for tool in tools]
    found: dict[int, list[tuple[float, dict[str, str]]]] = {}
    for word in _asked(words):
        fits = [(index, *_best(word, own)) for index, own in enumerate(parts)]
        fits = [(index, worth, part) for index, worth, part in fits if worth]
        rarity = 2 - len(fits) / len(parts) if parts else 1
        for index, worth, part in fits:
            place = "parameter" if part.place == "meaning" else part.place
            match = {"word": word, "in": place, "text": part.shown}
            found.setdefault(index, []).append((worth * rarity, match))
    hits: list[Hit] = []
    for index, matches in found.items():
        matches.sort(key=lambda each: -each[0])
        rank = sum(worth for worth, _ in matches)
        hits.append(Hit(tools[index], rank, [match for _, match in matches]))
    return sorted(hits, key=lambda hit: (-hit.rank, hit.tool.name))


def corrected(tools: Sequence[Tool], words: Sequence[str]) -> list[str]:
    """Return the words that were probably meant, for a question that finds nothing; empty where none is near."""
    from llmspell_tools.nearest import nearest  # only for mistakes

    names: set[str] = {*_OTHER_WORDS}
    others: set[str] = set()
    for tool in tools:
        for part in _parts(tool):
            (names if part.place in {"name", "alias"} else others).update(part.pieces)
    meant: list[str] = []
    for word in _asked(words):
        near = (nearest(word, sorted(names)) or nearest(word, sorted(others))) if len(word) > 2 else None
        meant.extend([near] if near is not None else [])
    return meant


def _asked(words: Sequence[str]) -> list[str]:
    found = [*dict.fromkeys(piece for word in words for piece in _pieces(word.lower()))]
    return [word for word in found if word not in _FILLERS] or found


def _parts(tool: Tool) -> Iterator[_Part]:
    yield _Part("name", tool.name, tool.name)
    for alias in tool.aliases:
        yield _Part("alias", alias, alias)
    yield _Part("category", tool.category, tool.category)
    yield _Part("description", tool.description, "")
    others: dict[str, list[str]] = {}
    for alias, name in tool.parameter_aliases.items():
        others.setdefault(name, []).append(alias)
    for name, schema in _properties(tool.parameters):
        yield _Part("parameter", " ".join((name, *others.get(name, ()))), name)
        meaning, values = schema.get("description"), schema.get("enum")
        if isinstance(meaning, str):
            yield _Part("meaning", meaning, name)
        for value in values if isinstance(values, list) else ():
            if isinstance(value, str):
                yield _Part("value", value, f"{name}={value}")


def _properties(schema: JsonObject) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Yield every property of an object schema and of the objects in it, dotted: `options`, `options.delimiter`."""
    properties = schema.get("properties")
    for name, own in properties.items() if isinstance(properties, dict) else ():
        if isinstance(own, dict):
            yield name, own
            for inner, deeper in _properties(own):
                yield f"{name}.{inner}", deeper


def _best(word: str, parts: Sequence[_Part]) -> tuple[float, _Part]:
    """Return what a word is worth in its best place, and that place."""
    best, where = 0.0, parts[0]
    for share, said in ((1.0, word), *((_OTHER_WORD, other) for other in _OTHER_WORDS.get(word, ()))):
        stem = _stem(said)
        for part in parts:
            worth = share * part.worth(said, stem)
            if worth > best:
                best, where = worth, part
    return best, where


def _stem(word: str) -> str:
    """Return a word without its English ending: `encoding`, `encoder`, `encoded` and `encode` are one word."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def _pieces(text: str) -> list[str]:
    """Return the words of a text in small letters: `csv-analyzer` has two, `input_file` too."""
    return "".join([letter if letter.isalnum() else " " for letter in text]).split()
