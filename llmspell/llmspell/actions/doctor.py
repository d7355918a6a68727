"""``doctor``: look at everything that an installation needs and say how to mend what is wrong.

One function a check, in `CHECKS`; each looks and changes nothing. A check that itself fails is a finding too.
"""

from __future__ import annotations

import os
import sys

from llmspell import assembly, layout, output, places
from llmspell.installed import requirements, versions
from llmspell.options import TABULAR
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from llmspell.options import Options
    from llmspell_tools.types import JsonValue

    Check = Callable[[Options], Iterator["Finding"]]


class Finding:
    """What one check saw.

    Args:
        status: ``warn`` is worth knowing, ``fail`` stops something from working.
        message: What was seen.
        fix: The command or change that mends it.
    """

    __slots__ = ("fix", "message", "status")

    def __init__(self, status: Literal["ok", "warn", "fail"], message: str, fix: str | None = None) -> None:
        self.status = status
        self.message = message
        self.fix = fix


def doctor(options: Options, *, format: str | None = None) -> int:
    """Print every finding; 1 where something does not work."""
    style = options.format(format)
    rows: list[JsonValue] = []
    failed = False
    for name, check in CHECKS.items():
        if name in _NEED_CONFIG and any(
            isinstance(row, dict) and row["check"] == "config" and row["fix"] for row in rows
        ):
            continue  # said once is enough
        for finding in _findings(check, options):
            failed = failed or finding.status == "fail"
            rows.append({"check": name, "status": finding.status, "message": finding.message, "fix": finding.fix})
            if style == "text":
                layout.paragraph(f"{finding.status:<4}  {name:<12}  {finding.message}", hang=20)
                if finding.fix:
                    output.line(f"{'':<20}fix: {finding.fix}")
            elif style == "jsonl":
                output.json(rows[-1], style)
    if style in TABULAR:
        output.json(rows, style)
    elif style in {"json", "pretty"}:
        output.json({"healthy": not failed, "checks": rows}, style)
    return 1 if failed else 0


def _findings(check: Check, options: Options) -> Iterator[Finding]:
    try:
        yield from check(options)
    except LlmspellError as error:
        yield Finding("fail", error.message)
    except (OSError, ImportError, AttributeError, RuntimeError) as error:
        yield Finding("fail", f"{type(error).__name__}: {error}")


def _python(_: Options) -> Iterator[Finding]:
    number = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("ok", f"Python {number}, {sys.executable}")


def _libraries(_: Options) -> Iterator[Finding]:
    present = versions()
    missing: dict[str, list[str]] = {}
    for requirement, name, extra in requirements("llmspell"):
        if extra.startswith("dev"):
            continue  # for people who change llmspell itself
        missing.setdefault(extra, [])
        if name not in present:
            missing[extra].append(requirement)
    for extra, names in sorted(missing.items()):
        title = f"extra '{extra}'" if extra else "what llmspell needs"
        target = f"'llmspell[{extra}]'" if extra else "llmspell"
        if names:
            fix = f"{sys.executable} -m pip install {target}"
            yield Finding("warn" if extra else "fail", f"{title}: missing {', '.join(names)}", fix)
        else:
            yield Finding("ok", f"{title}: complete")


def _lua(_: Options) -> Iterator[Finding]:
    from llmspell.actions.version import lua_facts

    facts = lua_facts()
    mode = str(facts["interrupt"])
    slow = mode.startswith("count")
    fix = "none needed: scripts run at about half speed on this platform" if slow else None
    yield Finding("warn" if slow else "ok", f"{facts['lua']}; interrupt by {mode}", fix)


def _kernelspec(_: Options) -> Iterator[Finding]:
    from llmspell.actions.kernelspec import installed, interpreter

    found = list(installed())
    if not found:
        yield Finding("warn", "Jupyter finds no kernelspec 'llmspell'", "llmspell kernel install --user")
    for folder in found:
        python = interpreter(folder)
        if python is None:
            yield Finding("fail", f"{folder}: kernel.json cannot be read", "llmspell kernel install")
        elif os.path.isabs(python) and not os.access(python, os.X_OK):
            yield Finding("fail", f"{folder}: its interpreter {python} is gone", "llmspell kernel install")
        else:
            started = python if os.path.isabs(python) else f"the {python} of Jupyter's own environment"
            yield Finding("ok", f"{folder}, started by {started}")


