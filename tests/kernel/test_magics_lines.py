"""Where magics stand in a cell, what Lua runs in their place, and how their words are read: text in, text out."""

from __future__ import annotations

import pytest

from llmspell_kernel.errors import MagicMisused, MagicNotFound
from llmspell_kernel.magics.durations import duration, elapsed, spread, wanted_loops
from llmspell_kernel.magics.headers import header_of
from llmspell_kernel.magics.lines import find_magics, may_have_magics
from llmspell_kernel.magics.rewriting import rewrite, split_options, without
from llmspell_kernel.magics.words import split
from llmspell_tools.errors import InvalidParameters


def found(code):
    return [(magic.name, magic.text, magic.line) for magic in find_magics(code)]


def rewritten(code, is_expression=lambda text: "=" not in text):
    return rewrite(code, find_magics(code), is_expression)


@pytest.mark.parametrize(
    ("code", "magics"),
    [
        ("%tool a x=1", [("tool", "a x=1", 1)]),
        ("  %who", [("who", "", 1)]),
        ("x = 1\n%who\ny = 2\n%who", [("who", "", 2), ("who", "", 4)]),
        ("f()\n%who", [("who", "", 2)]),
        ("x = %tool a", [("tool", "a", 1)]),
        ("local x <const> =\n  %tool a", [("tool", "a", 2)]),
        ("return %tool a", [("tool", "a", 1)]),
        ("if a then\n  %who\nend", [("who", "", 2)]),
        ("f(function()\n%who\nend)", [("who", "", 2)]),
        ("%tool a it's\n%who", [("tool", "a it's", 1), ("who", "", 2)]),
        ("%tool a [[\nx = ']]'\n%who", [("tool", "a [[", 1), ("who", "", 3)]),
        ("%tool a \\\n b=1\n%who", [("tool", "a   b=1", 1), ("who", "", 3)]),
        ("-- c\n%who -- not a comment", [("who", "-- not a comment", 2)]),
    ],
)
def test_a_percent_sign_with_a_letter_at_the_beginning_of_a_statement_is_a_magic(code, magics):
    assert found(code) == magics
    assert may_have_magics(code)


@pytest.mark.parametrize(
    "code",
    [
        "x = 7 % y",
        "x = 7\n  % y",
        "x = 7 %y",
        "x = 7 +\n%y",
        "print(a\n%b)",
        "t = {\n%b}",
        "s = [[\n%who\n]]",
        "--[[\n%who\n]]",
        "s = 'a\\\n%who'",
        "-- %who",
        "('%d'):format(1)",
        "x == %y",
    ],
)
def test_an_operator_a_string_and_a_comment_are_none(code):
    assert found(code) == []


def test_line_numbers_and_everything_else_stay_where_they_were():
    code = "local x = 1\n%tool a \\\n  b=1\nprint(x)"

    assert rewritten(code) == 'local x = 1\n_ENV["%"].shown("tool", "a    b=1");\n\nprint(x)'
    assert len(without(code, find_magics(code))) == len(code)


def test_the_last_magic_gives_the_cells_value_and_others_are_shown():
    assert rewritten("%who\n%who -- end").split("\n") == [
        '_ENV["%"].shown("who", "");',
        'local __llmspell <close> = nil return _ENV["%"].value("who", "-- end");',
    ]
    assert "return" not in rewritten("if a then\n%who\nend")
    assert rewritten('x = %tool a "b\\"').startswith('x = _ENV["%"].value("tool", "a \\"b\\\\\\"");')


def test_code_is_timed_in_its_place():
    assert rewritten("%time f() -- slow\nx()") == '_ENV["%"].time(function() return f() end);\nx()'
    assert rewritten("%time local y = 1") == '_ENV["%"].clock() local y = 1 _ENV["%"].clocked();'
    assert rewritten("%timeit -n 5 -r2 x = 1") == (
        '_ENV["%"].timeit("-n 5 -r2", function(__loops) for _ = 1, __loops do x = 1 end end);'
    )


@pytest.mark.parametrize(
    ("code", "error", "part"),
    [
        ("x = 1\n%tol a", MagicNotFound, "did you mean %tool?"),
        ("%zzzz", MagicNotFound, "'% zzzz'"),
        ("x()\n%%time", MagicMisused, "must be the cell's first line"),
        ("%python 1", MagicMisused, "%%python is one"),
        ("%time", MagicMisused, "needs code"),
        ("%timeit -n 3", MagicMisused, "needs code"),
        ("x = %time y = 1", MagicMisused, "only where an expression follows"),
    ],
)
def test_what_is_no_magic_or_misused_is_said_with_its_line(code, error, part):
    with pytest.raises(error) as raised:
        rewritten(code)

    assert part in raised.value.message
    assert raised.value.details["line"] == code.count("\n") + 1


def test_a_header_is_the_first_line_that_is_not_empty():
    header = header_of("\n %%tool x a=1\nb: 2\n")

    assert (header.name, header.text, header.line, header.body) == ("tool", "x a=1", 2, "b: 2\n")
    assert header.blank("\n %%tool x a=1\nb: 2\n").lstrip() == "b: 2\n"
    assert header_of("x\n%%tool") is None
    assert header_of("%%").name == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("a  b=1 ", ["a", "b=1"]),
        ("a b='x y' c=\"it's\"", ["a", "b=x y", "c=it's"]),
        ('a b="q \\" \\n" c=\\ d', ["a", 'b=q " \\n', "c= d"]),
        ('a t:=["x y", 1] n:=-1', ["a", 't:=["x y", 1]', "n:=-1"]),
        ('a t:={"k": {"l": []}} u:="s p"', ["a", 't:={"k": {"l": []}}', 'u:="s p"']),
    ],
)
def test_words_are_split_as_in_a_shell_and_json_stays_whole(text, words):
    assert split(text) == words


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a t:=[1,", 'a t:=["x"]y', "a \\"])
def test_an_open_quote_and_broken_json_are_refused(text):
    with pytest.raises(InvalidParameters):
        split(text)


def test_options_are_what_stands_before_the_code():
    assert split_options("-n 10 -r3 f(-n)") == ("-n 10 -r3", "f(-n)")
    assert split_options("-1 + 2") == ("", "-1 + 2")
    assert split_options("") == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ns"), (1.234e-9, "1.23 ns"), (9.9996e-7, "1 μs"), (0.0125, "12.5 ms"), (1, "1 s"), (75, "1min 15s"),
     (4000, "1h 6min 40s")],
)  # fmt: skip
def test_a_time_has_three_digits(seconds, text):
    assert duration(seconds) == text


def test_times_in_words():
    assert elapsed(1.2, 0.3) == "CPU time: 300 ms, wall time: 1.2 s\n"
    assert spread(1000, [1.0, 1.0]) == "1 ms ± 0 ns per loop (mean ± std. dev. of 2 runs, 1,000 loops each)\n"
    assert wanted_loops("-n10 -r 3") == (10, 3)
    assert wanted_loops("") == (0, 7)


@pytest.mark.parametrize("options", ["-n 0", "-n", "-r x", "-q 1", "-n 1.5"])
def test_options_that_are_none_are_refused(options):
    with pytest.raises(InvalidParameters):
        wanted_loops(options)
