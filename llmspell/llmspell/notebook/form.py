"""Says in one sentence what keeps a file from being a notebook; knows only what running one needs of nbformat.

Less strict than nbformat's schema, on purpose: notebooks with an unknown field or without cell ids run well.

Source: nbformat 5.10, "The Jupyter Notebook format", versions 3 and 4.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell_tools import jsontext
from llmspell_tools.errors import InvalidParameters

if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

_NEWEST = 4
#: More is no notebook that anybody reads; only a diagnosis reads so far.
_MOST_BYTES = 100_000_000


def fault_of(path: str) -> str:
    """Return what is wrong with a file that could not be read as a notebook; general words where it is not known."""
    unknown = "its content has not the form of one"
    if not os.path.isfile(path) or os.path.getsize(path) > _MOST_BYTES:  # a pipe is read by now, an address is no file
        return unknown
    with open(path, "rb") as file:
        content = file.read()
    if not content.strip():
        return "it is empty"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not text in UTF-8"
    try:
        value = jsontext.loads(text)
    except InvalidParameters as error:
        return f"it is not JSON ({error.message})"
    return fault(value) or unknown


def fault(value: JsonValue) -> str | None:
    """Return what keeps a JSON value from being a notebook; None where nothing is found."""
    if not isinstance(value, dict):
        return "it is JSON, but no object"
    version = value.get("nbformat")
    if version is None:
        return "it has no 'nbformat'"
    if not isinstance(version, int) or not 1 <= version <= _NEWEST:
        return f"its 'nbformat' is {jsontext.dumps(version)}; 1 to {_NEWEST} can be read"
    if version < _NEWEST:
        return None if version == 1 or isinstance(value.get("worksheets"), list) else "it has no list 'worksheets'"
    wrong = _wrong_cells(value.get("cells")) or _wrong_kernel(value.get("metadata"))
    if wrong is None and not isinstance(value.get("nbformat_minor"), int):
        return "it has no number 'nbformat_minor'"
    return wrong


def _wrong_kernel(metadata: JsonValue) -> str | None:
    if not isinstance(metadata, dict):
        return "it has no object 'metadata'"
    wrong = [name for name in ("kernelspec", "language_info") if not isinstance(metadata.get(name, {}), dict)]
    return f"its metadata '{wrong[0]}' is no object" if wrong else None


def _wrong_cells(cells: JsonValue) -> str | None:
    if not isinstance(cells, list):
        return "its 'cells' is no list" if cells is not None else "it has no 'cells'"
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict):
            return f"its cell {number} is no object"
        if not isinstance(cell.get("cell_type"), str):
            return f"its cell {number} has no 'cell_type'"
        source = cell.get("source")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            return f"its cell {number} has no text 'source'"
        metadata = cell.get("metadata")
        if not isinstance(metadata, dict):
            return f"its cell {number} has no object 'metadata'"
        if not isinstance(metadata.get("tags", []), list):
            return f"the tags of its cell {number} are no list"
    return None
