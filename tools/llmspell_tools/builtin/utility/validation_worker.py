"""The part of data-validator that runs in an isolated child: parsing of files, and callers' regular expressions.

An expression that backtracks for ever holds Python's `re`, and with it the interpreter, where no deadline reaches it;
the child is ended from outside (`llmspell_tools.isolated`).
"""

from __future__ import annotations

from llmspell_tools.builtin.documents import parse_document
from llmspell_tools.builtin.utility.validation_rules import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonValue


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Parse ``data`` as ``args["kind"]`` and check it by ``args["rules"]``; return what `validate` does."""
    value = parse_document(data, args["kind"], args["field"])
    return validate(value, args["rules"], args["max_errors"], max_pattern=args["max_pattern"]), b""
