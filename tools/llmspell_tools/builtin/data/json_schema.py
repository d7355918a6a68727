"""JSON Schema, Draft 7 and 2020-12: every error of a value, each with path, message and keyword.

`llmspell_tools.schema` compiles the parameter checks of tools and stops at the first error, over the keywords that
parameters need; this is the whole vocabulary over foreign schemas. Runs inside the isolated child, so that a hostile
pattern or a looping reference costs nobody else. `format` and `content*` are annotations, as both drafts allow.
References resolve within the schema (pointers, anchors, `$id`, `$dynamicRef`); nothing is fetched.

Sources: https://json-schema.org/draft-07/json-schema-validation, https://json-schema.org/draft/2020-12/json-schema-core
and -validation. The keywords are in `json_schema_assertions.py` and `json_schema_applicators.py`; this module has
references, order and annotations.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.json_schema_applicators import APPLICATORS, problem
from llmspell_tools.builtin.data.json_schema_assertions import ASSERTIONS, TYPES, WANTED
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_DRAFT_7 = ("http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema")
_DRAFT_2020 = ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft/2020-12/schema")
#: Keywords whose values are schemas, lists of schemas, or schemas by name: where references may point to.
_HOLDS_SCHEMA = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames",
                 "then", "unevaluatedItems", "unevaluatedProperties", "contentSchema")  # fmt: skip
_HOLDS_LIST = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
#: Keywords that only the other draft has.
_NOT_IN_7 = frozenset(
    ("prefixItems", "dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties")
)
_NOT_IN_2020 = frozenset(("dependencies",))
#: What a schema without `$schema` must use to be taken for 2020-12.
_SIGNS_OF_2020 = (*_NOT_IN_7, "$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "maxContains", "minContains")
_HOLDS_NAMES = ("$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties", "properties")


class Seen:
    """What a successful check has looked at, for `unevaluated*`: property names, and item indexes."""

    __slots__ = ("items", "properties")

    def __init__(self) -> None:
        self.properties: set[str] = set()
        self.items: set[int] = set()

    def add(self, other: Seen) -> None:
        """Take over what a subschema has seen."""
        self.properties |= other.properties
        self.items |= other.items


class Validator:
    """A schema ready to check values.

    Args:
        schema: An object or a boolean; `$schema` says the draft, 7 where it says none.

    Raises:
        InvalidParameters: The schema is wrong, or of another draft; `field` is schema.
    """

    def __init__(self, schema: Any) -> None:
        self.is_draft_7 = _is_draft_7(schema)
        self._foreign = _NOT_IN_7 if self.is_draft_7 else _NOT_IN_2020
        self._by_uri: dict[str, Any] = {"": schema}
        self._bases: dict[int, str] = {}
        self._dynamic: dict[str, list[str]] = {}
        self._root = schema
        self._found: list[dict[str, str]] = []
        self._most = 0
        self._scope: list[str] = []
        self._index(schema, "", "")

    def errors(self, value: Any, most: int = 1_000_000) -> list[dict[str, str]]:
        """Return up to about `most` errors ``{path, message, keyword}``; path is a JSON pointer, "" the whole value."""
        self._most = most
        return list(self.check(self._root, value, "", Seen()))[:most]

    def check(self, schema: Any, value: Any, path: str, seen: Seen) -> list[dict[str, str]]:
        """Return the errors of a value under a subschema; without errors, `seen` grows by what it looked at."""
        if schema is True:
            return []
        if schema is False:
            return [problem(path, "no value is allowed here", "false")]
        entered = self._bases.get(id(schema))
        if entered is not None:
            self._scope.append(entered)
        try:
            own = Seen()
            found = self._keywords(schema, value, path, own)
        finally:
            if entered is not None:
                self._scope.pop()
        if not found:
            seen.add(own)
        return found

    def is_valid(self, schema: Any, value: Any, seen: Seen) -> bool:
        """Tell whether a value fits a subschema."""
        return not self.check(schema, value, "", seen)

    def _keywords(self, schema: dict[str, Any], value: Any, path: str, seen: Seen) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        if "$ref" in schema:
            found += self.check(self.resolve(schema["$ref"]), value, path, seen)
            if self.is_draft_7:
                return found  # Draft 7, core 8.3: its siblings are ignored
        if "$dynamicRef" in schema and not self.is_draft_7:
            found += self.check(self._resolve_dynamic(schema["$dynamicRef"]), value, path, seen)
        for keyword, check in ASSERTIONS.items():
            if keyword in schema and keyword not in self._foreign:
                message = check(schema[keyword], value)
                if message:
                    found.append(problem(path, message, keyword))
        for keyword, apply in APPLICATORS.items():
            if keyword in schema and keyword not in self._foreign and len(found) < self._most:
                found += apply(self, schema, value, path, seen)
        return found

    # --- references --------------------------------------------------------------------------------------------------

    def resolve(self, reference: str) -> Any:
        """Return the subschema that a reference names, seen from the subschema being checked."""
        base = self._scope[-1] if self._scope else ""
        uri, _, fragment = _join(base, reference).partition("#")
        if fragment and not fragment.startswith("/"):
            target = self._by_uri.get(f"{uri}#{fragment}", _MISSING)
        else:
            target = self._pointer(self._by_uri.get(uri, _MISSING), fragment)
        if target is _MISSING:
            raise schema_error(f"reference '{reference}' leads nowhere in this schema; nothing is fetched")
        return target

    def _resolve_dynamic(self, reference: str) -> Any:
        """2020-12 core 8.2.3.2: the outermost schema in the dynamic scope that has this dynamic anchor."""
        target = self.resolve(reference)
        anchor = reference.partition("#")[2]
        if isinstance(target, dict) and target.get("$dynamicAnchor") == anchor:
            for base in ["", *self._scope]:
                if base in self._dynamic.get(anchor, ()):
                    return self._by_uri[f"{base}#{anchor}"]
        return target

    def _pointer(self, schema: Any, pointer: str) -> Any:
        if schema is _MISSING or not pointer:
            return schema
        for step in pointer[1:].split("/"):
            name = _unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(schema, dict) and name in schema:
                schema = schema[name]
            elif isinstance(schema, list) and name.isdigit() and int(name) < len(schema):
                schema = schema[int(name)]
            else:
                return _MISSING
        if isinstance(schema, dict) and id(schema) not in self._bases:
            check_shape(schema)
        return schema

    def _index(self, schema: Any, base: str, where: str) -> None:
        """Check the shape of every subschema and note its identifiers."""
        if isinstance(schema, bool):
            return
        if not isinstance(schema, dict):
            raise schema_error(f"a schema is an object or a boolean{where and f' (at {where})'}")
        check_shape(schema)
        identifier = schema.get("$id", "")
        if isinstance(identifier, str) and identifier and not (self.is_draft_7 and "$ref" in schema):
            if identifier.startswith("#"):
                self._by_uri[base + identifier] = schema  # Draft 7: a plain-name fragment is an anchor
            else:
                base = _join(base, identifier).rstrip("#")
                self._by_uri[base] = schema
                self._bases[id(schema)] = base
        for keyword in ("$anchor", "$dynamicAnchor"):
            if keyword in schema and not self.is_draft_7:
                self._by_uri[f"{base}#{schema[keyword]}"] = schema
        if "$dynamicAnchor" in schema:
            self._dynamic.setdefault(schema["$dynamicAnchor"], []).append(base)
        for name, sub in _subschemas(schema):
            self._index(sub, base, f"{where}/{name}")


_MISSING: Any = object()


def _subschemas(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for keyword in _HOLDS_SCHEMA:
        if keyword in schema and not isinstance(schema[keyword], list):
            yield keyword, schema[keyword]
    for keyword in _HOLDS_LIST:
        if isinstance(schema.get(keyword), list):
            for number, sub in enumerate(schema[keyword]):
                yield f"{keyword}/{number}", sub
    for keyword in _HOLDS_NAMES:
        for name, sub in schema.get(keyword, {}).items():
            if not isinstance(sub, list):  # `dependencies` may list names
                yield f"{keyword}/{name}", sub


def _is_draft_7(schema: Any) -> bool:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        # Without the draft's name: what only 2020-12 has decides, else the draft that this tool has always meant.
        return not (isinstance(schema, dict) and any(word in schema for word in _SIGNS_OF_2020))
    plain = str(named).rstrip("#")
    if plain in _DRAFT_7:
        return True
    if plain in _DRAFT_2020:
        return False
    raise schema_error(f"$schema '{named}' is not supported; use {_DRAFT_7[0]}# or {_DRAFT_2020[0]}")


def schema_error(message: str) -> InvalidParameters:
    """Return the error of a wrong schema."""
    return InvalidParameters(f"schema: {message}", field="schema")


def check_shape(schema: dict[str, Any]) -> None:
    """Check that each keyword's value has the type that the draft says.

    Raises:
        InvalidParameters: One has not.
    """
    for keyword, wanted in WANTED.items():
        if keyword in schema and not any(TYPES[name](schema[keyword]) for name in wanted):
            raise schema_error(f"keyword '{keyword}' must be {' or '.join(wanted)}")
    names = schema.get("type", [])
    for name in names if isinstance(names, list) else [names]:
        if name not in TYPES:
            raise schema_error(f"there is no type {name!r}; the types are {', '.join(TYPES)}")


def _unquote(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _join(base: str, reference: str) -> str:
    if not base or reference.startswith("#"):
        return base + reference if reference.startswith("#") else reference
    if "//" not in base and not reference.startswith("urn:"):
        return reference
    from urllib.parse import urljoin

    return urljoin(base, reference)
