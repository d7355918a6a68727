"""Media of a result: what is better looked at than read. Made by tools, shown by doors (`tables.py`).

    {"type": "table", "columns": [name, ...], "rows": [[cell, ...], ...]}
    {"type": "table", "columns": [name, ...], "source": "result.matches"}
    {"type": "image", "format": "png", "base64": text, "width": pixels, "height": pixels}

A table with a `source` copies nothing: it is a dotted path into the output, where there is

- a list of objects: each is a row, and `columns` picks its fields (without `columns`: all that any row has),
- a list of arrays or of scalars: rows as they are, or of one cell,
- an object: each key is a row, beside its value, or beside the picked fields of an object,
- a text, where ``"format": "csv"`` says so (`delimiter`: "," by default): its first row names the columns.

`columns` may name fields inside fields (`stats.size`). Optional: `title`, and `total_rows` where the table holds only
a part. Media cross doors as they are; only who shows them resolves them. No imports: built-in tools import this.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.types import JsonObject, JsonValue

    Row = list[JsonValue]

#: Objects of a list that are looked at for the names of its columns, where the item names none.
_LOOKED_AT = 1_000


class Table:
    """A table to show.

    Args:
        columns: Names, one a column.
        rows: Cells, as many as columns.
        title: What it shows.
        total_rows: How many rows there are, where `rows` holds only the first.
    """

    __slots__ = ("columns", "rows", "title", "total_rows")

    def __init__(
        self, columns: list[str], rows: list[Row], *, title: str | None = None, total_rows: int | None = None
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.title = title
        self.total_rows = len(rows) if total_rows is None else max(total_rows, len(rows))


def table(source: str, *columns: str, title: str | None = None) -> list[JsonObject]:
    """Return media of one table: the `columns` of what stands in the output at `source`."""
    item: JsonObject = {"type": "table", "columns": [*columns], "source": source}
    if title is not None:
        item["title"] = title
    return [item]


def csv_table(source: str, delimiter: str = ",") -> list[JsonObject]:
    """Return media of one table: the CSV text that stands in the output at `source`."""
    return [{"type": "table", "source": source, "format": "csv", "delimiter": delimiter}]


def resolve(item: JsonObject, output: JsonValue) -> Table | None:
    """Return the table that an item describes; None where it is none, or `output` has nothing at its source.

    Args:
        item: Of `ToolResult.media`.
        output: Of the same result.
    """
    if item.get("type") != "table":
        return None
    title, total = item.get("title"), item.get("total_rows")
    found = _found(item, output)
    if found is None:
        return None
    columns, rows = found
    return Table(
        columns,
        [_fitted(row, len(columns)) for row in rows],
        title=title if isinstance(title, str) else None,
        total_rows=total if isinstance(total, int) else None,
    )


def derive(value: JsonValue) -> Table:
    """Return the table that a value without media makes: objects as rows, an object as its fields, else one cell."""
    if isinstance(value, dict):
        if _is_index(value):
            columns, rows = _keyed(value, [])
            return Table(columns, rows)
        return Table(["field", "value"], [[name, member] for name, member in _flat(value, "")])
    if isinstance(value, list):
        columns, rows = _listed(value, [])
        return Table(columns, [_fitted(row, len(columns)) for row in rows])
    return Table(["value"], [[value]])


def _is_index(value: JsonObject) -> bool:
    """Tell whether an object is rows by name: more than one member, all objects with the same fields, none empty."""
    fields = {tuple(member) if isinstance(member, dict) else () for member in value.values()}
    return len(value) > 1 and len(fields) == 1 and fields != {()}


def _flat(value: JsonObject, prefix: str) -> list[tuple[str, JsonValue]]:
    """Return the fields of an object, those of objects inside it under dotted names."""
    fields: list[tuple[str, JsonValue]] = []
    for name, member in value.items():
        if isinstance(member, dict) and member and prefix.count(".") < 3:
            fields.extend(_flat(member, f"{prefix}{name}."))
        else:
            fields.append((prefix + name, member))
    return fields


def _found(item: JsonObject, output: JsonValue) -> tuple[list[str], list[Row]] | None:
    given = item.get("columns")
    columns = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    source = item.get("source")
    data = picked(output, source) if isinstance(source, str) else item.get("rows")
    if isinstance(data, str) and item.get("format") == "csv":
        return _read_csv(data, item.get("delimiter"))
    if isinstance(data, list):
        return _listed(data, columns)
    return _keyed(data, columns) if isinstance(data, dict) else None


def picked(value: JsonValue, path: str) -> JsonValue:
    """Return what stands at a dotted path inside a value, `value` itself for ""; None where nothing does."""
    if not path:
        return value
    if isinstance(value, dict) and path in value:  # a key may have dots itself
        return value[path]
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _listed(data: Sequence[JsonValue], columns: list[str]) -> tuple[list[str], list[Row]]:
    if data and all(entry.__class__ is dict for entry in data):
        names = columns or _names(data)
        if any("." in name for name in names):
            return names, [[_field(entry, name) for name in names] for entry in data]
        return names, [[entry.get(name) for name in names] for entry in data if isinstance(entry, dict)]
    rows: list[Row] = [_row(entry, columns) for entry in data]
    if columns or not data:
        return columns or ["value"], rows
    width = max(len(row) for row in rows)
    return ["value"] if width <= 1 else [str(number + 1) for number in range(width)], rows


def _row(entry: JsonValue, columns: list[str]) -> Row:
    if isinstance(entry, dict) and columns:
        return [_field(entry, name) for name in columns]
    return [*entry] if isinstance(entry, list) else [entry]


def _keyed(data: JsonObject, columns: list[str]) -> tuple[list[str], list[Row]]:
    names = columns or ["field", "value"]
    if len(names) > 2 or any(isinstance(member, dict) for member in data.values()):
        if not columns:
            names = ["field", *_names([member for member in data.values() if isinstance(member, dict)])]
        return names, [[key, *(_field(member, name) for name in names[1:])] for key, member in data.items()]
    return names, [[key, member] for key, member in data.items()]


def _names(entries: Sequence[JsonValue]) -> list[str]:
    return list(dict.fromkeys(name for entry in entries[:_LOOKED_AT] if isinstance(entry, dict) for name in entry))


def _field(entry: JsonValue, name: str) -> JsonValue:
    if not isinstance(entry, dict):
        return None
    return entry[name] if name in entry else picked(entry, name) if "." in name else None


def _fitted(row: Row, width: int) -> Row:
    return row if len(row) == width else [*row[:width], *[None] * (width - len(row))]


def _read_csv(text: str, delimiter: JsonValue) -> tuple[list[str], list[Row]] | None:
    import csv  # only where such a table is shown
    import io

    mark = delimiter if isinstance(delimiter, str) and len(delimiter) == 1 else ","
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        columns = next(reader, None)
        rows: list[Row] = [[*row] for row in reader if row]
    except csv.Error:  # a cell beyond the module's limit
        return None
    return (columns, rows) if columns else None
