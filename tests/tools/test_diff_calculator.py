"""diff-calculator: both types, every format and bad input (`surface.md` 4.3); `diff` and `patch` themselves agree."""

from __future__ import annotations

import copy
import random
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell_tools.builtin.utility import line_diff
from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import Cancelled, InvalidParameters, LimitExceeded, PermissionDenied
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())
OLD = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"
NEW = "a\nB\nc\nd\ne\nf\ng\nh\nj\nk\n"


def answer(registry=REGISTRY, **parameters):
    return registry.invoke("diff-calculator", parameters).output


def text_diff(old, new, format="unified"):
    return answer(old_text=old, new_text=new, format=format)["result"]["diff"]


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")


def patched(folder, old, diff):
    need("patch")
    (folder / "target").write_text(old, newline="")
    done = subprocess.run(
        ["patch", "--silent", "--no-backup-if-mismatch", "-f", str(folder / "target")],
        input=diff, text=True, capture_output=True, timeout=10, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "target").open(newline="") as stream:
        return stream.read()


def test_texts_have_the_documented_shape():
    assert answer(old_text="a\nb\n", new_text="a\nc\n") == {
        "operation": "text_diff",
        "success": True,
        "result": {
            "type": "text",
            "format": "unified",
            "diff": "--- old\n+++ new\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
            "stats": {"old_lines": 2, "new_lines": 2, "added": 1, "removed": 1},
        },
    }


@pytest.mark.parametrize(("format", "option"), [("unified", "-u"), ("context", "-c")])
@pytest.mark.parametrize(
    ("old", "new"),
    [(OLD, NEW), (NEW, OLD), ("", OLD), (OLD, ""), ("a", "b"), ("a\nb", "a\nb\n"), ("one\n", "one\ntwo\n"),
     (OLD + "x\n", OLD + "y")],
)  # fmt: skip
def test_diffs_are_written_as_diff_writes_them(tmp_path, format, option, old, new):
    need("diff")
    (tmp_path / "old").write_text(old)
    (tmp_path / "new").write_text(new)
    done = subprocess.run(
        ["diff", option, "--label", "old", "--label", "new", "old", "new"],
        cwd=tmp_path, capture_output=True, text=True, timeout=10, check=False,
    )  # fmt: skip

    assert done.stdout == text_diff(old, new, format)


def test_inline_is_the_whole_text_and_simple_only_what_differs():
    assert text_diff("a\nb\nc\n", "a\nB\nc\n", "inline") == "  a\n- b\n+ B\n  c\n"
    assert text_diff("a\nb\nc\n", "a\nB\nc\n", "simple") == "- b\n+ B\n"


@pytest.mark.parametrize("format", ["unified", "context", "simple"])
def test_equal_texts_have_an_empty_diff(format):
    assert text_diff(OLD, OLD, format) == ""


def test_a_carriage_return_is_part_of_its_line():
    assert text_diff("a\r\n", "a\n", "simple") == "- a\r\n+ a\n"


def test_a_missing_last_newline_is_said():
    assert text_diff("a", "a\n").endswith("-a\n\\ No newline at end of file\n+a\n")


LINES = st.lists(st.sampled_from("abc"), max_size=14)


def rebuilt(old, new):
    made, at = [], 0
    for i1, i2, j1, j2 in line_diff.edits(old, new, lambda: None):
        assert at <= i1 <= i2
        made += old[at:i1] + new[j1:j2]
        at = i2
    return made + old[at:]


def common_length(old, new):
    row = [0] * (len(new) + 1)
    for line in old:
        before = row[:]
        for j, other in enumerate(new):
            row[j + 1] = before[j] + 1 if line == other else max(before[j + 1], row[j])
    return row[-1]


@given(LINES, LINES)
def test_a_script_is_right_and_the_shortest(old, new):
    kept = len(old) - sum(i2 - i1 for i1, i2, _, _ in line_diff.edits(old, new, lambda: None))

    assert new == rebuilt(old, new)
    assert common_length(old, new) == kept


SOME = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=40)


@given(SOME, SOME, st.sampled_from([1, 2, 100]))
def test_a_script_is_right_when_stretches_are_split(old, new, alike):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_diff, "_LARGE", 4)
        patch.setattr(line_diff, "_ALIKE", alike)
        patch.setattr(line_diff, "_EXACT", 9)

        assert new == rebuilt(old, new)


