"""The JSON types that signatures speak of; for type checkers, never imported at run time."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonScalar: TypeAlias = str | int | float | bool | None
#: What comes in: any mapping and sequence of JSON values.
JsonInput: TypeAlias = JsonScalar | Mapping[str, "JsonInput"] | Sequence["JsonInput"]
#: What goes out: plain dicts and lists.
JsonValue: TypeAlias = JsonScalar | dict[str, "JsonValue"] | list["JsonValue"]
JsonObject: TypeAlias = dict[str, JsonValue]
