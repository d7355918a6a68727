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
    └── ConfigurationError
        ├── ConnectionFileError          configuration_error   the connection file cannot be used as it is
        └── HandshakeFailed              configuration_error   whoever started the kernel does not answer

Messages of peers are hostile until verified, so these errors quote no content.
"""

from __future__ import annotations

from llmspell_tools.errors import ConfigurationError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.message import Message


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


class StdinNotImplementedError(LlmspellError):
    """A cell asks for input and its front end does not answer questions; the name is the one other kernels use."""

    code = "unavailable"


class ConnectionFileError(ConfigurationError):
    """A connection file is unreadable, open to other users, incomplete, or names ports that cannot be bound."""


class HandshakeFailed(ConfigurationError):
    """The launcher that gave a registration file has not acknowledged the kernel's ports."""
