"""Completion, inspection and completeness of cells with magics."""

from __future__ import annotations

import pytest
from magic_bench import Bench

from llmspell_kernel.handlers.is_complete import is_complete_request


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("magics"))
    yield made
    made.close()


def texts(bench, code):
    """Return what may stand at the end of a text, and the text with the first of it in its place."""
    completion = bench.language.complete(code, len(code))
    found = [match.text for match in completion.matches]
    return found, code[: completion.start] + found[0] + code[completion.end :] if found else code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%", "%load"),
        ("%ti", "%time"),
        ("  %wh", "  %who"),
        ("x = %to", "x = %tool"),
        ("x = 1\n%lsm", "x = 1\n%lsmagic"),
        ("%%", "%%python"),
        ("%%p", "%%python"),
        ("%tool calc", "%tool calculator"),
        ("%%tool calc", "%%tool calculator"),
        ("x = %tool calc", "x = %tool calculator"),
        ("%tool calculator inp", "%tool calculator input="),
        ("%tool calculator vari", "%tool calculator variables:="),
        ("%tool calculator operation=val", "%tool calculator operation=validate"),
        ("%tool hash-calculator algorithm=sh", "%tool hash-calculator algorithm=sha256"),
        ("%%tool calculator\ninp", "%%tool calculator\ninput: "),
        ('%%tool calculator\n{"inp', '%%tool calculator\n{"input": '),
        ("%%tool calculator\noperation: val", "%%tool calculator\noperation: validate"),
        ("%time Tool.calcu", "%time Tool.calculator"),
        ("%timeit -n 5 Tool.calcu", "%timeit -n 5 Tool.calculator"),
        ("%%time\nTool.calcu", "%%time\nTool.calculator"),
        ("%who\nTool.calcu", "%who\nTool.calculator"),
        ("%who str", "%who string"),
        ("%reset ", "%reset -f"),
    ],
)
def test_what_follows_a_magic_is_completed(bench, code, expected):
    assert texts(bench, code)[1] == expected


def test_parameters_that_are_given_are_not_offered_again(bench):
    found, _ = texts(bench, "%tool calculator input=1 ")

    assert found == ["operation=", "variables:="]


def test_files_are_completed_by_the_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.lua").write_text("")
    bench = Bench(tmp_path)

    assert texts(bench, "%run scr")[1] == "%run script.lua"
    assert texts(bench, "%tool calculator input=@scr")[1] == "%tool calculator input=@script.lua"
    assert texts(bench, "%load /etc/pass")[0] == []
    bench.close()


@pytest.mark.parametrize("code", ["x = 7 %", "x = 7 % y", "s = 'a%", "%tool nothing x", "%%nothing x"])
def test_where_no_magic_can_stand_none_is_offered(bench, code):
    found, _ = texts(bench, code)

    assert not {"tool", "time", "python", "input="} & {*found}


@pytest.mark.parametrize(
    ("code", "place", "part"),
    [
        ("%tool calculator input=1", 2, "%tool NAME"),
        ("%tool calculator input=1", 9, "Evaluate a mathematical expression"),
        ("%tool calculator input=1", 20, "input: string"),
        ("%%tool calculator\ninput: 1", 20, "input: string"),
        ("%%tool calculator\n", 18, "Evaluate"),
        ("%%time\nprint(1)", 2, "%%time"),
        ("%%time\nprint(1)", 9, "print(...)"),
        ("%time print(1)", 8, "print(...)"),
        ("%who\nprint(1)", 7, "print(...)"),
    ],
)
def test_what_stands_at_a_place_is_told(bench, code, place, part):
    assert part in bench.language.inspect(code, place, 0)["text/plain"]


def test_nothing_is_known_of_what_is_none(bench):
    assert bench.language.inspect("%nothing", 3, 0) == {}
    assert bench.language.inspect("%%nothing", 3, 0) == {}
    assert bench.language.inspect("%tool nothing", 8, 0) == {}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("%time x = 1", "complete"),
        ("%time x = 1\nfor i = 1, 2 do", "incomplete"),
        ("%time x = 1\nx = = 1", "invalid"),
        ("x = %tool calculator input=1", "complete"),
        ("%tool calculator \\", "incomplete"),
        ("%%python", "incomplete"),
        ("%%python\nprint(1)\n", "incomplete"),
        ("%%python\nprint(1)\n\n", "complete"),
        ("%%time\nfor i = 1, 2 do\n\n", "incomplete"),
        ("%%time\nfor i = 1, 2 do\n\n\n", "complete"),
        ("%%tool x\na: 1\n\n", "complete"),
    ],
)
def test_a_console_knows_when_a_cell_is_complete(bench, code, status):
    assert is_complete_request(bench.language, bench.request(code=code))["status"] == status
