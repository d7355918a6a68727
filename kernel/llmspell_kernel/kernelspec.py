"""Put the kernelspec where Jupyter looks for it, with the absolute path of this interpreter; and take it away again.

A kernelspec is a folder `kernels/<name>` with `kernel.json` and three logos. The wheel carries one whose interpreter is
`python`, which Jupyter replaces by its own; the installed one works from any environment. The folder appears whole or
not at all. Jupyter's folders: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs (read here
without importing jupyter_client, which takes ten times as long as the whole command).
"""

from __future__ import annotations

import os
import shutil
import site
import sys
import tempfile

from llmspell_kernel.message import HAS_DEBUGGER, PROTOCOL_VERSION
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.jsontext import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject

DEFAULT_NAME = "llmspell"
DISPLAY_NAME = "Lua (llmspell)"
_LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def spec(display_name: str = DISPLAY_NAME, python: str | None = None) -> JsonObject:
    """Return the content of kernel.json for an interpreter, by default this one."""
    interpreter = python or sys.executable
    return {
        "argv": [interpreter, "-m", "llmspell", "kernel", "start", "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "lua",
        "interrupt_mode": "message",
        "kernel_protocol_version": PROTOCOL_VERSION,
        "metadata": {"debugger": HAS_DEBUGGER, "supported_encryption": ["curve"]},
    }


def user_folder() -> str:
    """Return Jupyter's data folder of this user."""
    configured = os.environ.get("JUPYTER_DATA_DIR")
    if configured:
        return configured
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Jupyter")
    if os.name == "nt":
        return os.path.join(os.environ.get("APPDATA") or os.path.join(home, ".jupyter"), "jupyter")
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "jupyter")


def data_folder(*, user: bool = False, sys_prefix: bool = False, prefix: str | None = None) -> str:
    """Return the Jupyter data folder that the options name; the user's where they name none.

    Raises:
        InvalidParameters: More than one is named.
    """
    if user + sys_prefix + (prefix is not None) > 1:
        raise InvalidParameters("give only one of --user, --sys-prefix and --prefix", field="prefix")
    if sys_prefix:
        prefix = sys.prefix
    return user_folder() if prefix is None else os.path.join(os.path.abspath(prefix), "share", "jupyter")


def install(
    *,
    user: bool = False,
    sys_prefix: bool = False,
    prefix: str | None = None,
    name: str = DEFAULT_NAME,
    display_name: str = DISPLAY_NAME,
) -> str:
    """Write the kernelspec, replacing an older one of the same name.

    Args:
        user: Into this user's Jupyter folder (also where nothing else is said).
        sys_prefix: Into this environment.
        prefix: Into `PREFIX/share/jupyter`.
        name: What `--kernel NAME` says.
        display_name: What a person sees.

    Returns:
        The folder written.

    Raises:
        InvalidParameters: The name has other characters than letters, digits, `.`, `_` and `-`.
        ConfigurationError: The folder cannot be written.
    """
    target = _target(data_folder(user=user, sys_prefix=sys_prefix, prefix=prefix), name)
    parent = os.path.dirname(target)
    try:
        os.makedirs(parent, exist_ok=True)
        draft = tempfile.mkdtemp(prefix=f".{name}-", dir=parent)
        try:
            _fill(draft, spec(display_name))
            _swap(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the kernelspec to {target}: {error.strerror}; try --user, --sys-prefix or --prefix PATH"
        ) from error
    return target


def uninstall(
    *, user: bool = False, sys_prefix: bool = False, prefix: str | None = None, name: str = DEFAULT_NAME
) -> str:
    """Remove the kernelspec and return the folder that it was in.

    Raises:
        ConfigurationError: There is none, or it cannot be removed.
    """
    target = _target(data_folder(user=user, sys_prefix=sys_prefix, prefix=prefix), name)
    if not os.path.isfile(os.path.join(target, "kernel.json")):
        raise ConfigurationError(f"there is no kernelspec in {target}; `jupyter kernelspec list` shows where they are")
    try:
        shutil.rmtree(target)
    except OSError as error:
        raise ConfigurationError(f"cannot remove {target}: {error.strerror}") from error
    return target


def _target(folder: str, name: str) -> str:
    if not name or not _NAME_CHARACTERS.issuperset(name) or name in (".", ".."):
        raise InvalidParameters(f"'{name}' is no kernel name; use letters, digits, '.', '_' and '-'", field="name")
    return os.path.join(folder, "kernels", name.lower())


def _fill(folder: str, content: JsonObject) -> None:
    os.chmod(folder, 0o755)  # noqa: S103 - other users may read it; mkdtemp gave 0700
    with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
        file.write(dumps(content, 2) + "\n")
    source = logo_folder()
    for logo in _LOGOS if source is not None else ():
        shutil.copyfile(os.path.join(str(source), logo), os.path.join(folder, logo))


def logo_folder() -> str | None:
    """Return the folder with our logos: the source tree's, or the one that the wheel installed; None if neither is."""
    here = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join("share", "jupyter", "kernels", "llmspell")
    candidates = [os.path.join(os.path.dirname(here), "kernelspec"), os.path.join(sys.prefix, installed)]
    if site.USER_BASE:
        candidates.append(os.path.join(site.USER_BASE, installed))
    for folder in candidates:
        if all(os.path.isfile(os.path.join(folder, logo)) for logo in _LOGOS):
            return folder
    return None


def _swap(draft: str, target: str) -> None:
    """Put `draft` in the place of `target`; a folder cannot be renamed over one with files in it."""
    old = f"{draft}.old"
    if os.path.lexists(target):
        os.rename(target, old)
    try:
        os.rename(draft, target)
    except OSError:
        if os.path.lexists(old):
            os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)
