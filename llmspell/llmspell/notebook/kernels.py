"""Which kernel runs a notebook, and how it is started.

Our own kernel is always the one of this very installation, by this interpreter, whether a kernelspec of it is
installed or not; it can be given policy flags. Every other kernel is what Jupyter finds by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from llmspell_kernel import kernelspec
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

_LUA = "lua"


class Kernel:
    """A kernel to run a notebook with.

    Attributes:
        name: Of its kernelspec.
        language: What its cells are in, "" where nobody says.
        is_own: Whether it is ours, of this installation.
        instead_of: The Lua kernel that the notebook names and that is not there; else None.
    """

    __slots__ = ("_flags", "instead_of", "is_own", "language", "name")

    def __init__(
        self, name: str, language: str, *, is_own: bool, flags: Sequence[str] = (), instead_of: str | None = None
    ) -> None:
        self.name = name
        self.language = language
        self.is_own = is_own
        self.instead_of = instead_of
        self._flags = [*flags]

    def manager(self) -> Any:
        """Return what starts it and talks to it."""
        specs = KernelSpecManager()
        if self.is_own:
            specs = _OneMore(self.name, self._flags)
        manager = AsyncKernelManager(kernel_name=self.name, kernel_spec_manager=specs)
        if manager.has_trait("transport_encryption"):  # jupyter_client 8.9; ipykernel warns where nothing is encrypted
            manager.transport_encryption = "auto"
        return manager


class _OneMore(KernelSpecManager):
    """Jupyter's kernelspecs, and ours under a name."""

    def __init__(self, name: str, flags: Sequence[str]) -> None:
        super().__init__()
        self._name = name
        content: dict[str, Any] = {**kernelspec.spec()}
        content["argv"] = [*content["argv"], *flags]
        self._spec = KernelSpec(**content)

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self._spec if kernel_name == self._name else super().get_kernel_spec(kernel_name)


def choose(asked: str | None, named: str | None, language: str | None, flags: Sequence[str] = ()) -> Kernel:
    """Return the kernel for a notebook.

    Args:
        asked: By ``--kernel``; wins.
        named: In the notebook.
        language: Of the notebook.
        flags: For our own kernel's command line.

    Raises:
        InvalidParameters: There is no such kernel, or flags are for one that is not ours.
    """
    name = asked or named or (kernelspec.DEFAULT_NAME if language in {None, "", _LUA} else "")
    found = None
    if name and name != kernelspec.DEFAULT_NAME:
        try:
            found = KernelSpecManager().get_kernel_spec(name)
        except NoSuchKernel:
            found = None
    # A notebook that was written with another Lua kernel, or ours under another name, runs in ours.
    if found is None and (name == kernelspec.DEFAULT_NAME or (language == _LUA and asked is None)):
        other = name if name != kernelspec.DEFAULT_NAME else None
        return Kernel(kernelspec.DEFAULT_NAME, _LUA, is_own=True, flags=flags, instead_of=other)
    if found is None:
        raise _no_kernel(name, language)
    if flags:
        raise InvalidParameters(
            f"{' '.join(flags)} is for the kernel '{kernelspec.DEFAULT_NAME}'; this notebook's is '{name}'"
        )
    return Kernel(name, found.language or language or "", is_own=False)


def _no_kernel(name: str, language: str | None) -> InvalidParameters:
    known = sorted({*KernelSpecManager().find_kernel_specs(), kernelspec.DEFAULT_NAME})
    if not name:
        return InvalidParameters(
            f"the notebook is in {language} and names no kernel; name one with --kernel: {', '.join(known)}",
            field="kernel",
        )
    near = nearest(name, known)
    hint = f"did you mean '{near}'?" if near else f"there are {', '.join(known)}"
    return InvalidParameters(f"there is no kernel named '{name}'; {hint}", field="kernel")
