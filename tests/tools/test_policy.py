"""The policy's decisions: ceiling, lists, tools, layers, approvals, presets; every refusal names its way out."""

from __future__ import annotations

import json
import os
import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell_tools import files
from llmspell_tools.errors import ConfigurationError, InvalidParameters, PermissionDenied, ToolExecutionError
from llmspell_tools.policy import Policy

LEVELS = ("safe", "restricted", "privileged")


def bare(**layer):
    """A policy of one layer that allows every level and nothing else."""
    return Policy.from_json({"ceiling": "privileged", "origin": "test", **layer})


def refused(check, *args, **kw):
    """The refusal of a check, None where it passes."""
    try:
        check(*args, **kw)
    except PermissionDenied as error:
        if set(error.details) == {"resource", "kind", "rule", "origin", "flag"}:
            return error
        raise AssertionError(error.details) from error
    return None


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of our own, and a current folder beside it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LLMSPELL_HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize("ceiling", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_levels_up_to_the_ceiling_may_be_called(ceiling, level):
    error = refused(bare(ceiling=ceiling).check_level, "x", "op", level)

    assert (error is None) == (LEVELS.index(level) <= LEVELS.index(ceiling))
    if error is not None:
        assert error.details["flag"] == f"--ceiling {level}"
        assert bare(ceiling=ceiling).with_ceiling(level, origin="flag").check_level("x", "op", level) is None


def test_a_tool_can_have_a_ceiling_of_its_own():
    policy = bare(tools={"file_operations": {"ceiling": "safe"}})

    assert refused(policy.check_level, "other", None, "privileged") is None
    error = refused(policy.check_level, "file-operations", "write", "privileged")
    assert error.details["flag"] is None
    assert "file-operations" in error.message


# kind of list -> covered by which: (global allow, global deny, tool allow, tool deny) -> allowed
MATRIX = [
    ((), (), None, (), False),
    (("in",), (), None, (), True),
    (("in",), ("in",), None, (), False),
    (("in",), (), None, ("in",), False),
    (("in",), (), ("other",), (), False),
    (("other",), (), ("in",), (), True),
    ((), (), ("in",), (), True),
    ((), (), ("in",), ("in",), False),
    ((), ("in",), ("in",), (), False),
    (("in",), ("other",), ("in",), ("other",), True),
    (("in",), (), (), (), False),
    (("other",), (), None, (), False),
]
KIND_VALUES = {
    "read": {"in": "/data", "other": "/else", "ask": "/data/file"},
    "write": {"in": "/data", "other": "/else", "ask": "/data/file"},
    "net": {"in": "example.com", "other": "example.org", "ask": "example.com"},
    "run": {"in": "/opt/in", "other": "/opt/other", "ask": "/opt/in"},
    "env": {"in": "NAME", "other": "OTHER", "ask": "NAME"},
}


def ask(policy, kind, value, tool="t"):
    if kind in ("read", "write"):
        return refused(policy.check_path, kind, value, tool)
    if kind == "net":
        return refused(policy.check_net, value, 443, tool, ["93.184.216.34"])
    if kind == "run":
        return refused(policy.check_run, value, ["-x"], tool)
    return refused(policy.check_env, value, tool)


@pytest.mark.parametrize("kind", KIND_VALUES)
@pytest.mark.parametrize("row", MATRIX, ids=str)
def test_deny_wins_then_the_tool_then_the_general_list(kind, row):
    """Each row for each kind: a tool's own allow list stands instead of the general one, denies add up."""
    allow, deny, tool_allow, tool_deny, allowed = row
    values = KIND_VALUES[kind]

    def listed(names):
        return {kind: [values[name] for name in names]}

    own = {"deny": listed(tool_deny)}
    if tool_allow is not None:
        own["allow"] = listed(tool_allow)
    policy = bare(allow=listed(allow), deny=listed(deny), tools={"t": own})

    assert (ask(policy, kind, values["ask"]) is None) == allowed


@pytest.mark.parametrize("kind", KIND_VALUES)
def test_the_flag_that_a_refusal_names_allows_it(kind):
    value = KIND_VALUES[kind]["ask"]
    for policy in (bare(), Policy.strict(), bare(tools={"t": {"allow": {kind: []}}}), bare().narrow(Policy.strict())):
        error = ask(policy, kind, value)
        flag, argument = shlex.split(error.details["flag"])
        assert flag == f"--allow-{kind}"
        assert error.details["flag"] in error.message
        assert ask(policy.with_rules(allow={kind: [argument]}, origin="command line"), kind, value) is None


@pytest.mark.parametrize("kind", KIND_VALUES)
def test_a_refusal_names_the_configuration_key_where_there_is_no_command_line(kind):
    error = ask(bare(), kind, KIND_VALUES[kind]["ask"])

    assert error.message.endswith(f" or [policy] allow_{kind} in ~/.llmspell/config.toml")


@pytest.mark.parametrize("kind", KIND_VALUES)
def test_where_a_deny_rule_refuses_no_flag_is_named(kind):
    values = KIND_VALUES[kind]
    policy = bare(allow={kind: [values["in"]]}).with_rules(deny={kind: [values["in"]]}, origin="/etc/llmspell.toml")
    error = ask(policy, kind, values["ask"])

    assert error.details["flag"] is None
    assert error.details["origin"] == "/etc/llmspell.toml"
    assert error.details["rule"] == f"deny {kind} {values['in']}"
    assert "/etc/llmspell.toml" in error.message


def test_a_flag_with_odd_characters_is_quoted_for_the_shell():
    error = refused(bare().check_path, "read", "/it's here/$x", "t")

    assert shlex.split(error.details["flag"]) == ["--allow-read", "/it's here/$x"]


def test_roots_are_compared_by_component():
    policy = bare(allow={"read": ["/root"]})

    assert refused(policy.check_path, "read", "/root", "t") is None
    assert refused(policy.check_path, "read", "/root/x", "t") is None
    assert refused(policy.check_path, "read", "/root2", "t")
    assert refused(policy.check_path, "read", "/", "t")
    assert refused(bare(allow={"read": ["/"]}).check_path, "read", "/any/thing", "t") is None


def test_rules_of_a_person_reach_every_layer_and_every_tool():
    policy = bare(tools={"t": {"allow": {"read": ["/a"]}}}).narrow(Policy.strict())
    policy = policy.with_rules(allow={"read": ["/b"]}, origin="command line")

    assert ask(policy, "read", "/b/x", "t") is None
    assert ask(policy, "read", "/b/x", "u") is None
    assert ask(policy, "read", "/a/x", "t")  # the narrower layer says no


def test_rules_for_one_tool_stand_instead_of_the_general_ones():
    policy = bare(allow={"read": ["/a"]}).with_rules(allow={"read": ["/b"]}, origin="config", tool="t")
    policy = policy.with_rules(deny={"read": ["/a/x"]}, origin="config", tool="u")

    assert [ask(policy, "read", path, "t") is None for path in ("/a/y", "/b/y")] == [False, True]
    assert [ask(policy, "read", path, "u") is None for path in ("/a/y", "/a/x", "/b/y")] == [True, False, False]
    assert [ask(policy, "read", path, "v") is None for path in ("/a/x", "/b/y")] == [True, False]


def test_relative_rules_start_at_their_file_and_home_is_expanded(home):
    policy = bare().with_rules(allow={"read": ["data", "~/x"]}, origin="config", base="/project")

    assert ask(policy, "read", "/project/data/f") is None
    assert ask(policy, "read", f"{home}/x") is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [("net", "http://example.com"), ("net", "a b"), ("net", "h:99999"), ("read", ""), ("run", "no-such-program-x"),
     ("files", "/x"), ("net", "10.0.0.0/99"), ("net", "")],
)  # fmt: skip
def test_a_rule_that_could_never_match_is_an_error(kind, value):
    with pytest.raises(InvalidParameters):
        bare().with_rules(allow={kind: [value]}, origin="command line")


