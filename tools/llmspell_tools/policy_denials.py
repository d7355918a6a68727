"""Refusals that teach: what was refused, by which rule, said by whom, and the flag or key that would allow it.

Every `PermissionDenied` of the policy is made here; its ``details`` are
`{resource, kind, rule, origin, flag}`, with flag null where no flag can allow it.
"""

from __future__ import annotations

from llmspell_tools.errors import PermissionDenied
from llmspell_tools.policy_rules import LEVELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_tools.policy import Policy
    from llmspell_tools.policy_layers import Layer, Rules
    from llmspell_tools.policy_rules import Rule

_VERBS = {"read": "reading", "write": "writing", "net": "connecting to", "run": "running", "env": "reading"}
_SHELL_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def denied(
    kind: str,
    resource: str,
    reason: str,
    *,
    rule: str,
    origin: str,
    allow: str | None,
    verb: str | None = None,
    remedy: str | None = None,
) -> PermissionDenied:
    """Return the error for one refusal.

    Args:
        kind: `read`, `write`, `net`, `run` or `env`.
        resource: As the caller wrote it.
        reason: The rest of the sentence after "is not allowed: ".
        rule: The rule that decided, or the list that did not cover the resource.
        origin: Where that rule was set.
        allow: Value of the `--allow-<kind>` flag that would allow it; None when nothing can.
        verb: What was tried, where the kind's usual verb is wrong.
        remedy: What to say instead of "no flag allows it".
    """
    flag = None if allow is None else f"--allow-{kind} {quoted(allow)}"
    way_out = _way_out(flag, f"allow_{kind}", origin) if flag else (remedy or "no flag allows it")
    message = f"{verb or _VERBS[kind]} '{resource}' is not allowed: {reason}; {way_out}"
    details = {"resource": resource, "kind": kind, "rule": rule, "origin": origin, "flag": flag}
    return PermissionDenied(message, details=details)


def _way_out(flag: str, key: str, origin: str) -> str:
    """Return what to do; a notebook and a Python program have no command line, so the key is named where it counts."""
    if origin.startswith("command line"):
        return f"allow it with {flag}"
    if origin.startswith("policy file ") or (key == "ceiling" and not origin.endswith(" policy")):
        return f"allow it with {flag} or in {'the ' if ' ' in origin else ''}{origin}"
    return f"allow it with {flag} or [policy] {key} in ~/.llmspell/config.toml"


def rule_denied(kind: str, asked: str, path: str, rule: Rule, *, verb: str | None = None) -> PermissionDenied:
    """Return the error for a resource that a deny rule covers."""
    where = "" if asked == path else f" (it is {path})"
    remedy = (
        "it is always protected and no flag allows it"
        if rule.fixed
        else f"deny wins over every --allow-{kind}: take the rule out of {rule.origin}"
    )
    return denied(
        kind,
        asked,
        f"the rule 'deny {kind} {rule.value}' of the {rule.origin} covers it{where}",
        rule=f"deny {kind} {rule.value}",
        origin=rule.origin,
        allow=None,
        verb=verb,
        remedy=remedy,
    )


def path_denied(policy: Policy, kind: str, path: str, tool: str, asked: str) -> PermissionDenied:
    """Return the error for a path that a deny rule covers or that no root covers."""
    for rules in policy._path_rules(kind, tool):
        rule = rules.denying(path)
        if rule is not None:
            return rule_denied(kind, asked, path, rule)
    for layer, rules in zip(policy.layers, policy._path_rules(kind, tool), strict=True):
        if not rules.allows(path):
            roots = ", ".join(rules.roots()) or "none"
            where = f"it is {path}, " if asked != path else "it is "
            return denied(
                kind,
                asked,
                f"{where}outside the allowed folders ({roots}) of the {layer.general.origin}",
                rule=f"allow {kind} {roots}",
                origin=layer.general.origin,
                allow=path,
            )
    raise AssertionError(f"{path} is allowed")


def check_level(layers: Iterable[Layer], tool: str, operation: str | None, level: str) -> None:
    """Refuse a call above a ceiling; see `Policy.check_level`."""
    rank = LEVELS[level]
    what = f"{tool} {operation}" if operation else tool
    for layer in layers:
        general = layer.general
        if rank > LEVELS[general.ceiling or "safe"]:
            flag = f"--ceiling {level}"
            raise _level_denied(what, level, general, flag, _way_out(flag, "ceiling", general.origin))
        own = layer.tools.get(tool)
        if own is not None and own.ceiling is not None and rank > LEVELS[own.ceiling]:
            raise _level_denied(what, level, own, None, f"no flag allows it: this is the ceiling of {tool} itself")


def _level_denied(what: str, level: str, rules: Rules, flag: str | None, way_out: str) -> PermissionDenied:
    ceiling = rules.ceiling or "safe"
    return PermissionDenied(
        f"calling '{what}' is not allowed: it is {level}, and the ceiling of the {rules.origin} is {ceiling}; "
        f"{way_out}",
        details={
            "resource": what,
            "kind": "level",
            "rule": f"ceiling {ceiling}",
            "origin": rules.origin,
            "flag": flag,
        },
    )


def quoted(value: str) -> str:
    """Return ``value`` as one shell word (as `shlex.quote`, whose module imports `re`)."""
    if value and _SHELL_SAFE.issuperset(value):
        return value
    return "'" + value.replace("'", "'\"'\"'") + "'"
