"""Where a data tool's text comes from and its result goes: a parameter or a file, within the tool's own limits.

Files are read and written through `llmspell_tools.files`, so under the policy, a whole one under a size limit or in
blocks; a result appears whole or not at all. Tools above; knows no tool, only the context of the call.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, LimitExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_tools.definition import ToolContext

_BLOCK_BYTES = 1 << 20


def limit_of(context: ToolContext, key: str) -> int:
    """Return a whole-number setting of the tool that runs."""
    return int(str(context.settings[key]))


def exceeded(context: ToolContext, key: str, what: str) -> LimitExceeded:
    """Return the error for something beyond a setting.

    Args:
        context: Of the tool that runs.
        key: The setting's name.
        what: Subject and verb: `the template has 2000000 bytes`.
    """
    limit = limit_of(context, key)
    name = f"[tools.{context.tool.replace('-', '_')}] {key}"
    return LimitExceeded(f"{what}; the limit is {limit} ({name})", details={"key": name, "limit": limit})


def encoded(text: str, field: str) -> bytes:
    """Return a parameter's text as UTF-8.

    Raises:
        InvalidParameters: It has a lone surrogate.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidParameters(
            f"parameter '{field}' has a lone surrogate (at character {error.start}), which UTF-8 cannot write",
            field=field,
            details={"position": error.start},
        ) from None


def decoded(content: bytes, field: str, path: str) -> str:
    """Return a file's content as text; a byte order mark is dropped.

    Raises:
        InvalidParameters: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameters(
            f"file '{path}' is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}",
            field=field,
            details={"path": path, "position": error.start},
        ) from None


def read_file(context: ToolContext, path: str, key: str) -> bytes:
    """Return the whole content of a file.

    Args:
        context: Of the tool that runs.
        path: As the caller wrote it.
        key: The setting that limits its bytes.
    """
    from llmspell_tools.files import read_bytes

    name = f"[tools.{context.tool.replace('-', '_')}] {key}"
    return read_bytes(context.policy, path, context.tool, max_bytes=limit_of(context, key), limit=name)


def file_blocks(context: ToolContext, path: str, key: str) -> Iterator[bytes]:
    """Yield a file's content in blocks, with progress, up to the limit that the setting `key` names."""
    from llmspell_tools.files import open_read

    limit = limit_of(context, key)
    done = 0
    with open_read(context.policy, path, context.tool) as stream:
        total = stream.seek(0, 2)
        stream.seek(0)
        if total > limit:
            raise exceeded(context, key, f"file '{path}' has {total} bytes")
        while block := stream.read(_BLOCK_BYTES):
            done += len(block)
            if done > limit:
                raise exceeded(context, key, f"file '{path}' has more than {limit} bytes")
            context.check()
            yield block
            context.progress(done, total, path)


def text_blocks(context: ToolContext, text: str, field: str, key: str) -> Iterator[bytes]:
    """Yield a parameter's text in blocks of UTF-8, up to the limit that the setting `key` names."""
    content = memoryview(encoded(text, field))
    if len(content) > limit_of(context, key):
        raise exceeded(context, key, f"parameter '{field}' has {len(content)} bytes")
    for start in range(0, len(content), _BLOCK_BYTES):
        context.check()
        yield bytes(content[start : start + _BLOCK_BYTES])


def read_text(context: ToolContext, text: str | None, path: str | None, key: str, field: str = "input") -> str:
    """Return the text of the parameter `field`, or of the file that ``<field>_file`` names.

    Raises:
        InvalidParameters: Neither or both are given, or it is no UTF-8.
        LimitExceeded: It has more bytes than the setting `key` allows.
    """
    if (text is None) == (path is None):
        what = "not both" if text is not None else "one of them is missing"
        raise InvalidParameters(f"give either '{field}' (a text) or '{field}_file' (a path): {what}", field=field)
    if path is not None:
        return decoded(read_file(context, path, key), f"{field}_file", path)
    assert text is not None
    size = len(encoded(text, field))
    if size > limit_of(context, key):
        raise exceeded(context, key, f"parameter '{field}' has {size} bytes")
    return text


def write_file(context: ToolContext, path: str, content: bytes) -> None:
    """Write a file whole or not at all."""
    from llmspell_tools.files import write_atomic

    with write_atomic(context.policy, path, context.tool) as stream:
        stream.write(content)