def _jupyter(_: Options) -> Iterator[Finding]:
    from llmspell.actions.kernelspec import jupyter_path

    there = [folder for folder in jupyter_path() if os.path.isdir(folder)]
    yield Finding("ok", "paths: " + (", ".join(there) or "none exists yet"))


def _home(_: Options) -> Iterator[Finding]:
    base = places.home()
    if base is None:
        yield Finding("warn", "no home folder (HOME is not set)", "export LLMSPELL_HOME=/some/folder")
    elif not os.path.isdir(base):
        yield Finding("ok", f"{base} does not exist yet; it is made when first needed")
    elif os.name == "posix" and os.stat(base).st_mode & 0o077:
        yield Finding("fail", f"{base} can be read by others", f"chmod 700 {base}")
    elif not os.access(base, os.W_OK):
        yield Finding("warn", f"{base} cannot be written", f"chmod u+rwx {base}")
    else:
        yield Finding("ok", f"{base} (only yours)")


def _config(options: Options) -> Iterator[Finding]:
    if not assembly.is_configured(options):
        yield Finding("ok", "no files: the defaults hold")
        return
    from llmspell.config.settings import load

    try:
        settings = load(options)
    except LlmspellError as error:
        wants_trust = "keys" in error.details
        yield Finding("fail", error.message, f"llmspell config {'trust' if wants_trust else 'validate'}")
        return
    for warning in settings.warnings:
        yield Finding("warn", warning)
    from llmspell.config.environment import unknown_variables  # with the settings

    for variable, hint in unknown_variables(os.environ):
        yield Finding("warn", f"environment variable {variable} sets nothing{hint}", f"unset {variable}")
    yield Finding("ok", ", ".join(settings.files) or "no files, only variables or flags")


#: Rules that are words, for people.
_MEANINGS = {"public": "public addresses", "standard": "a short list of programs", "*": "anything"}


def _policy(options: Options) -> Iterator[Finding]:
    policy = assembly.policy(options, assembly.settings(options))
    allowed = policy.layers[0].general.allow
    for kind in ("read", "write", "net", "run"):
        listed = ", ".join(_MEANINGS.get(rule.value, rule.value) for rule in allowed.get(kind, ())) or "nothing"
        yield Finding("ok", f"{kind}: {listed}")
    yield Finding("ok", f"ceiling: {policy.ceiling}")


def _tools(options: Options) -> Iterator[Finding]:
    from llmspell_tools.own_tools import OwnTools

    settings = assembly.settings(options)
    own = OwnTools(assembly.own_folders(options, settings))
    registry = assembly.from_settings(options, settings, own=own)
    count = len(registry.list())
    for problem in own.problems:
        yield Finding("warn" if problem.details["severity"] == "warning" else "fail", problem.message)
    for name in settings.tool_settings() if settings is not None else ():
        if not registry.exists(name):
            table = f"[tools.{name.replace('-', '_')}]"
            yield Finding("warn", f"{table} in the configuration: there is no such tool", f"take {table} out")
    for folder in own.folders:
        yield Finding("ok", f"own tools are looked for in {folder}")
    yield Finding("ok", f"{count} tools, {len(own.tools)} of them your own")


def _terminal(_: Options) -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "ascii").lower()
    if encoding.replace("-", "") == "utf8":
        yield Finding("ok", "UTF-8")
    else:
        yield Finding("warn", f"output is {encoding}: other characters are written as \\u....", "export PYTHONUTF8=1")


CHECKS: dict[str, Check] = {
    "python": _python,
    "libraries": _libraries,
    "lua": _lua,
    "kernelspec": _kernelspec,
    "jupyter": _jupyter,
    "home": _home,
    "config": _config,
    "policy": _policy,
    "tools": _tools,
    "terminal": _terminal,
}
#: Checks that cannot look where the configuration is wrong.
_NEED_CONFIG = ("policy", "tools")
