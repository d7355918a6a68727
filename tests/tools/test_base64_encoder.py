"""base64-encoder: every operation and its bad input (`surface.md` 4.3, "base64-encoder")."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import Cancelled, InvalidParameters, LimitExceeded, PermissionDenied, ToolExecutionError
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())


def answer(operation, registry=REGISTRY, **parameters):
    return registry.invoke("base64-encoder", {"operation": operation, **parameters}).output


def test_a_text_is_encoded():
    assert answer("encode", input="Hello") == {
        "operation": "encode",
        "success": True,
        "message": "Base64 encoding successful",
        "result": {"output": "SGVsbG8=", "variant": "standard", "binary": False},
    }


def test_a_text_is_decoded():
    assert answer("decode", input="SGVsbG8=")["result"] == {
        "output": "Hello",
        "variant": "standard",
        "binary": False,
        "encoding": "utf-8",
    }


def test_the_old_name_finds_it():
    assert REGISTRY.get("base64_encoder").name == "base64-encoder"


def test_the_url_safe_alphabet_is_used():
    assert answer("encode", input="??>>~~", variant="url-safe")["result"]["output"] == "Pz8-Pn5-"
    assert answer("decode", input="Pz8-Pn5-", variant="url-safe")["result"]["output"] == "??>>~~"


def test_hex_stands_for_bytes():
    result = answer("encode", input="00ff 10", binary_input=True)["result"]

    assert result == {"output": "AP8Q", "variant": "standard", "binary": True}


def test_decoded_bytes_that_are_no_text_come_back_as_hex():
    assert answer("decode", input="AP8Q")["result"] == {
        "output": "00ff10",
        "variant": "standard",
        "binary": False,
        "encoding": "hex",
    }


def test_binary_says_that_a_decoded_text_is_beyond_ascii():
    assert answer("decode", input="w6k=")["result"]["binary"] is True


def test_line_breaks_are_skipped_and_url_safe_may_lack_padding():
    assert answer("decode", input="SGVs\r\nbG8=\n")["result"]["output"] == "Hello"
    assert answer("decode", input="SGVsbG8", variant="url-safe")["result"]["output"] == "Hello"


@given(st.binary(max_size=200), st.sampled_from(["standard", "url-safe"]))
def test_what_was_encoded_is_decoded(content, variant):
    text = answer("encode", input=content.hex(), binary_input=True, variant=variant)["result"]["output"]
    expected = base64.b64encode(content) if variant == "standard" else base64.urlsafe_b64encode(content)
    decoded = answer("decode", input=text, variant=variant)["result"]

    assert text == expected.decode()
    assert content == (bytes.fromhex(decoded["output"]) if decoded["encoding"] == "hex" else decoded["output"].encode())


@given(st.text(alphabet="AQgw+/=-_ \n*", max_size=12))
def test_only_what_an_encoder_makes_is_decoded(text):
    try:
        result = answer("decode", input=text)["result"]
    except InvalidParameters:
        return
    content = bytes.fromhex(result["output"]) if result["encoding"] == "hex" else result["output"].encode()

    assert base64.b64encode(content).decode() == "".join(text.split())


@pytest.mark.skipif(shutil.which("base64") is None, reason="needs base64")
def test_a_file_of_the_base64_program_is_decoded(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "data.bin").write_bytes(content)
    made = subprocess.run(["base64", str(tmp_path / "data.bin")], capture_output=True, check=True, timeout=30)
    (tmp_path / "data.b64").write_bytes(made.stdout)

    output = answer("decode", input_file=str(tmp_path / "data.b64"), output_file=str(tmp_path / "back.bin"))

    assert (tmp_path / "back.bin").read_bytes() == content
    assert "result" not in output
    assert output["metadata"] == {
        "variant": "standard",
        "file_path": str(tmp_path / "back.bin"),
        "file_size": 3_000_001,
    }


@pytest.mark.skipif(shutil.which("base64") is None, reason="needs base64")
def test_a_file_is_encoded_as_the_base64_program_does(tmp_path):
    content = os.urandom(2_000_003)
    (tmp_path / "data.bin").write_bytes(content)

    output = answer("encode", input_file=str(tmp_path / "data.bin"), output_file=str(tmp_path / "data.b64"))

    assert output["metadata"]["file_size"] == len(base64.b64encode(content))
    made = subprocess.run(
        ["base64", "-d", str(tmp_path / "data.b64")], capture_output=True, check=True, timeout=30
    ).stdout
    assert made == content


def test_of_two_inputs_encode_takes_the_file_and_decode_the_text(tmp_path):
    path = tmp_path / "a"
    path.write_text("file")

    assert answer("encode", input="text", input_file=str(path))["result"]["output"] == "ZmlsZQ=="
    assert answer("decode", input="dGV4dA==", input_file=str(path))["result"]["output"] == "text"


def test_a_large_file_needs_little_memory(tmp_path):
    source = tmp_path / "large"
    with source.open("wb") as stream:
        stream.truncate(40_000_000)
    tracemalloc.start()
    try:
        answer("encode", input_file=str(source), output_file=str(tmp_path / "out"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 12_000_000


@pytest.mark.parametrize(
    ("operation", "parameters", "field"),
    [
        ("decode", {"input": "SGVsbG8"}, "input"),
        ("decode", {"input": "SGVsbG8=="}, "input"),
        ("decode", {"input": "S"}, "input"),
        ("decode", {"input": "===="}, "input"),
        ("decode", {"input": "SH=="}, "input"),
        ("decode", {"input": "SG==SG=="}, "input"),
        ("decode", {"input": "SGV*"}, "input"),
        ("decode", {"input": "Pz8-"}, "input"),
        ("decode", {"input": "é==="}, "input"),
        ("decode", {"input": "\udc80"}, "input"),
        ("encode", {"input": "\ud800"}, "input"),
        ("encode", {"input": "abc", "binary_input": True}, "input"),
        ("encode", {"input": "xy", "binary_input": True}, "input"),
        ("decode", {"input": "ab", "binary_input": True}, "binary_input"),
        ("encode", {}, "input"),
        ("decode", {"input": 3}, "input"),
        ("encode", {"input": "a", "variant": "urlsafe"}, "variant"),
        ("recode", {"input": "a"}, "operation"),
        ("encode", {"input": "a", "outfile": "b"}, "outfile"),
    ],
)
def test_wrong_parameters_are_refused_by_name(operation, parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        answer(operation, **parameters)

    assert caught.value.field == field


def test_a_character_of_the_other_alphabet_is_named_with_its_place():
    with pytest.raises(InvalidParameters, match="position 4; variant 'url-safe' has it"):
        answer("decode", input="Pz8-")


@pytest.mark.parametrize("where", [{"input": "a" * 11}, {"input_file": "big"}])
def test_more_than_the_limit_is_refused(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big").write_bytes(b"a" * 11)
    registry = ToolRegistry(policy=Policy.default(), settings={"base64-encoder": {"max_input_bytes": 10}})

    with pytest.raises(LimitExceeded, match=r"\[tools.base64_encoder\] max_input_bytes"):
        answer("encode", registry, **where)


def test_a_failed_decode_leaves_the_target_as_it_was(tmp_path):
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(InvalidParameters):
        answer("decode", input="SGVsbG8*", output_file=str(target))

    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("parameters", [{"input_file": "/etc/passwd"}, {"input": "a", "output_file": "/etc/new"}])
def test_files_outside_the_policy_are_refused(parameters):
    with pytest.raises(PermissionDenied):
        answer("encode", **parameters)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)

    with pytest.raises(ToolExecutionError):
        answer("encode", input_file=str(path))


def test_a_cancelled_run_stops_it(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a")
    signal = CancelSignal()
    signal.set()

    with pytest.raises(Cancelled):
        REGISTRY.invoke(
            "base64-encoder",
            {"operation": "encode", "input_file": str(path), "output_file": str(tmp_path / "b")},
            context=REGISTRY.context(signal=signal),
        )
    assert os.listdir(tmp_path) == ["a"]


def test_its_module_imports_nothing_heavy():
    code = (
        "import sys; import llmspell_tools.builtin.utility.base64_encoder; "
        "print(sorted({'re', 'json', 'base64', 'typing', 'inspect'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, timeout=30,
                          env={"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)})  # fmt: skip

    assert done.stdout.strip() == "[]"
