"""The line on which each key of a TOML file stands; `tomllib` does not say.

Reads headers and keys only, after `tomllib` has accepted the file, so it may be simple: a key that it does not find
is reported without a line. TOML 1.0, https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def key_lines(text: str) -> dict[str, int]:
    """Return the 1-based line of each table header and each key, by dotted path; the first one counts."""
    found: dict[str, int] = {}
    table = ""
    quotes: str | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if quotes is not None:
            quotes = None if line.count(quotes) % 2 else quotes
            continue
        if depth > 0:
            depth += _open_brackets(line)
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _dotted(header[1])
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is None:
            continue
        found.setdefault(_dotted(key[1]) if not table else f"{table}.{_dotted(key[1])}", number)
        quotes = next((mark for mark in ('"""', "'''") if key[2].count(mark) % 2), None)
        depth = max(0, _open_brackets(key[2])) if quotes is None else 0
    return found


def _dotted(text: str) -> str:
    return ".".join(part.strip("\"'") for part in _PART.findall(text))


def _open_brackets(text: str) -> int:
    bare = re.sub(r"""("(?:\\.|[^"\\])*"|'[^']*')|#.*""", "", text)
    return bare.count("[") - bare.count("]")


def line_of(lines: dict[str, int], path: str) -> int | None:
    """Return the line of a key, or of the nearest table above it (an inline table's key has no line of its own)."""
    while path:
        if path in lines:
            return lines[path]
        path = path.rpartition(".")[0]
    return None