@settings(max_examples=20, deadline=None)
@given(old=LINES, new=LINES, ends=st.tuples(st.sampled_from(["", "\n"]), st.sampled_from(["", "\n"])),
       format=st.sampled_from(["unified", "context"]))  # fmt: skip
def test_patch_applies_every_diff(tmp_path_factory, old, new, ends, format):
    before, after = "\n".join(old) + ends[0], "\n".join(new) + ends[1]
    diff = text_diff(before, after, format)

    if diff and after:
        assert patched(tmp_path_factory.mktemp("patch"), before, diff) == after


def test_files_win_over_texts_and_give_the_names(tmp_path):
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "b").write_text("y\n")
    result = answer(
        old_file=str(tmp_path / "a"), new_file=str(tmp_path / "b"), old_text="1", new_text="1", format="unified"
    )["result"]

    assert result["diff"].startswith(f"--- {tmp_path}/a\n+++ {tmp_path}/b\n")


def changed_lines(old, count, seed):
    random.seed(seed)
    new = old[:]
    for _ in range(count):
        at = random.randrange(len(new))
        new[at : at + random.randrange(3)] = [f"changed {random.random()}"] * random.randrange(3)
    return new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["same"] * 100_000, ["same"] * 99_000),
        (["same"] * 100_000, ["other"] * 100_000),
        (["}", "{"] * 50_000, ["{", "{", "}"] * 33_333),
        ([f"line {n}" for n in range(100_000)], [f"line {n}" for n in reversed(range(100_000))]),
        ([f"line {n}" for n in range(100_000)], changed_lines([f"line {n}" for n in range(100_000)], 20_000, 1)),
    ],
    ids=["repeated", "different", "two lines", "reversed", "changed"],
)  # fmt: skip
def test_a_hundred_thousand_lines_are_compared(old, new):
    registry = ToolRegistry(policy=Policy.default())
    result = registry.invoke(
        "diff-calculator",
        {"old_text": "\n".join(old), "new_text": "\n".join(new), "format": "simple"},
        timeout_s=20.0,
    ).output["result"]
    kept = len(old) - result["stats"]["removed"]

    assert kept == len(new) - result["stats"]["added"]
    assert new == rebuilt(old, new)


def test_json_values_are_compared_by_member():
    old = {"same": 1, "part": {"x": 1, "y": [1]}, "equal": {"a": {}}, "gone": None, "t": True, "list": [1, 2]}
    new = {"same": 1.0, "part": {"x": 2, "y": [1], "z": 0}, "equal": {"a": {}}, "t": 1, "list": [1], "more": {"k": 1}}

    assert answer(type="json", old_json=old, new_json=new) == {
        "operation": "json_diff",
        "success": True,
        "result": {
            "type": "json",
            "diff": {
                "added": {"part.z": 0, "more": {"k": 1}},
                "removed": {"gone": None},
                "modified": {
                    "part.x": {"old": 1, "new": 2},
                    "t": {"old": True, "new": 1},
                    "list": {"old": [1, 2], "new": [1]},
                },
                "unchanged": ["same", "part.y", "equal"],
            },
            "summary": {"added": 2, "removed": 1, "modified": 3, "unchanged": 3},
        },
    }


def test_arrays_at_the_top_stand_under_brackets():
    diff = answer(type="json", old_json=[1, 2], new_json=[1])["result"]["diff"]

    assert diff["modified"] == {"[]": {"old_length": 2, "new_length": 1, "old": [1, 2], "new": [1]}}
    assert answer(type="json", old_json=[1], new_json=[1])["result"]["diff"]["unchanged"] == ["[]"]


def test_values_of_other_kinds_at_the_top_stand_under_the_empty_path():
    assert answer(type="json", old_json=1, new_json=[1])["result"]["diff"]["modified"] == {"": {"old": 1, "new": [1]}}


def test_json_may_be_text_or_files(tmp_path):
    (tmp_path / "a.json").write_text('\ufeff{"a": 1}', encoding="utf-8")
    (tmp_path / "b.json").write_text('{"a": 2}')
    modified = {"a": {"old": 1, "new": 2}}

    assert answer(type="json", old_json='{"a": 1}', new_json={"a": 2})["result"]["diff"]["modified"] == modified
    assert (
        answer(type="json", old_file=str(tmp_path / "a.json"), new_file=str(tmp_path / "b.json"), old_json=5)["result"][
            "diff"
        ]["modified"]
        == modified
    )


