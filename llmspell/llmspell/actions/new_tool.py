"""``tool new``: write a tool of the person's own, with its test, ready to run and to be changed.

The files are made from `llmspell/templates`. Nothing that exists is overwritten unless told so, and a name that could
not be found, imported or tested later is refused now.
"""

from __future__ import annotations

import builtins
import keyword
import os
import shlex
import shutil
import sys
from importlib.util import find_spec

from llmspell import assembly, output, places
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.own_tools import OwnTools
from llmspell_tools.plugins import tool_files
from llmspell_tools.registry import canonical, is_tool_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.config.settings import Settings
    from llmspell.options import Options
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonValue

#: Where tools go when neither the command line nor the configuration names a folder.
FOLDER = "own_tools"
_TEMPLATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


def new(
    options: Options,
    name: str,
    *,
    category: str = "custom",
    folder: str | None = None,
    level: str = "safe",
    force: bool = False,
    format: str | None = None,
) -> int:
    """Write `<name>.py` and `test_<name>.py`, and say what to do next.

    Args:
        options: The global options.
        name: What callers are to say.
        category: Any word.
        folder: Where to; by default the first folder of own tools that is named anywhere, else `FOLDER`.
        level: safe, restricted or privileged.
        force: Overwrite these two files.
        format: As everywhere.

    Raises:
        InvalidParameters: The name is bad or taken, or a file exists.
        ConfigurationError: The files cannot be written.
    """
    settings = assembly.settings(options)
    folders = assembly.own_folders(options, settings)
    target = os.path.expanduser(folder or (folders[0] if folders else FOLDER))
    function = name.replace("-", "_").lower()
    name = canonical(name)
    files = [os.path.join(target, f"{function}.py"), os.path.join(target, f"test_{function}.py")]
    own = OwnTools([each for each in folders if os.path.isdir(os.path.expanduser(each))])
    _check_taken(assembly.from_settings(options, settings, own=own), name, files[0], force=force)
    _check_name(name, function, target)
    if not force:
        for file in files:
            if os.path.lexists(file):
                raise InvalidParameters(f"'{file}' exists; choose another name or --dir, or overwrite it by --force")
    values = {"$name": name, "$function": function, "$category": category, "$level": level}
    for file, template in zip(files, ("own_tool.py.template", "test_own_tool.py.template"), strict=True):
        _write(file, _filled(template, values), force=force)
    _say(options.format(format), name, files, target, settings)
    return 0


def _check_name(name: str, function: str, target: str) -> None:
    """Refuse what is no name of a tool, of a Python function or of a file that is looked at."""
    why = None
    if not is_tool_name(name) or not function.isidentifier():
        why = "use letters (a to z), digits and '-', beginning with a letter, at most 64"
    elif keyword.iskeyword(function) or function in dir(builtins):
        why = "it is a word of Python itself"
    elif not tool_files([function + ".py"]):
        why = "a file of that name is taken for a test or a helper"
    elif function in sys.stdlib_module_names or _hides(function, target):
        why = f"'{function}.py' would hide the Python module {function} from its own test"
    if why is not None:
        raise InvalidParameters(f"'{name[:100]}' cannot be the name of a tool: {why}", field="name")


def _hides(function: str, target: str) -> bool:
    """Tell whether a library has this name; what stands in the folder itself is no library."""
    spec = find_spec(function)
    where = spec.origin if spec is not None else None
    return spec is not None and (where is None or os.path.dirname(where) != os.path.abspath(target))


def _check_taken(registry: ToolRegistry, name: str, file: str, *, force: bool) -> None:
    if not registry.exists(name):
        return
    known = registry.get(name)
    here = getattr(sys.modules.get(known.module), "__file__", None)
    if force and here == os.path.abspath(file):
        return
    raise InvalidParameters(
        f"there is a tool '{known.name}' already ({here or 'built in'}); choose another name", field="name"
    )


def _filled(template: str, values: dict[str, str]) -> str:
    with open(os.path.join(_TEMPLATES, template), encoding="utf-8") as file:
        text = file.read()
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _write(path: str, text: str, *, force: bool) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if force:
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)
        else:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigurationError(f"cannot write '{path}': {error.strerror}") from None


def _is_configured(target: str, settings: Settings | None) -> bool:
    configured = settings.paths("tools.directories") if settings is not None else []
    return os.path.realpath(target) in [os.path.realpath(folder) for folder in configured]


def _commands(target: str, name: str, test: str, settings: Settings | None) -> list[str]:
    """Return the three commands that come next, for a shell in the current folder."""
    found = shutil.which("python")
    python = "python" if found is not None and os.path.realpath(found) == os.path.realpath(sys.executable) else None
    where = "" if _is_configured(target, settings) else f" --tools-dir {shlex.quote(target)}"
    return [
        f"{python or shlex.quote(sys.executable)} -m pytest {shlex.quote(test)}",
        f"llmspell tool invoke {name} text='to be or not to be'{where}",
        f"llmspell tool test {name}{where}",
    ]


def _say(style: str, name: str, files: Sequence[str], target: str, settings: Settings | None) -> None:
    commands = _commands(target, name, files[1], settings)
    if style not in {"text", "table", "markdown"}:
        value: dict[str, JsonValue] = {"status": "ok", "name": name, "tool": files[0], "test": files[1]}
        output.json({**value, "next": [*commands]}, style)
        return
    output.line(f"Wrote {files[0]} and {files[1]}.\n\nNext:")
    for command in commands:
        output.line(f"  {command}")
    if find_spec("pytest") is None:
        output.note(f"The test needs pytest: {shlex.quote(sys.executable)} -m pip install pytest")
    if not _is_configured(target, settings):
        output.line(f"\nTo have it without --tools-dir, write into {places.home() or '~/.llmspell'}/config.toml:")
        output.line(f"  [tools]\n  directories = [{output.compact(os.path.abspath(target))}]")
