"""environment-reader: every operation under the policy, and bad input (`surface.md` 4.6)."""

from __future__ import annotations

import os

import pytest

from llmspell_tools.errors import InvalidParameters, PermissionDenied
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

SECRETS = (
    "DATABASE_PASSWORD", "SECRET_SAUCE", "OPENAI_API_KEY", "GITHUB_TOKEN", "MY_CREDENTIALS", "AUTH_HEADER",
    "AWS_REGION", "AZURE_X", "GCP_PROJECT", "SSH_AGENT_PID", "API_URL", "THE_PRIVATE_THING", "my_token",
)  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in {
        "PATH": "/bin",
        "HOME": "/home/x",
        "LANG": "C",
        "LC_TIME": "de",
        "TZ": "UTC",
        "EDITOR": "vi",
    }.items():
        monkeypatch.setenv(name, value)
    for name in SECRETS:
        monkeypatch.setenv(name, "hush")


def answer(operation, policy=None, settings=None, **parameters):
    registry = ToolRegistry(policy=policy or Policy.default(), settings={"environment-reader": settings or {}})
    return registry.invoke("environment-reader", {"operation": operation, **parameters}).output


def test_one_variable_is_read():
    assert answer("get", variable_name="LANG") == {
        "operation": "get",
        "success": True,
        "result": {"variable_name": "LANG", "value": "C", "found": True},
    }


def test_one_that_is_not_there_is_not_found():
    assert answer("get", variable_name="TERM")["result"] == {"variable_name": "TERM", "value": None, "found": False}


def test_the_list_has_only_what_may_be_read():
    variables = {"HOME": "/home/x", "LANG": "C", "LC_TIME": "de", "PATH": "/bin", "TZ": "UTC"}

    assert answer("list")["result"] == {"variables": variables, "count": 5}


def test_a_pattern_chooses_among_what_may_be_read():
    assert answer("pattern", pattern="L*")["result"] == {
        "pattern": "L*",
        "variables": {"LANG": "C", "LC_TIME": "de"},
        "count": 2,
    }
    assert answer("pattern", pattern="?Z")["result"]["variables"] == {"TZ": "UTC"}
    assert answer("pattern", pattern="[A-Z]*_*")["result"]["variables"] == {"LC_TIME": "de"}


@pytest.mark.parametrize("name", [*SECRETS, "EDITOR"])
def test_other_variables_are_refused_with_the_flag_that_allows_them(name):
    with pytest.raises(PermissionDenied) as caught:
        answer("get", variable_name=name)

    assert "hush" not in str(caught.value.as_json())
    assert name in str(caught.value.details)


def test_no_wildcard_shows_a_secret():
    policy = Policy.default().with_rules(allow={"env": ["*"]}, origin="test")

    assert "hush" not in str(answer("list", policy))
    assert answer("list", policy)["result"]["variables"]["EDITOR"] == "vi"
    with pytest.raises(PermissionDenied):
        answer("get", policy, variable_name="GITHUB_TOKEN")


def test_a_person_may_name_one():
    policy = Policy.default().with_rules(allow={"env": ["GITHUB_TOKEN"]}, origin="test")

    assert answer("get", policy, variable_name="GITHUB_TOKEN")["result"]["value"] == "hush"


@pytest.mark.parametrize("parameters", [{"variable_name": "PATH", "value": "/evil"}, {"variable_name": "NEW"}])
def test_setting_is_always_refused(parameters):
    policy = Policy.default().with_rules(allow={"env": ["*", "PATH", "NEW"]}, origin="test")
    with pytest.raises(PermissionDenied):
        answer("set", policy, **parameters)

    assert os.environ["PATH"] == "/bin"
    assert "NEW" not in os.environ


def test_at_most_a_hundred_are_shown(monkeypatch):
    for number in range(150):
        monkeypatch.setenv(f"LC_{number:03}", "x")
    result = answer("list")["result"]

    assert (result["count"], len(result["variables"]), result["truncated"]) == (100, 100, True)
    assert answer("list", settings={"max_variables": 2})["result"]["count"] == 2


def test_bytes_that_are_no_text_are_shown_in_hex(monkeypatch):
    monkeypatch.setitem(os.environb, b"LC_ODD", b"a\xff")

    assert answer("get", variable_name="LC_ODD")["result"]["value"] == "a\\xff"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"operation": "get"}, "variable_name"),
        ({"operation": "pattern"}, "pattern"),
        ({"operation": "get", "variable_name": 5}, "variable_name"),
        ({"operation": "get", "variable_name": ""}, None),
        ({"operation": "get", "variable_name": "A=B"}, None),
        ({"operation": "get", "variable_name": "A\0B"}, None),
        ({"operation": "pattern", "pattern": ""}, "pattern"),
        ({"operation": "pattern", "pattern": "*" * 300}, "pattern"),
        ({"operation": "unset", "variable_name": "PATH"}, "operation"),
        ({}, "operation"),
        ({"operation": "get", "name": "PATH"}, "name"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        ToolRegistry(policy=Policy.default()).invoke("environment-reader", parameters)

    assert field is None or caught.value.field in (field, "variable_name")


def test_the_strict_policy_shows_nothing():
    assert answer("list", Policy.strict())["result"] == {"variables": {}, "count": 0}
