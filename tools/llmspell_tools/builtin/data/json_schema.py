"""JSON Schema by the `jsonschema` library, as json-processor uses it: every error, no network, the draft by `$schema`.

`llmspell_tools.schema` compiles the parameter checks of tools and stops at the first error; this is the whole
vocabulary over foreign schemas. Runs in the isolated child only: patterns and references may loop there, and the
library's import costs the parent nothing. References resolve within the schema and to the published drafts; nothing is
fetched. `format` is an annotation, as the drafts allow.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import SchemaError
from jsonschema.validators import (
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from llmspell_tools.errors import InvalidParameters

if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject, JsonValue

_MESSAGE_CHARS = 300
_KINDS: tuple[Any, ...] = (
    Draft7Validator,
    Draft202012Validator,
    Draft201909Validator,
    Draft6Validator,
    Draft4Validator,
)
_DRAFTS: dict[str, Any] = {str(kind.META_SCHEMA["$schema"]).rstrip("#"): kind for kind in _KINDS}
#: What a schema without `$schema` must use to be taken for 2020-12; else it is Draft 7.
_SIGNS_OF_2020 = frozenset(
    ("$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "dependentRequired", "dependentSchemas", "maxContains",
     "minContains", "prefixItems", "unevaluatedItems", "unevaluatedProperties")
)  # fmt: skip


def errors(schema: JsonValue, value: JsonValue, most: int) -> list[JsonObject]:
    """Return errors of a value, up to `most`, ordered by path, each ``{path, message, keyword}``.

    `path` is a JSON pointer, "" the whole value; `keyword` is "false" where the schema is just that.

    Raises:
        InvalidParameters: The schema is wrong, of an unknown draft, or refers outside itself; `field` is schema.
    """
    kind = _draft(schema)
    try:
        kind.check_schema(schema, format_checker=kind.FORMAT_CHECKER)
        found = list(itertools.islice(kind(schema, registry=REGISTRY).iter_errors(value), most))
        # the library asks after some keywords' properties in the order of a set
        found.sort(key=_place)
        return [
            {
                "path": "".join(f"/{_escaped(str(step))}" for step in error.absolute_path),
                "message": _shortened(error.message),
                "keyword": str(error.validator or "false"),
            }
            for error in found
        ]
    except SchemaError as error:
        where = "".join(f"/{_escaped(str(step))}" for step in error.absolute_path)
        raise _wrong(f"{_shortened(error.message)}{where and f' (at {where})'}") from None
    except Unresolvable as error:
        raise _wrong(f"reference '{error.ref}' leads nowhere in this schema; nothing is fetched") from None
    except (re.error, OverflowError) as error:
        raise _wrong(f"a pattern does not compile: {error}") from None


def _draft(schema: JsonValue) -> Any:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        is_2020 = isinstance(schema, dict) and not _SIGNS_OF_2020.isdisjoint(schema)
        return Draft202012Validator if is_2020 else Draft7Validator
    kind = _DRAFTS.get(str(named).rstrip("#"))
    if kind is None:
        raise _wrong(f"$schema {named!r} is no draft that is known here; there are {', '.join(_DRAFTS)}")
    return kind


def _place(error: Any) -> list[tuple[bool, str | int]]:
    return [(isinstance(step, str), step) for step in error.absolute_path]


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _shortened(message: str) -> str:
    return message if len(message) <= _MESSAGE_CHARS else message[: _MESSAGE_CHARS - 3] + "..."


def _wrong(what: str) -> InvalidParameters:
    return InvalidParameters(f"schema: {what}", field="schema")