def test_the_default_policy_lets_a_person_work_in_their_folder(home):
    policy = Policy.default(script_dir="/scripts")
    work, tmp = os.getcwd(), os.environ["TMPDIR"]

    assert policy.ceiling == "privileged"
    for kind in ("read", "write"):
        for path in (f"{work}/a", f"{work}/a/b/c", f"{tmp}/x"):
            assert ask(policy, kind, path) is None, path
        for path in ("/etc/passwd", str(home), "/", "/work-elsewhere"):
            assert ask(policy, kind, path), path
    assert ask(policy, "read", "/scripts/lib.lua") is None
    assert ask(policy, "write", "/scripts/lib.lua")
    assert ask(policy, "env", "PATH") is None
    assert ask(policy, "net", "example.com") is None


@pytest.mark.parametrize(
    "path",
    ["~/.ssh/id_rsa", "~/.aws/credentials", "~/.gnupg/x", "~/.llmspell/config.toml", "~/.kube/config", "~/.netrc",
     "~/.local/share/jupyter/runtime/kernel-1.json", "~/.ssh", "~/.docker/config.json", "~/.git-credentials"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["read", "write"])
def test_credentials_are_closed_even_below_an_allowed_root(home, kind, path):
    path = path.replace("~", str(home))
    for policy in (
        Policy.default(cwd=str(home)),
        Policy.default().with_rules(allow={kind: ["/", path]}, origin="command line"),
        Policy.strict().with_rules(allow={kind: [path]}, origin="command line"),
        bare(allow={kind: ["/"]}),
    ):
        error = ask(policy, kind, path)
        assert error.details["flag"] is None
        assert error.details["origin"] == "built-in protection"
        assert "no flag allows it" in error.message


@pytest.mark.parametrize(
    "name",
    ["llmspell.toml", ".llmspell.toml", "config/llmspell.toml", ".config/llmspell.toml", "deep/er/llmspell.toml",
     "LLMSPELL.toml", ".git/hooks/pre-commit", ".git/config", "sub/.git/hooks"],
)  # fmt: skip
def test_project_files_that_give_rights_may_be_read_but_not_written(home, name):
    policy = Policy.default()
    path = f"{os.getcwd()}/{name}"

    assert ask(policy, "read", path) is None
    assert ask(policy, "write", path).details["flag"] is None
    assert ask(policy, "write", path + ".example") is None or name.count("hooks")


def test_start_files_of_the_shell_are_not_written(home):
    policy = Policy.default(cwd=str(home))

    assert ask(policy, "read", f"{home}/.bashrc") is None
    assert ask(policy, "write", f"{home}/.bashrc")
    assert ask(policy, "write", f"{home}/notes.txt") is None


def test_our_own_home_and_the_runtime_folder_follow_their_variables(home, tmp_path, monkeypatch):
    monkeypatch.setenv("LLMSPELL_HOME", str(tmp_path / "work/own"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "work/run"))
    policy = Policy.default()

    assert ask(policy, "read", f"{tmp_path}/work/own/config.toml")
    assert ask(policy, "read", f"{tmp_path}/work/run/kernel.json")


def test_a_credential_folder_that_is_a_link_is_closed_where_it_really_is(home, tmp_path):
    (tmp_path / "work/keys").mkdir()
    os.rmdir(home / ".ssh")
    os.symlink(tmp_path / "work/keys", home / ".ssh")

    assert ask(Policy.default(), "read", f"{tmp_path}/work/keys/id")


def test_the_top_folder_is_never_an_implicit_root(monkeypatch):
    monkeypatch.chdir("/")

    assert ask(Policy.default(), "read", "/etc/passwd")
    assert ask(Policy.default(script_dir="/"), "read", "/etc/passwd")
    assert ask(Policy.default(roots=["/srv"]), "read", "/srv/x") is None


def test_a_removed_current_folder_is_no_root_and_no_crash(home, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    policy = Policy.default(script_dir="/scripts")

    assert ask(policy, "read", str(gone))
    assert ask(policy, "read", f"{tmp_path}/tmp/x") is None
    assert ask(policy.with_rules(allow={"read": ["/data"]}, origin="flag"), "read", "/data/x") is None
    with pytest.raises(InvalidParameters):
        policy.with_rules(allow={"read": ["data"]}, origin="flag")
    with pytest.raises(ToolExecutionError):
        files.open_read(policy, "data", "t")
    monkeypatch.chdir(tmp_path)


def test_strict_allows_nothing_by_itself(home):
    policy = Policy.strict()

    assert policy.ceiling == "restricted"
    for kind, values in KIND_VALUES.items():
        assert ask(policy, kind, values["ask"])
    assert ask(policy, "read", os.getcwd())
    assert ask(policy, "env", "PATH")


ANNOTATED = {"read_only": False, "destructive": True, "idempotent": False, "open_world": False}
APPROVAL_ROWS = [
    ({}, "allow"),
    ({"destructive": "allow"}, "allow"),
    ({"destructive": "ask"}, "ask"),
    ({"destructive": "deny"}, "deny"),
    ({"destructive": "ask", "not_read_only": "deny"}, "deny"),
    ({"read_only": "deny", "open_world": "deny", "not_destructive": "deny"}, "allow"),
    ({"not_open_world": "ask"}, "ask"),
    ({"not_idempotent": "ask", "destructive": "allow"}, "ask"),
]


@pytest.mark.parametrize(("approvals", "answer"), APPROVAL_ROWS)
def test_annotations_allow_ask_or_deny(approvals, answer):
    policy = bare(approvals=approvals)
    asked = []

    def say(reply):
        return lambda question: asked.append(question) or reply

    def outcome(reply):
        return refused(policy.check_annotations, "file-operations", "write", ANNOTATED, reply)

    assert (outcome(say(True)) is None) == (answer != "deny")
    assert (outcome(say(False)) is None) == (answer == "allow")
    assert bool(asked) == (answer == "ask")
    nobody = outcome(None)
    assert (nobody is None) == (answer == "allow")
    if answer == "ask":
        assert nobody.details["flag"] == "--yes"
        assert "file-operations write" in asked[0]
    if answer == "deny":
        assert nobody.details["flag"] is None


def test_a_tool_that_says_nothing_counts_as_destructive_and_open():
    assert refused(bare(approvals={"destructive": "deny"}).check_annotations, "x", None, {})
    assert refused(bare(approvals={"open_world": "deny"}).check_annotations, "x", None, {})
    assert refused(bare(approvals={"read_only": "deny"}).check_annotations, "x", None, {}) is None


def test_approvals_of_a_tool_and_of_every_layer_count():
    policy = bare(tools={"x": {"approvals": {"destructive": "deny"}}})
    assert refused(policy.check_annotations, "x", None, ANNOTATED)
    assert refused(policy.check_annotations, "y", None, ANNOTATED) is None

    narrowed = bare().narrow(bare(approvals={"destructive": "ask"}))
    assert refused(narrowed.check_annotations, "y", None, ANNOTATED)
    added = bare().with_approvals({"destructive": "deny"}, origin="config", tool="y")
    assert refused(added.check_annotations, "y", None, ANNOTATED).details["origin"] == "config"
    with pytest.raises(InvalidParameters):
        bare().with_approvals({"dangerous": "ask"}, origin="config")
    with pytest.raises(InvalidParameters):
        bare().with_approvals({"destructive": "maybe"}, origin="config")


def test_the_chain_is_told_when_no_call_can_be_refused(home):
    assert not Policy.default().restricts_calls
    assert Policy.strict().restricts_calls
    assert bare(approvals={"destructive": "ask"}).restricts_calls
    assert bare(tools={"x": {"ceiling": "safe"}}).restricts_calls
    assert Policy.default().narrow(Policy.strict()).restricts_calls


def test_a_policy_is_frozen():
    policy = bare()

    with pytest.raises(AttributeError):
        policy.ceiling = "safe"
    with pytest.raises(AttributeError):
        policy.extra = 1


@pytest.mark.parametrize(
    "value",
    [{"ceiling": "root"}, {"allow": {"files": []}}, {"allow": {"read": "x"}}, {"allow": {"read": [3]}}, {"layers": []},
     {"layers": [1]}, [], {"who": 1}, {"approvals": {"destructive": "perhaps"}}, {"approvals": {"kind": "ask"}},
     {"tools": {"x": {"tools": {}}}}, {"allow": {"read": [{"value": ""}]}}, {"layers": [{}], "ceiling": "safe"}],
)  # fmt: skip
def test_a_policy_that_is_no_policy_is_a_configuration_error(value):
    with pytest.raises(ConfigurationError):
        Policy.from_json(value)


def test_what_json_leaves_out_is_closed():
    policy = Policy.from_json({})

    assert policy.ceiling == "safe"
    for kind, values in KIND_VALUES.items():
        assert ask(policy, kind, values["ask"])


names = st.sampled_from(["/a", "/a/b", "/a/b/c", "/ab", "/b", "/"])
paths = st.sampled_from(["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/ab", "/ab/x", "/b/y", "/c", "/", "/a/bc"])
hosts = st.sampled_from(["*", "public", "loopback", "example.com", "example.com:443", "*.example.com", "10.0.0.0/8"])
variables = st.sampled_from(["*", "standard", "PATH", "API_KEY", "LC_*", "FOO"])
programs = st.sampled_from(["*", "standard", "/usr/bin/cat", "/opt/x"])
kinds = {
    "read": st.lists(names, max_size=3),
    "write": st.lists(names, max_size=2),
    "net": st.lists(hosts, max_size=2),
    "run": st.lists(programs, max_size=2),
    "env": st.lists(variables, max_size=2),
}
rule_tables = st.fixed_dictionaries({}, optional=kinds)
levels = st.sampled_from(LEVELS)
approvals = st.dictionaries(
    st.sampled_from(["destructive", "read_only", "not_open_world"]), st.sampled_from(["allow", "ask", "deny"])
)
tool_tables = st.dictionaries(
    st.sampled_from(["t", "u"]),
    st.fixed_dictionaries(
        {}, optional={"allow": rule_tables, "deny": rule_tables, "ceiling": levels, "approvals": approvals}
    ),
)
layers = st.fixed_dictionaries(
    {"ceiling": levels, "allow": rule_tables, "deny": rule_tables, "approvals": approvals, "tools": tool_tables}
)
policies = st.lists(layers, min_size=1, max_size=2).map(lambda made: Policy.from_json({"layers": made}))
QUESTIONS = [
    *[("read", path) for path in ("/a", "/a/b/c/d", "/ab/x", "/b/y", "/c", "/", "/a/bc")],
    *[("write", path) for path in ("/a/b", "/ab")],
    *[("env", name) for name in ("PATH", "API_KEY", "LC_ALL", "FOO", "BAR")],
    *[("run", path) for path in ("/opt/x", "/opt/y")],
]


def answers(policy):
    """What a policy says to a fixed set of questions, as a set of the allowed ones."""
    allowed = set()
    for tool in ("t", "u", "v"):
        for kind, value in QUESTIONS:
            if ask(policy, kind, value, tool) is None:
                allowed.add((tool, kind, value))
        for host, address in (
            ("example.com", "93.184.216.34"), ("example.com", "127.0.0.1"), ("x.example.com", "8.8.8.8"),
            ("10.1.2.3", "10.1.2.3"), ("localhost", "::1"),
        ):  # fmt: skip
            for port in (443, 22):
                if refused(policy.check_net, host, port, tool, [address]) is None:
                    allowed.add((tool, host, address, port))
        for level in LEVELS:
            if refused(policy.check_level, tool, None, level) is None:
                allowed.add((tool, level))
        for says in (ANNOTATED, {"read_only": True, "destructive": False}):
            for reply in (True, False):
                if refused(policy.check_annotations, tool, None, says, lambda _, reply=reply: reply) is None:
                    allowed.add((tool, str(says), reply))
    return allowed


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies, policies)
def test_narrowing_is_the_intersection_and_never_widens(one, other):
    both = answers(one.narrow(other))

    assert both == answers(one) & answers(other)
    assert both == answers(other.narrow(one))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies)
def test_json_and_back_decides_alike(policy):
    text = json.dumps(policy.as_json())
    again = Policy.from_json(json.loads(text))

    assert again == policy
    assert json.dumps(again.as_json()) == text
    assert answers(again) == answers(policy)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies, rule_tables, rule_tables)
def test_more_deny_rules_never_widen_and_more_allow_rules_never_narrow(policy, allow, deny):
    before = answers(policy)

    assert answers(policy.with_rules(deny=deny, origin="x")) <= before
    assert answers(policy.with_rules(allow=allow, origin="x")) >= before


def test_presets_survive_json(home):
    for policy in (Policy.default(script_dir="/s"), Policy.strict(), Policy.default().narrow(Policy.strict())):
        assert Policy.from_json(json.loads(json.dumps(policy.as_json()))) == policy
