"""uuid-generator: UUIDs, component ids made of them, and the check of a UUID.

`uuids.py` makes, writes and reads the UUIDs; this module has the operations. Names follow surface.md: version v1 is
a real time-based UUID here (the original served a random one), and `deterministic` takes every namespace for what it
says, where the original took all but `tool` and `workflow` for `agent`.
"""

from __future__ import annotations

import time

from llmspell_tools.builtin.utility import uuids
from llmspell_tools.definition import tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.nearest import did_you_mean
from llmspell_tools.returns import choice, envelope_schema, record
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from llmspell_tools.types import JsonObject

_TIMED = {"v1": uuids.version_1, "v4": uuids.version_4, "v6": uuids.version_6, "v7": uuids.version_7}
_NAMED = {"v3": 3, "v5": 5}

_MADE = envelope_schema(
    {
        "generate": record({"uuid": "string", "version": choice(*_TIMED, *_NAMED), "format": choice(*uuids.FORMATS)}),
        "component_id": record({"id": "string", "prefix": "string", "short": "boolean"}),
        "deterministic": record({"id": "string", "namespace": "string", "name": "string"}),
        "custom": record({"id": "string", "timestamp": "boolean", "short": "boolean"}),
    },
    failures={},
)
#: What validate answers, without an envelope.
_VALID = record(
    {
        "valid": choice(True),
        "uuid": "string",
        "version": ("string", "null"),
        "variant": choice("NCS", "RFC4122", "Microsoft", "Future"),
    }
)
_INVALID = record({"valid": choice(False), "error": "string"})


@tool(
    name="uuid-generator",
    category="utility",
    level="safe",
    parameter_aliases={"action": "operation"},
    requires={"deterministic": ("name",), "validate": ("uuid",)},
    annotations={"read_only": True, "destructive": False, "idempotent": False, "open_world": False},
    examples=(
        {
            "description": "A random UUID",
            "params": {"operation": "generate"},
            "result": {"success": True, "result": {"version": "v4", "format": "hyphenated"}},
        },
        {
            "description": "The same UUID for the same name, each time",
            "params": {"operation": "generate", "version": "v5", "namespace": "dns", "name": "example.com"},
            "result": {"result": {"uuid": "cfbff0d1-9375-5685-968c-48ce8b15ae17", "version": "v5"}},
        },
        {
            "description": "The id of a component, short",
            "params": {"operation": "component_id", "prefix": "agent", "short": True},
            "result": {"result": {"prefix": "agent", "short": True}},
        },
        {
            "description": "Check a UUID; this operation answers without an envelope",
            "params": {"operation": "validate", "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
            "result": {"valid": True, "version": "v1", "variant": "RFC4122"},
        },
    ),
    returns={"type": "object", "anyOf": [_MADE, _VALID, _INVALID]},
)
def uuid_generator(
    *,
    operation: Literal["generate", "component_id", "deterministic", "custom", "validate"] = "generate",
    version: str | int = "v4",
    format: Literal["standard", "hyphenated", "simple", "urn", "braced"] = "standard",
    namespace: str | None = None,
    name: str | None = None,
    prefix: str | None = None,
    short: bool = False,
    timestamp: bool = False,
    suffix: str | None = None,
    uuid: str | None = None,
) -> JsonObject:
    """Generate UUIDs and component ids, and check UUIDs.

    Args:
        operation: generate makes a UUID; component_id and custom make ids that hold one; deterministic makes the
            same id for the same name; validate checks `uuid`.
        version: v4 (random), v1 and v6 (time and random node), v7 (Unix time), v3 and v5 (need `name`); also 1 to 7.
        format: How generate writes the UUID; standard is hyphenated.
        namespace: dns, url, oid, x500, agent, tool, workflow, or a UUID; by default dns, for deterministic agent.
        name: The name that v3, v5 and deterministic make the UUID of.
        prefix: What component_id (default "component") and custom put before the UUID.
        short: Use only the first 8 characters of the UUID in component_id and custom.
        timestamp: Put the Unix time in seconds before the UUID in custom.
        suffix: What custom puts after the UUID.
        uuid: The UUID to check.
    """
    if operation == "validate":
        return _validate(_needed(uuid, "uuid", operation))
    if operation == "generate":
        return _generate(version, format, namespace, name)
    if operation == "deterministic":
        name = _needed(name, "name", operation)
        value = uuids.named(5, _namespace(namespace or "agent"), _encodable(name))
        result: JsonObject = {"id": uuids.hyphenated(value), "namespace": namespace or "agent", "name": name}
        return envelope(operation, result, "Deterministic ID generated successfully")
    random = uuids.hyphenated(uuids.version_4())
    if short:
        random = random[:8]
    if operation == "component_id":
        prefix = "component" if prefix is None else prefix
        result = {"id": f"{prefix}_{random}", "prefix": prefix, "short": short}
        return envelope(operation, result, "Component ID generated successfully")
    parts = [prefix, str(int(time.time())) if timestamp else None, random, suffix]
    result = {"id": "_".join(part for part in parts if part), "timestamp": timestamp, "short": short}
    return envelope(operation, result, "Custom ID generated successfully")


def _generate(version: str | int, format: str, namespace: str | None, name: str | None) -> JsonObject:
    wanted = str(version).lower()
    if wanted.isdigit():
        wanted = "v" + wanted
    if wanted in _TIMED:
        value = _TIMED[wanted]()
    elif wanted in _NAMED:
        name = _needed(name, "name", f"generate with version {wanted}")
        value = uuids.named(_NAMED[wanted], _namespace(namespace or "dns"), _encodable(name))
    else:
        raise InvalidParameters(
            f"parameter 'version' must be one of v1, v3, v4, v5, v6, v7, not '{shown(str(version))}'", field="version"
        )
    if format == "standard":
        format = "hyphenated"
    result: JsonObject = {"uuid": uuids.FORMATS[format](value), "version": wanted, "format": format}
    return envelope("generate", result, "UUID generated successfully")


def _validate(text: str) -> JsonObject:
    value = uuids.read(text)
    if value is None:
        return {"valid": False, "error": "Invalid UUID format"}
    version = uuids.version_of(value)
    return {
        "valid": True,
        "uuid": uuids.hyphenated(value),
        "version": None if version is None else f"v{version}",
        "variant": uuids.variant_of(value),
    }


def _namespace(name: str) -> int:
    known = uuids.NAMESPACES.get(name.lower())
    if known is None:
        known = uuids.read(name)
    if known is None:
        raise InvalidParameters(
            f"parameter 'namespace' must be one of {', '.join(uuids.NAMESPACES)} or a UUID, not '{shown(name)}'"
            f"{did_you_mean(name, uuids.NAMESPACES)}",
            field="namespace",
        )
    return known


def _needed(value: str | None, name: str, operation: str) -> str:
    if value is None:
        raise InvalidParameters(f"operation '{operation}' needs parameter '{name}'", field=name)
    return value


def _encodable(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidParameters(
            "parameter 'name' has a lone surrogate, which UTF-8 cannot write", field="name"
        ) from None
    return name
