"""Connecting to the kernel that a command line names, and turning its error replies back into errors."""

from __future__ import annotations

from llmspell import kernels, output
from llmspell_kernel.client import KernelClient
from llmspell_kernel.errors import KernelUnreachable
from llmspell_tools import errors
from llmspell_tools.errors import EXIT_STATUS, InvalidParameters, LlmspellError, ToolExecutionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options
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
