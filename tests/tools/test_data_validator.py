"""data-validator: every rule, every place and its bad input (`surface.md` 4.3, "data-validator")."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.errors import InvalidParameters, LimitExceeded, PermissionDenied, ToolTimeout
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())


def answer(registry=REGISTRY, **parameters):
    return registry.invoke("data-validator", parameters).output


def errors(value, *rules):
    return [
        (error["field"], error["rule"]) for error in answer(input=value, rules={"rules": [*rules]})["result"]["errors"]
    ]


def is_valid(value, *rules):
    return not errors(value, *rules)


def test_valid_data_has_the_documented_shape():
    assert answer(input="a", rules={"rules": [{"type": "required"}]}) == {
        "operation": "validate_data",
        "success": True,
        "message": "Validation passed",
        "result": {"valid": True, "errors": []},
        "metadata": {"rule_count": 1, "error_count": 0},
    }


def test_invalid_data_is_a_success_that_says_what_is_wrong():
    output = answer(input=5, rules={"rules": [{"type": "type", "expected": "string"}]})

    assert output["success"] is True
    assert output["result"] == {
        "valid": False,
        "errors": [{"field": "input", "value": 5, "rule": "type", "message": "Expected type string, got number"}],
    }
    assert output["metadata"] == {"rule_count": 1, "error_count": 1}


def test_the_old_name_finds_it():
    assert REGISTRY.get("data_validation").name == "data-validator"
    assert REGISTRY.get("data-validation").name == "data-validator"


@pytest.mark.parametrize(
    ("expected", "value"),
    [("boolean", True), ("number", 1), ("number", 1.5), ("string", ""), ("array", []), ("object", {})],
)
def test_every_type_is_known(expected, value):
    assert is_valid(value, {"type": "type", "expected": expected})
    other = "array" if expected != "array" else "object"

    assert errors(value, {"type": "type", "expected": other}) == [("input", "type")]


def test_a_whole_number_is_an_integer_and_true_is_no_number():
    assert is_valid([1, 2.0], {"type": "array", "item_rules": [{"type": "type", "expected": "integer"}]})
    assert errors(1.5, {"type": "type", "expected": "integer"}) == [("input", "type")]
    assert errors(True, {"type": "type", "expected": "number"}) == [("input", "type")]


@pytest.mark.parametrize(
    ("value", "rule", "valid"),
    [
        ("abc", {"type": "length", "min": 3, "max": 3}, True),
        ("ab", {"type": "length", "min": 3}, False),
        ("äöüß", {"type": "length", "max": 4}, True),
        ([1, 2], {"type": "length", "max": 1}, False),
        ({"a": 1}, {"type": "length", "min": 1}, True),
        (5, {"type": "length", "min": 1}, False),
        (5, {"type": "range", "min": 5, "max": 5}, True),
        (5.1, {"type": "range", "max": 5}, False),
        (-1, {"type": "range", "min": 0}, False),
        ("5", {"type": "range", "min": 0}, False),
        (True, {"type": "range", "min": 0}, False),
        ("red", {"type": "enum", "values": ["red", 1, None, [1], {"a": 1}]}, True),
        (1.0, {"type": "enum", "values": [1]}, True),
        (True, {"type": "enum", "values": [1]}, False),
        ({"a": 1}, {"type": "enum", "values": [{"a": 1}]}, True),
        ("a", {"type": "enum", "values": {}}, False),
        ("abc123", {"type": "pattern", "regex": "^[a-z]+[0-9]+$"}, True),
        ("xx12xx", {"type": "pattern", "regex": "[0-9]{2}"}, True),
        ("abc", {"type": "pattern", "regex": "[0-9]"}, False),
        (5, {"type": "pattern", "regex": "5"}, False),
    ],
)
def test_a_rule_decides(value, rule, valid):
    assert is_valid(value, rule) is valid


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            {"type": "email"},
            ["a@b.co", "first.last+tag@sub.example.org", "o'neil@example.com", "ü@bücher.example"],
            [
                "",
                "a",
                "@b.co",
                "a@",
                "a@b",
                "a b@c.de",
                "a@b..co",
                "a..b@c.de",
                ".a@c.de",
                "a@-b.de",
                "a@b.c\r\nBcc: x@y.z",
                "a" * 65 + "@b.co",
                5,
                ["a@b.co"],
            ],
        ),
        (
            {"type": "url"},
            [
                "http://example.org",
                "https://u:p@example.org:8080/a?b=c#d",
                "http://[::1]:80/",
                "http://127.0.0.1",
                "ftp://files.example.org/x",
                "mailto:a@b.co",
                "https://bücher.example/",
            ],
            [
                "",
                "example.org",
                "http://",
                "http:/x",
                "http://a b",
                "http://a\nb",
                "http://a:99999",
                "://x",
                "1a:b",
                "http://a_b.de",
                "http://[::1",
                "http://a\\@b",
                5,
            ],
        ),
        (
            {"type": "custom", "name": "phone"},
            ["+49 (30) 123-4567", "5551234567", "030/1234567"],
            ["", "12345", "++15551234567", "555-CALL-NOW", "1" * 16, "٠١٢٣٤٥٦٧٨"],
        ),
        (
            {"type": "custom", "name": "uuid"},
            ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8"],
            ["", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "x" * 32],
        ),
        (
            {"type": "custom", "name": "credit_card"},
            ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"],
            ["", "4111111111111112", "4111", "abcd1111111111111", "1" * 20],
        ),
        ({"type": "date"}, ["2024-02-29", "2024-02-29T10:00:00Z"], ["2023-02-29", "yesterday", "", 5]),
        ({"type": "date", "format": "%Y-%m-%d"}, ["2024-02-29"], ["2024-02-30", "2024-02-29 10:00:00"]),
        (
            {"type": "date", "format": "%Y-%m-%d %H:%M:%S"},
            ["2024-02-29 10:00:00"],
            ["2024-02-29", "2024-02-29 25:00:00"],
        ),
        ({"type": "date", "format": "%FT%T%.f"}, ["2024-02-29T10:00:00.25"], ["2024-02-29T10:00:00"]),
    ],
)
def test_formats_are_told_apart(rule, good, bad):
    assert [] == [value for value in good if not is_valid(value, rule)]
    assert [] == [value for value in bad if is_valid(value, rule)]


def test_a_null_concerns_required_type_and_enum_alone():
    items = [
        {"type": "length", "min": 1},
        {"type": "range", "min": 1},
        {"type": "email"},
        {"type": "array"},
        {"type": "object"},
    ]

    assert is_valid([None], {"type": "array", "item_rules": {"rules": items}})
    for rule in ({"type": "required"}, {"type": "type", "expected": "string"}, {"type": "enum", "values": ["a"]}):
        assert errors([None], {"type": "array", "item_rules": {"rules": [rule]}}) == [("input[0]", rule["type"])]


@pytest.mark.parametrize(
    ("rule", "valid"),
    [
        ({"type": "required"}, False),
        ({"type": "type", "expected": "null"}, True),
        ({"type": "pattern", "regex": "a"}, True),
    ],
)
def test_null_itself_can_be_checked(rule, valid):
    found = REGISTRY.invoke("data-validator", {"input": None, "rules": {"rules": [rule]}}).output["result"]

    assert found["valid"] is valid


def test_null_beside_a_file_is_nothing(tmp_path):
    (tmp_path / "a.json").write_text("5")
    params = {"input": None, "input_file": str(tmp_path / "a.json"), "rules": [{"type": "range", "min": 6}]}

    assert REGISTRY.invoke("data-validator", params).output["result"]["errors"][0]["value"] == 5


def test_arrays_are_counted_compared_and_looked_into():
    rule = {
        "type": "array",
        "min_items": 2,
        "max_items": 3,
        "unique": True,
        "item_rules": {"rules": [{"type": "type", "expected": "number"}]},
    }

    assert is_valid([1, 2, 3], rule)
    assert errors([1], rule) == [("input", "array")]
    assert errors([1, 2, 3, 4], rule) == [("input", "array")]
    assert errors([1, 1.0, "a"], rule) == [("input[1]", "array"), ("input[2]", "type")]
    assert errors({}, rule) == [("input", "array")]
    assert is_valid([True, 1, [1], [True], {"a": 1}, {"a": True}], {"type": "array", "unique": True})


def test_objects_are_looked_into():
    rule = {
        "type": "object",
        "required": ["name"],
        "additional_properties": False,
        "properties": {
            "name": {"rules": [{"type": "length", "min": 1}]},
            "address": {"rules": [{"type": "object", "properties": {"zip": {"rules": [{"type": "required"}]}}}]},
            "mail": {"rules": [{"type": "email"}]},
        },
    }

    assert is_valid({"name": "a", "address": {"zip": "1"}}, rule)
    assert errors({}, rule) == [("input.name", "required")]
    assert errors({"name": "", "x": 1, "mail": "a"}, rule) == [
        ("input.name", "length"),
        ("input.mail", "email"),
        ("input.x", "object"),
    ]
    assert errors({"name": "a", "address": {}}, rule) == [("input.address.zip", "required")]
    assert errors([], rule) == [("input", "object")]


def test_options_that_the_original_demands_have_defaults():
    assert is_valid({"a": 1}, {"type": "object"})
    assert is_valid([1, 1], {"type": "array"})


def test_at_most_a_hundred_errors_are_reported():
    output = answer(
        input=list(range(500)), rules=[{"type": "array", "item_rules": [{"type": "type", "expected": "string"}]}]
    )

    assert len(output["result"]["errors"]) == 100
    assert output["result"]["errors_truncated"] is True
    assert output["metadata"]["error_count"] == 100


def test_a_large_value_is_not_repeated_in_the_report():
    output = answer(
        input=["x" * 5000, list(range(5000))],
        rules=[{"type": "array", "max_items": 1}, {"type": "array", "item_rules": [{"type": "email"}]}],
    )

    assert len(str(output)) < 3000


def test_the_bare_list_and_an_empty_lua_table_are_rules():
    assert answer(input="a", rules=[])["result"]["valid"]
    assert answer(input="a", rules={"rules": {}})["result"]["valid"]


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({}, "rules"),
        ({"rule": []}, "rules"),
        ({"rules": "required"}, "rules.rules"),
        ({"rules": ["required"]}, "rules.rules[0]"),
        ({"rules": [{}]}, "rules.rules[0]"),
        ({"rules": [{"type": "requird"}]}, "rules.rules[0].type"),
        ({"rules": [{"type": "type"}]}, "rules.rules[0].expected"),
        ({"rules": [{"type": "type", "expected": "str"}]}, "rules.rules[0].expected"),
        ({"rules": [{"type": "length", "minimum": 1}]}, "rules.rules[0].minimum"),
        ({"rules": [{"type": "length", "min": "1"}]}, "rules.rules[0].min"),
        ({"rules": [{"type": "length", "min": 2, "max": 1}]}, "rules.rules[0]"),
        ({"rules": [{"type": "range", "min": True}]}, "rules.rules[0].min"),
        ({"rules": [{"type": "pattern"}]}, "rules.rules[0].regex"),
        ({"rules": [{"type": "pattern", "regex": "("}]}, "rules.rules[0].regex"),
        ({"rules": [{"type": "pattern", "regex": "a{99999999999}"}]}, "rules.rules[0].regex"),
        ({"rules": [{"type": "enum"}]}, "rules.rules[0].values"),
        ({"rules": [{"type": "date", "format": "%Q"}]}, "rules.rules[0].format"),
        ({"rules": [{"type": "date", "format": "%d%d"}]}, "rules.rules[0].format"),
        ({"rules": [{"type": "custom", "name": "telephone"}]}, "rules.rules[0].name"),
        (
            {"rules": [{"type": "array", "item_rules": {"rules": [{"type": "x"}]}}]},
            "rules.rules[0].item_rules.rules[0].type",
        ),
        ({"rules": [{"type": "object", "required": [1]}]}, "rules.rules[0].required"),
        (
            {"rules": [{"type": "object", "properties": {"a": {"rules": [{"type": "email", "x": 1}]}}}]},
            "rules.rules[0].properties.a.rules[0].x",
        ),
    ],
)
def test_a_wrong_rule_is_refused_by_its_path(rules, field):
    with pytest.raises(InvalidParameters) as caught:
        answer(input="a", rules=rules)

    assert caught.value.field == field


def test_a_misspelt_rule_is_told_the_right_name():
    with pytest.raises(InvalidParameters, match="did you mean 'required'"):
        answer(input="a", rules=[{"type": "requird"}])


@pytest.mark.parametrize(
    "parameters",
    [{"rules": []}, {"input": "a"}, {"input": "a", "input_file": "b", "rules": []}, {"input": "a", "rules": 3}],
)
def test_wrong_parameters_are_refused(parameters):
    with pytest.raises(InvalidParameters):
        answer(**parameters)


@pytest.mark.parametrize("regex", ["(a+)+$", "(a|a)*b", "^(a?){40}a{40}$"])
def test_an_expression_that_backtracks_for_ever_ends_at_its_time(regex):
    registry = ToolRegistry(policy=Policy.default(), settings={"data-validator": {"timeout_s": 0.5}})
    with pytest.raises(ToolTimeout, match=r"\[tools.data_validator\] timeout_s"):
        answer(registry, input="a" * 39 + "!", rules=[{"type": "pattern", "regex": regex}])

    assert answer(registry, input="a", rules=[{"type": "pattern", "regex": "a"}])["result"]["valid"]


def test_an_endless_expression_is_refused_by_its_length():
    with pytest.raises(LimitExceeded, match="max_pattern_chars"):
        answer(input="a", rules=[{"type": "pattern", "regex": "a" * 1_000_000}])


def test_rules_nested_too_deeply_are_refused():
    rules = [{"type": "required"}]
    for _ in range(60):
        rules = [{"type": "array", "item_rules": rules}]
    with pytest.raises(InvalidParameters, match="nested"):
        answer(input=[], rules=rules)


RULES = [{"type": "object", "required": ["name", "when"], "properties": {"n": [{"type": "range", "max": 2}]}}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '\ufeff{"name": "x", "when": "2024-01-01", "n": 3}'),
        ("a.yaml", "name: x\nwhen: 2024-01-01\nn: 3\n"),
        ("a.yml", "{name: x, when: now, n: 3}"),
        ("a.toml", 'name = "x"\nwhen = 2024-01-01\nn = 3\n'),
    ],
)
def test_files_are_read_by_their_ending(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = answer(input_file=str(tmp_path / name), rules=RULES)["result"]["errors"]

    assert [("input.n", 3, "range")] == [(error["field"], error["value"], error["rule"]) for error in found]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"),
        ("a.json", b'{"a": NaN}'),
        ("a.json", b"[" * 100_000),
        ("a.json", b'"\xff"'),
        ("a.json", b"1" * 5000),
        ("a.yaml", b"a: [1, 2"),
        ("a.yaml", b"a: .nan"),
        ("a.yaml", b"!!python/object/apply:os.system ['touch /tmp/x']"),
        ("a.yaml", b"!!python/name:os.system"),
        ("a.yaml", b"a: \0"),
        ("a.yaml", b"2024-13-45: 2024-13-45"),
        ("a.toml", b"a = "),
        ("a.toml", b"a = inf"),
        ("a.toml", b"a = 1\na = 2"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((InvalidParameters, LimitExceeded)) as caught:
        answer(input_file=str(tmp_path / name), rules=[])

    assert "input_file" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a, *a]",
        "\n".join(
            ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        ),
        "[" * 5000,
    ],
    ids=["self", "laughs", "deep"],
)
def test_a_yaml_bomb_is_refused(tmp_path, text):
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    with pytest.raises((LimitExceeded, InvalidParameters)):
        answer(input_file=str(path), rules=[])


def test_a_file_outside_the_policy_is_refused():
    with pytest.raises(PermissionDenied):
        answer(input_file="/etc/passwd", rules=[])


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    registry = ToolRegistry(policy=Policy.default(), settings={"data-validator": {"max_input_bytes": 5}})
    (tmp_path / "a.json").write_text('"123456"')

    with pytest.raises(LimitExceeded, match=r"\[tools.data_validator\] max_input_bytes"):
        answer(registry, input_file=str(tmp_path / "a.json"), rules=[])
    with pytest.raises(LimitExceeded, match="max_input_bytes"):
        answer(registry, input="123456", rules=[{"type": "pattern", "regex": "1"}])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(JSON.filter(lambda value: value is not None))
def test_a_value_is_always_in_the_enumeration_of_itself(value):
    assert is_valid(value, {"type": "enum", "values": [value]})


def test_the_verdict_goes_into_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    got = answer(input=5, rules=[{"type": "range", "max": 3}], output_file="verdict.json")

    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["valid"], len(verdict["errors"])) == (False, 1)
    assert "result" not in got
    assert got["metadata"] == {
        "rule_count": 1, "error_count": 1, "file_path": "verdict.json",
        "file_size": (tmp_path / "verdict.json").stat().st_size,
    }  # fmt: skip
