"""`llmspell_tools.errors`: one tree, one table of codes."""

from __future__ import annotations

import pytest

from llmspell_tools import errors

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.LlmspellError)
]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_a_code_of_the_table(error):
    """A code that is not in the table would have no exit status."""

    assert error.code in errors.EXIT_STATUS
    assert error("x").exit_status == errors.EXIT_STATUS[error.code]


def test_every_code_belongs_to_an_error():
    """The table has no code that nobody raises."""

    assert {error.code for error in CLASSES} == set(errors.EXIT_STATUS)


def test_the_published_exit_statuses_stand():
    """Scripts test these numbers: DESIGN, "Codes"."""
    wanted = {"validation_error": 2, "not_found": 3, "permission_denied": 4, "timeout": 124, "cancelled": 130}

    assert wanted == {code: errors.EXIT_STATUS[code] for code in wanted}


def test_an_error_is_json_with_code_message_and_details():
    """The shape of an envelope's `error`."""
    error = errors.InvalidParameters("bad", field="input", details={"got": 1})

    assert error.as_json() == {
        "code": "validation_error",
        "message": "bad",
        "details": {"got": 1, "field": "input"},
    }
