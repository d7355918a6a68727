"""The policy: the one place that decides what a call may do.

A policy is a frozen, JSON-able value that is built once and handed to engine, kernel, tools and workers.
It is a stack of layers (`llmspell_tools.policy_layers`), and what is asked must pass every one: the first
is the person's (a preset, their config file, their flags), others narrow it. A layer has
    ceiling     the highest level that may be called: safe < restricted < privileged, per operation
    allow       {read, write, net, run, env}: lists of rules; what no rule covers is refused
    deny        the same kinds; a deny rule always wins
    approvals   {annotation: allow | ask | deny}, see `llmspell_tools.policy_approvals`
    tools       the same four for one tool: its allow list of a kind stands instead of the general one,
                its deny rules are added, its ceiling is a further one

A refusal names the resource, the rule, where the rule came from and the flag that would allow it.
This module opens no file and no socket: `files` and `paths` resolve, this decides. It is on the lean start
path: everything but the value itself is imported when first asked, and the default policy's rules are put
together when the first of them is needed.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from llmspell_tools.policy_layers import Layer
    from llmspell_tools.policy_rules import PathRules
    from llmspell_tools.types import JsonObject, JsonValue


class Policy:
    """What may be called and touched; frozen.

    Args:
        layers: At least one; all must agree. Made by `default`, `strict`, `from_json`, `with_rules`,
            `narrow`, not by hand.
    """

    __slots__ = ("_asks", "_capped", "_layers", "_paths", "_preset", "ceiling", "restricts_calls")

    ceiling: str
    #: Whether a ceiling or an approval can refuse a call; where not, the chain need not ask.
    restricts_calls: bool
    _asks: bool
    _capped: bool
    _layers: tuple[Layer, ...] | None
    _paths: dict[tuple[str, str], tuple[PathRules, ...]]
    _preset: tuple[str, str | None, tuple[str, ...] | None] | None

    def __init__(self, layers: Iterable[Layer]) -> None:
        from llmspell_tools.policy_rules import LEVELS

        kept = tuple(layers)
        lowest = min((layer.general.ceiling or "safe" for layer in kept), key=LEVELS.__getitem__)
        capped = lowest != "privileged" or any(own.ceiling for layer in kept for own in layer.tools.values())
        asks = any(rules.approvals for layer in kept for rules in (layer.general, *layer.tools.values()))
        self._fill(lowest, capped=capped, asks=asks, layers=kept, preset=None)

    def _fill(
        self,
        ceiling: str,
        *,
        capped: bool,
        asks: bool,
        layers: tuple[Layer, ...] | None,
        preset: tuple[str, str | None, tuple[str, ...] | None] | None,
    ) -> None:
        put = object.__setattr__
        put(self, "ceiling", ceiling)
        put(self, "restricts_calls", capped or asks)
        put(self, "_asks", asks)
        put(self, "_capped", capped)
        put(self, "_layers", layers)
        put(self, "_paths", {})
        put(self, "_preset", preset)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Policy is frozen: cannot set {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash((self.ceiling, len(self.layers)))

    @classmethod
    def default(
        cls,
        *,
        cwd: str | None = None,
        script_dir: str | None = None,
        roots: Sequence[str] | None = None,
    ) -> Policy:
        """Return the policy of a person at their own shell.

        Args:
            cwd: The folder readable and writable beside the temporary one; default the current folder.
                `/` never counts.
            script_dir: Folder of the script that runs; readable.
            roots: Folders instead of ``cwd``, said on purpose (a daemon's `[policy] roots`).
        """
        # Most calls touch nothing that a rule covers, so the rules wait until one is asked for. The folder is
        # the current one now; home and temporary folder are the environment's then.
        here = _current_folder() if cwd is None else cwd
        policy = cls.__new__(cls)
        preset = (here, script_dir, None if roots is None else tuple(roots))
        policy._fill("privileged", capped=False, asks=False, layers=None, preset=preset)
        return policy

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, the person's first."""
        layers = self._layers
        if layers is None:
            from llmspell_tools.policy_presets import default_layer

            assert self._preset is not None
            cwd, script_dir, roots = self._preset
            layers = (default_layer(cwd=cwd, script_dir=script_dir, roots=roots),)
            object.__setattr__(self, "_layers", layers)
        return layers

    @classmethod
    def strict(cls) -> Policy:
        """Return the preset that allows no file, network, process or variable until a flag does."""
        from llmspell_tools.policy_presets import strict_layer

        return cls((strict_layer(),))

    @classmethod
    def from_json(cls, value: JsonValue, *, origin: str = "policy") -> Policy:
        """Build a policy from what `as_json` returns, or from one layer of it.

        Args:
            value: `{"layers": [...]}` or a layer `{ceiling, allow, deny, approvals, tools}`; rules are
                strings or `{value, origin}`.
            origin: Origin of rules that name none.

        Raises:
            ConfigurationError: A key, level, kind or type is not one of these.
        """
        from llmspell_tools.policy_json import layers_from_json

        return cls(layers_from_json(value, origin))

    def as_json(self) -> JsonObject:
        """Return the policy as plain JSON, for workers and `config show`."""
        from llmspell_tools.policy_json import layers_to_json

        return layers_to_json(self.layers)

    def with_rules(
        self,
        *,
        allow: Mapping[str, Iterable[str]] | None = None,
        deny: Mapping[str, Iterable[str]] | None = None,
        origin: str,
        base: str | None = None,
        tool: str | None = None,
    ) -> Policy:
        """Return a policy with more rules: the person's own word, so they hold in every layer.

        Args:
            allow: Values by kind: `{"read": ["/data"], "net": ["intranet:8080"]}`.
            deny: The same; deny wins over any allow.
            origin: Shown in refusals: `command line`, the config file's path.
            base: Folder that relative paths start from; default the current one.
            tool: Canonical name, for rules of one tool; its allow list of a kind then stands instead of
                the general one. Without it the rules hold for all tools.

        Raises:
            InvalidParameters: An unknown kind, or a value that could never match.
        """
        from llmspell_tools import policy_layers as build

        more_allow = build.ready_rules(allow, origin, base, deny=False)
        more_deny = build.ready_rules(deny, origin, base, deny=True)
        return Policy(build.with_rules(layer, more_allow, more_deny, tool) for layer in self.layers)

    def with_ceiling(self, ceiling: str, *, origin: str, tool: str | None = None) -> Policy:
        """Return a policy with another ceiling in every layer, or with one for a single tool.

        Raises:
            InvalidParameters: There is no such level.
        """
        from llmspell_tools.policy_layers import with_ceiling

        return Policy(with_ceiling(layer, ceiling, origin, tool) for layer in self.layers)

    def with_approvals(self, approvals: Mapping[str, str], *, origin: str, tool: str | None = None) -> Policy:
        """Return a policy with more approvals, `{"destructive": "ask"}`, for all tools or one.

        Raises:
            InvalidParameters: No such annotation or answer.
        """
        from llmspell_tools.policy_layers import with_approvals

        return Policy(with_approvals(layer, approvals, origin, tool) for layer in self.layers)

    def narrow(self, other: Policy) -> Policy:
        """Return a policy that permits only what both permit (intersection; never wider than self)."""
        return Policy(self.layers + other.layers)

    def check_level(self, tool: str, operation: str | None, level: str) -> None:
        """Refuse a call above the ceiling.

        Args:
            tool: Canonical name.
            operation: For the message.
            level: Level of this operation: `safe`, `restricted` or `privileged`.

        Raises:
            PermissionDenied: A ceiling is lower.
        """
        if self._capped:
            from llmspell_tools.policy_denials import check_level

            check_level(self.layers, tool, operation, level)

    def check_annotations(
        self,
        tool: str,
        operation: str | None,
        annotations: Mapping[str, bool],
        ask: Callable[[str], bool] | None = None,
    ) -> None:
        """Allow, ask or refuse by what a tool says of itself.

        Args:
            tool: Canonical name.
            operation: For the question.
            annotations: `read_only`, `destructive`, `idempotent`, `open_world`; an absent one counts as in
                MCP: not read-only, destructive, not idempotent, open world.
            ask: The door's way to put a yes-or-no question; None where nobody can answer.

        Raises:
            PermissionDenied: Refused, answered with no, or nobody to ask (then it names `--yes`).
        """
        if self._asks:
            from llmspell_tools.policy_approvals import check

            check(self.layers, tool, operation, annotations, ask)

    def check_path(self, kind: str, path: str, tool: str, *, asked: str | None = None) -> None:
        """Refuse a path outside the roots or below a denied one.

        Args:
            kind: `read` or `write`.
            path: Absolute and canonical: no link, no `..` (what `paths.walk` found).
            tool: Canonical name, "" outside a tool.
            asked: The path as the caller wrote it, for the message.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        for rules in self._path_rules(kind, tool):
            if not rules.permits(path):
                from llmspell_tools.policy_denials import path_denied

                raise path_denied(self, kind, path, tool, asked or path)

    def asked_in(self, kind: str, folder: str, tool: str) -> frozenset[str] | None:
        """Return the names in a folder, casefolded, for which `check_path` must be asked; all other ones may be used.

        For tools that go through many files. None: ask for each, whatever its name.
        """
        names: frozenset[str] = frozenset()
        for rules in self._path_rules(kind, tool):
            asked = rules.asked_in(folder)
            if asked is None:
                return None
            names |= asked
        return names

    def check_move(self, path: str, tool: str, *, asked: str) -> None:
        """Refuse to move a folder from or to ``path`` when something denied lies or would lie below it."""
        for kind in ("read", "write"):
            for rules in self._path_rules(kind, tool):
                rule = rules.denying_below(path)
                if rule is not None:
                    from llmspell_tools.policy_denials import rule_denied

                    raise rule_denied("write", asked, path, rule, verb="moving")

    def passable(self, kind: str, path: str, tool: str) -> bool:
        """Return whether a walk may look at ``path`` at all: inside the roots or on the way to one."""
        return all(rules.passable(path) and rules.denying(path) is None for rules in self._path_rules(kind, tool))

    def check_net(self, host: str, port: int, tool: str, addresses: Sequence[str] = ()) -> None:
        """Refuse a host, or the addresses that it resolved to.

        Call it with the name before resolving, and with every address found before connecting to one of
        them; a redirect is a new call.

        Args:
            host: As in the URL: a name or an address in any spelling.
            port: 1 to 65535.
            tool: Canonical name.
            addresses: What the name resolved to; all must be allowed.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_network import check

        check(self.layers, host, port, tool, addresses)

    def check_run(self, path: str, args: Sequence[str], tool: str, *, cwd: str | None = None) -> None:
        """Refuse a program, or its arguments where the rule that allows it has an option list.

        Args:
            path: Absolute path of the program.
            args: Its arguments, without the program's name.
            tool: Canonical name.
            cwd: Folder that it will run in; default the current one.

        Raises:
            InvalidParameters: The path is not absolute, or an argument has a NUL character.
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_commands import check

        check(self, path, args, tool, cwd)

    def check_env(self, name: str, tool: str) -> None:
        """Refuse an environment variable.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_environment import check

        check(self.layers, name, tool)

    def _path_rules(self, kind: str, tool: str) -> tuple[PathRules, ...]:
        found = self._paths.get((kind, tool))
        if found is None:
            from llmspell_tools.policy_rules import PathRules

            # Two threads may both compile; the results are equal, and the last one stays.
            layers = self.layers
            if tool and not any(tool in layer.tools for layer in layers):
                found = self._path_rules(kind, "")
            else:
                found = tuple(PathRules(layer.allow(kind, tool), layer.deny(kind, tool)) for layer in layers)
            self._paths[kind, tool] = found
        return found


def _current_folder() -> str:
    """Return the current folder; one that was removed is no root, as `/` is none."""
    try:
        return os.getcwd()
    except OSError:
        return "/"
