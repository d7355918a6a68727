"""``kernel install`` and ``kernel uninstall``, and where Jupyter looks for kernelspecs."""

from __future__ import annotations

import os
import sys

from llmspell import output
from llmspell_kernel import kernelspec
from llmspell_tools.errors import LlmspellError
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.options import Options


def install(
    options: Options,
    *,
    name: str,
    user: bool = False,
    sys_prefix: bool = False,
    prefix: str | None = None,
    format: str | None = None,
) -> int:
    """Write the kernelspec and say where, and what to do next."""
    folder = kernelspec.install(user=user, sys_prefix=sys_prefix, prefix=prefix, name=name)
    style = options.format(format)
    if style == "text":
        output.line(f"Installed the kernel 'Lua (llmspell)' in {folder}")
        if not options.quiet:
            output.note(f"Try it: jupyter console --kernel {name}")
    else:
        output.json({"installed": folder, "name": name}, style)
    return 0


def uninstall(
    options: Options,
    *,
    name: str,
    user: bool = False,
    sys_prefix: bool = False,
    prefix: str | None = None,
    format: str | None = None,
) -> int:
    """Remove the kernelspec and say from where."""
    folder = kernelspec.uninstall(user=user, sys_prefix=sys_prefix, prefix=prefix, name=name)
    style = options.format(format)
    if style == "text":
        output.line(f"Removed {folder}")
    else:
        output.json({"removed": folder, "name": name}, style)
    return 0


def jupyter_path() -> list[str]:
    """Return the data folders that Jupyter of this environment searches, first the ones that win.

    As `jupyter --paths` prints them (jupyter_core 5, `jupyter_path`), without its 0.2 s of imports.
    """
    found = [folder for folder in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if folder]
    in_environment = os.path.join(sys.prefix, "share", "jupyter")
    user = kernelspec.user_folder()
    found += [in_environment, user] if sys.prefix != sys.base_prefix else [user, in_environment]
    if os.name == "nt":
        found.append(os.path.join(os.environ.get("PROGRAMDATA", "C:\\ProgramData"), "jupyter"))
    else:
        found += ["/usr/local/share/jupyter", "/usr/share/jupyter"]
    return list(dict.fromkeys(found))


def installed(name: str = kernelspec.DEFAULT_NAME) -> Iterator[str]:
    """Yield the folders of this kernelspec that Jupyter would find; the first one is used."""
    for folder in jupyter_path():
        path = os.path.join(folder, "kernels", name)
        if os.path.isfile(os.path.join(path, "kernel.json")):
            yield path


def interpreter(folder: str) -> str | None:
    """Return the first word of a kernelspec's command, or None where kernel.json cannot be read."""
    try:
        with open(os.path.join(folder, "kernel.json"), "rb") as file:
            value = loads(file.read())
    except (OSError, LlmspellError):
        return None
    argv = value.get("argv") if isinstance(value, dict) else None
    return str(argv[0]) if isinstance(argv, list) and argv else None
