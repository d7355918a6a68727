"""`llmspell_tools.jsontext`: JSON in and out, the same as the standard library's where both accept."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps, loads

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.sampled_from([None, 2]))
def test_what_is_written_is_read_back_by_the_standard_library(value, indent):
    text = dumps(value, indent)

    assert value == json.loads(text)
    assert value == loads(text)


@given(JSON_VALUES)
def test_indented_text_is_the_standard_librarys(value):
    assert json.dumps(value, indent=2, ensure_ascii=False) == dumps(value, 2)


@given(JSON_VALUES)
def test_sorted_compact_text_is_the_standard_librarys(value):
    assert json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) == dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ('{"a":}', 1, 6),
        ("[1,\n2", 2, 2),
        ("[1] x", 1, 5),
        ('{"a": 1,}', 1, 9),
        ('"\x01"', 1, 2),
        ('{"a"\n1}', 2, 1),
        ("nan", 1, 1),
    ],
)
def test_broken_json_names_line_and_column(text, line, column):
    with pytest.raises(InvalidParameters) as caught:
        loads(text)

    assert {"line": line, "column": column} == {key: caught.value.details[key] for key in ("line", "column")}


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_what_json_cannot_hold_is_refused(text):
    with pytest.raises(InvalidParameters):
        loads(text)


def test_bytes_that_are_not_utf8_are_refused_with_their_place():
    with pytest.raises(InvalidParameters) as caught:
        loads(b'"ab\xff"')

    assert caught.value.details["position"] == 3


def test_a_byte_order_mark_is_skipped():
    assert loads("\ufeff[1]") == [1]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {(1, 2): 3}, {1, 2}])
def test_values_without_json_form_are_refused(value, indent):
    with pytest.raises(InvalidParameters):
        dumps([value], indent)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_cycle_is_refused(indent):
    cycle = []
    cycle.append(cycle)

    with pytest.raises(InvalidParameters):
        dumps(cycle, indent)


@pytest.mark.subprocess
def test_the_module_imports_neither_json_nor_re():
    """The start of `tool invoke` has no room for them; broken input may import them."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import llmspell_tools.jsontext as j;"
        "j.loads('{\"a\": [1]}'); j.dumps({'a': 1}, 2); print({'json', 're', 'typing'} & (set(sys.modules) - before))"
    )
    import llmspell_tools

    root = llmspell_tools.__path__[0].rpartition("llmspell_tools")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
