"""base64-encoder: texts, hex and files to base64 and back (RFC 4648), in bounded memory where a file is written.

Everything passes in blocks: a decoder or encoder takes blocks and yields blocks, whatever they come from and go to.
Decoding is strict: a foreign character, wrong padding or stray bits are refused with their place; only white space is
skipped, as files have line breaks, and the url-safe variant may come without padding, as in tokens.
"""

from __future__ import annotations

from llmspell_tools.builtin.sources import file_blocks, text_blocks
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from llmspell_tools.types import JsonObject

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_STANDARD = _LETTERS + b"+/"
_URL_SAFE = _LETTERS + b"-_"
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\r\n"
_LIMIT = "max_input_bytes"


@tool(
    name="base64-encoder",
    category="utility",
    level="safe",
    parameter_aliases={"action": "operation"},
    requires={"encode": (), "decode": ()},
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={"max_input_bytes": 100_000_000},
    returns=envelope_schema(
        {
            "encode?": record({"output": "string", "variant": "string", "binary": "boolean"}),
            "decode?": record({"output": "string", "variant": "string", "binary": "boolean", "encoding": "string"}),
        },
        failures={},
    ),
    examples=(
        {
            "description": "Encode a text",
            "params": {"operation": "encode", "input": "Hello, World!"},
            "result": {"success": True, "result": {"output": "SGVsbG8sIFdvcmxkIQ==", "variant": "standard"}},
        },
        {
            "description": "Decode it again",
            "params": {"operation": "decode", "input": "SGVsbG8sIFdvcmxkIQ=="},
            "result": {"result": {"output": "Hello, World!", "encoding": "utf-8"}},
        },
        {
            "description": "Encode bytes given as hex, for use in a URL",
            "params": {"operation": "encode", "input": "fbff", "binary_input": True, "variant": "url-safe"},
            "result": {"result": {"output": "-_8=", "variant": "url-safe", "binary": True}},
        },
    ),
)
def base64_encoder(
    context: ToolContext,
    *,
    operation: Literal["encode", "decode"],
    input: str | None = None,
    input_file: str | None = None,
    output_file: str | None = None,
    variant: Literal["standard", "url-safe"] = "standard",
    binary_input: bool = False,
) -> JsonObject:
    """Encode and decode base64: texts, bytes as hex, and files.

    Args:
        operation: encode makes base64, decode reads it.
        input: The text to encode (as UTF-8), or the base64 to decode; where `input_file` is given as well, encode
            takes the file and decode takes this.
        input_file: Path of a file to read instead.
        output_file: Path of a file for the result, which is then not in the answer; it appears whole or not at all.
        variant: The alphabet: standard has + and /, url-safe has - and _.
        binary_input: For encode: `input` is hex and stands for bytes.
    """
    if binary_input and (operation == "decode" or input is None):
        raise InvalidParameters(
            "'binary_input' says that the 'input' of encode is hex; it has no meaning here", field="binary_input"
        )
    blocks = _source(context, operation, input, input_file)
    if operation == "encode":
        made = _encode(_from_hex(blocks) if binary_input and input_file is None else blocks, variant)
    else:
        made = _decode(blocks, variant)
    if output_file is not None:
        size = _write(context, output_file, made)
        facts: JsonObject = {"variant": variant, "file_path": output_file, "file_size": size}
        return envelope(operation, None, f"Wrote {size} bytes to {output_file}", facts)
    content = b"".join(made)
    if operation == "encode":
        result: JsonObject = {"output": content.decode("ascii"), "variant": variant, "binary": binary_input}
        return envelope("encode", result, "Base64 encoding successful")
    return envelope("decode", _shown(content, variant), "Base64 decoding successful")


def _source(context: ToolContext, operation: str, text: str | None, path: str | None) -> Iterator[bytes]:
    if path is not None and (operation == "encode" or text is None):
        return file_blocks(context, path, _LIMIT)
    if text is None:
        raise InvalidParameters("missing parameter 'input' (a text) or 'input_file' (a path)", field="input")
    return text_blocks(context, text, "input", _LIMIT)


