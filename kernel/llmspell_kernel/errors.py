"""The kernel room's own errors, children of the one tree in `llmspell_tools.errors`; codes only from its table.

    LlmspellError
    ├── PeerError                        validation_error      who sent the message is wrong; it has no effect
    │   ├── MalformedMessage                                   not a Jupyter message
    │   ├── InvalidSignature                                   not signed with our key
    │   └── ReplayedMessage                                    seen before, or too old to know
    ├── UnusableContent                  validation_error      signed and new, but the content cannot be used: answered
    ├── StdinNotImplementedError         unavailable           the client that runs the cell answers no questions
    ├── UnknownMessage                   not_found             a request of a type that this channel does not answer
    ├── UnknownSubshell                  not_found             a request for a subshell that is not there
    ├── MagicNotFound                    not_found             a cell names a magic that there is not
    ├── MagicMisused                     validation_error      a magic is written in another way than it is used
    ├── PythonCellFailed                 script_error          Python code of a cell raised, or is no Python
    ├── KernelNotFound                   not_found             no kernel has the id, file or address that was given
    ├── KernelUnreachable                unavailable           a kernel should be there, but does not answer us
    ├── KernelStopping                   unavailable           a request for what a kernel that ends does not begin
    ├── KernelDied                       execution_error       a kernel has stopped answering in the middle of work
    └── ConfigurationError
        ├── ConnectionFileError          configuration_error   the connection file cannot be used as it is
        └── HandshakeFailed              configuration_error   whoever started the kernel does not answer

Messages of peers are hostile until verified, so these errors quote no content.
"""

from __future__ import annotations

from llmspell_tools.errors import ConfigurationError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.message import Message
    from llmspell_tools.types import JsonValue


class PeerError(LlmspellError):
    """A message that must have no effect; logged, never answered."""

    code = "validation_error"


class MalformedMessage(PeerError):
    """Frames that are not a Jupyter message: no delimiter, too few frames, broken JSON, missing header fields."""


class InvalidSignature(PeerError):
    """The signature is not the HMAC-SHA256 of the four frames under our key."""


class ReplayedMessage(PeerError):
    """The same signed message came before, or it is dated before everything the replay memory still knows."""


class UnusableContent(LlmspellError):
    """A signed, new message whose content is too large or is not JSON; its sender gets an error reply.

    Args:
        request: The message with an empty content.
        reason: What the reply says.
    """

    code = "validation_error"

    def __init__(self, request: Message, reason: LlmspellError) -> None:
        super().__init__(reason.message, details=reason.details)
        self.request = request
        self.reason = reason


class UnknownMessage(LlmspellError):
    """A request of a type that the kernel does not answer on that channel."""

    code = "not_found"


class UnknownSubshell(LlmspellError):
    """A request names a subshell that was never made, or has been deleted."""

    code = "not_found"

    def __init__(self, subshell_id: str) -> None:
        super().__init__(f"there is no subshell {subshell_id[:64]!r}; create_subshell_request makes one")


class KernelStopping(LlmspellError):
    """A request comes too late: the kernel has been told to end."""

    code = "unavailable"


class KernelNotFound(LlmspellError):
    """There is no kernel with that id, no such connection file, or an address that is none."""

    code = "not_found"


class KernelUnreachable(LlmspellError):
    """What should be a running kernel does not answer, or does not accept our key."""

    code = "unavailable"


class KernelDied(LlmspellError):
    """A kernel that answered before does not do so any more; whether it has done the work is not known."""

    code = "execution_error"


class MagicNotFound(LlmspellError):
    """There is no magic of this name.

    Args:
        message: Names the nearest one.
        line: Of the cell, from 1.
        nearest: The names that come near, with their percent signs.
    """

    code = "not_found"

    def __init__(self, message: str, *, line: int, nearest: Sequence[JsonValue] = ()) -> None:
        super().__init__(message, details={"line": line, "nearest": [*nearest]})


class MagicMisused(LlmspellError):
    """A magic stands where it cannot, or what follows it cannot be read.

    Args:
        message: Says how it is written.
        line: Of the cell, from 1.
    """

    code = "validation_error"

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(message, details={"line": line})


class PythonCellFailed(LlmspellError):
    """Python code of a cell raised, or is no Python.

    Args:
        ename: The class of what it raised.
        evalue: Its text.
        traceback: As IPython shows it, with colours.
    """

    code = "script_error"

    def __init__(self, ename: str, evalue: str, traceback: Sequence[str]) -> None:
        super().__init__(evalue, details={"language": "python", "traceback": [*traceback]})
        self.ename = ename
        self.traceback = traceback


class StdinNotImplementedError(LlmspellError):
    """A cell asks for input and its front end does not answer questions; the name is the one other kernels use."""

    code = "unavailable"


class ConnectionFileError(ConfigurationError):
    """A connection file is unreadable, open to other users, incomplete, or names ports that cannot be bound."""


class HandshakeFailed(ConfigurationError):
    """The launcher that gave a registration file has not acknowledged the kernel's ports."""
