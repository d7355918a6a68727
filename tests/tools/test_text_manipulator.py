"""text-manipulator: every operation, its options and its bad input."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.errors import Cancelled, InvalidParameters, LimitExceeded
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.strict())


def answer(operation, text, **options):
    parameters = {"operation": operation, "input": text}
    if options:
        parameters["options"] = options
    return REGISTRY.invoke("text-manipulator", parameters).output


def change(operation, text, **options):
    return answer(operation, text, **options)["result"]["result"]


@pytest.mark.parametrize(
    ("operation", "text", "options", "expected"),
    [
        ("uppercase", "straße", {}, "STRASSE"),
        ("lowercase", "ÀB c", {}, "àb c"),
        ("reverse", "aé€", {}, "€éa"),
        ("trim", " \t a b \n", {}, "a b"),
        ("replace", "a-b-c", {"from": "-", "to": "+"}, "a+b+c"),
        ("replace", "abc", {"from": "b", "to": ""}, "ac"),
        ("substring", "hello", {"start": 1, "end": 3}, "el"),
        ("substring", "hello", {"start": 1, "end": 5}, "ello"),
        ("substring", "hello", {"start": 1, "end": 6}, ""),
        ("substring", "hello", {"start": 3, "end": 2}, ""),
        ("substring", "aé€b", {"start": 1, "end": 6}, "é€"),
        ("substring", "aé€b", {"start": 1, "end": 7}, "é€b"),
        ("substring", "aé€b", {"start": 1, "end": 8}, ""),
        ("substring", "é", {"start": 1, "end": 1}, ""),
        ("split", "a b c", {}, '["a","b","c"]'),
        ("split", "a,b,,c", {"delimiter": ","}, '["a","b","","c"]'),
        ("split", "añ", {"delimiter": ""}, '["a","ñ"]'),
        ("join", '["a","b"]', {}, "a b"),
        ("join", ["a", "b"], {"delimiter": "-"}, "a-b"),
        ("join", "[]", {}, ""),
        ("snake_case", "HelloWorld", {}, "hello_world"),
        ("snake_case", "HTTPResponse", {}, "http_response"),
        ("snake_case", "already_snake_case", {}, "already_snake_case"),
        ("snake_case", "two words-and more", {}, "two_words_and_more"),
        ("snake_case", "__private__", {}, "__private__"),
        ("camel_case", "hello_world", {}, "helloWorld"),
        ("camel_case", "already_camelCase", {}, "alreadyCamelCase"),
        ("camel_case", "", {}, ""),
        ("pascal_case", "http_response", {}, "HttpResponse"),
        ("pascal_case", "seattle weather by month", {}, "SeattleWeatherByMonth"),
        ("sanitize", "  Hello\x00Wörld\x1b[0m\n\t  ", {}, "HelloWrld[0m\n\t"),
        ("truncate", "Hello, world!", {"max_length": 5}, "He..."),
        ("truncate", "Hello", {"max_length": 5}, "Hello"),
        ("truncate", "Hello", {"max_length": 2}, ".."),
        ("truncate", "x" * 101, {}, "x" * 97 + "..."),
        ("indent", "a\nb", {"spaces": 2}, "  a\n  b"),
        ("indent", "a\r\nb\n", {}, "    a\r\n    b\n"),
        ("indent", "", {"spaces": 3}, ""),
        ("dedent", "    a\n\n      b\n    c", {}, "a\n\n  b\nc"),
        ("dedent", "a\n  b", {}, "a\n  b"),
        ("normalize_whitespace", "  a \n\n b\tc ", {}, "a b c"),
        ("word_wrap", "This is a long line that needs to be wrapped", {"width": 20},
         "This is a long line\nthat needs to be\nwrapped"),
        ("word_wrap", "abcdefgh xy", {"width": 3}, "abc\ndef\ngh\nxy"),
        ("word_wrap", "a b\nc", {}, "a b\nc"),
    ],
)  # fmt: skip
def test_operation_gives(operation, text, options, expected):
    assert expected == change(operation, text, **options)


def test_the_envelope_has_the_lengths_in_characters():
    """`{operation, success, message, result{result, operation, original_length, result_length}}`."""
    got = answer("uppercase", "äß")

    assert got == {
        "operation": "uppercase",
        "success": True,
        "message": "Text uppercase operation completed",
        "result": {"result": "ÄSS", "operation": "uppercase", "original_length": 2, "result_length": 3},
    }


@pytest.mark.parametrize("alias", ["text", "content"])
def test_the_input_has_other_names(alias):
    got = REGISTRY.invoke("text_manipulator", {"action": "trim", alias: " a "})

    assert got.output["result"]["result"] == "a"


@pytest.mark.parametrize(
    ("operation", "options", "field", "said"),
    [
        ("replace", {"from": "a"}, "options.to", "needs it"),
        ("substring", {"start": 1}, "options.end", "needs it"),
        ("substring", {"start": -1, "end": 2}, "options.start", "at least 0"),
        ("substring", {"start": 2, "end": 3}, "options.start", "inside a character"),
        ("substring", {"start": 0, "end": 2}, "options.end", "inside a character"),
        ("word_wrap", {"width": 0}, "options.width", "at least 1"),
        ("truncate", {"max_length": "5"}, "options.max_length", "expected integer"),
        ("truncate", {"max_lenght": 5}, "options", "did you mean 'max_length'"),
        ("uppercase", {"width": 5}, "options.width", "takes no option"),
        ("indent", {"width": 5}, "options.width", "it takes: spaces"),
    ],
)
def test_a_wrong_option_is_refused(operation, options, field, said):
    with pytest.raises(InvalidParameters, match=said) as caught:
        answer(operation, "tést", **options)

    assert caught.value.details["field"] == field


@pytest.mark.parametrize("text", ["not json", '{"a": 1}', '["a", 1]', '["a"', "[" * 100_000])
def test_join_refuses_what_is_no_array_of_strings(text):
    with pytest.raises(InvalidParameters, match="input"):
        answer("join", text)


def test_an_array_is_only_for_join():
    with pytest.raises(InvalidParameters, match="only join"):
        answer("trim", ["a"])


def test_text_and_result_may_be_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = ToolRegistry()
    (tmp_path / "in.txt").write_text("\ufeffé b\n", encoding="utf-8")
    call = {"operation": "uppercase", "input_file": "in.txt"}

    shown = registry.invoke("text-manipulator", call).output
    written = registry.invoke("text-manipulator", {**call, "output_file": "out.txt"}).output

    assert shown["result"] == {
        "result": "É B\n", "operation": "uppercase", "original_length": 4, "result_length": 4,
    }  # fmt: skip
    assert written == {
        "operation": "uppercase", "success": True, "message": "Wrote 5 bytes to out.txt",
        "metadata": {"file_path": "out.txt", "file_size": 5, "original_length": 4},
    }  # fmt: skip
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "É B\n"


@pytest.mark.parametrize(
    "given", [{}, {"input": "a", "input_file": "a.txt"}, {"input": "a", "output_file": "out.txt", "options": {"x": 1}}]
)
def test_a_wrong_source_writes_nothing(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InvalidParameters):
        ToolRegistry().invoke("text-manipulator", {"operation": "trim", "output_file": "out.txt", **given})

    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("operation", "text", "options"),
    [
        ("indent", "a\nb", {"spaces": 10**9}),
        ("replace", "a" * 1000, {"from": "a", "to": "b" * 10**6}),
        ("join", json.dumps(["a"] * 1000), {"delimiter": "x" * 10**6}),
    ],
)
def test_a_result_that_would_be_huge_is_refused_before_it_is_made(operation, text, options):
    with pytest.raises(LimitExceeded, match=r"\[tools.text_manipulator\] max_text_chars"):
        answer(operation, text, **options)


def test_the_limit_is_a_setting():
    small = ToolRegistry(policy=Policy.strict(), settings={"text-manipulator": {"max_text_chars": 3}})

    with pytest.raises(LimitExceeded):
        small.invoke("text-manipulator", {"operation": "trim", "input": "abcd"})


def test_a_cancelled_run_wraps_nothing():
    run = REGISTRY.context()
    run.signal.set()

    with pytest.raises(Cancelled):
        REGISTRY.invoke("text-manipulator", {"operation": "word_wrap", "input": "a b " * 1000}, context=run)


def test_a_word_of_a_million_characters_is_wrapped_in_linear_time():
    lines = change("word_wrap", "x" * 1_000_000 + " y z", width=1).split("\n")

    assert len(lines) == 1_000_002


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(min_size=1, max_size=3))
def test_join_undoes_split(text, delimiter):
    parts = change("split", text, delimiter=delimiter)

    assert text == change("join", parts, delimiter=delimiter)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.integers(0, 30))
def test_truncate_never_exceeds_its_length(text, length):
    got = change("truncate", text, max_length=length)

    assert len(got) <= max(length, 0) or got == text
    assert len(got) == min(len(text), length)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r")), st.integers(1, 12))
def test_wrapped_lines_fit_and_lose_nothing_but_space(text, width):
    got = change("word_wrap", text, width=width)

    assert all(len(line) <= width for line in got.split("\n"))
    assert "".join(text.split()) == "".join(got.split())


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab \n\t", max_size=40), st.integers(0, 6))
def test_dedent_undoes_indent(text, spaces):
    flat = change("dedent", text)

    if any(line.strip() for line in flat.split("\n")):
        assert flat.strip("\n ") == change("dedent", change("indent", flat, spaces=spaces)).strip("\n ")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abcXYZ_- 1", max_size=20))
def test_naming_styles_are_stable(text):
    snake = change("snake_case", text)

    assert snake == change("snake_case", snake)
    assert change("pascal_case", text)[:1].lower() == change("camel_case", text)[:1]


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_reverse_twice_is_the_text(text):
    assert text == change("reverse", change("reverse", text))
