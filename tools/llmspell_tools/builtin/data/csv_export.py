"""CSV rows as JSON, JSON lines or tab-separated text, batch by batch.

JSON values are typed one by one (`csv_values.typed`): numbers as numbers, `true` and `false` as booleans, blank as
null. A batch is turned into columns; a column of plain numbers is converted by a few C calls, and in any other each
different text only once.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.csv_values import numbers_in, typed
from llmspell_tools.jsontext import dumps, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.builtin.data.csv_output import Output
    from llmspell_tools.builtin.data.csv_reading import CsvSource
    from llmspell_tools.types import JsonValue


def write_json(source: CsvSource, output: Output, *, keep: bool) -> list[JsonValue]:
    """Write an indented JSON array of objects, one a row.

    Args:
        source: Open.
        output: Takes the text.
        keep: Return the objects as well; they take much more memory than the text.
    """
    names = source.names
    template = "  {\n" + ",\n".join(f"    {_safe(name)}: %s" for name in names) + "\n  }"
    kept: list[JsonValue] = []
    separator = "[\n"
    for batch in source.batches():
        columns = list(zip(*batch, strict=True))
        texts = map(column_texts, columns)
        output.write(separator + ",\n".join(map(template.__mod__, zip(*texts, strict=True))))
        output.rows += len(batch)
        separator = ",\n"
        if keep:
            values = map(column_values, columns)
            kept.extend([dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)])
    output.write("\n]" if output.rows else "[]")
    return kept


def write_json_lines(source: CsvSource, output: Output) -> None:
    """Write one compact JSON object a line."""
    template = "{" + ",".join(f"{_safe(name)}:%s" for name in source.names) + "}\n"
    for batch in source.batches():
        texts = map(column_texts, zip(*batch, strict=True))
        output.write("".join(map(template.__mod__, zip(*texts, strict=True))))
        output.rows += len(batch)


def write_tabs(source: CsvSource, output: Output) -> None:
    """Write the header and all rows with tabs between the fields."""
    output.write_rows([source.header], "\t")
    for batch in source.batches():
        output.write_rows(batch, "\t")
        output.rows += len(batch)


def write_sample(source: CsvSource, output: Output, size: int) -> None:
    """Write the header and the first `size` rows; what follows them is not looked at."""
    output.write_rows([source.header], source.delimiter)
    if size == 0:
        return
    for batch in source.batches():
        rows = batch[: size - output.rows]
        output.write_rows(rows, source.delimiter)
        output.rows += len(rows)
        if output.rows >= size:
            return


def column_values(column: Sequence[str]) -> Sequence[JsonValue]:
    """Return a column's fields as JSON values."""
    found = numbers_in(column)
    if found is not None:
        if found.are_whole:
            return list(map(int, column))
        if found.are_broken:
            return found.values
    table = {text: typed(text) for text in set(column)}
    return [table[text] for text in column]


def column_texts(column: Sequence[str]) -> Sequence[str]:
    """Return a column's fields as JSON texts; numbers stay as they are written if that is JSON's spelling."""
    found = numbers_in(column)
    if found is not None and found.are_json:
        return column
    table = {text: scalar(typed(text)) for text in set(column)}
    return [table[text] for text in column]


def _safe(name: str) -> str:
    return dumps(name).replace("%", "%%")
