"""`display.chart`: rows as a Vega-Lite chart, and as bars of text where nobody draws.

Spec: https://vega.github.io/vega-lite/docs/, version 5: `data.values`, `mark`, `encoding`. Which field goes where, and
of which type it is, is found in the rows where the script does not say. Knows no Lua.
"""

from __future__ import annotations

from llmspell_tools.cells import cut, harmless, pad, text_of, width
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

MIME_TYPE = "application/vnd.vegalite.v5+json"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
MARKS = ("bar", "line", "point", "area", "circle", "square", "tick", "rect", "arc", "rule", "text", "boxplot")
#: Pixels of a chart, where the script does not say; for columns of names, of one name at least and at most.
_WIDTH, _HEIGHT = 480, 280
_STEP_MIN, _STEP_MAX = 18, 60
#: About so many pixels wide is a letter of an axis' label.
_LETTER = 6.5
_MAX_LINES = 30
_BAR_WIDTH = 40
_LABEL_WIDTH = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


class _Chart:
    """The options, checked against the columns, and the columns' types."""

    __slots__ = ("color", "columns", "given", "mark", "rows", "total", "types", "x", "y")

    def __init__(self, given: dict[str, Any]) -> None:
        self.columns: list[str] = given["columns"]
        self.rows: list[list[JsonValue]] = given["rows"]
        self.total: int = given["total"]
        options = given["chart"]
        self.given: dict[str, Any] = options if isinstance(options, dict) else {}
        if not self.rows:
            raise InvalidParameters("display.chart: there are no rows to draw")
        self.types = {name: _type_of([row[index] for row in self.rows]) for index, name in enumerate(self.columns)}
        self.x = self._column("x") or self._first(("temporal", "nominal", "quantitative"), ())
        self.y = self._column("y") or self._first(("quantitative",), (self.x,))
        self.color = self._column("color")
        self.mark = self._mark()

    def _column(self, option: str) -> str | None:
        name = self.given.get(option)
        if name is None:
            return None
        if name not in self.columns:
            raise InvalidParameters(
                f"display.chart: '{option}' names no column: {name!r}; there are {', '.join(self.columns)}",
                field=option,
            )
        return str(name)

    def _first(self, types: Sequence[str], without: Sequence[str | None]) -> str | None:
        for kind in types:
            for name in self.columns:
                if self.types[name] == kind and name not in without:
                    return name
        return None

    def _mark(self) -> str:
        mark = self.given.get("mark")
        if mark is None:
            if self.x is not None and self.types[self.x] == "temporal":
                return "line"
            both = self.x is not None and self.y is not None and {self.types[self.x], self.types[self.y]}
            return "point" if both == {"quantitative"} else "bar"
        if mark not in MARKS:
            raise InvalidParameters(f"display.chart: 'mark' is none of {', '.join(MARKS)}", field="mark")
        return str(mark)

    def values(self, name: str | None) -> list[JsonValue]:
        """Return a column."""
        if name is None:
            return []
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def note(self) -> str | None:
        """Return what to say where not all rows are drawn."""
        return f"the first {len(self.rows)} of {self.total} rows" if self.total > len(self.rows) else None


def bundle(given: dict[str, Any]) -> tuple[JsonObject, JsonObject]:
    """Return data and metadata of a chart.

    Args:
        given: ``{"columns": [name], "rows": [[cell]], "total": n, "chart": options}``; the options are x, y, mark,
            color, title, width and height.

    Raises:
        InvalidParameters: An option names no column or mark, or there is nothing to draw.
    """
    chart = _Chart(given)
    return {MIME_TYPE: specification(chart), "text/plain": "\n".join(_text(chart))}, {}


def specification(chart: _Chart) -> JsonObject:
    """Return the Vega-Lite specification."""
    encoding: JsonObject = {}
    size = _size(chart)
    for channel, name in (("x", chart.x), ("y", chart.y), ("color", chart.color)):
        if name is not None:
            drawn: JsonObject = {"field": _escaped(name), "type": chart.types[name], "title": name}
            if chart.types[name] == "nominal":
                drawn["sort"] = None  # as the rows stand, not by name
            if channel == "x" and chart.mark != "arc" and _labels_fit(chart, size["width"]):
                drawn["axis"] = {"labelAngle": 0}
            encoding[channel] = drawn
    if chart.mark == "arc":  # a pie has no axes
        encoding = _pie(encoding)
    used = [(index, name) for index, name in enumerate(chart.columns) if name in (chart.x, chart.y, chart.color)]
    values: list[JsonValue] = [{name: row[index] for index, name in used} for row in chart.rows]
    made: JsonObject = {"$schema": _SCHEMA, "data": {"values": values}, "encoding": encoding}
    made["mark"] = {"type": chart.mark, "tooltip": True}
    title, note = chart.given.get("title"), chart.note()
    if title is not None or note is not None:
        made["title"] = {"text": "" if title is None else str(title), **({"subtitle": note} if note else {})}
    made.update(size)
    return made


