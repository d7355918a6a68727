"""Tables as text for a terminal, as GitHub Markdown and as HTML, and a result's media as a MIME bundle.

One shape for the command line and notebooks. In a terminal a table is laid out in columns as wide as their cells;
where that does not fit, texts are cut and end in an ellipsis, numbers never; where it does not fit even then, each row
becomes a record of lines `column  cell`. Without a width nothing is cut. Knows neither terminal nor notebook.

Own code and no `rich`: its table costs 80 ms of imports, which is more than most tools take.
"""

from __future__ import annotations

from llmspell_tools.cells import cut, harmless, pad, text_of, width
from llmspell_tools.envelope import is_envelope, is_failure
from llmspell_tools.media import Table, derive, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell_tools.definition import ToolResult
    from llmspell_tools.types import JsonObject, JsonValue

__all__ = ["Table", "bundle", "data_uri", "derive", "html", "image_line", "markdown", "of_value", "tables_of", "text"]

_GAP = "  "
#: A text column is never made narrower than this to fit the others in; columns of a terminal.
_LEAST = 12
#: Without a width a column is filled up to this; longer cells stand out, uncut.
_FILLED = 100
#: Lines that one cell of a record may take.
_RECORD_LINES = 8
#: Rows turned into lines at a time.
_BLOCK = 2_000
#: Rows of a table in a notebook, and characters of a cell there.
MAX_ROWS = 200
_MAX_CELL = 1_000
#: Columns of a notebook's plain text.
_PLAIN_WIDTH = 120
#: Image formats that notebooks show, and their types; SVG only inside <img>, where no script of it runs.
_IMAGES = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
           "svg": "image/svg+xml"}  # fmt: skip
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_MARKDOWN = str.maketrans(
    {letter: "\\" + letter for letter in "\\`*[]|~"} | {"<": "&lt;", "&": "&amp;", "\n": "<br>", "\r": ""}
)


def tables_of(result: ToolResult) -> list[Table]:
    """Return the tables among a result's media, resolved."""
    return [table for _, table in _media(result) if table is not None]


def of_value(value: JsonValue) -> list[Table]:
    """Return the tables of a value: of its media where it is a tool's result, as Lua has it; else the one it makes.

    Of an envelope, the result is what makes it.
    """
    found = [table for _, table in _media(value) if table is not None]
    if found:
        return found
    while is_envelope(value) and not is_failure(value) and value.get("result") is not None:
        value = value["result"]
    return [derive(value)]


def _media(value: ToolResult | JsonValue) -> list[tuple[JsonObject, Table | None]]:
    """Return the media of a result, or of a value that was one in Lua, each with the table that it is."""
    if value is None or isinstance(value, (str, int, float, list)):
        return []
    if isinstance(value, dict):
        # In Lua an envelope's fields are the result's own; any other output stands under `data`.
        listed = value.get("media")
        items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        outputs = [value, value.get("data")]
    else:
        items, outputs = value.media if value.has_media else [], [value.output]
    found: list[tuple[JsonObject, Table | None]] = []
    for item in items:
        tables = (resolve(item, output) for output in outputs)
        found.append((item, next((table for table in tables if table is not None), None)))
    return found