def _write(context: ToolContext, path: str, blocks: Iterable[bytes]) -> int:
    from llmspell_tools.files import write_atomic

    following = iter(blocks)
    first = next(following, b"")  # a source that is refused makes no file, not for a moment
    with write_atomic(context.policy, path, context.tool) as stream:
        size = stream.write(first)
        for block in following:
            size += stream.write(block)
    return size


def _shown(content: bytes, variant: str) -> JsonObject:
    """Bytes that are no text come back as hex; `binary` says that the text has characters beyond ASCII."""
    try:
        text, encoding = content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = content.hex(), "hex"
    return {"output": text, "variant": variant, "binary": not text.isascii(), "encoding": encoding}


def _from_hex(blocks: Iterable[bytes]) -> Iterator[bytes]:
    from binascii import a2b_hex

    rest = b""
    seen = 0
    for block in blocks:
        digits = rest + block.translate(None, _SPACE)
        even = len(digits) & ~1
        rest = digits[even:]
        try:
            yield a2b_hex(digits[:even])
        except ValueError:
            position = seen + next(at for at, byte in enumerate(block) if byte not in b"0123456789abcdefABCDEF \t\r\n")
            raise InvalidParameters(
                f"parameter 'input' is not hex: character {position + 1} is no hex digit",
                field="input",
                details={"position": position},
            ) from None
        seen += len(block)
    if rest:
        raise InvalidParameters("parameter 'input' is not hex: it has an odd number of digits", field="input")


def _encode(blocks: Iterable[bytes], variant: str) -> Iterator[bytes]:
    from binascii import b2a_base64

    def written(content: bytes) -> bytes:
        text = b2a_base64(content, newline=False)
        return text.translate(_TO_URL_SAFE) if variant == "url-safe" else text

    rest = b""
    for block in blocks:
        content = rest + block
        whole = len(content) - len(content) % 3
        rest = content[whole:]
        yield written(content[:whole])
    yield written(rest)


def _decode(blocks: Iterable[bytes], variant: str) -> Iterator[bytes]:
    """Decode groups of four as they come; what may be the last group waits until it is known to be."""
    from binascii import a2b_base64

    alphabet = _URL_SAFE if variant == "url-safe" else _STANDARD
    seen = 0
    rest = b""
    for block in blocks:
        text = block.translate(None, _SPACE)
        if text.translate(None, alphabet).strip(b"="):
            raise _foreign(block, alphabet, seen, variant)
        seen += len(block)
        text = rest + text
        whole = (len(text) - 1) & ~3 if text else 0
        rest = text[whole:]
        if b"=" in text[:whole]:
            raise _padding("'=' stands before the end")
        yield a2b_base64(text[:whole].translate(_TO_STANDARD))
    yield _last_group(rest.translate(_TO_STANDARD), variant)


def _last_group(group: bytes, variant: str) -> bytes:
    from binascii import a2b_base64, b2a_base64

    letters = group.rstrip(b"=")
    padding = len(group) - len(letters)
    if b"=" in letters or len(letters) % 4 == 1 or (padding and (len(group) != 4 or not letters)):
        raise _padding(f"the last group of four is {group.decode('ascii')!r}")
    if not padding and len(group) % 4 and variant != "url-safe":
        raise _padding(f"the last group has {len(group)} characters and no '=' to make it four")
    full = letters + b"=" * (-len(letters) % 4)
    content = a2b_base64(full)
    if b2a_base64(content, newline=False) != full:
        raise _padding(f"the last group, {group.decode('ascii')!r}, has bits that no encoder makes")
    return content


def _padding(what: str) -> InvalidParameters:
    return InvalidParameters(f"not base64: {what}; the text was cut or changed", field="input")


def _foreign(block: bytes, alphabet: bytes, seen: int, variant: str) -> InvalidParameters:
    place = next(at for at, byte in enumerate(block) if byte not in alphabet and byte not in b"= \t\r\n")
    byte = block[place]
    shown = repr(chr(byte)) if 32 <= byte < 127 else f"byte 0x{byte:02x}"
    other = "standard" if variant == "url-safe" else "url-safe"
    hint = f"; variant '{other}' has it" if byte in b"+/-_" else ""
    return InvalidParameters(
        f"not base64 of variant '{variant}': {shown} at position {seen + place + 1}{hint}",
        field="input",
        details={"position": seen + place},
    )
