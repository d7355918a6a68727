"""hash-calculator: digests of texts and files, and their verification.

Files are read in blocks through `files.py`, under the policy, so memory does not grow with them. `hashlib` (and with it
OpenSSL) is imported when the first digest is made. MD5 and SHA-1 are for checksums, not for secrets.
"""

from __future__ import annotations

from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.returns import choice, envelope_schema, record
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from llmspell_tools.types import JsonObject

_BLOCK_BYTES = 1 << 20

#: By spelling without hyphens and underscores: the name that results carry, and hashlib's.
_ALGORITHMS: dict[str, tuple[str, str]] = {
    "md5": ("MD5", "md5"),
    "sha1": ("SHA-1", "sha1"),
    "sha256": ("SHA-256", "sha256"),
    "sha512": ("SHA-512", "sha512"),
    "sha224": ("SHA-224", "sha224"),
    "sha384": ("SHA-384", "sha384"),
    "sha3256": ("SHA3-256", "sha3_256"),
    "sha3512": ("SHA3-512", "sha3_512"),
    "blake2b": ("BLAKE2b", "blake2b"),
    "blake2s": ("BLAKE2s", "blake2s"),
}
_LABELS = choice(*(label for label, _ in _ALGORITHMS.values()))


@tool(
    name="hash-calculator",
    category="utility",
    level="restricted",
    parameter_aliases={"action": "operation", "input_file": "file"},
    requires={"hash": (), "verify": ("expected_hash",)},
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": False},
    settings={"max_file_bytes": 100_000_000},
    examples=(
        {
            "description": "The SHA-256 of a text",
            "params": {"operation": "hash", "input": "hello"},
            "result": {
                "success": True,
                "result": {
                    "algorithm": "SHA-256",
                    "hash": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                    "format": "hex",
                },
            },
        },
        {
            "description": "Verify a text against an MD5",
            "params": {
                "operation": "verify",
                "algorithm": "md5",
                "input": "hello",
                "expected_hash": "5d41402abc4b2a76b9719d911017c592",
            },
            "result": {"success": True, "result": {"verified": True, "algorithm": "MD5"}},
        },
    ),
    returns=envelope_schema(
        {
            "hash": record({"algorithm": _LABELS, "hash": "string", "format": choice("hex", "base64")}),
            "verify": (
                record({"verified": choice(True), "algorithm": _LABELS}),
                record({"verified": choice(False), "algorithm": _LABELS, "expected": "string", "actual": "string"}),
            ),
        },
        failures={},
    ),
)
def hash_calculator(
    context: ToolContext,
    *,
    operation: Literal["hash", "verify"],
    algorithm: str = "sha256",
    input_type: Literal["string", "file"] = "string",
    input: str | None = None,
    file: str | None = None,
    format: Literal["hex", "base64"] = "hex",
    expected_hash: str | None = None,
    expected_format: Literal["hex", "base64"] = "hex",
) -> JsonObject:
    """Calculate or verify the hash of a text or a file.

    Args:
        operation: hash calculates, verify compares with `expected_hash`.
        algorithm: md5, sha1, sha256, sha512, sha224, sha384, sha3-256, sha3-512, blake2b or blake2s; sha-256 and the
            like are the same.
        input_type: Whether `input` or `file` is hashed; with only `file` given it is the file.
        input: The text, hashed as UTF-8.
        file: Path of the file.
        format: How the hash is written.
        expected_hash: The hash to compare with.
        expected_format: How `expected_hash` is written.
    """
    label, name = _algorithm(algorithm)
    expected = b""
    if operation == "verify":
        if expected_hash is None:
            raise InvalidParameters("operation 'verify' needs parameter 'expected_hash'", field="expected_hash")
        expected = _read_digest(expected_hash, expected_format)  # before a large file is read in vain
    digest = _digest(context, name, input_type, input, file)
    if operation == "hash":
        result: JsonObject = {"algorithm": label, "hash": _write_digest(digest, format), "format": format}
        return envelope("hash", result, f"Calculated {label} hash")
    from hmac import compare_digest

    if compare_digest(digest, expected):
        return envelope("verify", {"verified": True, "algorithm": label}, "Hash verification successful")
    result = {
        "verified": False,
        "algorithm": label,
        "expected": _write_digest(expected, expected_format),
        "actual": _write_digest(digest, expected_format),
    }
    return envelope("verify", result, "Hash verification failed")


def _algorithm(spelling: str) -> tuple[str, str]:
    known = _ALGORITHMS.get(spelling.lower().replace("-", "").replace("_", ""))
    if known is None:
        names = ", ".join(name.replace("_", "-") for _, name in _ALGORITHMS.values())
        raise InvalidParameters(
            f"parameter 'algorithm' must be one of {names}, not '{shown(spelling)}'", field="algorithm"
        )
    return known


def _digest(context: ToolContext, name: str, input_type: str, text: str | None, path: str | None) -> bytes:
    if path is not None and (input_type == "file" or text is None):
        return _file_digest(context, name, path)
    if input_type == "file":
        raise InvalidParameters("input_type 'file' needs parameter 'file', a path", field="file")
    if text is None:
        raise InvalidParameters("missing parameter 'input' (a text) or 'file' (a path)", field="input")
    import hashlib

    try:
        return hashlib.new(name, text.encode("utf-8"), usedforsecurity=False).digest()
    except UnicodeEncodeError:
        raise InvalidParameters(
            "parameter 'input' has a lone surrogate, which UTF-8 cannot write", field="input"
        ) from None


def _file_digest(context: ToolContext, name: str, path: str) -> bytes:
    import hashlib

    from llmspell_tools import files

    limit = int(str(context.settings["max_file_bytes"]))
    digest = hashlib.new(name, usedforsecurity=False)
    done = 0
    with files.open_read(context.policy, path, context.tool) as stream:
        total = stream.seek(0, 2)
        stream.seek(0)
        while block := stream.read(_BLOCK_BYTES):
            done += len(block)
            if max(done, total) > limit:
                raise LimitExceeded(
                    f"file '{path}' has {max(done, total)} bytes; the limit is {limit} "
                    "([tools.hash_calculator] max_file_bytes)",
                    details={"key": "[tools.hash_calculator] max_file_bytes", "limit": limit, "path": path},
                )
            context.check()
            digest.update(block)
            context.progress(done, total, path)
    return digest.digest()


def _write_digest(digest: bytes, format: str) -> str:
    if format == "hex":
        return digest.hex()
    from binascii import b2a_base64

    return b2a_base64(digest, newline=False).decode("ascii")


def _read_digest(text: str, format: str) -> bytes:
    from binascii import a2b_base64, a2b_hex

    try:
        stripped = text.strip()
        return a2b_hex(stripped) if format == "hex" else a2b_base64(stripped, strict_mode=True)
    except ValueError as error:
        raise InvalidParameters(
            f"parameter 'expected_hash' is not {format}: {error}; 'expected_format' says how it is written",
            field="expected_hash",
        ) from None