def _size(chart: _Chart) -> JsonObject:
    """Return width and height in pixels, or `{"step": pixels}` for each name on an axis."""
    is_pie = chart.mark == "arc"
    size: JsonObject = {"width": _HEIGHT if is_pie else _WIDTH, "height": _HEIGHT}
    if not is_pie:
        for side, name, extent in (("width", chart.x, _WIDTH), ("height", chart.y, _HEIGHT)):
            if name is not None and chart.types[name] == "nominal":
                count = max(len(_names(chart, name)), 1)
                size[side] = {"step": min(max(extent // count, _STEP_MIN), _STEP_MAX)}
    for side in ("width", "height"):
        value = chart.given.get(side)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise InvalidParameters(f"display.chart: '{side}' must be a number of pixels above 0", field=side)
            size[side] = value
    return size


def _names(chart: _Chart, column: str) -> set[str]:
    return {text_of(value) for value in chart.values(column)}


def _labels_fit(chart: _Chart, extent: Any) -> bool:
    """Tell whether the names on the x axis need not be turned on their side, as Vega-Lite has them."""
    if chart.x is None or chart.types[chart.x] != "nominal":
        return False
    names = _names(chart, chart.x)
    step = extent["step"] if isinstance(extent, dict) else extent / max(len(names), 1)
    return bool(max((width(name) for name in names), default=0) * _LETTER <= step)


def _pie(encoding: JsonObject) -> JsonObject:
    made: JsonObject = {}
    if "y" in encoding:
        made["theta"] = encoding["y"]
    if "color" in encoding or "x" in encoding:
        made["color"] = encoding.get("color", encoding.get("x"))
    return made


def _escaped(field: str) -> str:
    r"""Return a field's name as Vega-Lite reads it: `a.b` would be `b` in `a` (docs, "Field": escape with `\\`)."""
    for mark in ("\\", ".", "[", "]"):
        field = field.replace(mark, "\\" + mark)
    return field


def _type_of(values: Sequence[JsonValue]) -> str:
    found = [value for value in values if value is not None]
    if found and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in found):
        return "quantitative"
    if found and all(isinstance(value, str) and _is_date(value) for value in found):
        return "temporal"
    return "nominal"


def _is_date(value: str) -> bool:
    """Tell whether a text is a date as browsers read it: 2026-01, 2026-01-31, with a time behind T or a space."""
    date, _, time = value.replace("T", " ").partition(" ")
    parts = date.split("-")
    if len(parts) not in {2, 3} or [len(part) for part in parts] not in ([4, 2], [4, 2, 2]):
        return False
    return all(part.isascii() and part.isdecimal() for part in parts) and (not time or time[:2].isdecimal())


def _text(chart: _Chart) -> list[str]:
    """Return the lines of the fallback: a bar for each row where y is a number, else the rows."""
    lines: list[str] = []
    title = chart.given.get("title")
    if title is not None:
        lines.append(harmless(str(title)))
    shown = min(len(chart.rows), _MAX_LINES)
    numbers = [value for value in chart.values(chart.y) if isinstance(value, (int, float))]
    if chart.y is not None and chart.types[chart.y] == "quantitative":
        lines.extend(_bars(chart, shown, max((abs(number) for number in numbers), default=0)))
    else:
        lines.extend(_rows(chart, shown))
    if chart.total > shown:
        lines.append(f"(the first {shown} of {chart.total} rows)")
    return lines


def _bars(chart: _Chart, shown: int, largest: float) -> list[str]:
    labels = [cut(harmless(text_of(label)), _LABEL_WIDTH, "…") for label in chart.values(chart.x)[:shown]] or [
        ""
    ] * shown
    if chart.color is not None:
        colors = chart.values(chart.color)[:shown]
        labels = [f"{label} {cut(harmless(text_of(color)), _LABEL_WIDTH, '…')}" for label, color in
                  zip(labels, colors, strict=True)]  # fmt: skip
    size = max((width(label) for label in labels), default=0)
    heading = f"{pad(harmless(chart.x or ''), size)} | {harmless(chart.y or '')}"
    lines = [heading.rstrip()]
    for label, value in zip(labels, chart.values(chart.y)[:shown], strict=True):
        number = value if isinstance(value, (int, float)) else None
        bar = "" if number is None or not largest else _bar(abs(number) / largest)
        lines.append(f"{pad(label, size)} | {bar} {text_of(value)}".rstrip())
    return lines


def _bar(share: float) -> str:
    eighths = round(share * _BAR_WIDTH * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _rows(chart: _Chart, shown: int) -> list[str]:
    from llmspell_tools import tables

    table = tables.Table(chart.columns, chart.rows[:shown])
    return list(tables.text(table, 120))
