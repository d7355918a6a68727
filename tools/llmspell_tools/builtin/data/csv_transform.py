"""Added and renamed columns.

An added column is a product, sum, difference or quotient of two columns or numbers (`price * quantity`, with spaces
around the sign), written with two decimals as the Rust original does; blank where a field is no number or the divisor
is zero. Any other text is the same in every row.
"""

from __future__ import annotations

import operator
from math import isfinite

from llmspell_tools.builtin.data.csv_filter import find_column
from llmspell_tools.builtin.data.csv_values import number_of
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell_tools.builtin.data.csv_output import Output
    from llmspell_tools.builtin.data.csv_reading import CsvSource

    #: Takes a row of the input, returns the new field.
    Maker = Callable[[Sequence[str]], str]
    Operand = Callable[[Sequence[str]], float | None]

_SIGNS: dict[str, Callable[[float, float], float]] = {
    "*": operator.mul,
    "+": operator.add,
    "-": operator.sub,
    "/": operator.truediv,
}


def transform_rows(
    source: CsvSource, output: Output, add_columns: Mapping[str, str], rename_columns: Mapping[str, str]
) -> None:
    """Write all rows with renamed and added columns, with the input's delimiter.

    Raises:
        InvalidParameters: A column to rename does not exist, a new name is taken, or the CSV is malformed.
    """
    header = _renamed(source, rename_columns)
    makers: list[Maker] = []
    for name, expression in add_columns.items():
        if name in header:
            raise InvalidParameters(
                f"parameter 'options.add_columns': a column '{name}' exists already", field="options.add_columns"
            )
        header.append(name)
        makers.append(_maker(expression, source))

    output.write_rows([header], source.delimiter)
    for batch in source.batches():
        output.rows += len(batch)
        output.write_rows([row + [make(row) for make in makers] for row in batch], source.delimiter)


def _renamed(source: CsvSource, renames: Mapping[str, str]) -> list[str]:
    header = list(source.header)
    for old, new in renames.items():
        header[find_column(old, source, "options.rename_columns")] = new
    for new in renames.values():
        if header.count(new) > 1:
            raise InvalidParameters(
                f"parameter 'options.rename_columns': two columns would be named '{new}'",
                field="options.rename_columns",
            )
    return header


def _maker(expression: str, source: CsvSource) -> Maker:
    for sign, apply in _SIGNS.items():
        left, found, right = expression.partition(f" {sign} ")
        if found:
            operands = _operand(left.strip(), source), _operand(right.strip(), source)
            if operands[0] is not None and operands[1] is not None:
                return _computed(operands[0], operands[1], apply)
    return lambda row: expression  # noqa: ARG005 - a constant


def _computed(left: Operand, right: Operand, apply: Callable[[float, float], float]) -> Maker:
    def make(row: Sequence[str]) -> str:
        a, b = left(row), right(row)
        if a is None or b is None:
            return ""
        try:
            result = apply(float(a), float(b))
        except ZeroDivisionError:
            return ""
        return f"{result:.2f}" if isfinite(result) else ""

    return make


def _operand(name: str, source: CsvSource) -> Operand | None:
    for names in (source.header, source.names):
        if name in names:
            index = names.index(name)
            return lambda row: number_of(row[index])
    number = number_of(name)
    return None if number is None else lambda row: number  # noqa: ARG005 - a constant
