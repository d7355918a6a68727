"""A policy as plain JSON and back; for workers, `config show` and `--policy FILE`.

    {"layers": [{
        "origin": "default policy", "ceiling": "privileged",
        "allow": {"read": [{"value": "/work", "origin": "default policy"}], "net": ["public"], ...},
        "deny":  {"read": [{"value": "/home/a/.ssh", "origin": "built-in protection", "fixed": true}], ...},
        "approvals": {"destructive": "ask"},
        "tools": {"service-checker": {"allow": {"net": ["loopback"]}}}}]}

A kind that is absent from ``allow`` allows nothing; in a tool it means the general list. The built-in
protection is added where it is missing, so that a policy written by hand cannot leave it out.
"""

from __future__ import annotations

from llmspell_tools.errors import ConfigurationError
from llmspell_tools.policy_approvals import ANSWERS, KEYS
from llmspell_tools.policy_layers import Layer, Rules
from llmspell_tools.policy_presets import protected
from llmspell_tools.policy_rules import KINDS, LEVELS, PATH_KINDS, Rule, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_tools.types import JsonObject, JsonValue

_LAYER_KEYS = ("origin", "ceiling", "allow", "deny", "approvals", "tools")


def layers_to_json(layers: Iterable[Layer]) -> JsonObject:
    """Return `{"layers": [...]}`."""
    return {"layers": [_layer_to_json(layer) for layer in layers]}


def layers_from_json(value: JsonValue, origin: str) -> list[Layer]:
    """Return the layers of a JSON policy; a single layer may stand for itself.

    Raises:
        ConfigurationError: Names the key that is wrong.
    """
    table = expect_object(value, "policy")
    if "layers" not in table:
        return [_protected(_layer_from_json(table, origin))]
    expect_keys(table, ("layers",), "policy")
    listed = table["layers"]
    if not isinstance(listed, list) or not listed:
        raise ConfigurationError("policy.layers must be a list of at least one layer")
    first, *others = [_layer_from_json(expect_object(item, "policy.layers[]"), origin) for item in listed]
    return [_protected(first), *others]


def expect_object(value: JsonValue, where: str) -> JsonObject:
    """Return ``value`` as an object, or raise `ConfigurationError` naming ``where``."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} must be an object", details={"key": where})
    return value


def expect_keys(table: JsonObject, known: tuple[str, ...], where: str) -> None:
    """Raise `ConfigurationError` for the first key of ``table`` that is not ``known``."""
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"unknown key '{key}' in {where}; known: {', '.join(known)}", details={"key": f"{where}.{key}"}
            )


def expect_level(value: JsonValue, where: str) -> str:
    """Return ``value`` as a level."""
    if not isinstance(value, str) or value not in LEVELS:
        raise ConfigurationError(f"{where} must be one of {', '.join(LEVELS)}, not {value!r}", details={"key": where})
    return value


def approvals_from_json(value: JsonValue, where: str) -> dict[str, str]:
    """Return a table of approvals, checked."""
    table = expect_object(value, where)
    expect_keys(table, KEYS, where)
    approvals: dict[str, str] = {}
    for key, answer in table.items():
        if not isinstance(answer, str) or answer not in ANSWERS:
            raise ConfigurationError(
                f"{where}.{key} must be one of {', '.join(ANSWERS)}, not {answer!r}",
                details={"key": f"{where}.{key}"},
            )
        approvals[key] = answer
    return approvals


def _protected(layer: Layer) -> Layer:
    deny = layer.general.deny
    for kind, rules in protected().items():
        known = {rule.value for rule in deny.get(kind, ()) if rule.fixed}
        missing = tuple(rule for rule in rules if rule.value not in known)
        if missing:
            deny = {**deny, kind: deny.get(kind, ()) + missing}
    general = layer.general
    return Layer(Rules(general.ceiling, general.allow, deny, general.approvals, general.origin), layer.tools)


def _layer_to_json(layer: Layer) -> JsonObject:
    value = _rules_to_json(layer.general)
    value["tools"] = {name: _rules_to_json(own) for name, own in layer.tools.items()}
    return value


def _rules_to_json(rules: Rules) -> JsonObject:
    value: JsonObject = {"origin": rules.origin}
    if rules.ceiling is not None:
        value["ceiling"] = rules.ceiling
    value["allow"] = {kind: [_rule_to_json(rule) for rule in listed] for kind, listed in rules.allow.items()}
    value["deny"] = {kind: [_rule_to_json(rule) for rule in listed] for kind, listed in rules.deny.items()}
    value["approvals"] = dict(rules.approvals)
    return value


def _rule_to_json(rule: Rule) -> JsonObject:
    value: JsonObject = {"value": rule.value, "origin": rule.origin}
    if rule.fixed:
        value["fixed"] = True
    return value


def _layer_from_json(table: JsonObject, origin: str) -> Layer:
    expect_keys(table, _LAYER_KEYS, "policy")
    general = _rules_from_json(table, origin, "policy")
    if general.ceiling is None:
        general.ceiling = "safe"
    tools: dict[str, Rules] = {}
    for name, value in expect_object(table.get("tools", {}), "policy.tools").items():
        where = f"policy.tools.{name}"
        own = expect_object(value, where)
        expect_keys(own, _LAYER_KEYS[:-1], where)
        tools[name.replace("_", "-")] = _rules_from_json(own, general.origin, where)
    return Layer(general, tools)


def _rules_from_json(table: JsonObject, origin: str, where: str) -> Rules:
    said = table.get("origin", origin)
    if not isinstance(said, str):
        raise ConfigurationError(f"{where}.origin must be a string")
    ceiling = table.get("ceiling")
    return Rules(
        None if ceiling is None else expect_level(ceiling, f"{where}.ceiling"),
        _table_from_json(table.get("allow", {}), said, f"{where}.allow"),
        _table_from_json(table.get("deny", {}), said, f"{where}.deny"),
        approvals_from_json(table.get("approvals", {}), f"{where}.approvals"),
        said,
    )


def _table_from_json(value: JsonValue, origin: str, where: str) -> dict[str, tuple[Rule, ...]]:
    table = expect_object(value, where)
    expect_keys(table, KINDS, where)
    made: dict[str, tuple[Rule, ...]] = {}
    for kind, listed in table.items():
        if not isinstance(listed, list):
            raise ConfigurationError(f"{where}.{kind} must be a list", details={"key": f"{where}.{kind}"})
        made[kind] = tuple(_rule_from_json(item, kind, origin, f"{where}.{kind}[]") for item in listed)
    return made


def _rule_from_json(item: JsonValue, kind: str, origin: str, where: str) -> Rule:
    fixed: JsonValue = False
    if isinstance(item, dict):
        expect_keys(item, ("value", "origin", "fixed"), where)
        said, value, fixed = item.get("origin", origin), item.get("value"), item.get("fixed", False)
    else:
        said, value = origin, item
    if not isinstance(value, str) or not value or not isinstance(said, str) or not isinstance(fixed, bool):
        raise ConfigurationError(f"{where} must be a text or {{value, origin, fixed}}", details={"key": where})
    return Rule(absolute(value) if kind in PATH_KINDS else value, said, fixed=fixed)