def applied(document, operations):
    """RFC 6902, the three operations that are made."""
    document = {"": copy.deepcopy(document)}
    for operation in operations:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")]
        place = document
        for step in steps[:-1]:
            place = place[int(step) if isinstance(place, list) else step]
        last = steps[-1]
        if operation["op"] == "remove":
            del place[int(last) if isinstance(place, list) else last]
        elif last == "-" and isinstance(place, list):
            place.append(operation["value"])
        else:
            place[int(last) if isinstance(place, list) else last] = operation["value"]
    return document[""]


JSON = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b/c", "~", ""]), inner),
    max_leaves=12,
)


@given(JSON, JSON)
def test_a_json_patch_makes_the_new_value_of_the_old(old, new):
    from llmspell_tools.builtin.utility.json_diff import patch

    assert applied(old, patch(old, new)) == new


def test_the_patch_comes_when_asked_for():
    result = answer(type="json", format="json-patch", old_json={"a": [1]}, new_json={"a": [1, 2]})["result"]

    assert result["patch"] == [{"op": "add", "path": "/a/-", "value": 2}]


@pytest.mark.parametrize("type", ["text", "json"])
def test_the_diff_can_go_to_a_file(tmp_path, type):
    (tmp_path / "a").write_text("1\n")
    (tmp_path / "b").write_text("2\n")
    output = answer(
        type=type, old_file=str(tmp_path / "a"), new_file=str(tmp_path / "b"), output_file=str(tmp_path / "d")
    )

    assert "result" not in output
    assert output["metadata"] == {"file_path": str(tmp_path / "d"), "file_size": (tmp_path / "d").stat().st_size}
    assert "2" in (tmp_path / "d").read_text()


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "old_text"),
        ({"old_text": "a"}, "new_text"),
        ({"old_text": 5, "new_text": "a"}, "old_text"),
        ({"old_text": "\ud800", "new_text": "a"}, "old_text"),
        ({"old_file": "a"}, "new_file"),
        ({"new_file": "a"}, "old_file"),
        ({"type": "json", "old_json": 1}, "new_json"),
        ({"type": "json", "old_json": "{", "new_json": 1}, "old_json"),
        ({"type": "json", "old_json": "NaN", "new_json": 1}, "old_json"),
        ({"type": "json", "old_json": "[" * 100_000, "new_json": 1}, "old_json"),
        ({"type": "xml"}, "type"),
        ({"old_text": "a", "new_text": "b", "format": "json-patch"}, "format"),
        ({"old_text": "a", "new_text": "b", "formt": "simple"}, "formt"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        answer(**parameters)

    assert caught.value.field == field


def test_a_file_that_is_no_text_is_refused_with_its_place(tmp_path):
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(InvalidParameters, match="byte 2 is 0xff"):
        answer(old_file=str(tmp_path / "a"), new_file=str(tmp_path / "a"))


def test_files_outside_the_policy_are_refused():
    with pytest.raises(PermissionDenied):
        answer(old_file="/etc/passwd", new_file="/etc/passwd")


def test_more_than_the_limit_is_refused(tmp_path):
    registry = ToolRegistry(policy=Policy.default(), settings={"diff-calculator": {"max_input_bytes": 5}})
    (tmp_path / "a").write_text("123456")

    for parameters in (
        {"old_text": "1", "new_text": "123456"},
        {"old_file": str(tmp_path / "a"), "new_file": str(tmp_path / "a")},
        {"type": "json", "old_json": "123456", "new_json": "1"},
    ):
        with pytest.raises(LimitExceeded, match=r"\[tools.diff_calculator\] max_input_bytes"):
            answer(registry, **parameters)


def test_a_cancelled_run_stops_it():
    signal = CancelSignal()
    signal.set()
    with pytest.raises(Cancelled):
        REGISTRY.invoke("diff-calculator", {"old_text": "a\nb\n", "new_text": "b\na\n"},
                        context=REGISTRY.context(signal=signal))  # fmt: skip
