"""Parameters as JSON or YAML text, as `%%tool` cells and parameter files hold them."""

from __future__ import annotations

import pytest

from llmspell_tools.bodies import read
from llmspell_tools.errors import InvalidParameters


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("  \n# nothing\n", {}),
        ('{"a": [1, 2.5, null], "b": "\\u00e9"}', {"a": [1, 2.5, None], "b": "é"}),
        ("{a: 1}", {"a": 1}),
        ("operation: analyze\ninput: |\n  a,b\n  1,2\n", {"operation": "analyze", "input": "a,b\n1,2\n"}),
        ("rules:\n- type: number\n  min: -1\n", {"rules": [{"type": "number", "min": -1}]}),
        ("a: yes\nb: 12:30\nc: 2012-01-01\nd: on", {"a": "yes", "b": "12:30", "c": "2012-01-01", "d": "on"}),
        ("a: true\nb: 010\nc: 0x10\nd: 1e3\ne: ~\nf:\ng: 'true'",
         {"a": True, "b": 10, "c": 16, "d": 1000.0, "e": None, "f": None, "g": "true"}),
        ("1: one", {"1": "one"}),
    ],
)  # fmt: skip
def test_json_and_yaml_are_read(text, wanted):
    assert read(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["- 1", "word", "[1]", "a: [", '{"a": 1', "a: .inf", "a: .nan", "a: &x 1\nb: *x", "a: !!python/name:os.system x",
     "a: &x [*x]", "12", "a: 1\n b: 2", "a: \x01", "[" * 2_000, "a: " + "[" * 2_000],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidParameters):
        read(text)


def test_a_mistake_has_its_place():
    with pytest.raises(InvalidParameters, match="line 2") as caught:
        read("a: 1\nb: ]\n")

    assert caught.value.details == {"line": 2, "column": 4}
