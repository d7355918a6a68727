"""create_subshell_request, delete_subshell_request, list_subshell_request (control; JEP 91)."""

from __future__ import annotations

from llmspell_kernel.errors import UnknownSubshell
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.subshells import Subshells
    from llmspell_tools.types import JsonObject


def create_subshell_request(begin: Callable[[], Subshells], _request: Request) -> JsonObject:
    """Make a subshell and return its id; `begin` returns the subshells and hands the shell socket over before."""
    return {"status": "ok", "subshell_id": begin().create()}


def delete_subshell_request(current: Callable[[], Subshells | None], request: Request) -> JsonObject:
    """Forget a subshell."""
    subshell_id = request.text("subshell_id")
    if not subshell_id:
        raise InvalidParameters("delete_subshell_request needs the text field 'subshell_id'", field="subshell_id")
    subshells = current()
    if subshells is None:
        raise UnknownSubshell(subshell_id)
    subshells.delete(subshell_id)
    return {"status": "ok"}


def list_subshell_request(current: Callable[[], Subshells | None], _request: Request) -> JsonObject:
    """Return the ids of all subshells; the main shell has none."""
    subshells = current()
    return {"status": "ok", "subshell_id": [] if subshells is None else [*subshells.ids()]}