def text(table: Table, columns: int | None = None, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the lines of a table for a terminal, in pieces of one or many lines without the last one's end.

    Args:
        table: What to show.
        columns: Of the terminal; None cuts nothing.
        encoding: What the lines will be written in.
    """
    ellipsis = "…" if encoding == "utf-8" else "..."
    names = [harmless(name, encoding) for name in table.columns]
    cells = [_column(table.rows, index, columns, encoding) for index in range(len(names))]
    if table.title:
        yield _cut(harmless(table.title, encoding), columns, ellipsis)
    natural = [max(map(width, column), default=0) for column in cells]
    numbers = [_is_numeric(column) for column in cells]
    widths = _widths(names, natural, numbers, columns)
    if widths is None:
        yield from _records(names, cells, max(columns or 0, 20), ellipsis)
    else:
        yield from _columns(names, cells, widths, numbers, None if columns is None else ellipsis)
    rest = _rest(table)
    if rest:
        yield _cut(rest, columns, ellipsis)


def _column(rows: Sequence[Sequence[JsonValue]], index: int, limit: int | None, encoding: str) -> list[str]:
    """Return the cells of one column as harmless text; no more of a cell than could be shown in so many columns."""
    most = None if limit is None else limit * _RECORD_LINES
    made: list[str] = []
    for row in rows:
        cell = row[index]
        shown = cell if isinstance(cell, str) else text_of(cell)
        if most is not None and len(shown) > most:
            shown = shown[:most]
        if not (shown.isascii() and shown.isprintable()):
            shown = harmless(shown, encoding)
        made.append(shown)
    return made


def _cut(line: str, columns: int | None, ellipsis: str) -> str:
    return line if columns is None else cut(line, columns, ellipsis)


def _is_numeric(cells: Sequence[str]) -> bool:
    """Tell whether all cells that are not empty are numbers; the first thousand speak for the rest."""
    found = False
    for cell in cells[:1_000]:
        if cell:
            if not _is_number(cell):
                return False
            found = True
    return found


def _is_number(cell: str) -> bool:
    if not cell.isascii() or cell[-1] not in "0123456789" or "_" in cell or cell[0] not in "-+.0123456789":
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _widths(names: list[str], natural: list[int], numbers: list[bool], columns: int | None) -> list[int] | None:
    """Return how wide each column is shown, or None where they do not fit side by side."""
    wanted = [max(width(name), size) for name, size in zip(names, natural, strict=True)]
    if columns is None:
        return [min(size, _FILLED) for size in wanted]
    room = columns - len(_GAP) * (len(wanted) - 1)
    if sum(wanted) <= room:
        return wanted
    # A heading may be cut, a number may not.
    least = [
        max(size, min(want, 4)) if is_number else min(want, _LEAST)
        for want, size, is_number in zip(wanted, natural, numbers, strict=True)
    ]
    if sum(least) > room:
        return None
    high = max(wanted)
    while sum(max(low, min(want, high)) for low, want in zip(least, wanted, strict=True)) > room:
        high -= 1
    return [max(low, min(want, high)) for low, want in zip(least, wanted, strict=True)]


def _columns(
    names: list[str], cells: list[list[str]], widths: list[int], numbers: list[bool], ellipsis: str | None
) -> Iterator[str]:
    """Yield heading, rule and rows, side by side."""
    yield _joined([[name] for name in names], widths, numbers, ellipsis)
    yield _GAP.join("-" * size for size in widths).rstrip()
    count = len(cells[0]) if cells else 0
    for start in range(0, count, _BLOCK):
        yield _joined([column[start : start + _BLOCK] for column in cells], widths, numbers, ellipsis)
    if not count:
        yield "(no rows)"


def _joined(cells: list[list[str]], widths: list[int], numbers: list[bool], ellipsis: str | None) -> str:
    """Return rows as lines; worked column by column, which is several times as fast as by cells."""
    laid = []
    for column, size, is_number in zip(cells, widths, numbers, strict=True):
        if (ellipsis is not None and any(len(cell) > size for cell in column)) or not "".join(column).isascii():
            column = [cell if ellipsis is None else cut(cell, size, ellipsis) for cell in column]  # noqa: PLW2901
        laid.append([pad(cell, size, to_right=is_number) for cell in column])
    return "\n".join([_GAP.join(row).rstrip() for row in zip(*laid, strict=True)])


def _records(names: list[str], cells: list[list[str]], columns: int, ellipsis: str) -> Iterator[str]:
    """Yield each row as lines of their own, one a cell or more; an empty line between rows."""
    size = min(max(map(width, names)), columns // 2)
    labels = [pad(cut(name, size, ellipsis), size) + _GAP for name in names]
    room = columns - size - len(_GAP)
    for number, row in enumerate(zip(*cells, strict=True)):
        lines = [] if number == 0 else [""]
        for label, cell in zip(labels, row, strict=True):
            first, *others = _wrapped(cell, room, ellipsis)
            lines.append((label + first).rstrip())
            lines.extend((" " * (size + len(_GAP)) + other).rstrip() for other in others)
        yield "\n".join(lines)
    if not cells or not cells[0]:
        yield "\n".join(label.rstrip() for label in labels)
        yield "(no rows)"


def _wrapped(cell: str, room: int, ellipsis: str) -> list[str]:
    lines: list[str] = []
    while len(lines) < _RECORD_LINES - 1 and width(cell) > room:
        part = cut(cell, room, "")
        space = part.rfind(" ")
        part = part[:space] if space > room // 2 else part
        lines.append(part.rstrip())
        cell = cell[len(part) :].lstrip()
    return [*lines, cut(cell, room, ellipsis)]


def _rest(table: Table, shown: int | None = None) -> str:
    count = len(table.rows) if shown is None else shown
    return f"({count} of {table.total_rows} rows)" if count < table.total_rows else ""


def markdown(table: Table) -> Iterator[str]:
    """Yield the lines of a table in GitHub Markdown (GFM 0.29, "Tables"); numbers stand to the right."""
    if table.title:
        yield f"**{_escaped(table.title)}**"
        yield ""
    cells = [_column(table.rows[:1_000], index, None, "utf-8") for index in range(len(table.columns))]
    yield "| " + " | ".join(_escaped(name) for name in table.columns) + " |"
    yield "| " + " | ".join("---:" if _is_numeric(column) else "---" for column in cells) + " |"
    for start in range(0, len(table.rows), _BLOCK):
        block = table.rows[start : start + _BLOCK]
        yield "\n".join(["| " + " | ".join([_escaped(text_of(cell)) for cell in row]) + " |" for row in block])
    rest = _rest(table)
    if rest:
        yield f"\n{rest}"


def _escaped(cell: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    if cell.isalnum():
        return cell
    shown = cell.translate(_MARKDOWN)
    if "_" in shown:
        # `snake_case` is no emphasis and stays readable; `_word_` is.
        parts = shown.split("_")
        shown = parts[0]
        for part in parts[1:]:
            inside = shown[-1:].isalnum() and part[:1].isalnum()
            shown += ("_" if inside else "\\_") + part
    return harmless(shown)


def html(table: Table, max_rows: int = MAX_ROWS) -> str:
    """Return a table as HTML, every cell escaped; of more rows than `max_rows` the first, and how many there are."""
    shown = table.rows[:max_rows]
    numbers = [_is_numeric(_column(shown, index, None, "utf-8")) for index in range(len(table.columns))]
    styles = [' style="text-align: right"' if is_number else ' style="text-align: left"' for is_number in numbers]
    lines = ['<table class="llmspell-table">']
    if table.title:
        lines.append(f"<caption>{_markup(table.title)}</caption>")
    heads = "".join(f"<th{style}>{_markup(name)}</th>" for name, style in zip(table.columns, styles, strict=True))
    lines.append(f"<thead><tr>{heads}</tr></thead>\n<tbody>")
    for row in shown:
        cells = "".join(f"<td{style}>{_markup(text_of(cell))}</td>" for cell, style in zip(row, styles, strict=True))
        lines.append(f"<tr>{cells}</tr>")
    lines.append("</tbody>\n</table>")
    rest = _rest(table, len(shown)).strip("()")
    if rest:
        lines.append(f"<p>{rest}</p>")
    return "\n".join(lines)


def _markup(cell: str) -> str:
    if len(cell) > _MAX_CELL:
        cell = cell[: _MAX_CELL - 1] + "…"
    return "<br>".join(harmless(line) for line in cell.translate(_MARKUP).split("\n"))


def image_line(item: JsonObject) -> str:
    """Return `image png 640x480, 12 KB`: what a place says that shows no images."""
    data = item.get("base64")
    size = _size(len(data) * 3 // 4) if isinstance(data, str) else "no data"
    width_px, height_px = item.get("width"), item.get("height")
    extent = f" {width_px}x{height_px}" if isinstance(width_px, int) and isinstance(height_px, int) else ""
    return harmless(f"image {item.get('format', '')}{extent}, {size}")


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.0f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def data_uri(item: JsonObject) -> str | None:
    """Return an image as a `data:` URI; None where it is of no format that browsers show."""
    kind, data = _IMAGES.get(str(item.get("format", "")).lower()), item.get("base64")
    if kind is None or not isinstance(data, str):
        return None
    plain = "".join(data.split())
    if not (plain.isascii() and all(letter.isalnum() or letter in "+/=" for letter in plain)):
        return None  # would end the attribute that it stands in
    return f"data:{kind};base64,{plain}"


def bundle(result: ToolResult | JsonValue) -> dict[str, str] | None:
    """Return media as a MIME bundle of Jupyter (messaging 5.4, "display_data"); None where there are none.

    Args:
        result: What a tool gave, or what became of it in Lua: an object with `media` (a list), the envelope's fields
            beside it.

    Returns:
        text/plain and text/html; for an image that is the only medium text/plain and its own type, in base64.
    """
    plain: list[str] = []
    markup: list[str] = []
    images: list[str] = []
    for item, table in _media(result):
        if table is not None:
            plain.append("\n".join(text(_first(table), _PLAIN_WIDTH)))
            markup.append(html(table))
        elif item.get("type") == "image":
            plain.append(f"[{image_line(item)}]")
            uri = data_uri(item)
            markup.append(f"<p>{_markup(plain[-1])}</p>" if uri is None else f'<img src="{uri}"{_extent(item)}>')
            images.extend([] if uri is None else [uri])
    if not plain:
        return None
    made = {"text/plain": "\n\n".join(plain), "text/html": "\n".join(markup)}
    if len(images) == len(plain) == 1 and not images[0].startswith("data:image/svg"):
        kind, _, data = images[0].removeprefix("data:").partition(";base64,")
        return {kind: data, "text/plain": made["text/plain"]}
    return made


def _first(table: Table) -> Table:
    return Table(table.columns, table.rows[:MAX_ROWS], title=table.title, total_rows=table.total_rows)


def _extent(item: JsonObject) -> str:
    sides = ((name, item.get(name)) for name in ("width", "height"))
    return "".join(f' {name}="{value}"' for name, value in sides if isinstance(value, int))
