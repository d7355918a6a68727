"""The filter expression `column operator value`, and which rows it lets through.

Two numbers are compared as numbers, anything else as text in code point order. A blank field is equal to nothing but
`""` and is neither smaller nor larger than a number.
"""

from __future__ import annotations

import operator
from itertools import compress

from llmspell_tools.builtin.data.csv_values import number_of, numbers_in
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.nearest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from llmspell_tools.builtin.data.csv_output import Output
    from llmspell_tools.builtin.data.csv_reading import CsvSource

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_FIELD = "options.filter"


def filter_rows(source: CsvSource, output: Output, expression: str) -> None:
    """Write the header and the rows that fit the expression, with the input's delimiter.

    Raises:
        InvalidParameters: The expression is no `column operator value`, names no column, or the CSV is malformed.
    """
    column, test = _compiled(expression, source)

    output.write_rows([source.header], source.delimiter)
    for batch in source.batches():
        chosen = list(compress(batch, test([row[column] for row in batch])))
        output.rows += len(chosen)
        output.write_rows(chosen, source.delimiter)


def _compiled(expression: str, source: CsvSource) -> tuple[int, Callable[[Sequence[str]], list[bool]]]:
    words = split_words(expression)
    if len(words) != 3:
        raise InvalidParameters(
            f"parameter '{_FIELD}': '{expression[:80]}' has {len(words)} parts; write: column operator value, with "
            'spaces between and quotes around a part that has spaces itself, as in: city == "New York"',
            field=_FIELD,
        )
    name, sign, value = words
    compare = _OPERATORS.get(sign)
    if compare is None:
        raise InvalidParameters(
            f"parameter '{_FIELD}': unknown operator '{sign[:20]}'; the operators are: {' '.join(_OPERATORS)}",
            field=_FIELD,
        )
    return find_column(name, source, _FIELD), _test(compare, value)


def _test(compare: Callable[[Any, Any], bool], value: str) -> Callable[[Sequence[str]], list[bool]]:
    wanted = number_of(value)
    if wanted is None:
        return lambda fields: [compare(field, value) for field in fields]
    equality = compare in (operator.eq, operator.ne)

    def one(field: str) -> bool:
        number = number_of(field)
        if number is not None:
            return compare(number, wanted)
        return compare(field, value) if equality or not (not field or field.isspace()) else False

    def test(fields: Sequence[str]) -> list[bool]:
        found = numbers_in(fields)
        return (
            [one(field) for field in fields] if found is None else [compare(number, wanted) for number in found.values]
        )

    return test


def find_column(name: str, source: CsvSource, field: str) -> int:
    """Return a column's index by its name in the header, or by the name that results give it.

    Raises:
        InvalidParameters: There is none; the message has the nearest.
    """
    for names in (source.header, source.names):
        if name in names:
            return names.index(name)
    known = ", ".join(source.names[:20]) + (", ..." if len(source.names) > 20 else "")
    hint = did_you_mean(name, source.names) or f"; the columns are: {known}"
    raise InvalidParameters(f"parameter '{field}': Column '{name[:80]}' not found{hint}", field=field)


def split_words(expression: str) -> list[str]:
    """Split at spaces outside of quotes, single or double; a quoted word loses its quotes.

    Raises:
        InvalidParameters: A quote is not closed.
    """
    words: list[str] = []
    rest = expression.strip()
    while rest:
        quote = rest[0]
        if quote in "\"'":
            end = rest.find(quote, 1)
            if end < 0:
                raise InvalidParameters(f"parameter '{_FIELD}': a {quote} is never closed", field=_FIELD)
            words.append(rest[1:end])
            rest = rest[end + 1 :].strip()
        else:
            word, _, rest = rest.partition(" ")
            words.append(word)
            rest = rest.strip()
    return words
