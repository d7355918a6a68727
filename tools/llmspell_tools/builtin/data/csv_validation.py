"""Rules for columns: `email` and `range:a-b`, and which fields break them.

The rows of the result are counted from 1 after the header, blank and malformed lines aside; a malformed line is an
error of its own, with its line instead of a row.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.csv_filter import find_column
from llmspell_tools.builtin.data.csv_values import number_of
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_tools.builtin.data.csv_reading import CsvSource
    from llmspell_tools.types import JsonObject, JsonValue

    #: Returns what is wrong with a field, or None.
    Rule = Callable[[str], str | None]

_FIELD = "options.rules"
_SHOWN_CHARS = 200


def validate_rows(source: CsvSource, rules: Mapping[str, str], max_listed: int) -> JsonObject:
    """Check every row.

    Args:
        source: Open.
        rules: Column name to rule.
        max_listed: How many errors are listed; all are counted.

    Returns:
        ``{valid, errors[{row, column, value, error}], total_rows, error_count}``.

    Raises:
        InvalidParameters: An unknown rule or column.
    """
    checks = [(name, find_column(name, source, _FIELD), _rule(name, text)) for name, text in rules.items()]
    errors: list[JsonValue] = []
    count = rows = malformed = 0

    def report(error: JsonObject) -> None:
        nonlocal count
        count += 1
        if len(errors) < max_listed:
            errors.append(error)

    def note(line: int, message: str) -> None:
        nonlocal malformed
        malformed += 1
        report({"row": None, "line": line, "column": None, "value": None, "error": message})

    for batch in source.batches(note):
        for row, fields in enumerate(batch, rows + 1):
            for name, index, rule in checks:
                wrong = rule(fields[index])
                if wrong is not None:
                    report({"row": row, "column": name, "value": fields[index][:_SHOWN_CHARS], "error": wrong})
        rows += len(batch)
    return {"valid": count == 0, "errors": errors, "total_rows": rows + malformed, "error_count": count}


def _rule(column: str, text: str) -> Rule:
    if text == "email":
        return _email
    if text.startswith("range:"):
        return _range(text.removeprefix("range:"), f"{_FIELD}.{column}")
    raise InvalidParameters(
        f"parameter '{_FIELD}.{column}': unknown rule '{text[:60]}'; the rules are: email, range:a-b (as range:0-120)",
        field=f"{_FIELD}.{column}",
    )


def _email(field: str) -> str | None:
    name, _, domain = field.strip().rpartition("@")
    host, dot, top = domain.rpartition(".")
    fine = name and host and dot and top and "@" not in name and not any(map(str.isspace, name + domain))
    return None if fine else "Invalid email format"


def _range(text: str, field: str) -> Rule:
    low, high = _bounds(text, field)

    def check(value: str) -> str | None:
        number = number_of(value)
        if number is None:
            return "Value is not a valid number"
        if low <= number <= high:
            return None
        return f"Value {_plain(number)} is outside range {_plain(low)}-{_plain(high)}"

    return check


def _bounds(text: str, field: str) -> tuple[float, float]:
    at = text.find("-", 1)
    while at > 0:
        low, high = number_of(text[:at]), number_of(text[at + 1 :])
        if low is not None and high is not None:
            if low > high:
                raise InvalidParameters(f"parameter '{field}': the range '{text}' is empty", field=field)
            return low, high
        at = text.find("-", at + 1)
    raise InvalidParameters(f"parameter '{field}': '{text[:60]}' is no range; write range:0-120", field=field)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
