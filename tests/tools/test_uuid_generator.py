"""uuid-generator: every operation and its bad input (`surface.md` 4.3; RFC 9562)."""

from __future__ import annotations

import re
import threading
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.strict())


def result(operation="generate", **parameters):
    output = REGISTRY.invoke("uuid-generator", {"operation": operation, **parameters}).output
    assert (output["operation"], output["success"]) == (operation, True)
    return output["result"]


def check(text):
    return REGISTRY.invoke("uuid-generator", {"operation": "validate", "uuid": text}).output


@pytest.mark.parametrize("spelling", ["v4", "4", 4, "V4"])
def test_version_4_is_random(spelling):
    made = result(version=spelling)

    assert (made["version"], made["format"]) == ("v4", "hyphenated")
    assert uuid.UUID(made["uuid"]).version == 4


def test_the_default_is_a_hyphenated_version_4():
    assert REGISTRY.invoke("uuid-generator").output["result"]["version"] == "v4"


@pytest.mark.parametrize("version", ["v1", "1", 1])
def test_version_1_carries_the_time_and_no_address(version):
    before = time.time_ns()
    made = uuid.UUID(result(version=version)["uuid"])
    after = time.time_ns()

    assert (made.version, made.variant) == (1, uuid.RFC_4122)
    assert before // 100 - 1 <= made.time - 0x01B21DD213814000 <= after // 100 + 100
    assert made.node >> 40 & 1 == 1


@pytest.mark.parametrize("version", ["v6", "v7"])
def test_versions_6_and_7_sort_by_time(version):
    made = [result(version=version)["uuid"] for _ in range(500)]

    assert made == sorted(made)
    assert len(set(made)) == 500
    assert {(int(text[14], 16), uuid.UUID(text).variant) for text in made} == {(int(version[1]), uuid.RFC_4122)}


def test_version_7_starts_with_the_milliseconds():
    before = time.time_ns() // 1_000_000
    milliseconds = int(result(version="v7")["uuid"].replace("-", "")[:12], 16)

    assert before - 1 <= milliseconds <= time.time_ns() // 1_000_000 + 1


def test_time_based_uuids_of_many_threads_differ():
    made = []

    def work():
        made.extend(result(version="v1")["uuid"] for _ in range(300))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(set(made)) == 1200


NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
    "agent": uuid.UUID("6ba13d5a-3f5d-4a5b-9f7e-3d5a2f4d3a2b"),
    "tool": uuid.UUID("7cb24e6b-4f6e-5b6c-af8f-4e6b3f5e4b3c"),
    "workflow": uuid.UUID("8dc35f7c-5f7f-6c7d-bf9f-5f7c4f6f5c4d"),
    "12345678-1234-5678-1234-567812345678": uuid.UUID("12345678-1234-5678-1234-567812345678"),
}


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(("version", "make"), [("v5", uuid.uuid5), ("5", uuid.uuid5), ("v3", uuid.uuid3)])
def test_named_versions_are_the_standard_ones(namespace, version, make):
    made = result(version=version, namespace=namespace, name="wörld")

    assert made["uuid"] == str(make(NAMESPACES[namespace], "wörld"))


def test_the_namespace_of_generate_is_dns_by_default():
    assert result(version="v5", name="a")["uuid"] == str(uuid.uuid5(uuid.NAMESPACE_DNS, "a"))


