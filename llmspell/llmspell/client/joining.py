"""Connecting to the kernel that a command line names, waiting for its turn, and turning its error replies into errors.

Nothing takes a request out of a kernel's queue again. So while the kernel is busy, what waits there for a command is a
question that does nothing (`Turn.wait`), and the work is sent when that is answered: a command that is left, or whose
time is over, leaves nothing behind. Only what another client has sent in that moment can still come before it.
"""

from __future__ import annotations

import threading
from time import monotonic

from llmspell import kernels, output
from llmspell_kernel.client import KernelClient
from llmspell_kernel.errors import KernelUnreachable
from llmspell_tools import errors
from llmspell_tools.errors import (
    EXIT_STATUS,
    Cancelled,
    InvalidParameters,
    LlmspellError,
    ToolExecutionError,
    ToolTimeout,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell_kernel.client import Hearer
    from llmspell_tools.types import JsonObject

#: The error that each code stands for; what has none is the tool's own affair.
_BY_CODE: dict[str, type[LlmspellError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidParameters, errors.ToolNotFound, errors.ToolUnavailable, errors.PermissionDenied,
        errors.ToolExecutionError, errors.ToolTimeout, errors.Cancelled, errors.LimitExceeded,
        errors.ConfigurationError, errors.ScriptSyntaxError, errors.ScriptError, errors.ScriptFileNotFound,
        errors.InternalError,
    )
}  # fmt: skip


#: Seconds after which the person is told that the kernel is busy.
_TELL_S = 1.0
#: Seconds that a kernel has to stop by itself what has run for too long.
_GRACE_S = 1.0


class KernelBusy(LlmspellError):
    """The time of a command is over and the kernel has not begun with it."""

    code = ToolTimeout.code


class Turn:
    """The wait of one request for its turn, and the request.

    Args:
        client: Of the kernel.
        hearer: Told what the request says.
        limit_s: Seconds for both together; None for no limit.

    Attributes:
        left_s: Seconds that the wait has left of them.
    """

    def __init__(self, client: KernelClient, hearer: Hearer, limit_s: float | None) -> None:
        self._client = client
        self._hearer = hearer
        self._limit_s = self.left_s = limit_s
        self._is_waiting = self._is_left = self._has_begun = False

    def wait(self) -> None:
        """Wait until the kernel has nothing else to do.

        Raises:
            KernelBusy: The time is over.
            Cancelled: `leave` was called.
        """
        begin = monotonic()
        teller = threading.Timer(_TELL_S, self._client.on_wait)
        teller.daemon = True
        self._is_waiting = True
        try:
            if self._limit_s is not None:  # a client that waits with patience does not tell
                teller.start()
            self._client.request("kernel_info_request", {}, self._hearer, patience_s=self._limit_s)
        except ToolTimeout:
            raise KernelBusy(f"{self._busy()}: nothing has begun, and nothing is left in its queue") from None
        finally:
            self._is_waiting = False
            teller.cancel()
        if self._is_left:
            raise Cancelled("left before it began")
        if self._limit_s is not None:
            self.left_s = max(self._limit_s - (monotonic() - begin), 0.001)

    def request(self, msg_type: str, content: JsonObject) -> JsonObject:
        """Send the request, whose own limit is `left_s`, and return its reply.

        Raises:
            KernelBusy: Another client came before it, and the time is over.
            ToolTimeout: The time is over, and the kernel had to be told.
        """
        if self.left_s is None:
            return self._client.request(msg_type, content, self._hearer)
        is_overdue = threading.Event()

        def stop() -> None:
            is_overdue.set()
            self._has_begun = self._client.stop() or self._client.stop()

        timer = threading.Timer(self.left_s + _GRACE_S, stop)
        timer.daemon = True
        timer.start()
        try:
            reply = self._client.request(msg_type, content, self._hearer)
        except Cancelled:
            if not is_overdue.is_set():
                raise
            raise KernelBusy(f"{self._busy()} with what another client sent; this stays in its queue") from None
        finally:
            timer.cancel()
        if is_overdue.is_set() and self._has_begun and reply.get("status") != "ok":
            raise ToolTimeout(f"stopped after {self._limit_s:g} s")
        return reply

    def leave(self) -> bool:
        """Stop waiting, from any thread; False if nothing waits, so that the request itself is to be stopped."""
        if not self._is_waiting:
            return False
        self._is_left = True
        self._client.stop()
        self._client.stop()  # the second time gives it up
        return True

    def _busy(self) -> str:
        return f"the kernel {self._client.where} was busy for {self._limit_s:g} s"


def join(options: Options, address: str | None, key: str | None = None) -> KernelClient:
    """Return a client of the kernel that `address` means.

    Args:
        options: The global options; those that a kernel decides itself are refused.
        address: ID, FILE or HOST:PORT; None for the only one that runs.
        key: For HOST:PORT.

    Raises:
        KernelNotFound: There is no such kernel.
        KernelUnreachable: It does not answer, takes another key, or is no llmspell.
        InvalidParameters: A rule for the policy, or a folder of tools, stands beside the address.
    """
    _refuse_what_the_kernel_decides(options)
    found = kernels.find(address, key=key)

    def waits() -> None:
        if not options.quiet:
            output.note("The kernel is busy with other work; waiting for it ...")

    client = KernelClient(found.connection, found.id, on_wait=waits)
    try:
        client.connect()
        implementation = client.info.get("implementation")
        if implementation != kernels.IMPLEMENTATION:
            raise KernelUnreachable(f"the kernel {found.id} is no llmspell but {implementation}; use jupyter console")
    except BaseException:
        client.close()
        raise
    return client


def error_of(reply: JsonObject) -> LlmspellError:
    """Return the error that an error reply tells of."""
    code = str(reply.get("error_type") or "execution_error")
    message = str(reply.get("error") or reply.get("evalue") or "the kernel refused the request")
    if reply.get("status") == "aborted":
        return ToolExecutionError("the kernel is stopping and has not begun with this")
    details = reply.get("details")
    kind = _BY_CODE.get(code, ToolExecutionError)
    found: LlmspellError = kind(message, details=details if isinstance(details, dict) else None)
    if kind is ToolExecutionError and code in EXIT_STATUS:
        found.exit_status = EXIT_STATUS[code]
    return found


def _refuse_what_the_kernel_decides(options: Options) -> None:
    given = [flag for flag, _ in options.rules]
    given += [flag for flag, value in (("--policy", options.policy), ("--tools-dir", options.tools_dirs)) if value]
    given += ["--yes"] if options.yes else []
    if given:
        raise InvalidParameters(
            f"{given[0]} cannot be given with --connect: the kernel has its policy and tools from its own start; "
            f"start it with {given[0]}",
            field=given[0].lstrip("-"),
        )
