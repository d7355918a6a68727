"""From configuration and flags to the `Policy` that every call of the run is checked against.

The preset first, then each layer's rules in order of strength, then the command line's. Deny rules and lower ceilings
always add up; allow rules come only from layers that are trusted (`config.settings` has refused the others).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.options import POLICY_KINDS
from llmspell_tools.errors import ConfigurationError
from llmspell_tools.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell.config.settings import Layer, Settings
    from llmspell.options import Options
    from llmspell_tools.types import JsonValue

COMMAND_LINE = "command line"


def build(options: Options, settings: Settings | None, script_dir: str | None = None) -> Policy:
    """Return the policy of one run.

    Args:
        options: Has the flags.
        settings: Has the files and variables; None where there are none.
        script_dir: The folder of the script that runs.

    Raises:
        ConfigurationError: A policy file is wrong.
        InvalidParameters: A rule could never match.
    """
    layers = settings.layers if settings is not None else []
    policy = _start(options, settings, script_dir)
    modules = settings.paths("lua.module_paths") if settings is not None else []
    if settings is not None and modules:
        policy = policy.with_rules(allow={"read": modules}, origin=settings.origin("lua.module_paths"))
    for layer in layers:
        # `--policy` says where to start from: what files and variables allow beside it does not hold then.
        policy = _with_layer(policy, layer, may_allow=options.policy is None)
    return _with_flags(policy, options)


def _start(options: Options, settings: Settings | None, script_dir: str | None) -> Policy:
    if options.policy == "strict":
        return Policy.strict()
    if options.policy is not None:
        return _from_file(options.policy)
    layers = settings.layers if settings is not None else []
    if any(layer.values.get("policy.preset") == "strict" for layer in layers):
        return Policy.strict()
    roots = settings.paths("policy.roots") if settings is not None else []
    return Policy.default(script_dir=script_dir, roots=roots or None)


def _with_layer(policy: Policy, layer: Layer, *, may_allow: bool) -> Policy:
    rules = section(layer.values, "policy")
    if not may_allow:
        rules = {path: value for path, value in rules.items() if "allow_" not in path}
    if not rules:
        return policy
    origin = next(text for path, text in layer.origins.items() if path.startswith("policy."))
    result = apply(policy, rules, origin=origin, base=layer.base)
    # What nobody has trusted can only take away: it holds together with what held before.
    return result if layer.trusted and may_allow else policy.narrow(result)


def section(values: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return the part of dotted values below `name`, without the prefix."""
    start = name + "."
    return {path[len(start) :]: value for path, value in values.items() if path.startswith(start)}


def apply(policy: Policy, rules: Mapping[str, JsonValue], *, origin: str, base: str | None) -> Policy:
    """Return the policy with the keys of one `[policy]` table.

    Args:
        policy: Where to start from.
        rules: Values by key below `policy`: `allow_read`, `approvals.destructive`, `tools.file_operations.deny_write`.
        origin: Shown in refusals.
        base: Folder that relative paths start from.
    """
    tools: dict[str, dict[str, JsonValue]] = {}
    for path, value in rules.items():
        if path.startswith("tools."):
            _, tool, key = path.split(".", 2)
            tools.setdefault(tool.replace("_", "-"), {})[key] = value
    policy = _apply_to(policy, rules, origin, base, None)
    for tool, own in tools.items():
        policy = _apply_to(policy, own, origin, base, tool)
    approvals = {key: str(value) for key, value in section(rules, "approvals").items()}
    return policy.with_approvals(approvals, origin=origin) if approvals else policy


def _apply_to(
    policy: Policy, rules: Mapping[str, JsonValue], origin: str, base: str | None, tool: str | None
) -> Policy:
    allow, deny = _lists(rules, "allow_"), _lists(rules, "deny_")
    if allow or deny:
        policy = policy.with_rules(allow=allow, deny=deny, origin=origin, base=base, tool=tool)
    ceiling = rules.get("ceiling")
    return policy.with_ceiling(ceiling, origin=origin, tool=tool) if isinstance(ceiling, str) else policy


def _lists(rules: Mapping[str, JsonValue], prefix: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in POLICY_KINDS:
        listed = rules.get(prefix + kind)
        if isinstance(listed, list) and listed:
            found[kind] = [str(entry) for entry in listed]
    return found


def _with_flags(policy: Policy, options: Options) -> Policy:
    lists: dict[str, dict[str, list[str]]] = {"allow": {}, "deny": {}}
    for flag, value in options.rules:
        verb, _, kind = flag.removeprefix("--").partition("-")
        if verb == "ceiling":
            policy = policy.with_ceiling(value, origin=COMMAND_LINE)
        else:
            lists[verb].setdefault(kind, []).append(value)
    if not lists["allow"] and not lists["deny"]:
        return policy
    return policy.with_rules(allow=lists["allow"], deny=lists["deny"], origin=COMMAND_LINE)


def _from_file(path: str) -> Policy:
    """Read ``--policy FILE``: the keys of `[policy]`, over a start that allows nothing; or a policy as JSON."""
    from llmspell.config.policy_file import read_policy_file  # tomllib, only where a file is named

    value, is_json = read_policy_file(path)
    if is_json:
        return Policy.from_json(value, origin=path)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path}: a policy is a table")
    base = os.path.dirname(os.path.abspath(path))
    start = Policy.strict().with_ceiling("privileged", origin=path)
    return apply(start, value, origin=path, base=base)