@pytest.mark.parametrize(
    ("format", "pattern"),
    [
        ("standard", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("hyphenated", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("simple", r"[0-9a-f]{32}"),
        ("urn", r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("braced", r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}"),
    ],
)
def test_a_uuid_has_four_formats(format, pattern):
    made = result(format=format)

    assert re.fullmatch(pattern, made["uuid"])
    assert made["format"] == ("hyphenated" if format == "standard" else format)


def test_a_component_id_is_prefix_and_uuid():
    made = result("component_id", prefix="agent")

    prefix, _, rest = made["id"].partition("_")
    assert (made["prefix"], made["short"], prefix) == ("agent", False, "agent")
    assert uuid.UUID(rest).version == 4


def test_a_short_component_id_has_eight_characters():
    made = result("component_id", short=True)

    assert re.fullmatch("component_[0-9a-f]{8}", made["id"])
    assert made["short"] is True


@pytest.mark.parametrize("namespace", ["agent", "tool", "workflow", "dns"])
def test_a_deterministic_id_is_the_same_each_time(namespace):
    first, second = (result("deterministic", namespace=namespace, name="planner") for _ in range(2))

    assert first == second
    assert first == {
        "id": str(uuid.uuid5(NAMESPACES[namespace], "planner")),
        "namespace": namespace,
        "name": "planner",
    }


def test_a_deterministic_id_is_an_agents_by_default():
    assert result("deterministic", name="a")["id"] == str(uuid.uuid5(NAMESPACES["agent"], "a"))


def test_a_custom_id_has_the_parts_asked_for():
    before = int(time.time())
    made = result("custom", prefix="job", timestamp=True, short=True, suffix="end")

    found = re.fullmatch("job_([0-9]+)_[0-9a-f]{8}_end", made["id"])
    assert found
    assert before <= int(found[1]) <= before + 5
    assert (made["timestamp"], made["short"]) == (True, True)


def test_a_custom_id_without_parts_is_a_uuid():
    assert uuid.UUID(result("custom")["id"]).version == 4


@pytest.mark.parametrize(
    ("text", "version", "variant"),
    [
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "v1", "RFC4122"),
        ("6BA7B8109DAD41D180B400C04FD430C8", "v4", "RFC4122"),
        ("urn:uuid:6ba7b810-9dad-71d1-80b4-00c04fd430c8", "v7", "RFC4122"),
        ("{6ba7b810-9dad-51d1-80b4-00c04fd430c8}", "v5", "RFC4122"),
        ("6ba7b810-9dad-11d1-c0b4-00c04fd430c8", None, "Microsoft"),
        ("6ba7b810-9dad-11d1-e0b4-00c04fd430c8", None, "Future"),
        ("00000000-0000-0000-0000-000000000000", None, "NCS"),
    ],
)
def test_a_uuid_is_recognised_in_every_format(text, version, variant):
    """`validate` answers without an envelope (`surface.md` 4.3)."""
    assert check(text) == {
        "valid": True,
        "uuid": str(uuid.UUID(text)),
        "version": version,
        "variant": variant,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no uuid",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8x",
        "6ba7b8109-dad-11d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
        "{6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "{6ba7b8109dad11d180b400c04fd430c8}",
        "urn:uuid:6ba7b8109dad11d180b400c04fd430c8",
        "-" * 36,
        "0x6ba7b8109dad11d180b400c04fd430",
        "\u0660" * 32,
    ],
)
def test_anything_else_is_not_valid(text):
    assert check(text) == {"valid": False, "error": "Invalid UUID format"}


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"version": "v2"}, "version"),
        ({"version": 8}, "version"),
        ({"version": 4.5}, "version"),
        ({"version": "v5"}, "name"),
        ({"version": "v5", "name": "a", "namespace": "dnss"}, "namespace"),
        ({"version": "v5", "name": "\ud800"}, "name"),
        ({"format": "hex"}, "format"),
        ({"operation": "deterministic"}, "name"),
        ({"operation": "validate"}, "uuid"),
        ({"operation": "make"}, "operation"),
        ({"operation": "component_id", "short": "yes"}, "short"),
        ({"count": 3}, "count"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        REGISTRY.invoke("uuid-generator", parameters)

    assert caught.value.field == field


def test_an_unknown_namespace_is_told_the_nearest():
    with pytest.raises(InvalidParameters, match="did you mean 'workflow'"):
        result("deterministic", name="a", namespace="workflows")


@given(st.text(max_size=50))
def test_no_text_breaks_validate(text):
    valid = check(text)["valid"]
    try:
        uuid.UUID(text)
    except ValueError:
        assert not valid  # Python takes more spellings than the four formats, never fewer


@given(st.uuids(), st.sampled_from(["hyphenated", "simple", "urn", "braced"]))
def test_every_uuid_is_read_back(value, format):
    text = {"hyphenated": str(value), "simple": value.hex, "urn": value.urn, "braced": f"{{{value}}}"}[format]

    assert check(text)["uuid"] == str(value)


def test_the_examples_hold():
    for example in REGISTRY.get("uuid-generator").examples:
        output = REGISTRY.invoke("uuid-generator", example["params"]).output
        expected = example["result"].get("result", example["result"])
        assert expected.items() <= output.get("result", output).items(), example["description"]
