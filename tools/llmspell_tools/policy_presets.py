"""The policies that come with llmspell: the default one and `strict`, and what is always protected.

Default: a person at their own shell is trusted; their data is protected from mistakes and from content.
Protected paths are deny rules that no flag overrules. Nothing here looks at the file system beyond the
names of the current, home and temporary folders.
"""

from __future__ import annotations

import os
import sys

from llmspell_tools.policy_layers import Layer, Rules
from llmspell_tools.policy_rules import Rule, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_ORIGIN = "default policy"
STRICT_ORIGIN = "strict policy"
PROTECTED_ORIGIN = "built-in protection"

#: Below the home folder: whoever reads one of these can act as the person.
CREDENTIALS = (
    ".ssh", ".aws", ".gnupg", ".llmspell", ".azure", ".kube", ".docker", ".config/gcloud", ".config/gh",
    ".config/op", ".netrc", ".git-credentials", ".config/git/credentials", ".pypirc", ".npmrc", ".pgpass",
    ".my.cnf", ".vault-token", ".cargo/credentials", ".cargo/credentials.toml", ".password-store",
    ".local/share/keyrings", ".mozilla", ".config/google-chrome", ".config/chromium", "Library/Keychains",
)  # fmt: skip
#: Below the home folder: whoever writes one of these runs code at the next login or shell.
START_FILES = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv", ".zprofile",
    ".zlogin", ".config/fish", ".config/autostart", ".config/systemd", ".gitconfig", ".config/git",
    ".jupyter", ".ipython", "Library/LaunchAgents",
)  # fmt: skip
#: Anywhere: our own project files, and what git runs.
CONFIG_NAMES = ("**/llmspell.toml", "**/.llmspell.toml", "**/.git/hooks", "**/.git/config")
#: What service-checker is for.
SERVICE_CHECKER = "service-checker"


def default_layer(
    *, cwd: str | None = None, script_dir: str | None = None, roots: Sequence[str] | None = None
) -> Layer:
    """Return the default policy's layer; see `Policy.default`."""
    folders = [absolute(folder) for folder in roots] if roots is not None else _implicit(cwd)
    temporary = temporary_folder()
    if temporary != "/":
        folders.append(temporary)
    write = tuple(Rule(folder, DEFAULT_ORIGIN) for folder in dict.fromkeys(folders))
    read = write
    if script_dir is not None and absolute(script_dir) != "/":
        read = (*write, Rule(absolute(script_dir), "the script's own folder"))
    allow = {
        "read": read,
        "write": write,
        "net": (Rule("public", DEFAULT_ORIGIN),),
        "run": (Rule("standard", DEFAULT_ORIGIN),),
        "env": (Rule("standard", DEFAULT_ORIGIN),),
    }
    loopback = Rules(None, {"net": (Rule("loopback", DEFAULT_ORIGIN),)}, {}, {}, DEFAULT_ORIGIN)
    general = Rules("privileged", allow, protected(), {}, DEFAULT_ORIGIN)
    return Layer(general, {SERVICE_CHECKER: loopback})


def strict_layer() -> Layer:
    """Return the layer of `strict`: nothing to touch until a flag says so, at most restricted tools."""
    allow: dict[str, tuple[Rule, ...]] = {"read": (), "write": (), "net": (), "run": (), "env": ()}
    return Layer(Rules("restricted", allow, protected(), {}, STRICT_ORIGIN), {})


def protected() -> dict[str, tuple[Rule, ...]]:
    """Return the deny rules that every preset carries and no flag overrules."""
    home = os.path.expanduser("~")
    prefix = "" if home == "/" else absolute(home)
    secret = [f"{prefix}/{name}" for name in CREDENTIALS]
    own = os.environ.get("LLMSPELL_HOME")
    if own:
        secret.append(absolute(own))
    secret += jupyter_runtime_folders(prefix)
    read = tuple(Rule(value, PROTECTED_ORIGIN, fixed=True) for value in secret)
    start = [f"{prefix}/{name}" for name in START_FILES]
    write = tuple(Rule(value, PROTECTED_ORIGIN, fixed=True) for value in (*start, *CONFIG_NAMES))
    return {"read": read, "write": read + write}


def jupyter_runtime_folders(home: str) -> list[str]:
    """Return where Jupyter keeps connection files with their keys (jupyter_core 5, `jupyter_runtime_dir`)."""
    environ = os.environ
    found = [environ[name] for name in ("JUPYTER_RUNTIME_DIR",) if environ.get(name)]
    if environ.get("JUPYTER_DATA_DIR"):
        found.append(environ["JUPYTER_DATA_DIR"] + "/runtime")
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    found.append(f"{data}/jupyter/runtime")
    if sys.platform == "darwin":
        found.append(f"{home}/Library/Jupyter/runtime")
    if sys.platform == "win32":
        found.append(environ.get("APPDATA", home) + "/jupyter/runtime")
    return [absolute(folder) for folder in found]


def temporary_folder() -> str:
    """Return the system's temporary folder, found as `tempfile.gettempdir` does but without its imports.

    `/` where there is none, which is never a root.
    """
    for name in ("TMPDIR", "TEMP", "TMP"):
        value = os.environ.get(name)
        if value and os.path.isabs(value) and os.path.isdir(value):
            return absolute(value)
    usual = "/tmp"  # noqa: S108  # the folder itself is meant, no file in it is made
    return usual if os.path.isdir(usual) else "/"


def _implicit(cwd: str | None) -> list[str]:
    folder = "/" if cwd is None else absolute(cwd)
    return [] if folder == "/" else [folder]
