"""From configuration and flags to the `Policy` that every call of the run is checked against.

The preset first, then each layer's rules in order of strength, then the command line's. Deny rules and lower ceilings
always add up; allow rules come only from layers that are trusted (`config.settings` has refused the others).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell_tools.errors import ConfigurationError
from llmspell_tools.nearest import did_you_mean
from llmspell_tools.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        ConfigurationError: A policy file is wrong or not there.
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
        strict = Policy.strict()
        # Said here, it takes no rules from the configuration: a refusal must not advise them.
        return strict.with_ceiling(strict.ceiling, origin=f"{COMMAND_LINE}'s strict policy")
    if options.policy is not None:
        if not os.path.lexists(options.policy):
            hint = did_you_mean(options.policy, ["strict"])
            raise ConfigurationError(
                f"there is no policy file '{options.policy}'; --policy takes a file or strict{hint}", exit_status=2
            )
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
    result = apply(policy, rules, origin_of=lambda path: layer.origins[f"policy.{path}"], base=layer.base)
    # What nobody has trusted can only take away: it holds together with what held before.
    return result if layer.trusted and may_allow else policy.narrow(result)


def section(values: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return the part of dotted values below `name`, without the prefix."""
    start = name + "."
    return {path[len(start) :]: value for path, value in values.items() if path.startswith(start)}


def apply(
    policy: Policy, rules: Mapping[str, JsonValue], *, origin_of: Callable[[str], str], base: str | None
) -> Policy:
    """Return the policy with the keys of one `[policy]` table.

    Args:
        policy: Where to start from.
        rules: Values by key below `policy`: `allow_read`, `approvals.destructive`, `tools.file_operations.deny_write`.
        origin_of: Gives what refusals show for a key: `path:line`.
        base: Folder that relative paths start from.
    """
    for path, value in rules.items():
        policy = _with_rule(policy, path, value, origin_of(path), base)
    return policy


def _with_rule(policy: Policy, path: str, value: JsonValue, origin: str, base: str | None) -> Policy:
    tool: str | None = None
    key = path
    if path.startswith("tools."):
        _, name, key = path.split(".", 2)
        tool = name.replace("_", "-")
    verb, _, kind = key.partition("_")
    if key == "ceiling":
        return policy.with_ceiling(str(value), origin=origin, tool=tool)
    if key.startswith("approvals."):
        return policy.with_approvals({key.removeprefix("approvals."): str(value)}, origin=origin, tool=tool)
    # An empty list says something only for a tool: it then stands instead of the general one.
    if verb in {"allow", "deny"} and isinstance(value, list) and (value or tool is not None):
        table = {kind: [str(entry) for entry in value]}
        allow, deny = (table, None) if verb == "allow" else (None, table)
        return policy.with_rules(allow=allow, deny=deny, origin=origin, base=base, tool=tool)
    return policy


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

    value, origin_of = read_policy_file(path)
    if origin_of is None:
        return Policy.from_json(value, origin=f"policy file {path}")
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path}: a policy is a table")
    base = os.path.dirname(os.path.abspath(path))
    start = Policy.strict().with_ceiling("privileged", origin=f"policy file {path}")
    return apply(start, value, origin_of=origin_of, base=base)
