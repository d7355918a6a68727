"""hash-calculator: every operation and its bad input (`surface.md` 4.3, "hash-calculator")."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

REGISTRY = ToolRegistry(policy=Policy.default())


def answer(operation="hash", registry=REGISTRY, **parameters):
    return registry.invoke("hash-calculator", {"operation": operation, **parameters}).output


@pytest.mark.parametrize(
    ("spellings", "label", "name"),
    [
        (("md5", "MD5"), "MD5", "md5"),
        (("sha1", "sha-1", "SHA-1"), "SHA-1", "sha1"),
        (("sha256", "sha-256", "SHA_256"), "SHA-256", "sha256"),
        (("sha512", "sha-512"), "SHA-512", "sha512"),
        (("sha224", "sha-224"), "SHA-224", "sha224"),
        (("sha384",), "SHA-384", "sha384"),
        (("sha3-256", "sha3_256"), "SHA3-256", "sha3_256"),
        (("sha3-512",), "SHA3-512", "sha3_512"),
        (("blake2b",), "BLAKE2b", "blake2b"),
        (("blake2s",), "BLAKE2s", "blake2s"),
    ],
)
def test_every_algorithm_has_its_spellings(spellings, label, name):
    for spelling in spellings:
        assert answer(algorithm=spelling, input="héllo") == {
            "operation": "hash",
            "success": True,
            "message": f"Calculated {label} hash",
            "result": {
                "algorithm": label,
                "hash": hashlib.new(name, "héllo".encode()).hexdigest(),
                "format": "hex",
            },
        }


def test_sha_256_in_hex_is_the_default():
    result = answer(input="")["result"]

    assert result == {"algorithm": "SHA-256", "hash": hashlib.sha256().hexdigest(), "format": "hex"}


def test_a_hash_can_be_base64():
    result = answer(input="a", format="base64")["result"]

    assert base64.b64decode(result["hash"]) == hashlib.sha256(b"a").digest()


@pytest.mark.parametrize("parameters", [{"input_type": "file"}, {}, {"input": "ignored", "input_type": "file"}])
@pytest.mark.parametrize("name", ["file", "input_file"])
def test_a_file_is_hashed_in_blocks(tmp_path, parameters, name):
    content = os.urandom(3_000_001)
    path = tmp_path / "data.bin"
    path.write_bytes(content)

    result = answer(**parameters, **{name: str(path)})["result"]

    assert result["hash"] == hashlib.sha256(content).hexdigest()


def test_a_text_is_hashed_where_both_are_given_and_it_is_a_string(tmp_path):
    assert answer(input="a", file=str(tmp_path / "none"))["result"]["hash"] == hashlib.sha256(b"a").hexdigest()


def test_an_equal_hash_is_verified():
    output = answer("verify", input="a", expected_hash=hashlib.sha256(b"a").hexdigest().upper())

    assert output == {
        "operation": "verify",
        "success": True,
        "message": "Hash verification successful",
        "result": {"verified": True, "algorithm": "SHA-256"},
    }


def test_another_hash_is_shown_beside_the_right_one():
    wrong = base64.b64encode(hashlib.md5(b"b").digest()).decode()

    output = answer("verify", algorithm="md5", input="a", expected_hash=wrong, expected_format="base64")

    assert output["success"] is True
    assert output["result"] == {
        "verified": False,
        "algorithm": "MD5",
        "expected": wrong,
        "actual": base64.b64encode(hashlib.md5(b"a").digest()).decode(),
    }


def test_a_file_is_verified(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a")

    assert answer("verify", file=str(path), expected_hash=hashlib.sha256(b"a").hexdigest())["result"]["verified"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"operation": "hash"}, "input"),
        ({"operation": "hash", "input_type": "file", "input": "a"}, "file"),
        ({"operation": "hash", "input": 3}, "input"),
        ({"operation": "hash", "input": "a", "algorithm": "sha265"}, "algorithm"),
        ({"operation": "hash", "input": "a", "format": "octal"}, "format"),
        ({"operation": "hash", "input": "\ud800"}, "input"),
        ({"operation": "verify", "input": "a"}, "expected_hash"),
        ({"operation": "verify", "input": "a", "expected_hash": "xyz"}, "expected_hash"),
        ({"operation": "verify", "input": "a", "expected_hash": "abc"}, "expected_hash"),
        ({"operation": "verify", "input": "a", "expected_hash": "é"}, "expected_hash"),
        ({"operation": "verify", "input": "a", "expected_hash": "YQ=", "expected_format": "base64"}, "expected_hash"),
        ({"operation": "break", "input": "a"}, "operation"),
        ({"input": "a"}, "operation"),
        ({"operation": "hash", "file": "a", "input_file": "b"}, "input_file"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, field):
    with pytest.raises(InvalidParameters) as caught:
        REGISTRY.invoke("hash-calculator", parameters)

    assert caught.value.field in (field, "file")


def test_an_unknown_algorithm_is_told_the_right_ones():
    with pytest.raises(InvalidParameters, match="md5, sha1, sha256, sha512"):
        answer(input="a", algorithm="crc32")


def test_a_file_outside_the_roots_is_denied():
    with pytest.raises(PermissionDenied):
        answer(file="/etc/hostname")


@pytest.mark.parametrize("name", ["none", "", "a\0b", "x" * 5000])
def test_a_file_that_is_not_there_is_an_error(tmp_path, name):
    with pytest.raises(LlmspellError):
        answer(file=str(tmp_path / name))


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises((ToolExecutionError, InvalidParameters, PermissionDenied)):
            answer(file=str(path))


def test_a_file_beyond_the_limit_names_the_key(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(LimitExceeded) as caught:
        answer(file=str(path))

    assert caught.value.details["key"] == "[tools.hash_calculator] max_file_bytes"


def test_the_limit_is_a_setting(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    registry = ToolRegistry(settings={"hash-calculator": {"max_file_bytes": 2}})

    with pytest.raises(LimitExceeded):
        answer(registry=registry, file=str(path))


def test_a_long_file_can_be_cancelled(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    context = REGISTRY.context()
    context.signal.set()

    with pytest.raises(Cancelled):
        REGISTRY.invoke("hash-calculator", {"operation": "hash", "file": str(path)}, context=context)


def test_a_file_shows_its_progress(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 2_500_000)
    seen = []
    context = REGISTRY.context(progress=lambda done, total, message: seen.append((done, total)))

    REGISTRY.invoke("hash-calculator", {"operation": "hash", "file": str(path)}, context=context)

    assert seen[-1] == (2_500_000, 2_500_000)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_was_hashed_is_verified(text):
    for form in ("hex", "base64"):
        hashed = answer(input=text, format=form)["result"]["hash"]
        assert answer("verify", input=text, expected_hash=hashed, expected_format=form)["result"]["verified"]


def test_the_examples_hold():
    for example in REGISTRY.get("hash-calculator").examples:
        output = REGISTRY.invoke("hash-calculator", example["params"]).output
        assert example["result"]["result"] == output["result"], example["description"]
